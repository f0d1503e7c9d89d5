"""Connections of a worker without its front: what is left of a client that takes nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import partial

import pytest
import uvloop

from segmentation.service.observability.counters import ServiceCounters
from segmentation.service.observability.logs import Cause
from segmentation.service.server.connection import HIGH_WATER, Connection
from segmentation.service.server.connections import Connections
from segmentation.service.server.exchange import Exchange
from segmentation.service.server.request import Request
from segmentation.service.settings import Settings
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.long


class FixedFront:
    """A front that answers everything with as many bytes."""

    def __init__(self, n_bytes: int) -> None:
        self.counters = ServiceCounters()
        self._content = b"x" * n_bytes

    def most_bytes(self, request: Request) -> int:  # noqa: ARG002
        """Return a limit for bodies that nobody here sends."""
        return 0

    def answer(self, exchange: Exchange) -> None:
        """Answer."""
        exchange.reply(b"200 OK", b"Content-Length: %d\r\n" % len(self._content), self._content)

    def count_cut(self, exchange: Exchange, cause: Cause) -> None:
        """Count nothing."""


async def seconds_until_closed(n_bytes: int, request_bytes: bytes, settings: Settings) -> float:
    """Return how long the connection of a client that takes nothing is kept."""
    loop = asyncio.get_running_loop()
    log = logging.getLogger("test")
    log.write_access = lambda *_: None  # type: ignore[attr-defined]
    connections = Connections(FixedFront(n_bytes), settings, log, 10)  # type: ignore[arg-type]
    with socket.socket() as client:
        listener = socket.create_server(("127.0.0.1", 0))
        # The kernel takes a few kB, whatever it is asked for.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        server = await loop.create_server(partial(Connection, connections), sock=listener)
        client.connect(listener.getsockname())
        client.sendall(request_bytes)
        while not connections:
            await asyncio.sleep(0)
        begun = loop.time()
        while connections and loop.time() < begun + PATIENCE:
            connections.give_up_the_late()
            await asyncio.sleep(0.01)
        server.close()
        return loop.time() - begun


@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"], ids=["keeps", "closes"])
@pytest.mark.parametrize("n_bytes", [HIGH_WATER - 5_000, 2 * HIGH_WATER], ids=["little", "much"])
def test_an_answer_that_nobody_takes_does_not_keep_its_connection(
    n_bytes: int, last: bytes
) -> None:
    """Also where so little of it is left that the next request would not have to wait."""
    settings = Settings(keep_alive=1, read_timeout=1)
    request_bytes = b"GET / HTTP/1.1\r\nHost: test\r\n%b\r\n" % last
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seconds = runner.run(seconds_until_closed(n_bytes, request_bytes, settings))
    assert 0.9 < seconds < 4
