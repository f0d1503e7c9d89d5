"""The worker's way to its Flask process: hands requests over, and answers with what comes back.

How many may be there is bounded: some that are answered, and some that wait. A client that reads
slowly holds back its own answer and nothing else. What the process does is in ``flask_process``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from segmentation.service.front.flask_process import Lane
from segmentation.service.front.frames import (
    AnswerHead,
    Frame,
    FrameReader,
    Kind,
    decode_head,
    decode_noted,
    encode,
    encode_noted,
)
from segmentation.service.front.problem_answers import RETRY, render_problem
from segmentation.service.front.wsgi_request import describe_request
from segmentation.service.route_table import takes_file
from segmentation.service.server.exchange import Exchange
from segmentation.service.settings import Settings
from segmentation.service.wsgi_environment import LOG, REQUEST_ID

# Bytes of an answer that are collected, so that it is whole or an error; a longer one takes memory.
_MOST_COLLECTED = 1_048_576
_BROKEN = "What was answering this has ended before it had an answer."


class FlaskGateway:
    """Hands requests to a Flask process.

    Parameters
    ----------
    control : socket
        Of the process.
    settings : Settings
    """

    def __init__(self, control: socket.socket, settings: Settings) -> None:
        self._control = control
        self._n_requests = dict.fromkeys(Lane, 0)
        self._openings: set[asyncio.Task[Any]] = set()  # the loop alone would lose them
        self._most = {
            Lane.FILES: 2 * settings.max_files,
            Lane.OTHERS: settings.threads + settings.max_waiting,
        }

    def submit(self, exchange: Exchange) -> bool:
        """Answer a request later, or return False if too many are waiting."""
        path = exchange.request.target.partition(b"?")[0]
        lane = Lane.FILES if takes_file(path) else Lane.OTHERS
        if self._n_requests[lane] >= self._most[lane]:
            return False
        ours, theirs = socket.socketpair()
        files = [theirs.fileno(), *exchange.request.body.descriptors()]
        with theirs:
            try:
                socket.send_fds(self._control, [bytes([lane])], files)
            except OSError:  # it is about to end, or has not yet taken those before
                ours.close()
                return False
        self._n_requests[lane] += 1

        def forget() -> None:
            self._n_requests[lane] -= 1

        answer = exchange.source = FlaskAnswer(exchange, forget)
        loop = asyncio.get_running_loop()
        opening = loop.create_task(loop.create_unix_connection(lambda: answer, sock=ours))
        self._openings.add(opening)
        opening.add_done_callback(self._openings.discard)
        return True


class FlaskAnswer(asyncio.Protocol):
    """The answer to one request, while it comes.

    Parameters
    ----------
    exchange : Exchange
    on_end : callable
        Called when the process has no more to do with it.
    """

    _transport: asyncio.Transport | None = None

    def __init__(self, exchange: Exchange, on_end: Callable[[], None]) -> None:
        self._exchange = exchange
        self._on_end = on_end
        self._reader = FrameReader()
        self._head = AnswerHead(b"", b"")
        self._kind: Kind | None = None
        self._parts: list[bytes] = []
        self._n_collected = 0
        self._is_paused = False

    def connection_made(self, transport: Any) -> None:
        """Send the request."""
        self._transport = transport
        exchange = self._exchange
        if exchange.is_ended:
            transport.abort()
            return
        transport.write(encode_noted(Kind.REQUEST, describe_request(exchange)))
        transport.write(encode(Kind.BODY, exchange.request.body.read()))
        exchange.request.body.close()

    def data_received(self, data: bytes) -> None:
        """Take frames."""
        for frame in self._reader.add(data):
            self._follow(frame)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        """Say so if the answer has not come to its end."""
        self._on_end()
        exchange = self._exchange
        if not exchange.is_ended and self._kind is not Kind.END:
            request_id = exchange.environment.get(REQUEST_ID)
            head, content = render_problem(
                HTTPStatus.SERVICE_UNAVAILABLE, _BROKEN, request_id, RETRY
            )
            exchange.fail(*head, content)

    def go_on(self) -> None:
        """Take more: the client has read what there was."""
        if self._is_paused and self._transport:
            self._is_paused = False
            self._transport.resume_reading()

    def abort(self) -> None:
        """Take no more: nobody waits for it."""
        if self._transport:
            self._transport.abort()

    def _follow(self, frame: Frame) -> None:
        kind, content = frame
        if kind is Kind.NOTED:
            self._note(content)
        elif kind is Kind.CONTENT:
            self._add(content)
        elif kind is Kind.END:
            self._end()
        else:
            self._begin(kind, content)

    def _note(self, content: bytes) -> None:
        noted = self._exchange.environment[LOG] = decode_noted(content)
        self._exchange.environment[REQUEST_ID] = noted["request_id"]

    def _begin(self, kind: Kind, content: bytes) -> None:
        self._kind, self._head = kind, decode_head(content)
        if kind is Kind.PARTS:
            self._exchange.begin(*self._head)

    def _add(self, part: bytes) -> None:
        if self._kind is Kind.PARTS:
            self._send(part)
            return
        self._parts.append(part)
        self._n_collected += len(part)
        if self._kind is Kind.WHOLE and self._n_collected > _MOST_COLLECTED:
            self._kind = Kind.PARTS
            self._exchange.begin(*self._head)
            for collected in self._parts:
                self._send(collected)
            self._parts.clear()

    def _send(self, part: bytes) -> None:
        self._exchange.send(part)
        if self._exchange.is_held_up and self._transport and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _end(self) -> None:
        kind, self._kind = self._kind, Kind.END
        if kind is Kind.PARTS:
            self._exchange.end()
        elif kind is Kind.WHOLE:
            self._exchange.reply(*self._head, b"".join(self._parts))
        else:
            self._exchange.fail(*self._head, b"".join(self._parts))
        self.abort()
