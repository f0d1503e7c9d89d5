"""Other kinds of model on the same records: ``train.py --compare``.

Where segments are given, every candidate learns from the same incomplete and imprecise copies and
is chosen by the same robust accuracy, so that the table compares models and not how they were fed.
Where they are discovered, each set of features that the study names is read by three kinds.
"""

from __future__ import annotations

import math
import pickle  # nosec B403  # it only measures a size
import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, precision_score, recall_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from segmentation.artifact.metrics import Measure
from segmentation.estimators import Floats, TrainedOnCopies
from segmentation.estimators.trees import shap_values as forest_shap_values
from segmentation.study import FeatureSet, Study
from segmentation.training.comparison.candidates import Candidate, candidates, readers
from segmentation.training.comparison.contiguous_labels import ContiguousLabels
from segmentation.training.fitting.clustering import refit_study
from segmentation.training.fitting.supervised import SEARCH_FOLDS
from segmentation.training.labelled_records import LabelledRecords, segment_ids
from segmentation.training.measuring.classification_metrics import score_classifier
from segmentation.training.measuring.conditions import robust_accuracy
from segmentation.training.measuring.cross_validation import FOLDS, make_feature_set_model

HELD_OUT_SHARE = 0.25
# Fewer noisy copies than the shipped model: kernel and boosting methods take minutes otherwise.
N_NOISY = 5
N_WEIGHTS = 5
# Beyond it every second record is explained, or every third: a forest takes up to 30 ms for one.
MOST_EXPLAINED = 1000
_MEASURES: tuple[Measure, ...] = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "macro_auc",
    "log_loss",
)


@dataclass(frozen=True)
class ModelScores:
    """One line of the table; scores are on held-out records, `size` is the pickle's in bytes."""

    name: str
    accuracy: float
    precision: float
    recall: float
    robust: float
    fit_seconds: float
    size: int
    record_ms: float


@dataclass(frozen=True)
class FeatureSetScores:
    """How well one kind of model tells the segment from one set of features.

    Attributes
    ----------
    reading, model : str
    circular : bool
        Whether the features include some that define the segments: then this is agreement with a
        definition and no prediction.
    accuracy, balanced_accuracy, macro_f1, auc, log_loss : float
        Means over the folds, on held-out records; the AUC is the macro one.
    shap : tuple of (str, float)
        The five columns that weigh most, with the mean absolute SHAP value over records and
        segments: of log-odds, for the forest of probabilities.
    """

    reading: str
    model: str
    circular: bool
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    auc: float
    log_loss: float
    shap: tuple[tuple[str, float], ...]


def compare(X: Floats, y: NDArray[np.int64], seed: int) -> list[ModelScores]:
    """Fit every candidate and measure it on one held-out quarter of the records.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    seed : int
    """
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=HELD_OUT_SHARE, stratify=y, random_state=seed
    )
    train, test = LabelledRecords(X_train, y_train), LabelledRecords(X_test, y_test)
    with threadpool_limits(1):  # some kinds would take every core, and not be faster for it
        return [_measured(candidate, train, test, seed) for candidate in candidates()]


def _measured(
    candidate: Candidate, train: LabelledRecords, test: LabelledRecords, seed: int
) -> ModelScores:
    searcher = GridSearchCV(
        TrainedOnCopies(candidate.pipeline(seed), n_noisy=N_NOISY, random_state=seed),
        {f"estimator__model__{name}": values for name, values in candidate.grid.items()},
        scoring=robust_accuracy,
        cv=StratifiedKFold(SEARCH_FOLDS, shuffle=True, random_state=seed),
        error_score="raise",
    )
    searcher.fit(train.X, train.y)
    model = searcher.best_estimator_
    predicted = model.predict(test.X)
    return ModelScores(
        name=candidate.name,
        accuracy=accuracy_score(test.y, predicted),
        precision=precision_score(test.y, predicted, average="macro", zero_division=0),
        recall=recall_score(test.y, predicted, average="macro", zero_division=0),
        robust=robust_accuracy(model, test.X, test.y),
        fit_seconds=searcher.refit_time_,
        size=len(pickle.dumps(model, protocol=5)),
        record_ms=_record_ms(model, test.X[:1]),
    )


