"""How the service ends: at whatever moment it is told to, and whoever is asking."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.load import Load
from tests.support.servers import free_port, serving
from tests.support.shipped import ROOT
from tests.support.waiting import PATIENCE, wait_until

# No worker is ended by it before the test has given up.
NEVER = str(round(PATIENCE * 10))


def test_every_request_that_was_accepted_is_answered(tmp_path: Path) -> None:
    """Whatever the load: sent requests get whole answers, later clients are refused."""
    with serving(tmp_path, GRACEFUL_TIMEOUT=NEVER) as server:
        load = Load(server.port)
        with load.running():
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 0
    assert set(load.ends) == {"answered", "refused"}
    assert load.ends["refused"] == 18


def test_new_workers_take_over_and_nobody_is_kept_out(tmp_path: Path) -> None:
    """At SIGHUP the old workers end as at SIGTERM, but others go on with their socket."""
    with serving(tmp_path, GRACEFUL_TIMEOUT=NEVER) as server:
        load = Load(server.port)
        with load.running():
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: server.log.read_text().count("Worker exiting") == 2)
            n_answered = load.ends["answered"]
            wait_until(lambda: load.ends["answered"] > n_answered + 100)
            assert "refused" not in load.ends
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(PATIENCE) == 0
    assert set(load.ends) == {"answered", "refused"}


def test_silent_clients_do_not_hold_up_the_end(tmp_path: Path) -> None:
    """Connections on which nothing was ever sent are closed after a second."""
    with serving(tmp_path, GRACEFUL_TIMEOUT=NEVER) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        server.get("/livez")  # behind them in the queue
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        for item in silent:
            item.close()


@pytest.mark.parametrize("line", ["Listening at", "Booting worker", "model loaded"])
def test_it_can_be_stopped_while_it_starts(tmp_path: Path, line: str) -> None:
    """A worker that is told to stop before it listens to signals does stop."""
    log = tmp_path / "log"
    environment = os.environ | {"PORT": str(free_port()), "WEB_CONCURRENCY": "4"}
    environment["GRACEFUL_TIMEOUT"] = NEVER
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "predict.py"], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    wait_until(lambda: line in log.read_text())
    process.terminate()
    assert process.wait(PATIENCE) == 0


def test_it_can_be_stopped_before_it_has_begun() -> None:
    """While it imports it has a handler: process 1 of a container would not hear otherwise."""
    environment = os.environ | {"PORT": str(free_port()), "GRACEFUL_TIMEOUT": NEVER}
    process = subprocess.Popen([sys.executable, "predict.py"], cwd=ROOT, env=environment)
    bit = 1 << (signal.SIGTERM - 1)

    def caught() -> bool:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        (mask,) = (line for line in lines if line.startswith("SigCgt"))
        return bool(int(mask.split()[1], 16) & bit)

    wait_until(caught)
    process.terminate()
    assert process.wait(PATIENCE) == 0
