"""Checks commands of the AWS CLI against the models of AWS's interfaces, and runs none of them.

The models are botocore's, which the AWS CLI has as well: names of operations, options, waiters and
fields are checked, and what is required. The few commands that are no plain operations are listed
here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

_SESSION = botocore.session.get_session()
_ANYWHERE = {"query": True, "output": True, "region": True, "profile": True}
_OWN: dict[tuple[str, str], tuple[set[str], dict[str, bool], int]] = {
    ("s3", "cp"): (set(), {"recursive": False}, 2),
    ("ecr", "get-login-password"): (set(), {}, 0),
    ("cloudformation", "deploy"): (
        {"stack-name", "template-file"},
        dict.fromkeys(("stack-name", "template-file", "capabilities", "parameter-overrides"), True),
        0,
    ),
    # The AWS CLI has another name for the operation's endpoint.
    ("sns", "subscribe"): (
        {"topic-arn", "protocol"},
        dict.fromkeys(("topic-arn", "protocol", "notification-endpoint"), True),
        0,
    ),
}
"""Commands of the AWS CLI's own: required options, all options and whether they take a value, and
how many words they take besides."""


def complaint(arguments: list[str]) -> str | None:
    """Return what is wrong with a command, or None."""
    try:
        _check(arguments)
    except (ValueError, LookupError, UnknownServiceError) as error:
        return f"aws {' '.join(arguments)}: {error}"
    return None


def _check(arguments: list[str]) -> None:
    if arguments == ["--version"]:
        return
    service, operation, *words = arguments
    options, further = _split(words)
    if "query" in options:
        jmespath.compile(" ".join(options["query"]))
    if (service, operation) in _OWN:
        required, known_names, count = _OWN[service, operation]
        _check_names(options, required, set(known_names), further, count)
        return
    model = _SESSION.get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if operation == "wait":
        waiters = _SESSION.get_waiter_model(service)
        waiter = {xform_name(name, "-"): name for name in waiters.waiter_names}[further.pop(0)]
        operation = xform_name(waiters.get_waiter(waiter).operation, "-")
    shape = model.operation_model(names[operation]).input_shape
    members = {xform_name(name, "-"): name for name in (shape.members if shape else {})}
    required = {xform_name(name, "-") for name in (shape.required_members if shape else [])}
    _check_names(options, required, set(members), further, 0)
    for name, values in options.items():
        if name in members:
            for value in values:
                _check_value(shape.members[members[name]], value)


def _split(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return options with their values, and the words that belong to none."""
    options: dict[str, list[str]] = {}
    further: list[str] = []
    current = further
    for word in words:
        if word.startswith("--"):
            current = options.setdefault(word.removeprefix("--").removeprefix("no-"), [])
        else:
            current.append(word)
    return options, further


def _check_names(
    options: dict[str, list[str]],
    required: set[str],
    known_names_value: set[str],
    further_value: list[str],
    count: int,
) -> None:
    unknown = options.keys() - known_names_value - _ANYWHERE.keys()
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    missing = required - options.keys()
    if missing:
        raise ValueError(f"required: {', '.join(sorted(missing))}")
    if len(further_value) != count:
        raise ValueError(f"{len(further_value)} words where {count} are taken")


def _check_value(shape: Any, value: str) -> None:
    """Refuse fields that a structure does not have, in JSON and in the AWS CLI's short form."""
    if value.lstrip()[:1] in ("{", "["):
        if shape.type_name in ("structure", "list", "map"):
            _check_json(shape, json.loads(value))
        return
    structure = shape.member if shape.type_name == "list" else shape
    if structure.type_name != "structure" or value.startswith(("file://", "$")):
        return
    for name in _short_names(value):
        if name not in structure.members:
            raise ValueError(f"{structure.name} has no {name}")


def _check_json(shape: Any, content: Any) -> None:
    if shape.type_name == "list":
        for item in content:
            _check_json(shape.member, item)
    elif shape.type_name == "structure":
        for name, item in content.items():
            if name not in shape.members:
                raise ValueError(f"{shape.name} has no {name}")
            _check_json(shape.members[name], item)


def _short_names(value: str) -> Iterator[str]:
    """Yield the outer names of ``Name=x,Values=a,b`` and ``outer={inner=1}``."""
    outer = re.sub(r"\{[^{}]*\}", "", value)
    yield from re.findall(r"(?:^|,)([A-Za-z]\w*)=", outer)
