"""Counts outlive the processes that counted, in few files, and no full disk ends a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.records import COMPLETE
from tests.support.servers import Server, flask_process, serving
from tests.support.waiting import wait_until

ONE = {"WEB_CONCURRENCY": "1"}


def counted(server: Server) -> float:
    """Return how many records have been answered."""
    text = server.get("/metrics").body.decode()
    return sum(
        float(value) for value in re.findall(r"^segmentation_answers_total.* (\S+)$", text, re.M)
    )


def kill_the_worker(server: Server) -> None:
    """Kill the one worker, and wait until another answers."""
    (worker,) = psutil.Process(server.process.pid).children()
    flask = flask_process(worker)
    worker.kill()
    wait_until(lambda: not worker.is_running() and not flask.is_running())

    def answers() -> bool:
        try:
            return server.get("/livez").status == 200
        except OSError:
            return False

    wait_until(answers)


def test_counts_outlive_their_processes_in_few_files(tmp_path: Path) -> None:
    """Ten workers that are killed leave what they counted, and no more files than one does."""
    folder = tmp_path / "counters"
    folder.mkdir()
    with serving(tmp_path, **ONE, PROMETHEUS_MULTIPROC_DIR=str(folder)) as server:
        for number in range(1, 11):
            assert server.post(COMPLETE).status == 200
            assert server.post([COMPLETE, COMPLETE]).status == 200
            assert counted(server) == 3 * number
            kill_the_worker(server)
        assert counted(server) == 30
        # Of those that run, of those that ended, and of a process whose end came later.
        assert len(list(folder.glob("*.db"))) <= 6 + 2 + 6


def test_a_process_without_room_for_counters_answers_all_the_same(tmp_path: Path) -> None:
    """It says so, and is not ended by SIGBUS."""
    code = (
        "import os, resource, signal;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "from segmentation.service.observability.counter_files import *;"
        "count_where_there_is_room();"
        "from segmentation.service.observability.counters import ServiceCounters;"
        "counters = ServiceCounters();"
        "counters.request('GET', '/livez', '200', 0.1);"
        "print(counters.exposition() == b'', os.listdir(os.environ['PROMETHEUS_MULTIPROC_DIR']))"
    )
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stdout == "True []\n", ended.stderr
    assert "no room for counters" in ended.stderr


def test_a_flask_process_that_dies_is_replaced_with_its_worker(tmp_path: Path) -> None:
    """Plain predictions go on meanwhile; what it was answering is a 503 that says so."""
    with serving(tmp_path, **ONE) as server:
        (worker,) = psutil.Process(server.process.pid).children()
        flask = flask_process(worker)
        flask.send_signal(signal.SIGKILL)
        wait_until(lambda: not worker.is_running())
        wait_until(lambda: len(psutil.Process(server.process.pid).children(recursive=True)) == 2)
        assert server.get("/segments").status == 200
        errors = [line["message"] for line in server.log_lines() if line["level"] == "error"]
    assert errors == ["the process in which Flask answers has ended: its worker is replaced"]
