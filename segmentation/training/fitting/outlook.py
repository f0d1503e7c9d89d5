"""Learning the segment of a later day: forward in time, never from the future.

The figures come from a rehearsal: everything, clusters included, is fitted on what was known
`days` before the end of the data and asked about the end. The model that is packed then learns
from all pairs of dates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from sklearn.pipeline import Pipeline

from segmentation.artifact.manifest import Confusion, Metric
from segmentation.datasets import History, Snapshot
from segmentation.errors import TrainingError
from segmentation.estimators import Floats, WithOutlook
from segmentation.study import OutlookModel, Study
from segmentation.training.fitting.clustering import refitted
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.labelled_records import LabelledRecords, matrix, segment_ids
from segmentation.training.measuring.classification_metrics import baselines, classification_figures
from segmentation.training.measuring.metric_records import confusion, figures

# The latest pair of dates is asked about, at least one before it is learned from.
FEWEST_SNAPSHOTS = 3


def with_outlook(
    study: Study, outlook: OutlookModel, learned: FittedModel, history: History, seed: int
) -> FittedModel:
    """Add an outlook, and its figures, to what was learned about today.

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
        If the history is too short to measure an outlook.
    """
    snapshots = history.snapshots
    if len(snapshots) < FEWEST_SNAPSHOTS:
        raise TrainingError(
            f"an outlook of {outlook.days} days needs {FEWEST_SNAPSHOTS} dates so far apart;"
            f" the transactions reach back to {len(snapshots)}"
        )
    today = learned.pipeline[-1]
    pairs = [_pair(study, today, *two) for two in _neighbours(snapshots)]
    both = WithOutlook.of_fitted(today, _classifier(outlook, pairs, seed))
    pipeline = Pipeline([learned.pipeline.steps[0], (learned.pipeline.steps[-1][0], both)])
    rehearsed, confused = rehearse(study, outlook, snapshots, seed, history.name)
    return replace(
        learned,
        pipeline=pipeline,
        figures=(*learned.figures, *rehearsed),
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
    gone = sum(customer not in became for customer in customers)
    if gone:
        raise TrainingError(
            f"{gone} of {len(customers)} customers of {earlier.as_of:%Y-%m-%d} are not among those"
            f" of {later.as_of:%Y-%m-%d}, so what became of them is not known"
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
    study: Study, outlook: OutlookModel, snapshots: Sequence[Snapshot], seed: int, source: str
) -> tuple[list[Metric], Confusion]:
    """Measure the outlook on the latest date, with nothing known that came to be after the last.

    Clusters are found and named on the second latest snapshot; the classifier learns from the
    pairs of dates up to it and is asked which segment each of its customers has on the latest.
    """
    last, known = snapshots[0], snapshots[1:]
    today = refitted(study, matrix(study, known[0].records), seed)[-1]
    pairs = [_pair(study, today, *two) for two in _neighbours(known)]
    classifier = _classifier(outlook, pairs, seed)
    test = _pair(study, today, known[0], last)
    probabilities = classifier.predict_proba(np.asarray(test.X, dtype=np.float64))
    truth = segment_ids(study, test.y)
    values = classification_figures(truth, probabilities, segment_ids(study, classifier.classes_))
    ahead = f"{outlook.days} days ahead"
    named = {f"{name}, {ahead}": value for name, value in values.items()}
    on = f"{last.as_of:%Y-%m-%d}, from what was known {outlook.days} days before, {source}"
    known_y = np.concatenate([pair.y for pair in pairs])
    blind = baselines(known_y, test.y, seed)
    without = {f"{name}, {ahead}": value for name, value in blind.items()}
    inputs = "all features at the earlier date"
    told = classifier.classes_[probabilities.argmax(axis=1)]
    says = {"name": ahead, "on": on, "inputs": inputs, "circular": False}
    return [
        *figures(named, on, inputs, circular=False),
        *figures(_stays(today, test.X, test.y, ahead), on, "the segment stays", circular=False),
        *figures(without, on, "none at the earlier date", circular=False),
    ], confusion(study, [(test.y, told)], says)


def _stays(today: Any, X: Floats, y: NDArray[Any], ahead: str) -> dict[str, float]:
    same = today.predict(X)
    recalls = [float((same[y == label] == label).mean()) for label in np.unique(y)]
    return {
        f"accuracy, {ahead}, stays the same": float((same == y).mean()),
        f"balanced accuracy, {ahead}, stays the same": float(np.mean(recalls)),
        f"macro F1, {ahead}, stays the same": float(
            f1_score(y, same, average="macro", zero_division=0)
        ),
    }
