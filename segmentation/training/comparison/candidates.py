"""The kinds of model that are compared, each with its own small grid, and those that readings use.

Nothing is fitted here; ``compare`` does that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from segmentation.study import Grid
from segmentation.training.comparison.contiguous_labels import ContiguousLabels


@dataclass(frozen=True)
class Candidate:
    """A kind of model with its grid; parameters are those of the last step, ``model``."""

    name: str
    pipeline: Callable[[int], Pipeline]
    grid: Grid


def _with_gaps_below(model: Any) -> Pipeline:
    """For trees: a constant below every answer, so that one split finds the gaps."""
    fill = SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True)
    return Pipeline([("impute", fill), ("model", model)])


def _with_gaps_marked(model: Any) -> Pipeline:
    """For models that measure distance: the mean, a column that marks the gap, one scale."""
    fill = SimpleImputer(strategy="mean", add_indicator=True, keep_empty_features=True)
    return Pipeline([("impute", make_pipeline(fill, StandardScaler())), ("model", model)])


def candidates() -> Iterator[Candidate]:
    """Yield every kind of model that is installed.

    XGBoost needs the extra ``compare``, the CNN ``cnn``.
    """
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
        lambda seed: _with_gaps_below(GradientBoostingClassifier(random_state=seed, subsample=0.2)),
        {"n_estimators": [20, 40]},
    )
    yield Candidate(
        "SVC",
        # Its time grows with the square of the records: all copies took over ten minutes.
        lambda seed: _with_gaps_marked(_on_some_records(SVC(cache_size=500), seed)),
        {"estimator__C": [1.0, 10.0]},
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
    if find_spec("xgboost"):
        yield Candidate(
            "XGBoost",
            lambda seed: Pipeline([("model", _boosted(seed, n_estimators=50))]),
            {"estimator__max_depth": [2, 4]},
        )
    if find_spec("keras"):
        from segmentation.training.comparison.convolutional_classifier import (
            ConvolutionalClassifier,
        )

        yield Candidate(
            "1-D CNN",
            lambda seed: _with_gaps_marked(ConvolutionalClassifier(random_state=seed)),
            {"n_filters": [16, 32]},
        )


def _on_some_records(model: Any, seed: int) -> BaggingClassifier:
    """Return a model that learns from a fifth of the records, drawn once."""
    return BaggingClassifier(
        model, n_estimators=1, max_samples=0.2, bootstrap=False, random_state=seed
    )


def readers(seed: int) -> dict[str, Any]:
    """Return the unfitted classifiers that are installed and tell the segment from a reading.

    Their trees are shallow or their leaves not single records: a panel has some hundred rows.
    """
    classifiers: dict[str, Any] = {
        "Logistic Regression": LogisticRegression(max_iter=2000),
        "Random Forest": RandomForestClassifier(100, min_samples_leaf=3, random_state=seed),
    }
    if find_spec("xgboost"):
        classifiers["XGBoost"] = _boosted(seed, n_estimators=60, max_depth=3, learning_rate=0.1)
    return classifiers


def _boosted(seed: int, **parameters: float) -> ContiguousLabels:
    from xgboost import XGBClassifier

    return ContiguousLabels(XGBClassifier(n_jobs=1, random_state=seed, **parameters))
