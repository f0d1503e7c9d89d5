"""Warnings about answers that are possible but unlike anything the model was trained on.

Five kinds: far outside the range of the training records, an unknown category, answers that
contradict each other, answers that together are far from every segment, and an answer that rests on
none of those that define the segments. None of them changes the segment that is answered.

Which answers contradict each other is in ``contradictions``. Nothing here uses numpy: for one
record a dozen of its calls take ten times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired

from typing_extensions import TypedDict

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import PackedImplication
from segmentation.runtime.contradictions import EVERYTHING, ContradictionFinder, Range, within
from segmentation.runtime.typicality import TypicalityLimits
from segmentation.schema import Record
from segmentation.wording.relations import word_disagreement

OUTSIDE_TRAINING = "outside_training"
UNKNOWN_CATEGORY = "unknown_category"
CONTRADICTION = "contradiction"
INDIRECT = "indirect"
ATYPICAL = "atypical"

# Senders choose the texts of categories; without a limit they could fill the memory.
_MOST_COMBINATIONS = 1024


class RecordWarning(TypedDict):
    """A warning about one answer, or about the whole record where there is no field.

    `fields` are all answers that are involved where several contradict each other; `field` is the
    first of them. Where transactions were left out, `reason` says why, `count` how many of `total`.
    """

    field: str | None
    code: str
    message: str
    fields: NotRequired[list[str]]
    reason: NotRequired[str]
    count: NotRequired[int]
    total: NotRequired[int]


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
        described = [baseline.numbers.get(name) for name in self._number_names]
        self._ends = [(column.low, column.high) if column else EVERYTHING for column in described]
        self._training = [column.limits if column else EVERYTHING for column in described]
        self._contradictions = ContradictionFinder(manifest)
        fitting = self._contradictions.fitting or [self._training for _ in manifest.segments]
        self._usual = [
            [_overlap(*pair) for pair in zip(self._training, ranges, strict=True)]
            for ranges in fitting
        ]
        self._columns = schema.by_name
        self._categories = schema.categories
        self._category_names = [column.name for column in schema.categories]
        self._known = {name: baseline.categories[name].shares for name in self._category_names}
        self._implications = manifest.implications
        self._combinations: dict[tuple[str | None, ...], list[RecordWarning]] = {}
        self._n_decisive = len(schema.decisive)
        self._indirect = _warning(None, INDIRECT, _about_indirect(manifest))
        self._typicality = TypicalityLimits(manifest)
        self._atypical = _warning(None, ATYPICAL, _about_atypical(manifest))

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
        elif self._typicality.are_exceeded(numbers, segment):
            about_texts = [self._atypical, *about_texts]
        broken = self._contradictions.find_broken(record)
        if not broken and within(numbers, self._usual[segment]):
            return about_texts
        contradictions = [*broken, *self._contradictions.find_misfits(numbers, segment)]
        return [
            *self._outside(numbers),
            *(_contradiction(fields, message) for fields, message in contradictions),
            *about_texts,
        ]

    def _outside(self, numbers: Sequence[float | None]) -> list[RecordWarning]:
        warnings: list[RecordWarning] = []
        for column, value, limits, (low, high) in zip(
            self._numbers, numbers, self._training, self._ends, strict=True
        ):
            if not within([value], [limits]):
                message = (
                    "is far outside the usual answers that the model was trained on:"
                    f" {low:g} to {high:g} {column.unit}"
                )
                warnings.append(_warning(column.name, OUTSIDE_TRAINING, message.rstrip()))
        return warnings

    def _about_texts(self, texts: tuple[str | None, ...]) -> list[RecordWarning]:
        """Return the warnings about one combination of categories, and keep them for the next."""
        texts_given = {
            column.name: column.known_category(text) or text
            for column, text in zip(self._categories, texts, strict=True)
            if text is not None
        }
        message = "is an answer that hardly any training record has"
        warnings = [
            _warning(name, UNKNOWN_CATEGORY, message)
            for name, text in texts_given.items()
            if text not in self._known[name]
        ]
        warnings += [
            _contradiction(
                [rule.other, rule.column],
                word_disagreement([self._columns[rule.column]]),
            )
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


def _overlap(first: Range, second: Range) -> Range:
    return max(first[0], second[0]), min(first[1], second[1])


def warn_of_indirect_outlook(manifest: Manifest) -> list[RecordWarning]:
    """Return the warning about a forecast that rests on no defining answer."""
    days = manifest.outlook.days if manifest.outlook else None
    return [_warning(None, INDIRECT, _about_indirect(manifest, days))]


def _about_atypical(manifest: Manifest) -> str:
    """Return the atypical warning, with how often it is a false alarm."""
    share = manifest.typicality.false_alarms if manifest.typicality else 0.0
    return (
        "fits no segment: its answers together are further from all of them than those of"
        f" {1 - share:.0%} of records like the training records"
    )


def _about_indirect(manifest: Manifest, days: int | None = None) -> str:
    """Return the indirect warning; it says how often such answers are right, if measured."""
    message = "rests on none of the answers that define the segments"
    indirect = manifest.find_metric("accuracy", "indirect", horizon_days=days)
    largest = manifest.find_metric("accuracy", predictor="largest_class", horizon_days=days)
    if indirect is None or largest is None:
        return message
    return (
        f"{message}: such answers were right for {indirect.value:.0%} of held-out records, and"
        f" always naming the largest segment for {largest.value:.0%}"
    )


def _warning(field: str | None, code: str, message: str) -> RecordWarning:
    return {"field": field, "code": code, "message": message}


def _contradiction(fields: list[str], message: str) -> RecordWarning:
    return {"field": fields[0], "code": CONTRADICTION, "message": message, "fields": fields}
