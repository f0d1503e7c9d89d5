"""The front: answers what is plain and small on the event loop and hands the rest to Flask.

A request is here when all of it has come. What nearly all requests are, a plain POST to a study's
/predict, and health, takes less time than to hand it on; every other one, whatever is unusual about
it, goes to Flask's route of the same path. There is one way to make answers
(``api_routes.encode_answers``) and one place that explains errors; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from time import perf_counter
from typing import Any

from werkzeug.exceptions import HTTPException

from segmentation.errors import SegmentationError
from segmentation.service import problem_details
from segmentation.service.api_routes import LIVE, encode_answers, encode_ready
from segmentation.service.compression import compress_long
from segmentation.service.front.flask_gateway import FlaskGateway
from segmentation.service.front.problem_answers import (
    RETRY,
    render_failure,
    render_headers,
    render_problem,
)
from segmentation.service.loading.served_models import ServedModel
from segmentation.service.observability.counters import ServiceCounters
from segmentation.service.observability.logs import Cause
from segmentation.service.observability.request_observer import name_request, note_answers
from segmentation.service.request_body import JSON, is_object
from segmentation.service.route_table import LIVEZ, OF_STUDY, PREDICT, READYZ, takes_file
from segmentation.service.server.exchange import Exchange
from segmentation.service.server.request import SLOW, Request, RequestRefusal
from segmentation.service.settings import Settings
from segmentation.service.wsgi_environment import (
    LOG,
    NOT_PLAIN,
    REQUEST_ID,
    UNMATCHED,
    Environment,
)

# Longer bodies are arrays of many records: they would keep the loop from everyone else.
_LONGEST = 32_768
_JSON = JSON.encode()
_NOTED = {
    b"x-request-id": "HTTP_X_REQUEST_ID",
    b"traceparent": "HTTP_TRACEPARENT",
    b"x-amzn-trace-id": "HTTP_X_AMZN_TRACE_ID",
}
_NOT_HTTP = "This is not a request as HTTP has it: {}."
_SLOW = "The request did not come to its end in time."
_NO_ROOM = "There is no room for a temporary file of that length."
_BUSY = "As many requests as there may be are waiting already."


class Front:
    """Answers the requests of one worker.

    Parameters
    ----------
    app : Flask
        As ``create_app`` makes it; an app without its extensions is asked for everything.
    settings : Settings
    gateway : FlaskGateway
        The way to Flask.

    Attributes
    ----------
    counters : ServiceCounters
    """

    def __init__(self, app: Any, settings: Settings, gateway: FlaskGateway) -> None:
        extensions = getattr(app, "extensions", {})
        self.counters: ServiceCounters = extensions.get("counters") or ServiceCounters()
        self._gateway = gateway
        self._app = app
        self._models = extensions.get("models")
        self._settings = settings
        self._plain = self._find_plain()
        self._health: dict[bytes, tuple[str, Callable[[], bytes]]] = {}
        if self._models:
            self._health = {
                LIVEZ.encode(): (LIVEZ, lambda: LIVE),
                READYZ.encode(): (READYZ, partial(encode_ready, self._models)),
            }

    def _find_plain(self) -> dict[bytes, tuple[str, ServedModel]]:
        """Return the rule and the model of each target that plain predictions have."""
        if not self._models:
            return {}
        return {PREDICT.encode(): (PREDICT, self._models.find())} | {
            f"/studies/{served.study}{PREDICT}".encode(): (OF_STUDY + PREDICT, served)
            for served in self._models
        }

    def watch(self) -> None:
        """Serve other models when their files have changed."""
        if self._models:
            self._models.watch()

    def most_bytes(self, request: Request) -> int:
        """Return how long the body of a request may be."""
        path = request.target.partition(b"?")[0]
        return self._settings.max_file_bytes if takes_file(path) else self._settings.max_body_bytes

    def answer(self, exchange: Exchange) -> None:
        """Answer a request, now or later."""
        try:
            if exchange.refusal:
                self._refuse(exchange, exchange.refusal)
            elif exchange.request.body.error:
                self._put_off(exchange, "disk", _NO_ROOM)
            elif not (self._answer_here(exchange) or self._gateway.submit(exchange)):
                self._put_off(exchange, "busy", _BUSY)
        except Exception as error:  # noqa: BLE001  # the connection goes on
            problem_details.log_unexpected(error)
            head, content = render_failure(exchange.environment.get(REQUEST_ID))
            exchange.fail(*head, content)

    def count_cut(self, exchange: Exchange, cause: Cause) -> None:
        """Count an answer that will not come to its end, and note whose request it was."""
        self._name(exchange)
        self.counters.cut(exchange.environment[LOG]["route"], cause)

    def _name(self, exchange: Exchange, rule: str | None = None) -> None:
        """Note whose request it is, if nothing is noted yet: its id, its trace, its route."""
        environment = exchange.environment
        if LOG not in environment:
            self._note(exchange.request, environment)
        line = environment[LOG]
        if "route" not in line:
            line |= {"route": rule or self._match(exchange.request), "records": None}

    def _note(self, request: Request, environment: Environment) -> None:
        for name, key in _NOTED.items():
            if name in request.fields:
                environment[key] = request.fields[name].decode("latin-1")
        name_request(environment)

    def _answer_here(self, exchange: Exchange) -> bool:
        """Answer on the loop what can be answered at once."""
        request = exchange.request
        if request.method == b"POST":
            plain = self._plain.get(request.target)
            return plain is not None and self._predict(exchange, request, *plain)
        health = self._health.get(request.target) if request.method == b"GET" else None
        return health is not None and self._answer_health(exchange, *health)

    def _answer_health(self, exchange: Exchange, rule: str, content: Callable[[], bytes]) -> bool:
        try:
            answer = content()
        except SegmentationError:  # Flask's route meets it again and says what it means
            return False
        self._name(exchange, rule)
        self._reply(exchange, answer)
        return True

    def _predict(
        self, exchange: Exchange, request: Request, rule: str, served: ServedModel
    ) -> bool:
        model, fields, environment = served.model, request.fields, exchange.environment
        if model is None:
            served.load_beside()  # its first requests go to Flask
            return False
        if (
            fields.get(b"content-type") != _JSON
            or b"content-encoding" in fields
            or not 0 < request.body.n_bytes <= min(_LONGEST, self._settings.max_body_bytes)
            or not request.body.is_complete
        ):
            return False
        body = request.body.read()
        records = model.read_plain(body, self._settings.max_records)
        if records is None:
            environment[NOT_PLAIN] = True
            return False
        self._note(request, environment)
        try:
            note = partial(note_answers, environment, self.counters)
            parts = encode_answers(model, records, note, single=is_object(body))
        except Exception:  # noqa: BLE001  # Flask's route meets it again and says what it means
            return False
        environment[LOG] |= {"route": rule, "records": len(records)}
        self._reply(exchange, parts[0] if len(parts) == 1 else b"".join(parts))
        return True

    def _reply(self, exchange: Exchange, content: bytes) -> None:
        """Send the JSON that answers a request, which is noted."""
        self._count(exchange, b"200 OK")
        accepted = exchange.request.fields.get(b"accept-encoding", b"")
        coding, content = compress_long(content, accepted)
        headers = coding + render_headers(JSON, len(content), exchange.environment[REQUEST_ID])
        exchange.reply(b"200 OK", headers, content)

    def _count(self, exchange: Exchange, status: bytes) -> None:
        if exchange.refusal is None:
            self.counters.request(
                exchange.request.method.decode("latin-1"),
                exchange.environment[LOG]["route"],
                status[:3].decode(),
                perf_counter() - exchange.started,
            )

    def _refuse(self, exchange: Exchange, refusal: RequestRefusal) -> None:
        """Answer what is no request."""
        self.counters.refused(refusal.kind)
        if refusal is SLOW:
            self._answer_problem(exchange, refusal.status, _SLOW)
            return
        exchange.connection.log.warning("refused what is not an HTTP request: %s", refusal.kind)
        self._answer_problem(exchange, refusal.status, _NOT_HTTP.format(refusal.kind))

    def _put_off(self, exchange: Exchange, reason: str, detail: str) -> None:
        """Ask the client to come again."""
        self.counters.refused(reason)
        self._answer_problem(exchange, HTTPStatus.SERVICE_UNAVAILABLE, detail, RETRY)

    def _answer_problem(
        self, exchange: Exchange, status: HTTPStatus, detail: str, headers: bytes = b""
    ) -> None:
        self._name(exchange)
        request_id = exchange.environment[REQUEST_ID]
        head, content = render_problem(status, detail, request_id, headers)
        self._count(exchange, head.status)
        exchange.reply(*head, content)

    def _match(self, request: Request) -> str:
        """Return the rule of a request that Flask has not seen."""
        path = request.target.partition(b"?")[0].decode("latin-1")
        try:
            rule, _ = self._app.url_map.bind("").match(
                path, request.method.decode("latin-1"), return_rule=True
            )
        except (HTTPException, AttributeError):
            return UNMATCHED
        return str(rule.rule)
