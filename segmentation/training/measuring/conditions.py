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

from segmentation.estimators import Floats, missing_patterns, with_missing, with_noise

COMPLETE, INCOMPLETE, IMPRECISE = "complete", "incomplete", "imprecise"
INDIRECT = "indirect"
NOISE_LEVELS = (0.1, 0.2)
MOST_ANSWERS_IN_EVERY_WAY = 8
MOST_DRAWN = 4


@dataclass(frozen=True)
class Condition:
    """Copies of records under one condition.

    Attributes
    ----------
    name : str
        Such as ``2 missing`` or ``20 % noise``.
    kind : str
        ``complete``, ``incomplete``, ``indirect`` (only answers that don't define segments) or
        ``imprecise``.
    n_missing : int
        Decisive answers that are missing.
    copies : ndarray of shape (n_copies, n_samples, n_features), float32
    """

    name: str
    kind: str
    n_missing: int
    copies: Floats

    @property
    def stacked(self) -> Floats:
        """All copies below each other, of shape (n_copies * n_samples, n_features)."""
        return self.copies.reshape(-1, self.copies.shape[2])


def conditions(
    X: Floats,
    random_state: int,
    n_draws: int = 3,
    decisive: Sequence[int] | None = None,
    noise: Sequence[float] = NOISE_LEVELS,
) -> list[Condition]:
    """Return `X` complete, with decisive answers missing in many ways, and with noise.

    Of up to eight decisive answers, one to all but one are missing in every way; of more, in a
    few ways drawn for each number. All of them are missing where there are other answers.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    random_state : int
        Seed of the noise.
    n_draws : int, default=3
        Noisy copies of each record at each level.
    decisive : sequence of int, optional
        Positions of the answers that make a record complete; by default all.
    noise : sequence of float
        Standard deviations of relative errors; see ``Study.noise``.
    """
    n_features = X.shape[1]
    decisive = list(range(n_features) if decisive is None else decisive)
    found = [Condition(COMPLETE, COMPLETE, 0, X[np.newaxis])]
    for size, patterns in _patterns_by_size(decisive, n_features):
        copies = [with_missing(X, pattern) for pattern in patterns]
        found.append(Condition(f"{size} missing", INCOMPLETE, size, np.stack(copies)))
    if len(decisive) < n_features:
        none = np.isin(np.arange(n_features), decisive)
        copies = [with_missing(X, none)]
        found.append(Condition(INDIRECT, INDIRECT, len(decisive), np.stack(copies)))
    random = np.random.RandomState(random_state)
    for level in noise:
        noisy = np.repeat(X[np.newaxis], n_draws, axis=0)
        for draw in noisy:
            draw[:, decisive] = with_noise(X[:, decisive], level, random)
        found.append(Condition(f"{level * 100:.0f} % noise", IMPRECISE, 0, noisy))
    return found


def _patterns_by_size(
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


def accuracy_by_condition(model: Any, found: list[Condition], y: NDArray[Any]) -> dict[str, float]:
    """Return the mean accuracy of `model` under each condition of records labelled `y`."""
    return {
        condition.name: float(
            np.mean(model.predict(condition.stacked) == np.tile(y, len(condition.copies)))
        )
        for condition in found
    }


def robust_accuracy(model: Any, X: Floats, y: NDArray[Any]) -> float:
    """Return accuracy averaged over all conditions, each weighing the same: a scikit-learn scorer.

    The seed is fixed, so that candidates of one search are measured on the same copies.
    """
    return float(np.mean(list(accuracy_by_condition(model, conditions(X, 0), y).values())))
