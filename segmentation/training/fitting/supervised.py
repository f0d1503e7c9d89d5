"""Learning where the segments are given: split, search, fit, calibrate, cross-validate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline

from segmentation.artifact.data_remarks import DataRemark
from segmentation.artifact.manifest import Conformal, RankedQuestion
from segmentation.artifact.metrics import Confusion, Evaluation
from segmentation.datasets import RecordTable
from segmentation.errors import TrainingError
from segmentation.study import Grid, Study
from segmentation.training.fitting.conformal_calibration import calibrate, measure_coverage
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.fitting.question_order import (
    add_patterns,
    index_patterns,
    learn_question_order,
)
from segmentation.training.labelled_records import (
    LabelledRecords,
    check_classes,
    matrix,
    segment_ids,
)
from segmentation.training.measuring.classification_metrics import (
    score_baselines,
    score_classifier,
)
from segmentation.training.measuring.conditions import (
    COMPLETE,
    copy_under_conditions,
    measure_accuracy,
    robust_accuracy,
)
from segmentation.training.measuring.data_remarks import find_contradicted_labels
from segmentation.training.measuring.measurements import (
    Measurement,
    average,
    make_confusion,
    make_metrics,
    measurements_of,
)

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
    questions : tuple of RankedQuestion
        Ordered on that part.
    params : dict
        The candidate that the search chose.
    n_train : int
        Records that the pipeline was fitted on.
    """

    pipeline: Pipeline
    conformal: Conformal
    questions: tuple[RankedQuestion, ...]
    params: dict[str, Any]
    n_train: int


Refit = tuple[Fitted, LabelledRecords]
"""A fitted model and the records that were held out from it."""


def fit_supervised_study(
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
    data = label_records(study, table)
    fitted = search(study, data, grid, seed, callbacks)
    refits = refit_folds(study, data, fitted.params, seed)
    evaluation = Evaluation(method="cross_validation", table=table.name, n_repetitions=FOLDS)
    facts = {"n_records": len(data.y), "evaluation": evaluation}
    features = [column.name for column in study.schema.features]
    circular = bool(study.schema.defining)
    return FittedModel(
        pipeline=fitted.pipeline,
        conformal=fitted.conformal,
        questions=fitted.questions,
        X=data.X,
        y=data.y,
        n_train=fitted.n_train,
        metrics=(
            *make_metrics(
                average_refits(study, refits, seed), features=features, circular=circular, **facts
            ),
            *make_metrics(_score_without_records(data, seed), features=[], circular=False, **facts),
        ),
        confusions=_count_confusions(
            study, refits, features=features, circular=circular, evaluation=evaluation
        ),
        params=fitted.params,
        remarks=tuple(_contradict_labels(data, refits, seed)),
    )


def _contradict_labels(
    data: LabelledRecords, refits: Sequence[Refit], seed: int
) -> list[DataRemark]:
    """Return the rows whose labels the models of other folds contradict."""
    classes = np.unique(data.y)
    P = np.zeros((len(data.y), len(classes)))
    for (_, outside), (fitted, held_out) in zip(_split_folds(data, seed), refits, strict=True):
        P[outside] = fitted.pipeline.predict_proba(held_out.X)
    return find_contradicted_labels(data.y, P, classes)


def label_records(study: Study, table: RecordTable) -> LabelledRecords:
    """Return the numbers and labels of a table.

    Raises
    ------
    TrainingError
        If a class has too few rows to be held out or is no segment's, a segment has no rows, or a
        feature no answers.
    """
    X = matrix(study, table.records)
    target = study.schema.target
    if target is None:
        raise TrainingError(f"the study {study.name} has neither a target nor rules of naming")
    y = np.asarray(table.column(target.name), dtype=np.int64)
    strange = set(y.tolist()) - {segment.label for segment in study.segments}
    if strange:
        raise TrainingError(f"class {min(strange)} is the label of no segment of {study.name}")
    check_classes(study, y)
    return LabelledRecords(X, y)


def _score_without_records(data: LabelledRecords, seed: int) -> list[Measurement]:
    """Return the mean accuracy over folds of answers that read nothing."""
    return average(
        [
            Measurement("accuracy", accuracy, predictor=predictor)
            for predictor, accuracy in score_baselines(
                data.y[inside], data.y[outside], seed
            ).items()
        ]
        for inside, outside in _split_folds(data, seed)
    )


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
    held_out = [(pipeline, calibration)]
    order = learn_question_order(study, held_out, seed)
    conformal = calibrate(held_out, study.schema.decisive, seed, TRUTH, study.noise)
    return Fitted(pipeline, add_patterns(conformal, order), order.questions, params, len(train.y))


def cross_validate(
    study: Study, data: LabelledRecords, params: dict[str, Any], seed: int
) -> list[Measurement]:
    """Repeat fitting and calibration in each of five folds and measure on what was held out.

    Returns
    -------
    list of Measurement
        See `average_refits`.
    """
    return average_refits(study, refit_folds(study, data, params, seed), seed)


def refit_folds(
    study: Study, data: LabelledRecords, params: dict[str, Any], seed: int
) -> list[Refit]:
    """Return, for each of five folds, a model of the others and the fold's records."""
    return [
        (_calibrated(study, *_split(data[inside], seed), params, seed), data[outside])
        for inside, outside in _split_folds(data, seed)
    ]


def _split_folds(data: LabelledRecords, seed: int) -> Iterator[tuple[Any, Any]]:
    """Yield the positions inside and outside each fold."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return iter(folds.split(data.X, data.y))


def average_refits(study: Study, refits: Sequence[Refit], seed: int) -> list[Measurement]:
    """Measure models on what was held out from each.

    Returns
    -------
    list of Measurement
        Mean over folds: accuracy under each condition, all of `score_classifier` on complete
        records, and for each kind of record how many sets cover the truth and how many records
        come out unsure.
    """
    return average(
        measure_fitted(study, fitted, held_out, seed + 1 + fold)
        for fold, (fitted, held_out) in enumerate(refits)
    )


def _count_confusions(study: Study, refits: Sequence[Refit], **facts: Any) -> tuple[Confusion, ...]:
    """Count the answers to complete records, and to those with the fewest answers."""
    answers = defaultdict(list)
    for fitted, held_out in refits:
        conditioned = copy_under_conditions(held_out.X, 0, 1, study.schema.decisive, ())
        for records in (conditioned[0], conditioned[-1]):
            y = np.tile(held_out.y, len(records.copies))
            answers[records.condition].append((y, fitted.pipeline.predict(records.stacked)))
    return tuple(
        make_confusion(study, pairs, condition=condition, **facts)
        for condition, pairs in answers.items()
    )


def measure_fitted(
    study: Study, fitted: Fitted, held_out: LabelledRecords, seed: int
) -> list[Measurement]:
    """Measure one model on records that it has not seen; see `average_refits`."""
    model, y = fitted.pipeline, held_out.y
    conditioned = copy_under_conditions(held_out.X, seed, 10, study.schema.decisive, study.noise)
    truth, classes = segment_ids(study, y), segment_ids(study, model.classes_)
    scores = score_classifier(truth, model.predict_proba(held_out.X), classes)
    return [
        *measure_accuracy(model, conditioned, y),
        # Their accuracy is the first of those above.
        *measurements_of(
            (score for score in scores if score.measure != "accuracy"), condition=COMPLETE
        ),
        *measure_coverage(
            model,
            conditioned,
            y,
            fitted.conformal.thresholds,
            index_patterns(study, fitted.conformal),
        ),
    ]
