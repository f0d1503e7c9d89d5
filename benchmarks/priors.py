"""What tells a household's segment from its demographics best: the choice of the study's prior.

    python -m benchmarks.priors FILE

Five seeds of stratified 5-fold cross-validation, K-Means refitted in each fold.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from segmentation.estimators import Floats
from segmentation.studies.household import HOUSEHOLD
from segmentation.training.fitting.clustering import refit_study
from segmentation.training.labelled_records import matrix
from segmentation.training.measuring.classification_metrics import score_classifier
from segmentation.training.training_data import read_source

SEEDS = range(5)
# Codes of which 0 means that nothing was specified, and those of them that have no order.
ZERO_IS_NONE = ("food_habit", "native_language", "sex", "education", "household_size", "television")
NOMINAL = ("food_habit", "native_language", "sex", "television")
NAMES = [column.name for column in HOUSEHOLD.schema.features if not column.defines]


def _scaled(C: float) -> Pipeline:
    return make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(C=C, max_iter=2000)
    )


def _one_hot(C: float) -> Pipeline:
    nominal = [NAMES.index(name) for name in NOMINAL]
    ordinal = [i for i in range(len(NAMES)) if i not in nominal]
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10)
    columns = ColumnTransformer([("scale", StandardScaler(), ordinal), ("code", encoder, nominal)])
    return make_pipeline(columns, LogisticRegression(C=C, max_iter=2000))


def _forest(leaf: int) -> RandomForestClassifier:
    return RandomForestClassifier(300, min_samples_leaf=leaf, random_state=0)


WAYS: dict[str, tuple[bool, Callable[[], Any]]] = {
    "zeros are answers, C=0.03": (False, lambda: _scaled(0.03)),
    "zeros are answers, C=1": (False, lambda: _scaled(1)),
    "zeros are gaps, C=0.03": (True, lambda: _scaled(0.03)),
    "one-hot codes, C=0.03": (False, lambda: _one_hot(0.03)),
    "forest, leaves of 5": (False, lambda: _forest(5)),
    "forest, leaves of 20": (False, lambda: _forest(20)),
}


def main() -> None:
    """Print a line for each way."""
    _, source = read_source(HOUSEHOLD, sys.argv[1])
    X = matrix(HOUSEHOLD, source.table.records)
    first = len(NAMES)
    plain: Floats = X[:, :first]
    gaps = plain.copy()
    for name in ZERO_IS_NONE:
        column = gaps[:, NAMES.index(name)]
        column[column == 0] = np.nan
    scores: dict[str, list[dict[str, float]]] = {prior: [] for prior in WAYS}
    for seed in SEEDS:
        everyone = refit_study(HOUSEHOLD, X, seed).predict(X)
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        for inside, outside in folds.split(X, everyone):
            y = refit_study(HOUSEHOLD, X[inside], seed).predict(X)
            for prior, (with_gaps, make) in WAYS.items():
                D = gaps if with_gaps else plain
                model = make().fit(D[inside], y[inside])
                P = model.predict_proba(D[outside])
                scores[prior].append(
                    {
                        score.measure: score.value
                        for score in score_classifier(y[outside], P, model.classes_)
                        if score.class_name is None
                    }
                )
    for prior, rows in scores.items():
        means = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
        summary = ", ".join(
            f"{name} {means[name]:.3f}" for name in ("accuracy", "macro_auc", "log_loss")
        )
        print(f"{prior}: {summary}")


if __name__ == "__main__":
    main()
