"""The calculator: from a rate and a limit on latency to tasks, scaling targets, connections, logs.

It knows the measured figures and the closed forms of M/G/1, which lie on the safe side of what was
measured (``showing`` prints both). Prices are not in here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.capacity.queueing import Sums, quantile, wait_quantile

MOST_UTILISATION = 0.80
"""Never planned beyond, whatever the limit: an error of a fifth in a service time is then 0.96."""
QUOTA_SECONDS = 0.1
SIZES = (0.25, 0.5, 1.0, 2.0, 4.0)
RATES = (100, 10_000, 100_000, 1_000_000)
_Z99 = 2.326  # of the normal distribution
# What one load balancer capacity unit holds, and gunicorn's limit on a worker's connections.
LCU_NEW_PER_SECOND, LCU_ACTIVE, LCU_BYTES_PER_HOUR = 25, 3_000, 1e9
WORKER_CONNECTIONS = 1_000


class PlanError(ValueError):
    """A plan that can't be made; the message is for whoever asked."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of the service.

    Attributes
    ----------
    rate : float
        Requests per second, the average of the busiest minute.
    p99 : float
        Milliseconds, at the target: without the load balancer and the network before it.
    vcpu : float
        Of a task; one worker for each, and one if it is less.
    speed : float
        Of a core there : the one that was measured.
    burst : float
        The busiest second : the average of its minute.
    growth : float
        By which the rate may grow in a minute.
    scale_out : float
        Minutes from more load to more tasks that answer.
    zones : int
        Availability zones, of which one may be lost.
    kind : str
        Which request.
    per_connection : float
        Requests that a client sends on one connection.
    """

    rate: float
    p99: float = 50.0
    vcpu: float = 1.0
    speed: float = 1.0
    burst: float = 1.3
    growth: float = 0.05
    scale_out: float = 5.0
    zones: int = 3
    kind: str = "one record"
    per_connection: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        positive = ("rate", "p99", "speed", "per_connection")
        for name in (*positive, "burst", "growth", "scale_out"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0 or (name in positive and value == 0):
                raise PlanError(f"{name}: a positive number is needed")
        if self.burst < 1:
            raise PlanError("burst: the busiest second has at least the average, 1 or more")
        if self.vcpu not in SIZES:
            raise PlanError(f"vcpu: one of {', '.join(f'{size:g}' for size in SIZES)}")
        if self.zones not in range(1, 7):
            raise PlanError("zones: from 1 to 6")


@dataclass(frozen=True)
class Costs:
    """What one kind of request costs on the core that was measured; times in seconds."""

    curve: Sequence[tuple[float, float]]
    shape: Sequence[float]
    delay: float

    @classmethod
    def of(cls, measured: dict[str, Any], kind: str) -> Costs:
        """Take them from the measured figures.

        Single records have a curve, CPU time by utilisation; the others one figure, of a busy
        worker.
        """
        if kind not in measured["kinds"]:
            raise PlanError(f"kind: one of {', '.join(measured['kinds'])}")
        found, check = measured["kinds"][kind], measured["checks"][0]
        curve = [(0.0, found["cpu_ms"] / 1e3)]
        if kind == next(iter(measured["kinds"])):
            curve = [(one["utilisation"], one["cost_ms"] / 1e3) for one in check["levels"]]
        return cls(sorted(curve), found["shape"], check["delay_ms"] / 1e3)

    def at(self, utilisation: float) -> float:
        """Return the CPU time of a request at a utilisation, between the measured ones."""
        if utilisation <= self.curve[0][0]:
            return self.curve[0][1]
        for (a, cost_a), (b, cost_b) in pairwise(self.curve):
            if utilisation <= b:
                return cost_a + (cost_b - cost_a) * (utilisation - a) / (b - a)
        return self.curve[-1][1]

    def p99(self, utilisation: float, speed: float) -> float:
        """Return the 99th percentile of the time at one worker, in seconds."""
        mean = self.at(utilisation) / speed
        sums = Sums(mean, Sums.of(self.shape).scv)
        waits = wait_quantile(0.99, utilisation / mean, sums)
        return waits + quantile(self.shape, 0.99) * mean + self.delay / speed


def most_utilisation(costs: Costs, wanted: Wanted) -> float:
    """Return the highest utilisation at which the limit is kept and a quota isn't used up."""
    highest = 0.0
    for percent in range(1, round(100 * MOST_UTILISATION) + 1):
        utilisation = percent / 100
        core = utilisation * min(wanted.vcpu, 1.0)  # a part of a core is all of it, for a time
        if costs.p99(core, wanted.speed) * 1e3 > wanted.p99:
            continue
        if wanted.vcpu < 1 and _needed_in_a_period(costs, wanted, utilisation) > 1:
            break
        highest = utilisation
    if not highest:
        raise PlanError(
            f"p99: a lone request takes up to {costs.p99(0.01, wanted.speed) * 1e3:.1f} ms; "
            "no number of tasks makes it faster"
        )
    return highest


