"""How good an outlook is: as it would have been known, asked about a date that came after.

Everything, clusters included, is fitted on what was known some days before the end of the data and
asked about the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from segmentation.artifact.manifest import Conformal
from segmentation.artifact.metrics import Confusion, Evaluation, Measure, Metric
from segmentation.datasets import History
from segmentation.errors import TrainingError
from segmentation.estimators import Floats
from segmentation.study import OutlookModel, Study
from segmentation.training.fitting.clustering import refit_study
from segmentation.training.fitting.conformal_calibration import calibrate, measure_coverage
from segmentation.training.fitting.forecaster import TRUTH, CalibratedForecaster, fit_forecaster
from segmentation.training.fitting.outlook_pairs import pair_neighbours
from segmentation.training.labelled_records import LabelledRecords, matrix, segment_ids
from segmentation.training.measuring.classification_metrics import score_baselines, score_classifier
from segmentation.training.measuring.conditions import (
    COMPLETE,
    copy_under_conditions,
    measure_accuracy,
)
from segmentation.training.measuring.measurements import (
    Measurement,
    make_confusion,
    make_metrics,
    measurements_of,
)


@dataclass(frozen=True)
class Rehearsal:
    """What the latest date says about forecasts made for it before.

    Attributes
    ----------
    metrics : tuple of Metric
    confusion : Confusion
        Of complete records.
    conformal : Conformal
        The sets that this date would have asked for.
    """

    metrics: tuple[Metric, ...]
    confusion: Confusion
    conformal: Conformal


def rehearse(
    study: Study, outlook: OutlookModel, history: History, seed: int, latest: Any = None
) -> Rehearsal:
    """Measure the outlook on the latest date, with nothing known that came to be after the last.

    Clusters are found and named on the second latest snapshot; the classifier and its sets come
    from the pairs of dates up to it, and say which segment each of its customers has on the latest.

    Parameters
    ----------
    study : Study
    outlook : OutlookModel
    history : History
    seed : int
    latest : fitted classifier, optional
        The model of the latest date. It lends its names where the rules can't tell the clusters of
        the earlier date apart, as otherwise a model that is good today could not be packed.

    Raises
    ------
    TrainingError
        If the rules can't, and there is no `latest`; or if a snapshot has too few records.
    """
    last, *earlier = history.snapshots
    today = _fit_earlier(study, matrix(study, earlier[0].records), seed, latest)
    pairs = pair_neighbours(study, today, earlier)
    calibrated = fit_forecaster(study, outlook, pairs, today.classes_, seed)
    forecaster = calibrated.forecaster
    (test,) = pair_neighbours(study, today, [last, earlier[0]])
    past_labels = np.concatenate([pair.y for pair in pairs])
    facts = {
        "circular": False,
        "evaluation": Evaluation(
            method="forward_in_time",
            table=history.name,
            n_repetitions=1,
            as_of=f"{last.as_of:%Y-%m-%d}",
        ),
    }
    features = [column.name for column in study.schema.features]
    measured = [
        *_measure_forecast(study, forecaster.classifier, test, outlook.days),
        *_measure_sets(study, calibrated, test, outlook.days, seed),
        *_measure_no_change(today, test, outlook.days),
    ]
    unread = [
        Measurement("accuracy", value, predictor=name, horizon_days=outlook.days)
        for name, value in score_baselines(past_labels, test.y, seed).items()
    ]
    return Rehearsal(
        metrics=(
            *make_metrics(measured, features=features, n_records=len(test.y), **facts),
            *make_metrics(unread, features=[], n_records=len(test.y), **facts),
        ),
        confusion=make_confusion(
            study,
            [(test.y, forecaster.predict(test.X))],
            features=features,
            horizon_days=outlook.days,
            **facts,
        ),
        conformal=calibrate([(forecaster, test)], study.schema.decisive, seed, TRUTH, ()),
    )


def _fit_earlier(study: Study, X: Floats, seed: int, latest: Any) -> Any:
    """Return the model of an earlier date, named by the rules or else as the latest one is."""
    try:
        return refit_study(study, X, seed)[-1]
    except TrainingError:
        if latest is None:
            raise
        return refit_study(study, X, seed, latest.predict(X))[-1]


def _measure_forecast(
    study: Study, classifier: Any, test: LabelledRecords, horizon_days: int
) -> list[Measurement]:
    probabilities = classifier.predict_proba(np.asarray(test.X, dtype=np.float64))
    classes = segment_ids(study, classifier.classes_)
    scores = score_classifier(segment_ids(study, test.y), probabilities, classes)
    return measurements_of(scores, horizon_days=horizon_days)


def _measure_sets(
    study: Study,
    calibrated: CalibratedForecaster,
    test: LabelledRecords,
    horizon_days: int,
    seed: int,
) -> list[Measurement]:
    """Measure how often the sets hold what came, and how often records with gaps are right."""
    model, thresholds = calibrated.forecaster, calibrated.conformal.thresholds
    conditioned = copy_under_conditions(test.X, seed + 1, 1, study.schema.decisive, ())
    incomplete = [records for records in conditioned if records.condition != COMPLETE]
    return [
        replace(measurement, horizon_days=horizon_days)
        for measurement in (
            *measure_coverage(model, conditioned, test.y, thresholds),
            *measure_accuracy(model, incomplete, test.y),
        )
    ]


def _measure_no_change(today: Any, test: LabelledRecords, horizon_days: int) -> list[Measurement]:
    """Measure the prediction that everybody stays in the segment of the earlier date."""
    same, y = today.predict(test.X), test.y
    recalls = [float((same[y == label] == label).mean()) for label in np.unique(y)]
    macro_f1 = f1_score(y, same, average="macro", zero_division=0)
    values: dict[Measure, float] = {
        "accuracy": float((same == y).mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "macro_f1": float(macro_f1),
    }
    return [
        Measurement(measure, value, predictor="no_change", horizon_days=horizon_days)
        for measure, value in values.items()
    ]
