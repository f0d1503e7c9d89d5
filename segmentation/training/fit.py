"""Split, search and fit: from a table to a calibrated model and its cross-validated figures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_score, recall_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from segmentation.artifact.manifest import Conformal
from segmentation.datasets import Table
from segmentation.errors import TrainingError
from segmentation.estimators import Floats
from segmentation.study import Grid, Study
from segmentation.training.conditions import accuracy_by_condition, conditions, robust_accuracy
from segmentation.training.conformal import calibrate, coverage

CALIBRATION_SHARE = 0.2
SEARCH_FOLDS = 3
FOLDS = 5
# Below this a class cannot be in every fold of the search and of the calibration.
FEWEST_ROWS_PER_CLASS = 10


@dataclass(frozen=True)
class Labelled:
    """Records as numbers with their labels, shapes (n_samples, n_features) and (n_samples,)."""

    X: Floats
    y: NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A calibrated model.

    Attributes
    ----------
    pipeline : Pipeline
        Fitted on the training part of the records.
    conformal : Conformal
        Calibrated on the other part.
    params : dict
        The candidate that the search chose.
    n_train : int
        Records that the pipeline was fitted on.
    """

    pipeline: Pipeline
    conformal: Conformal
    params: dict[str, Any]
    n_train: int


def labelled(study: Study, table: Table) -> Labelled:
    """Return the numbers and labels of a table.

    Raises
    ------
    TrainingError
        If a class has too few rows to be held out, or a feature has no answers.
    """
    matrix = study.pipeline(0)[0].transform(table.records)
    for column, values in zip(study.schema.features, matrix.T, strict=True):
        if np.isnan(values).all():
            raise TrainingError(f"column {column.title!r} has no answers to learn from")
    target = study.schema.target
    if target is None:
        raise TrainingError(f"the study {study.name} has no target to learn")
    labels = np.asarray(table.column(target.name), dtype=np.int64)
    values, counts = np.unique(labels, return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        if count < FEWEST_ROWS_PER_CLASS:
            raise TrainingError(
                f"class {value} has {count} rows; at least {FEWEST_ROWS_PER_CLASS} are needed"
            )
    return Labelled(matrix, labels)


def search(study: Study, data: Labelled, grid: Grid, seed: int, callbacks: list[Any]) -> Fitted:
    """Choose the best candidate of a grid by robust accuracy, fit it and calibrate it.

    Parameters
    ----------
    study : Study
    data : Labelled
    grid : mapping
        Parameter values to try, by pipeline parameter.
    seed : int
    callbacks : list
        scikit-learn callbacks, for instance a progress bar.
    """
    train, calibration = _split(data, seed)
    searcher = GridSearchCV(
        study.pipeline(seed),
        grid,
        scoring=robust_accuracy,
        cv=StratifiedKFold(SEARCH_FOLDS, shuffle=True, random_state=seed),
        refit=False,
        n_jobs=-1,
        error_score="raise",
    )
    searcher.set_callbacks(*callbacks)
    searcher.fit(train.X, train.y)
    params = searcher.best_params_
    return _calibrated(study.pipeline(seed).set_params(**params), train, calibration, params, seed)


def _split(data: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    X_train, X_rest, y_train, y_rest = train_test_split(
        data.X, data.y, test_size=CALIBRATION_SHARE, stratify=data.y, random_state=seed
    )
    return Labelled(X_train, y_train), Labelled(X_rest, y_rest)


def _calibrated(
    pipeline: Pipeline, train: Labelled, calibration: Labelled, params: dict[str, Any], seed: int
) -> Fitted:
    pipeline.fit(train.X, train.y)
    conformal = calibrate(pipeline, calibration.X, calibration.y, seed)
    return Fitted(pipeline, conformal, params, len(train.y))


def cross_validate(
    study: Study, data: Labelled, params: dict[str, Any], seed: int
) -> dict[str, float]:
    """Repeat fitting and calibration in each of five folds and measure on what was held out.

    Returns
    -------
    dict of str to float
        Mean over folds: accuracy under each condition, macro precision and recall on complete
        records, and for each kind of record how many sets cover the truth and how many records
        come out unsure.
    """
    figures = defaultdict(list)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for fold, (inside, outside) in enumerate(folds.split(data.X, data.y)):
        train, calibration = _split(Labelled(data.X[inside], data.y[inside]), seed)
        fitted = _calibrated(
            study.pipeline(seed).set_params(**params), train, calibration, params, seed
        )
        held_out = Labelled(data.X[outside], data.y[outside])
        for name, value in measure(fitted, held_out, seed + 1 + fold).items():
            figures[name].append(value)
    return {name: float(np.mean(values)) for name, values in figures.items()}


def measure(fitted: Fitted, held_out: Labelled, seed: int) -> dict[str, float]:
    """Return the figures of one model on records that it has not seen."""
    model, y = fitted.pipeline, held_out.y
    found = conditions(held_out.X, seed, n_draws=10)
    predicted = model.predict(held_out.X)
    figures = {f"accuracy, {name}": value
               for name, value in accuracy_by_condition(model, found, y).items()}  # fmt: skip
    figures["macro precision, complete"] = precision_score(
        y, predicted, average="macro", zero_division=0
    )
    figures["macro recall, complete"] = recall_score(y, predicted, average="macro", zero_division=0)
    for kind, (covered, unsure) in coverage(model, found, y, fitted.conformal.threshold).items():
        figures[f"coverage, {kind}"] = covered
        figures[f"unsure, {kind}"] = unsure
    return figures
