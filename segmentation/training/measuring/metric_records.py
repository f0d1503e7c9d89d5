"""From measured values to the metrics and confusions of a manifest. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segmentation.artifact.manifest import Confusion, Metric
from segmentation.study import Study
from segmentation.training.labelled_records import Labels
from segmentation.training.measuring.classification_metrics import confusion_counts


def figures(values: Mapping[str, float], on: str, inputs: str, *, circular: bool) -> list[Metric]:
    """Return measured values as figures that say what they are from."""
    return [
        Metric(name=name, value=round(float(value), 6), on=on, inputs=inputs, circular=circular)
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
