"""The OpenAPI document against the service: schemathesis tries some thousand requests."""

from __future__ import annotations

import json

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator
from schemathesis.config import GenerationConfig, SchemathesisConfig

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
