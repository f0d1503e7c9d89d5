"""Metrics for tests: looked up by the names that people read, and made up where one is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from segmentation.artifact.metrics import Evaluation, Metric
from segmentation.schema import Schema
from segmentation.training.measuring.classification_metrics import Score
from segmentation.training.measuring.measurements import Measurement, make_metrics
from segmentation.wording.metrics import describe_inputs, name_metric

HELD_OUT = Evaluation(method="cross_validation", table="held-out.csv", n_repetitions=5)


def values_by_name(metrics: Iterable[Metric]) -> dict[str, float]:
    """Return values by names such as ``accuracy, 2 missing``; no two may have one name."""
    named = [(name_metric(metric), metric.value) for metric in metrics]
    assert len(dict(named)) == len(named)
    return dict(named)


def measured_by_name(measurements: Iterable[Measurement]) -> dict[str, float]:
    """Return the values of measurements by the names that their metrics have."""
    facts = {"features": [], "circular": False, "n_records": None, "evaluation": HELD_OUT}
    return values_by_name(make_metrics(measurements, **facts))


def scores_by_name(scores: Iterable[Score]) -> dict[str, float]:
    """Return the values of scores by measure, and by class where they are about one."""
    return {
        score.measure if score.class_name is None else f"{score.measure}, {score.class_name}": (
            score.value
        )
        for score in scores
    }


def circular_by_inputs(metrics: Sequence[Metric], schema: Schema) -> dict[str, bool]:
    """Return, for each set of inputs, whether its metrics are agreement with a definition."""
    by_inputs: dict[str, set[bool]] = {}
    for metric in metrics:
        by_inputs.setdefault(describe_inputs(metric, schema), set()).add(metric.circular)
    assert all(len(kinds) == 1 for kinds in by_inputs.values())
    return {inputs: kinds.pop() for inputs, kinds in by_inputs.items()}


def make_metric(**members: Any) -> Metric:
    """Return a metric of held-out records with some members."""
    usual = {
        "measure": "accuracy",
        "value": 0.75,
        "features": [],
        "circular": False,
        "n_records": 100,
        "evaluation": HELD_OUT,
    }
    return Metric.model_validate(usual | members)
