"""What learning gives, however the segments of a study come about, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from segmentation.artifact.manifest import ClusterReport, Conformal, Confusion, Figure, Lineage
from segmentation.estimators import Floats
from segmentation.study import Study
from segmentation.training.quality import confusion_counts

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Learned:
    """A calibrated model and what was found out about it.

    Attributes
    ----------
    pipeline : Pipeline
    conformal : Conformal
    X : ndarray of shape (n_samples, n_features)
        All records.
    y : ndarray of shape (n_samples,)
        Their segments' labels, given or discovered.
    params : dict
        The candidate that a search chose, if there was one.
    n_train : int
        Records that the pipeline was fitted on.
    figures : tuple of Figure
    confusions : tuple of Confusion
        Of records that the models asked had not seen.
    clusters : ClusterReport or None
        Where segments were discovered.
    lineage : Lineage or None
        Where there was a model before.
    """

    pipeline: Pipeline
    conformal: Conformal
    X: Floats
    y: Labels
    n_train: int
    figures: tuple[Figure, ...]
    params: dict[str, Any] = field(default_factory=dict)
    confusions: tuple[Confusion, ...] = ()
    clusters: ClusterReport | None = None
    lineage: Lineage | None = None

    def figure(self, name: str) -> float:
        """Return the value of the first figure with a name."""
        return next(figure.value for figure in self.figures if figure.name == name)


def figures(values: Mapping[str, float], on: str, inputs: str, *, circular: bool) -> list[Figure]:
    """Return measured values as figures that say what they are from."""
    return [
        Figure(name=name, value=round(float(value), 6), on=on, inputs=inputs, circular=circular)
        for name, value in values.items()
    ]


def confusion(
    study: Study, asked: Sequence[tuple[Labels, Labels]], says: Mapping[str, Any]
) -> Confusion:
    """Return what several models answered about records that they had not seen, added up.

    Parameters
    ----------
    study : Study
    asked : sequence of (ndarray of shape (n_asked,), ndarray of shape (n_asked,))
        For each model, the true labels and those that it answered.
    says : mapping
        The other members of a ``Confusion``: name, on, inputs, circular.
    """
    truth, told = (np.concatenate(labels) for labels in zip(*asked, strict=True))
    labels = np.union1d(truth, told)
    segments = {one.label: one.id for one in study.segments}
    return Confusion(
        segments=[segments[label] for label in labels.tolist()],
        counts=confusion_counts(truth, told, labels).tolist(),
        **says,
    )
