"""What is wrong with a training table, though not so much that training has to stop.

Found before anything is fitted, but for labels, which only models can contradict. Said in
``wording.data_remarks``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.data_remarks import DataRemark
from segmentation.artifact.manifest import Baseline, NumberBaseline
from segmentation.schema import Record, Schema

# Rows that a remark lists; all are counted.
MOST_ROWS = 20
# Values far outside the earlier range that are worth a sentence, and how far typical values are
# apart where another unit is likely.
LARGEST_SHARE_OUTSIDE = 0.03
LARGE_RATIO = 5.0
# A label is contradicted by a model to which another segment is so much more probable. That finds
# all of 2, 59 and 140 labels that were moved, of 700 in the sample or the survey, and no others.
LEAST_LEAD = 0.25


def find_remarks(
    schema: Schema, records: Sequence[Record], earlier: Baseline | None
) -> list[DataRemark]:
    """Return what is to be looked at in a table.

    Parameters
    ----------
    schema : Schema
    records : sequence of dict
        Canonical records.
    earlier : Baseline or None
        The records that the model before learned from, if it is one of the same kind.
    """
    return [
        *_find_constants(schema, records),
        *_find_duplicates(schema, records),
        *(_find_outside(schema, records, earlier) if earlier else ()),
    ]


def find_contradicted_labels(
    y: NDArray[Any], P: NDArray[np.float64], classes: NDArray[Any]
) -> list[DataRemark]:
    """Return the remark about labels that models of other rows contradict, if there are any.

    A label is contradicted where another segment is more probable by far: two segments that are
    hard to tell apart are no fault of the label. In the spirit of Northcutt, Jiang and Chuang 2021,
    https://doi.org/10.1613/jair.1.12125.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Labels of the table.
    P : ndarray of shape (n_samples, n_classes)
        What models that did not see the row say.
    classes : ndarray of shape (n_classes,)
    """
    labelled = P[np.arange(len(y)), np.searchsorted(classes, y)]
    rows = np.flatnonzero(P.max(axis=1) - labelled >= LEAST_LEAD)
    return _remark_rows("label", rows.tolist(), len(y))


def _remark_rows(kind: Any, rows: list[int], n_rows: int) -> list[DataRemark]:
    if not rows:
        return []
    first = tuple(row + 1 for row in rows[:MOST_ROWS])
    return [DataRemark(kind=kind, count=len(rows), total=n_rows, rows=first)]


def _find_constants(schema: Schema, records: Sequence[Record]) -> Iterator[DataRemark]:
    for column in schema.features:
        values = {record.get(column.name) for record in records} - {None}
        if len(values) == 1:
            yield DataRemark(
                kind="constant", column=column.name, count=len(records), total=len(records)
            )


def _find_duplicates(schema: Schema, records: Sequence[Record]) -> list[DataRemark]:
    """Return the remark about rows that say the same as an earlier one, and have no identifier."""
    identifier = schema.identifier.name if schema.identifier else ""
    seen: set[tuple[Any, ...]] = set()
    rows = []
    for row, record in enumerate(records):
        if record.get(identifier) is not None:
            continue
        answers = tuple(record.get(column.name) for column in schema.columns)
        if answers in seen:
            rows.append(row)
        seen.add(answers)
    return _remark_rows("duplicate", rows, len(records))


def _find_outside(
    schema: Schema, records: Sequence[Record], earlier: Baseline
) -> Iterator[DataRemark]:
    for column in schema.features:
        baseline = earlier.numbers.get(column.name)
        values = np.array(
            [value for record in records if (value := record.get(column.name)) is not None],
            dtype=np.float64,
        )
        if baseline is None or not len(values):
            continue
        ratio = _compare_typical(values, baseline)
        n_far = _count_outside(values, baseline.limits)
        if n_far > LARGEST_SHARE_OUTSIDE * len(values) or ratio is not None:
            yield DataRemark(
                kind="outside",
                column=column.name,
                count=_count_outside(values, (baseline.low, baseline.high)),
                total=len(values),
                low=baseline.low,
                high=baseline.high,
                ratio=ratio,
            )


def _count_outside(values: NDArray[np.float64], ends: tuple[float, float]) -> int:
    return int(((values < ends[0]) | (values > ends[1])).sum())


def _compare_typical(values: NDArray[np.float64], baseline: NumberBaseline) -> float | None:
    """Return how many times as large typical values are, where it is many or a small part."""
    typical, typical_before = float(np.median(values)), baseline.deciles[4]
    if not (typical > 0 and typical_before > 0):
        return None
    ratio = typical / typical_before
    return round(ratio, 6) if ratio >= LARGE_RATIO or ratio <= 1 / LARGE_RATIO else None
