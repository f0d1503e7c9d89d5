"""Learning where the segments are given: split, search, fit, calibrate, cross-validate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from segmentation.artifact.manifest import Conformal, Confusion
from segmentation.datasets import RecordTable
from segmentation.errors import TrainingError
from segmentation.study import Grid, Study
from segmentation.training.fitting.conformal_calibration import calibrate, coverage
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.labelled_records import (
    LabelledRecords,
    check_classes,
    matrix,
    segment_ids,
)
from segmentation.training.measuring.classification_metrics import baselines, classification_figures
from segmentation.training.measuring.conditions import (
    accuracy_by_condition,
    conditions,
    robust_accuracy,
)
from segmentation.training.measuring.metric_records import confusion, figures

CALIBRATION_SHARE = 0.2
SEARCH_FOLDS = 3
FOLDS = 5
TRUTH = "the class in the table"


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


Asked = tuple[Fitted, LabelledRecords]
"""A model and the records, held out from it, that it is asked about."""


def learn_labelled(
    study: Study, table: RecordTable, grid: Grid, seed: int, callbacks: list[Any]
) -> FittedModel:
    """Search, fit, calibrate and measure a model of a study whose segments are in the table.

    Parameters
    ----------
    study : Study
    table : RecordTable
    grid : mapping
        Parameter values to try, by pipeline parameter.
    seed : int
    callbacks : list
        scikit-learn callbacks, for instance a progress bar.
    """
    data = labelled(study, table)
    fitted = search(study, data, grid, seed, callbacks)
    asked = refits(study, data, fitted.params, seed)
    on = f"{FOLDS}-fold cross-validation, held-out records of {table.name}"
    inputs = f"{len(study.schema.features)} features"
    figures_of = partial(figures, on=on)
    return FittedModel(
        pipeline=fitted.pipeline,
        conformal=fitted.conformal,
        X=data.X,
        y=data.y,
        n_train=fitted.n_train,
        figures=(
            *figures_of(
                averaged(study, asked, seed), inputs=inputs, circular=bool(study.schema.defining)
            ),
            *figures_of(_without_records(data, seed), inputs="none", circular=False),
        ),
        confusions=_confusions(study, asked, on, inputs),
        params=fitted.params,
    )


def labelled(study: Study, table: RecordTable) -> LabelledRecords:
    """Return the numbers and labels of a table.

    Raises
    ------
    TrainingError
        If a class has too few rows to be held out or is no segment's, or a feature has no answers.
    """
    X = matrix(study, table.records)
    target = study.schema.target
    if target is None:
        raise TrainingError(f"the study {study.name} has neither a target nor rules of naming")
    y = np.asarray(table.column(target.name), dtype=np.int64)
    check_classes(y)
    strange = set(y.tolist()) - {segment.label for segment in study.segments}
    if strange:
        raise TrainingError(f"class {min(strange)} is the label of no segment of {study.name}")
    return LabelledRecords(X, y)


def _without_records(data: LabelledRecords, seed: int) -> dict[str, float]:
    """Return the mean accuracy over folds of answers that read nothing."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    found = [baselines(data.y[inside], data.y[outside], seed)
             for inside, outside in folds.split(data.X, data.y)]  # fmt: skip
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def search(
    study: Study, data: LabelledRecords, grid: Grid, seed: int, callbacks: list[Any]
) -> Fitted:
    """Choose the best candidate of a grid by robust accuracy, fit it and calibrate it.

    Parameters
    ----------
    study : Study
    data : LabelledRecords
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
    return _calibrated(study, train, calibration, params, seed)


def _split(data: LabelledRecords, seed: int) -> tuple[LabelledRecords, LabelledRecords]:
    X_train, X_rest, y_train, y_rest = train_test_split(
        data.X, data.y, test_size=CALIBRATION_SHARE, stratify=data.y, random_state=seed
    )
    return LabelledRecords(X_train, y_train), LabelledRecords(X_rest, y_rest)


def _calibrated(
    study: Study,
    train: LabelledRecords,
    calibration: LabelledRecords,
    params: dict[str, Any],
    seed: int,
) -> Fitted:
    pipeline = study.pipeline(seed).set_params(**params).fit(train.X, train.y)
    conformal = calibrate(
        [(pipeline, calibration)], study.schema.decisive, seed, TRUTH, study.noise
    )
    return Fitted(pipeline, conformal, params, len(train.y))


def cross_validate(
    study: Study, data: LabelledRecords, params: dict[str, Any], seed: int
) -> dict[str, float]:
    """Repeat fitting and calibration in each of five folds and measure on what was held out.

    Returns
    -------
    dict of str to float
        See `averaged`.
    """
    return averaged(study, refits(study, data, params, seed), seed)


def refits(study: Study, data: LabelledRecords, params: dict[str, Any], seed: int) -> list[Asked]:
    """Return, for each of five folds, a model of the others and the records to ask it about."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return [
        (_calibrated(study, *_split(data[inside], seed), params, seed), data[outside])
        for inside, outside in folds.split(data.X, data.y)
    ]


def averaged(study: Study, asked: Sequence[Asked], seed: int) -> dict[str, float]:
    """Measure models on what was held out from each.

    Returns
    -------
    dict of str to float
        Mean over folds: accuracy under each condition, all of `classification_figures` on
        complete records, and for each kind of record how many sets cover the truth and how many
        records come out unsure.
    """
    found = defaultdict(list)
    for fold, (fitted, held_out) in enumerate(asked):
        for name, value in measure(study, fitted, held_out, seed + 1 + fold).items():
            found[name].append(value)
    return {name: float(np.mean(values)) for name, values in found.items()}


def _confusions(
    study: Study, asked: Sequence[Asked], on: str, inputs: str
) -> tuple[Confusion, ...]:
    """Count the answers to complete records, and to those with the fewest answers."""
    told = defaultdict(list)
    for fitted, held_out in asked:
        found = conditions(held_out.X, 0, 1, study.schema.decisive, ())
        for condition in (found[0], found[-1]):
            y = np.tile(held_out.y, len(condition.copies))
            told[condition.name].append((y, fitted.pipeline.predict(condition.stacked)))
    says = {"on": on, "inputs": inputs, "circular": bool(study.schema.defining)}
    return tuple(confusion(study, one, {"name": name} | says) for name, one in told.items())


def measure(study: Study, fitted: Fitted, held_out: LabelledRecords, seed: int) -> dict[str, float]:
    """Return the figures of one model on records that it has not seen."""
    model, y = fitted.pipeline, held_out.y
    found = conditions(held_out.X, seed, 10, study.schema.decisive, study.noise)
    values = {f"accuracy, {name}": value
              for name, value in accuracy_by_condition(model, found, y).items()}  # fmt: skip
    truth, classes = segment_ids(study, y), segment_ids(study, model.classes_)
    complete = classification_figures(truth, model.predict_proba(held_out.X), classes)
    values |= {f"{name}, complete": value for name, value in complete.items()}
    thresholds = fitted.conformal.thresholds
    for kind, (covered, unsure) in coverage(model, found, y, thresholds).items():
        values |= {f"coverage, {kind}": covered, f"unsure, {kind}": unsure}
    return values
