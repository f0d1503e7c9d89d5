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

from segmentation.artifact.manifest import Conformal
from segmentation.training.labelled_records import LabelledRecords
from segmentation.training.measuring.conditions import (
    IMPRECISE,
    NOISE_LEVELS,
    Condition,
    conditions,
)

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
    held_out : sequence of (fitted classifier, Labelled)
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
    scores = defaultdict(list)
    n_missing = {}
    for model, part in held_out:
        for condition in conditions(part.X, random_state, 5, decisive, noise):
            probabilities = model.predict_proba(condition.stacked)
            # Levels of noise together: nobody can tell one from another either.
            name = condition.kind if condition.kind == IMPRECISE else condition.name
            scores[name].append(_scores(model, probabilities, part.y))
            n_missing[name] = condition.n_missing
    # Copies of one record depend on each other, so the correction for a finite sample counts
    # records: it errs on the side of more coverage.
    n_calibration = sum(len(part.y) for _, part in held_out)
    level = min(1.0, np.ceil((n_calibration + 1) * COVERAGE) / n_calibration)
    measured = {
        name: float(np.quantile(np.concatenate(found), level, method="higher"))
        for name, found in scores.items()
    }
    asked = np.zeros(len(decisive) + 1)
    for name, threshold in measured.items():
        asked[n_missing[name]] = max(asked[n_missing[name]], threshold)
    return Conformal(
        coverage=COVERAGE,
        thresholds=np.maximum.accumulate(asked).tolist(),
        measured=measured,
        n_calibration=n_calibration,
        truth=truth,
    )


def _scores(model: Any, probabilities: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
    """Return 1 minus the probability of the truth, for copies of the records below each other."""
    true = np.searchsorted(model.classes_, np.tile(y, len(probabilities) // len(y)))
    return np.asarray(1.0 - probabilities[np.arange(len(true)), true])


def coverage(
    model: Any, found: list[Condition], y: NDArray[Any], thresholds: Sequence[float]
) -> dict[str, tuple[float, float]]:
    """Return, for each kind of record, the shares that are covered and that come out unsure."""
    covered, unsure = defaultdict(list), defaultdict(list)
    for condition in found:
        probabilities = model.predict_proba(condition.stacked)
        threshold = thresholds[condition.n_missing]
        covered[condition.kind].append(_scores(model, probabilities, y) <= threshold)
        unsure[condition.kind].append((1.0 - probabilities <= threshold).sum(axis=1) != 1)
    return {
        kind: (
            float(np.mean(np.concatenate(covered[kind]))),
            float(np.mean(np.concatenate(unsure[kind]))),
        )
        for kind in covered
    }
