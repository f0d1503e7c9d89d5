"""Records as numbers, with and without labels: what everything in training works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import TrainingError
from segmentation.estimators import Floats
from segmentation.schema import Record
from segmentation.study import Study

Labels = NDArray[np.int64]

# Below this a class cannot be in every fold of the search and of the calibration.
FEWEST_ROWS_PER_CLASS = 10


@dataclass(frozen=True)
class LabelledRecords:
    """Records with their labels, of shapes (n_samples, n_features) and (n_samples,)."""

    X: Floats
    y: NDArray[np.int64]

    def __getitem__(self, rows: Any) -> LabelledRecords:
        return LabelledRecords(self.X[rows], self.y[rows])


def matrix(study: Study, records: list[Record]) -> Floats:
    """Return records as numbers, of shape (n_samples, n_features).

    Raises
    ------
    TrainingError
        If a feature has no answers.
    """
    X: Floats = study.pipeline(0)[0].transform(records)
    for column, values in zip(study.schema.features, X.T, strict=True):
        if np.isnan(values).all():
            raise TrainingError(f"column {column.title!r} has no answers to learn from")
    return X


def check_classes(y: NDArray[np.int64], noun: str = "class") -> None:
    """Refuse labels of which some are too rare to be held out.

    Raises
    ------
    TrainingError
        Naming the first.
    """
    values, counts = np.unique(y, return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        if count < FEWEST_ROWS_PER_CLASS:
            raise TrainingError(
                f"{noun} {value} has {count} rows; at least {FEWEST_ROWS_PER_CLASS} are needed"
            )


def segment_ids(study: Study, labels: NDArray[np.int64]) -> NDArray[Any]:
    """Return the ``id`` of the segment of each label, as an array of text of the same shape."""
    ids = {segment.label: segment.id for segment in study.segments}
    return np.asarray([ids.get(label, str(label)) for label in labels.tolist()])
