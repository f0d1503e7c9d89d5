"""What shows only after long: `make soak`, half an hour, which `make test` leaves out."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.load import Load
from tests.support.servers import Server, serving
from tests.support.shipped import ROOT
from tests.support.waiting import PATIENCE, wait_until

LOG = logging.getLogger(__name__)
pytestmark = pytest.mark.soak

N_STOPS = 25
# A deadline would end a worker that others keep from the processor.
NEVER = str(round(PATIENCE * 10))
N_REQUESTS = int(os.environ.get("SOAK_REQUESTS", "1000000"))
N_WARMING = 100_000
MIB = 1024**2


def test_stops_lose_no_request(tmp_path: Path) -> None:
    """SIGTERM, with 32 clients, half of which keep their connections."""
    ends: Counter[str] = Counter()
    for _ in range(N_STOPS):
        with serving(tmp_path, GRACEFUL_TIMEOUT=NEVER) as server:
            load = Load(server.port, 16, 16)
            with load.running():
                wait_until(lambda: load.ends["answered"] > 400)  # noqa: B023  # before the next
                server.process.send_signal(signal.SIGTERM)
                assert server.process.wait(PATIENCE) == 0
        ends += load.ends
    assert set(ends) == {"answered", "refused"}
    assert ends["refused"] == 32 * N_STOPS
    LOG.info("%s", dict(ends))
    assert ends["answered"] > 400 * N_STOPS


def test_new_workers_lose_no_request(tmp_path: Path) -> None:
    """SIGHUP, again and again, with the same clients."""
    with serving(tmp_path, GRACEFUL_TIMEOUT=NEVER) as server:
        load = Load(server.port, 16, 16)
        with load.running():
            for number in range(1, N_STOPS + 1):
                n_answered = load.ends["answered"]
                server.process.send_signal(signal.SIGHUP)
                wait_until(
                    lambda: server.log.read_text().count("Worker exiting") == 2 * number  # noqa: B023
                )
                wait_until(lambda: load.ends["answered"] > n_answered + 400)  # noqa: B023
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 0
    LOG.info("%s", dict(load.ends))
    assert set(load.ends) == {"answered", "refused"}


@dataclass(frozen=True)
class Holding:
    """What the workers and their Flask processes hold together; memory in bytes, as PSS."""

    n_workers: int
    n_files: int
    n_threads: int
    memory: int

    @classmethod
    def of(cls, server: Server) -> Holding:
        """Look."""
        master = psutil.Process(server.process.pid)
        processes = master.children(recursive=True)
        return cls(
            len(master.children()),
            sum(process.num_fds() for process in processes),
            sum(process.num_threads() for process in processes),
            sum(process.memory_full_info().pss for process in processes),
        )


def ask(server: Server, number: int, seed: int) -> Counter[str]:
    """Let two processes send mixed requests, and count the answers by status."""
    command = [sys.executable, "-m", "tests.support.mixed_requests", str(server.port)]
    processes = [
        subprocess.Popen(
            [*command, str(number // 2), str(2 * seed + place)], cwd=ROOT, stdout=subprocess.PIPE
        )
        for place in range(2)
    ]
    outputs = [process.communicate()[0] for process in processes]
    return sum((Counter(json.loads(output)) for output in outputs), Counter())


def test_a_million_mixed_requests_leave_nothing_behind(tmp_path: Path) -> None:
    """Two in five are rubbish; files, threads and memory are as after the first 100,000."""
    with serving(tmp_path, LOG_LEVEL="warning") as server:
        workers = psutil.Process(server.process.pid).children()
        ask(server, N_WARMING, 0)
        before = Holding.of(server)
        statuses = ask(server, N_REQUESTS, 1)
        after = Holding.of(server)
        LOG.info("%s\n%s\n%s", before, after, dict(statuses))
        assert psutil.Process(server.process.pid).children() == workers
        assert sum(statuses.values()) >= N_REQUESTS - 16
        # A connection on which nothing was sent, or only half a request, ends without an answer.
        # Of files, only so many may wait (503).
        assert set(statuses) <= {"0", "200", "400", "404", "405", "413", "415", "422", "503"}
        assert statuses["503"] < 0.01 * N_REQUESTS
        assert statuses["200"] > 0.55 * N_REQUESTS
        assert after.n_files <= before.n_files * 1.01
        assert after.n_threads <= before.n_threads * 1.01
        assert after.memory - before.memory <= 2 * MIB * before.n_workers
