"""The requests that pages send to Dash's callbacks, checked before Dash, which would stumble.

A request repeats what a callback declares: inputs and states, each with the id of a component, a
property and its value. What the values mean is the callbacks' own matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_NUMBERS = (int, float, type(None))
# What the properties that callbacks of ours read may be.
_VALUES: Mapping[str, Callable[[Any], bool]] = {
    "pathname": lambda value: isinstance(value, str),
    "n_clicks": lambda value: isinstance(value, _NUMBERS),
    "value": lambda value: isinstance(value, (str, *_NUMBERS)),
    "id": lambda value: isinstance(value, dict),
    "data": lambda value: isinstance(value, (str, dict, *_NUMBERS)),
    "children": lambda value: True,  # noqa: ARG005  # only whether there are any is looked at
}
_WILDCARDS = (["ALL"], ["MATCH"])
_EVERY = '["ALL"]'
_MEMBERS = ("inputs", "state")


def is_of_page(body: Any, callbacks: Mapping[str, Any]) -> bool:
    """Whether a request is one that a page sends.

    Parameters
    ----------
    body : object
        The decoded body.
    callbacks : mapping of str to dict
        By output, as Dash keeps them.
    """
    output = body.get("output") if isinstance(body, dict) else None
    if not isinstance(output, str) or output not in callbacks or not _is_text(body):
        return False
    callback = callbacks[output]
    items = [item for member in _MEMBERS for item in _match(body.get(member, []), callback[member])]
    return None not in items and _are_outputs(output, body, callback) and _are_changed(body, items)


def _is_text(body: Any) -> bool:
    """Whether all of it can be written again: half a surrogate pair can't."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def _match(items: Any, declared: list[dict[str, str]]) -> Iterator[dict[str, Any] | None]:
    """Yield the items that fit what was declared, and None for each that does not."""
    if not isinstance(items, list) or len(items) != len(declared):
        yield None
        return
    for item, declaration in zip(items, declared, strict=True):
        group = _list_group(item, declaration)
        yield from [part if _fits(part, declaration) else None for part in group]


def _list_group(item: Any, declaration: dict[str, str]) -> list[Any]:
    """Return the components that a declaration stands for, one or all of a kind."""
    if _EVERY not in declaration["id"]:
        return [item]
    return item if isinstance(item, list) else [None]


def _fits(item: Any, declaration: dict[str, str]) -> bool:
    """Whether an input or a state is of the component and the property, with such a value."""
    if not _names(item, declaration):
        return False
    value, name = item.get("value"), declaration["property"]
    return _VALUES[name](value) and (name != "id" or value == item["id"])


def _names(item: Any, declaration: dict[str, str]) -> bool:
    """Whether an item has the id and the property that were declared."""
    if not isinstance(item, dict) or item.get("property") != declaration["property"]:
        return False
    identifier, expected = item.get("id"), _read_id(declaration["id"])
    if not isinstance(expected, dict) or not isinstance(identifier, dict):
        return bool(identifier == expected)
    return identifier.keys() == expected.keys() and all(
        isinstance(identifier[key], str) and part in (identifier[key], *_WILDCARDS)
        for key, part in expected.items()
    )


def _read_id(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else text


def _are_outputs(output: str, body: dict[str, Any], callback: Any) -> bool:
    """Whether the outputs are those of the callback, and all of a kind where it knows all."""
    has_several = output.startswith("..")
    texts = output.strip(".").split("...") if has_several else [output]
    outputs = body.get("outputs") if has_several else [body.get("outputs")]
    if not isinstance(outputs, list) or len(outputs) != len(texts):
        return False
    every = {
        declaration["id"]: [item["id"] for item in group]
        for declaration, group in zip(callback["state"], body.get("state", []), strict=True)
        if isinstance(group, list)
    }
    for text, item in zip(texts, outputs, strict=True):
        identifier, _, name = text.rpartition(".")
        names = ({"id": identifier, "property": form} for form in (name, name.partition("@")[0]))
        if not any(all(_names(part, d) for part in _list_group(item, d)) for d in names):
            return False
        if _EVERY in identifier and [part["id"] for part in item] != every.get(identifier):
            return False
    return True


def _are_changed(body: dict[str, Any], items: list[dict[str, Any] | None]) -> bool:
    """Whether what is said to have changed is among what was sent."""
    changed = body.get("changedPropIds", [])
    sent_properties = [(item["id"], item["property"]) for item in items if item]
    return isinstance(changed, list) and all(
        isinstance(name, str) and _split(name) in sent_properties for name in changed
    )


def _split(name: str) -> tuple[Any, str]:
    identifier, _, property_name = name.rpartition(".")
    try:
        return _read_id(identifier), property_name
    except ValueError:
        return None, property_name