def _record_ms(model: Any, record: np.ndarray[Any, Any]) -> float:
    """Return the median time of one answer through scikit-learn, in milliseconds."""
    times = []
    for _ in range(50):
        start = time.perf_counter()
        model.predict(record)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def compare_feature_sets(study: Study, X: Floats, seed: int) -> list[FeatureSetScores]:
    """Measure three kinds of model on each reading of a study whose segments are discovered.

    By stratified five-fold cross-validation with the clusters found and named again in each fold:
    the truth of a held-out record is the segment in which the fold's own clusters put it.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    seed : int

    Returns
    -------
    list of FeatureSetScores
        In the order of the study's readings, each with a logistic regression, a random forest and
        XGBoost.
    """
    segmented = _segmented(study, X, seed)
    return [
        _reading_compared(segmented, reading, name, classifier)
        for reading in study.feature_sets
        for name, classifier in readers(seed).items()
    ]


@dataclass(frozen=True)
class _Segmented:
    """All records in the segments of all, and folds: learned from and held out, in their own."""

    study: Study
    everyone: LabelledRecords
    folds: list[tuple[LabelledRecords, LabelledRecords]]


def _segmented(study: Study, X: Floats, seed: int) -> _Segmented:
    everyone = LabelledRecords(X, refit_study(study, X, seed).predict(X))
    folds = []
    splits = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for inside, outside in splits.split(X, everyone.y):
        model = refit_study(study, X[inside], seed)
        train, test = (
            LabelledRecords(X[rows], model.predict(X[rows])) for rows in (inside, outside)
        )
        folds.append((train, test))
    return _Segmented(study, everyone, folds)


def _reading_compared(
    segmented: _Segmented, reading: FeatureSet, name: str, classifier: Any
) -> FeatureSetScores:
    model = make_feature_set_model(segmented.study, reading, classifier)
    scores = [
        _score_fold(segmented.study, model.fit(train.X, train.y), test)
        for train, test in segmented.folds
    ]
    means = {measure: float(np.mean([fold[measure] for fold in scores])) for measure in _MEASURES}
    return FeatureSetScores(
        reading=reading.name,
        model=name,
        circular=not segmented.study.schema.defining_names.isdisjoint(reading.columns),
        accuracy=means["accuracy"],
        balanced_accuracy=means["balanced_accuracy"],
        macro_f1=means["macro_f1"],
        auc=means["macro_auc"],
        log_loss=means["log_loss"],
        shap=_heaviest(
            model.fit(segmented.everyone.X, segmented.everyone.y), segmented.everyone.X, reading
        ),
    )


def _score_fold(study: Study, model: Pipeline, test: LabelledRecords) -> dict[Measure, float]:
    truth, classes = segment_ids(study, test.y), segment_ids(study, model.classes_)
    scores = score_classifier(truth, model.predict_proba(test.X), classes)
    return {score.measure: score.value for score in scores if score.class_name is None}


def _heaviest(model: Pipeline, X: Floats, reading: FeatureSet) -> tuple[tuple[str, float], ...]:
    """Return the columns with the largest mean absolute SHAP values, over records and classes."""
    sampled = X[:: math.ceil(len(X) / MOST_EXPLAINED)]
    weights = np.abs(shap_values(model[-1], model[:-1].transform(sampled))).mean(axis=(0, 2))
    order = np.argsort(-weights, kind="stable")[:N_WEIGHTS]
    return tuple((reading.columns[position], float(weights[position])) for position in order)


def shap_values(model: Any, Z: Floats) -> NDArray[Any]:
    """Return the SHAP values of a fitted classifier, of shape (n_samples, n_features, n_scores).

    Exact for what is linear, relative to the mean record (Lundberg and Lee 2017,
    https://arxiv.org/abs/1705.07874); for trees as in ``estimators.trees``, XGBoost's own for
    XGBoost's. There is a score for each class; but one, the log-odds, where a model has only that
    for two classes.

    Parameters
    ----------
    model : LogisticRegression, RandomForestClassifier or ContiguousLabels of XGBClassifier
    Z : ndarray of shape (n_samples, n_features)
        What the model reads.
    """
    if isinstance(model, LogisticRegression):
        return np.asarray((Z - Z.mean(axis=0))[:, :, np.newaxis] * model.coef_.T)
    if isinstance(model, ContiguousLabels):
        return _of_boosted(model.estimator_, Z)
    return forest_shap_values(model, Z)[1]


def _of_boosted(model: Any, Z: Floats) -> NDArray[Any]:
    from xgboost import DMatrix

    values = model.get_booster().predict(DMatrix(Z), pred_contribs=True)
    values = values.reshape(len(Z), -1, Z.shape[1] + 1)  # for two classes there is one score
    return np.asarray(values[:, :, :-1].transpose(0, 2, 1))  # the last column is the mean score
