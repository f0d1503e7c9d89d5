"""deploy/deploy.py on an account on which one call after another fails, in every way that is known.

The account is moto's server as it is, behind a proxy that lets calls fail. Afterwards the account
is asked directly, past the proxy, what runs: what ran before or what was asked for, and the exit
status has to say which.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.cloud import running_cloud
from tests.support.deploying import (
    CIDR,
    FAST,
    SMALL,
    STACK,
    Account,
    load_program,
    make_builder,
    make_checkout,
)
from tests.support.faults import (
    FAULTS,
    Answer,
    Call,
    Forward,
    Plan,
    Proxy,
    beginning_with,
    only,
    running_proxy,
)
from tests.support.servers import Server

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


@dataclass
class Place:
    """A checkout, and the account that it is deployed to."""

    program: ModuleType
    checkout: Path
    account: Account
    proxy: Proxy
    calls: dict[Scenario, dict[int, str]] = field(default_factory=dict)

    def begin(self, *, with_service: bool) -> str:
        """Make the account as it is before a deployment; return what runs."""
        self.proxy.reset()
        self.account.reset()
        if with_service:
            self.account.make_stack(SMALL, OLD)
        return self.account.running()

    def deploy(self, *arguments: str, plan: Plan | None = None) -> int:
        """Run the program, with calls that fail as planned."""
        if plan:
            self.proxy.reset(plan)
        words = ["--minimal", "--stack", STACK, *arguments]
        return int(self.program.main(words, self.checkout, FAST))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Return a place; the account keeps its port from test to test."""
    folder = tmp_path_factory.mktemp("place")
    checkout = make_checkout(folder, SMALL)
    with (
        running_cloud(folder, "moto.server") as cloud,
        running_proxy(cloud.environment["AWS_ENDPOINT_URL"]) as proxy,
    ):
        yield Place(load_program(), checkout, Account(cloud), proxy)


@pytest.fixture(autouse=True)
def environment(
    place: Place, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Let the program find the account by way of the proxy, and ask the real service."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = {
        "AWS_ENDPOINT_URL": place.proxy.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",  # boto3 repeats nothing: one fault is one failed call
        "BUILDER": str(make_builder(tmp_path)),
        "SMOKE_URL": server.url,
        "SMOKE_SECONDS": "0",
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


def check_end(
    place: Place, status: int, before: str, error: str, *, case: str, smoke: bool = True
) -> None:
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
        sent = [call.parameters() for call in place.proxy.calls if call.operation == "UpdateStack"]
        assert all(parameters["ImageTag"] for parameters in sent), case


@dataclass(frozen=True)
class Scenario:
    """A deployment that is tried again and again.

    Attributes
    ----------
    arguments : tuple of str
    with_service : bool
        Whether something runs before.
    settings : tuple
        Names and values of the environment.
    like : str or None
        The scenario that it begins like: the calls of that one are tried there.
    """

    arguments: tuple[str, ...]
    with_service: bool
    settings: tuple[tuple[str, str], ...] = ()
    like: str | None = None


WRONG = (("SMOKE_SEGMENT", "power_user"),)
SCENARIOS = {
    "new": Scenario((CIDR,), with_service=False),
    "update": Scenario(("LogLevel=debug",), with_service=True),
    "back to nothing": Scenario((CIDR,), with_service=False, settings=WRONG, like="new"),
    "back": Scenario(("LogLevel=debug",), with_service=True, settings=WRONG, like="update"),
}


def own_calls(place: Place, scenario: Scenario) -> dict[int, str]:
    """Return the calls that a scenario makes when none fails, but those of the one it is like."""
    if scenario not in place.calls:
        with pytest.MonkeyPatch.context() as monkeypatch:
            for name, _ in WRONG:
                monkeypatch.delenv(name, raising=False)
            for name, value in scenario.settings:
                monkeypatch.setenv(name, value)
            place.begin(with_service=scenario.with_service)
            place.deploy(*scenario.arguments)
        place.calls[scenario] = dict(enumerate(place.proxy.operations()))
    tried = own_calls(place, SCENARIOS[scenario.like]) if scenario.like else {}
    calls = place.calls[scenario]
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
        before = place.begin(with_service=scenario.with_service)
        capsys.readouterr()
        status = place.deploy(*scenario.arguments, plan=plan(number))
        error = capsys.readouterr().err
        check_end(place, status, before, error, case=f"{number}, {operation}")
        statuses[status] += 1
    return statuses


@pytest.mark.parametrize("fault", FAULTS)
def test_one_failed_call_does_no_harm(
    place: Place, scenario: Scenario, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever call it is, and however it fails."""
    statuses = try_each(place, scenario, lambda number: only(number, FAULTS[fault]), capsys)
    assert statuses


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
        before = place.begin(with_service=scenario.with_service)
        capsys.readouterr()
        status = place.deploy(*scenario.arguments, plan=only(number, FAULTS[fault]))
        error = capsys.readouterr().err
        assert status == expected, error
        check_end(place, status, before, error, case=f"{number}")
