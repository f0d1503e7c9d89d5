"""moto's server, with what its CloudFormation gets wrong about updates put right.

``python -m tests.support.emulator -p PORT``. Stacks can be created on moto as it is. When one is
updated, moto 5.2 answers 500 to previous values that are lists, and shows lists as Python does; it
takes parameters that keep their defaults for changed, overlooks those in ``Fn::Sub``, neither makes
nor removes resources whose condition has changed, forgets resources of a type that it can create
but not update, and shows no outputs after a change set. So plain moto cannot update the project's
templates at all, whoever asks it. Types that it can't create stay left out: the tests name them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.parsing import ResourceMap
from moto.server import main

_update_resource = parsing.parse_and_update_resource
_update = ResourceMap.update
_apply = ChangeSet.apply
_changes_of_text = ResourceMap.build_resource_diff
_resolve = CloudFormationBackend._resolve_update_parameters


def _names(node: Any) -> Iterator[str]:
    """Yield what a part of a template refers to."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield (value if isinstance(value, list) else value.split("."))[0]
            elif key == "Fn::Sub":
                text = value[0] if isinstance(value, list) else value
                yield from re.findall(r"\$\{([A-Za-z0-9]+)[.}]", text)
            yield from _names(value)
    elif isinstance(node, list):
        for item in node:
            yield from _names(item)


def _changes(
    self: ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None
) -> dict[str, list[str]]:
    if parameters is None:  # a change set is only described
        return _changes_of_text(self, template)
    after = ResourceMap(
        self.stack_id,
        self._parsed_resources["AWS::StackName"],
        parameters,
        self.tags,
        self._region_name,
        self._account_id,
        template,
        self.cross_stack_resources,
    )
    after.load()
    old, new = self._resource_json_map, template["Resources"]
    wanted = [
        name
        for name, resource in new.items()
        if after.lazy_condition_map.get(resource.get("Condition"), True)
    ]
    there = [name for name in old if self._parsed_resources.get(name) is not None]
    changed = {
        name
        for name, value in after.resolved_parameters.items()
        if self.resolved_parameters.get(name) != value
    }
    modified = []
    for name in wanted:
        if name in there and (new[name] != old[name] or changed & set(_names(new[name]))):
            modified.append(name)
            changed.add(name)
    return {
        "Add": [name for name in wanted if name not in there],
        "Modify": modified,
        "Remove": [name for name in there if name not in wanted],
    }


def _update_and_forget(
    self: ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None
) -> None:
    removed = self.build_resource_diff(template, parameters)["Remove"]
    _update(self, template, parameters)
    for name in removed:
        self._parsed_resources.pop(name, None)


def _update_or_keep(
    name: str, resource: dict[str, Any], resources: ResourceMap, **more: Any
) -> Any:
    updated = _update_resource(name, resource, resources, **more)
    return resources[name] if updated is None else updated


def _written(parameters: dict[str, Any]) -> dict[str, str]:
    """Return parameters as text, which is how they are sent and shown."""
    return {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in parameters.items()
    }


def _resolve_as_text(*arguments: Any, **more: Any) -> dict[str, str]:
    return _written(_resolve(*arguments, **more))


def _parameters_as_text(self: Stack) -> list[dict[str, str]]:
    values = _written(self.resource_map.resolved_parameters)
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def _apply_and_show(self: ChangeSet) -> None:
    self.parameters = _written(self.parameters)
    _apply(self)
    self.stack.template = self.template
    self.stack._parse_template()
    self.stack.output_map = self.stack._create_output_map()


if __name__ == "__main__":
    ResourceMap.build_resource_diff = _changes  # type: ignore[method-assign]
    ResourceMap.update = _update_and_forget  # type: ignore[method-assign]
    CloudFormationBackend._resolve_update_parameters = _resolve_as_text  # type: ignore[method-assign]
    Stack.parameter_list = property(_parameters_as_text)  # type: ignore[assignment,method-assign]
    ChangeSet.apply = _apply_and_show  # type: ignore[method-assign]
    parsing.parse_and_update_resource = _update_or_keep
    main(["-H", "127.0.0.1", *sys.argv[1:]])
