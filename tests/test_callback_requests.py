"""What anybody can send to the callbacks of the pages: none of it is an unexpected error.

Requests that fit are made from what Dash itself says that callbacks need; then each part of them
is replaced or left out. That browsers' requests fit is shown by the tests of the pages.
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

PATH = "/pages/_dash-update-component"
NAMES = {
    "study": "mobile", "segment": "power_user", "against": "all", "field": "age", "way": "typing",
}  # fmt: skip
PROPERTIES = {"pathname": "/pages/", "n_clicks": 1, "value": 33, "children": None, "data": 1}
LEFT_OUT = object()
JUNK = (None, 7, "", "x", [], {}, [[]], True, "\ud800", 10**40, float("nan"), LEFT_OUT)
Parts = tuple[str | int, ...]


def item_of(identifier: str, name: str) -> Any:
    """Return a component's property as a browser sends it, in a list where all are meant."""
    if not identifier.startswith("{"):
        value = {"field": "age", "value": 40} if identifier == "moved" else PROPERTIES.get(name)
        return {"id": identifier, "property": name, "value": value}
    pattern = json.loads(identifier)
    full = {key: part if isinstance(part, str) else NAMES[key] for key, part in pattern.items()}
    value = full if name == "id" else PROPERTIES.get(name.partition("@")[0])
    item = {"id": full, "property": name, "value": value}
    return [item] if ["ALL"] in pattern.values() else item


def request_of(callback: dict[str, Any]) -> dict[str, Any]:
    """Return a request for a callback that a page could send."""
    output, inputs = callback["output"], callback["inputs"]
    texts = output.strip(".").split("...") if output.startswith("..") else [output]
    outputs = [item_of(*text.rpartition(".")[::2]) for text in texts]
    items = [item_of(item["id"], item["property"]) for item in inputs]
    first = items[0][0] if isinstance(items[0], list) else items[0]
    name = first["id"] if isinstance(first["id"], str) else json.dumps(first["id"], sort_keys=True)
    return {
        "output": output,
        "outputs": outputs if output.startswith("..") else outputs[0],
        "inputs": items,
        "state": [item_of(item["id"], item["property"]) for item in callback["state"]],
        "changedPropIds": [f"{name}.{first['property']}"],
    }


def places(value: Any, place: Parts = ()) -> Iterator[Parts]:
    """Yield where there is something in nested lists and objects."""
    members: Any = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, member in members:
        yield (*place, key)
        yield from places(member, (*place, key))


def replaced(request: Any, place: Parts, value: object) -> Any:
    """Return a copy with something else in one place; an id and its value remain the same."""
    request = copy.deepcopy(request)
    member = request
    for key in place[:-1]:
        member = member[key]
    if value is LEFT_OUT:
        del member[place[-1]]
    else:
        member[place[-1]] = value
    return request


def keep_ids_in_step(request: Any) -> None:
    """Let a state that says what the id of a component is say what stands there now."""
    states = request.get("state")
    for group in states if isinstance(states, list) else ():
        for item in group if isinstance(group, list) else [group]:
            if isinstance(item, dict) and item.get("property") == "id":
                item["value"] = item.get("id")


@pytest.fixture(scope="module")
def visitor(app: Flask) -> FlaskClient:
    """A client of the pages."""
    return app.test_client()


@pytest.fixture(scope="module")
def requests(visitor: FlaskClient) -> list[dict[str, Any]]:
    """A request for each callback that the service answers."""
    visitor.get("/pages/")
    callbacks: list[dict[str, Any]] = visitor.get("/pages/_dash-dependencies").json  # type: ignore[assignment]
    return [request_of(item) for item in callbacks if not item["clientside_function"]]


def test_requests_that_fit_are_answered(
    visitor: FlaskClient, requests: list[dict[str, Any]]
) -> None:
    """With an update, or with none where nothing changes."""
    statuses = [visitor.post(PATH, json=request).status_code for request in requests]
    assert set(statuses) <= {200, 204}
    assert statuses.count(200) > len(statuses) / 2


def test_nothing_else_is_an_unexpected_error(
    visitor: FlaskClient, requests: list[dict[str, Any]]
) -> None:
    """Every part replaced by everything else, or left out; also where an id says what it is."""
    unexpected = []
    for request in requests:
        for place in places(request):
            for value in JUNK:
                changed = replaced(request, place, value)
                keep_ids_in_step(changed)
                body = json.dumps(changed)
                answer = visitor.post(PATH, data=body, content_type="application/json")
                if answer.status_code not in (200, 204, 400, 404):
                    unexpected.append((request["output"], place, value))
    assert unexpected == []


def test_a_library_that_another_thread_is_importing_breaks_no_page(
    visitor: FlaskClient, requests: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first explanation brings pandas, which has none of its names at first."""
    monkeypatch.setitem(sys.modules, "pandas", ModuleType("pandas"))
    assert visitor.get("/pages/_dash-layout").status_code == 200
    assert {visitor.post(PATH, json=request).status_code for request in requests} <= {200, 204}


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"a":' * 60_000, b"\xff", b"{}", b"7"])
def test_what_is_no_request_of_a_page_is_refused(visitor: FlaskClient, body: bytes) -> None:
    """However deep it is."""
    answer = visitor.post(PATH, data=body, content_type="application/json")
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
