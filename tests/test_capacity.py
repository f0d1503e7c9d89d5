"""The queueing model against what is known by hand, the generator against a server, the plans."""

from __future__ import annotations

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

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.capacity.__main__ import measured
from benchmarks.capacity.calibration import calibrate
from benchmarks.capacity.load import Asked, arrivals, connected, send
from benchmarks.capacity.planning import Costs, PlanError, Wanted, plan
from benchmarks.capacity.queueing import (
    Sums,
    erlang_c,
    first_and_rest,
    mean_time,
    mean_wait,
    quantile,
    simulate,
    wait_quantile,
)
from tests.support.records import COMPLETE
from tests.support.servers import Server
from tests.support.shipped import ROOT

EXPONENTIAL, CONSTANT = Sums(1.0, 1.0), Sums(1.0, 0.0)
DOCUMENT = (ROOT / "docs" / "capacity.md").read_text()
EXAMPLES = re.findall(r"```console\n\$ python (-m [^\n]+)\n(.*?)```", DOCUMENT, re.DOTALL)
UTILISATIONS = st.floats(0.05, 0.95)


def exponential(n: int = 20_000) -> list[float]:
    """Return exponential service times with mean 1: the quantiles, so that nothing is drawn."""
    return [-math.log(1 - (one + 0.5) / n) for one in range(n)]


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_one_exponential_server_takes_one_over_what_is_left(rate: float) -> None:
    """M/M/1: the mean time there is 1 / (mu - lambda), here with mu = 1."""
    assert mean_wait(rate, EXPONENTIAL) + 1 == pytest.approx(1 / (1 - rate))


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_constant_service_times_halve_the_wait(rate: float) -> None:
    """M/D/1 waits rho / (2 (1 - rho)) service times, half as long as M/M/1."""
    assert mean_wait(rate, CONSTANT) == pytest.approx(rate / (2 * (1 - rate)))


def test_two_servers_wait_as_erlang_says() -> None:
    """For c = 2 Erlang C is 2 r^2 / (1 + r) with r the utilisation: 1/3 at a half."""
    assert erlang_c(1, 0.5) == pytest.approx(0.5)
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(2, 1.6) == pytest.approx(2 * 0.8**2 / 1.8)
    assert mean_wait(1.0, EXPONENTIAL, servers=2) == pytest.approx(1 / 3)


def test_the_tail_of_one_exponential_server() -> None:
    """In M/M/1 P(W > t) = rho exp(-(1 - rho) t): at a half, 1 % wait longer than 2 ln 50."""
    assert wait_quantile(0.99, 0.5, EXPONENTIAL) == pytest.approx(2 * math.log(50))
    assert wait_quantile(0.5, 0.4, EXPONENTIAL) == 0


def test_an_exceptional_first_service_that_is_none() -> None:
    """Welch's formula is Pollaczek and Khinchine's if the first is like the others."""
    service = Sums(1.0, 0.3)
    assert mean_time(0.7, service, service) == pytest.approx(1 + mean_wait(0.7, service))


def test_an_exceptional_first_service_by_hand() -> None:
    """At rate 1/2, first 2 and then 1, all constant: 2/1.5 + 1/4 * 3/1.5 + 1/4 * 1/0.5 = 7/3."""
    assert mean_time(0.5, CONSTANT, Sums(2.0, 0.0)) == pytest.approx(7 / 3)
    found = simulate(0.5, [1.0], [2.0], n=200_000, seed=1)
    assert statistics.fmean(found) == pytest.approx(7 / 3, rel=0.02)


def test_first_and_rest_average_to_what_was_measured() -> None:
    """An idle server is found as often as it is idle."""
    first, rest = first_and_rest(1.0, utilisation=0.6, ratio=0.4)
    assert rest == pytest.approx(0.4 * first)
    assert 0.4 * first + 0.6 * rest == pytest.approx(1.0)


@pytest.mark.parametrize("rate", [0.3, 0.7])
def test_the_simulation_agrees_with_one_exponential_server(rate: float) -> None:
    """Time in M/M/1 is exponential with mean 1 / (1 - rho), so its p99 is ln 100 times that."""
    found = simulate(rate, exponential(), n=300_000, seed=7)
    assert quantile(found, 0.99) == pytest.approx(math.log(100) / (1 - rate), rel=0.05)


