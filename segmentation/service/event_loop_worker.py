"""gunicorn's worker with an event loop: listens, looks after its connections, and stops.

A request that the kernel has accepted is answered, though the worker is told to stop; what can't be
brought to its end in time is cut, and has its line in the log. How bytes become answers is in
``connection`` and in ``front``.
"""

from __future__ import annotations

import asyncio
import os
import resource
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from time import monotonic
from typing import Any

import uvloop
from gunicorn.workers.base import Worker

from segmentation.service.front.flask_gateway import FlaskGateway
from segmentation.service.front.flask_process import fork_flask_process
from segmentation.service.front.front import Front
from segmentation.service.server.connection import Connection
from segmentation.service.server.connections import Connections
from segmentation.service.server.last_connections import begin_no_more, is_held_elsewhere
from segmentation.service.settings import Settings

# Seconds between two looks at the connections.
_TICK = 0.5
# Seconds that a stopping worker waits for what clients are about to send.
_LAST_WAIT = 1.0
# Seconds that a connection takes to begin: one that has begun to is waited for.
_HANDSHAKE = 0.1
# Seconds of the last ones that it has, to write down what it could not finish.
_TO_WRITE = 1.0
# Files that a worker needs beside its connections: the log, the model's, requests on the disk.
_FURTHER_FILES = 40


class EventLoopWorker(Worker):  # type: ignore[misc]  # gunicorn is untyped
    """A worker that holds a coroutine or less for each client, and no thread.

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
    _connections: Connections | None = None

    def init_signals(self) -> None:
        """Listen to signals, and catch up on those before."""
        super().init_signals()
        while self.unheard and not self.unheard.empty():
            if self.unheard.get_nowait() in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
                self.alive = False

    def run(self) -> None:
        """Serve until the worker is told to stop."""
        settings = Settings.from_environment(os.environ)
        flask = fork_flask_process(self.wsgi, settings, self.sockets)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(settings, flask))

    def handle_abort(self, sig: int, frame: Any) -> None:  # noqa: ARG002
        """Stop because the master has not heard from this worker for too long."""
        if self._connections:
            self._connections.cut("error")
        self.cfg.worker_abort(self)
        os._exit(1)

    async def _serve(self, settings: Settings, flask: socket.socket) -> None:
        front = Front(self.wsgi, settings, FlaskGateway(flask, settings))
        most = min(settings.max_connections, _most_files() - _FURTHER_FILES)
        connections = self._connections = Connections(front, settings, self.log, max(most, 1))
        self._ends = asyncio.Event()
        self._listen_to_signals()
        front.watch()
        loop = asyncio.get_running_loop()
        loop.add_reader(flask, self._give_up_without_flask, flask)
        servers = [
            await loop.create_server(partial(Connection, connections), sock=listener.sock)
            for listener in self.sockets
        ]
        await self._look_after(connections)
        await self._stop(connections, servers)

    def _listen_to_signals(self) -> None:
        """Hear them on the loop, but for SIGABRT, which comes when the loop hangs."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._ends.set)
        for at_once in (signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(at_once, self._stop_at_once)
        loop.add_signal_handler(signal.SIGUSR1, self.log.reopen_files)

    def _give_up_without_flask(self, flask: socket.socket) -> None:
        """Stop, so that the master starts another worker: Flask's process has ended."""
        asyncio.get_running_loop().remove_reader(flask)
        self.log.error("the process in which Flask answers has ended: its worker is replaced")
        self._ends.set()

    def _stop_at_once(self) -> None:
        self.alive = False
        self._ends.set()

    async def _look_after(self, connections: Connections) -> None:
        """Tell the master that all is well, and give up late clients, until it is time to stop."""
        while self.alive and not self._ends.is_set() and os.getppid() == self.ppid:
            self.notify()
            connections.give_up_the_late()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ends.wait(), _TICK)

    async def _stop(self, connections: Connections, servers: list[asyncio.Server]) -> None:
        seconds = self.cfg.graceful_timeout if self.alive else 0.0
        begun = monotonic()
        connections.is_stopping = True
        await self._take_the_last(connections, servers)
        while connections and monotonic() < begun + max(seconds - _TO_WRITE, seconds / 2):
            self.notify()
            connections.give_up_the_late()
            if monotonic() > begun + _LAST_WAIT:  # also who came last has had as long
                connections.close_idle(before=monotonic() - _LAST_WAIT)
            await asyncio.sleep(0.02)
        connections.cut("stopping")

    async def _take_the_last(self, connections: Connections, servers: list[asyncio.Server]) -> None:
        """Take the connections that wait, and close the door."""
        listeners = [listener.sock for listener in self.sockets]
        if self.alive and not any(is_held_elsewhere(sock, self.ppid) for sock in listeners):
            for sock in listeners:
                begin_no_more(sock)
            await asyncio.sleep(_HANDSHAKE)
        # Nothing may happen in between: a connection that came then would be reset.
        waiting = [sock for listener in listeners for sock in _accept_all(listener)]
        for server in servers:
            server.close()
        loop = asyncio.get_running_loop()
        for sock in waiting:
            await loop.connect_accepted_socket(partial(Connection, connections), sock)


def _accept_all(listener: socket.socket) -> Iterator[socket.socket]:
    """Yield the connections that wait, all of them."""
    with suppress(OSError):
        while select.select([listener], [], [], 0)[0]:
            sock, _ = listener.accept()
            sock.setblocking(False)
            yield sock


def _most_files() -> int:
    """Return how many files the process may open, after asking for as many as it may ask for."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
