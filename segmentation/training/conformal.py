"""Split-conformal prediction sets: which segments are plausible for a record, with a coverage.

The score of a record is 1 minus the probability of its true segment (the "LAC" score of Sadinle,
Lei and Wasserman 2019, https://doi.org/10.1080/01621459.2017.1395341). Calibrated on records that
the model has not seen, and on their incomplete and imprecise copies: with complete records alone
the threshold would be so strict that every incomplete survey came out unsure.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.manifest import Conformal
from segmentation.estimators import Floats
from segmentation.training.conditions import Condition, conditions

COVERAGE = 0.95


def calibrate(model: Any, X: Floats, y: NDArray[Any], random_state: int) -> Conformal:
    """Find the threshold at which each kind of record keeps its true segment in 95 % of cases.

    Parameters
    ----------
    model : fitted classifier
    X : ndarray of shape (n_samples, n_features)
        Records that were not used for fitting.
    y : ndarray of shape (n_samples,)
    random_state : int
        Seed of the imprecise copies.

    Returns
    -------
    Conformal
        The largest of the thresholds for complete, incomplete and imprecise records, so that the
        coverage holds for each of them and not only on average.
    """
    scores = defaultdict(list)
    for condition in conditions(X, random_state, n_draws=5):
        probabilities = model.predict_proba(condition.stacked)
        scores[condition.kind].append(_scores(model, probabilities, y))
    # Copies of one record depend on each other, so the correction for a finite sample counts
    # records: it errs on the side of more coverage.
    level = min(1.0, np.ceil((len(y) + 1) * COVERAGE) / len(y))
    thresholds = {
        kind: float(np.quantile(np.concatenate(found), level, method="higher"))
        for kind, found in scores.items()
    }
    return Conformal(
        coverage=COVERAGE,
        threshold=max(thresholds.values()),
        thresholds=thresholds,
        n_calibration=len(y),
    )


def _scores(model: Any, probabilities: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
    """Return 1 minus the probability of the truth, for copies of the records below each other."""
    true = np.searchsorted(model.classes_, np.tile(y, len(probabilities) // len(y)))
    return np.asarray(1.0 - probabilities[np.arange(len(true)), true])


def coverage(
    model: Any, found: list[Condition], y: NDArray[Any], threshold: float
) -> dict[str, tuple[float, float]]:
    """Return, for each kind of record, the shares that are covered and that come out unsure."""
    covered, unsure = defaultdict(list), defaultdict(list)
    for condition in found:
        probabilities = model.predict_proba(condition.stacked)
        covered[condition.kind].append(_scores(model, probabilities, y) <= threshold)
        unsure[condition.kind].append((1.0 - probabilities <= threshold).sum(axis=1) != 1)
    return {
        kind: (
            float(np.mean(np.concatenate(covered[kind]))),
            float(np.mean(np.concatenate(unsure[kind]))),
        )
        for kind in covered
    }
