"""Warnings about answers that are possible but unlike anything the model was trained on.

Four kinds: outside the range of the training records, an unknown category, answers that contradict
each other, and an answer that rests on none of those that define the segments. None of them changes
the segment that is answered.

Nothing here uses numpy: for one record a dozen of its calls take ten times as long, and in large
batches nearly every record passes the first check, which is fast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from typing_extensions import TypedDict

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import NumberBaseline, NumberProfile, PackedImplication
from segmentation.schema import Record

# An answer fits a segment up to this multiple of the segment's training range.
# ``python -m benchmarks.doubts`` prints how many records of each kind are warned about.
WIDENING = 1.5

OUTSIDE_TRAINING = "outside_training"
UNKNOWN_CATEGORY = "unknown_category"
CONTRADICTION = "contradiction"
INDIRECT = "indirect"

Range = tuple[float, float]
_EVERYTHING = (-math.inf, math.inf)
# Senders choose the texts of categories; without a limit they could fill the memory.
_MOST_COMBINATIONS = 1024


class RecordWarning(TypedDict):
    """A warning about one answer, or about the whole record where there is no field."""

    field: str | None
    code: str
    message: str


class WarningFinder:
    """Finds the warnings for records, by a manifest's baseline, profiles and rules.

    Parameters
    ----------
    manifest : Manifest
    """

    def __init__(self, manifest: Manifest) -> None:
        schema, baseline = manifest.record, manifest.baseline
        self._numbers = schema.numbers
        self._number_names = [column.name for column in schema.numbers]
        self._training = [_range(baseline.numbers.get(name)) for name in self._number_names]
        self._fitting = _fitting_ranges(manifest)
        self._usual = [
            [_overlap(*pair) for pair in zip(self._training, fitting, strict=True)]
            for fitting in self._fitting
        ]
        self._categories = schema.categories
        self._category_names = [column.name for column in schema.categories]
        self._known = {name: baseline.categories[name].shares for name in self._category_names}
        self._implications = manifest.implications
        self._combinations: dict[tuple[str | None, ...], list[RecordWarning]] = {}
        self._n_decisive = len(schema.decisive)
        self._indirect = _warning(None, INDIRECT, _about_indirect(manifest))

    def find(
        self, record: Record, numbers: Sequence[float | None], segment: int, n_missing: int
    ) -> list[RecordWarning]:
        """Return the warnings for a record, most often none.

        Parameters
        ----------
        record : dict
            A canonical record.
        numbers : sequence of float or None
            Its numeric answers, in the order of the schema's numbers.
        segment : int
            Position of the segment that is answered.
        n_missing : int
            Number of missing answers among those that define segments.
        """
        texts = tuple(map(record.get, self._category_names))
        about_texts = self._combinations.get(texts)
        if about_texts is None:
            about_texts = self._about_texts(texts)
        if n_missing == self._n_decisive:
            about_texts = [self._indirect, *about_texts]
        if _within(numbers, self._usual[segment]):
            return about_texts
        return [*self._outside(numbers), *self._contradicting(numbers, segment), *about_texts]

    def _outside(self, numbers: Sequence[float | None]) -> list[RecordWarning]:
        warnings: list[RecordWarning] = []
        for column, value, (low, high) in zip(self._numbers, numbers, self._training, strict=True):
            if value is not None and not low <= value <= high:
                message = (
                    f"is outside what the model was trained on: {low:g} to {high:g} {column.unit}"
                )
                warnings.append(_warning(column.name, OUTSIDE_TRAINING, message.rstrip()))
        return warnings

    def _contradicting(self, numbers: Sequence[float | None], segment: int) -> list[RecordWarning]:
        """Warn about answers outside the answered segment, if the record fits no segment at all."""
        if any(_within(numbers, fitting) for fitting in self._fitting):
            return []
        message = "does not go together with the other usage answers"
        return [
            _warning(name, CONTRADICTION, message)
            for name, value, bounds in zip(
                self._number_names, numbers, self._fitting[segment], strict=True
            )
            if not _within([value], [bounds])
        ]

    def _about_texts(self, texts: tuple[str | None, ...]) -> list[RecordWarning]:
        """Return the warnings about one combination of categories, and keep them for the next."""
        texts_given = {
            column.name: column.known_category(text) or text
            for column, text in zip(self._categories, texts, strict=True)
            if text is not None
        }
        message = "is an answer that the training records do not have"
        warnings = [
            _warning(name, UNKNOWN_CATEGORY, message)
            for name, text in texts_given.items()
            if text not in self._known[name]
        ]
        warnings += [
            _warning(rule.other, CONTRADICTION, f"does not go together with {rule.column}")
            for rule in self._implications
            if self._breaks(rule, texts_given)
        ]
        if len(self._combinations) >= _MOST_COMBINATIONS:
            self._combinations.clear()
        return self._combinations.setdefault(texts, warnings)

    def _breaks(self, rule: PackedImplication, texts_given: dict[str, str]) -> bool:
        """Whether answers break `rule`; an unknown category does not, as it may be an exception."""
        value = texts_given.get(rule.other, rule.expected)
        return texts_given.get(rule.column) == rule.value and (
            value != rule.expected and value in self._known[rule.other]
        )


def _within(numbers: Sequence[float | None], ranges: Sequence[Range]) -> bool:
    """Whether every answer that was given lies in its range."""
    for value, (low, high) in zip(numbers, ranges):  # noqa: B905  # once per record: speed
        if value is not None and not low <= value <= high:
            return False
    return True


def _range(described: NumberBaseline | NumberProfile | None) -> Range:
    """Return the lowest and highest training answer; without any, an unlimited range."""
    return (described.minimum, described.maximum) if described else _EVERYTHING


def _overlap(first: Range, second: Range) -> Range:
    return max(first[0], second[0]), min(first[1], second[1])


def _fitting_ranges(manifest: Manifest) -> list[list[Range]]:
    """Return for each segment the range of each numeric answer that fits it.

    The ranges of the outermost segments have no outer limit: an answer beyond all segments is
    unusual, not contradictory. Only answers that define segments can contradict each other.
    """
    schema = manifest.record
    profiles = [segment.numbers for segment in manifest.segments]
    fitting = []
    for numbers in profiles:
        ranges = []
        for column in manifest.record.numbers:
            everyone = [_range(profile.get(column.name)) for profile in profiles]
            low, high = _range(numbers.get(column.name))
            lowest, highest = (
                min(bounds[0] for bounds in everyone),
                max(bounds[1] for bounds in everyone),
            )
            widened = (
                -math.inf if low == lowest else min(low / WIDENING, low * WIDENING),
                math.inf if high == highest else max(high * WIDENING, high / WIDENING),
            )
            ranges.append(widened if column.name in schema.decisive_names else _EVERYTHING)
        fitting.append(ranges)
    return fitting


def _about_indirect(manifest: Manifest) -> str:
    """Return the indirect warning; it says how often such answers are right, if measured."""
    message = "rests on none of the answers that define the segments"
    indirect = manifest.find_metric("accuracy", "indirect")
    largest = manifest.find_metric("accuracy", predictor="largest_class")
    if indirect is None or largest is None:
        return message
    return (
        f"{message}: such answers were right for {indirect.value:.0%} of held-out records, and"
        f" always naming the largest segment for {largest.value:.0%}"
    )


def _warning(field: str | None, code: str, message: str) -> RecordWarning:
    return {"field": field, "code": code, "message": message}
