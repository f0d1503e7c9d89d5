"""An open-loop generator of requests: they are due at times of their own, answered or not.

A closed loop, wrk's, sends the next request when the one before was answered: while the service
is slow it asks less, and what others would have waited is nowhere in its figures. Here arrivals are
Poisson, and a latency counts from the moment at which a request was due. What a load costs the
service is not measured here; that is in ``measuring``.
"""

from __future__ import annotations

import ctypes
import gc
import random
import select
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter

_OK = b"HTTP/1.1 200"
_LENGTH = b"Content-Length: "
_CHUNKED = b"Transfer-Encoding: chunked"
_PR_SET_TIMERSLACK = 29


@dataclass(frozen=True)
class Workload:
    """What is posted.

    Attributes
    ----------
    path : str
    bodies : sequence of bytes
        Sent in turn.
    content_type : str
    """

    path: str
    bodies: Sequence[bytes]
    content_type: str = "application/json"

    def requests(self) -> list[bytes]:
        """Return them as they are sent."""
        head = f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {self.content_type}"
        return [
            f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body for body in self.bodies
        ]


@dataclass
class Outcome:
    """What came of a load; times in seconds.

    Attributes
    ----------
    latencies : list of float
        From the moment at which a request was due to the last byte of its answer.
    answers : list of float
        From the moment at which it was sent.
    seconds : float
        From the first due request to the last answer.
    failed : int
        Answers other than 200.
    received : int
        Bytes of all answers.
    """

    latencies: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    seconds: float = 0.0
    failed: int = 0
    received: int = 0


@dataclass
class Connection:
    """A connection that is kept alive, and its request on the way."""

    sock: socket.socket
    due: float = 0.0
    sent_at: float = 0.0
    received: bytes = b""


@contextmanager
def connected(port: int, number: int) -> Iterator[list[Connection]]:
    """Open connections to a service of this machine, until the block ends."""
    connections = []
    try:
        for _ in range(number):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections.append(Connection(sock))
        yield connections
    finally:
        for connection in connections:
            connection.sock.close()


def send(
    workload: Workload, connections: Sequence[Connection], rate: float, n: int, seed: int = 0
) -> Outcome:
    """Send `n` requests, `rate` per second on average, and wait for the last answer.

    A free connection is chosen at random; while there is none, requests wait here. With an infinite
    rate everything is due at once: the connections say how many requests are on the way.
    """
    # Wake up when asked to, not up to 50 microseconds later.
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    gc.collect()
    gc.disable()
    try:
        return _Generator(workload, connections, random.Random(seed)).run(rate, n)
    finally:
        gc.enable()


class _Generator:
    """One run: due requests go out on free connections, answers come in and free them."""

    def __init__(
        self, workload: Workload, connections: Sequence[Connection], draw: random.Random
    ) -> None:
        self._requests, self._draw = cycle(workload.requests()), draw
        self._free, self._n_busy = list(connections), 0
        self._by_number = {connection.sock.fileno(): connection for connection in connections}
        self._waiting: deque[float] = deque()
        self._poller = select.epoll()
        for number in self._by_number:
            self._poller.register(number, select.EPOLLIN)
        self._outcome = Outcome()

    def run(self, rate: float, n: int) -> Outcome:
        """Send everything that becomes due, then wait for what is missing."""
        start = perf_counter() + 0.01
        for offset in arrivals(rate, n, self._draw):
            due = start + offset
            while (now := perf_counter()) < due:
                self._receive(due - now)
            self._waiting.append(due)
            self._dispatch()
        while self._n_busy or self._waiting:
            self._receive(1.0)
        self._outcome.seconds = perf_counter() - start
        self._poller.close()
        return self._outcome

    def _dispatch(self) -> None:
        while self._waiting and self._free:
            chosen = self._draw.randrange(len(self._free))
            self._free[chosen], self._free[-1] = self._free[-1], self._free[chosen]
            connection = self._free.pop()
            connection.due, connection.sent_at = self._waiting.popleft(), perf_counter()
            connection.sock.sendall(next(self._requests))
            self._n_busy += 1

    def _receive(self, seconds: float) -> None:
        # epoll itself counts in milliseconds.
        if not select.select([self._poller.fileno()], [], [], seconds)[0]:
            return
        for number, _ in self._poller.poll(0):
            connection = self._by_number[number]
            received = connection.sock.recv(1 << 18)
            if not received:
                raise ConnectionError("the service closed a connection")
            connection.received += received
            if _is_complete(connection.received):
                self._answered(connection)
        self._dispatch()

    def _answered(self, connection: Connection) -> None:
        now, outcome = perf_counter(), self._outcome
        outcome.latencies.append(now - connection.due)
        outcome.answers.append(now - connection.sent_at)
        outcome.failed += not connection.received.startswith(_OK)
        outcome.received += len(connection.received)
        connection.received = b""
        self._free.append(connection)
        self._n_busy -= 1


def arrivals(rate: float, n: int, draw: random.Random) -> Iterator[float]:
    """Yield the first times of a Poisson process, in seconds from its start."""
    moment = 0.0
    for _ in range(n):
        moment += draw.expovariate(rate)
        yield moment


def _is_complete(received: bytes) -> bool:
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return False
    if _CHUNKED in head:
        return body.endswith(b"\r\n0\r\n\r\n")
    length = head.partition(_LENGTH)[2].partition(b"\r\n")[0]
    return len(body) >= int(length)
