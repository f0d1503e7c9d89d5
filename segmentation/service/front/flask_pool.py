"""Flask in threads: a bounded number of them, a bounded number of requests that wait for one.

A thread begins when all of a request has come, and an answer whose length is known leaves it in one
piece: a client never holds a thread but by reading a file's answers slowly, for which files have
threads of their own. How a request looks to Flask is in ``wsgi_request``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import Any

from werkzeug.http import HTTP_STATUS_CODES

from segmentation.service import problem_details
from segmentation.service.front.wsgi_request import make_environment
from segmentation.service.observability.request_observer import new_request_id
from segmentation.service.route_table import FILE
from segmentation.service.server.exchange import CutError, Exchange
from segmentation.service.settings import Settings
from segmentation.service.wsgi_environment import REQUEST_ID, Environment

_FILE = FILE.encode()


class Threads:
    """A number of threads, and of requests that may wait for them.

    Parameters
    ----------
    name : str
        Of the threads.
    n_threads : int
    most_waiting : int

    Attributes
    ----------
    n_requests : int
        Those that are being answered or wait.
    """

    def __init__(self, name: str, n_threads: int, most_waiting: int) -> None:
        self._executor = ThreadPoolExecutor(n_threads, thread_name_prefix=name)
        self._most = n_threads + most_waiting
        self.n_requests = 0

    def run(self, work: Callable[[], None], loop: asyncio.AbstractEventLoop) -> bool:
        """Do some work in a thread, or return False if too much is waiting."""
        if self.n_requests >= self._most:
            return False
        self.n_requests += 1
        loop.run_in_executor(self._executor, work).add_done_callback(self._note_end)
        return True

    def _note_end(self, future: asyncio.Future[None]) -> None:
        self.n_requests -= 1
        if not future.cancelled() and future.exception():
            problem_details.log_unexpected(future.exception() or RuntimeError())

    def stop(self) -> None:
        """Begin nothing more."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class FlaskPool:
    """Answers requests through Flask.

    Parameters
    ----------
    app : callable
        The WSGI app.
    settings : Settings
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], settings: Settings) -> None:
        self._app = app
        self._threads = Threads("request", settings.threads, settings.max_waiting)
        self._files = Threads("file", settings.max_files, settings.max_waiting)

    def submit(self, exchange: Exchange) -> bool:
        """Answer a request later, or return False if too many are waiting."""
        request, loop = exchange.request, asyncio.get_running_loop()
        is_file = request.target.partition(b"?")[0].endswith(_FILE)
        threads = self._files if is_file else self._threads
        return threads.run(partial(self._answer, exchange, loop), loop)

    def stop(self) -> None:
        """Begin nothing more."""
        self._threads.stop()
        self._files.stop()

    def _answer(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        """Answer one request, in a thread."""
        if exchange.is_ended:
            return
        environment: Environment = {}
        parts: Iterable[bytes] = ()
        try:
            environment = exchange.environment = make_environment(exchange)
            head = _Head()
            parts = self._app(environment, head.start)
            _send(exchange, head, iter(parts), loop)
        except CutError:
            pass
        except Exception as error:  # noqa: BLE001  # whatever it is, the client is told
            problem_details.log_unexpected(error)
            loop.call_soon_threadsafe(exchange.fail, *render_failure(environment))
        finally:
            with suppress(AttributeError):
                parts.close()  # type: ignore[attr-defined]  # if it has one: PEP 3333
            with suppress(KeyError):
                environment["wsgi.input"].close()


class _Head:
    """Status and headers of an answer, once the app has given them."""

    def __init__(self) -> None:
        self.status, self.headers = b"", b""
        self.has_length = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:  # noqa: ARG002
        """Take them: WSGI's ``start_response``."""
        self.status = status.encode("latin-1")
        self.has_length = any(name.lower() == "content-length" for name, _ in headers)
        self.headers = "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")


def _send(
    exchange: Exchange, head: _Head, parts: Iterator[bytes], loop: asyncio.AbstractEventLoop
) -> None:
    """Send an answer: at once if its length is known, otherwise as its parts are made."""
    first = next(parts, b"")  # the app may not have begun before
    if head.has_length:
        content = b"".join(chain([first], parts))
        loop.call_soon_threadsafe(exchange.reply, head.status, head.headers, content)
        return
    loop.call_soon_threadsafe(exchange.begin, head.status, head.headers)
    for part in chain([first], parts):
        asyncio.run_coroutine_threadsafe(exchange.send(part), loop).result()
    loop.call_soon_threadsafe(exchange.end)


def render_failure(environment: Environment) -> tuple[bytes, bytes, bytes]:
    """Return status, headers and content for an error that nothing has foreseen."""
    request_id = environment.get(REQUEST_ID) or new_request_id()
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    content = problem_details.document(status, problem_details.UNEXPECTED, request_id)
    headers = render_headers(problem_details.MEDIA_TYPE, len(content), request_id)
    return f"{status.value} {HTTP_STATUS_CODES[status]}".encode(), headers, content


def render_headers(media_type: str, length: int, request_id: str) -> bytes:
    """Return the lines of the headers of an answer that Flask has not made."""
    return (
        f"Content-Type: {media_type}\r\nContent-Length: {length}\r\n"
        f"X-Request-ID: {request_id}\r\nX-Content-Type-Options: nosniff\r\n"
    ).encode("latin-1")
