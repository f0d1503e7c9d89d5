"""Which days stand alone, far from all others: one bad date must not decide for all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate, pairwise

# Visits, customers on a day, stand alone if they are few and lie further than half a year from all
# others, and further than any pause that the shop itself makes: one that opens for a month of each
# year is closed for eleven.
LONE_DAYS = 180
_LONGER_THAN_A_PAUSE = 1.5
# One in a thousand is few; in a small table one in twenty, at most two.
_LONE_SHARE, _LONE_SHARE_OF_FEW, _LONE_VISITS = 0.001, 0.05, 2


def find_bulk(days: Sequence[tuple[date, int]]) -> tuple[date, date]:
    """Return the first and the last day that do not stand alone.

    Parameters
    ----------
    days : sequence of (date, int)
        Days with visits, in order, and the number of customers of each.
    """
    n_visits = sum(n_of_day for _, n_of_day in days)
    most_lone = max(_LONE_SHARE * n_visits, min(_LONE_VISITS, _LONE_SHARE_OF_FEW * n_visits))
    begin, end = _count_outer(days, most_lone), _count_outer(days[::-1], most_lone)
    gaps = [following - day for (day, _), (following, _) in pairwise(days)]
    pause = max(gaps[begin : len(gaps) - end], default=timedelta(0))
    least_gap = max(timedelta(LONE_DAYS), _LONGER_THAN_A_PAUSE * pause)
    first = _count_lone(gaps[:begin], least_gap)
    last = len(days) - 1 - _count_lone(gaps[::-1][:end], least_gap)
    return days[first][0], days[last][0]


def _count_outer(days: Sequence[tuple[date, int]], most_visits: float) -> int:
    """Return how many days at the beginning have together at most so many visits."""
    totals = accumulate(n_of_day for _, n_of_day in days)
    return sum(total <= most_visits for total in totals)


def _count_lone(gaps: Sequence[timedelta], least_gap: timedelta) -> int:
    """Return how many days lie before the last gap that is long enough."""
    return max((place for place, gap in enumerate(gaps, start=1) if gap > least_gap), default=0)
