"""Split-conformal prediction sets: which segments are plausible for a record, with a coverage.

The score of a record is 1 minus the probability of its true segment (the "LAC" score of Sadinle,
Lei and Wasserman 2019, https://doi.org/10.1080/01621459.2017.1395341). Calibrated on records that
the model has not seen, and on their incomplete and imprecise copies: with complete records alone
the threshold would be so strict that every incomplete survey came out unsure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.manifest import Conformal, MeasuredThreshold
from segmentation.artifact.metrics import Condition, Measure
from segmentation.training.labelled_records import LabelledRecords
from segmentation.training.measuring.conditions import (
    NOISE_LEVELS,
    ConditionedRecords,
    copy_under_conditions,
)
from segmentation.training.measuring.measurements import Measurement

COVERAGE = 0.95


def calibrate(
    held_out: Sequence[tuple[Any, LabelledRecords]],
    decisive: Sequence[int],
    random_state: int,
    truth: str,
    noise: Sequence[float] = NOISE_LEVELS,
) -> Conformal:
    """Find the thresholds at which each kind of record keeps its true segment in 95 % of cases.

    Parameters
    ----------
    held_out : sequence of (fitted classifier, LabelledRecords)
        Models with records that they have not seen; what is measured on them is pooled.
    decisive : sequence of int
        Positions of the features that make a record complete.
    random_state : int
        Seed of the imprecise copies.
    truth : str
        What the true segment is, for the model card.
    noise : sequence of float
        Relative errors of imprecise copies; see ``Study.noise``.

    Returns
    -------
    Conformal
        With a threshold for each number of missing answers: it can be seen when a record is
        answered. Imprecision can't, so that those of imprecise records count for complete ones;
        and more missing answers never make for smaller sets.
    """
    scores: defaultdict[Condition, list[NDArray[np.float64]]] = defaultdict(list)
    n_missing = {}
    for model, part in held_out:
        for records in copy_under_conditions(part.X, random_state, 5, decisive, noise):
            condition = _pool_noise(records.condition)
            probabilities = model.predict_proba(records.stacked)
            scores[condition].append(_scores(model, probabilities, part.y))
            n_missing[condition] = records.n_missing
    # Copies of one record depend on each other, so the correction for a finite sample counts
    # records: it errs on the side of more coverage.
    n_calibration = sum(len(part.y) for _, part in held_out)
    level = min(1.0, np.ceil((n_calibration + 1) * COVERAGE) / n_calibration)
    measured = {
        condition: float(np.quantile(np.concatenate(pooled), level, method="higher"))
        for condition, pooled in scores.items()
    }
    largest = np.zeros(len(decisive) + 1)
    for condition, threshold in measured.items():
        largest[n_missing[condition]] = max(largest[n_missing[condition]], threshold)
    return Conformal(
        coverage=COVERAGE,
        thresholds=np.maximum.accumulate(largest).tolist(),
        measured=[
            MeasuredThreshold(condition=condition, threshold=threshold)
            for condition, threshold in measured.items()
        ],
        n_calibration=n_calibration,
        truth=truth,
    )


def _pool_noise(condition: Condition) -> Condition:
    """Return a condition without its level of noise: nobody can tell one from another either."""
    return condition.model_copy(update={"noise": None})


def _scores(model: Any, probabilities: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
    """Return 1 minus the probability of the truth, for copies of the records below each other."""
    true = np.searchsorted(model.classes_, np.tile(y, len(probabilities) // len(y)))
    return np.asarray(1.0 - probabilities[np.arange(len(true)), true])


def measure_coverage(
    model: Any,
    conditioned: Sequence[ConditionedRecords],
    y: NDArray[Any],
    thresholds: Sequence[float],
) -> list[Measurement]:
    """Return, for each kind of condition, the shares of records covered and unsure.

    Parameters
    ----------
    model : fitted classifier
    conditioned : sequence of ConditionedRecords
        Copies of held-out records.
    y : ndarray of shape (n_samples,)
        Their true labels.
    thresholds : sequence of float
        By the number of missing answers.
    """
    covered, unsure = defaultdict(list), defaultdict(list)
    for records in conditioned:
        probabilities = model.predict_proba(records.stacked)
        threshold = thresholds[records.n_missing]
        condition = Condition(kind=records.condition.kind)
        covered[condition].append(_scores(model, probabilities, y) <= threshold)
        unsure[condition].append((1.0 - probabilities <= threshold).sum(axis=1) != 1)
    shares: tuple[tuple[Measure, dict[Condition, list[NDArray[np.bool_]]]], ...]
    shares = (("coverage", covered), ("unsure", unsure))
    return [
        Measurement(measure, float(np.mean(np.concatenate(by_condition[condition]))),
                    condition=condition)
        for condition in covered
        for measure, by_condition in shares
    ]  # fmt: skip
