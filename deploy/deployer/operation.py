"""One change of a stack: started once, followed to its end, and its failure explained.

A call whose answer is lost may have been accepted. So a change has a token, and is looked for
among the stack's events before anything is said about it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from botocore.exceptions import ClientError

from deployer.aws import FAILURES, Aws, asking, is_refusal, reason
from deployer.errors import NotStartedError, QuestionError, UnknownOutcomeError
from deployer.stack import Stack, find_stack, is_absence

LOOKS = 4
"""How often a change is looked for whose answer was lost: it may still be on its way."""

_CONSEQUENCES = ("creation cancelled", "update cancelled", "deletion cancelled")


@dataclass(frozen=True)
class Pace:
    """How often a stack is asked about, and for how long.

    Attributes
    ----------
    interval : float
        Seconds between two questions.
    patience : float
        Seconds for which the answer may fail to come.
    limit : float
        Seconds that a change may take. CloudFormation gives a service three hours, and three more
        to go back.
    """

    interval: float = 5.0
    patience: float = 60.0
    limit: float = 7 * 3600.0


class RefusedError(NotStartedError):
    """CloudFormation did not take a change."""


class Operation:
    """A change of a stack that is about to be made.

    Parameters
    ----------
    aws : Aws
    stack_name : str
    pace : Pace
    last_event_before : str or None
        The newest event that is not of this change; None, if the stack has no history.

    Attributes
    ----------
    newest_event : str or None
        The newest event that was seen.
    was_cancelled : bool
    """

    def __init__(
        self, aws: Aws, stack_name: str, pace: Pace, last_event_before: str | None
    ) -> None:
        self.token = f"deploy-{uuid.uuid4().hex}"
        self.cancel_token = f"{self.token}-cancel"
        self.was_cancelled = False
        self._aws, self._name, self._pace = aws, stack_name, pace
        self._last_event_before = self.newest_event = last_event_before

    def next(self) -> Operation:
        """Return a change after this one, without a question that could fail."""
        return Operation(self._aws, self._name, self._pace, self.newest_event)

    def start(self, call: Callable[..., Any], **arguments: Any) -> bool:
        """Ask for the change, once.

        Returns
        -------
        bool
            Whether there is anything to wait for; not, if everything was as asked for before.

        Raises
        ------
        RefusedError
            If CloudFormation certainly did not take it.
        UnknownOutcomeError
            If it is not known whether it did.
        """
        try:
            call(StackName=self._name, ClientRequestToken=self.token, **arguments)["StackId"]
        except (*FAILURES, LookupError) as error:
            if not is_refusal(error) and self.was_accepted():
                return True
            if "No updates are to be performed" in str(error):
                return False
            raise RefusedError(reason(error)) from error
        return True

    def insist(self, call: Callable[..., Any], **arguments: Any) -> bool:
        """Ask for the change several times if it is refused; what is returned is as of `start`."""
        for _ in range(LOOKS - 1):
            try:
                return self.start(call, **arguments)
            except RefusedError:
                time.sleep(self._pace.interval)
        return self.start(call, **arguments)

    def was_accepted(self) -> bool:
        """Return whether CloudFormation has begun with the change.

        Raises
        ------
        UnknownOutcomeError
            If that cannot be found out.
        """
        deadline, looks = time.monotonic() + self._pace.patience, 0
        while looks < LOOKS:
            try:
                if self._statuses():
                    return True
                looks += 1
            except QuestionError as error:
                if time.monotonic() > deadline:
                    self._give_up("whether CloudFormation took the change is not known", error)
            time.sleep(self._pace.interval / 2)
        return False

    def cancel(self) -> None:
        """Ask CloudFormation to take the change back."""
        self.was_cancelled = True
        with asking("taking the update back"):
            self._aws.cloudformation.cancel_update_stack(
                StackName=self._name, ClientRequestToken=self.cancel_token
            )

    def wait(self, on_progress: Callable[[Stack], None]) -> Stack:
        """Follow the change to its end.

        Parameters
        ----------
        on_progress : callable
            Is given the stack each time it is looked at while CloudFormation works on it.

        Returns
        -------
        Stack
            As it is then, whether that is what was asked for or what was before.

        Raises
        ------
        UnknownOutcomeError
            If nothing can be found out for longer than the patience lasts.
        """
        end = time.monotonic() + self._pace.limit
        deadline = time.monotonic() + self._pace.patience
        interval = min(1.0, self._pace.interval)
        while True:
            try:
                stack = self._look()
                if not stack.in_progress and self._ended_in(stack.status):
                    return stack
                problem = QuestionError(f"the stack is in {stack.status}")
                if stack.in_progress and time.monotonic() < end:
                    on_progress(stack)  # which may take minutes
                    deadline = time.monotonic() + self._pace.patience
            except QuestionError as error:
                problem = error
            if time.monotonic() > deadline:
                self._give_up(
                    "CloudFormation was asked for the change; how it ends is not known", problem
                )
            time.sleep(interval)
            interval = min(interval * 1.5, self._pace.interval)

    def _look(self) -> Stack:
        stack = find_stack(self._aws, self._name)
        if stack is None:
            raise QuestionError(f"there is no stack {self._name}")
        return stack

    def cause(self) -> str:
        """Return why the change failed: its first failed event that is no consequence of another.

        A failed look-up is said to be one, and is no reason.
        """
        try:
            failed = [event for event in self._events() if _has_failed(event)]
        except QuestionError as error:
            return f"why is not known ({error})"
        causes = [event for event in failed if not _is_consequence(event)] or failed
        if not causes:
            return "CloudFormation gives no reason"
        text = " ".join(str(causes[0].get("ResourceStatusReason", "no reason")).split())
        return f"{causes[0].get('LogicalResourceId')}: {text}"

    def _ended_in(self, status: str) -> bool:
        """Return whether a status is the end of this change, not of one before it."""
        statuses = self._statuses()
        return bool(statuses) and statuses[-1] == status

    def _statuses(self) -> list[str]:
        """Return the statuses that the stack itself went through, the oldest first."""
        return [
            str(event.get("ResourceStatus"))
            for event in self._events()
            if event.get("ResourceType") == "AWS::CloudFormation::Stack"
            and event.get("LogicalResourceId") == self._name
        ]

    def _events(self) -> list[dict[str, Any]]:
        """Return the events of this change, the oldest first."""
        events, newest = [], ""
        with asking(f"the events of {self._name}"):
            for event in _newest_first(self._aws, self._name):
                newest = newest or str(event["EventId"])
                if event["EventId"] == self._last_event_before:
                    break
                if event.get("ClientRequestToken") in (None, self.token, self.cancel_token):
                    events.append(event)
        self.newest_event = newest or self.newest_event
        return events[::-1]

    def _give_up(self, problem: str, error: Exception) -> NoReturn:
        raise UnknownOutcomeError(f"{problem} ({error}); {self.where_to_look()}") from error

    def where_to_look(self) -> str:
        """Return how a person finds out what became of the change."""
        return (
            f"aws cloudformation describe-stack-events --stack-name {self._name} says what became "
            f"of {self.token}"
        )


def find_newest_event(aws: Aws, stack_name: str) -> str | None:
    """Return the newest event of a stack, or None if it has none."""
    with asking(f"the events of {stack_name}"):
        for event in _newest_first(aws, stack_name):
            return str(event["EventId"])
    return None


def _newest_first(aws: Aws, stack_name: str) -> Iterator[dict[str, Any]]:
    pages = aws.cloudformation.get_paginator("describe_stack_events")
    try:
        for page in pages.paginate(StackName=stack_name):
            yield from page["StackEvents"]
    except ClientError as error:
        if not is_absence(error, stack_name):
            raise


def _has_failed(event: dict[str, Any]) -> bool:
    return str(event.get("ResourceStatus")).endswith("_FAILED")


def _is_consequence(event: dict[str, Any]) -> bool:
    text = str(event.get("ResourceStatusReason", "")).lower()
    return any(consequence in text for consequence in _CONSEQUENCES)
