"""From the body of a request to a temporary file, which can be read more than once.

What is in it is found out elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO

from werkzeug.http import parse_options_header

from segmentation.service.problem_details import RequestError
from segmentation.service.request_body import check_identity, pieces
from segmentation.service.settings import MEBIBYTE
from segmentation.service.wsgi_environment import Environment


@contextmanager
def spooled(environment: Environment, types: Collection[str], limit: int) -> Iterator[IO[bytes]]:
    """Give the body of a request as a file until the block ends; a short one stays in memory.

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
            f"The content type must be {usual}.",
            {"Accept": usual},
        )
    check_identity(environment)
    with SpooledTemporaryFile(MEBIBYTE) as file:
        for piece in pieces(environment, limit):
            _keep(piece, file)
        yield file


def _keep(piece: bytes, file: IO[bytes]) -> None:
    try:
        file.write(piece)
    except OSError:
        raise RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "There is no room for a temporary file of that length.",
            {"Retry-After": "10"},
        ) from None
