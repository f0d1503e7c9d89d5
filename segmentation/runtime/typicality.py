"""Whether a record fits no segment: what packing learned, asked of one record at a time.

Nothing here uses numpy, for the reason that ``record_warnings`` states.
"""

from __future__ import annotations

from collections.abc import Sequence

from segmentation.artifact import Manifest
from segmentation.artifact.typicality import measure_distance, scale_answer
from segmentation.schema import Record


class TypicalityLimits:
    """The limits of a package, by the positions of the numeric answers.

    Parameters
    ----------
    manifest : Manifest
        One of before there were limits calls no record atypical.
    """

    def __init__(self, manifest: Manifest) -> None:
        typicality = manifest.typicality
        names = [column.name for column in manifest.record.numbers]
        self._columns = typicality.columns if typicality else []
        self._positions = [names.index(name) for name in self._columns]
        self._segments = (
            [(part.means, part.deviations) for part in typicality.segments] if typicality else []
        )
        self._limits = typicality.limits if typicality else [None]

    def are_exceeded(self, numbers: Sequence[float | None], segment: int) -> bool:
        """Return whether a record is further from every segment than usual records are from one.

        Parameters
        ----------
        numbers : sequence of float or None
            The numeric answers, in the order of the schema's numbers.
        segment : int
            Position of the segment that is answered: the nearest, most often, so it is tried first.
        """
        return self._are_exceeded([numbers[position] for position in self._positions], segment)

    def are_exceeded_by(self, record: Record, segment: int) -> bool:
        """Return the same of a canonical record."""
        return self._are_exceeded([record.get(name) for name in self._columns], segment)

    def _are_exceeded(self, values: Sequence[float | None], segment: int) -> bool:
        answers = [(i, scale_answer(value)) for i, value in enumerate(values) if value is not None]
        limit = self._limits[len(values) - len(answers)]
        if limit is None:
            return False
        most = limit * len(answers)
        if measure_distance(answers, *self._segments[segment]) <= most:
            return False
        return all(measure_distance(answers, *typical) > most for typical in self._segments)
