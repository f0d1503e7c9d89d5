"""The answers that a worker is giving, so that how each of them ends is said once.

The thread that sends an answer notices when its client is gone; the worker's own thread, when the
worker has to go before the answer is complete. Whoever takes an answer from here has to say so.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

from segmentation.service.wsgi_environment import Environment

Cause = Literal["client", "timeout", "stopping", "error"]
"""Why an answer was cut: its client went away, its client paused for too long, the service was
stopped, or it failed."""

_GONE = frozenset((errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH))


@dataclass(frozen=True, slots=True)
class OpenResponse:
    """An answer that is being given.

    Attributes
    ----------
    environment : dict
        The request's WSGI environment.
    response : gunicorn.http.wsgi.Response
        It knows how much has been sent.
    started : float
        By `time.perf_counter`.
    """

    environment: Environment
    response: Any
    started: float

    def break_off(self) -> None:
        """Close the connection, so that the thread that writes to it does not go on waiting."""
        with suppress(OSError):
            self.response.sock.shutdown(socket.SHUT_RDWR)


class OpenResponses:
    """The answers of one worker that have begun and not ended."""

    def __init__(self) -> None:
        self._answers: dict[int, OpenResponse] = {}

    def begin(self, environment: Environment, response: Any) -> None:
        """Remember an answer."""
        self._answers[id(environment)] = OpenResponse(environment, response, perf_counter())

    def take(self, environment: Environment) -> OpenResponse | None:
        """Return the answer to a request, once; after that None."""
        return self._answers.pop(id(environment), None)

    def take_all(self) -> Iterator[OpenResponse]:
        """Take whatever is left."""
        for answer in list(self._answers.values()):
            if self.take(answer.environment):
                yield answer


def cause_of(error: BaseException | None) -> Cause | None:
    """Return why an answer was cut, from what was raised while it was sent; None if nothing was.

    The worker's sockets have a time limit of their own in the kernel: where it runs out, the error
    is the one of a socket that does not wait.
    """
    if error is None:
        return None
    if isinstance(error, BlockingIOError):
        return "timeout"
    is_gone = isinstance(error, OSError) and error.errno in _GONE
    return "client" if is_gone or isinstance(error, ConnectionError) else "error"
