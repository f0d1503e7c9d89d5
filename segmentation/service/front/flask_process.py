"""The process in which Flask answers: forked from a worker, which keeps its event loop for itself.

What takes long, explanations, files and pages, shares neither Python's lock nor a processor's time
with plain predictions. A thread begins when all of a request has come, and its answer goes to the
worker: a client never holds a thread but by reading a file's answers slowly, for which files have
threads of their own. How the worker hands requests over is in ``flask_gateway``.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from enum import IntEnum
from io import BytesIO
from itertools import chain
from typing import IO, Any

from segmentation.service import problem_details
from segmentation.service.front.frames import (
    AnswerHead,
    FrameReader,
    Kind,
    decode_noted,
    encode,
    encode_head,
    encode_noted,
)
from segmentation.service.front.problem_answers import render_failure
from segmentation.service.front.wsgi_request import complete_environment
from segmentation.service.observability.counter_files import count_where_there_is_room
from segmentation.service.settings import Settings
from segmentation.service.wsgi_environment import LOG, REQUEST_ID, Environment

App = Callable[..., Iterable[bytes]]

# Beside the event loop's 0: what is plain goes first where processors are few.
_NICENESS = 5
# Signals that go to all processes of a terminal or a service: the worker decides what they mean.
_OF_THE_WORKER = (
    signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGWINCH,
)  # fmt: skip
_PIECE = 65_536


class Lane(IntEnum):
    """Which threads a request is for."""

    FILES = 1
    OTHERS = 2


class CutError(Exception):
    """Nobody takes the answer: its client, or the worker, has gone."""


def fork_flask_process(app: App, settings: Settings, listeners: Iterable[Any]) -> socket.socket:
    """Start the process, from a worker that has no threads yet.

    Parameters
    ----------
    app : callable
        The WSGI app.
    settings : Settings
    listeners : iterable of gunicorn's sockets
        Which only the worker listens on.

    Returns
    -------
    socket
        Takes a lane as a byte, with file descriptors: the socket of a request, and its body if that
        is a file. It ends when the process does, and the process when it ends.
    """
    ours, theirs = socket.socketpair()
    if os.fork():
        theirs.close()
        ours.setblocking(False)
        return ours
    try:  # never returns: what the worker has begun is not to be ended here
        signal.set_wakeup_fd(-1)
        for name in _OF_THE_WORKER:
            signal.signal(name, signal.SIG_IGN)
        ours.close()
        for listener in listeners:
            listener.close()
        os.nice(_NICENESS)
        count_where_there_is_room()
        _serve(app, theirs, settings)
    except BaseException as error:  # noqa: BLE001  # whatever it is, there is nobody else to say it
        problem_details.log_unexpected(error)
    finally:
        os._exit(0)


def _serve(app: App, control: socket.socket, settings: Settings) -> None:
    """Answer what comes, until the worker ends."""
    models = getattr(app, "extensions", {}).get("models")
    if models:
        models.watch()
    n_threads = {Lane.FILES: settings.max_files, Lane.OTHERS: settings.threads}
    executors = {
        lane: ThreadPoolExecutor(number, thread_name_prefix=lane.name.lower())
        for lane, number in n_threads.items()
    }
    while True:
        lane, files, _, _ = socket.recv_fds(control, 1, 2)
        if not lane:
            return
        executors[Lane(lane[0])].submit(_take, app, files)


def _take(app: App, files: list[int]) -> None:
    """Answer one request, in a thread."""
    with ExitStack() as stack:
        sock = stack.enter_context(socket.socket(fileno=files[0]))
        body = stack.enter_context(os.fdopen(files[1], "rb")) if files[1:] else None
        with suppress(CutError):
            request = _receive(sock, body)
            if not _has_gone(sock):
                _answer(app, request, sock)


def _receive(sock: socket.socket, body: IO[bytes] | None) -> Environment:
    """Return a request as its WSGI environment."""
    reader = FrameReader()
    frames: dict[Kind, bytes] = {}
    while Kind.BODY not in frames:
        piece = _receive_piece(sock)
        if not piece:
            raise CutError
        frames |= dict(reader.add(piece))
    if body:
        body.seek(0)
    noted = decode_noted(frames[Kind.REQUEST])
    return complete_environment(noted, body or BytesIO(frames[Kind.BODY]))


def _receive_piece(sock: socket.socket) -> bytes:
    try:
        return sock.recv(_PIECE)
    except OSError:
        return b""


def _deliver(sock: socket.socket, frames: bytes) -> None:
    """Send frames; an error of the socket is not to be taken for one of the app's."""
    try:
        sock.sendall(frames)
    except OSError:
        raise CutError from None


def _has_gone(sock: socket.socket) -> bool:
    """Whether nobody waits for the answer any more."""
    try:
        return not sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _answer(app: App, environment: Environment, sock: socket.socket) -> None:
    parts: Iterable[bytes] = ()
    try:
        head = _Head()
        parts = app(environment, head.start)
        _send(environment, head, iter(parts), sock)
    except CutError:
        pass
    except Exception as error:  # noqa: BLE001  # whatever it is, the client is told
        problem_details.log_unexpected(error)
        failure, content = render_failure(environment.get(REQUEST_ID))
        noted = encode_noted(Kind.NOTED, environment.get(LOG, {}))
        _deliver(
            sock, noted + encode_head(Kind.FAILED, failure) + encode(Kind.CONTENT, content)
            + encode(Kind.END)
        )  # fmt: skip
    finally:
        with suppress(AttributeError):
            parts.close()  # type: ignore[attr-defined]  # if it has one: PEP 3333


class _Head:
    """Status and headers of an answer, once the app has given them."""

    def __init__(self) -> None:
        self.answer = AnswerHead(b"", b"")
        self.kind = Kind.PARTS

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:  # noqa: ARG002
        """Take them: WSGI's ``start_response``."""
        if any(name.lower() == "content-length" for name, _ in headers):
            self.kind = Kind.WHOLE
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self.answer = AnswerHead(status.encode("latin-1"), lines.encode("latin-1"))


def _send(
    environment: Environment, head: _Head, parts: Iterator[bytes], sock: socket.socket
) -> None:
    """Send the frames of an answer, as its parts are made."""
    first = next(parts, b"")  # the app may not have begun before
    noted = encode_noted(Kind.NOTED, environment[LOG])
    _deliver(sock, noted + encode_head(head.kind, head.answer))
    for part in chain([first], parts):
        newly_noted = encode_noted(Kind.NOTED, environment[LOG])
        if newly_noted != noted:
            noted = newly_noted
            _deliver(sock, noted)
        _deliver(sock, encode(Kind.CONTENT, part))
    _deliver(sock, encode_noted(Kind.NOTED, environment[LOG]) + encode(Kind.END))
