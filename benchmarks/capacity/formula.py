"""From a rate of requests to a number of tasks. Nothing is measured or printed here."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST_TASKS = 2
_DIGITS = 9  # 10.000000000000002 tasks are 10


@dataclass(frozen=True)
class Assumptions:
    """What is taken for granted; docs/capacity.md says how to measure each value.

    Attributes
    ----------
    cost : float
        Milliseconds of CPU time for a request.
    speed : float
        Speed of a vCPU there, as a multiple of the core that the cost was measured on.
    vcpu : float
        vCPUs of a task.
    most : float
        Share of a task's CPU time that may be used in the busiest second.
    burst : float
        Rate of the busiest second, as a multiple of the average of its minute.
    zones : int
        Availability zones. One of them may be lost, if there is more than one.
    """

    cost: float
    speed: float
    vcpu: float = 1.0
    most: float = 0.8
    burst: float = 1.3
    zones: int = 3

    def __post_init__(self) -> None:
        """Refuse values that have no meaning."""
        for name in ("cost", "speed", "vcpu"):
            _check(name, getattr(self, name), math.ulp(0), math.inf, "a positive number")
        _check("most", self.most, math.ulp(0), 1, "more than 0, and at most 1")
        _check("burst", self.burst, 1, math.inf, "at least 1")
        _check("zones", self.zones, 1, 6, "from 1 to 6")


@dataclass(frozen=True)
class Plan:
    """How many tasks are needed, and the steps that lead to the number.

    Attributes
    ----------
    busiest : float
        Requests per second in the busiest second.
    busy : float
        vCPUs that these requests keep busy.
    remaining : float
        Tasks that must be left when a zone is lost; not rounded.
    tasks : int
        Tasks, as many in each zone.
    """

    busiest: float
    busy: float
    remaining: float
    tasks: int


def plan(rate: float, assumed: Assumptions) -> Plan:
    """Return how many tasks answer `rate` requests per second.

    The tasks of all zones but one hold the busiest second with no more than `most` of their CPU
    time; each zone has the same number of tasks.
    """
    _check("rate", rate, math.ulp(0), math.inf, "a positive number")
    busiest = rate * assumed.burst
    busy = busiest * assumed.cost / 1_000 / assumed.speed
    remaining = busy / (assumed.vcpu * assumed.most)
    zones_left = max(assumed.zones - 1, 1)
    per_zone = math.ceil(round(remaining / zones_left, _DIGITS))
    least = math.ceil(LEAST_TASKS / assumed.zones)
    return Plan(busiest, busy, remaining, max(per_zone, least) * assumed.zones)


def _check(name: str, value: float, least: float, greatest: float, text: str) -> None:
    if not (least <= value <= greatest and math.isfinite(value)):
        raise ValueError(f"{name}: {text} is needed")
