"""Records as numbers, with and without labels: what everything in training works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
FEWEST_SEGMENTS = 2


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


def check_classes(study: Study, y: NDArray[np.int64]) -> None:
    """Refuse labels of which a segment has none, or too few to be held out.

    Raises
    ------
    TrainingError
        Naming all such segments, and how many records are needed.
    """
    counts = {segment: int((y == segment.label).sum()) for segment in study.segments}
    rare = [
        f"{segment.name} ({segment.id}, label {segment.label}) has {count}"
        for segment, count in counts.items()
        if count < FEWEST_ROWS_PER_CLASS
    ]
    if not rare:
        return
    reason = (
        f"each segment needs at least {FEWEST_ROWS_PER_CLASS} records; of {len(y)},"
        f" {', '.join(rare)}"
    )
    if not study.naming and 0 in counts.values():
        reason += "; to train a model that never answers a segment, leave it out: --without ID"
    raise TrainingError(reason)


def leave_out(study: Study, ids: Sequence[str]) -> Study:
    """Return a study without some of its segments, which have no records in the table.

    Parameters
    ----------
    study : Study
    ids : sequence of str

    Raises
    ------
    TrainingError
        If a segment is not one of the study's, or its segments are discovered.
    """
    if not ids:
        return study
    if study.naming:
        raise TrainingError(f"--without: the segments of {study.name} are discovered, all of them")
    study_ids = [segment.id for segment in study.segments]
    strange = [name for name in ids if name not in study_ids]
    if strange:
        raise TrainingError(
            f"--without {strange[0]}: no segment of {study.name}; it has {', '.join(study_ids)}"
        )
    segments = tuple(segment for segment in study.segments if segment.id not in ids)
    if len(segments) < FEWEST_SEGMENTS:
        raise TrainingError(f"--without: at least {FEWEST_SEGMENTS} segments have to be left")
    return replace(study, segments=segments)


def segment_ids(study: Study, labels: NDArray[np.int64]) -> NDArray[Any]:
    """Return the ``id`` of the segment of each label, as an array of text of the same shape."""
    ids = {segment.label: segment.id for segment in study.segments}
    return np.asarray([ids.get(label, str(label)) for label in labels.tolist()])
