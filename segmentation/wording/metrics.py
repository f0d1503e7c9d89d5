"""Texts about metrics: what was measured, on which records, from which inputs.

A metric is data (``artifact.metrics``); every text about one is made here, so that the terminal,
the pages and MLflow say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from segmentation.artifact.metrics import (
    Condition,
    Confusion,
    Evaluation,
    Measure,
    Metric,
    Predictor,
)
from segmentation.schema import Schema
from segmentation.wording.phrases import count_noun, format_percent

MEASURE_NAMES: Mapping[Measure, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "macro_auc": "macro AUC",
    "log_loss": "log-loss",
    "brier_score": "Brier score",
    "calibration_error": "calibration error",
    "coverage": "coverage",
    "worst_coverage": "coverage of the worst segment",
    "unsure": "unsure",
    "precision": "precision",
    "recall": "recall",
}
"""What each measure is called, in the order in which tables show them."""

MEASURE_MEANINGS: Mapping[Measure, str] = {
    "accuracy": "Share of the answers that are right.",
    "balanced_accuracy": "The same, with every segment counting alike, however small.",
    "macro_f1": "How many answers are right and how few customers are missed, in one figure for "
    "each segment, averaged; 100% is best.",
    "macro_auc": "How well a segment's customers are ranked before all others: 1 is best, 0.5 is "
    "chance.",
    "log_loss": "How far the probabilities are from the truth, with a heavy price for being sure "
    "and wrong; 0 is best.",
    "brier_score": "Squared error of the probabilities, from 0 (best) to 2.",
    "calibration_error": "How far “80% sure” is from being right in 80% of the cases; 0 is best.",
    "coverage": "How often the true segment is among those called plausible.",
    "worst_coverage": "The same for the segment for which it is lowest.",
    "unsure": "How often there isn't exactly one plausible segment.",
    "precision": "Of those who were put into the segment, how many belong there.",
    "recall": "Of those who belong to the segment, how many were put there.",
}
"""What each measure says, in plain words."""

_MOST_UNSURE = 1 / 3
_LEAST_COVERED = 0.03


def find_alarms(metrics: Sequence[Metric], promised: float) -> list[str]:
    """Return a sentence for each figure about sets that somebody should look into.

    Parameters
    ----------
    metrics : sequence of Metric
    promised : float
        The coverage aimed at.
    """
    alarms = []
    for metric in metrics:
        if metric.condition is None:
            continue
        records = _CONDITION_SENTENCES[metric.condition.kind]
        if metric.horizon_days:
            records += f", {metric.horizon_days} days ahead"
        # What becomes of customers is unsure by nature.
        about_today = metric.condition.kind == "complete" and not metric.horizon_days
        if metric.measure == "unsure" and about_today and metric.value > _MOST_UNSURE:
            alarms.append(
                f"{format_percent(metric.value)} of the answers to {records} are unsure: the"
                " segments are hard to tell apart, or there are too few records to learn from."
            )
        elif metric.measure == "coverage" and metric.value < promised - _LEAST_COVERED:
            alarms.append(
                f"Sets promise to hold the true segment for {format_percent(promised)} of records"
                f" and do so for {format_percent(metric.value)} of {records}."
            )
    return alarms


_CONDITION_SENTENCES = {
    "complete": "complete records",
    "incomplete": "records with gaps",
    "imprecise": "imprecise records",
    "indirect": "without any answer that defines the segments",
}
_PREDICTOR_NAMES: Mapping[Predictor, str] = {
    "largest_class": "largest class",
    "stratified_draw": "stratified dummy",
    "no_change": "stays the same",
}
_PREDICTOR_SENTENCES: Mapping[Predictor, str] = {
    "largest_class": "always naming the largest segment",
    "stratified_draw": "drawing a segment by chance",
    "no_change": "if everybody stayed where they are",
}


class Measured(Protocol):
    """The members of a metric, or of a measurement, from which its name is made."""

    @property
    def measure(self) -> Measure:
        """What was measured."""

    @property
    def segment(self) -> str | None:
        """The segment that it is about."""

    @property
    def condition(self) -> Condition | None:
        """What the answered records lacked."""

    @property
    def predictor(self) -> Predictor:
        """What predicted the segment: the model or a baseline."""

    @property
    def feature_set(self) -> str | None:
        """Name of the feature set that was read, if there is one."""

    @property
    def horizon_days(self) -> int | None:
        """How many days ahead the answered segment lies."""


def name_condition(condition: Condition) -> str:
    """Return the short name of a condition, such as ``2 missing`` or ``10 % noise, 2 missing``."""
    parts = []
    if condition.noise is not None:
        parts.append(f"{condition.noise * 100:.0f} % noise")
    if condition.n_missing is not None:
        parts.append(f"{condition.n_missing} missing")
    return ", ".join(parts) or condition.kind


def describe_condition(condition: Condition) -> str:
    """Return what records lacked, in words for people who do not know our terms."""
    parts = []
    if condition.noise is not None:
        parts.append(f"answers off by about {condition.noise * 100:.0f}%")
    if condition.n_missing is not None:
        parts.append(f"{count_noun(condition.n_missing, 'answer')} missing")
    return " and ".join(parts) or _CONDITION_SENTENCES[condition.kind]


def name_subject(metric: Measured) -> str:
    """Return what a metric is about, in short names: ``2 missing``, ``91 days ahead``."""
    parts = [metric.feature_set] if metric.feature_set else []
    if metric.condition is not None:
        parts.append(name_condition(metric.condition))
    return ", ".join([*parts, *_place_predictor(metric, _PREDICTOR_NAMES)])


def describe_subject(metric: Metric | Confusion) -> str:
    """Return what a metric is about, in words for people; empty for all records and features."""
    if isinstance(metric, Confusion):
        parts = [] if metric.horizon_days is None else [_name_horizon(metric.horizon_days)]
    else:
        parts = [metric.feature_set] if metric.feature_set else []
        parts += _place_predictor(metric, _PREDICTOR_SENTENCES)
    if metric.condition is not None:
        parts.insert(0, describe_condition(metric.condition))
    return ", ".join(parts)


def name_metric(metric: Measured) -> str:
    """Return the full name of a metric, such as ``precision, loyalists, indirect``."""
    parts = (MEASURE_NAMES[metric.measure], metric.segment, name_subject(metric))
    return ", ".join(part for part in parts if part)


def describe_inputs(metric: Metric | Confusion, schema: Schema) -> str:
    """Return what was read to answer."""
    at_date = "" if metric.horizon_days is None else " at the earlier date"
    if isinstance(metric, Metric):
        if metric.predictor == "no_change":
            return "the segment stays"
        if metric.predictor != "model":
            return f"none{at_date}"
        if metric.feature_set:
            return metric.feature_set
        if metric.evaluation.method in ("bootstrap", "cross_validation_matched"):
            return "complete and incomplete records"
    if at_date:
        return f"all features{at_date}"
    return _describe_features(metric, schema)


def describe_evaluation(metric: Metric | Confusion) -> str:
    """Return on which records a metric was measured, and how."""
    evaluation = metric.evaluation
    n, table = evaluation.n_repetitions, evaluation.table
    if evaluation.method == "cross_validation":
        return f"{n}-fold cross-validation, held-out records of {table}"
    if evaluation.method == "cross_validation_reclustered":
        return f"{n}-fold cross-validation with the clusters refitted, {table}"
    if evaluation.method == "cross_validation_matched":
        return (
            f"{n}-fold cross-validation with the clusters refitted and matched with those of all"
            f" records, {table}"
        )
    if evaluation.method == "bootstrap":
        return f"{n} bootstrap samples of {table}, records not in them"
    return _describe_forward(evaluation, metric.horizon_days)


def _describe_forward(evaluation: Evaluation, horizon_days: int | None) -> str:
    return f"{evaluation.as_of}, from what was known {horizon_days} days before, {evaluation.table}"


def _describe_features(metric: Metric | Confusion, schema: Schema) -> str:
    features = metric.features
    kind = metric.condition.kind if metric.condition else None
    if kind == "indirect" and features == []:
        return "nothing but the segments' shares"
    if kind == "indirect" and features is not None:
        return f"only {', '.join(schema.by_name[name].title.strip() for name in features)}"
    if kind == "incomplete" and metric.evaluation.method == "cross_validation_reclustered":
        return "some of the defining answers and all others"
    return "features that are not stated" if features is None else f"{len(features)} features"


def _place_predictor(metric: Measured, words: Mapping[Predictor, str]) -> list[str]:
    """Return the texts for horizon and predictor; "no change" follows the horizon."""
    horizon = [] if metric.horizon_days is None else [_name_horizon(metric.horizon_days)]
    predictor = [words[metric.predictor]] if metric.predictor in words else []
    return [*horizon, *predictor] if metric.predictor == "no_change" else [*predictor, *horizon]


def _name_horizon(days: int) -> str:
    return f"{days} days ahead"
