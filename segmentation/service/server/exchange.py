"""A request and its answer: written to its connection, once, with one line in the log.

Whoever answers, the front at once or Flask later, does it through this, on the event loop.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from segmentation.service.observability.logs import AnswerEnd, Cause
from segmentation.service.server.request import Request, RequestRefusal
from segmentation.service.wsgi_environment import LOG, Environment

if TYPE_CHECKING:
    from segmentation.service.server.connection import Connection

_BODILESS = (b"1", b"204", b"304")
_CHUNK = b"%X\r\n%b\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class Source(Protocol):
    """Where the answer comes from, if it comes later."""

    def go_on(self) -> None:
        """Send more: the client has taken what there was."""

    def abort(self) -> None:
        """Send no more."""


@lru_cache(1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


class Exchange:
    """One request and its answer.

    Parameters
    ----------
    connection : Connection
    request : Request
        An empty one where what came is no request.
    keeps_alive : bool
        Whether the connection may be used again.
    refusal : RequestRefusal, optional
        Why it is no request.

    Attributes
    ----------
    started : float
        When the request had come, by `time.perf_counter`.
    environment : dict
        What is noted about it, for the log and for Flask, by WSGI's names and our own.
    status : int or None
        Of the answer, once it has begun.
    is_ended : bool
        Whether its answer is out, or never will be.
    source : Source or None
        Until the end: each holds the other, and only the collector would free them.
    """

    __slots__ = (
        "_is_chunked", "_is_complete", "_is_last", "_n_bytes", "connection", "environment",
        "is_ended", "keeps_alive", "refusal", "request", "source", "started", "status",
    )  # fmt: skip

    def __init__(
        self,
        connection: Connection,
        request: Request,
        *,
        keeps_alive: bool,
        refusal: RequestRefusal | None = None,
    ) -> None:
        self.connection = connection
        self.request = request
        self.keeps_alive = keeps_alive
        self.refusal = refusal
        self.started = time.perf_counter()
        self.environment: Environment = {}
        self.status: int | None = None
        self.is_ended = self._is_complete = self._is_chunked = self._is_last = False
        self._n_bytes = 0
        self.source: Source | None = None

    def reply(self, status: bytes, headers: bytes, content: bytes) -> None:
        """Answer with a content whose length is among the headers.

        Parameters
        ----------
        status : bytes
            Code and reason.
        headers : bytes
            Their lines.
        content : bytes
        """
        if self.is_ended:
            return
        head = self._begin(status, headers, is_chunked=False)
        if self._is_bodiless(status):
            content = b""
        self._n_bytes = len(content)
        self.connection.write(head, content)
        self._complete()

    def begin(self, status: bytes, headers: bytes) -> None:
        """Begin an answer that comes in parts, through `send`; in chunks if its length is open."""
        if self.is_ended:
            return
        is_open = b"Content-Length:" not in headers and not self._is_bodiless(status)
        is_chunked = self._is_http_1_1 and is_open
        self.connection.write(self._begin(status, headers, is_chunked=is_chunked))

    def end(self) -> None:
        """End an answer that came in parts."""
        if self.is_ended:
            return
        if self._is_chunked:
            self.connection.write(_LAST_CHUNK)
        self._complete()

    def fail(self, status: bytes, headers: bytes, content: bytes) -> None:
        """Say that answering broke, or break off if the answer has begun."""
        if self.is_ended:
            return
        self.keeps_alive = False
        if self.status is None:
            self.connection.write(self._begin(status, headers, is_chunked=False), content)
        self.cut("error")
        self.connection.finish(is_last=True)

    def send(self, part: bytes) -> None:
        """Send a part of the answer."""
        if self.is_ended:
            return
        if part and self.request.method != b"HEAD":
            self._n_bytes += len(part)
            self.connection.write(_CHUNK % (len(part), part) if self._is_chunked else part)

    @property
    def is_held_up(self) -> bool:
        """Whether its client doesn't read as fast as it is answered."""
        return self.connection.clogged_since is not None

    def on_sent(self) -> None:
        """Go on: the client has taken what there was."""
        if self._is_complete:
            self._finish()
        elif self.source:
            self.source.go_on()

    def cut(self, cause: Cause) -> None:
        """Note that the answer will not come to its end."""
        if self.is_ended:
            return
        self.is_ended = True
        self.request.body.close()
        if self.refusal is None:
            self.connection.count_cut(self, cause)
            n_left = self.connection.transport.get_write_buffer_size()
            self._write_line(max(0, self._n_bytes - n_left), cause)
        source, self.source = self.source, None
        if source:
            source.abort()

    @property
    def _is_http_1_1(self) -> bool:
        return self.request.version == "1.1"

    def _is_bodiless(self, status: bytes) -> bool:
        is_head = self.request.method == b"HEAD"
        return is_head or status.startswith(_BODILESS)

    def _begin(self, status: bytes, headers: bytes, *, is_chunked: bool) -> bytes:
        """Return the head of the answer."""
        self.status = int(status[:3])
        has_end = is_chunked or b"Content-Length:" in headers or self._is_bodiless(status)
        self.keeps_alive = self.keeps_alive and has_end
        self._is_last = self.connection.is_last(self)
        self._is_chunked = is_chunked
        return b"HTTP/%b %b\r\nServer: gunicorn\r\nDate: %b\r\nConnection: %b\r\n%b%b\r\n" % (
            b"1.1" if self._is_http_1_1 else b"1.0",
            status,
            _date(int(time.time())),
            b"close" if self._is_last else b"keep-alive",
            b"Transfer-Encoding: chunked\r\n" if is_chunked else b"",
            headers,
        )

    def _complete(self) -> None:
        """Finish now or when the client has taken everything."""
        self._is_complete = True
        if self.connection.clogged_since is None:
            self._finish()

    def _finish(self) -> None:
        self.is_ended = True
        self.source = None
        self.request.body.close()
        if self.refusal is None:
            self._write_line(self._n_bytes, None)
        self.connection.finish(is_last=self._is_last)

    def _write_line(self, n_bytes: int, cut: Cause | None) -> None:
        seconds = time.perf_counter() - self.started
        end = AnswerEnd(self.request.method.decode("latin-1"), self.status, n_bytes, seconds, cut)
        self.connection.log.write_access(end, self.environment.get(LOG, {}))
