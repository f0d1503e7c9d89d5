"""What is measured: service times, then latencies under load beside what the model says of them.

Everything comes in rounds, because a shared machine is fast and slow within seconds: a round
measures the service alone, under each load and alone again, and what it predicts is compared with
what the same round saw. Figures are medians over rounds.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.capacity.load import Asked, Connection, Outcome, connected, send
from benchmarks.capacity.queueing import (
    Sums,
    first_and_rest,
    mean_wait,
    quantile,
    simulate,
    wait_quantile,
)
from benchmarks.capacity.rig import CORES, Rig, on, prioritised, rig
from benchmarks.files import file_of
from benchmarks.serving import record

LEVELS = (0.2, 0.4, 0.6, 0.8, 0.9)
LONE_LEVEL = 0.1
MOST_LEVEL = 0.99
N_TRIES = 4
TRY_SECONDS = 0.3
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
N_QUANTILES = 200
N_BATCHES = 6
N_LOGGED = 20
PAUSE = 0.005
N_CONNECTIONS = 64


@dataclass(frozen=True)
class Kind:
    """A kind of request, and how many of it are a measurement."""

    asked: Asked
    n: int


def kinds() -> dict[str, Kind]:
    """Return what is measured: single records first, the model's own case."""
    singles = [json.dumps(record(number)).encode() for number in range(200)]
    hundred = [json.dumps([record(number) for number in range(100)]).encode()]
    page = {
        "output": "..main.children...pages.children...studies.children..",
        "outputs": [{"id": one, "property": "children"} for one in ("main", "pages", "studies")],
        "inputs": [{"id": "url", "property": "pathname", "value": "/pages/mobile/segments"}],
        "changedPropIds": ["url.pathname"],
    }
    pages = [json.dumps(page).encode()]
    return {
        "one record": Kind(Asked("/predict", singles), 3_000),
        "100 records": Kind(Asked("/predict", hundred), 200),
        "one explained": Kind(Asked("/explain", singles), 300),
        "file, 1,000 rows": Kind(
            Asked("/predict/file", [file_of("mobile", 1_000)], "text/csv"), 30
        ),
        "a page": Kind(Asked("/pages/_dash-update-component", pages), 60),
    }


def quantiles(values: Sequence[float]) -> list[float]:
    """Return so many quantiles of values."""
    ordered = sorted(values)
    steps = ((2 * step + 1) / (2 * N_QUANTILES) for step in range(N_QUANTILES))
    return [round(quantile(ordered, step), 3) for step in steps]


def described(times: Sequence[float]) -> dict[str, float]:
    """Return mean and quantiles of times in seconds, in milliseconds."""
    ordered = sorted(times)
    found = {name: quantile(ordered, share) for name, share in SHARES.items()}
    return {name: time * 1e3 for name, time in ({"mean": statistics.fmean(times)} | found).items()}


def sent(
    asked: Asked, connections: Sequence[Connection], rate: float, n: int, seed: int = 0
) -> Outcome:
    """Put a load on the service, ahead of everybody else on this machine; end if one fails."""
    with prioritised():
        outcome = send(asked, connections, rate, n, seed)
    if outcome.failed:
        sys.exit(f"{outcome.failed} of {n} requests to {asked.path} failed")
    return outcome


@dataclass(frozen=True)
class Service:
    """What requests take where there is no queue; times in seconds.

    Attributes
    ----------
    shape : list of float
        From asking to the answer, one request right after the other, in proportion to their mean.
    delay : float
        What a lone request takes beyond its CPU time: network, threads that have to wake up.
    ratio : float
        CPU time of a request, the worker being busy all the time : that of a lone request.
    """

    shape: list[float]
    delay: float
    ratio: float

    def times(self, mean: float) -> list[float]:
        """Return service times with another mean."""
        return [mean * one for one in self.shape]


