"""The formula against plans worked out by hand, the generator against servers, the page."""

from __future__ import annotations

import json
import math
import random
import re
import shlex
import socket
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import pytest

from benchmarks.capacity.formula import Assumptions, plan
from benchmarks.capacity.load import Workload, arrivals, connected, send
from benchmarks.capacity.measuring import LoadError, kinds, worker
from tests.support.records import COMPLETE
from tests.support.servers import Server
from tests.support.shipped import ROOT

DOCUMENT = (ROOT / "docs" / "capacity.md").read_text()
PLANS = re.findall(
    r"```console\n\$ python (-m benchmarks.capacity plan [^\n]+)\n(.*?)```", DOCUMENT, re.DOTALL
)
EXACT = {"most": 1.0, "burst": 1.0, "zones": 1}
"""No headroom: every task may be used in full, and no zone is lost."""


def test_a_plan_without_headroom() -> None:
    """8,000/s of 1 ms keep 8 vCPU busy: 8 tasks, or 16 of half a vCPU, or 10 at 80 %."""
    assert plan(8_000, Assumptions(1, 1, **EXACT)).tasks == 8
    assert plan(8_000, Assumptions(1, 1, vcpu=0.5, **EXACT)).tasks == 16
    assert plan(8_000, Assumptions(1, 1, **EXACT | {"most": 0.8})).tasks == 10


def test_a_slower_core_needs_more_tasks() -> None:
    """Half as fast or twice as dear, twice as many."""
    assert plan(8_000, Assumptions(1, 0.5, **EXACT)).tasks == 16
    assert plan(8_000, Assumptions(2, 1, **EXACT)).tasks == 16


@pytest.mark.parametrize(("zones", "tasks"), [(1, 8), (2, 16), (3, 12), (4, 12), (5, 10), (6, 12)])
def test_what_is_left_of_the_zones_is_enough(zones: int, tasks: int) -> None:
    """8 tasks must be left: 8 + 8; 4 + 4 + 4; 3 * 4, of which 9 are left; 2 * 5; 2 * 6."""
    assert plan(8_000, Assumptions(1, 1, **EXACT | {"zones": zones})).tasks == tasks


@pytest.mark.parametrize(("zones", "tasks"), [(1, 2), (2, 2), (3, 3)])
def test_a_small_rate_still_has_a_second_task(zones: int, tasks: int) -> None:
    """And one in each zone."""
    assert plan(0.1, Assumptions(1, 1, zones=zones)).tasks == tasks


@pytest.mark.parametrize(
    ("cost", "speed", "tasks"),
    [
        ("0.46", "0.35", 54),
        ("0.46", "1", 21),
        ("0.38", "1", 18),
        ("0.78", "0.7", 48),
    ],
)
def test_a_million_a_minute(cost: str, speed: str, tasks: int) -> None:
    """The page's headlines, in fractions: no rounding can hide in them."""
    left = Fraction(1_000_000, 60) * Fraction("1.3") * Fraction(cost) / 1_000 / Fraction(speed)
    left /= Fraction("0.8")
    assert math.ceil(left / 2) * 3 == tasks
    assert plan(1_000_000 / 60, Assumptions(float(cost), float(speed))).tasks == tasks


@pytest.mark.parametrize(
    ("rate", "assumed", "name"),
    [
        (0, {}, "rate"),
        (math.nan, {}, "rate"),
        (math.inf, {}, "rate"),
        (1, {"cost": 0}, "cost"),
        (1, {"cost": math.nan}, "cost"),
        (1, {"speed": -1}, "speed"),
        (1, {"vcpu": math.inf}, "vcpu"),
        (1, {"most": 1.1}, "most"),
        (1, {"most": 0}, "most"),
        (1, {"burst": 0.9}, "burst"),
        (1, {"zones": 0}, "zones"),
        (1, {"zones": 7}, "zones"),
    ],
)
def test_an_assumption_without_meaning_is_refused(
    rate: float, assumed: dict[str, float], name: str
) -> None:
    """The error names it."""
    with pytest.raises(ValueError, match=f"^{name}: "):
        plan(rate, Assumptions(**{"cost": 1.0, "speed": 1.0} | assumed))


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "plan",
        "plan --rate 5/s --cost 1",
        "plan --rate 5 --cost 1 --speed 1",
        "plan --rate x/s --cost 1 --speed 1",
        "plan --rate -1/s --cost 1 --speed 1",
        "plan --rate 5/s --cost nan --speed 1",
        "plan --rate 5/s --cost 1 --speed 1 --zones 1.5",
        "measure --kind none",
        "measure --seconds nan",
        "measure --seconds 0",
    ],
)
def test_a_bad_argument_ends_with_a_line(arguments: str) -> None:
    """Exit status 2, what is wrong in the last line, no traceback."""
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.capacity", *arguments.split()],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    assert re.search(r"error: |^capacity: \w+: ", ended.stderr.splitlines()[-1])


