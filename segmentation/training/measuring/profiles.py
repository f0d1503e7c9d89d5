"""What the training records look like: each column's baseline, each segment's profile."""

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


def baseline(schema: Schema, records: Sequence[Record]) -> Baseline:
    """Describe all records, column by column."""
    return Baseline(
        numbers={
            column.name: _number_baseline(_numbers(records, column.name))
            for column in schema.numbers
            if not np.isnan(_numbers(records, column.name)).all()
        },
        categories={
            column.name: CategoryBaseline(
                shares=_shares([record.get(column.name) for record in records]),
                missing=_missing(records, column.name),
            )
            for column in schema.categories
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
    profiles_of_segments = []
    for segment in sorted(segments, key=lambda segment: segment.label):
        members = [
            record for record, label in zip(records, labels, strict=True) if label == segment.label
        ]
        if members:
            profiles_of_segments.append(_profile(segment, members, everyone, len(records)))
    return profiles_of_segments


def _profile(
    segment: Segment, members: Sequence[Record], everyone: Baseline, n_records: int
) -> PackedSegment:
    numbers = {
        name: _number_profile(_numbers(members, name), overall.mean)
        for name, overall in everyone.numbers.items()
        if not np.isnan(_numbers(members, name)).all()
    }
    categories = {
        name: _category_shares(_shares([record.get(name) for record in members]), overall.shares)
        for name, overall in everyone.categories.items()
    }
    return PackedSegment(
        label=segment.label,
        id=segment.id,
        name=segment.name,
        description=segment.description,
        action=segment.action,
        size=len(members),
        share=round(len(members) / n_records, 6),
        numbers=numbers,
        categories=categories,
    )


def _number_baseline(values: NDArray[np.float64]) -> NumberBaseline:
    return NumberBaseline(
        minimum=float(np.nanmin(values)),
        maximum=float(np.nanmax(values)),
        mean=_rounded(np.nanmean(values)),
        deciles=[_rounded(value) for value in np.nanquantile(values, np.linspace(0.1, 0.9, 9))],
        missing=_rounded(np.isnan(values).mean()),
    )


def _number_profile(values: NDArray[np.float64], overall_mean: float) -> NumberProfile:
    mean = float(np.nanmean(values))
    return NumberProfile(
        mean=_rounded(mean),
        minimum=float(np.nanmin(values)),
        maximum=float(np.nanmax(values)),
        index=round(100 * mean / overall_mean, 1) if overall_mean else None,
    )


def _category_shares(
    shares: Mapping[str, float], overall: Mapping[str, float]
) -> list[CategoryShare]:
    return [
        CategoryShare(value=value, share=share, index=round(100 * share / overall[value], 1))
        for value, share in shares.items()
    ]


def _numbers(records: Sequence[Record], name: str) -> NDArray[np.float64]:
    values = [record.get(name) for record in records]
    return np.asarray([np.nan if value is None else value for value in values], dtype=np.float64)


def _shares(values: Sequence[Any]) -> dict[str, float]:
    """Return the share of each answer given, the most frequent first."""
    counts = Counter(value for value in values if value is not None)
    return {value: _rounded(count / counts.total()) for value, count in counts.most_common()}


def _missing(records: Sequence[Record], name: str) -> float:
    return _rounded(sum(record.get(name) is None for record in records) / len(records))


def _rounded(value: Any) -> float:
    return round(float(value), 6)
