"""Metrics as data: what was measured, under which condition, on which records. No words for people.

The words are made in ``wording.metrics``; measuring is on the build side.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from segmentation.artifact.parts import Part

Measure = Literal[
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "macro_auc",
    "log_loss",
    "brier_score",
    "calibration_error",
    "coverage",
    "worst_coverage",
    "unsure",
    "precision",
    "recall",
]
ConditionKind = Literal["complete", "incomplete", "indirect", "imprecise"]
Predictor = Literal["model", "largest_class", "stratified_draw", "no_change"]
Method = Literal[
    "cross_validation",
    "cross_validation_reclustered",
    "cross_validation_matched",
    "bootstrap",
    "forward_in_time",
]


class Condition(Part):
    """What the records lacked that were answered.

    ``incomplete`` records have `n_missing` of the answers that define the segments missing, or any
    number where it is None; ``indirect`` ones have none of these answers. ``imprecise`` records
    have answers with a relative error of the standard deviation `noise`, or of any where it is
    None, and maybe `n_missing` of them missing as well.
    """

    kind: ConditionKind
    n_missing: int | None = None
    noise: float | None = None


class Evaluation(Part):
    """On which records something was measured: never on those that the model had learned from.

    ``cross_validation``: `n_repetitions` folds of `table`; ``cross_validation_reclustered`` finds
    and names the clusters again in each fold. ``bootstrap``: the records that are not in each of
    `n_repetitions` bootstrap samples. ``forward_in_time``: the records as of `as_of`, an ISO date,
    by what was known `Metric.horizon_days` before.
    """

    method: Method
    table: str
    n_repetitions: int
    as_of: str | None = None


class Metric(Part):
    """One measured number.

    Attributes
    ----------
    measure : str
    value : float
        A mean over the repetitions of the evaluation.
    predictor : str
        Who answered: the ``model``; ``largest_class``, which always answers the largest segment;
        ``stratified_draw``, a random segment drawn with the segments' shares; ``no_change``, the
        segment that a record has today.
    condition : Condition or None
        What the answered records lacked, where records were changed for the measurement.
    segment : str or None
        ``id`` of the segment that it is about, for precision and recall.
    feature_set : str or None
        Name of the study's feature set that a model read, if it was not all features.
    features : list of str or None
        Names of the columns that were read; None in packages of format 2 that do not say it.
    horizon_days : int or None
        How many days ahead the answered segment lies.
    circular : bool
        Whether those columns include some that define the segments: the metric then measures
        agreement with a definition and is no prediction.
    n_records : int or None
        Number of distinct records that were answered; None in packages of format 2.
    evaluation : Evaluation
    """

    measure: Measure
    value: float
    predictor: Predictor = "model"
    condition: Condition | None = None
    segment: str | None = None
    feature_set: str | None = None
    features: list[str] | None
    horizon_days: int | None = None
    circular: bool
    n_records: int | None
    evaluation: Evaluation


class Confusion(Part):
    """Which segments records were answered with, counted: a row for each true segment.

    Rows and columns are in the order of `segments`. The other members are those of a metric.
    """

    segments: list[str]
    counts: list[list[int]]
    condition: Condition | None = None
    features: list[str] | None
    horizon_days: int | None = None
    circular: bool
    evaluation: Evaluation


def find_metric(
    metrics: Iterable[Metric],
    measure: str,
    kind: str | None = None,
    predictor: Predictor = "model",
    horizon_days: int | None = None,
) -> Metric | None:
    """Return the first metric of a measure, about records of a kind; None without one.

    Parameters
    ----------
    metrics : iterable of Metric
    measure : str
    kind : str, optional
        Kind of the condition; any if not given.
    predictor : str
    horizon_days : int, optional
        How far ahead; today if not given.
    """
    for metric in metrics:
        matches = metric.measure == measure and metric.predictor == predictor
        own_kind = metric.condition.kind if metric.condition else None
        if matches and metric.horizon_days == horizon_days and kind in (None, own_kind):
            return metric
    return None