def test_the_simulation_agrees_with_two_servers() -> None:
    """M/M/2 at a utilisation of 0.8: 1 + C / (2 - 1.6) with C = 2 * 0.64 / 1.8."""
    found = simulate(1.6, exponential(), servers=2, n=300_000, seed=7)
    assert statistics.fmean(found) == pytest.approx(1 + 1.28 / 1.8 / 0.4, rel=0.05)


def test_a_quantile_is_the_least_value_that_so_many_do_not_exceed() -> None:
    """Of a hundred values, 99 are at most the 99th."""
    assert quantile([float(one) for one in range(1, 101)], 0.99) == 99
    assert quantile([5.0], 0.99) == 5


@given(UTILISATIONS, UTILISATIONS, st.integers(1, 8), st.floats(0, 4))
def test_a_higher_rate_waits_longer(low: float, high: float, servers: int, scv: float) -> None:
    """With as many servers, on average and at the 99th percentile."""
    low, high = sorted((low, high))
    service = Sums(1.0, scv)
    for wait in (mean_wait, lambda *given: wait_quantile(0.99, *given)):
        assert wait(low * servers, service, servers) <= wait(high * servers, service, servers)


@given(st.floats(0.05, 0.95), st.integers(1, 8))
def test_one_more_server_never_waits_longer(rate: float, servers: int) -> None:
    """At the same rate."""
    more = mean_wait(rate, EXPONENTIAL, servers + 1)
    assert more <= mean_wait(rate, EXPONENTIAL, servers)


@settings(max_examples=20)
@given(UTILISATIONS, UTILISATIONS, st.integers(1, 4))
def test_simulated_times_grow_with_the_rate(low: float, high: float, servers: int) -> None:
    """Every request is drawn alike at both rates, only closer together."""
    low, high = sorted((low, high))
    times = exponential(50)
    few, many = (simulate(one * servers, times, servers=servers, n=500) for one in (low, high))
    assert all(a <= b + 1e-9 for a, b in zip(few, many, strict=True))


@pytest.mark.parametrize("rate", [1.0, 1.5])
def test_more_work_than_servers_is_refused(rate: float) -> None:
    """There is no average of a queue that grows for ever."""
    with pytest.raises(ValueError, match="grows for ever"):
        mean_wait(rate, EXPONENTIAL)
    with pytest.raises(ValueError, match="grows for ever"):
        simulate(rate, [1.0])


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
        thread.join(30)


def test_a_stalled_server_is_counted_for_everyone_who_was_due() -> None:
    """Coordinated omission: requests that could not even be sent have waited as well."""
    with stalling_server(0.3) as port, connected(port, 1) as connections:
        outcome = send(Asked("/", [b"{}"]), connections, rate=1_000.0, n=100, seed=1)
    assert len(outcome.latencies) == 100
    assert outcome.failed == 0
    # All are due within the stall; in a closed loop only the first would have seen it.
    assert statistics.median(outcome.latencies) > 0.15
    assert statistics.median(outcome.answers) < 0.15


def test_the_generator_reads_the_services_answers(server: Server) -> None:
    """With a length, and in chunks, as files are answered; refusals are counted."""
    body = (ROOT / "data" / "mobile.csv").read_bytes()
    for asked, n_failed in (
        (Asked("/predict", [repr(COMPLETE).replace("'", '"').encode()]), 0),
        (Asked("/predict/file", [body], "text/csv"), 0),
        (Asked("/predict", [b"{}"]), 5),
    ):
        with connected(server.port, 2) as connections:
            outcome = send(asked, connections, math.inf, 5)
        assert (len(outcome.answers), outcome.failed) == (5, n_failed)


def test_calibration_says_speed_and_share() -> None:
    """CPU time can't be more than elapsed time, but for the clocks' grain."""
    milliseconds, share = calibrate(20)
    assert milliseconds > 0
    assert 0 < share < 1.05


SIMPLE = {
    "kinds": {
        "one record": {"cpu_ms": 1.0, "shape": [1.0], "bytes_in": 100, "bytes_out": 900,
                       "bytes_logged": 200},
        "other": {"cpu_ms": 10.0, "shape": [1.0], "bytes_in": 1, "bytes_out": 1, "bytes_logged": 1},
    },
    "checks": [
        {"delay_ms": 0.0, "levels": [{"utilisation": u, "cost_ms": 1.0} for u in (0.2, 0.9)]}
    ],
}  # fmt: skip
"""As if every request took exactly a millisecond."""
EXACT = {"burst": 1.0, "growth": 0.0, "zones": 1}


