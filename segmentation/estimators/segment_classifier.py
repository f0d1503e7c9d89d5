"""What classifiers of discovered segments have in common: gaps, priors and calibration.

Clusters are found and named while training (``training.fitting.clustering``); these learn from the
named records like any classifier. How records are scored in the space is up to the subclasses:
``centroids`` and ``mixtures``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from segmentation.estimators.contributions import Contributions
from segmentation.estimators.format_2 import upgrade_state

Floats = NDArray[np.float64]

# Records, and copies of each for each number of missing answers, that scores are calibrated on.
_MOST_COPIED = 1000
_N_COPIES = 4
# Scores of clusters that lie far apart say too little rather than too much, but not by more.
_LARGEST_WEIGHT = 20.0


def find_directions(projection: Any) -> Floats:
    """Return what a fitted PCA multiplies with, of shape (n_components, n_columns)."""
    lengths = np.sqrt(projection.explained_variance_) if projection.whiten else np.ones(1)
    return np.asarray(projection.components_ / lengths[:, np.newaxis])


class SegmentClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]  # untyped library
    """Assigns a record to a segment by its defining columns, whichever of them are there.

    Answers that are still missing after `space` are left out of the score, and then `prior` tells,
    from the other answers, what to expect beforehand. What is left, or what `space` fills in, may
    say too much, or too often the same: so for each number of missing answers the scores are
    calibrated on copies with gaps, by one weight and one term for each segment (bias-corrected
    temperature scaling: Alexandari, Kundaje and Shrikumar 2020,
    https://proceedings.mlr.press/v119/alexandari20a.html).

    Parameters
    ----------
    space : Pipeline of transformers, optional
        From the defining columns to the space in which records are scored; by default the columns
        as they are. All steps treat each column on its own, but for a projection such as PCA as
        the last.
    columns : sequence of int, optional
        Positions of the defining columns; by default all.
    prior : Pipeline, optional
        ``ColumnSubset`` as its first step, then steps that treat each column on its own, then a
        multinomial ``LogisticRegression``. It isn't asked about records whose defining answers
        are all there. Without one, each segment's share of the records is expected.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    space_ : Pipeline
    prior_ : Pipeline or None
    shares_ : ndarray of shape (n_classes,)
        What is expected of a record without a prior.
    score_weights_ : ndarray of shape (n_defining + 1,)
        Weight of the scores, by the number of missing defining answers; `fit` leaves 1 for a
        complete record, which only records that it has not seen can calibrate.
    score_biases_ : ndarray of shape (n_defining + 1, n_classes)
        What is added to the weighted scores: 0 for a complete record.
    """

    # Whether the segments' shares count for complete records, too.
    weighs_complete: ClassVar[bool] = False

    def __init__(
        self,
        space: Pipeline | None = None,
        columns: Sequence[int] | None = None,
        prior: Any = None,
    ) -> None:
        self.space = space
        self.columns = columns
        self.prior = prior

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(upgrade_state(state))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    @abstractmethod
    def _fit_space(self, Z: Floats, positions: NDArray[np.intp]) -> None:
        """Learn from records in the space, NaN where missing, and their segments' positions."""

    @abstractmethod
    def _score_space(self, Z: Floats) -> Floats:
        """Return the log-likelihoods of records in the space, but for what all segments share."""

    @abstractmethod
    def _take_apart(self, Z: Floats, directions: Floats, observed: NDArray[np.bool_]) -> _Parts:
        """Return base and parts of the scores of records before the projection."""

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from X (n_samples, n_features) and segments y (n_samples,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, positions = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:  # noqa: PLR2004  # scikit-learn's classifiers say the same
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes, got 1 class"
            )
        space = Pipeline([("as_is", "passthrough")]) if self.space is None else clone(self.space)
        self.space_ = space.fit(self._defining(X))
        self._fit_space(self.space_.transform(self._defining(X)), positions)
        self.shares_ = np.bincount(positions) / len(positions)
        self.prior_ = None if self.prior is None else clone(self.prior).fit(X, y)
        n_defining = len(self._positions())
        self.score_weights_ = np.ones(n_defining + 1)
        self.score_biases_ = np.zeros((n_defining + 1, len(self.classes_)))
        self._calibrate(X, positions)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the segment of each record, of shape (n_samples,)."""
        positions = self._log_probabilities(X).argmax(axis=1)
        return np.asarray(self.classes_[positions])

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each segment, of shape (n_samples, n_classes)."""
        return np.asarray(np.exp(log_softmax(self._log_probabilities(X), axis=1)))

    def score_raw(self, X: Any) -> Floats:
        """Return the scores before they are calibrated, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return self._scores(np.asarray(X, dtype=np.float64))

    def contributions(self, X: Any) -> Contributions:
        """Return what each answer adds to the logarithm of each segment's probability, exactly."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=np.float64)
        observed = ~np.isnan(self.space_.transform(self._defining(X)))
        base, parts = self._take_apart(*self._unproject(X), observed)
        values = np.zeros((len(X), len(self.classes_), self.n_features_in_))
        values[:, :, self._positions()] = parts
        self._add_expectations(X, ~observed.all(axis=1), base, values)
        n_missing = self._n_missing(X)
        weights = self.score_weights_[n_missing][:, np.newaxis]
        base = weights * base + self.score_biases_[n_missing]
        return Contributions(base, values * weights[:, np.newaxis], "log_odds")

    def _positions(self) -> list[int]:
        return list(range(self.n_features_in_) if self.columns is None else self.columns)

    def _defining(self, X: Any) -> Floats:
        return np.asarray(X, dtype=np.float64)[:, self._positions()]

    def _n_missing(self, X: Any) -> NDArray[np.intp]:
        return np.asarray(np.isnan(self._defining(X)).sum(axis=1))

    def _calibrate(self, X: Floats, positions: NDArray[np.intp]) -> None:
        """Learn weight and terms for each number of missing answers."""
        complete = np.flatnonzero(self._n_missing(X) == 0)
        rows = complete[:: len(complete) // _MOST_COPIED + 1]
        columns = self._positions()
        # Without any of them a prior speaks alone, and is calibrated itself.
        most = len(columns) - (self.prior_ is not None)
        for n_missing in range(1, most + 1 if len(rows) else 1):
            copies = np.vstack([X[rows]] * _N_COPIES)
            _hide(copies, columns, n_missing)
            truth = np.tile(positions[rows], _N_COPIES)
            self.score_weights_[n_missing], self.score_biases_[n_missing] = fit_scaling(
                self._scores(copies), truth, most=1.0
            )

    def _log_probabilities(self, X: Any) -> Floats:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        n_missing = self._n_missing(X)
        weighted = self.score_weights_[n_missing][:, np.newaxis] * self._scores(X)
        return np.asarray(weighted + self.score_biases_[n_missing])

    def _scores(self, X: Floats) -> Floats:
        """Return scores of shape (n_samples, n_classes) before they are calibrated."""
        Z = self.space_.transform(self._defining(X))
        scores = self._score_space(Z)
        incomplete = np.isnan(Z).any(axis=1)
        if incomplete.any():
            scores[incomplete] += (
                np.log(self.shares_)
                if self.prior_ is None
                else self.prior_.predict_log_proba(X[incomplete])
            )
        if self.weighs_complete:
            scores[~incomplete] += np.log(self.shares_)
        return scores

    @property
    def _projection(self) -> Any:
        """The last step of the space if it mixes columns, otherwise None."""
        last = self.space_[-1]
        return last if hasattr(last, "components_") else None

    def _unproject(self, X: Floats) -> tuple[Floats, Floats]:
        """Return records before the projection, around its mean, and what it multiplies with."""
        projection = self._projection
        if projection is None:
            return self.space_.transform(self._defining(X)), np.eye(len(self._positions()))
        Z = self.space_[:-1].transform(self._defining(X)) - projection.mean_
        return Z, find_directions(projection)

    def _add_expectations(
        self, X: Floats, incomplete: NDArray[np.bool_], base: Floats, values: Floats
    ) -> None:
        """Add what is expected beforehand to the base, and what the prior read to the values."""
        if self.weighs_complete:
            base[~incomplete] += np.log(self.shares_)
        rows = np.flatnonzero(incomplete)
        if self.prior_ is None:
            base[rows] += np.log(self.shares_)
        elif len(rows):
            Z = self.prior_[:-1].transform(X[rows])
            model, columns = self.prior_[-1], list(self.prior_[0].columns)
            classes = np.arange(len(self.classes_))
            weights, intercept = model.coef_, model.intercept_
            if len(weights) == 1:  # two classes: scikit-learn keeps the weights of the second only
                halves = np.array([[-0.5], [0.5]])
                weights, intercept = halves * weights, halves[:, 0] * intercept
            values[np.ix_(rows, classes, columns)] += Z[:, np.newaxis] * weights
            base[rows] += intercept


_Parts = tuple[Floats, Floats]


def _hide(X: Floats, columns: Sequence[int], n_missing: int) -> None:
    """Take so many answers of some columns out of each record, drawn with a fixed seed."""
    random = np.random.default_rng(n_missing)
    rank = random.permuted(np.tile(np.arange(len(columns)), (len(X), 1)), axis=1)
    defining = X[:, list(columns)]
    X[:, list(columns)] = np.where(rank < n_missing, np.nan, defining)


def fit_scaling(
    scores: Floats,
    truth: NDArray[np.intp],
    *,
    most: float = _LARGEST_WEIGHT,
    with_terms: bool = True,
) -> tuple[float, Floats]:
    """Return the weight and the terms of scores at which the truth is most probable.

    Convex: logarithms of sums of exponentials of what is linear in them.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
    truth : ndarray of shape (n_samples,), int
        Positions of the true classes.
    most : float
        Largest weight.
    with_terms : bool, default=True
        Whether each class gets a term; otherwise all are 0.

    Returns
    -------
    float
        From 0 to `most`.
    ndarray of shape (n_classes,)
    """
    n_classes = scores.shape[1]
    # Only differences between segments count; without the rest the search is well conditioned.
    scores = scores - scores.mean(axis=1, keepdims=True)
    spread = float(scores.std()) or 1.0
    is_truth = np.eye(n_classes)[truth]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logarithms = log_softmax(parameters[0] * scores / spread + parameters[1:], axis=1)
        error = (np.exp(logarithms) - is_truth) / len(truth)
        slope = np.append((error * scores).sum() / spread, error.sum(axis=0))
        return -float((logarithms * is_truth).sum() / len(truth)), slope

    start = np.append(spread, np.zeros(n_classes))
    free = (None, None) if with_terms else (0.0, 0.0)
    bounds = [(0.0, most * spread), *[free] * n_classes]
    optimum = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(optimum[0] / spread), optimum[1:] - optimum[1:].mean()
