"""The OpenAPI document against the service: schemathesis tries some thousand requests."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator

from segmentation.service.app import create_app
from segmentation.service.settings import Settings
from tests.conftest import COMPLETE, MODEL
from tests.test_schema import HEADERS, LOWER_CASE

SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", create_app(Settings(model_path=MODEL)))


@SCHEMA.parametrize()
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_request_is_answered_as_documented(case: schemathesis.Case) -> None:
    """Valid ones are accepted, others refused, and all answers are of the documented shape."""
    case.call_and_validate()


@pytest.fixture
def document(client: FlaskClient) -> dict[str, object]:
    """The document as clients get it."""
    content: dict[str, object] = client.get("/openapi.json").json
    return content


@pytest.mark.parametrize(
    "record", [COMPLETE, HEADERS, LOWER_CASE], ids=["names", "headers", "lower"]
)
def test_the_document_describes_every_spelling(
    document: dict[str, object], record: dict[str, object]
) -> None:
    """A payload in any of them is valid by it, and one without usage answers isn't."""
    where = {"$ref": "#/paths/~1predict/post/requestBody/content/application~1json/schema"}
    validator = Draft202012Validator({**document, **where})
    assert validator.is_valid(record)
    assert validator.is_valid([record, record])
    assert not validator.is_valid({"age": 30})
    assert not validator.is_valid(record | {"unknown": 1})


def test_every_route_for_programs_is_documented(
    app: Flask, document: dict[str, dict[str, object]]
) -> None:
    """All but the pages and their files."""
    routes = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("api.")}
    assert set(document["paths"]) == routes


def test_the_examples_of_the_document_are_answered(
    client: FlaskClient, document: dict[str, Any]
) -> None:
    """What the documentation page sends when someone tries it works."""
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        assert client.post("/predict", json=example["value"]).status_code == 200
