"""What is said of a file of orders beside its answers: types only."""

from __future__ import annotations

from typing_extensions import TypedDict


class LeftOut(TypedDict):
    """Lines that are left out for a reason: how many, and where the first of them stand."""

    reason: str
    message: str
    n_lines: int
    first_lines: list[int]


class OrderCard(TypedDict):
    """What became of a file's lines of orders.

    Recency is relative to ``as_of``, which is that of the last line that counts unless the caller
    says it. ``n_alone`` of the lines that are out of range stand alone in time, half a year from
    all others. ``header`` is that of the answer, without the answers' own columns.
    """

    as_of: str
    as_of_given: bool
    n_lines: int
    n_kept: int
    n_customers: int
    n_alone: int
    first: str
    last: str
    left_out: list[LeftOut]
    header: list[str]
