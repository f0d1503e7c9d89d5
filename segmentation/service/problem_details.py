"""What errors mean over HTTP: one handler for each kind, all answers problem+json (RFC 9457).

Never the values that were sent, never a traceback.
"""

from __future__ import annotations

import logging
import traceback
from http import HTTPStatus
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from segmentation.errors import (
    FileError,
    InvalidRecordsError,
    MappingError,
    NoRoomError,
    NotReadyError,
    Problem,
    SegmentationError,
    UnavailableError,
    UnknownStudyError,
)
from segmentation.service.wsgi_environment import REQUEST_ID, SINGLE

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100
UNEXPECTED = "An unexpected error; the log has its place."

logger = logging.getLogger(__name__)


class RequestError(SegmentationError):
    """A request that is refused before its records are looked at."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        self.status = status
        self.headers = headers or {}
        super().__init__(detail)


def problem(
    status: HTTPStatus, detail: str, headers: dict[str, str] | None = None, **members: Any
) -> Response:
    """Return a problem document as the answer to the request at hand."""
    content = document(status, detail, request.environ.get(REQUEST_ID), **members)
    return Response(content, status.value, headers, content_type=MEDIA_TYPE)


def document(status: HTTPStatus, detail: str, request_id: str | None, **members: Any) -> bytes:
    """Return an encoded problem document."""
    content = {
        "type": "about:blank",
        "title": HTTP_STATUS_CODES[status],  # http's own phrases differ between Pythons
        "status": status.value,
        "detail": detail,
        "request_id": request_id,
        **members,
    }
    return orjson.dumps(content)


def pointer(*tokens: str | int | None) -> str:
    """Return a JSON Pointer (RFC 6901); None is left out."""
    escaped = (
        str(token).replace("~", "~0").replace("/", "~1") for token in tokens if token is not None
    )
    return "".join(f"/{token}" for token in escaped)


def register(app: Flask) -> None:
    """Make `app` answer every error with a problem document."""
    app.register_error_handler(InvalidRecordsError, _invalid_records)
    app.register_error_handler(RequestError, _refused)
    app.register_error_handler(NotReadyError, _not_ready)
    app.register_error_handler(MappingError, _mapping)
    app.register_error_handler(FileError, _file)
    app.register_error_handler(NoRoomError, _not_ready)
    app.register_error_handler(UnknownStudyError, _unknown_study)
    app.register_error_handler(UnavailableError, _unavailable)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _invalid_records(error: InvalidRecordsError) -> Response:
    single = request.environ.get(SINGLE, False)
    n_problems = len(error.problems)
    suffix = f"; the first {MOST_ERRORS} are listed" if n_problems > MOST_ERRORS else ""
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{n_problems} problem{'s' * (n_problems > 1)} found{suffix}. No record was answered.",
        errors=[_described(problem, single) for problem in error.problems[:MOST_ERRORS]],
    )


def _described(problem: Problem, single: bool) -> dict[str, str]:
    row = None if single else problem.row
    path = problem.field if isinstance(problem.field, tuple) else (problem.field,)
    return {"pointer": pointer(row, *path), "code": problem.code, "detail": problem.message}


def _refused(error: RequestError) -> Response:
    return problem(error.status, str(error), error.headers)


def _not_ready(error: NotReadyError | NoRoomError) -> Response:
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "10"})


def _mapping(error: MappingError) -> Response:
    return problem(HTTPStatus.BAD_REQUEST, str(error))


def _file(error: FileError) -> Response:
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


def _unknown_study(error: UnknownStudyError) -> Response:
    return problem(HTTPStatus.NOT_FOUND, str(error))


def _unavailable(error: UnavailableError) -> Response:
    return problem(HTTPStatus.NOT_IMPLEMENTED, str(error))


def _http(error: HTTPException) -> Response:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    details = {
        HTTPStatus.NOT_FOUND: "There is nothing at this path; /openapi.json lists what there is.",
        HTTPStatus.METHOD_NOT_ALLOWED: "This path does not take this method.",
    }
    # werkzeug knows the methods that are allowed; its body is HTML and goes.
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    # The request keeps the error, which would keep the frames it came through, and these the body:
    # a circle that only the collector ends.
    error.__traceback__ = error.__context__ = None
    return problem(status, details.get(status, status.description or status.phrase), headers)


def log_unexpected(error: BaseException) -> None:
    """Log an exception by its type and place: its text may quote what was sent."""
    places = "".join(traceback.format_tb(error.__traceback__))
    logger.error("unexpected %s\n%s", type(error).__name__, places)


def _unexpected(error: Exception) -> Response:
    log_unexpected(error)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, UNEXPECTED)
