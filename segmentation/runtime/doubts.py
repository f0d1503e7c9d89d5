"""Warnings about answers that are possible but unlike anything the model was trained on.

Three kinds: outside the range of the training records, an unknown category, and answers that
contradict each other. None of them changes the segment that is answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import NumberBaseline, NumberProfile, PackedImplication
from segmentation.schema import Record

Warnings = list[dict[str, Any]]
Answers = dict[str, list[str | None]]

# How far beyond a segment's training range an answer still fits it. With half as much again,
# 0.00 % of the original's complete records are doubted and 0.6 % of copies with 20 % noise
# (``python -m benchmarks.doubts`` prints it).
WIDENING = 1.5

OUT_OF_RANGE, UNKNOWN_CATEGORY, CONTRADICTION = "outside_training", "unknown_category", "contradiction"


class Doubts:
    """Finds the warnings for records, by a manifest's baseline, profiles and rules.

    Parameters
    ----------
    manifest : Manifest
    """

    def __init__(self, manifest: Manifest) -> None:
        schema, baseline = manifest.record, manifest.baseline
        self._numbers = schema.numbers
        self._n_features = len(schema.features)
        self._minimum, self._maximum = (
            np.array([_bounds(baseline.numbers.get(column.name))[side] for column in schema.numbers])
            for side in (0, 1)
        )
        self._categories = {
            column.name: (column, frozenset(baseline.categories[column.name].shares))
            for column in schema.categories
        }
        self._implications = manifest.implications
        self._low, self._high = _segment_ranges(manifest)

    def find(
        self,
        records: Sequence[Record],
        numbers: NDArray[np.float64],
        segments: NDArray[np.intp],
    ) -> list[Warnings]:
        """Return the warnings for each record, most often none.

        Parameters
        ----------
        records : sequence of dict
            Canonical records.
        numbers : ndarray of shape (n_samples, n_numbers)
            Their numeric answers in the order of the schema's numbers, NaN where missing.
        segments : ndarray of shape (n_samples,)
            Position of the answered segment.
        """
        warnings: list[Warnings] = [[] for _ in records]
        self._outside(numbers, warnings)
        self._contradicting(numbers[:, : self._n_features], segments, warnings)
        answers = {name: [record.get(name) for record in records] for name in self._categories}
        self._unknown(answers, warnings)
        self._implied(answers, warnings)
        return warnings

    def _outside(self, numbers: NDArray[np.float64], warnings: list[Warnings]) -> None:
        outside = (numbers < self._minimum) | (numbers > self._maximum)
        if not outside.any():
            return
        for row, position in np.argwhere(outside).tolist():
            column = self._numbers[position]
            low, high = self._minimum[position], self._maximum[position]
            message = f"is outside what the model was trained on: {low:g} to {high:g} {column.unit}"
            warnings[row].append(_warning(column.name, OUT_OF_RANGE, message.rstrip()))

    def _contradicting(
        self,
        features: NDArray[np.float64],
        segments: NDArray[np.intp],
        warnings: list[Warnings],
    ) -> None:
        """Doubt records that no segment fits with all answers, and name those the answer ignores."""
        answers = features[:, :, np.newaxis]
        # Written with "not beyond" so that a missing answer fits every segment.
        fits = ~((answers < self._low) | (answers > self._high))
        for row in np.flatnonzero(~fits.all(axis=1).any(axis=1)).tolist():
            for position in np.flatnonzero(~fits[row, :, segments[row]]).tolist():
                message = "does not go together with the other usage answers"
                name = self._numbers[position].name
                warnings[row].append(_warning(name, CONTRADICTION, message))

    def _unknown(self, answers: Answers, warnings: list[Warnings]) -> None:
        for name, (_, known) in self._categories.items():
            strange = {
                value
                for value in set(answers[name]) - known
                if value is not None and self._category(name, value) not in known
            }
            for row in _rows(answers[name], strange):
                message = "is an answer that the training records do not have"
                warnings[row].append(_warning(name, UNKNOWN_CATEGORY, message))

    def _implied(self, answers: Answers, warnings: list[Warnings]) -> None:
        for rule in self._implications:
            pairs = list(zip(answers[rule.column], answers[rule.other], strict=True))
            broken = {pair for pair in set(pairs) if self._breaks(rule, *pair)}
            for row in _rows(pairs, broken):
                message = f"does not go together with {rule.column}"
                warnings[row].append(_warning(rule.other, CONTRADICTION, message))

    def _breaks(self, rule: PackedImplication, value: str | None, other: str | None) -> bool:
        """Whether a pair of answers breaks `rule`; an unknown category may well be an exception."""
        if value is None or other is None or self._category(rule.column, value) != rule.value:
            return False
        found = self._category(rule.other, other)
        return found != rule.expected and found in self._categories[rule.other][1]

    def _category(self, name: str, value: str) -> str:
        return self._categories[name][0].known_category(value) or value


def _rows(values: Sequence[Any], sought: set[Any]) -> list[int]:
    """Return where any of `sought` is; most often nothing is sought."""
    return [row for row, value in enumerate(values) if value in sought] if sought else []


def _bounds(described: NumberBaseline | NumberProfile | None) -> tuple[float, float]:
    """Return the lowest and highest training answer; without any, nothing is outside."""
    return (described.minimum, described.maximum) if described else (-np.inf, np.inf)


def _segment_ranges(manifest: Manifest) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest answer that fits, of shape (n_features, n_segments) each.

    The outermost segments are open: an answer beyond all of them is unusual, not contradictory.
    """
    ranges = np.array(
        [
            [_bounds(segment.numbers.get(column.name)) for segment in manifest.segments]
            for column in manifest.record.features
        ]
    )
    low, high = ranges[..., 0], ranges[..., 1]
    open_low, open_high = low == low.min(axis=1, keepdims=True), high == high.max(axis=1, keepdims=True)
    return (
        np.where(open_low, -np.inf, low / WIDENING),
        np.where(open_high, np.inf, high * WIDENING),
    )


def _warning(field: str, code: str, message: str) -> dict[str, Any]:
    return {"field": field, "code": code, "message": message}
