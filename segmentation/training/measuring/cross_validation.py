"""How well discovered segments are predicted: cross-validation, and one model per feature set.

Nothing here clusters or names: a callable fits the whole study again for each fold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.artifact.metrics import Confusion, Evaluation, Metric
from segmentation.estimators import ColumnSubset, Floats
from segmentation.study import FeatureSet, Study
from segmentation.training.labelled_records import LabelledRecords, Labels, segment_ids
from segmentation.training.measuring.classification_metrics import (
    Score,
    score_baselines,
    score_classifier,
)
from segmentation.training.measuring.conditions import INDIRECT, copy_under_conditions
from segmentation.training.measuring.measurements import (
    Measurement,
    average,
    make_confusion,
    make_metrics,
    measurements_of,
)

FOLDS = 5

Refit = Callable[[Floats, int, Labels], Pipeline]
"""``refit(X, seed)`` fits the whole study on some records: clusters, names, centroids, prior."""


def cross_validate_clusters(
    study: Study, refit: Refit, data: LabelledRecords, seed: int, table: str
) -> tuple[list[Metric], list[Confusion]]:
    """Measure predictions of the segment, with the clusters made again in each fold.

    The truth of a held-out record is the segment in which the fold's own clusters put its complete
    answers. Where other answers tell what to expect, the answers to them are counted as well.

    Parameters
    ----------
    study : Study
    refit : callable
    data : LabelledRecords
        All records with the segments of all.
    seed : int
    table : str
        Name of the table that the records come from.
    """
    repetitions, indirect_answers = [], []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for inside, outside in folds.split(data.X, data.y):
        model = refit(data.X[inside], seed, data.y[inside])
        train = LabelledRecords(data.X[inside], model.predict(data.X[inside]))
        test = LabelledRecords(data.X[outside], model.predict(data.X[outside]))
        repetitions.append(_measure_fold(study, model, train, test, seed))
        indirect_answers += _answer_indirectly(study, model, test, seed)
    evaluation = Evaluation(method="cross_validation_reclustered", table=table, n_repetitions=FOLDS)
    metrics = [
        metric
        for measurement in sorted(average(repetitions), key=_order)
        for metric in _make_metric(study, measurement, len(data.y), evaluation)
    ]
    if not indirect_answers:
        return metrics, []
    confusion = make_confusion(
        study,
        indirect_answers,
        condition=INDIRECT,
        features=_other_features(study),
        circular=False,
        evaluation=evaluation,
    )
    return metrics, [confusion]


def _measure_fold(
    study: Study, model: Pipeline, train: LabelledRecords, test: LabelledRecords, seed: int
) -> list[Measurement]:
    measurements = list(_measure_served(study, model, test, seed))
    for predictor, accuracy in score_baselines(train.y, test.y, seed).items():
        measurements.append(Measurement("accuracy", accuracy, predictor=predictor))
    for feature_set in study.feature_sets:
        scores = score_feature_set(study, feature_set, train, test)
        measurements += measurements_of(scores, feature_set=feature_set.name)
    return measurements


def _answer_indirectly(
    study: Study, model: Pipeline, test: LabelledRecords, seed: int
) -> list[tuple[Labels, Labels]]:
    """Return truth and answers where none of the defining answers are given, but others count."""
    if model[-1].prior_ is None:
        return []
    conditioned = copy_under_conditions(test.X, seed, 1, study.schema.decisive, ())
    return [
        (test.y, model.predict(records.stacked))
        for records in conditioned
        if records.condition == INDIRECT
    ]


def _measure_served(
    study: Study, model: Pipeline, test: LabelledRecords, seed: int
) -> Iterator[Measurement]:
    """Measure the answers to incomplete records, and all about those without defining answers."""
    for records in copy_under_conditions(test.X, seed, 1, study.schema.decisive, ()):
        condition = records.condition
        P = model.predict_proba(records.stacked)
        y = np.tile(test.y, len(records.copies))
        if condition.kind == "incomplete":
            accuracy = float((model.classes_[P.argmax(1)] == y).mean())
            yield Measurement("accuracy", accuracy, condition=condition)
        elif condition.kind == "indirect":
            classes = segment_ids(study, model.classes_)
            scores = score_classifier(segment_ids(study, y), P, classes)
            yield from measurements_of(scores, condition=condition)


def score_feature_set(
    study: Study, feature_set: FeatureSet, train: LabelledRecords, test: LabelledRecords
) -> list[Score]:
    """Measure a logistic regression that reads some features."""
    classifier = LogisticRegression(max_iter=2000)
    model = make_feature_set_model(study, feature_set, classifier).fit(train.X, train.y)
    truth, classes = segment_ids(study, test.y), segment_ids(study, model.classes_)
    return score_classifier(truth, model.predict_proba(test.X), classes)


def make_feature_set_model(study: Study, feature_set: FeatureSet, classifier: Any) -> Pipeline:
    """Return an unfitted pipeline of a classifier that reads some features of the matrix."""
    names = [column.name for column in study.schema.features]
    positions = tuple(names.index(name) for name in feature_set.columns)
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    steps = [("take", ColumnSubset(positions)), ("fill", fill), ("scale", StandardScaler())]
    return Pipeline([*steps, ("model", classifier)])


def _order(measurement: Measurement) -> int:
    """Return the place of a measurement among the metrics: served answers, then comparisons."""
    if measurement.condition is None:
        return 2
    return 1 if measurement.condition == INDIRECT else 0


def _make_metric(
    study: Study, measurement: Measurement, n_records: int, evaluation: Evaluation
) -> list[Metric]:
    features = _read_features(study, measurement)
    return make_metrics(
        [measurement],
        features=features,
        circular=not study.schema.defining_names.isdisjoint(features),
        n_records=n_records,
        evaluation=evaluation,
    )


def _read_features(study: Study, measurement: Measurement) -> list[str]:
    """Return the columns that were read for a measurement."""
    if measurement.predictor != "model":
        return []
    for feature_set in study.feature_sets:
        if feature_set.name == measurement.feature_set:
            return list(feature_set.columns)
    if measurement.condition == INDIRECT:
        has_prior = study.pipeline(0)[-1].prior is not None
        return _other_features(study) if has_prior else []
    return [column.name for column in study.schema.features]


def _other_features(study: Study) -> list[str]:
    return [column.name for column in study.schema.features if not column.defines]
