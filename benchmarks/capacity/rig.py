"""The service on cores of its own, with what its workers spend: started, pinned, watched.

CPU times are the scheduler's own, in nanoseconds (``/proc/*/schedstat``). With the right to it
(root), service and generator run at real-time priority, so that whoever else works on this machine
takes caches from them, but no time.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.capacity.load import Connection
from benchmarks.serving import GUNICORN, Service, children, running

CORES = sorted(os.sched_getaffinity(0))
_GENERATOR, _SERVICE = 11, 10


@dataclass(frozen=True)
class Rig:
    """A service that runs, and how to look at it."""

    port: int
    workers: list[int]

    def cpu(self) -> list[float]:
        """Return the seconds of CPU time that each worker has spent."""
        return [_spent(worker) for worker in self.workers]

    def divided(self, connections: Sequence[Connection]) -> list[list[Connection]]:
        """Return which of the connections each worker has accepted."""
        ports = [_peers(worker, self.port) for worker in self.workers]
        return [
            [one for one in connections if one.sock.getsockname()[1] in accepted]
            for accepted in ports
        ]

    def place(self, cores: Sequence[int]) -> None:
        """Give each worker a core."""
        for worker, core in zip(self.workers, cores, strict=True):
            for thread in _threads(worker):
                os.sched_setaffinity(thread, [core])

    def give_way(self) -> None:
        """Give the workers back their ordinary priority."""
        for worker in self.workers:
            for thread in _threads(worker):
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


@contextmanager
def rig(
    cores: Sequence[int], output: Path = Path(os.devnull), *options: str, **settings: str
) -> Iterator[Rig]:
    """Run the service on some cores, with gunicorn's further options and its own settings."""
    service = Service("our /predict", _free_port(), [*GUNICORN, *options, "predict:app"])
    with ExitStack() as stack:
        with prioritised(_SERVICE), on(cores):
            master = stack.enter_context(running(service, output, **settings))
        yield Rig(service.port, children(master.pid))


@contextmanager
def prioritised(priority: int = _GENERATOR) -> Iterator[bool]:
    """Run this process, and what it starts, at real-time priority, if it may; say so."""
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
    except PermissionError:
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, *before)


@contextmanager
def on(cores: Sequence[int]) -> Iterator[None]:
    """Keep this process on some cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _threads(process: int) -> list[int]:
    return [int(thread.name) for thread in Path(f"/proc/{process}/task").iterdir()]


def _spent(process: int) -> float:
    files = (Path(f"/proc/{process}/task/{one}/schedstat") for one in _threads(process))
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def _peers(process: int, port: int) -> set[int]:
    return {
        one.raddr.port
        for one in psutil.Process(process).net_connections()
        if one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
