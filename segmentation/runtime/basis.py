"""What an answer rests on: all, some or none of the answers that define segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Literal

from segmentation.schema import Schema

Basis = Literal["complete", "incomplete", "indirect"]
Numbers = Sequence[float | None]


def bases(schema: Schema) -> list[Basis]:
    """Return the basis for each number of missing answers, from 0, of those that define segments.

    Parameters
    ----------
    schema : Schema
    """
    incomplete: list[Basis] = ["incomplete"] * (len(schema.decisive) - 1)
    return ["complete", *incomplete, "indirect"]


def counter_of_missing(schema: Schema) -> Callable[[Numbers], int]:
    """Return the function that counts them in a record's numbers, the features first."""
    if len(schema.decisive) == 1:
        (only,) = schema.decisive
        return lambda numbers: int(numbers[only] is None)
    decisive = itemgetter(*schema.decisive)
    return lambda numbers: decisive(numbers).count(None)
