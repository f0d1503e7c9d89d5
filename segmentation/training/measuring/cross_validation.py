"""What can be told about discovered segments beforehand, measured: by folds, by reading.

Nothing here clusters or names: a callable fits the whole study again for each fold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.artifact.manifest import Confusion, Metric
from segmentation.estimators import Floats, Take
from segmentation.study import FeatureSet, Study
from segmentation.training.labelled_records import LabelledRecords, Labels, segment_ids
from segmentation.training.measuring.classification_metrics import baselines, classification_figures
from segmentation.training.measuring.conditions import INCOMPLETE, INDIRECT, conditions
from segmentation.training.measuring.metric_records import confusion, figures

FOLDS = 5
SHARES = "nothing but the segments' shares"

Refit = Callable[[Floats, int], Pipeline]
"""``refit(X, seed)`` fits the whole study on some records: clusters, names, centroids, prior."""


def cross_validated(
    study: Study, again: Refit, data: LabelledRecords, seed: int, source: str
) -> tuple[list[Metric], list[Confusion]]:
    """Measure predictions of the segment, with the clusters found again in each fold.

    The truth of a held-out record is the segment in which the fold's own clusters put its complete
    answers. Where other answers tell what to expect, what they led to is counted as well.
    """
    served = defaultdict(list)
    readings = defaultdict(list)
    told = []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for inside, outside in folds.split(data.X, data.y):
        model = again(data.X[inside], seed)
        train = LabelledRecords(data.X[inside], model.predict(data.X[inside]))
        test = LabelledRecords(data.X[outside], model.predict(data.X[outside]))
        for name, value in baselines(train.y, test.y, seed).items():
            readings["none", name].append(value)
        for name, value in _as_served(study, model, test, seed).items():
            served[name].append(value)
        told += _told_indirectly(study, model, test, seed)
        for reading in study.readings:
            for name, value in read(study, reading, train, test).items():
                readings[reading.name, name].append(value)
    on = f"{FOLDS}-fold cross-validation with the clusters refitted, {source}"
    measured = [*_served_figures(study, served, on), *_reading_figures(study, readings, on)]
    says = {"name": INDIRECT, "on": on, "inputs": _only_others(study), "circular": False}
    return measured, [confusion(study, told, says)] if told else []


def _told_indirectly(
    study: Study, model: Pipeline, test: LabelledRecords, seed: int
) -> list[tuple[Labels, Labels]]:
    """Return truth and answers where none of the defining answers are given, but others count."""
    if model[-1].prior_ is None:
        return []
    found = conditions(test.X, seed, 1, study.schema.decisive, ())
    return [(test.y, model.predict(one.stacked)) for one in found if one.kind == INDIRECT]


def _as_served(study: Study, model: Pipeline, test: LabelledRecords, seed: int) -> dict[str, float]:
    """Measure the answers to incomplete records, and all about those without defining answers."""
    values = {}
    for condition in conditions(test.X, seed, 1, study.schema.decisive, ()):
        P = model.predict_proba(condition.stacked)
        y = np.tile(test.y, len(condition.copies))
        if condition.kind == INCOMPLETE:
            values[f"accuracy, {condition.name}"] = float((model.classes_[P.argmax(1)] == y).mean())
        elif condition.kind == INDIRECT:
            all_about = classification_figures(
                segment_ids(study, y), P, segment_ids(study, model.classes_)
            )
            values |= {f"{name}, {INDIRECT}": value for name, value in all_about.items()}
    return values


def read(
    study: Study, reading: FeatureSet, train: LabelledRecords, test: LabelledRecords
) -> dict[str, float]:
    """Measure a logistic regression that reads some features."""
    model = reader(study, reading, LogisticRegression(max_iter=2000)).fit(train.X, train.y)
    truth, classes = segment_ids(study, test.y), segment_ids(study, model.classes_)
    return classification_figures(truth, model.predict_proba(test.X), classes)


def reader(study: Study, reading: FeatureSet, classifier: Any) -> Pipeline:
    """Return an unfitted pipeline of a classifier that reads some features of the matrix."""
    names = [column.name for column in study.schema.features]
    positions = tuple(names.index(name) for name in reading.columns)
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    steps = [("take", Take(positions)), ("fill", fill), ("scale", StandardScaler())]
    return Pipeline([*steps, ("model", classifier)])


def _served_figures(study: Study, served: dict[str, list[float]], on: str) -> list[Metric]:
    means = {name: float(np.mean(values)) for name, values in served.items()}
    indirect = {name: value for name, value in means.items() if name.endswith(INDIRECT)}
    partly = {name: value for name, value in means.items() if name not in indirect}
    prior = study.pipeline(0)[-1].prior is not None
    make = partial(figures, on=on)
    return [
        *make(partly, inputs="some of the defining answers and all others", circular=True),
        *make(indirect, inputs=_only_others(study) if prior else SHARES, circular=False),
    ]


def _only_others(study: Study) -> str:
    others = [column.title.strip() for column in study.schema.features if not column.defines]
    return f"only {', '.join(others)}"


def _reading_figures(
    study: Study, readings: dict[tuple[str, str], list[float]], on: str
) -> list[Metric]:
    defining = {column.name for column in study.schema.features if column.defines}
    circular = {one.name: bool(defining.intersection(one.columns)) for one in study.readings}
    found = []
    for (reading, name), values in readings.items():
        one = {f"{name}, {reading}" if reading != "none" else name: float(np.mean(values))}
        found += figures(one, on, reading, circular=circular.get(reading, False))
    return found
