"""What happens around every request: it gets a name, is timed and counted, and noted for the log.

A WSGI layer rather than Flask's hooks, which cost four times as much on every request.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from time import perf_counter
from typing import Any

from segmentation.runtime.answers import Answer, ModelName
from segmentation.service.observability.counters import ServiceCounters
from segmentation.service.observability.trace_context import trace
from segmentation.service.wsgi_environment import (
    LOG,
    N_RECORDS,
    REQUEST_ID,
    ROUTE,
    STARTED,
    UNMATCHED,
    Environment,
)

Headers = list[tuple[str, str]]

# What a client may choose as the name of its request: it ends up in logs and headers.
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")


class RequestObserver:
    """A WSGI app whose requests are named, timed and counted.

    Parameters
    ----------
    app : callable
        The WSGI app inside; its routes are found through the request that Flask leaves.
    metrics : ServiceCounters
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], metrics: ServiceCounters) -> None:
        self._app = app
        self._metrics = metrics

    def __call__(
        self, environment: Environment, start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request."""
        started = environment.get(STARTED) or perf_counter()
        request_id = name_request(environment)
        line = environment[LOG]

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            headers.append(("X-Request-ID", request_id))
            headers.append(("X-Content-Type-Options", "nosniff"))
            route = _route(environment)
            self._metrics.request(
                environment["REQUEST_METHOD"], route, status[:3], perf_counter() - started
            )
            line["route"] = route
            line["records"] = environment.get(N_RECORDS)
            return start_response(status, headers, exc_info)

        return self._app(environment, start)


def name_request(environment: Environment) -> str:
    """Give a request a name, its client's own if it has one, and begin its line in the log."""
    request_id = environment[REQUEST_ID] = _request_id(environment)
    environment[LOG] = {"request_id": request_id, **trace(environment)}
    return request_id


def note_answers(
    environment: Environment, metrics: ServiceCounters, model: ModelName, answers: Sequence[Answer]
) -> None:
    """Count answers, and add the counts to the line of the access log; long ones come in parts."""
    counts = metrics.answered(model, answers)
    line = environment.setdefault(LOG, {})
    line["answered"] = line.get("answered", 0) + counts["answered"]
    line["unsure"] = line.get("unsure", 0) + counts["unsure"]
    warnings = line.setdefault("warnings", {})
    for code, count in counts["warnings"].items():
        warnings[code] = warnings.get(code, 0) + count


def _request_id(environment: Environment) -> str:
    client_id = environment.get("HTTP_X_REQUEST_ID")
    if client_id and _CLIENT_ID.fullmatch(client_id):
        return str(client_id)
    return new_request_id()


def new_request_id() -> str:
    """Return a name for a request that came without one."""
    return os.urandom(16).hex()


def _route(environment: Environment) -> str:
    """Return the rule that matched, not the path: that may hold anything."""
    route: str | None = environment.get(ROUTE)
    if route:
        return route
    request = environment.get("werkzeug.request")
    rule = request.url_rule if request else None
    return rule.rule if rule else UNMATCHED
