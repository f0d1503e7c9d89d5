"""How many rows a file may have, and how long the answer to it may become.

Both are refused before anything is sent, as far as they can be known: rows are counted when a file
is opened, and the beginning of an answer shows how long the whole will be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING

from segmentation.service.problem_details import RequestError
from segmentation.service.settings import MEBIBYTE

if TYPE_CHECKING:
    from segmentation.batch import ScoredRow

# Rows whose answers show how long those of all will be.
_ENOUGH_ROWS = 1_000


def check_rows(n_rows: int, most: int) -> None:
    """Refuse a file that has too many.

    Raises
    ------
    RequestError
        413.
    """
    if n_rows > most:
        detail = (
            f"The file has {n_rows:,} rows to be answered; {most:,} are allowed at a time. Send it"
            " in parts."
        )
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


class CountedRows:
    """Rows that come in pieces, and how many have.

    Parameters
    ----------
    pieces : iterable of list of ScoredRow

    Attributes
    ----------
    n_rows : int
        So far.
    """

    def __init__(self, pieces: Iterable[list[ScoredRow]]) -> None:
        self._pieces = pieces
        self.n_rows = 0

    def __iter__(self) -> Iterator[list[ScoredRow]]:
        """Yield the pieces."""
        for rows in self._pieces:
            self.n_rows += len(rows)
            yield rows


def limit_answer(
    parts: Iterator[bytes], counted: CountedRows, n_rows: int, most: int
) -> Iterator[bytes]:
    """Return an answer whose beginning shows that it will not be too long.

    Parameters
    ----------
    parts : iterator of bytes
    counted : CountedRows
        The rows of which the parts are made.
    n_rows : int
        How many there will be.
    most : int
        Bytes.

    Returns
    -------
    iterator of bytes
        Which breaks off, with `RequestError`, where the beginning was no sample of the rest.

    Raises
    ------
    RequestError
        413.
    """
    beginning: list[bytes] = []
    n_bytes = 0
    for part in parts:
        beginning.append(part)
        n_bytes += len(part)
        if counted.n_rows >= _ENOUGH_ROWS:
            break
    expected = n_bytes * n_rows // max(1, counted.n_rows)
    if expected > most:
        detail = (
            f"The answer would take some {expected // MEBIBYTE:,} MiB;"
            f" {most // MEBIBYTE:,} are allowed. Send the file in parts."
        )
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    return _break_off(chain(beginning, parts), most)


def _break_off(parts: Iterator[bytes], most: int) -> Iterator[bytes]:
    n_bytes = 0
    for part in parts:
        n_bytes += len(part)
        if n_bytes > most:
            detail = "The answer has become longer than its beginning showed."
            raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        yield part