def _needed_in_a_period(costs: Costs, wanted: Wanted, utilisation: float) -> float:
    """Return the 99th percentile of the CPU time asked for in 100 ms : the quota for them."""
    quota = wanted.vcpu * QUOTA_SECONDS
    cost = costs.at(utilisation * wanted.vcpu) / wanted.speed
    variance = utilisation * quota * cost * (1 + Sums.of(costs.shape).scv)
    return (utilisation * quota + _Z99 * math.sqrt(variance)) / quota


@dataclass(frozen=True)
class Plan:
    """What is needed."""

    wanted: Wanted
    most: float
    target: float
    per_task: float
    tasks: int
    p99: float
    most_p99: float
    traffic: dict[str, float]

    @property
    def lcus(self) -> dict[str, float]:
        """Return the load balancer's capacity units by what they are counted in."""
        new = self.wanted.rate / self.wanted.per_connection
        return {
            "new connections": new / LCU_NEW_PER_SECOND,
            "active connections": new * 60 / LCU_ACTIVE,
            "bytes": self.wanted.rate * (self.traffic["in"] + self.traffic["out"]) * 3600
            / LCU_BYTES_PER_HOUR,
        }  # fmt: skip


def plan(wanted: Wanted, measured: dict[str, Any]) -> Plan:
    """Return what is needed, by the measured figures."""
    costs = Costs.of(measured, wanted.kind)
    most = most_utilisation(costs, wanted)
    zone_lost = wanted.zones / (wanted.zones - 1) if wanted.zones > 1 else 1.0
    grown = (1 + wanted.growth) ** wanted.scale_out
    target = most / wanted.burst / max(zone_lost, grown)
    per_task = _rate(costs, wanted, target)
    tasks = max(math.ceil(wanted.rate / per_task), 2, wanted.zones)
    found = measured["kinds"][wanted.kind]
    return Plan(
        wanted,
        most,
        target,
        per_task,
        math.ceil(tasks / wanted.zones) * wanted.zones,
        *(costs.p99(one * min(wanted.vcpu, 1.0), wanted.speed) * 1e3 for one in (target, most)),
        {name: found[f"bytes_{name}"] for name in ("in", "out", "logged")},
    )


def _rate(costs: Costs, wanted: Wanted, utilisation: float) -> float:
    cost = costs.at(utilisation * min(wanted.vcpu, 1.0))
    return utilisation * wanted.vcpu * wanted.speed / cost


def table(wanted: Sequence[Wanted], measured: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table, a row for each."""
    widths = {"requests/min": 12, "tasks": 7, "CPU %": 7, "Mbit/s out": 12, "LCU": 7}
    yield "".join(f"{name:>{width}}" for name, width in (widths | {"log GB/day": 12}).items())
    for one in wanted:
        found = plan(one, measured)
        used = 100 * found.target * one.rate / found.per_task / found.tasks
        yield (
            f"{one.rate * 60:12,.0f}{found.tasks:7}{used:7.0f}"
            f"{one.rate * found.traffic['out'] * 8 / 1e6:12,.1f}"
            f"{max(found.lcus.values()):7,.1f}{_gigabytes_a_day(found):12,.1f}"
        )


def lines(found: Plan) -> Iterator[str]:
    """Yield a plan, line by line."""
    wanted, workers = found.wanted, max(int(found.wanted.vcpu), 1)
    used = found.target * wanted.rate / found.per_task / found.tasks
    units = ", ".join(f"{name} {count:,.1f}" for name, count in found.lcus.items())
    bits = {name: wanted.rate * found.traffic[name] * 8 / 1e6 for name in ("in", "out")}
    yield (
        f"{wanted.rate:,.0f} requests/s ({wanted.kind}), p99 at most {wanted.p99:g} ms at the task"
    )
    yield (
        f"tasks: {found.tasks} of {wanted.vcpu:g} vCPU and {workers} worker(s)"
        f" in {wanted.zones} zone(s)"
    )
    yield (
        f"  CPU then {used:.0%}, p99 at most {found.p99:.1f} ms;"
        f" in the worst case {found.most:.0%} and {found.most_p99:.1f} ms"
    )
    yield f"  up to {2 * found.tasks} of them during a deployment"
    yield f"headroom: a second of {wanted.burst:g} times its minute, with it either a lost zone"
    yield f"  or {wanted.growth:.0%} more each minute for {wanted.scale_out:g} minutes"
    yield f"scaling targets: CPU {100 * found.target:.0f} %"
    yield f"  or {found.per_task * 60:,.0f} requests per target and minute"
    yield f"load balancer units (the largest is paid): {units}"
    yield f"bandwidth: {bits['in']:,.1f} Mbit/s in, {bits['out']:,.1f} Mbit/s out"
    yield (
        f"requests at a time: fewer than {math.ceil(wanted.rate * found.p99 / 1e3):,}; "
        f"a worker takes {WORKER_CONNECTIONS:,} connections"
    )
    yield (
        f"log at LOG_LEVEL=info: {wanted.rate * 60:,.0f} lines a minute, "
        f"{_gigabytes_a_day(found):,.1f} GB a day; at warning next to none"
    )


def _gigabytes_a_day(found: Plan) -> float:
    return found.wanted.rate * found.traffic["logged"] * 86_400 / 1e9
