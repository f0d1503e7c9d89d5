"""What learning gives, however the segments of a study come about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from segmentation.artifact.manifest import ClusterReport, Conformal, Figure, Lineage
from segmentation.estimators import Floats


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
    clusters : ClusterReport or None
        Where segments were discovered.
    lineage : Lineage or None
        Where there was a model before.
    """

    pipeline: Pipeline
    conformal: Conformal
    X: Floats
    y: NDArray[np.int64]
    n_train: int
    figures: tuple[Figure, ...]
    params: dict[str, Any] = field(default_factory=dict)
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
