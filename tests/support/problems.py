"""Problem documents: how the service says what is wrong with a request."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.test import TestResponse


def problem(response: TestResponse, status: int) -> dict[str, Any]:
    """Check that an answer is a problem document of `status`, and return it."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    content: dict[str, Any] = json.loads(response.data)
    assert content["status"] == status
    assert content["type"] == "about:blank"
    assert content["request_id"] == response.headers["X-Request-ID"]
    return content
