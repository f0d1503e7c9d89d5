"""A change of the stack from its beginning to its end, and what its end means.

Here an interruption is a wish to have things as they were, for as long as that can be had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from deployer.errors import (
    GoingBackError,
    InterruptionError,
    QuestionError,
    RolledBackError,
    SmokeTestError,
    UnknownOutcomeError,
)
from deployer.operation import Operation, RefusedError
from deployer.reporting import say
from deployer.stack import Stack
from deployer.template import Template
from deployer.traffic import TestTraffic

CAPABILITIES = ["CAPABILITY_IAM"]


@dataclass(frozen=True)
class State:
    """A stack and the template that it was made from: all that is needed to go back to it."""

    stack: Stack
    template: Template

    @property
    def summary(self) -> str:
        """What runs, for a sentence."""
        tag = self.stack.image_tag
        return f"what ran before runs ({tag})" if tag else "as before, nothing runs"


def update_parameters(
    template: Template, before: Stack, requested: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the parameters of an update: what is not asked for stays as the stack has it."""
    return [
        pair
        for name in template.parameters
        for pair in _new_value(name, requested) or _previous_value(name, template, before)
    ]


def restoring_parameters(
    before: State, template: Template, requested: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the parameters that undo an update."""
    changed = {
        name: value
        for name, value in before.stack.parameters.items()
        if name in requested or name not in template.parameters
    }
    return [
        pair
        for name in before.template.parameters
        for pair in _new_value(name, changed)
        or _previous_value(name, before.template, before.stack)
    ]


def _new_value(name: str, values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"ParameterKey": name, "ParameterValue": values[name]}] if name in values else []


def _previous_value(name: str, template: Template, stack: Stack) -> list[dict[str, Any]]:
    """Return how a parameter is kept: nothing has to be said of one that has its default."""
    value = stack.parameters.get(name)
    if value is None or value == template.default(name):
        return []
    return [{"ParameterKey": name, "UsePreviousValue": True}]


def create(operation: Operation, call: Callable[..., Any], **arguments: Any) -> Stack:
    """Make a stack, and return it.

    Raises
    ------
    RolledBackError
        If it could not be made; nothing ran before, and nothing runs.
    """
    try:
        try:
            operation.start(call, Capabilities=CAPABILITIES, **arguments)
        except RefusedError as error:
            raise RolledBackError(f"the stack was not made: {error}") from error
        stack = operation.wait(lambda _: None)
    except KeyboardInterrupt:
        raise InterruptionError(
            "interrupted while the stack is made, without a service: nothing runs; deploy again "
            "when it is there"
        ) from None
    if stack.status != "CREATE_COMPLETE":
        raise RolledBackError(
            f"the stack could not be made ({stack.status}), nothing runs: {operation.cause()}"
        )
    return stack


def update(
    operation: Operation,
    call: Callable[..., Any],
    traffic: TestTraffic,
    before: State,
    tag: str,
    **arguments: Any,
) -> Stack | None:
    """Change a stack, and return it; None, if it was as asked for already.

    Raises
    ------
    InterruptionError, RefusedError
        If nothing was changed.
    RolledBackError, SmokeTestError
        If CloudFormation went back: by itself, or because the new revision answered wrongly.
    GoingBackError, UnknownOutcomeError
    """
    try:
        if not operation.start(call, Capabilities=CAPABILITIES, **arguments):
            return None
        stack = operation.wait(traffic.look)
    except KeyboardInterrupt:
        stack = _take_back(operation, traffic)
    traffic.forget()
    _check_end(operation, stack, traffic, before, tag)
    return stack


def _take_back(operation: Operation, traffic: TestTraffic) -> Stack:
    """Undo an update that goes on, if there is one, and return the stack at its end."""
    try:
        say("interrupted; CloudFormation is asked to go back (another interruption ends this)")
        if not operation.was_accepted():
            raise InterruptionError("interrupted; nothing was changed")
        try:
            operation.cancel()
        except QuestionError as error:
            say(f"{error}; waiting for the end of the update")
        return operation.wait(traffic.look)
    except KeyboardInterrupt:
        raise UnknownOutcomeError(
            "interrupted again, while CloudFormation works on the stack: it ends with what ran "
            f"before or with what was asked for; {operation.where_to_look()}"
        ) from None


def _check_end(
    operation: Operation, stack: Stack, traffic: TestTraffic, before: State, tag: str
) -> None:
    """Raise what the end of an update means, unless it is the one that was asked for."""
    if stack.status == "UPDATE_COMPLETE":
        if stack.image_tag != tag:
            raise UnknownOutcomeError(
                f"somebody else changed the stack: it has "
                f"{stack.image_tag or 'no image'}, not {tag}"
            )
        return
    if stack.status != "UPDATE_ROLLBACK_COMPLETE":
        raise GoingBackError(
            f"the stack is in {stack.status} and needs a person: {operation.cause()}"
        )
    if traffic.complaint:
        raise SmokeTestError(
            f"the smoke test failed before the new tasks got traffic: {traffic.complaint}; "
            f"{before.summary}"
        )
    if operation.was_cancelled:
        raise RolledBackError(f"interrupted; {before.summary}")
    raise RolledBackError(f"the deployment failed: {operation.cause()}; {before.summary}")


def go_back(
    operation: Operation,
    call: Callable[..., Any],
    traffic: TestTraffic,
    before: State,
    complaint: str,
    **arguments: Any,
) -> None:
    """Deploy what a stack had before, and say why.

    Raises
    ------
    SmokeTestError
        When it has it again.
    GoingBackError, UnknownOutcomeError
    """
    try:
        say(f"{complaint}; going back")
        if operation.insist(call, Capabilities=CAPABILITIES, **arguments):
            stack = operation.wait(traffic.look)
            traffic.forget()
            if stack.status != "UPDATE_COMPLETE" or stack.image_tag != before.stack.image_tag:
                raise GoingBackError(
                    f"{complaint}; and going back ended in {stack.status}: {operation.cause()}"
                )
    except KeyboardInterrupt:
        raise UnknownOutcomeError(
            f"{complaint}; interrupted while CloudFormation goes back, which it does by itself if "
            f"it has begun; {operation.where_to_look()}"
        ) from None
    except RefusedError as error:
        raise GoingBackError(
            f"{complaint}; and going back was refused ({error}): what was deployed runs"
        ) from error
    except UnknownOutcomeError as error:
        raise UnknownOutcomeError(f"{complaint}; going back: {error}") from error
    raise SmokeTestError(f"{complaint}; {before.summary}")
