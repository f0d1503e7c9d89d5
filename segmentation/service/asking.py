"""What a request asks for beside answers: explanations, of all its records or of some."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from segmentation.errors import InvalidRecordsError, Problem
from segmentation.service.problem_details import RequestError

EXPLAIN = "explain"


def take_asked(records: Sequence[Any], most: int) -> tuple[list[Any], list[int]]:
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
    rest, asked, problems = [], [], []
    for row, record in enumerate(records):
        if not isinstance(record, dict) or EXPLAIN not in record:
            rest.append(record)
            continue
        rest.append({name: value for name, value in record.items() if name != EXPLAIN})
        if record[EXPLAIN] is True:
            asked.append(row)
        elif record[EXPLAIN] is not False:
            problems.append(Problem(row, EXPLAIN, "type", "must be true or false"))
    if problems:
        raise InvalidRecordsError(problems)
    check_asked(len(asked), most)
    return rest, asked


def check_asked(n_explanations: int, most: int) -> None:
    """Refuse too many explanations.

    Raises
    ------
    RequestError
        413.
    """
    if n_explanations > most:
        detail = f"At most {most} records of a request can be explained."
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
