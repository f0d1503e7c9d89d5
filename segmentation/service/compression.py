"""Compression: long answers are sent as gzip to whoever takes it.

The one place that decides which answers, for Flask's, the pages' and those of the event loop.
Bodies of requests are never decompressed (``request_body``).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from werkzeug.datastructures import Accept, Headers
from werkzeug.http import parse_accept_header
from werkzeug.wsgi import ClosingIterator

from segmentation.service.wsgi_environment import Environment

WsgiApp = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]

# A shorter answer fits a packet or two as it is.
LEAST_BYTES = 2_048
# Level 6 takes twice the time for a fifth fewer bytes (decision 45).
_LEVEL = 3
_TYPES = (
    "text/",
    "application/json",
    "application/javascript",
    "application/x-ndjson",
    "image/svg",
)
_VARY = b"Vary: Accept-Encoding\r\n"
_WITH_GZIP_HEADER = zlib.MAX_WBITS + 16


@lru_cache(maxsize=256)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client prefers gzip to the bytes as they are (RFC 9110, section 12.5.3).

    Parameters
    ----------
    accept_encoding : str
        The header, empty if there is none.
    """
    accepted = parse_accept_header(accept_encoding, Accept)
    return accepted.best_match(("gzip", "identity")) == "gzip"


def compress_long(content: bytes, accept_encoding: bytes) -> tuple[bytes, bytes]:
    """Compress a content, if it is long and its client takes gzip.

    Parameters
    ----------
    content : bytes
        Of a type that is worth it.
    accept_encoding : bytes
        The header, empty if there is none.

    Returns
    -------
    tuple of bytes
        The lines of headers that this needs, and the content as it is to be sent.
    """
    if len(content) < LEAST_BYTES:
        return b"", content
    if not takes_gzip(accept_encoding.decode("latin-1")):
        return _VARY, content
    return _VARY + b"Content-Encoding: gzip\r\n", b"".join(_compress_parts([content]))


class Compression:
    """A WSGI app whose long answers are compressed.

    Parameters
    ----------
    app : callable
        The WSGI app inside.
    """

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environment: Environment, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        compressed = False

        def start_compressed(
            status: str, lines: list[tuple[str, str]], exc_info: Any = None
        ) -> Any:
            nonlocal compressed
            headers = Headers(lines)
            if status.startswith("200") and _may_be_compressed(headers):
                headers.add("Vary", "Accept-Encoding")
                compressed = takes_gzip(environment.get("HTTP_ACCEPT_ENCODING", ""))
            if compressed:
                _name_coding(headers)
            return start(status, headers.to_wsgi_list(), exc_info)

        parts = self._app(environment, start_compressed)
        # Flask calls start_response before it returns what it answers.
        if not compressed or environment["REQUEST_METHOD"] == "HEAD":
            return parts
        return ClosingIterator(_compress_parts(parts), getattr(parts, "close", None))


def _may_be_compressed(headers: Headers) -> bool:
    length = headers.get("Content-Length", type=int)
    return (
        headers.get("Content-Type", "").startswith(_TYPES)
        and "Content-Encoding" not in headers
        and (length is None or length >= LEAST_BYTES)
    )


def _name_coding(headers: Headers) -> None:
    """Say that the content is gzip; its length is not known, and its bytes are others."""
    headers["Content-Encoding"] = "gzip"
    headers.pop("Content-Length", None)
    tag = headers.get("ETag", "")
    if tag.startswith('"'):
        headers["ETag"] = f"W/{tag}"


def _compress_parts(parts: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_LEVEL, wbits=_WITH_GZIP_HEADER)
    for part in parts:
        piece = compressor.compress(part)
        if piece:
            yield piece
    yield compressor.flush()
