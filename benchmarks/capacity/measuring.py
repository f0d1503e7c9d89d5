"""What one core answers: the service with one worker, under loads of the open-loop generator.

Nothing is modelled here: each row is a load that was put on the service, and what came of it.
"""

from __future__ import annotations

import json
import math
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.capacity.load import Connection, Outcome, Workload, connected, send
from benchmarks.files import file_of
from benchmarks.serving import GUNICORN, Service, children, descendants, record, running

LEVELS = (0.2, 0.4, 0.6, 0.8, 0.9)
N_CONNECTIONS = 32
N_WARM = 200
N_TRIES = 4
TRY_SECONDS = 0.5
# As many requests wait as there are connections: how long is what is measured.
SETTINGS = {
    "WEB_CONCURRENCY": "1",
    "MAX_WAITING": str(N_CONNECTIONS),
    "MAX_FILES": str(N_CONNECTIONS),
}


class LoadError(ConnectionError):
    """The service did not answer as it should; the text is one sentence."""


def kinds() -> dict[str, Workload]:
    """Return the kinds of requests that can be measured."""
    records = [record(number) for number in range(200)]
    singles = [json.dumps(each).encode() for each in records]
    return {
        "one record": Workload("/predict", singles),
        "100 records": Workload("/predict", [json.dumps(records[:100]).encode()]),
        "one explained": Workload("/explain", singles),
        "file of 1,000 rows": Workload("/predict/file", [file_of("mobile", 1_000)], "text/csv"),
    }


@dataclass(frozen=True)
class Row:
    """One load and what came of it; times in milliseconds.

    Attributes
    ----------
    used : float
        Share of a core that the worker used.
    rate : float
        Requests per second.
    cost : float
        CPU time of a request.
    median, p99 : float
        Time from the moment at which a request was due to its answer.
    """

    used: float
    rate: float
    cost: float
    median: float
    p99: float


@dataclass(frozen=True)
class Bytes:
    """How long a request, its answer and its line in the log are on average."""

    request: float
    answer: float
    log: float


@dataclass(frozen=True)
class Worker:
    """A service with one worker, and the connections to it."""

    process: int
    workload: Workload
    connections: Sequence[Connection]
    log: Path

    def row(self, rate: float, seconds: float) -> Row:
        """Put a load on the worker for some seconds."""
        before = _cpu_seconds(self.process)
        n_requests = max(round(rate * seconds), 1)
        outcome = self.send(rate, n_requests)
        spent = _cpu_seconds(self.process) - before
        latencies = sorted(outcome.latencies)
        return Row(
            spent / outcome.seconds,
            n_requests / outcome.seconds,
            spent / n_requests * 1e3,
            latencies[n_requests // 2] * 1e3,
            latencies[math.ceil(0.99 * n_requests) - 1] * 1e3,
        )

    def row_at(self, used: float, seconds: float) -> Row:
        """Put a load on the worker that uses so much of a core; short loads find its rate."""
        rate = 20.0
        for _ in range(N_TRIES):
            rate = used / self.row(rate, TRY_SECONDS).cost * 1e3
        return self.row(rate, seconds)

    def n_bytes(self) -> Bytes:
        """Return how long requests, answers and lines of the log are."""
        before = self.log.stat().st_size
        outcome = self.send(math.inf, N_WARM)
        logged = self.log.stat().st_size - before
        requests = self.workload.requests()
        mean_request = sum(map(len, requests)) / len(requests)
        return Bytes(mean_request, outcome.received / N_WARM, logged / N_WARM)

    def send(self, rate: float, n_requests: int) -> Outcome:
        """Send requests, and end if one of them fails."""
        outcome = send(self.workload, self.connections, rate, n_requests)
        if outcome.failed:
            raise LoadError(f"{outcome.failed} of {n_requests} requests were not answered with 200")
        return outcome


@contextmanager
def worker(workload: Workload, *, pinned: bool) -> Iterator[Worker]:
    """Run the service with one worker, on a core of its own or on any core.

    The generator takes the last core, where the worker is pinned to the first.
    """
    cores = sorted(os.sched_getaffinity(0))
    service = Service("our service", _free_port(), [*GUNICORN, "predict:app"])
    with ExitStack() as stack:
        log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "log"
        stack.callback(os.sched_setaffinity, 0, cores)
        os.sched_setaffinity(0, cores[:1] if pinned else cores)
        master = stack.enter_context(running(service, log, **SETTINGS))
        os.sched_setaffinity(0, cores[-1:] if pinned else cores)
        connections = stack.enter_context(connected(service.port, N_CONNECTIONS))
        started = Worker(children(master.pid)[0], workload, connections, log)
        started.send(math.inf, N_WARM)  # loads whatever the first request loads
        yield started


def _cpu_seconds(process: int) -> float:
    """Return the CPU time of a process and what it has forked, by the scheduler's own clock."""
    files = [
        file
        for each in (process, *descendants(process))
        for file in Path(f"/proc/{each}/task").glob("*/schedstat")
    ]
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