def service_of(running: Rig, kind: Kind, connections: Sequence[Connection]) -> Service:
    """Measure requests alone, one after the other, and as fast as can be."""
    n = kind.n // 10
    single = sent(kind.asked, connections[:1], math.inf, 3 * n).answers
    mean = statistics.fmean(single)
    busy = statistics.median(
        loaded(running, connections, math.inf, 3 * n).cost for _ in range(N_BATCHES // 2)
    )
    lone = loaded(running, connections, LONE_LEVEL / mean, n)
    delay = statistics.fmean(lone.outcome.latencies) - lone.cost
    return Service([one / mean for one in single], max(delay, 0.0), busy / lone.cost)


def costs(n_rounds: int) -> dict[str, Any]:
    """Measure each kind of request on one worker with a core of its own, which is kept busy."""
    with tempfile.TemporaryDirectory() as folder:
        return {name: cost(kind, n_rounds, Path(folder) / "log") for name, kind in kinds().items()}


def cost(kind: Kind, n_rounds: int, log: Path) -> dict[str, Any]:
    """Measure one of them: CPU time, answers per second, bytes, how much single requests vary."""
    with ExitStack() as stack:
        running = stack.enter_context(rig(CORES[:1], log, WEB_CONCURRENCY="1"))
        stack.enter_context(on(CORES[-1:]))
        connections = stack.enter_context(connected(running.port, 16))
        sent(kind.asked, connections, math.inf, N_LOGGED)  # whatever is loaded on first use
        before = log.stat().st_size
        received = sent(kind.asked, connections, math.inf, N_LOGGED).received
        logged = log.stat().st_size - before
        cpu, rates, single, batch = [], [], [], kind.n // N_BATCHES
        # Linux gives others 50 ms of a core that one has had for a second.
        for _ in range(N_BATCHES * n_rounds):
            spent = sum(running.cpu())
            rates.append(batch / sent(kind.asked, connections, math.inf, batch).seconds)
            cpu.append((sum(running.cpu()) - spent) / batch)
            single += sent(kind.asked, connections[:1], math.inf, batch // 4).answers
    mean = statistics.fmean(single)
    return {
        "cpu_ms": statistics.median(cpu) * 1e3,
        "per_second": statistics.median(rates),
        "alone_ms": statistics.median(single) * 1e3,
        "shape": quantiles([one / mean for one in single]),
        "bytes_in": round(statistics.fmean(map(len, kind.asked.requests()))),
        "bytes_out": round(received / N_LOGGED),
        "bytes_logged": round(logged / N_LOGGED),
    }


@dataclass(frozen=True)
class Setup:
    """Workers, and whether each of them is kept on a core of its own."""

    name: str
    workers: int
    placed: bool = True


SETUPS = (
    Setup("1 worker, a core of its own", 1),
    Setup("2 workers, a core each", 2),
    Setup("1 worker, on any core", 1, placed=False),
    Setup("2 workers, on any core", 2, placed=False),
)


@contextmanager
def prepared(setup: Setup, for_each: int) -> Iterator[tuple[Rig, list[list[Connection]]]]:
    """Run the service in one of these ways, with so many connections for each worker."""
    with ExitStack() as stack:
        cores = CORES[: setup.workers] if setup.placed else CORES
        running = stack.enter_context(rig(cores, WEB_CONCURRENCY=str(setup.workers)))
        stack.enter_context(on(CORES[-1:] if len(cores) < len(CORES) else CORES))
        divided: list[list[Connection]] = []
        while min(map(len, divided), default=0) < for_each:
            opened = stack.enter_context(connected(running.port, for_each, PAUSE))
            asked = kinds()["one record"].asked
            sent(asked, opened, math.inf, 2 * for_each)
            found = running.divided(opened)
            divided = [a + b for a, b in zip(divided or [[]] * len(found), found, strict=True)]
        if setup.placed:
            running.place(cores)
        yield running, [connections[:for_each] for connections in divided]


@dataclass(frozen=True)
class Loaded:
    """A load and what came of it.

    Attributes
    ----------
    rate : float
        Requests per second.
    outcome : Outcome
    cost : float
        Seconds of CPU time for a request, with the generator's where it shares the cores.
    """

    rate: float
    outcome: Outcome
    cost: float

    def utilisation(self, cores: int) -> float:
        """Return which share of the cores that was."""
        return len(self.outcome.latencies) * self.cost / self.outcome.seconds / cores


def loaded(
    running: Rig, connections: Sequence[Connection], rate: float, n: int, seed: int = 0
) -> Loaded:
    """Put a load on the service."""
    spent, generator = sum(running.cpu()), time.process_time()
    outcome = sent(kinds()["one record"].asked, connections, rate, n, seed)
    cost = (sum(running.cpu()) - spent) / n
    if len(running.workers) == len(CORES):
        cost += (time.process_time() - generator) / n
    return Loaded(rate, outcome, cost)


def loaded_to(
    level: float, running: Rig, connections: Sequence[Connection], seconds: float, seed: int
) -> Loaded:
    """Put a load on the service that takes such a share of the cores, by some shorter tries."""
    rate = 200.0 * len(running.workers)
    for _ in range(N_TRIES):
        tried = loaded(running, connections, rate, round(rate * TRY_SECONDS), seed)
        rate = level * len(running.workers) / tried.cost
    return loaded(running, connections, rate, round(rate * seconds), seed)


@dataclass(frozen=True)
class Seen:
    """One load in one round, in milliseconds: what came, and what was predicted."""

    level: float
    rate: float
    utilisation: float
    cost: float
    measured: dict[str, float]
    predicted: dict[str, float]
    plain: dict[str, float]
    lag: float


def compared(level: float, service: Service, workers: int, seen: Loaded) -> Seen:
    """Put what the model says about a load beside what came of it.

    A worker's connections are its own, so each is a queue of one server with its part of the load.
    What a request cost on average is taken from the load itself: the question is what a queue makes
    of it, not whether the machine was as fast as a second ago.
    """
    utilisation = min(seen.utilisation(workers), MOST_LEVEL)
    rate = utilisation / seen.cost
    first, rest = first_and_rest(seen.cost, utilisation, service.ratio)
    found = simulate(rate, service.times(rest), service.times(first))
    return Seen(
        level,
        rate * workers,
        utilisation,
        seen.cost * 1e3,
        described(seen.outcome.latencies),
        described([time + service.delay for time in found]),
        plainly(rate, Sums.of(service.times(seen.cost)), service.delay),
        quantile(sorted(seen.outcome.lags), 0.99) * 1e3,
    )


def plainly(rate: float, sums: Sums, delay: float) -> dict[str, float]:
    """Return what the closed forms of M/G/1 say, in milliseconds."""
    waits = {name: wait_quantile(share, rate, sums) for name, share in SHARES.items()}
    waits = {"mean": mean_wait(rate, sums)} | waits
    return {name: (wait + sums.mean + delay) * 1e3 for name, wait in waits.items()}


def check(setup: Setup, n_rounds: int, seconds: float) -> dict[str, Any]:
    """Compare the model with the service under load."""
    kind, seen, found = kinds()["one record"], [], []
    with prepared(setup, N_CONNECTIONS // setup.workers) as (running, divided):
        connections = [one for part in divided for one in part]
        for number in range(n_rounds):
            service = service_of(running, kind, connections)
            found.append(service)
            for level in random.Random(number).sample(LEVELS, len(LEVELS)):
                load = loaded_to(level, running, connections, seconds, number)
                seen.append(compared(level, service, setup.workers, load))
            print(f"{setup.name}: round {number + 1}", file=sys.stderr)
    return {
        "setup": setup.name,
        "delay_ms": statistics.median(one.delay for one in found) * 1e3,
        "ratio": statistics.median(one.ratio for one in found),
        "shape": quantiles([one for service in found for one in service.shape]),
        "levels": [summary([one for one in seen if one.level == level]) for level in LEVELS],
    }


def summary(seen: list[Seen]) -> dict[str, Any]:
    """Return medians over rounds, and the quartiles of measured : predicted."""
    ratios = [one.measured["p99"] / one.predicted["p99"] for one in seen]
    return {
        "level": seen[0].level,
        "per_second": statistics.median(one.rate for one in seen),
        "utilisation": statistics.median(one.utilisation for one in seen),
        "cost_ms": statistics.median(one.cost for one in seen),
        "measured": medians([one.measured for one in seen]),
        "predicted": medians([one.predicted for one in seen]),
        "plain": medians([one.plain for one in seen]),
        "p99_ratio": statistics.quantiles(ratios, n=4),
        "lag_ms": statistics.median(one.lag for one in seen),
    }


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the median over rows of each of their figures."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}
