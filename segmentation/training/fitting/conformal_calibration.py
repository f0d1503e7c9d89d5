"""Split-conformal prediction sets: which segments are plausible for a record, with a coverage.

The score of a record is 1 minus the probability of its true segment (the "LAC" score of Sadinle,
Lei and Wasserman 2019, https://doi.org/10.1080/01621459.2017.1395341). Calibrated on records that
the model has not seen, and on their incomplete and imprecise copies: with complete records alone
the threshold would be so strict that every incomplete survey came out unsure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.manifest import Conformal, MeasuredThreshold
from segmentation.artifact.metrics import Condition
from segmentation.training.labelled_records import LabelledRecords
from segmentation.training.measuring.conditions import (
    NOISE_LEVELS,
    ConditionedRecords,
    copy_under_conditions,
)
from segmentation.training.measuring.measurements import Measurement
from segmentation.training.measuring.prediction_sets import make_sets

COVERAGE = 0.95
# With fewer the threshold would be the largest score or the one after it.
FEWEST_OF_A_SEGMENT = 60


def calibrate(
    held_out: Sequence[tuple[Any, LabelledRecords]],
    decisive: Sequence[int],
    random_state: int,
    truth_name: str,
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
    truth_name : str
        What the true segment is, for the model card.
    noise : sequence of float
        Relative errors of imprecise copies; see ``Study.noise``.

    Returns
    -------
    Conformal
        With a threshold for each number of missing answers, which can be seen when a record is
        answered, and for each segment, so that a small one is covered as often as a large one
        (label-conditional: Vovk 2012, https://proceedings.mlr.press/v25/vovk12.html). Imprecision
        can't be seen, so that the thresholds of imprecise records count for complete ones; and
        more missing answers never make for smaller sets.
    """
    scores: defaultdict[Condition, list[NDArray[np.float64]]] = defaultdict(list)
    truth: defaultdict[Condition, list[NDArray[np.intp]]] = defaultdict(list)
    n_missing = {}
    for model, part in held_out:
        for records in copy_under_conditions(part.X, random_state, 5, decisive, noise):
            condition = _pool_noise(records.condition)
            probabilities = model.predict_proba(records.stacked)
            true = _find_positions(model, probabilities, part.y)
            scores[condition].append(1.0 - probabilities[np.arange(len(true)), true])
            truth[condition].append(true)
            n_missing[condition] = records.n_missing
    y = np.concatenate([_find_positions(model, part.y, part.y) for model, part in held_out])
    n_of_segments = np.bincount(y, minlength=len(held_out[0][0].classes_))
    measured = {
        condition: find_thresholds(
            np.concatenate(pooled), np.concatenate(truth[condition]), n_of_segments
        )
        for condition, pooled in scores.items()
    }
    largest = np.zeros((len(decisive) + 1, len(n_of_segments)))
    for condition, thresholds in measured.items():
        row = n_missing[condition]
        largest[row] = np.maximum(largest[row], thresholds)
    return Conformal(
        coverage=COVERAGE,
        thresholds=np.maximum.accumulate(largest, axis=0).tolist(),
        measured=[
            MeasuredThreshold(condition=condition, thresholds=thresholds.tolist())
            for condition, thresholds in measured.items()
        ],
        n_calibration=len(y),
        truth=truth_name,
    )


def find_thresholds(
    scores: NDArray[np.float64], true: NDArray[np.intp], n_of_segments: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return for each segment the score that 95 % of its records do not exceed.

    Where one has too few records to say so, it is the score that 95 % of all do not exceed. Copies
    of one record depend on each other, so the correction for a finite sample counts records: it
    errs on the side of more coverage.

    Parameters
    ----------
    scores : ndarray of shape (n_copies,)
    true : ndarray of shape (n_copies,)
        Position of the true segment.
    n_of_segments : ndarray of shape (n_segments,)
        Records, not copies, of each segment.
    """
    if n_of_segments.min() < FEWEST_OF_A_SEGMENT:
        level = min(1.0, np.ceil((n_of_segments.sum() + 1) * COVERAGE) / n_of_segments.sum())
        return np.full(len(n_of_segments), np.quantile(scores, level, method="higher"))
    levels = np.ceil((n_of_segments + 1) * COVERAGE) / n_of_segments
    return np.asarray(
        [
            np.quantile(scores[true == segment], level, method="higher")
            for segment, level in enumerate(levels)
        ]
    )


def _pool_noise(condition: Condition) -> Condition:
    """Return a condition without its level of noise: nobody can tell one from another either."""
    return condition.model_copy(update={"noise": None})


def _find_positions(model: Any, copies: NDArray[Any], y: NDArray[Any]) -> NDArray[np.intp]:
    """Return the position of the truth among the segments, for copies below each other."""
    return np.asarray(np.searchsorted(model.classes_, np.tile(y, len(copies) // len(y))))


def measure_coverage(
    model: Any,
    conditioned: Sequence[ConditionedRecords],
    y: NDArray[Any],
    thresholds: Sequence[Sequence[float]],
    patterns: Mapping[tuple[int, ...], Sequence[float]] | None = None,
) -> list[Measurement]:
    """Return, for each kind of condition, the shares of records covered and unsure.

    Parameters
    ----------
    model : fitted classifier
    conditioned : sequence of ConditionedRecords
        Copies of held-out records.
    y : ndarray of shape (n_samples,)
        Their true labels.
    thresholds : sequence of sequence of float
        By the number of missing answers and by segment.
    patterns : mapping of tuple of int to sequence of float, optional
        Those of records in which just the features of these positions are missing, instead.
    """
    covered, unsure = defaultdict(list), defaultdict(list)
    for records in conditioned:
        probabilities = model.predict_proba(records.stacked)
        least = [
            1.0 - np.asarray((patterns or {}).get(pattern, thresholds[records.n_missing]))
            for pattern in _find_patterns(records)
        ]
        parts = zip(np.split(probabilities, len(least)), least, strict=True)
        sets = np.vstack([make_sets(P, bounds) for P, bounds in parts])
        true = _find_positions(model, probabilities, y)
        kind = records.condition.kind
        covered[kind].append((sets[np.arange(len(true)), true], true))
        unsure[kind].append(sets.sum(axis=1) != 1)
    return [
        measurement
        for kind in covered
        for measurement in _summarise(kind, covered[kind], unsure[kind])
    ]


def _find_patterns(records: ConditionedRecords) -> list[tuple[int, ...]]:
    """Return for each copy the positions of the features that all its records lack."""
    return [tuple(np.flatnonzero(np.isnan(copy).all(axis=0)).tolist()) for copy in records.copies]


def _summarise(
    kind: str,
    covered: Sequence[tuple[NDArray[np.bool_], NDArray[np.intp]]],
    unsure: Sequence[NDArray[np.bool_]],
) -> list[Measurement]:
    """Return coverage and the share unsure; coverage also of the worst segment."""
    inside = np.concatenate([flags for flags, _ in covered])
    true = np.concatenate([positions for _, positions in covered])
    condition = Condition(kind=kind)
    worst = min(float(inside[true == position].mean()) for position in np.unique(true))
    return [
        Measurement("coverage", float(inside.mean()), condition=condition),
        Measurement("worst_coverage", worst, condition=condition),
        Measurement("unsure", float(np.concatenate(unsure).mean()), condition=condition),
    ]
