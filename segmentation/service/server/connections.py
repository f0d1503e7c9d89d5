"""All connections of a worker: how many there may be, and how long each may take.

Nothing waits for a client: a look at all of them, twice a second, gives up those that take too
long. How bytes become requests is in ``connection``.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from segmentation.service.observability.logs import Cause, JsonLogger
from segmentation.service.settings import Settings

if TYPE_CHECKING:
    from segmentation.service.observability.counters import ServiceCounters
    from segmentation.service.server.connection import Connection
    from segmentation.service.server.exchange import Exchange
    from segmentation.service.server.request import Request

# Seconds that a client which is refused in the middle of its request has to read why.
_LINGER = 2.0


class FrontInterface(Protocol):
    """What answers requests, as connections see it."""

    counters: ServiceCounters

    def most_bytes(self, request: Request) -> int:
        """Return how long the body of a request may be."""

    def answer(self, exchange: Exchange) -> None:
        """Answer a request, now or later; never raises."""

    def count_cut(self, exchange: Exchange, cause: Cause) -> None:
        """Count an answer that will not come to its end, and note whose request it was."""


class Connections:
    """The connections of one worker.

    Parameters
    ----------
    front : FrontInterface
    settings : Settings
    log : JsonLogger
    most : int
        How many there may be; fewer than the process may open files.

    Attributes
    ----------
    is_stopping : bool
        Whether the worker is to end: answers are then the last of their connections.
    """

    def __init__(
        self, front: FrontInterface, settings: Settings, log: JsonLogger, most: int
    ) -> None:
        self.front = front
        self.log = log
        self.loop = asyncio.get_running_loop()
        self.is_stopping = False
        self._most = most
        self._patience = settings.read_timeout
        self._keep_alive = settings.keep_alive
        self._least_rate = settings.least_rate
        # In the order in which they were last answered.
        self._connections: dict[Connection, None] = {}

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._connections)

    def add(self, connection: Connection) -> None:
        """Take a new connection, if need be in place of the one that has been idle longest."""
        self._connections[connection] = None
        if len(self._connections) > self._most:
            oldest = next(item for item in self._connections if item.is_idle)  # the new one is
            self.discard(oldest)
            self.front.counters.refused("connections")
            oldest.close()

    def discard(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._connections.pop(connection, None)

    def note_idle(self, connection: Connection) -> None:
        """Note that a connection has got its answer."""
        if self._connections.pop(connection, self) is None:
            self._connections[connection] = None

    def give_up_the_late(self) -> None:
        """Give up every client that takes too long."""
        now = monotonic()
        for connection in list(self._connections):
            if self._is_given_up(connection, now):
                self.log.warning(
                    "gave up a client that paused in the middle of a request or an answer,"
                    " or was too slow"
                )

    def _is_given_up(self, connection: Connection, now: float) -> bool:
        if connection.lingers:
            if now - connection.heard > _LINGER:
                connection.transport.abort()
        elif connection.transport.is_closing():  # when all is sent, which may be never
            if now - connection.moved(now) > self._patience:
                connection.transport.abort()
        elif connection.is_idle:
            if now - connection.heard > self._keep_alive:
                connection.close()
        elif self._is_late(connection, now):
            connection.give_up("timeout")
            return True
        return False

    def _is_late(self, connection: Connection, now: float) -> bool:
        """Whether a client has paused, or needs more time than the least rate allows."""
        if connection.clogged_since is not None:
            since, n_bytes, last = (
                connection.clogged_since,
                connection.n_clogged,
                connection.moved(now),
            )
        elif connection.reading_since is not None:
            since, n_bytes, last = connection.reading_since, connection.n_read, connection.heard
        else:
            return False
        allowed = self._patience + n_bytes / self._least_rate
        return now - last > self._patience or now - since > allowed

    def close_idle(self, before: float) -> None:
        """Close the connections on which nothing has happened since a moment."""
        for connection in list(self._connections):
            if connection.is_idle and connection.heard < before:
                connection.close()

    def cut(self, cause: Cause) -> None:
        """Break everything off."""
        for connection in list(self._connections):
            connection.give_up(cause)
