"""All exceptions of the package. Their HTTP status is not decided here, but in the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class SegmentationError(Exception):
    """Something that a person can act on; its text is one sentence for that person."""


class PackageError(SegmentationError):
    """A model package is missing, damaged, not trusted or of another format."""


class TrainingError(SegmentationError):
    """A model could not be trained or packed; the old package is still in its place."""


class NotReadyError(SegmentationError):
    """There is no model that answers correctly."""


class UnknownStudyError(SegmentationError):
    """No model of such a study is there."""


class UnavailableError(SegmentationError):
    """The request needs something that this installation or this study does not have."""

    @classmethod
    def without(cls, feature: str, extra: str) -> UnavailableError:
        """Return the error for missing libraries, and name the extra that installs them."""
        return cls(
            f"{feature} need libraries that are not installed here: the extra '{extra}'."
            " The full image has them."
        )


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one answer of one record.

    Attributes
    ----------
    row : int
        Position of the record among those sent, from 0.
    field : str, tuple of str and int, or None
        The field as its sender spelled it, or the path to a nested one; None when the whole record
        is meant.
    code : str
        Stable machine-readable kind: ``type``, ``range``, ``length``, ``unknown_field``, …
    message : str
        What is expected instead. Never holds the value that was sent.
    """

    row: int
    field: str | tuple[str | int, ...] | None
    code: str
    message: str


class InvalidRecordsError(SegmentationError):
    """At least one record cannot be answered; carries every problem found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(f"{len(self.problems)} problem(s) in the records")


class FileError(SegmentationError):
    """A file of records cannot be scored at all: it is empty, no text, or has no known column."""


class NoRoomError(SegmentationError):
    """There is not enough memory or disk for what was asked, here and now."""


class MappingError(SegmentationError):
    """Columns of a file were assigned to fields, and one of the two does not exist."""


class DataError(SegmentationError):
    """A table cannot be used for training; carries one line per reason."""

    def __init__(self, source: str, reasons: Sequence[str]) -> None:
        self.source = source
        self.reasons = tuple(reasons)
        super().__init__(f"{source}: {'; '.join(self.reasons)}")


class MissingError(DataError):
    """There is no such file or object, which is known for certain."""
