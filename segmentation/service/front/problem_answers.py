"""Answers that Flask has not made: their headers, and problem documents with them."""

from __future__ import annotations

from http import HTTPStatus

from werkzeug.http import HTTP_STATUS_CODES

from segmentation.service import problem_details
from segmentation.service.front.frames import AnswerHead
from segmentation.service.observability.request_observer import new_request_id

RETRY = b"Retry-After: 10\r\n"


def render_headers(media_type: str, length: int, request_id: str) -> bytes:
    """Return the lines of the headers of an answer that Flask has not made."""
    return (
        f"Content-Type: {media_type}\r\nContent-Length: {length}\r\n"
        f"X-Request-ID: {request_id}\r\nX-Content-Type-Options: nosniff\r\n"
    ).encode("latin-1")


def render_problem(
    status: HTTPStatus, detail: str, request_id: str | None, headers: bytes = b""
) -> tuple[AnswerHead, bytes]:
    """Return head and content of an answer that says what is wrong."""
    request_id = request_id or new_request_id()
    content = problem_details.document(status, detail, request_id)
    lines = headers + render_headers(problem_details.MEDIA_TYPE, len(content), request_id)
    return AnswerHead(f"{status.value} {HTTP_STATUS_CODES[status]}".encode(), lines), content


def render_failure(request_id: str | None) -> tuple[AnswerHead, bytes]:
    """Return head and content for an error that nothing has foreseen."""
    return render_problem(HTTPStatus.INTERNAL_SERVER_ERROR, problem_details.UNEXPECTED, request_id)
