"""The conditions under which models are measured: complete, incomplete and imprecise records.

Only makes copies of records and measures accuracy on them; the copies that a model learns from
are made by ``estimators.TrainedOnCopies``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.metrics import Condition
from segmentation.estimators import Floats, missing_patterns, with_missing, with_noise
from segmentation.training.measuring.measurements import Measurement

COMPLETE = Condition(kind="complete")
INDIRECT = Condition(kind="indirect")
NOISE_LEVELS = (0.1, 0.2)
MOST_ANSWERS_IN_EVERY_WAY = 8
MOST_DRAWN = 4


@dataclass(frozen=True)
class ConditionedRecords:
    """Copies of records under one condition.

    Attributes
    ----------
    condition : Condition
        Complete, incomplete, indirect (only answers that do not define segments) or imprecise.
    n_missing : int
        Decisive answers that are missing.
    copies : ndarray of shape (n_copies, n_samples, n_features), float32
    """

    condition: Condition
    n_missing: int
    copies: Floats

    @property
    def stacked(self) -> Floats:
        """All copies below each other, of shape (n_copies * n_samples, n_features)."""
        return self.copies.reshape(-1, self.copies.shape[2])


def copy_under_conditions(
    X: Floats,
    random_state: int,
    n_draws: int = 3,
    decisive: Sequence[int] | None = None,
    noise: Sequence[float] = NOISE_LEVELS,
) -> list[ConditionedRecords]:
    """Return `X` complete, with decisive answers missing in many ways, with noise, and with both.

    Of up to eight decisive answers, one to all but one are missing in every way; of more, in a
    few ways drawn for each number. All of them are missing where there are other answers.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    random_state : int
        Seed of the noise.
    n_draws : int, default=3
        Noisy copies of each complete record at each level; of each way of missing there is one.
    decisive : sequence of int, optional
        Positions of the answers that make a record complete; by default all.
    noise : sequence of float
        Standard deviations of relative errors; see ``Study.noise``.
    """
    n_features = X.shape[1]
    decisive = list(range(n_features) if decisive is None else decisive)
    conditioned = [ConditionedRecords(COMPLETE, 0, X[np.newaxis])]
    ways = list(_draw_patterns(decisive, n_features))
    for size, patterns in ways:
        copies = np.stack([with_missing(X, pattern) for pattern in patterns])
        condition = Condition(kind="incomplete", n_missing=size)
        conditioned.append(ConditionedRecords(condition, size, copies))
    if len(decisive) < n_features:
        pattern = np.isin(np.arange(n_features), decisive)
        copies = np.stack([with_missing(X, pattern)])
        conditioned.append(ConditionedRecords(INDIRECT, len(decisive), copies))
    random = np.random.RandomState(random_state)
    for level in noise:
        noisy = np.repeat(X[np.newaxis], n_draws, axis=0)
        for draw in noisy:
            draw[:, decisive] = with_noise(X[:, decisive], level, random)
        conditioned.append(ConditionedRecords(Condition(kind="imprecise", noise=level), 0, noisy))
        for size, patterns in ways:
            copies = np.stack([with_missing(X, pattern) for pattern in patterns])
            for copy in copies:
                copy[:, decisive] = with_noise(copy[:, decisive], level, random)
            condition = Condition(kind="imprecise", n_missing=size, noise=level)
            conditioned.append(ConditionedRecords(condition, size, copies))
    return conditioned


def _draw_patterns(
    decisive: Sequence[int], n_features: int
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Yield, for each number of missing answers, patterns over all features."""
    patterns = missing_patterns(len(decisive))
    n_missing = patterns.sum(axis=1)
    drawn = len(decisive) > MOST_ANSWERS_IN_EVERY_WAY
    for size in sorted(set(n_missing.tolist())):
        chosen = patterns[n_missing == size][: MOST_DRAWN if drawn else None]
        wide = np.zeros((len(chosen), n_features), dtype=np.bool_)
        wide[:, decisive] = chosen
        yield size, wide


def measure_accuracy(
    model: Any, conditioned: Sequence[ConditionedRecords], y: NDArray[Any]
) -> list[Measurement]:
    """Return the mean accuracy of `model` under each condition of records labelled `y`."""
    return [
        Measurement("accuracy", _share_right(model, records, y), condition=records.condition)
        for records in conditioned
    ]


def _share_right(model: Any, records: ConditionedRecords, y: NDArray[Any]) -> float:
    return float(np.mean(model.predict(records.stacked) == np.tile(y, len(records.copies))))


def robust_accuracy(model: Any, X: Floats, y: NDArray[Any]) -> float:
    """Return accuracy averaged over all conditions, each weighing the same: a scikit-learn scorer.

    The seed is fixed, so that candidates of one search are measured on the same copies.
    """
    measurements = measure_accuracy(model, copy_under_conditions(X, 0), y)
    return float(np.mean([measurement.value for measurement in measurements]))
