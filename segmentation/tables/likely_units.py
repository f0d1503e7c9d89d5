"""Columns whose values are impossible in the unit of their header, and possible in another one.

Only guesses for people: nothing is converted unless the header says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segmentation.schema import Column, Schema

PERCENT = 100.0
# Of the values, that have to be impossible as they are, and possible in the other unit.
LEAST_IMPOSSIBLE = 0.2
LEAST_POSSIBLE = 0.95


def explain_units(
    schema: Schema, records: Sequence[Mapping[str, Any]], headers: Mapping[str, str]
) -> list[str]:
    """Return a sentence for each column whose values look like another unit.

    Parameters
    ----------
    schema : Schema
    records : sequence of mapping
        Values by field, as the table has them.
    headers : mapping of str to str
        The table's own header of each field.
    """
    sentences = []
    for column in schema.features:
        values = [
            float(value)
            for record in records
            if isinstance(value := record.get(column.name), int | float)
        ]
        advice = _advise(column, values)
        if advice:
            header = headers.get(column.name, column.title)
            sentences.append(f"column {header!r}: the values look like {advice}")
    return sentences


def _advise(column: Column, values: Sequence[float]) -> str:
    """Return which unit values look like and what to do; empty where they may be right."""
    if _share_possible(column, values, 1.0) > 1.0 - LEAST_IMPOSSIBLE:
        return ""
    for alias in column.aliases:
        if _share_possible(column, values, alias.divisor) >= LEAST_POSSIBLE:
            return f"{alias.unit}; call the column {alias.title!r} to have them read so"
    if column.maximum == 1 and _share_possible(column, values, PERCENT) >= LEAST_POSSIBLE:
        return "per cent; write them as shares from 0 to 1, or with a per cent sign"
    return ""


def _share_possible(column: Column, values: Sequence[float], divisor: float) -> float:
    """Return how many of the values lie within the limits of a column; all of none."""
    low = -float("inf") if column.minimum is None else column.minimum
    high = float("inf") if column.maximum is None else column.maximum
    inside = sum(low <= value / divisor <= high for value in values)
    return inside / len(values) if values else 1.0
