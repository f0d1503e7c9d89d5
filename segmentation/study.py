"""What one segmentation is, as plain data. The studies themselves are in ``studies``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.pipeline import Pipeline

from segmentation.estimators import RecordMatrix
from segmentation.schema import Schema

Grid = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Segment:
    """A named group of customers.

    Attributes
    ----------
    label : int
        The value of the target that stands for it.
    id : str
        Stable identifier for programs.
    name : str
        What people call it.
    description : str
        One sentence: who they are.
    action : str
        One sentence: what marketing should do about them.
    """

    label: int
    id: str
    name: str
    description: str
    action: str


@dataclass(frozen=True)
class Implication:
    """A rule between two answers: where `column` is `value`, `other` is `expected`."""

    column: str
    value: str
    other: str
    expected: str


@dataclass(frozen=True)
class Study:
    """One segmentation problem whose segments are known for the training records.

    Attributes
    ----------
    name : str
        Short name, as in paths and commands.
    title : str
        Name for people.
    description : str
        What the study answers, in one or two sentences.
    schema : Schema
        What a record is.
    segments : tuple of Segment
        One for each label of the target.
    pipeline : callable
        ``pipeline(random_state)`` returns the unfitted pipeline, all cleaning included.
    grids : mapping of str to mapping
        Search spaces by name; ``quick`` is the default of ``train.py``.
    implications : tuple of Implication
        Answers that must go together; records where they don't get a warning.
    caveats : tuple of str
        What the figures of this study do not say, for the model card.
    """

    name: str
    title: str
    description: str
    schema: Schema
    segments: tuple[Segment, ...]
    pipeline: Callable[[int], Pipeline]
    grids: Mapping[str, Grid]
    implications: tuple[Implication, ...] = ()
    caveats: tuple[str, ...] = ()


def record_matrix(schema: Schema) -> RecordMatrix:
    """Return the first step of a pipeline: records under any accepted spelling to numbers."""
    features = tuple(column.name for column in schema.features)
    spellings = {
        name: (spelling.column.name, spelling.divisor)
        for name, spelling in schema.spellings.items()
        if spelling.column.role == "feature"
    }
    return RecordMatrix(features, spellings)
