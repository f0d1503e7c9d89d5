"""A CloudFormation template as its author means it: conditions decided, parameters filled in.

References to what only AWS knows stay visible: ``ref:Bucket`` and ``att:Bucket.Arn``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "segmentation",
}
_GONE = object()


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def read_template(path: Path) -> dict[str, Any]:
    """Return a template with its functions in their long form."""
    template: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)  # noqa: S506  # a safe one
    return template


@dataclass(frozen=True)
class Stack:
    """What a template makes of parameters.

    Parameters
    ----------
    template : dict
    parameters : mapping
        Those without one have their defaults.
    ids : mapping, optional
        What AWS answers to a reference: ``{"ref:Bucket": "name"}``. Without it, it stays visible.
    """

    template: dict[str, Any]
    parameters: Mapping[str, str]
    ids: Mapping[str, str] | None = None

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources whose condition holds, by their logical names."""
        return {
            name: self._resolved(resource)
            for name, resource in self.template["Resources"].items()
            if self._holds(resource.get("Condition"))
        }

    @property
    def outputs(self) -> dict[str, str]:
        """The values of the outputs whose condition holds, by their names."""
        return {
            name: self._resolved(output["Value"])
            for name, output in self.template["Outputs"].items()
            if self._holds(output.get("Condition"))
        }

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of the resources of a type, by their logical names."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.resources.items()
            if resource["Type"] == f"AWS::{kind}"
        }

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Return the properties of a resource."""
        properties: dict[str, Any] = self.resources[name].get("Properties", {})
        return properties

    def _parameter(self, name: str) -> Any:
        declared = self.template["Parameters"][name]
        value = self.parameters.get(name, declared.get("Default"))
        assert value is not None, f"{name} has no default"
        is_list = declared["Type"].startswith(("List<", "CommaDelimitedList"))
        return str(value).split(",") if is_list else str(value)

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _GONE
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.template["Parameters"]:
            return self._parameter(name)
        return self._id(f"ref:{name}")

    def _id(self, reference: str) -> str:
        return (self.ids or {}).get(reference, reference)

    def _holds(self, condition: Any) -> bool:
        if condition is None:
            return True
        if isinstance(condition, str):
            return self._holds(self.template["Conditions"][condition])
        (function, arguments), *_ = condition.items()
        if function == "Condition":
            return self._holds(arguments)
        if function == "Fn::Not":
            return not self._holds(arguments[0])
        if function in ("Fn::And", "Fn::Or"):
            held = [self._holds(item) for item in arguments]
            return all(held) if function == "Fn::And" else any(held)
        assert function == "Fn::Equals", function
        first, second = (self._resolved(argument) for argument in arguments)
        return bool(first == second)

    def _resolved(self, node: Any) -> Any:
        if isinstance(node, list):
            items = (self._resolved(item) for item in node)
            return [item for item in items if item is not _GONE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (function, arguments), *_ = node.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._called(function, arguments)
        pairs = {key: self._resolved(value) for key, value in node.items()}
        return {key: value for key, value in pairs.items() if value is not _GONE}

    def _called(self, function: str, arguments: Any) -> Any:
        match function:
            case "Ref":
                return self._reference(arguments)
            case "Fn::GetAtt":
                return self._id(f"att:{arguments}")
            case "Fn::If":
                return self._resolved(arguments[1 if self._holds(arguments[0]) else 2])
            case "Fn::Sub":
                return self._substituted(arguments)
            case "Fn::Join":
                return arguments[0].join(self._resolved(arguments[1]))
            case "Fn::FindInMap":
                name, first, second = (self._resolved(argument) for argument in arguments)
                return self.template["Mappings"][name][first][second]
        raise AssertionError(function)

    def _substituted(self, arguments: Any) -> str:
        text, more = arguments if isinstance(arguments, list) else (arguments, {})
        values = {name: self._resolved(value) for name, value in more.items()}

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name in values:
                return str(values[name])
            return str(self._id(f"att:{name}") if "." in name else self._reference(name))

        return re.sub(r"\$\{([^}]+)\}", value, text)
