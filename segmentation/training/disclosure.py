"""What packages may say about few customers: nothing about one or two (docs/decisions/0046).

Packages travel, and ``GET /model`` shows the manifest to everybody who may ask. Small counts are
left out, in such a way that no difference of published ones gives them back, and columns end at
percentiles. What a model has learned, in its pipeline and its scorer, is not looked at here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.data_remarks import DataRemark
from segmentation.artifact.lineage import Fate, Lineage

FEWEST = 3
"""So many customers are behind every number that is published."""
TAIL = 0.01
"""Share of the answers below the lower and above the upper end of a column, at least."""
# Ends are rounded to steps of which a column's range holds a hundred to a thousand.
_STEPS = 2
_LAST_BIT = 1e-9


def has_enough(values: NDArray[np.float64]) -> bool:
    """Return whether enough records answer a column for something to be said about it.

    Parameters
    ----------
    values : ndarray of shape (n_records,)
        NaN where missing.
    """
    return int((~np.isnan(values)).sum()) >= 2 * FEWEST


def find_ends(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the first and the last percentile of a column, rounded inwards.

    At least three records lie at or beyond each, so that in small tables they are further inside.

    Parameters
    ----------
    values : ndarray of shape (n_records,)
        NaN where missing; six of them are not.

    Returns
    -------
    low, high : float
    """
    answered = np.sort(values[~np.isnan(values)])
    low = max(float(np.quantile(answered, TAIL)), float(answered[FEWEST - 1]))
    high = min(float(np.quantile(answered, 1 - TAIL)), float(answered[-FEWEST]))
    if low == high:
        return low, high
    decimals = _STEPS - math.floor(math.log10(high - low))
    step = 10.0**-decimals
    first, last = math.ceil(low / step - _LAST_BIT), math.floor(high / step + _LAST_BIT)
    return round(first * step, max(decimals, 0)) + 0.0, round(last * step, max(decimals, 0)) + 0.0


def share_without(n_without: int, n_records: int) -> float:
    """Return the share of records that lack something: 0 for one or two, 1 for all but those."""
    if n_without < FEWEST:
        return 0.0
    return 1.0 if n_records - n_without < FEWEST else round(n_without / n_records, 6)


def choose_counts(counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which counts of a table may be published, its sums being known.

    Not those of one or two. Where what is left out of a row or a column is a single count, or adds
    up to one or two, the smallest other one there is left out as well: the difference would give it
    back.

    Parameters
    ----------
    counts : ndarray of shape (n_rows, n_columns), int

    Returns
    -------
    ndarray of shape (n_rows, n_columns), bool
        Zeros are not published either.
    """
    published = counts >= FEWEST
    while True:
        n_before = published.sum()
        for lines, chosen in ((counts, published), (counts.T, published.T)):
            for line, is_chosen in zip(lines, chosen, strict=True):
                _hide_difference(line, is_chosen)
        if published.sum() == n_before:
            return published


def _hide_difference(counts: NDArray[np.int64], published: NDArray[np.bool_]) -> None:
    """Take the smallest count out of a line whose sum would tell one that is left out."""
    left_out = counts[~published]
    is_told = left_out.any() and (len(left_out) == 1 or left_out.sum() < FEWEST)
    if is_told and published.any():
        published[np.where(published, counts, np.iinfo(np.int64).max).argmin()] = False


def leave_out_few(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return counts of places with 0 for one or two; what lies where is told by nothing else.

    Parameters
    ----------
    counts : ndarray of int
    """
    return np.where(counts < FEWEST, 0, counts)


def publish_remarks(remarks: Iterable[DataRemark]) -> tuple[DataRemark, ...]:
    """Return remarks without numbers of rows, and without those about one or two rows.

    The terminal shows them as they were.

    Parameters
    ----------
    remarks : iterable of DataRemark
    """
    published = []
    for remark in remarks:
        about_rows = remark.kind in ("duplicate", "label")
        if about_rows and remark.count < FEWEST:
            continue
        is_few = remark.kind == "outside" and remark.count < FEWEST
        changes: dict[str, Any] = {"rows": ()} | ({"count": 0} if is_few else {})
        published.append(remark.model_copy(update=changes))
    return tuple(published)


def publish_lineage(lineage: Lineage | None) -> Lineage | None:
    """Return a lineage that does not say where one or two records of an old segment are.

    Parameters
    ----------
    lineage : Lineage or None
    """
    if lineage is None:
        return None
    fates = tuple(map(_publish_fate, lineage.transitions.old))
    transitions = lineage.transitions.model_copy(update={"old": fates})
    return lineage.model_copy(update={"transitions": transitions})


def _publish_fate(fate: Fate) -> Fate:
    if fate.members >= FEWEST:
        return fate
    return fate.model_copy(update={"members": 0, "stayed": None, "into": ()})
