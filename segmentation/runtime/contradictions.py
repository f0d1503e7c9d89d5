"""Answers that can't all be right: broken relations, and answers that fit no segment together.

Relations hold for everybody; a record that breaks one has a wrong answer or one in another unit.
Where segments were given rather than discovered, their ranges tell more: answers that fit no
segment together contradict each other, whichever of them is wrong. Segments that were discovered
have no such ranges: records between two of them are usual.

Nothing here uses numpy: for one record a dozen of its calls take ten times as long.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import NumberProfile
from segmentation.schema import Record
from segmentation.schema.relations import Relation
from segmentation.wording.relations import word_contradiction, word_disagreement

# An answer fits a segment up to this multiple of the segment's training range.
# ``python -m benchmarks.contradictions`` prints how many records of each kind are warned about.
WIDENING = 1.5

Range = tuple[float, float]
EVERYTHING = (-math.inf, math.inf)


class Contradiction(NamedTuple):
    """Answers that do not go together, and what is to be said about the first of them."""

    fields: list[str]
    message: str


class ContradictionFinder:
    """Finds the answers of a record that can't all be right.

    Parameters
    ----------
    manifest : Manifest
    """

    def __init__(self, manifest: Manifest) -> None:
        self._relations = manifest.record.relations
        self._columns = manifest.record.by_name
        self._decisive = manifest.record.decisive_names
        self.numbers = manifest.record.numbers
        self._names = [column.name for column in self.numbers]
        self.fitting = _fitting_ranges(manifest) if manifest.clusters is None else []

    def find(
        self, record: Record, numbers: Sequence[float | None], segment: int
    ) -> list[Contradiction]:
        """Return all contradictions of a record, most often none.

        Parameters
        ----------
        record : dict
            A canonical record.
        numbers : sequence of float or None
            Its numeric answers, in the order of the schema's numbers.
        segment : int
            Position of the segment that is answered.
        """
        return [*self.find_broken(record), *self.find_misfits(numbers, segment)]

    def find_broken(self, record: Record) -> list[Contradiction]:
        """Return the relations that a record breaks."""
        return [
            self._describe(relation, record)
            for relation in self._relations
            if relation.contradicts(record)
        ]

    def _describe(self, relation: Relation, record: Record) -> Contradiction:
        fields = [name for name in relation.columns if record.get(name) is not None]
        return Contradiction(fields, word_contradiction(relation, self._columns, fields))

    def find_misfits(self, numbers: Sequence[float | None], segment: int) -> list[Contradiction]:
        """Return the answers outside the answered segment, if the record fits no segment at all."""
        if not self.fitting or any(within(numbers, ranges) for ranges in self.fitting):
            return []
        return list(self._list_misfits(numbers, self.fitting[segment]))

    def _list_misfits(
        self, numbers: Sequence[float | None], ranges: Sequence[Range]
    ) -> Iterator[Contradiction]:
        """Return the answers outside the answered segment, each with the others that were given."""
        answered = [
            name
            for name, value in zip(self._names, numbers, strict=True)
            if value is not None and name in self._decisive
        ]
        for name, value, bounds in zip(self._names, numbers, ranges, strict=True):
            if not within([value], [bounds]):
                rivals = [field for field in answered if field != name]
                columns = [self._columns[field] for field in rivals]
                yield Contradiction([name, *rivals], word_disagreement(columns))


def within(numbers: Sequence[float | None], ranges: Sequence[Range]) -> bool:
    """Return whether every answer that was given lies in its range."""
    for value, (low, high) in zip(numbers, ranges):  # noqa: B905  # once per record: speed
        if value is not None and not low <= value <= high:
            return False
    return True


def _find_range(described: NumberProfile | None) -> Range:
    """Return the ends of a segment's answers; without any, an unlimited range."""
    return (described.low, described.high) if described else EVERYTHING


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
            everyone = [_find_range(profile.get(column.name)) for profile in profiles]
            low, high = _find_range(numbers.get(column.name))
            lowest, highest = (
                min(bounds[0] for bounds in everyone),
                max(bounds[1] for bounds in everyone),
            )
            widened = (
                -math.inf if low == lowest else min(low / WIDENING, low * WIDENING),
                math.inf if high == highest else max(high * WIDENING, high / WIDENING),
            )
            ranges.append(widened if column.name in schema.decisive_names else EVERYTHING)
        fitting.append(ranges)
    return fitting
