"""The short way: a plain POST to a study's /predict is answered before Flask sees it.

Flask takes longer to route a request and to wrap the answer than the model takes to make it. So
a request that is exactly what nearly all are is answered here, and every other one, whatever is
unusual about it, goes on to Flask's route of the same path, untouched. There is one way to make
answers (``routes.encoded_answers``) and one place that explains errors; nothing is decided here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from segmentation.runtime import Model
from segmentation.service.api_routes import OF_STUDY, PREDICT, encoded_answers
from segmentation.service.catalogue import ServedModels
from segmentation.service.observability.counters import ServiceCounters
from segmentation.service.observability.request_observer import note_answers
from segmentation.service.request_body import JSON, is_object, received
from segmentation.service.served_models import ServedModel
from segmentation.service.settings import Settings
from segmentation.service.wsgi_environment import N_RECORDS, ROUTE, Environment

WsgiApp = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]

# Longer bodies are arrays of many records, for which Flask's share is nothing.
_LONGEST = 65_536


class FastPath:
    """A WSGI app that answers plain predictions itself and passes the rest on.

    Parameters
    ----------
    app : callable
        The WSGI app of Flask.
    catalogue : ServedModels
    metrics : ServiceCounters
    settings : Settings
    """

    def __init__(
        self, app: WsgiApp, catalogue: ServedModels, metrics: ServiceCounters, settings: Settings
    ) -> None:
        self._app = app
        self._ways = {PREDICT: (PREDICT, catalogue.slot())} | {
            f"/studies/{slot.study}{PREDICT}": (OF_STUDY + PREDICT, slot) for slot in catalogue
        }
        self._metrics = metrics
        self._most_records = settings.max_records
        self._most_bytes = min(_LONGEST, settings.max_body_bytes)

    def __call__(self, environment: Environment, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        way = self._ways.get(environment["PATH_INFO"])
        if way and environment["REQUEST_METHOD"] == "POST":
            environment[ROUTE], slot = way
            parts = self._answered(environment, slot)
            if parts:
                length = str(sum(map(len, parts)))
                start("200 OK", [("Content-Type", JSON), ("Content-Length", length)])
                return parts
        return self._app(environment, start)

    def _answered(self, environment: Environment, slot: ServedModel) -> list[bytes] | None:
        """Return the answer to a plain request; otherwise None, and the body to be read again."""
        model, length = slot.model, environment.get("CONTENT_LENGTH", "")
        if (
            model is None
            or environment.get("CONTENT_TYPE") != JSON
            or "HTTP_CONTENT_ENCODING" in environment
            or not length.isdecimal()
            or int(length) > self._most_bytes
        ):
            return None
        body = received(environment["wsgi.input"], int(length)) or b""
        parts = self._plainly(model, body, environment) if len(body) == int(length) else None
        if parts is None:
            environment["wsgi.input"] = io.BytesIO(body)
        return parts

    def _plainly(self, model: Model, body: bytes, environment: Environment) -> list[bytes] | None:
        records = model.read_plain(body, self._most_records)
        if records is None:
            return None
        try:
            note = partial(note_answers, environment, self._metrics)
            parts = encoded_answers(model, records, note, single=is_object(body))
        except Exception:  # noqa: BLE001  # Flask's route meets it again and says what it means
            return None
        environment[N_RECORDS] = len(records)
        return parts
