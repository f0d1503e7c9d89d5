"""Measured values on their way to a manifest: averaged over repetitions, then made metrics.

Nothing is measured here, and nothing is said in words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from segmentation.artifact.metrics import Condition, Confusion, Measure, Metric, Predictor
from segmentation.study import Study
from segmentation.training.labelled_records import Labels
from segmentation.training.measuring.classification_metrics import Score, count_confusions


@dataclass(frozen=True)
class Measurement:
    """One measured value and what it is about; see ``artifact.metrics.Metric``.

    Attributes
    ----------
    measure : str
    value : float
    segment : str or None
    condition : Condition or None
    predictor : str
    feature_set : str or None
    horizon_days : int or None
    """

    measure: Measure
    value: float
    segment: str | None = None
    condition: Condition | None = None
    predictor: Predictor = "model"
    feature_set: str | None = None
    horizon_days: int | None = None


def measurements_of(scores: Iterable[Score], **subject: Any) -> list[Measurement]:
    """Return scores as measurements; `subject` holds their other members."""
    return [
        Measurement(**{"segment": score.class_name, **subject}, measure=score.measure,
                    value=score.value)
        for score in scores
    ]  # fmt: skip


def average(repetitions: Iterable[Iterable[Measurement]]) -> list[Measurement]:
    """Return the mean of the measurements with the same subject, in the order of the first ones.

    A subject that some repetitions lack is averaged over the others.
    """
    values: defaultdict[Measurement, list[float]] = defaultdict(list)
    for measurements in repetitions:
        for measurement in measurements:
            values[replace(measurement, value=0.0)].append(measurement.value)
    return [
        replace(subject, value=float(np.mean(repeated))) for subject, repeated in values.items()
    ]


def make_metrics(measurements: Iterable[Measurement], **facts: Any) -> list[Metric]:
    """Return measurements as metrics, rounded to six decimals.

    Parameters
    ----------
    measurements : iterable of Measurement
    facts : mapping
        The other members of a ``Metric``, which all of them share.
    """
    return [
        Metric(
            measure=measurement.measure,
            value=round(measurement.value, 6),
            predictor=measurement.predictor,
            condition=measurement.condition,
            segment=measurement.segment,
            feature_set=measurement.feature_set,
            horizon_days=measurement.horizon_days,
            **facts,
        )
        for measurement in measurements
    ]


def make_confusion(
    study: Study, answers: Sequence[tuple[Labels, Labels]], **facts: Any
) -> Confusion:
    """Return what several models answered about records that they had not seen, added up.

    Parameters
    ----------
    study : Study
    answers : sequence of (ndarray of shape (n_answers,), ndarray of shape (n_answers,))
        For each model, the true labels and those that it answered.
    facts : mapping
        The other members of a ``Confusion``.
    """
    true, predicted = (np.concatenate(labels) for labels in zip(*answers, strict=True))
    labels = np.union1d(true, predicted)
    ids = {segment.label: segment.id for segment in study.segments}
    return Confusion(
        segments=[ids[label] for label in labels.tolist()],
        counts=count_confusions(true, predicted, labels).tolist(),
        **facts,
    )