def test_a_plan_by_hand() -> None:
    """1,000/s of a millisecond at 80 % need 1.25 tasks, so 2; at 8,000/s 10."""
    assert plan(Wanted(1_000, **EXACT), SIMPLE).tasks == 2
    found = plan(Wanted(8_000, **EXACT), SIMPLE)
    assert (found.tasks, found.target) == (10, pytest.approx(0.8))
    assert found.per_task == pytest.approx(800)
    assert found.lcus["bytes"] == pytest.approx(8_000 * 1_000 * 3_600 / 1e9)
    assert found.lcus["new connections"] == pytest.approx(800 / 25)


def test_headroom_by_hand() -> None:
    """Three zones of which one is lost and a burst of 1.25: 0.8 / 1.25 / 1.5, in threes."""
    found = plan(Wanted(8_000, burst=1.25, growth=0, zones=3), SIMPLE)
    assert found.target == pytest.approx(0.8 / 1.25 / 1.5)
    assert found.tasks == 21  # 8,000 / 426.7 = 18.75


def test_a_tight_limit_needs_more_tasks() -> None:
    """M/D/1 of a millisecond: p99 of 2 ms is kept at less utilisation than 10 ms."""
    tight, loose = (plan(Wanted(8_000, p99=p99, **EXACT), SIMPLE) for p99 in (2.0, 10.0))
    assert tight.tasks > loose.tasks
    assert tight.p99 <= 2.0


def test_a_slower_core_needs_more_tasks() -> None:
    """Half as fast, twice as many."""
    assert plan(Wanted(8_000, speed=0.5, **EXACT), SIMPLE).tasks == 20


def test_a_part_of_a_core_leaves_room_for_its_quota() -> None:
    """25 ms in every 100 ms: 25 u + 2.326 sqrt(25 u) = 25 at u = 0.63."""
    assert plan(Wanted(1_000, vcpu=0.25, **EXACT), SIMPLE).most == pytest.approx(0.63, abs=0.01)


def test_costs_are_interpolated() -> None:
    """Between 2 ms at a utilisation of 0.2 and 1 ms at 0.6; constant outside."""
    costs = Costs([(0.2, 2.0), (0.6, 1.0)], [1.0], 0.0)
    assert [costs.at(one) for one in (0.1, 0.4, 0.9)] == pytest.approx([2.0, 1.5, 1.0])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"rate": 0}, "rate"),
        ({"rate": math.nan}, "rate"),
        ({"p99": -1}, "p99"),
        ({"p99": 0.5}, "lone request"),
        ({"vcpu": 3}, "vcpu"),
        ({"burst": 0.5}, "burst"),
        ({"zones": 0}, "zones"),
        ({"speed": 0}, "speed"),
        ({"kind": "none"}, "kind"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wanted: dict[str, float], message: str) -> None:
    """With the name of what is wrong."""
    with pytest.raises(PlanError, match=message):
        plan(Wanted(**{"rate": 100.0} | wanted), SIMPLE)


@pytest.mark.parametrize(
    "arguments",
    ["plan --rate 5", "plan --rate x/s", "plan --rate 5/s --zones 0", "plan", "plan --rate -1/s"],
)
def test_a_bad_argument_ends_with_a_line(arguments: str) -> None:
    """Exit status 2 and no traceback."""
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.capacity", *arguments.split()],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 2
    assert "Traceback" not in found.stderr
    assert "error:" in found.stderr or found.stderr.startswith("capacity: ")


def test_the_document_has_examples() -> None:
    """What was measured in four tables, plans in two."""
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[one for one, _ in EXAMPLES])
def test_the_document_shows_what_is_printed(command: str, shown: str) -> None:
    """From the stored figures, so by every machine."""
    found = subprocess.run(
        [sys.executable, *shlex.split(command)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout == shown


def test_the_plain_model_holds_as_far_as_plans_go() -> None:
    """With a core for each worker: above what came up to 60 % used, a tenth below at most to 80."""
    for check in measured()["checks"][:2]:
        for level in check["levels"]:
            ratio = level["measured"]["p99"] / level["plain"]["p99"]
            if level["utilisation"] <= 0.8:
                assert ratio < (1 if level["level"] <= 0.6 else 1.1)
