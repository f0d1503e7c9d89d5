"""Templates as far as a deployment needs them: parameters, what they allow, and which one it is.

What CloudFormation checks late, after minutes of building, is checked here first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deployer.errors import ArgumentsError, NotStartedError

LARGEST = 51_200
"""Bytes of a template that CloudFormation takes in a request."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, whose meaning does not matter here."""


def _keep_content(loader: _Loader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True) if isinstance(node, yaml.MappingNode) else None


_Loader.add_multi_constructor("!", _keep_content)


@dataclass(frozen=True)
class Template:
    """A template's text, and what it declares.

    Attributes
    ----------
    text : str
    parameters : dict
        The declarations, by the parameters' names.
    resource_types : frozenset of str
    outputs : dict
        The declarations, by the outputs' names.
    """

    text: str
    parameters: dict[str, dict[str, Any]]
    resource_types: frozenset[str]
    outputs: dict[str, dict[str, Any]]

    @property
    def has_load_balancer(self) -> bool:
        """Whether it is the large template; the minimal one has none."""
        return "AWS::ElasticLoadBalancingV2::LoadBalancer" in self.resource_types

    def verdict_prefix(self, stack_name: str) -> str | None:
        """Return where a stack will look for verdicts that does not say it yet."""
        value = str(self.outputs.get("VerdictParameter", {}).get("Value"))
        prefix = value.replace("${AWS::StackName}", stack_name)
        return prefix if prefix.startswith("/") and "$" not in prefix else None

    def default(self, name: str) -> str | None:
        """Return the value of a parameter that nobody gives, or nothing where one is needed."""
        default = self.parameters.get(name, {}).get("Default")
        return None if default is None else str(default)

    def check(self, requested: Mapping[str, str]) -> None:
        """Refuse names that the template does not have, and values that it does not allow."""
        for name, value in requested.items():
            if name not in self.parameters:
                raise ArgumentsError(
                    f"the template has no parameter {name}; it has {', '.join(self.parameters)}"
                )
            complaint = _complaint(self.parameters[name], value)
            if complaint:
                raise ArgumentsError(f"{name}={value}: {complaint}")

    def missing(self, values: Mapping[str, str]) -> list[str]:
        """Return the parameters that have no default and no value."""
        return [
            name
            for name, declared in self.parameters.items()
            if "Default" not in declared and name not in values
        ]


def parse_template(text: str) -> Template:
    """Read a template, written as YAML or JSON.

    Raises
    ------
    NotStartedError
        If it is neither, or too large to be sent.
    """
    try:
        document = yaml.load(text, Loader=_Loader)  # nosec B506  # it derives from the safe loader
        parameters = dict(document.get("Parameters") or {})
        outputs = dict(document.get("Outputs") or {})
        types = frozenset(str(resource["Type"]) for resource in document["Resources"].values())
    except (yaml.YAMLError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise NotStartedError("a template is neither YAML nor JSON with Resources") from error
    return Template(text, parameters, types, outputs)


def read_template(path: Path) -> Template:
    """Read a template's file, and refuse it if CloudFormation would."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ArgumentsError(f"{path.name}: {error.strerror}") from error
    size = len(text.encode())
    if size > LARGEST:
        raise ArgumentsError(f"{path.name} has {size} bytes; CloudFormation takes {LARGEST}")
    return parse_template(text)


def _complaint(declared: Mapping[str, Any], value: str) -> str | None:
    """Return what is wrong with a value, if something is."""
    kind = str(declared["Type"])
    is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
    items = [item.strip() for item in value.split(",")] if is_list else [value]
    for item in items:
        complaint = _complaint_of_item(declared, kind, item)
        if complaint:
            return complaint
    return None


def _complaint_of_item(declared: Mapping[str, Any], kind: str, item: str) -> str | None:
    allowed = [str(value) for value in declared.get("AllowedValues", [])]
    if allowed and item not in allowed:
        return f"has to be one of {', '.join(allowed)}"
    if "Number" in kind:
        return _complaint_of_number(declared, item)
    pattern = declared.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, item):
        return f"has to be {declared.get('ConstraintDescription', f'like {pattern}')}"
    if "::" in kind and not re.fullmatch(r"[a-z]+-[0-9a-f]+", item):
        return f"has to be the id of a {kind.removeprefix('List<').split('::')[2].lower()}"
    return None


def _complaint_of_number(declared: Mapping[str, Any], item: str) -> str | None:
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", item):
        return "has to be a number"
    least, most = declared.get("MinValue"), declared.get("MaxValue")
    if least is not None and float(item) < float(least):
        return f"has to be {least} or more"
    if most is not None and float(item) > float(most):
        return f"has to be {most} or less"
    return None
