"""The function in deploy/ecs.yaml that tells ECS whether a new revision passed its smoke test.

Its code is taken from the template and run here, against moto's SSM.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.support.moto_server import Account, empty_account
from tests.support.servers import free_port
from tests.support.stacks import STACKS

FUNCTION = STACKS["ecs, plain"]["VerdictFunction"]
VARIABLES = FUNCTION["Environment"]["Variables"]
LIMIT = 30 * 60
ARN = "arn:aws:ecs:us-east-1:123456789012:service-revision/cluster/service/9386398427419951854"

Handler = Callable[[dict[str, Any], object], dict[str, Any]]


def event(arn: str = ARN, **more: object) -> dict[str, Any]:
    """Return what ECS asks with, as AWS shows it."""
    return {
        "executionDetails": {
            "testTrafficWeights": {},
            "productionTrafficWeights": {},
            "serviceArn": "arn:aws:ecs:us-east-1:123456789012:service/cluster/service",
            "targetServiceRevisionArn": arn,
        },
        "executionId": "a635edb5-a66b-4f44-bf3f-fcee4b3641a5",
        "lifecycleStage": "POST_TEST_TRAFFIC_SHIFT",
        "resourceArn": "arn:aws:ecs:us-east-1:123456789012:service-deployment/cluster/service/TFX5",
        **more,
    }


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """Return an account for the verdicts."""
    with empty_account() as started:
        yield started


@pytest.fixture
def handler(account: Account, monkeypatch: pytest.MonkeyPatch) -> Handler:
    """Return what Lambda calls, in the variables that the function has."""
    for name, value in (VARIABLES | account.environment).items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {}
    exec(compile(FUNCTION["Code"]["ZipFile"], "index.py", "exec"), names)  # noqa: S102  # ours
    module, _, name = FUNCTION["Handler"].partition(".")
    assert module == "index"
    called: Handler = names[name]
    return called


_NUMBERS = itertools.count(1)


@pytest.fixture
def revision() -> str:
    """Return the ARN of a revision that no other test has."""
    return f"{ARN.rpartition('/')[0]}/{next(_NUMBERS)}"


def write(account: Account, revision: str, verdict: str) -> None:
    """Write the verdict as the deployment program does."""
    name = f"{STACKS['ecs, plain'].outputs['VerdictParameter']}/{revision.rpartition('/')[2]}"
    ssm = account.client("ssm")
    ssm.put_parameter(Name=name, Value=verdict, Type="String", Overwrite=True)


@pytest.mark.parametrize(("verdict", "status"), [("passed", "SUCCEEDED"), ("failed", "FAILED")])
def test_the_verdict_decides(
    account: Account, handler: Handler, revision: str, verdict: str, status: str
) -> None:
    """Whatever the time is."""
    write(account, revision, verdict)
    assert handler(event(revision), None) == {"hookStatus": status}
    late = event(revision, hookDetails={"since": time.time() - 2 * LIMIT})
    assert handler(late, None) == {"hookStatus": status}


def test_without_a_verdict_the_revision_waits(handler: Handler, revision: str) -> None:
    """And is told since when, so that it knows the next time."""
    before = time.time()
    first = handler(event(revision), None)
    assert first["hookStatus"] == "IN_PROGRESS"
    assert 0 < first["callBackDelay"] <= 60
    assert before <= first["hookDetails"]["since"] <= time.time()
    again = handler(event(revision, hookDetails=first["hookDetails"]), None)
    assert again == first


@pytest.mark.parametrize(("waited", "status"), [(LIMIT - 30, "IN_PROGRESS"), (LIMIT, "FAILED")])
def test_after_half_an_hour_no_verdict_is_a_no(
    handler: Handler, revision: str, waited: int, status: str
) -> None:
    """Counted from the first question."""
    assert VARIABLES["LIMIT_SECONDS"] == str(LIMIT)
    request = event(revision, hookDetails={"since": time.time() - waited})
    assert handler(request, None)["hookStatus"] == status


@pytest.mark.parametrize("verdict", ["PASSED", "passed ", "yes", "{}", "IN_PROGRESS"])
def test_any_other_value_is_no_verdict(
    account: Account, handler: Handler, revision: str, verdict: str
) -> None:
    """It may be corrected until the time is over."""
    write(account, revision, verdict)
    assert handler(event(revision), None)["hookStatus"] == "IN_PROGRESS"
    late = event(revision, hookDetails={"since": time.time() - LIMIT})
    assert handler(late, None)["hookStatus"] == "FAILED"


def test_the_verdict_of_another_revision_counts_for_nothing(
    account: Account, handler: Handler, revision: str
) -> None:
    """Neither that of one before, nor one whose name only begins like it."""
    write(account, f"{revision}0", "passed")
    write(account, ARN, "passed")
    assert handler(event(revision), None)["hookStatus"] == "IN_PROGRESS"


@contextmanager
def refusing(status: int, code: str) -> Iterator[str]:
    """Run an SSM that answers every question with an error; yield its address."""

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"__type": code, "message": "not now"}).encode())

        def log_message(self, *_arguments: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ThrottlingException"),
        (400, "AccessDeniedException"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ],
)
def test_a_question_that_failed_is_no_verdict(
    handler: Handler,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    code: str,
) -> None:
    """The revision waits, the log says why, and in the end it fails: it never passes."""
    with refusing(status, code) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        assert handler(event(), None)["hookStatus"] == "IN_PROGRESS"
        assert code in capsys.readouterr().out
        late = event(hookDetails={"since": time.time() - LIMIT})
        assert handler(late, None)["hookStatus"] == "FAILED"


def test_nobody_to_ask_is_no_verdict(handler: Handler, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the network is away."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    assert handler(event(), None)["hookStatus"] == "IN_PROGRESS"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"executionDetails": {}},
        {"executionDetails": {"targetServiceRevisionArn": None}},
        event(hookDetails={"since": "yesterday"}),
        event(hookDetails={"since": None}),
        event(hookDetails="since"),
    ],
    ids=["empty", "no details", "no revision", "words", "nothing", "text"],
)
def test_an_event_that_is_not_understood_passes_nothing(
    account: Account, handler: Handler, broken: dict[str, Any]
) -> None:
    """The function fails, which ECS takes for a no."""
    write(account, ARN, "passed")
    with pytest.raises((KeyError, AttributeError, ValueError, TypeError)):
        handler(broken, None)


def test_the_details_may_stand_at_the_top(
    account: Account, handler: Handler, revision: str
) -> None:
    """So AWS's reference shows them, and a real event below executionDetails."""
    write(account, revision, "passed")
    request = event(revision)
    assert handler(request | request.pop("executionDetails"), None) == {"hookStatus": "SUCCEEDED"}
