"""A classifier that learns from incomplete and imprecise copies of its records, and the copies."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from segmentation.estimators.contributions import Contributions, of_trees
from segmentation.estimators.records import Floats

# All ways in which up to eight answers can be missing; of more answers as many are drawn.
MOST_PATTERNS = 254
# Copies without noise of each way, beside the one with noise.
N_EXACT = 2


def missing_patterns(n_features: int) -> NDArray[np.bool_]:
    """Return the ways in which some, but not all, of the answers can be missing.

    Of up to eight answers all ways; of more, as many drawn with a fixed seed, each number of
    missing answers equally often.

    Returns
    -------
    ndarray of shape (n_patterns, n_features), bool
        True where the answer is missing; fewest missing first.
    """
    if 2**n_features - 2 > MOST_PATTERNS:
        return _drawn_patterns(n_features)
    subsets = [
        subset for size in range(1, n_features) for subset in combinations(range(n_features), size)
    ]
    patterns = np.zeros((len(subsets), n_features), dtype=np.bool_)
    for pattern, subset in zip(patterns, subsets, strict=True):
        pattern[list(subset)] = True
    return patterns


def _drawn_patterns(n_features: int) -> NDArray[np.bool_]:
    random = np.random.default_rng(n_features)
    sizes = np.sort(np.arange(MOST_PATTERNS) % (n_features - 1) + 1)
    rank = random.permuted(np.tile(np.arange(n_features), (MOST_PATTERNS, 1)), axis=1)
    return np.asarray(rank < sizes[:, np.newaxis])


def with_missing(X: Floats, pattern: NDArray[np.bool_]) -> Floats:
    """Return a copy of `X` (n_samples, n_features) with NaN where `pattern` is True."""
    return np.where(pattern, np.float32(np.nan), X)


def with_noise(X: Floats, level: float, random_state: np.random.RandomState) -> Floats:
    """Return a copy of `X` with each answer wrong by a normal factor of 1 ± `level`.

    Answers that aren't negative stay so.
    """
    noisy = X * random_state.normal(1.0, level, X.shape)
    return np.where(X < 0, noisy, np.maximum(noisy, 0.0)).astype(np.float32)


class TrainedOnCopies(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that also learns from incomplete and imprecise copies of its records.

    People skip questions and guess numbers, and who guesses also skips. Each training record is
    repeated `n_noisy` times with noise, and for every way in which answers can be missing twice as
    it is and once with noise, so that the estimator learns what a record says when part of it is
    gone (``python -m benchmarks.copies`` prints why).

    Parameters
    ----------
    estimator : classifier
        Must take NaN, for instance by imputing first.
    noise : float, default=0.25
        Standard deviation of the relative error of the noisy copies: a little more than the
        20 % that models are measured at.
    n_noisy : int, default=40
        Noisy copies of each record.
    random_state : int or None, default=None
        Seed of the noise.

    Attributes
    ----------
    estimator_ : classifier
        The fitted estimator.
    classes_ : ndarray of shape (n_classes,)
    """

    def __init__(
        self,
        estimator: Any,
        *,
        noise: float = 0.25,
        n_noisy: int = 40,
        random_state: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.noise = noise
        self.n_noisy = n_noisy
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _checked(self, X: Any) -> NDArray[np.float32]:
        return np.asarray(
            validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        )

    def fit(self, X: Any, y: Any) -> Self:
        """Fit on X (n_samples, n_features), y (n_samples,) and their copies."""
        random_state = check_random_state(self.random_state)
        X, y = validate_data(self, X, y, dtype=np.float32, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        patterns = missing_patterns(X.shape[1])
        copies = [X, *(with_missing(X, pattern) for pattern in patterns for _ in range(N_EXACT))]
        copies += [with_noise(X, self.noise, random_state) for _ in range(self.n_noisy)]
        copies += [
            with_missing(with_noise(X, self.noise, random_state), pattern) for pattern in patterns
        ]
        self.estimator_ = clone(self.estimator).fit(np.vstack(copies), np.tile(y, len(copies)))
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each record, of shape (n_samples,)."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict(self._checked(X)))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each label, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict_proba(self._checked(X)))

    def contributions(self, X: Any) -> Contributions:
        """Return the SHAP values of the probabilities; the fitted estimator must end in trees.

        The trees read answers whose gaps are filled, so a gap has a contribution of its own.
        """
        check_is_fitted(self)
        *before, (_, trees) = self.estimator_.steps
        for _, step in before:
            X = step.transform(X)
        return of_trees(trees, X)
