"""The body of a request: its bytes, a decoded JSON value or a file, or the exact reason why not.

Stricter than Flask's ``get_json``, which takes NaN, duplicate keys and chunked bodies over the
limit, and breaks on a thousand levels of nesting.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import jiter
from werkzeug.http import parse_options_header

from segmentation.errors import InvalidRecordsError, Problem
from segmentation.service.problem_details import RequestError
from segmentation.service.settings import MEBIBYTE
from segmentation.service.wsgi_environment import N_RECEIVED, Environment

DEEPEST = 16
# What a body may hold, counted before it is decoded: each takes some 50 to 100 bytes of memory. The
# largest body of transactions has about as many.
MOST_VALUES = 1_000_000
MOST_CONTAINERS = 250_000
# Values of an object or array, on average: many times what a record of any study has.
MOST_VALUES_OF_CONTAINER = 2_000
_PIECE = 65_536

EXPLAIN = "explain"

JSON = "application/json"
_HOW_TO_SEND = {
    "multipart/form-data": "Send the file itself as the body, not a form: with curl by"
    " --data-binary @FILE, not by -F. "
}
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
    return b"".join(read_pieces(environment, limit))


def is_object(body: bytes) -> bool:
    """Whether the JSON text is meant to be one record rather than an array of them."""
    return not body.lstrip(_JSON_SPACE).startswith(b"[")


def decode_records(body: bytes, most: int) -> list[Any]:
    """Decode a body into the records it holds: those of an array, or the one value.

    Raises
    ------
    RequestError
        400 for anything that is not one JSON text of finite numbers, unique keys and little
        depth; 413 for an array of more than `most`, or more values than any request needs.
    """
    _check_counts(body)
    value = decode(body)
    if not isinstance(value, list):
        return [value]
    if len(value) > most:
        detail = f"An array may hold at most {most} records."
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    return value


def _check_counts(body: bytes) -> None:
    n_containers = body.count(b"{") + body.count(b"[")
    most_values = min(MOST_VALUES, MOST_VALUES_OF_CONTAINER * max(n_containers, 1))
    if body.count(b",") > most_values or n_containers > MOST_CONTAINERS:
        detail = (
            f"The body may hold at most {MOST_VALUES} values, {MOST_VALUES_OF_CONTAINER} for each"
            f" object and array, and {MOST_CONTAINERS} objects and arrays."
        )
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


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


def read_pieces(environment: Environment, limit: int) -> Iterator[bytes]:
    """Yield a body piece by piece.

    At most one byte more than allowed is read, whatever length the request claims to have.

    Raises
    ------
    RequestError
        411 without a length, 413 over the limit, 400 if it breaks off.
    """
    length = _read_length(environment)
    most = limit + 1 if length is None else length
    n_read = 0
    while n_read < most <= limit + (length is None):
        piece = receive(environment["wsgi.input"], min(most - n_read, _PIECE))
        if piece is None:
            raise RequestError(HTTPStatus.BAD_REQUEST, "The body could not be read to its end.")
        if not piece:
            break
        n_read += len(piece)
        yield piece
    _check_length(n_read, length, limit)


def _read_length(environment: Environment) -> int | None:
    """Return how long a body claims to be; None for one that comes in chunks."""
    claimed = environment.get("CONTENT_LENGTH")
    if not claimed and "HTTP_TRANSFER_ENCODING" not in environment:
        raise RequestError(HTTPStatus.LENGTH_REQUIRED, "The request has no Content-Length.")
    return int(claimed) if claimed and claimed.isdecimal() else None


def _check_length(n_read: int, length: int | None, limit: int) -> None:
    if max(n_read, length or 0) > limit:
        detail = f"The body is longer than {limit} bytes."
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    if length is not None and n_read < length:
        raise RequestError(HTTPStatus.BAD_REQUEST, "The body is shorter than its Content-Length.")


def receive(stream: Any, most: int) -> bytes | None:
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
    if not _is_flat(body, value) and _is_deeper(value, DEEPEST):
        raise RequestError(
            HTTPStatus.BAD_REQUEST, f"The body is nested deeper than {DEEPEST} levels."
        )
    return value


def _is_flat(body: bytes, value: Any) -> bool:
    """Whether there are only as many brackets as an object, or an array of objects, has."""
    expected = 1 + len(value) if isinstance(value, list) else 1
    return body.count(b"{") + body.count(b"[") <= expected


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether `value` is nested more than `levels` deep; jiter has stopped at 200."""
    if not isinstance(value, dict | list):
        return False
    if not levels:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(_is_deeper(member, levels - 1) for member in inner)


def split_explain(records: Sequence[Any], most: int) -> tuple[list[Any], list[int]]:
    """Take the member ``explain`` out of records.

    Parameters
    ----------
    records : sequence
        Decoded JSON values.
    most : int
        Explanations that one request may ask for.

    Returns
    -------
    list
        The records without it.
    list of int
        Positions of those that asked for an explanation.

    Raises
    ------
    InvalidRecordsError
        Where it is neither true nor false.
    RequestError
        413 for too many.
    """
    plain, explained, problems = [], [], []
    for row, record in enumerate(records):
        if not isinstance(record, dict) or EXPLAIN not in record:
            plain.append(record)
            continue
        plain.append({name: value for name, value in record.items() if name != EXPLAIN})
        if record[EXPLAIN] is True:
            explained.append(row)
        elif record[EXPLAIN] is not False:
            problems.append(Problem(row, EXPLAIN, "type", "must be true or false"))
    if problems:
        raise InvalidRecordsError(problems)
    check_explanations(len(explained), most)
    return plain, explained


def check_explanations(n_explanations: int, most: int) -> None:
    """Refuse too many explanations.

    Raises
    ------
    RequestError
        413.
    """
    if n_explanations > most:
        detail = f"At most {most} records of a request can be explained."
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


@contextmanager
def open_file(environment: Environment, types: Collection[str], limit: int) -> Iterator[IO[bytes]]:
    """Give the body of a request as a file until the block ends.

    It is copied, in memory if it is short, unless the server has received all of it as a file.

    Parameters
    ----------
    environment : dict
        The request's WSGI environment.
    types : collection of str
        Content types to accept, the usual one first.
    limit : int
        Most bytes to accept.

    Raises
    ------
    RequestError
        415 for another content type or encoding, 411 without a length, 413 over the limit, 400
        if it breaks off, 503 without room for it.
    """
    media_type, _ = parse_options_header(environment.get("CONTENT_TYPE", ""))
    if media_type.lower() not in types:
        usual = next(iter(types))
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"{_HOW_TO_SEND.get(media_type.lower(), '')}The content type must be {usual}, or that"
            " of a workbook, Parquet, gzip or zip.",
            {"Accept": ", ".join(types)},
        )
    check_identity(environment)
    if N_RECEIVED in environment:
        _check_length(environment[N_RECEIVED], _read_length(environment), limit)
        yield environment["wsgi.input"]
        return
    with SpooledTemporaryFile(MEBIBYTE) as file:
        for piece in read_pieces(environment, limit):
            _write(piece, file)
        yield file


def _write(piece: bytes, file: IO[bytes]) -> None:
    try:
        file.write(piece)
    except OSError:
        raise RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "There is no room for a temporary file of that length.",
            {"Retry-After": "10"},
        ) from None
