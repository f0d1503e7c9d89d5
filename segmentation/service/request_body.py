"""From the bytes of a request to a decoded JSON value, or the exact reason why not.

Stricter than Flask's ``get_json``, which takes NaN, duplicate keys and chunked bodies over the
limit, and breaks on a thousand levels of nesting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import jiter
from werkzeug.http import parse_options_header

from segmentation.service.problem_details import RequestError
from segmentation.service.wsgi_environment import Environment

DEEPEST = 16
_PIECE = 65_536

JSON = "application/json"
_JSON_SPACE = b" \t\n\r"
# Everything of jiter's message but a key that it quotes.
_PLACE = re.compile(r"at line \d+ column \d+$")


def read_body(environment: Environment, limit: int) -> bytes:
    """Return the body of a request that says it is JSON.

    Parameters
    ----------
    environment : dict
        The request's WSGI environment.
    limit : int
        Most bytes to accept.

    Raises
    ------
    RequestError
        415 for another content type or encoding, 411 without a length, 413 over the limit, 400
        if it breaks off.
    """
    _check_type(environment)
    return b"".join(pieces(environment, limit))


def is_object(body: bytes) -> bool:
    """Whether the JSON text is meant to be one record rather than an array of them."""
    return not body.lstrip(_JSON_SPACE).startswith(b"[")


def decoded_records(body: bytes, most: int) -> list[Any]:
    """Decode a body into the records it holds: those of an array, or the one value.

    Raises
    ------
    RequestError
        400 for anything that is not one JSON text of finite numbers, unique keys and little
        depth; 413 for an array of more than `most`.
    """
    value = decode(body)
    if not isinstance(value, list):
        return [value]
    if len(value) > most:
        detail = f"An array may hold at most {most} records."
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    return value


def _check_type(environment: Environment) -> None:
    content_type = environment.get("CONTENT_TYPE", "")
    if content_type != JSON:
        media_type, options = parse_options_header(content_type)
        charset = options.get("charset", "utf-8").lower()
        if media_type.lower() != JSON or charset not in ("utf-8", "utf8"):
            raise RequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"The content type must be {JSON} in UTF-8.",
                {"Accept": JSON},
            )
    check_identity(environment)


def check_identity(environment: Environment) -> None:
    """Refuse a compressed body.

    Raises
    ------
    RequestError
        415.
    """
    if environment.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "The body must not be compressed.",
            {"Accept-Encoding": "identity"},
        )


def pieces(environment: Environment, limit: int) -> Iterator[bytes]:
    """Yield a body piece by piece.

    At most one byte more than allowed is read, whatever length the request claims to have.

    Raises
    ------
    RequestError
        411 without a length, 413 over the limit, 400 if it breaks off.
    """
    claimed = environment.get("CONTENT_LENGTH")
    if not claimed and "HTTP_TRANSFER_ENCODING" not in environment:
        raise RequestError(HTTPStatus.LENGTH_REQUIRED, "The request has no Content-Length.")
    length = int(claimed) if claimed and claimed.isdecimal() else None
    most = limit + 1 if length is None else length
    n_read = 0
    while n_read < most <= limit + (length is None):
        piece = received(environment["wsgi.input"], min(most - n_read, _PIECE))
        if piece is None:
            raise RequestError(HTTPStatus.BAD_REQUEST, "The body could not be read to its end.")
        if not piece:
            break
        n_read += len(piece)
        yield piece
    if max(n_read, length or 0) > limit:
        detail = f"The body is longer than {limit} bytes."
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    if length is not None and n_read < length:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The body is shorter than its Content-Length.")


def received(stream: Any, most: int) -> bytes | None:
    """Return at most `most` bytes of a body, or None if its connection breaks."""
    try:
        content: bytes = stream.read(most)
    except Exception:  # noqa: BLE001  # each server has exceptions of its own for this
        return None
    return content


def decode(body: bytes) -> Any:
    """Decode one JSON text.

    Raises
    ------
    RequestError
        400, with the place but never the content of the fault.
    """
    try:
        value = jiter.from_json(
            body, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys"
        )
    except ValueError as error:
        text = str(error)
        if text.startswith("Detected duplicate key"):
            place = _PLACE.search(text)
            text = f"duplicate key {place.group() if place else ''}"
        raise RequestError(HTTPStatus.BAD_REQUEST, f"The body is not valid JSON: {text}.") from None
    if not _surely_flat(body, value) and _deeper(value, DEEPEST):
        raise RequestError(
            HTTPStatus.BAD_REQUEST, f"The body is nested deeper than {DEEPEST} levels."
        )
    return value


def _surely_flat(body: bytes, value: Any) -> bool:
    """Whether there are only as many brackets as an object, or an array of objects, has."""
    expected = 1 + len(value) if isinstance(value, list) else 1
    return body.count(b"{") + body.count(b"[") <= expected


def _deeper(value: Any, levels: int) -> bool:
    """Whether `value` is nested more than `levels` deep; jiter has stopped at 200."""
    if not isinstance(value, dict | list):
        return False
    if not levels:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(_deeper(one, levels - 1) for one in inner)
