"""The smoke test before the traffic, and ways out of an update that goes on.

moto is done with an update before it answers, and knows no deployments of services. So the proxy
plays the part of ECS and CloudFormation between an update's start and its end, as `Stage` says.
What is asked of the new tasks is asked of the real service.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field

import pytest
from botocore.exceptions import ClientError

from tests.support.deploying import SMALL, STACK, Account, Place, commit
from tests.support.faults import FAULTS, Answer, Call, Forward, Plan
from tests.support.servers import Server

OLD = "0123456789ab-amd64"
NAME = f"/segmentation/{STACK}/verdict/1234567890"
JSON = "application/x-amz-json-1.1"


@dataclass
class Stage:
    """An update that is in progress until the new revision has its verdict.

    It reads the verdict as the service's hook does, from the account's parameters. ``passed`` ends
    the update well; ``failed`` and a cancellation let it go back.

    Attributes
    ----------
    account : Account
    stages : list of str
        Stages of the deployment, one for each look at it; the last one stays.
    status : str
        What the stack is in meanwhile.
    verdicts : list of str
        What the hook read.
    hides_outputs : bool
        Whether the stack says where to test and where verdicts go only when the update is done.
    """

    account: Account
    stages: list[str] = field(default_factory=lambda: ["SCALE_UP", "POST_TEST_TRAFFIC_SHIFT"])
    status: str = "UPDATE_IN_PROGRESS"
    verdicts: list[str] = field(default_factory=list)
    hides_outputs: bool = False
    is_held: bool = False
    went_back: bool = False

    def __call__(self, _number: int, call: Call, forward: Forward) -> Answer:
        """Answer a call: a plan of the proxy."""
        match call.operation:
            case "UpdateStack":
                answer = forward()
                self.is_held = not self.went_back and not self.verdicts
                return answer
            case "CancelUpdateStack":
                self._go_back()
                return Answer(200, b"<CancelUpdateStackResponse/>")
            case "ListServiceDeployments":
                return _json({"serviceDeployments": [{"serviceDeploymentArn": "arn:1"}]})
            case "DescribeServiceDeployments":
                return _json({"serviceDeployments": [self._deployment()]})
            case "DescribeStacks" | "DescribeStackEvents":
                return self._described(call, forward())
        return forward()

    def _deployment(self) -> dict[str, object]:
        stage = self.stages.pop(0) if len(self.stages) > 1 else self.stages[0]
        identity = NAME.rpartition("/")[2]
        revision = f"arn:aws:ecs:us-east-1:123456789012:service-revision/c/s/{identity}"
        return {
            "serviceDeploymentArn": "arn:1",
            "lifecycleStage": stage,
            "targetServiceRevision": {"arn": revision},
        }

    def _described(self, call: Call, answer: Answer) -> Answer:
        if self.is_held and call.operation == "DescribeStacks":
            self._look_for_verdict()
        status = "UPDATE_ROLLBACK_COMPLETE" if self.went_back else "UPDATE_COMPLETE"
        if self.is_held and call.operation == "DescribeStacks":
            status = self.status
            if self.hides_outputs:
                for name in (b"TestUrl", b"VerdictParameter", b"ServiceName"):
                    answer.body = answer.body.replace(b"<OutputKey>" + name, b"<OutputKey>Other")
        return Answer(200, answer.body.replace(b"UPDATE_COMPLETE", status.encode()))

    def _look_for_verdict(self) -> None:
        try:
            value = self.account.cloud.client("ssm").get_parameter(Name=NAME)["Parameter"]["Value"]
        except ClientError:
            return
        self.verdicts.append(value)
        self.is_held = False
        if value == "failed":
            self._go_back()

    def _go_back(self) -> None:
        self.is_held, self.went_back = False, True
        self.account.update_stack(ImageTag=OLD)


def _json(content: object) -> Answer:
    return Answer(200, json.dumps(content).encode(), JSON)


@pytest.fixture
def stage(place: Place, server: Server) -> Stage:
    """Return the stage of an update of a stack whose test address leads to the service."""
    template = SMALL.read_text().replace("http://test.invalid", server.url)
    (place.checkout / "deploy/ecs-minimal.yaml").write_text(template)
    commit(place.checkout, "a template with a test address")
    place.account.make_stack(place.checkout / "deploy/ecs-minimal.yaml", OLD)
    return Stage(place.account)


def test_a_revision_that_answers_right_gets_its_traffic(
    place: Place, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is asked once it has test traffic, not before; the verdict is tidied up."""
    assert place.deploy(plan=stage) == 0, capsys.readouterr().err
    assert stage.verdicts == ["passed"]
    printed = capsys.readouterr().out.splitlines()
    before, after = (
        next(at for at, line in enumerate(printed) if word in line)
        for word in ("before they get traffic", "asking http")
    )
    assert before < after
    assert place.account.running() != OLD
    names = [
        parameter["Name"]
        for parameter in place.account.cloud.client("ssm").describe_parameters()["Parameters"]
    ]
    assert NAME not in names


