"""deploy/deploy.py on an account on which one call after another fails, in every way that is known.

The account is moto's server as it is, behind a proxy that lets calls fail. Afterwards the account
is asked directly, past the proxy, what runs: what ran before or what was asked for, and the exit
status has to say which.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.deploying import CIDR, Place
from tests.support.faults import (
    FAULTS,
    Answer,
    Call,
    Forward,
    Plan,
    beginning_with,
    only,
)

OLD = "0123456789ab-amd64"
POSSIBLE = {
    0: {"new"},
    1: {"old"},
    2: {"old"},
    3: {"old"},
    4: {"old"},
    5: {"old", "new"},
    6: {"old", "new"},
    130: {"old"},
}
"""What may run after each exit status."""


def check_end(place: Place, status: int, before: str, error: str, *, case: str) -> None:
    """Check that what runs is what the exit status says, and how it is said."""
    running = place.account.running()
    runs = "old" if running == before else "new"
    assert runs in POSSIBLE[status], f"{case}: status {status}, {running!r} runs: {error}"
    assert "Traceback" not in error, case
    lines = error.splitlines()
    if status:
        assert len(lines) == 1, f"{case}: {error}"
        assert lines[0].startswith("deploy: "), case
    if status == 6:
        assert "aws cloudformation describe-stack" in error, f"{case}: {error}"
    if before:
        assert running, f"{case}: the service is gone: {error}"
        assert place.account.services() == 1, case
        payload = [
            call.parameters() for call in place.proxy.calls if call.operation == "UpdateStack"
        ]
        assert all(parameters["ImageTag"] for parameters in payload), case


@dataclass(frozen=True)
class Scenario:
    """A deployment that is tried again and again.

    Attributes
    ----------
    arguments : tuple of str
    before : str
        What runs before.
    settings : tuple
        Names and values of the environment.
    like : str or None
        The scenario that it begins like: the calls of that one are tried there.
    """

    arguments: tuple[str, ...]
    before: str
    settings: tuple[tuple[str, str], ...] = ()
    like: str | None = None


WRONG = (("SMOKE_SEGMENT", "power_user"),)
SCENARIOS = {
    "new": Scenario((CIDR,), before=""),
    "update": Scenario(("LogLevel=debug",), before=OLD),
    "back to nothing": Scenario((CIDR,), before="", settings=WRONG, like="new"),
    "back": Scenario(("LogLevel=debug",), before=OLD, settings=WRONG, like="update"),
}


_CALLS: dict[Scenario, dict[int, str]] = {}


def own_calls(place: Place, scenario: Scenario) -> dict[int, str]:
    """Return the calls that a scenario makes when none fails, but those of the one it is like."""
    if scenario not in _CALLS:
        with pytest.MonkeyPatch.context() as monkeypatch:
            for name, _ in WRONG:
                monkeypatch.delenv(name, raising=False)
            for name, value in scenario.settings:
                monkeypatch.setenv(name, value)
            place.begin(scenario.before)
            place.deploy(*scenario.arguments)
        _CALLS[scenario] = dict(enumerate(place.proxy.operations()))
    tried = own_calls(place, SCENARIOS[scenario.like]) if scenario.like else {}
    calls = _CALLS[scenario]
    return {number: calls[number] for number in calls if number not in tried}


@pytest.fixture(params=SCENARIOS)
def scenario(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """Return each scenario in turn; its environment is set."""
    scenario = SCENARIOS[request.param]
    for name, value in scenario.settings:
        monkeypatch.setenv(name, value)
    return scenario


def try_each(
    place: Place,
    scenario: Scenario,
    plan: Callable[[int], Plan],
    capsys: pytest.CaptureFixture[str],
) -> Counter[int]:
    """Deploy once for each call, and check what comes of it; return the exit statuses."""
    statuses: Counter[int] = Counter()
    for number, operation in own_calls(place, scenario).items():
        place.begin(scenario.before)
        capsys.readouterr()
        status = place.deploy(*scenario.arguments, plan=plan(number))
        error = capsys.readouterr().err
        check_end(place, status, scenario.before, error, case=f"{number}, {operation}")
        statuses[status] += 1
    return statuses


@pytest.mark.parametrize("fault", ["throttled", "nothing", "dropped before", "dropped after"])
def test_one_failed_call_does_no_harm(
    place: Place, scenario: Scenario, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever call it is, and however it fails."""
    statuses = try_each(place, scenario, lambda number: only(number, FAULTS[fault]), capsys)
    assert statuses


@pytest.mark.parametrize("scenario", ["update", "back"], indirect=True)
def test_an_outage_does_no_harm(
    place: Place, scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever call it begins with: nothing is answered any more."""
    drop = FAULTS["dropped before"]
    statuses = try_each(place, scenario, lambda number: beginning_with(number, drop), capsys)
    assert statuses


def interrupting(number: int) -> Plan:
    """Return a plan that tells the program to end while a call is under way."""

    def plan(at: int, _call: Call, forward: Forward) -> Answer:
        answer = forward()
        if at == number:
            os.kill(os.getpid(), signal.SIGTERM)
        return answer

    return plan


def test_an_interruption_does_no_harm(
    place: Place, scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whenever it comes."""
    statuses = try_each(place, scenario, interrupting, capsys)
    assert statuses


@pytest.mark.parametrize("fault", ["dropped before", "dropped after", "throttled"])
def test_a_change_that_fails_once_is_made_all_the_same(
    place: Place,
    scenario: Scenario,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A second attempt, which AWS refuses where the first was accepted, is no failure."""
    expected = 4 if scenario.settings else 0
    changes = [
        number
        for number, operation in own_calls(place, scenario).items()
        if operation in ("CreateStack", "UpdateStack")
    ]
    assert changes
    monkeypatch.delenv("AWS_MAX_ATTEMPTS")
    for number in changes:
        place.begin(scenario.before)
        capsys.readouterr()
        status = place.deploy(*scenario.arguments, plan=only(number, FAULTS[fault]))
        error = capsys.readouterr().err
        assert status == expected, error
        check_end(place, status, scenario.before, error, case=f"{number}")