def test_the_page_has_a_pessimistic_and_an_optimistic_plan() -> None:
    """In this order."""
    assert [re.findall(r"= (\d+) of 1 vCPU", displayed) for _, displayed in PLANS] == [
        ["54"],
        ["21"],
    ]


@pytest.mark.parametrize(("command", "displayed_text"), PLANS, ids=["pessimistic", "optimistic"])
def test_the_page_shows_what_is_printed(command: str, displayed_text: str) -> None:
    """Each command is run as it stands there."""
    ended = subprocess.run(
        [sys.executable, *shlex.split(command)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ended.stdout == displayed_text


def test_arrivals_come_at_the_rate() -> None:
    """10,000 of a Poisson process take 10,000 / rate, give or take 3 %."""
    *_, last = arrivals(100.0, 10_000, random.Random(3))
    assert last == pytest.approx(100, rel=0.03)


@contextmanager
def stalling_server(seconds: float) -> Iterator[int]:
    """Answer every request of one connection, the first one late."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            late = seconds
            with client:
                while client.recv(65536):
                    threading.Event().wait(late)
                    late = 0.0
                    client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(60)


def test_a_stalled_server_is_counted_for_everyone_who_was_due() -> None:
    """Coordinated omission: requests that could not even be sent have waited as well.

    All are due in the first 0.2 of the 1 second that the first answer takes; a closed loop
    would have seen the stall in one of them.
    """
    with stalling_server(1.0) as port, connected(port, 1) as connections:
        outcome = send(Workload("/", [b"{}"]), connections, rate=1_000.0, n=100, seed=1)
    assert (len(outcome.latencies), outcome.failed) == (100, 0)
    assert min(outcome.latencies) > 0.5
    assert max(outcome.answers) > 0.5
    assert statistics.median(outcome.answers) < 0.5


def test_the_generator_reads_the_services_answers(server: Server) -> None:
    """With a length, and in chunks, as files are answered; refusals are counted."""
    body = (ROOT / "data" / "mobile.csv").read_bytes()
    for request, n_failed in (
        (Workload("/predict", [json.dumps(COMPLETE).encode()]), 0),
        (Workload("/predict/file", [body], "text/csv"), 0),
        (Workload("/predict", [b"{}"]), 5),
    ):
        with connected(server.port, 2) as connections:
            outcome = send(request, connections, math.inf, 5)
        assert (len(outcome.answers), outcome.failed) == (5, n_failed)


def test_a_row_says_what_a_load_costs_the_worker() -> None:
    """The share of a core is rate times cost, and times come in order; bytes are of one request."""
    with worker(kinds()["one record"], pinned=False) as measured:
        row, n_bytes = measured.row(100.0, 0.5), measured.n_bytes()
    assert row.used == pytest.approx(row.rate * row.cost / 1_000)
    assert 0 < row.cost < 1_000
    assert 0 < row.median <= row.p99
    assert n_bytes.request > len(json.dumps(COMPLETE)) / 2
    assert n_bytes.answer > 100
    assert n_bytes.log > 50


def test_a_load_that_is_refused_measures_nothing() -> None:
    """Its figures would be those of error messages."""
    with (
        pytest.raises(LoadError, match="of 200 requests"),
        worker(Workload("/nowhere", [b"{}"]), pinned=False),
    ):
        pass