def test_a_revision_that_answers_wrong_never_gets_traffic(
    place: Place,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """ECS goes back by itself; the service's own address is not even asked."""
    monkeypatch.setenv("SMOKE_SEGMENT", "power_user")
    assert place.deploy(plan=stage) == 4
    assert stage.verdicts == ["failed"]
    output = capsys.readouterr()
    assert "before the new tasks got traffic" in output.err
    assert f"what ran before runs ({OLD})" in output.err
    assert "asking http" not in output.out
    assert place.account.running() == OLD


def test_without_a_smoke_test_a_revision_passes_at_once(
    place: Place, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise its deployment would fail after the hook's limit."""
    monkeypatch.setenv("SMOKE_SEGMENT", "power_user")
    assert place.deploy("--no-smoke", plan=stage) == 0
    assert stage.verdicts == ["passed"]


def test_the_way_back_is_not_tested(
    place: Place, stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What ran before need not answer as the new revision has to; it must not be held up."""
    monkeypatch.setenv("SMOKE_SEGMENT", "power_user")
    stage.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    place.deploy(plan=stage)
    assert stage.verdicts == ["passed"]
    assert "before they get traffic" not in capsys.readouterr().out


def test_a_stack_that_has_no_test_address_yet_is_not_held_up(
    place: Place, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    """The update that brings the hook, or the service: it is asked when it has traffic."""
    old = place.checkout / "old.yaml"
    text = SMALL.read_text().splitlines(keepends=True)
    old.write_text(
        "".join(line for line in text if "Verdict" not in line and "TestUrl" not in line)
    )
    place.account.make_stack(old, OLD)
    old.unlink()
    stage = Stage(place.account, hides_outputs=True)
    assert place.deploy(plan=stage) == 0, capsys.readouterr().err
    assert stage.verdicts == ["passed"]
    assert "no test address yet" in capsys.readouterr().out


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    "operation",
    ["ListServiceDeployments", "DescribeServiceDeployments", "PutParameter"],
)
def test_a_look_that_fails_is_repeated(
    place: Place, stage: Stage, operation: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No question that failed is a verdict; the next look asks again."""
    failures = iter([FAULTS[fault]] * 2)

    def plan(number: int, call: Call, forward: Forward) -> Answer:
        failure = next(failures, None) if call.operation == operation else None
        return (failure or stage)(number, call, forward)

    assert place.deploy(plan=plan) == 0, capsys.readouterr().err
    assert stage.verdicts == ["passed"]
    # A verdict whose answer is lost was written: then the first look was enough.
    assert next(failures, None) is None or (operation, fault) == ("PutParameter", "dropped after")


def interrupted(stage: Stage, times: int) -> Plan:
    """Return a plan that tells the program to end while an update is in progress."""
    stage.stages = ["SCALE_UP"]
    left = [signal.SIGTERM] * times

    def plan(number: int, call: Call, forward: Forward) -> Answer:
        answer = stage(number, call, forward)
        is_looked_at = call.operation in ("ListServiceDeployments", "CancelUpdateStack")
        if left and is_looked_at:
            os.kill(os.getpid(), left.pop())
        return answer

    return plan


def test_an_interruption_takes_an_update_back(
    place: Place, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudFormation is asked to, and waited for."""
    assert place.deploy(plan=interrupted(stage, 1)) == 3
    assert "CancelUpdateStack" in place.proxy.operations()
    assert f"interrupted; what ran before runs ({OLD})" in capsys.readouterr().err
    assert place.account.running() == OLD


def test_a_second_interruption_ends_the_program_and_says_what_is_not_known(
    place: Place, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """CloudFormation goes on without it."""
    assert place.deploy(plan=interrupted(stage, 2)) == 6
    assert "aws cloudformation describe-stack-events" in capsys.readouterr().err


def event(identity: str, resource: str, status: str, token: str | None, text: str = "") -> str:
    """Return an event as CloudFormation describes it."""
    kind = "AWS::CloudFormation::Stack" if resource == STACK else "AWS::ECS::Service"
    fields = {
        "EventId": identity,
        "StackName": STACK,
        "LogicalResourceId": resource,
        "ResourceType": kind,
        "ResourceStatus": status,
        "ResourceStatusReason": text,
        "ClientRequestToken": token,
    }
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items() if value)
    return f"<member>{inner}</member>"


def test_the_reason_is_the_first_failure_of_this_update(
    place: Place, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not what was cancelled because of it, nor an earlier update's, nor somebody else's."""

    def plan(number: int, call: Call, forward: Forward) -> Answer:
        updates = [created for created in place.proxy.calls if created.operation == "UpdateStack"]
        if call.operation == "UpdateStack":
            answer = forward()
            stage._go_back()
            return answer
        if call.operation != "DescribeStackEvents":
            return stage(number, call, forward)
        events = [event("1", "Service", "UPDATE_FAILED", "earlier", "an old reason")]
        if updates:
            token = updates[0].form()["ClientRequestToken"]
            events += [
                event("2", STACK, "UPDATE_IN_PROGRESS", token),
                event("3", "Alarm", "UPDATE_FAILED", "other", "somebody else's reason"),
                event("4", "Service", "UPDATE_FAILED", token, "the circuit breaker was triggered"),
                event("5", "LogGroup", "UPDATE_FAILED", token, "Resource update cancelled"),
                event("6", STACK, "UPDATE_ROLLBACK_COMPLETE", token),
            ]
        text = f"<StackEvents>{''.join(reversed(events))}</StackEvents>"
        for tag in ("DescribeStackEventsResult", "DescribeStackEventsResponse"):
            text = f"<{tag}>{text}</{tag}>"
        return Answer(200, text.encode())

    assert place.deploy(plan=plan) == 3
    complaint = capsys.readouterr().err
    assert "Service: the circuit breaker was triggered" in complaint
    assert "cancelled" not in complaint
    assert "old reason" not in complaint
    assert place.account.running() == OLD
