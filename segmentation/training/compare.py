"""Other kinds of model on the same records, each with its own small grid: ``train.py --compare``.

Every candidate learns from the same incomplete and imprecise copies and is chosen by the same
robust accuracy, so that the table compares models and not how they were fed.
"""

from __future__ import annotations

import pickle
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, precision_score, recall_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from segmentation.estimators import TrainedOnCopies
from segmentation.study import Grid
from segmentation.training.conditions import robust_accuracy
from segmentation.training.fit import SEARCH_FOLDS, Labelled

HELD_OUT_SHARE = 0.25
# Fewer noisy copies than the shipped model: kernel and boosting methods take minutes otherwise.
N_NOISY = 5


@dataclass(frozen=True)
class Candidate:
    """A kind of model with its grid; parameters are those of the last step, ``model``."""

    name: str
    pipeline: Callable[[int], Pipeline]
    grid: Grid


@dataclass(frozen=True)
class Compared:
    """One line of the table; scores are on held-out records, `size` is the pickle's in bytes."""

    name: str
    accuracy: float
    precision: float
    recall: float
    robust: float
    fit_seconds: float
    size: int
    record_ms: float


def _with_gaps_below(model: Any) -> Pipeline:
    """For trees: a constant below every answer, so that one split finds the gaps."""
    fill = SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True)
    return Pipeline([("impute", fill), ("model", model)])


def _with_gaps_marked(model: Any) -> Pipeline:
    """For models that measure distance: the mean, a column that marks the gap, one scale."""
    fill = SimpleImputer(strategy="mean", add_indicator=True, keep_empty_features=True)
    return Pipeline([("impute", make_pipeline(fill, StandardScaler())), ("model", model)])


def candidates() -> Iterator[Candidate]:
    """Yield every kind of model that is installed; the CNN needs the extra ``cnn``."""
    from xgboost import XGBClassifier

    from segmentation.training.labels import ContiguousLabels

    yield Candidate(
        "Decision Tree",
        lambda seed: _with_gaps_below(DecisionTreeClassifier(random_state=seed)),
        {"max_leaf_nodes": [50, 200]},
    )
    yield Candidate(
        "Random Forest",
        lambda seed: _with_gaps_below(
            RandomForestClassifier(30, max_features=1, random_state=seed)
        ),
        {"max_leaf_nodes": [100, 200]},
    )
    yield Candidate(
        "Gradient Boosted Trees",
        lambda seed: _with_gaps_below(GradientBoostingClassifier(random_state=seed, subsample=0.5)),
        {"n_estimators": [20, 40]},
    )
    yield Candidate(
        "SVC",
        lambda seed: _with_gaps_marked(SVC(random_state=seed, cache_size=500)),
        {"C": [1.0, 10.0]},
    )
    yield Candidate(
        "Logistic Regression",
        lambda seed: _with_gaps_marked(LogisticRegression(max_iter=2000, random_state=seed)),
        {"C": [1.0, 100.0]},
    )
    yield Candidate(
        "HistGradientBoosting",
        # It takes NaN itself, but not a column of nothing else.
        lambda seed: _with_gaps_below(
            HistGradientBoostingClassifier(max_iter=50, random_state=seed)
        ),
        {"max_leaf_nodes": [7, 15]},
    )
    yield Candidate(
        "XGBoost",
        lambda seed: Pipeline(
            [
                (
                    "model",
                    ContiguousLabels(XGBClassifier(n_estimators=50, n_jobs=1, random_state=seed)),
                )
            ]
        ),
        {"estimator__max_depth": [2, 4]},
    )
    if find_spec("keras"):
        from segmentation.training.cnn import ConvolutionalClassifier

        yield Candidate(
            "1-D CNN",
            lambda seed: _with_gaps_marked(ConvolutionalClassifier(random_state=seed)),
            {"n_filters": [16, 32]},
        )


def compare(data: Labelled, seed: int) -> list[Compared]:
    """Fit every candidate and measure it on one held-out quarter of the records."""
    X_train, X_test, y_train, y_test = train_test_split(
        data.X, data.y, test_size=HELD_OUT_SHARE, stratify=data.y, random_state=seed
    )
    train, test = Labelled(X_train, y_train), Labelled(X_test, y_test)
    return [_measured(candidate, train, test, seed) for candidate in candidates()]


def _measured(candidate: Candidate, train: Labelled, test: Labelled, seed: int) -> Compared:
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
    return Compared(
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
