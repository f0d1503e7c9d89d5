"""A stack as it is: whether it is there, what it runs, and whether it can be changed now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from deployer.aws import Aws, asking, error_code
from deployer.errors import NotStartedError
from deployer.template import Template, parse_template

READY = frozenset(
    {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }
)
"""Statuses in which a stack takes a change."""

_ADVICE = {
    "REVIEW_IN_PROGRESS": "a change set was made for it and never run; delete the stack first",
    "CREATE_FAILED": "it could not be made; delete it, and deploy again",
    "ROLLBACK_COMPLETE": "it could not be made; see why (aws cloudformation describe-stack-events "
    "--stack-name {name}), delete it, and deploy again",
    "ROLLBACK_FAILED": "it could not be made, nor taken down; delete it, and deploy again",
    "DELETE_FAILED": "it could not be deleted; delete it again, and deploy then",
    "UPDATE_FAILED": "an update stopped half-way; take it back with "
    "aws cloudformation rollback-stack --stack-name {name}",
    "UPDATE_ROLLBACK_FAILED": "an update could not be taken back; correct what is in its way, then "
    "aws cloudformation continue-update-rollback --stack-name {name}",
    "DELETE_COMPLETE": "it was deleted just now; deploy again",
}


@dataclass(frozen=True)
class Stack:
    """A stack at one moment.

    Attributes
    ----------
    name, status : str
    parameters, outputs : dict
    """

    name: str
    status: str
    parameters: dict[str, str]
    outputs: dict[str, str]

    @property
    def in_progress(self) -> bool:
        """Whether CloudFormation works on it."""
        return self.status.endswith("_IN_PROGRESS")

    @property
    def goes_back(self) -> bool:
        """Whether CloudFormation takes an update back, or has done so."""
        return self.status.startswith("UPDATE_ROLLBACK")

    @property
    def image_tag(self) -> str:
        """The image that it runs; nothing, if it has no service."""
        return self.parameters["ImageTag"]

    def output(self, name: str) -> str:
        """Return an output that every deployment needs."""
        if name not in self.outputs:
            raise NotStartedError(
                f"the stack {self.name} has no output {name}: another template's?"
            )
        return self.outputs[name]


def find_stack(aws: Aws, name: str) -> Stack | None:
    """Return a stack, or None if CloudFormation says that there is none.

    Raises
    ------
    QuestionError
        If it says anything else, or nothing: then it is not known whether there is a stack.
    """
    with asking(f"the stack {name}"):
        try:
            answer = aws.cloudformation.describe_stacks(StackName=name)
        except ClientError as error:
            if is_absence(error, name):
                return None
            raise
        (described,) = answer["Stacks"]
        return _read_stack(described, name)


def is_absence(error: ClientError, name: str) -> bool:
    """Return whether CloudFormation says that there is no stack, and nothing else."""
    message = str(error.response.get("Error", {}).get("Message"))
    return error_code(error) == "ValidationError" and f"{name} does not exist" in message


def _read_stack(described: Mapping[str, Any], name: str) -> Stack:
    parameters = {
        pair["ParameterKey"]: pair["ParameterValue"] for pair in described.get("Parameters", [])
    }
    outputs = {pair["OutputKey"]: pair["OutputValue"] for pair in described.get("Outputs", [])}
    status = described["StackStatus"]
    if described["StackName"] != name or not isinstance(status, str) or not status:
        raise ValueError(described["StackName"])
    return Stack(name, status, parameters, outputs)


def check_ready(stack: Stack) -> None:
    """Refuse to change a stack that takes no change now, and say what to do."""
    if stack.status in READY:
        return
    advice = _ADVICE.get(stack.status)
    if advice is None:
        advice = "somebody changes it; wait for it" if stack.in_progress else "go on by hand"
    raise NotStartedError(
        f"the stack {stack.name} is in {stack.status}: {advice.format(name=stack.name)}"
    )


def read_deployed_template(aws: Aws, stack: Stack) -> Template:
    """Return the template that a stack was made from.

    Raises
    ------
    QuestionError
        If it cannot be had, or the stack's description lacks what the template declares: an
        answer that is not complete must not look like a stack without a service.
    """
    with asking(f"the template of {stack.name}"):
        body = aws.cloudformation.get_template(StackName=stack.name)["TemplateBody"]
        template = parse_template(body if isinstance(body, str) else json.dumps(body))
        missing = set(template.parameters) - set(stack.parameters)
        if missing or "ImageTag" not in template.parameters:
            raise LookupError(", ".join(sorted(missing)) or "ImageTag")
    return template
