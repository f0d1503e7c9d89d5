"""gunicorn's threaded worker, with more patience and more discretion.

A client that says nothing doesn't occupy a thread, and one that has connected before the service
ends is answered:

gunicorn 27 lets a new connection hold a thread for five seconds before it hands it to the poller:
forty silent clients against two workers of four threads held up everyone for 25 to 45 seconds.
And a client that stops in the middle of a request, or of reading an answer, holds its thread for
ever.

On the way out gunicorn closes its listening socket with the connections that still wait in it: the
kernel resets them, although it had taken their requests.

What isn't HTTP is refused with a problem document, and logged by its kind alone: gunicorn answers
in HTML and writes the client's address and what it sent into the log.
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gunicorn.http import errors
from gunicorn.workers import gthread
from werkzeug.http import HTTP_STATUS_CODES

from segmentation.service import problems
from segmentation.service.observe import new_request_id
from segmentation.service.settings import Settings

_STATUSES = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class PatientWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Waits for a connection's first bytes in the poller, and not for ever for the next ones."""

    def init_process(self) -> None:
        """Read the one setting that concerns connections."""
        seconds = Settings.from_environment(os.environ).read_timeout
        # The kernel's own limit: gunicorn makes the socket blocking again for every request.
        self._patience = struct.pack("ll", seconds, 0)
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Stop listening on the way out, once everybody is accepted who has connected."""
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            n_before = None
            while self.nr_conns != n_before:
                n_before = self.nr_conns
                self.accept(listener)
            listener.close()

    def handle(self, conn: Any) -> Any:
        """Handle a request if there is one to read; otherwise give the connection back."""
        if not conn.initialized:
            if not conn.data_ready and not conn.wait_for_data(0):
                return gthread._DEFER
            for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, direction, self._patience)
        return super().handle(conn)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:  # noqa: ARG002
        """Refuse what is not a request, or say that one broke us."""
        if isinstance(exc, errors.ParseException):
            status = _STATUSES.get(type(exc), HTTPStatus.BAD_REQUEST)
            kind = type(exc).__name__
            detail = f"This is not a request as HTTP has it: {kind}."
            self.log.warning("refused what is not an HTTP request: %s", kind)
        else:
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, problems.UNEXPECTED
            problems.log_unexpected(exc)
        with suppress(OSError):
            client.sendall(_refusal(status, detail))


def _refusal(status: HTTPStatus, detail: str) -> bytes:
    request_id = new_request_id()
    body = problems.document(status, detail, request_id)
    lines = (
        f"HTTP/1.1 {status.value} {HTTP_STATUS_CODES[status]}",
        f"Content-Type: {problems.MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {request_id}",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body
