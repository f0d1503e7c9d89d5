"""The conditions under which models are measured: complete, incomplete and imprecise records.

Only makes copies of records and measures accuracy on them; the copies that a model learns from
are made by ``estimators.TrainedOnCopies``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.estimators import Floats, missing_patterns, with_missing, with_noise

COMPLETE, INCOMPLETE, IMPRECISE = "complete", "incomplete", "imprecise"
NOISE_LEVELS = (0.1, 0.2)


@dataclass(frozen=True)
class Condition:
    """Copies of records under one condition.

    Attributes
    ----------
    name : str
        Such as ``2 missing`` or ``20 % noise``.
    kind : str
        ``complete``, ``incomplete`` or ``imprecise``.
    copies : ndarray of shape (n_copies, n_samples, n_features), float32
    """

    name: str
    kind: str
    copies: Floats

    @property
    def stacked(self) -> Floats:
        """All copies below each other, of shape (n_copies * n_samples, n_features)."""
        return self.copies.reshape(-1, self.copies.shape[2])


def conditions(X: Floats, random_state: int, n_draws: int = 3) -> list[Condition]:
    """Return `X` complete, with 1 to all but one answers missing in every way, and with noise.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    random_state : int
        Seed of the noise.
    n_draws : int, default=3
        Noisy copies of each record at each level.
    """
    patterns = missing_patterns(X.shape[1])
    n_missing = patterns.sum(axis=1)
    found = [Condition(COMPLETE, COMPLETE, X[np.newaxis])]
    for size in sorted(set(n_missing.tolist())):
        copies = [with_missing(X, pattern) for pattern in patterns[n_missing == size]]
        found.append(Condition(f"{size} missing", INCOMPLETE, np.stack(copies)))
    random = np.random.RandomState(random_state)
    for level in NOISE_LEVELS:
        copies = [with_noise(X, level, random) for _ in range(n_draws)]
        found.append(Condition(f"{level * 100:.0f} % noise", IMPRECISE, np.stack(copies)))
    return found


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
