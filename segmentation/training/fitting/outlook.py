"""Learning the segment of a later day: forward in time, never from the future.

The metrics come from a rehearsal: everything, clusters included, is fitted on what was known
`days` before the end of the data and asked about the end. The model that is packed then learns
from all pairs of dates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.metrics import f1_score
from sklearn.pipeline import Pipeline

from segmentation.artifact.metrics import Confusion, Evaluation, Measure, Metric
from segmentation.datasets import History, Snapshot
from segmentation.datasets.snapshots import find_spacing_fault
from segmentation.errors import TrainingError
from segmentation.estimators import WithOutlook
from segmentation.study import OutlookModel, Study
from segmentation.training.fitting.clustering import refit_study
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.labelled_records import LabelledRecords, matrix, segment_ids
from segmentation.training.measuring.classification_metrics import score_baselines, score_classifier
from segmentation.training.measuring.measurements import (
    Measurement,
    make_confusion,
    make_metrics,
    measurements_of,
)

# The latest pair of dates is asked about, at least one before it is learned from.
FEWEST_SNAPSHOTS = 3


def with_outlook(
    study: Study, outlook: OutlookModel, learned: FittedModel, history: History, seed: int
) -> FittedModel:
    """Add an outlook, and its metrics, to what was learned about today.

    Parameters
    ----------
    study : Study
    outlook : OutlookModel
    learned : FittedModel
        Of the latest snapshot.
    history : History
        Snapshots `outlook.days` apart, the latest first.
    seed : int

    Raises
    ------
    TrainingError
        If the history is too short to measure an outlook, or its dates are not so far apart.
    """
    snapshots = history.snapshots
    if len(snapshots) < FEWEST_SNAPSHOTS:
        raise TrainingError(
            f"an outlook of {outlook.days} days needs {FEWEST_SNAPSHOTS} dates so far apart;"
            f" the transactions reach back to {len(snapshots)}"
        )
    fault = find_spacing_fault(snapshots, outlook)
    if fault:
        raise TrainingError(f"the history {fault} days ahead")
    today = learned.pipeline[-1]
    pairs = [_pair(study, today, *two) for two in _neighbours(snapshots)]
    combined = WithOutlook.of_fitted(today, _classifier(outlook, pairs, seed))
    pipeline = Pipeline([learned.pipeline.steps[0], (learned.pipeline.steps[-1][0], combined)])
    rehearsed, confused = rehearse(study, outlook, snapshots, seed, history.name)
    return replace(
        learned,
        pipeline=pipeline,
        metrics=(*learned.metrics, *rehearsed),
        confusions=(*learned.confusions, confused),
    )


def _classifier(outlook: OutlookModel, pairs: Sequence[LabelledRecords], seed: int) -> Any:
    X, y = np.vstack([pair.X for pair in pairs]), np.concatenate([pair.y for pair in pairs])
    return outlook.classifier(seed).fit(np.asarray(X, dtype=np.float64), y)


def _neighbours(snapshots: Sequence[Snapshot]) -> list[tuple[Snapshot, Snapshot]]:
    """Return (earlier, later) for each two neighbouring dates, the latest two first."""
    return [(earlier, later) for later, earlier in pairwise(snapshots)]


def _pair(study: Study, model: Any, earlier: Snapshot, later: Snapshot) -> LabelledRecords:
    """Return the customers as they were, with the segments that became of them."""
    key, became = _key(study), _segments(study, model, later)
    customers = [record[key] for record in earlier.records]
    n_gone = sum(customer not in became for customer in customers)
    if n_gone:
        raise TrainingError(
            f"{n_gone} of {len(customers)} customers of {earlier.as_of:%Y-%m-%d} are not among"
            f" those of {later.as_of:%Y-%m-%d}, so what became of them is not known"
        )
    y = np.asarray([became[customer] for customer in customers])
    return LabelledRecords(matrix(study, earlier.records), y)


def _segments(study: Study, model: Any, snapshot: Snapshot) -> dict[Any, Any]:
    """Return the label of each customer's segment at a time."""
    labels = model.predict(matrix(study, snapshot.records))
    key = _key(study)
    ids = [record[key] for record in snapshot.records]
    return dict(zip(ids, labels.tolist(), strict=True))


def _key(study: Study) -> str:
    column = study.schema.identifier
    if column is None:
        raise TrainingError(f"the study {study.name} has no identifier to follow customers by")
    return column.name


def rehearse(
    study: Study, outlook: OutlookModel, snapshots: Sequence[Snapshot], seed: int, table: str
) -> tuple[list[Metric], Confusion]:
    """Measure the outlook on the latest date, with nothing known that came to be after the last.

    Clusters are found and named on the second latest snapshot; the classifier learns from the
    pairs of dates up to it and predicts which segment each of its customers has on the latest.

    Parameters
    ----------
    study : Study
    outlook : OutlookModel
    snapshots : sequence of Snapshot
        The latest first.
    seed : int
    table : str
        Name of the table that the snapshots come from.
    """
    last, earlier = snapshots[0], snapshots[1:]
    today = refit_study(study, matrix(study, earlier[0].records), seed)[-1]
    pairs = [_pair(study, today, *two) for two in _neighbours(earlier)]
    classifier = _classifier(outlook, pairs, seed)
    test = _pair(study, today, earlier[0], last)
    probabilities = classifier.predict_proba(np.asarray(test.X, dtype=np.float64))
    classes = segment_ids(study, classifier.classes_)
    scores = score_classifier(segment_ids(study, test.y), probabilities, classes)
    past_labels = np.concatenate([pair.y for pair in pairs])
    baselines = score_baselines(past_labels, test.y, seed)
    facts = {
        "circular": False,
        "evaluation": Evaluation(
            method="forward_in_time",
            table=table,
            n_repetitions=1,
            as_of=f"{last.as_of:%Y-%m-%d}",
        ),
    }
    features = [column.name for column in study.schema.features]
    read = {"features": features, "n_records": len(test.y)} | facts
    unread = {"features": [], "n_records": len(test.y)} | facts
    blind = [
        Measurement("accuracy", value, predictor=name, horizon_days=outlook.days)
        for name, value in baselines.items()
    ]
    predicted = classifier.classes_[probabilities.argmax(axis=1)]
    metrics = [
        *make_metrics(measurements_of(scores, horizon_days=outlook.days), **read),
        *make_metrics(_measure_no_change(today, test, outlook.days), **read),
        *make_metrics(blind, **unread),
    ]
    return metrics, make_confusion(
        study,
        [(test.y, predicted)],
        features=features,
        horizon_days=outlook.days,
        **facts,
    )


def _measure_no_change(today: Any, test: LabelledRecords, horizon_days: int) -> list[Measurement]:
    """Measure the prediction that everybody stays in the segment of the earlier date."""
    same, y = today.predict(test.X), test.y
    recalls = [float((same[y == label] == label).mean()) for label in np.unique(y)]
    macro_f1 = f1_score(y, same, average="macro", zero_division=0)
    values: dict[Measure, float] = {
        "accuracy": float((same == y).mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "macro_f1": float(macro_f1),
    }
    return [
        Measurement(measure, value, predictor="no_change", horizon_days=horizon_days)
        for measure, value in values.items()
    ]
