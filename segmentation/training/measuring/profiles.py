"""What the training records look like: each column's baseline, each segment's profile.

None of it is about one or two of them: what may be said is decided in ``training.disclosure``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.manifest import (
    Baseline,
    CategoryBaseline,
    CategoryShare,
    NumberBaseline,
    NumberProfile,
    PackedSegment,
)
from segmentation.schema import Record, Schema
from segmentation.study import Segment
from segmentation.training.disclosure import choose_counts, find_ends, has_enough, share_without


def baseline(schema: Schema, records: Sequence[Record]) -> Baseline:
    """Describe all records, column by column; numbers that fewer than six answer are left out."""
    columns = {column.name: _numbers(records, column.name) for column in schema.numbers}
    return Baseline(
        numbers={
            name: _number_baseline(values) for name, values in columns.items() if has_enough(values)
        },
        categories={
            column.name: _category_baseline(records, column.name) for column in schema.categories
        },
    )


def profiles(
    schema: Schema,
    segments: Sequence[Segment],
    records: Sequence[Record],
    labels: NDArray[np.int64],
) -> list[PackedSegment]:
    """Describe each segment that occurs among `labels` against everyone, in the order of labels."""
    everyone = baseline(schema, records)
    occurring = [
        segment
        for segment in sorted(segments, key=lambda segment: segment.label)
        if (labels == segment.label).any()
    ]
    members = [
        [record for record, label in zip(records, labels, strict=True) if label == segment.label]
        for segment in occurring
    ]
    categories = {
        name: _category_shares(name, members, overall.shares)
        for name, overall in everyone.categories.items()
    }
    return [
        _profile(
            segment,
            members[position],
            everyone,
            len(records),
            {name: by_segment[position] for name, by_segment in categories.items()},
        )
        for position, segment in enumerate(occurring)
    ]


def _profile(
    segment: Segment,
    members: Sequence[Record],
    everyone: Baseline,
    n_records: int,
    categories: dict[str, list[CategoryShare]],
) -> PackedSegment:
    columns = {name: _numbers(members, name) for name in everyone.numbers}
    return PackedSegment(
        label=segment.label,
        id=segment.id,
        name=segment.name,
        description=segment.description,
        action=segment.action,
        size=len(members),
        share=round(len(members) / n_records, 6),
        numbers={
            name: _number_profile(values, everyone.numbers[name].mean)
            for name, values in columns.items()
            if has_enough(values)
        },
        categories=categories,
    )


def _number_baseline(values: NDArray[np.float64]) -> NumberBaseline:
    low, high = find_ends(values)
    deciles = np.nanquantile(values, np.linspace(0.1, 0.9, 9)).clip(low, high)
    return NumberBaseline(
        low=low,
        high=high,
        mean=_rounded(np.nanmean(values)),
        deciles=[_rounded(value) for value in deciles],
        missing=share_without(int(np.isnan(values).sum()), len(values)),
    )


def _number_profile(values: NDArray[np.float64], overall_mean: float) -> NumberProfile:
    mean = float(np.nanmean(values))
    low, high = find_ends(values)
    return NumberProfile(
        mean=_rounded(mean),
        low=low,
        high=high,
        index=round(100 * mean / overall_mean, 1) if overall_mean else None,
    )


def _category_baseline(records: Sequence[Record], name: str) -> CategoryBaseline:
    counts = _count_answers(records, name)
    (shares,) = _choose_shares([counts])
    return CategoryBaseline(
        shares=shares, missing=share_without(len(records) - counts.total(), len(records))
    )


def _category_shares(
    name: str, members: Sequence[Sequence[Record]], overall: Mapping[str, float]
) -> list[list[CategoryShare]]:
    """Return for each segment the shares of the answers of which everyone's is published."""
    counts = [_count_answers(records, name) for records in members]
    return [
        [
            CategoryShare(value=value, share=share, index=round(100 * share / overall[value], 1))
            for value, share in shares.items()
            if value in overall
        ]
        for shares in _choose_shares(counts)
    ]


def _choose_shares(counts: Sequence[Counter[str]]) -> list[dict[str, float]]:
    """Return for each group the shares that may be published, the most frequent first."""
    answers = list(dict.fromkeys(answer for group in counts for answer, _ in group.most_common()))
    table = np.array([[group[answer] for answer in answers] for group in counts], dtype=np.int64)
    chosen = [
        dict(zip(answers, row, strict=True)) for row in choose_counts(np.atleast_2d(table)).tolist()
    ]
    return [
        {
            answer: _rounded(count / group.total())
            for answer, count in group.most_common()
            if is_chosen[answer]
        }
        for group, is_chosen in zip(counts, chosen, strict=True)
    ]


def _count_answers(records: Sequence[Record], name: str) -> Counter[str]:
    return Counter(record[name] for record in records if record.get(name) is not None)


def _numbers(records: Sequence[Record], name: str) -> NDArray[np.float64]:
    values = [record.get(name) for record in records]
    return np.asarray([np.nan if value is None else value for value in values], dtype=np.float64)


def _rounded(value: Any) -> float:
    return round(float(value), 6)
