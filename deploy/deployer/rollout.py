"""The service: it is changed, asked, and changed back if it does not answer right."""

from __future__ import annotations

from deployer import change
from deployer.aws import Aws
from deployer.change import State
from deployer.errors import NotStartedError, SmokeTestError, UnknownOutcomeError
from deployer.operation import Operation, Pace, find_newest_event
from deployer.reporting import say
from deployer.request import Request
from deployer.smoke import SmokeTest
from deployer.stack import Stack
from deployer.task import task_address
from deployer.traffic import TestTraffic


class Rollout:
    """An image on its way into a stack.

    Parameters
    ----------
    aws : Aws
    request : Request
    pace : Pace
    before : State
        What is gone back to.
    tag : str
    """

    def __init__(self, aws: Aws, request: Request, pace: Pace, before: State, tag: str) -> None:
        self._aws, self._request, self._pace = aws, request, pace
        self._before, self._tag = before, tag
        self._parameters = request.parameters | {"ImageTag": tag}

    def run(self) -> None:
        """Deploy the image.

        Raises
        ------
        DeploymentError
            If it does not run afterwards.
        """
        name = self._before.stack.name
        last = find_newest_event(self._aws, name)
        operation = Operation(self._aws, name, self._pace, last)
        try:
            self._update(operation)
        except KeyboardInterrupt:
            raise UnknownOutcomeError(
                f"interrupted; {name} has {self._tag} or what it had before: aws cloudformation "
                f"describe-stacks --stack-name {name} says which"
            ) from None

    def _update(self, operation: Operation) -> None:
        smoke = self._request.options.smoke
        say(f"deploying {self._tag}; some minutes")
        stack = change.update(
            operation,
            self._aws.cloudformation.update_stack,
            self._traffic(self._request.smoke_test if smoke else None),
            self._before,
            self._tag,
            TemplateBody=self._request.template.text,
            Parameters=change.update_parameters(
                self._request.template, self._before.stack, self._parameters
            ),
        )
        if stack is None:
            say(f"nothing to change: {self._tag} runs already")
        complaint = self._ask(stack or self._before.stack) if smoke else None
        if complaint is None:
            say(f"{self._tag} is deployed{self._where(stack or self._before.stack)}")
        elif stack is None:
            raise SmokeTestError(f"{complaint}; nothing was changed, {self._tag} ran before")
        else:
            self._go_back(operation, complaint)

    def _traffic(self, smoke_test: SmokeTest | None) -> TestTraffic:
        prefix = self._request.template.verdict_prefix(self._before.stack.name)
        return TestTraffic(self._aws, smoke_test, prefix)

    def _url(self, stack: Stack) -> str | None:
        return self._request.smoke_url or stack.outputs.get("Url")

    def _ask(self, stack: Stack) -> str | None:
        """Return what is wrong with the service, or None."""
        url = self._url(stack)
        say(f"asking {url or 'the task'}")
        try:
            complaint = self._request.smoke_test.complaint(
                lambda: url or task_address(self._aws, stack),
                # The certificate is for the name that people use, which is not known here.
                any_name=not self._request.smoke_url,
            )
        except KeyboardInterrupt:
            complaint = "it was interrupted"
        return complaint and f"the smoke test failed: {complaint}"

    def _where(self, stack: Stack) -> str:
        try:
            return f": {self._url(stack) or task_address(self._aws, stack)}"
        except NotStartedError:
            return ""

    def _go_back(self, operation: Operation, complaint: str) -> None:
        change.go_back(
            operation.next(),
            self._aws.cloudformation.update_stack,
            self._traffic(None),
            self._before,
            complaint,
            TemplateBody=self._before.template.text,
            Parameters=change.restoring_parameters(
                self._before, self._request.template, self._parameters
            ),
        )
