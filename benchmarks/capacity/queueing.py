"""The queueing model: requests arrive at random, wait for one of some servers, are served, leave.

Closed forms for the mean wait and an approximation of its tail, and a simulation of the same queue
with measured service times, which needs no approximation. All times are in one unit, whichever;
rates are per that unit. No sockets and no measuring here.

Notation is that of the literature: a load of `a` = rate x mean service time, a utilisation of
`a` / servers, and the squared coefficient of variation (`scv`) of the service times.
"""

from __future__ import annotations

import heapq
import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sums:
    """The two figures of service times that the closed forms need: mean and squared variation."""

    mean: float
    scv: float

    @classmethod
    def of(cls, times: Sequence[float]) -> Sums:
        """Take them from measured times."""
        mean = statistics.fmean(times)
        return cls(mean, statistics.pvariance(times, mean) / mean**2)


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that an arrival has to wait, in M/M/c (Erlang 1917).

    Parameters
    ----------
    servers : int
    load : float
        Rate x mean service time, below the number of servers.
    """
    _refuse_overload(load / servers)
    blocked = 1.0  # Erlang B, by its recursion: factorials would overflow
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait(rate: float, service: Sums, servers: int = 1) -> float:
    """Return the mean wait in M/G/c by Allen and Cunneen.

    With one server it is Pollaczek and Khinchine's formula and exact, as is Kingman's with Poisson
    arrivals; with exponential service times it is exact for any number of servers.
    """
    load = rate * service.mean
    waits = erlang_c(servers, load)
    return waits * service.mean / (servers - load) * (1 + service.scv) / 2


def wait_quantile(share: float, rate: float, service: Sums, servers: int = 1) -> float:
    """Return a quantile of the wait, taking those who wait to do so exponentially long.

    That is exact for M/M/c and what the wait tends to in heavy traffic (Kingman 1961).
    """
    waits = erlang_c(servers, rate * service.mean)
    if waits <= 1 - share:
        return 0.0
    return mean_wait(rate, service, servers) / waits * math.log(waits / (1 - share))


def mean_time(rate: float, service: Sums, first: Sums) -> float:
    """Return the mean time from arrival to departure where the first after a pause is different.

    M/G/1 with an exceptional first service (Welch 1964): a request that finds the server idle takes
    `first`, cold caches included, and every other one `service`.
    """
    _refuse_overload(rate * service.mean)
    often = 1 - rate * (service.mean - first.mean)
    return (
        first.mean / often
        + rate / 2 * (_square(first) - _square(service)) / often
        + rate / 2 * _square(service) / (1 - rate * service.mean)
    )


def _square(service: Sums) -> float:
    return service.mean**2 * (1 + service.scv)


def first_and_rest(mean: float, utilisation: float, ratio: float) -> tuple[float, float]:
    """Return mean service times after a pause and without one, of which `mean` is the average.

    Poisson arrivals find a server idle as often as it is idle (Wolff 1982), so the average is
    (1 - utilisation) x first + utilisation x rest; `ratio` is rest : first.
    """
    first = mean / (1 - utilisation + utilisation * ratio)
    return first, first * ratio


def simulate(  # noqa: PLR0913  # a queue has so many sides
    rate: float,
    times: Sequence[float],
    first: Sequence[float] | None = None,
    *,
    servers: int = 1,
    n: int = 100_000,
    seed: int = 0,
) -> list[float]:
    """Return sorted times from arrival to departure: Poisson arrivals, one queue, first come first.

    Parameters
    ----------
    rate : float
    times : sequence of float
        Service times to draw from.
    first : sequence of float, optional
        Those of requests that find a server idle, where they are different.
    servers : int
    n : int
        How many arrivals; a tenth more come before them, for the queue to become what it is.
    seed : int
        Of the same seed, arrivals and service times are the same at every rate, but for scale.
    """
    _refuse_overload(rate * statistics.fmean(times) / servers)
    draw, first = random.Random(seed), first or times
    free_at = [0.0] * servers
    now, found = 0.0, []
    for number in range(n + n // 10):
        now += draw.expovariate(1.0) / rate
        which = draw.random()
        if free_at[0] <= now:
            done = now + first[int(which * len(first))]
        else:
            done = free_at[0] + times[int(which * len(times))]
        heapq.heapreplace(free_at, done)
        if number >= n // 10:
            found.append(done - now)
    return sorted(found)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return a quantile of sorted values: the least of which so many are at most that."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _refuse_overload(utilisation: float) -> None:
    if not 0 <= utilisation < 1:
        raise ValueError("the queue grows for ever: more work arrives than there are servers for")
