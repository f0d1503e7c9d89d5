"""Which days stand alone, far from all others: one bad date must not decide for all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

LONE_DAYS = 180
"""Days without a row on both sides of those that stand alone: no shop pauses for half a year."""
# They are at most one row in a thousand.
_LONE_SHARE = 0.001


def find_bulk(days: Sequence[tuple[date, int]]) -> tuple[date, date]:
    """Return the first and the last day that do not stand alone.

    Parameters
    ----------
    days : sequence of (date, int)
        Days with rows, in order, and the number of rows of each.
    """
    most_lone = _LONE_SHARE * sum(n_rows for _, n_rows in days)
    first = _count_lone(days, most_lone)
    last = len(days) - 1 - _count_lone(days[::-1], most_lone)
    return days[first][0], days[last][0]


def _count_lone(days: Sequence[tuple[date, int]], most_rows: float) -> int:
    """Return how many days at the beginning stand alone, together at most so many rows."""
    n_lone = n_rows = 0
    for place, ((day, n_of_day), (following, _)) in enumerate(pairwise(days), start=1):
        n_rows += n_of_day
        if n_rows > most_rows:
            break
        if abs(following - day) > timedelta(LONE_DAYS):
            n_lone = place
    return n_lone
