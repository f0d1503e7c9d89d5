"""Confidence that means what it says: scores are scaled by what held-out records answer.

For each number of missing answers one weight, and for incomplete records one term for each segment,
at which the truth is most probable (bias-corrected temperature scaling: Alexandari, Kundaje and
Shrikumar 2020, https://proceedings.mlr.press/v119/alexandari20a.html). Complete records get no
terms: they stay in the segment that the scores say. `SegmentClassifier` learns weights of its own
from the records that it was fitted on; those of records that it has not seen replace them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.estimators import Floats, fit_scaling
from segmentation.training.labelled_records import LabelledRecords

# Records of each model: 20 models make enough to fit a handful of numbers.
_MOST_RECORDS = 300
# Seeds of these gaps lie far from those that thresholds are calibrated on.
_SEED = 7_919


@dataclass(frozen=True)
class ScoreScaling:
    """Weights and terms of a `SegmentClassifier`, by the number of missing answers.

    Attributes
    ----------
    weights : ndarray of shape (n_defining + 1,)
    biases : ndarray of shape (n_defining + 1, n_classes)
    """

    weights: NDArray[np.float64]
    biases: NDArray[np.float64]

    def apply(self, model: Any) -> None:
        """Let a fitted pipeline scale its scores so."""
        model[-1].score_weights_ = self.weights.copy()
        model[-1].score_biases_ = self.biases.copy()


def fit_score_scaling(
    held_out: Sequence[tuple[Any, LabelledRecords]], decisive: Sequence[int], seed: int
) -> ScoreScaling:
    """Fit the scaling on records that models have not seen.

    Parameters
    ----------
    held_out : sequence of (fitted pipeline, LabelledRecords)
    decisive : sequence of int
        Positions of the defining features.
    seed : int
        Seed of the gaps.
    """
    last = held_out[0][0][-1]
    weights, biases = last.score_weights_.copy(), last.score_biases_.copy()
    # Without any defining answer a prior speaks alone, and is calibrated itself.
    most = len(decisive) - (last.prior_ is not None)
    for n_missing in range(most + 1):
        random = np.random.default_rng(_SEED + seed + n_missing)
        scores, truth = [], []
        for model, part in held_out:
            rows = random.permutation(len(part.y))[:_MOST_RECORDS]
            copies = _hide(part.X[rows], decisive, n_missing, random)
            scores.append(model[-1].score_raw(copies))
            truth.append(np.searchsorted(model.classes_, part.y[rows]))
        weights[n_missing], biases[n_missing] = fit_scaling(
            np.vstack(scores), np.concatenate(truth), with_terms=n_missing > 0
        )
    return ScoreScaling(weights, biases)


def _hide(
    X: Floats, decisive: Sequence[int], n_missing: int, random: np.random.Generator
) -> Floats:
    """Return records in which so many of the defining answers are missing, any of them."""
    rank = random.permuted(np.tile(np.arange(len(decisive)), (len(X), 1)), axis=1)
    copies = X.copy()
    copies[:, list(decisive)] = np.where(rank < n_missing, np.nan, X[:, list(decisive)])
    return copies
