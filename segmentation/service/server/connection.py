"""One client's connection: bytes come in, requests go to the front, answers go out in their order.

llhttp parses; what comes here is written down, never waited for. The next request of a connection
is answered when the answer before has gone out, and nothing more is read until then. When to give a
client up is decided in ``connections``; what is answered, in ``front``.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any

import httptools

from segmentation.service.server.exchange import Exchange
from segmentation.service.server.request import (
    LONG_HEAD,
    NO_REQUEST,
    NOT_HTTP,
    SLOW,
    UNKNOWN_METHOD,
    Request,
    RequestRefusal,
    check_head,
)

if TYPE_CHECKING:
    from segmentation.service.observability.logs import Cause, JsonLogger
    from segmentation.service.server.connections import Connections

# Bytes of answers that may wait for a client before its next request has to.
HIGH_WATER = 65_536
# Bytes of a head: thousands of clients may be sending one.
_LONGEST_HEAD = 131_072
# Requests of one connection that are answered before others have their turn.
_AT_ONCE = 8
# The parser does not say which of the lines that came together has an unknown method.
_REQUEST_LINE = re.compile(rb"(?:\A|\n)([A-Z]+) \S+ HTTP/1\.[01]\r\n")
_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE"))
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.Protocol):
    """A connection.

    Parameters
    ----------
    connections : Connections
        All of the worker, which know the front and the limits.

    Attributes
    ----------
    current : Exchange or None
        The request that is being answered.
    incoming : Request or None
        The request whose body is being received.
    reading_since : float or None
        When the first byte of an unfinished request came, by `time.monotonic`.
    heard : float
        When something last came, or an answer ended.
    n_read : int
        Bytes of what came since `reading_since`.
    clogged_since : float or None
        When the client began not to read as fast as it is answered.
    n_clogged : int
        Bytes that waited for it then.
    lingers : bool
        Whether it was refused in the middle of a request, and may still read why.
    """

    transport: asyncio.Transport

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Exchange] = deque()
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._in_head = self._advances = False
        self._deaf = self._is_paused = self._has_ended = False
        self.current: Exchange | None = None
        self.incoming: Request | None = None
        self.reading_since: float | None = None
        self.heard = monotonic()
        self.n_read = 0
        self.clogged_since: float | None = None
        self.n_clogged = self._n_left = 0
        self._moved = 0.0
        self.is_closed = False
        self.lingers = False

    # What the event loop calls.

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER, low=0)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Take what the client sends."""
        if self._deaf:
            return
        self.heard = monotonic()
        self.n_read += len(data)
        self._parse(data)
        if self._in_head and self.n_read > _LONGEST_HEAD:
            self.refuse(LONG_HEAD)
        self.advance()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._parse_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            is_unknown = not _METHODS.issuperset(_REQUEST_LINE.findall(data))
            self.refuse(UNKNOWN_METHOD if is_unknown else NOT_HTTP)
        except httptools.HttpParserError:
            self.refuse(NOT_HTTP)

    def _parse_without_upgrade(self, following: bytes) -> None:
        """Take a request to speak otherwise for one that is not: nobody here speaks otherwise."""
        method = self._parser.get_method()
        if method == b"CONNECT":
            self.refuse(UNKNOWN_METHOD)
            return
        lines = [b"%b: %b" % (name, value) for name, value in self._headers if name != b"upgrade"]
        line = b"%b %b HTTP/%b" % (method, self._target, self._parser.get_http_version().encode())
        self._parser = httptools.HttpRequestParser(self)
        self._parse(b"\r\n".join([line, *lines, b"", following]))

    def eof_received(self) -> bool:
        """Answer what came before the client ended its side, and refuse what is not complete."""
        if self.lingers:
            self.transport.close()
            return True
        self._has_ended = True
        if self.reading_since is not None and not self._deaf:
            self.refuse(NOT_HTTP)
        self._deaf = True
        self.advance()
        return True

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        """End whatever had not ended."""
        self.is_closed = True
        self._connections.discard(self)
        self._forget("client")
        # It holds the connection in turn: only the collector would free them, much later.
        del self._parser

    def pause_writing(self) -> None:
        """Note that the client doesn't read as fast as it is answered."""
        self.clogged_since = self._moved = monotonic()
        self.n_clogged = self._n_left = self.transport.get_write_buffer_size()

    def moved(self, now: float) -> float:
        """Return when the client last took something of what waits for it, as far as is seen."""
        n_left = self.transport.get_write_buffer_size()
        if n_left < self._n_left:
            self._moved = now
        self._n_left = n_left
        return self._moved

    def resume_writing(self) -> None:
        """Go on: all has been sent."""
        self.clogged_since = None
        if self.current:
            self.current.on_sent()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._in_head = True
        self._target, self._headers = b"", []
        self.reading_since, self.n_read = self.heard, 0

    def on_url(self, target: bytes) -> None:
        """Take a part of the request's target."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Decide whether the head is one, and how much may follow."""
        self._in_head = False
        parser = self._parser
        if parser.should_upgrade():
            return
        request = Request(
            parser.get_method(), self._target, parser.get_http_version(), self._headers
        )
        refusal = check_head(request)
        if refusal:
            self.refuse(refusal)
            return
        self.incoming = request
        self._most_bytes = self._connections.front.most_bytes(request)
        if (request.length or 0) > self._most_bytes:
            self._deaf = True
            self._enqueue(request, keeps_alive=False)
        elif request.waits_for_leave and not self._queue and not self.current:
            self.transport.write(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        """Store a part of the body."""
        request = self.incoming
        if self._deaf or request is None:
            return
        room = self._most_bytes + 1 - request.body.n_bytes
        request.body.add(part[:room])
        if len(part) >= room:  # in chunks, longer than allowed
            self._deaf = True
            self._enqueue(request, keeps_alive=False)

    def on_message_complete(self) -> None:
        """Put the request where it will be answered."""
        if self._deaf or self.incoming is None:
            return
        self.incoming.body.is_complete = True
        self._enqueue(self.incoming, keeps_alive=self._parser.should_keep_alive())

    def _enqueue(self, request: Request, *, keeps_alive: bool) -> None:
        self.incoming = self.reading_since = None
        self._queue.append(Exchange(self, request, keeps_alive=keeps_alive))

    # What exchanges and the worker call.

    def advance(self) -> None:
        """Answer the next request, if there is one and the answer before is out."""
        self._advances = True
        for _ in range(_AT_ONCE):
            if not self._queue or self.current or self.is_closed:
                break
            exchange = self.current = self._queue.popleft()
            self._connections.front.answer(exchange)
        self._advances = False
        if self._queue and not self.is_closed:
            self._pause()
            if self.current is None:
                self._connections.loop.call_soon(self._advance_later)
        elif self._deaf and self.current is None:
            self.close()

    def write(self, *parts: bytes) -> None:
        """Send."""
        self.transport.write(parts[0] if len(parts) == 1 else b"".join(parts))

    @property
    def log(self) -> JsonLogger:
        """The log of the worker."""
        return self._connections.log

    def count_cut(self, exchange: Exchange, cause: Cause) -> None:
        """Count an answer that will not come to its end."""
        self._connections.front.count_cut(exchange, cause)

    def is_last(self, exchange: Exchange) -> bool:
        """Whether no request of this connection is answered after this one."""
        is_end = self._deaf or self._connections.is_stopping
        return not exchange.keeps_alive or (is_end and not self._queue)

    def finish(self, *, is_last: bool) -> None:
        """Go on to the next request: the answer to the current one is out."""
        self.current = None
        self.heard = monotonic()
        if self.is_closed:
            return
        if is_last:
            self._forget("client")
            self.close()
        elif not self._queue:
            self._resume()
            self._connections.note_idle(self)
        elif not self._advances:
            self._connections.loop.call_soon(self._advance_later)

    def _advance_later(self) -> None:
        if not self.is_closed:
            self._resume()
            self.advance()

    def _pause(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused and not self.transport.is_closing():
            self._is_paused = False
            self.transport.resume_reading()

    def refuse(self, refusal: RequestRefusal) -> None:
        """Answer what is no request, after the requests before it; then listen no more."""
        if self._deaf:
            return
        self._deaf = True
        self.reading_since = None
        self._discard_incoming()
        self._queue.append(Exchange(self, NO_REQUEST, keeps_alive=False, refusal=refusal))

    def give_up(self, cause: Cause) -> None:
        """Break the connection off, because its client is too slow or the worker stops."""
        is_waited_for = self.reading_since is not None and cause == "timeout"
        if is_waited_for and self.current is None and not self.is_closed:
            self.refuse(SLOW)
            self.advance()
            return
        self._forget(cause)
        self.transport.abort()

    def _forget(self, cause: Cause) -> None:
        """End the requests that will have no answer."""
        if self.current:
            exchange, self.current = self.current, None
            exchange.cut(cause)
        if self.incoming:
            Exchange(self, self.incoming, keeps_alive=False).cut(cause)
        self._discard_incoming()
        while self._queue:
            self._queue.popleft().cut(cause)

    def _discard_incoming(self) -> None:
        if self.incoming:
            self.incoming.body.close()
            self.incoming = None

    def close(self) -> None:
        """Close as soon as everything is sent; a client that is still sending may read first."""
        if self.is_closed or self.lingers or self.transport.is_closing():
            return
        self._moved = monotonic()
        self._n_left = self.transport.get_write_buffer_size()
        if self._deaf and not self._has_ended:
            self.lingers = True
            self.heard = monotonic()
            self._resume()
            self.transport.write_eof()
        else:
            self.transport.close()

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request has come that has not been answered."""
        return self.reading_since is None and self.current is None and not self._queue
