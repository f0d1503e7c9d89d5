"""The fast path: a plain POST to a study's /predict is answered before Flask sees it.

Flask takes longer to route a request and to wrap the answer than the model takes to make it. So
a request that is exactly what nearly all are is answered here, and every other one, whatever is
unusual about it, goes on to Flask's route of the same path, untouched. There is one way to make
answers (``routes.encode_answers``) and one place that explains errors; nothing is decided here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from segmentation.runtime import Model
from segmentation.service.api_routes import encode_answers
from segmentation.service.observability.counters import ServiceCounters
from segmentation.service.observability.request_observer import note_answers
from segmentation.service.request_body import JSON, is_object, receive
from segmentation.service.route_table import OF_STUDY, PREDICT
from segmentation.service.served_models import ServedModel, ServedModels
from segmentation.service.settings import Settings
from segmentation.service.wsgi_environment import N_RECORDS, NOT_PLAIN, ROUTE, Environment

WsgiApp = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]

# Longer bodies are arrays of many records, for which Flask's share is nothing.
_LONGEST = 65_536


class FastPath:
    """A WSGI app that answers plain predictions itself and passes the rest on.

    Parameters
    ----------
    app : callable
        The WSGI app of Flask.
    models : ServedModels
    metrics : ServiceCounters
    settings : Settings
    """

    def __init__(
        self, app: WsgiApp, models: ServedModels, metrics: ServiceCounters, settings: Settings
    ) -> None:
        self._app = app
        self._routes = {PREDICT: (PREDICT, models.find())} | {
            f"/studies/{served.study}{PREDICT}": (OF_STUDY + PREDICT, served) for served in models
        }
        self._metrics = metrics
        self._most_records = settings.max_records
        self._most_bytes = min(_LONGEST, settings.max_body_bytes)

    def __call__(self, environment: Environment, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        route = self._routes.get(environment["PATH_INFO"])
        if route and environment["REQUEST_METHOD"] == "POST":
            environment[ROUTE], served = route
            parts = self._answer(environment, served)
            if parts:
                length = str(sum(map(len, parts)))
                start("200 OK", [("Content-Type", JSON), ("Content-Length", length)])
                return parts
        return self._app(environment, start)

    def _answer(self, environment: Environment, served: ServedModel) -> list[bytes] | None:
        """Return the answer to a plain request; otherwise None, and the body to be read again."""
        model, length = served.model, environment.get("CONTENT_LENGTH", "")
        if (
            model is None
            or environment.get("CONTENT_TYPE") != JSON
            or "HTTP_CONTENT_ENCODING" in environment
            or not length.isdecimal()
            or int(length) > self._most_bytes
        ):
            return None
        body = receive(environment["wsgi.input"], int(length)) or b""
        parts = self._plainly(model, body, environment) if len(body) == int(length) else None
        if parts is None:
            environment["wsgi.input"] = io.BytesIO(body)
        return parts

    def _plainly(self, model: Model, body: bytes, environment: Environment) -> list[bytes] | None:
        records = model.read_plain(body, self._most_records)
        if records is None:
            environment[NOT_PLAIN] = True
            return None
        try:
            note = partial(note_answers, environment, self._metrics)
            parts = encode_answers(model, records, note, single=is_object(body))
        except Exception:  # noqa: BLE001  # Flask's route meets it again and says what it means
            return None
        environment[N_RECORDS] = len(records)
        return parts
