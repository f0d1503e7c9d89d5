"""gunicorn's threaded worker, with more patience and more discretion.

A client that says nothing doesn't occupy a thread:

gunicorn 27 lets a new connection hold a thread for five seconds before it hands it to the poller:
forty silent clients against two workers of four threads held up everyone for 25 to 45 seconds.
And a client that stops in the middle of a request, or of reading an answer, holds its thread for
ever.

What isn't HTTP is refused with a problem document, and logged by its kind alone: gunicorn answers
in HTML and writes the client's address and what it sent into the log.

A request that the kernel has accepted is answered, though the worker is told to stop: gunicorn
resets what it has not begun to read. And a worker that is told so before it can listen does stop.

An answer that the worker can't bring to its end, because it has to go, is broken off and logged:
gunicorn's master kills the worker, and with it the thread that would have written the line.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from queue import SimpleQueue
from threading import Timer
from typing import Any

from gunicorn.http import errors
from gunicorn.workers import gthread
from werkzeug.http import HTTP_STATUS_CODES

from segmentation.service import problem_details
from segmentation.service.observability.request_observer import new_request_id
from segmentation.service.server.last_connections import begin_no_more, is_held_elsewhere
from segmentation.service.settings import Settings
from segmentation.service.wsgi_environment import Environment

_STATUSES = {
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    errors.InvalidResponseHeader: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.InvalidResponseHeaderName: HTTPStatus.INTERNAL_SERVER_ERROR,
}


# Seconds that a stopping worker waits for what clients are about to send.
_LAST_WAIT = 1.0
# Seconds of the last ones that it has, to write down what it could not finish.
_TO_WRITE = 1.0


class PatientWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Waits for a connection's first bytes in the poller, and not for ever for the next ones.

    Attributes
    ----------
    unheard : SimpleQueue of int
        Signals that came between the fork and `init_signals`. Until then they go to the handler of
        gunicorn's master, which queues them for a loop that does not run here: the master then
        waited for all of ``GRACEFUL_TIMEOUT``.
    """

    sockets: list[Any]
    wsgi: Any
    unheard: SimpleQueue[int] | None = None

    def init_signals(self) -> None:
        """Listen to signals, and catch up on those before."""
        super().init_signals()
        while self.unheard and not self.unheard.empty():
            if self.unheard.get_nowait() in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
                self.alive = False

    def load_wsgi(self) -> None:
        """Load the app, and tell the log of every request that goes to it."""
        super().load_wsgi()
        self._app, self.wsgi = self.wsgi, self._answer

    def _answer(self, environment: Environment, start_response: Any) -> Iterable[bytes]:
        """Call the app; `start_response` is a method of gunicorn's response."""
        self.log.begin(environment, start_response.__self__)
        try:
            answer: Iterable[bytes] = self._app(environment, start_response)
        except BaseException:
            self.log.end(environment, "error")
            raise
        return answer

    def run(self) -> None:
        """Serve until the worker is told to stop; then nothing is left without a line."""
        super().run()
        self.log.cut("stopping")

    def handle_quit(self, sig: Any, frame: Any) -> None:
        """Stop at once."""
        self.log.cut("stopping")
        super().handle_quit(sig, frame)

    def handle_abort(self, sig: Any, frame: Any) -> None:
        """Stop because the master has not heard from this worker for too long."""
        self.log.cut("error")
        super().handle_abort(sig, frame)

    def init_process(self) -> None:
        """Read the one setting that concerns connections."""
        seconds = Settings.from_environment(os.environ).read_timeout
        # The kernel's own limit: gunicorn makes the socket blocking again for every request.
        self._patience = struct.pack("ll", seconds, 0)
        super().init_process()

    def handle(self, conn: Any) -> Any:
        """Handle a request if there is one to read; otherwise give the connection back."""
        if not conn.initialized:
            patience = 0 if self.alive else _LAST_WAIT
            if not conn.data_ready and not conn.wait_for_data(patience):
                return gthread._DEFER if self.alive else False
            for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, direction, self._patience)
        return super().handle(conn)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections or not; a stopping worker takes those that wait, and closes the door."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        self._cut_in_time()
        deadline = time.monotonic() + _LAST_WAIT
        for listener in self.sockets:
            if not is_held_elsewhere(listener.sock, self.ppid):
                begin_no_more(listener.sock)
            while select.select([listener], [], [], 0)[0] and time.monotonic() < deadline:
                self.accept(listener)
            listener.close()
        self.sockets = []
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _cut_in_time(self) -> None:
        """Cut what is still being answered before the master kills this worker."""
        seconds = self.cfg.graceful_timeout
        timer = Timer(max(seconds - _TO_WRITE, seconds / 2), self.log.cut, ["stopping"])
        timer.daemon = True
        timer.start()

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Go on with a connection; one that waits while the worker stops is asked again."""
        waits = not fs.cancelled() and not fs.exception() and fs.result() is gthread._DEFER
        if waits and not self.alive:
            self.enqueue_req(conn)
        else:
            super().finish_request(conn, fs)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:  # noqa: ARG002
        """Refuse what is not a request, or say that one broke us."""
        if isinstance(exc, errors.ParseException):
            status = _STATUSES.get(type(exc), HTTPStatus.BAD_REQUEST)
            kind = type(exc).__name__
            detail = f"This is not a request as HTTP has it: {kind}."
            self.log.warning("refused what is not an HTTP request: %s", kind)
        else:
            status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, problem_details.UNEXPECTED
            problem_details.log_unexpected(exc)
        with suppress(OSError):
            client.sendall(_refusal(status, detail))


def _refusal(status: HTTPStatus, detail: str) -> bytes:
    request_id = new_request_id()
    body = problem_details.document(status, detail, request_id)
    lines = (
        f"HTTP/1.1 {status.value} {HTTP_STATUS_CODES[status]}",
        f"Content-Type: {problem_details.MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {request_id}",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body
