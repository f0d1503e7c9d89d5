"""Segments as centroids: where K-Means has found them, new records go to the nearest.

K-Means itself is run while training (``training.discovered``), which also names the clusters;
what is here learns from named records like any classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from segmentation.estimators.contributions import Contributions

Floats = NDArray[np.float64]

# Records, and copies of each for each number of missing answers, that scores are calibrated on.
_MOST_COPIED = 1000
_N_COPIES = 4


def directions(projection: Any) -> Floats:
    """Return what a fitted PCA multiplies with, of shape (n_components, n_columns)."""
    lengths = np.sqrt(projection.explained_variance_) if projection.whiten else np.ones(1)
    return np.asarray(projection.components_ / lengths[:, np.newaxis])


class NearestCentroid(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped library
    """Assigns a record to the segment with the nearest centroid.

    Probabilities are those of the mixture that K-Means assumes: spherical normal distributions of
    one variance and one weight (Bishop, Pattern Recognition and Machine Learning, 9.3.2). Answers
    that are still missing after `space` are left out of the distances, which is what that mixture
    says about them, and then `prior` tells, from the other answers, what to expect beforehand.
    What is left, or what `space` fills in, may say too much, or too often the same: so for each
    number of missing answers the scores are calibrated on copies with gaps, by one weight and one
    term for each segment (bias-corrected temperature scaling: Alexandari, Kundaje and Shrikumar
    2020, https://proceedings.mlr.press/v119/alexandari20a.html).

    Parameters
    ----------
    space : Pipeline of transformers
        From the defining columns to the space in which distances are measured. All steps treat
        each column on its own, but for a projection such as PCA as the last.
    columns : sequence of int
        Positions of the defining columns.
    prior : Pipeline, optional
        ``Take`` as its first step, then steps that treat each column on its own, then a
        multinomial ``LogisticRegression``. It isn't asked about records whose defining answers
        are all there. Without one, each segment's share of the records is expected.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    space_ : Pipeline
    prior_ : Pipeline or None
    shares_ : ndarray of shape (n_classes,)
        What is expected of a record without a prior.
    trust_ : ndarray of shape (n_defining + 1,)
        Weight of the scores, by the number of missing defining answers: 1 for a complete record.
    leaning_ : ndarray of shape (n_defining + 1, n_classes)
        What is added to the weighted scores: 0 for a complete record.
    centroids_ : ndarray of shape (n_classes, n_dimensions)
        Mean of each segment's records in the space.
    variance_ : float
        Mean squared distance to the centroid in each dimension.
    """

    def __init__(self, space: Pipeline, columns: Sequence[int], prior: Any = None) -> None:
        self.space = space
        self.columns = columns
        self.prior = prior

    def fit(self, X: Any, y: Any) -> Self:
        """Learn the centroids from X (n_samples, n_features) and segments y (n_samples,)."""
        self.n_features_in_ = np.shape(X)[1]
        self.classes_, positions = np.unique(y, return_inverse=True)
        self.space_ = clone(self.space).fit(self._defining(X))
        Z = self.space_.transform(self._defining(X))
        labels = range(len(self.classes_))
        self.centroids_ = np.vstack([np.nanmean(Z[positions == label], axis=0) for label in labels])
        self.variance_ = float(np.nanmean((Z - self.centroids_[positions]) ** 2))
        self.shares_ = np.bincount(positions) / len(positions)
        self.prior_ = None if self.prior is None else clone(self.prior).fit(X, y)
        self.trust_ = np.ones(len(self.columns) + 1)
        self.leaning_ = np.zeros((len(self.columns) + 1, len(self.classes_)))
        self._calibrate(np.asarray(X, dtype=np.float64), positions)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the segment of each record, of shape (n_samples,)."""
        check_is_fitted(self)
        return np.asarray(self.classes_[self._log_probabilities(X).argmax(axis=1)])

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each segment, of shape (n_samples, n_classes)."""
        return np.asarray(np.exp(log_softmax(self._log_probabilities(X), axis=1)))

    def contributions(self, X: Any) -> Contributions:
        """Return what each answer adds to the logarithm of each segment's probability, exactly.

        The squared distance (z - c)² is c² - 2zc, but for z², which all segments share. Columns
        get their part of zc, also through a projection, which is linear; c² goes to the base.
        """
        check_is_fitted(self)
        observed = ~np.isnan(self.space_.transform(self._defining(X)))
        base = observed @ (-(self.centroids_**2) / (2.0 * self.variance_)).T
        Z, centroids = self._columnwise(X)
        products = np.nan_to_num(Z)[:, np.newaxis] * centroids / self.variance_
        values = np.zeros((len(Z), len(self.classes_), self.n_features_in_))
        values[:, :, list(self.columns)] = products
        self._add_prior(X, ~observed.all(axis=1), base, values)
        n_missing = self._n_missing(X)
        trust = self.trust_[n_missing][:, np.newaxis]
        base = trust * base + self.leaning_[n_missing]
        return Contributions(base, values * trust[:, np.newaxis], "log_odds")

    def _defining(self, X: Any) -> Floats:
        return np.asarray(X, dtype=np.float64)[:, list(self.columns)]

    def _n_missing(self, X: Any) -> NDArray[np.intp]:
        return np.asarray(np.isnan(self._defining(X)).sum(axis=1))

    def _calibrate(self, X: Floats, positions: NDArray[np.intp]) -> None:
        """Learn weight and terms for each number of missing answers."""
        whole = np.flatnonzero(self._n_missing(X) == 0)
        rows = whole[:: len(whole) // _MOST_COPIED + 1]
        # Without any of them a prior speaks alone, and is calibrated itself.
        most = len(self.columns) - (self.prior_ is not None)
        for n_missing in range(1, most + 1 if len(rows) else 1):
            copies = np.vstack([X[rows]] * _N_COPIES)
            _hide(copies, self.columns, n_missing)
            truth = np.tile(positions[rows], _N_COPIES)
            self.trust_[n_missing], self.leaning_[n_missing] = _scaling(
                self._by_distance(copies), truth
            )

    def _log_probabilities(self, X: Any) -> Floats:
        check_is_fitted(self)
        n_missing = self._n_missing(X)
        trusted = self.trust_[n_missing][:, np.newaxis] * self._by_distance(X)
        return np.asarray(trusted + self.leaning_[n_missing])

    def _by_distance(self, X: Any) -> Floats:
        Z = self.space_.transform(self._defining(X))
        observed = ~np.isnan(Z)
        products = np.where(observed, Z, 0.0) @ self.centroids_.T
        # -(z - c)² / 2 without z², which all segments share.
        logarithms = (products - observed @ (self.centroids_.T**2 / 2.0)) / self.variance_
        incomplete = ~observed.all(axis=1)
        if incomplete.any():
            logarithms[incomplete] += (
                np.log(self.shares_)
                if self.prior_ is None
                else self.prior_.predict_log_proba(np.asarray(X)[incomplete])
            )
        return np.asarray(logarithms)

    @property
    def _projection(self) -> Any:
        """The last step of the space if it mixes columns, otherwise None."""
        last = self.space_[-1]
        return last if hasattr(last, "components_") else None

    def _columnwise(self, X: Any) -> tuple[Floats, Floats]:
        """Return records and centroids in the space before the projection, around its mean."""
        projection = self._projection
        if projection is None:
            return self.space_.transform(self._defining(X)), self.centroids_
        Z = self.space_[:-1].transform(self._defining(X)) - projection.mean_
        return Z, self.centroids_ @ directions(projection)

    def _add_prior(
        self, X: Any, incomplete: NDArray[np.bool_], base: Floats, values: Floats
    ) -> None:
        rows = np.flatnonzero(incomplete)
        if self.prior_ is None:
            base[rows] += np.log(self.shares_)
        elif len(rows):
            Z = self.prior_[:-1].transform(np.asarray(X)[rows])
            model, taken = self.prior_[-1], list(self.prior_[0].columns)
            classes = np.arange(len(self.classes_))
            weights, intercept = model.coef_, model.intercept_
            if len(weights) == 1:  # two classes: scikit-learn keeps the weights of the second only
                halves = np.array([[-0.5], [0.5]])
                weights, intercept = halves * weights, halves[:, 0] * intercept
            values[np.ix_(rows, classes, taken)] += Z[:, np.newaxis] * weights
            base[rows] += intercept


def _hide(X: Floats, columns: Sequence[int], n_missing: int) -> None:
    """Take so many answers of some columns out of each record, drawn with a fixed seed."""
    random = np.random.default_rng(n_missing)
    rank = random.permuted(np.tile(np.arange(len(columns)), (len(X), 1)), axis=1)
    defining = X[:, list(columns)]
    X[:, list(columns)] = np.where(rank < n_missing, np.nan, defining)


def _scaling(scores: Floats, truth: NDArray[np.intp]) -> tuple[float, Floats]:
    """Return the weight, from 0 to 1, and the terms at which the truth is most probable.

    Convex: logarithms of sums of exponentials of what is linear in them.
    """
    n_classes = scores.shape[1]
    # Only differences between segments count; without the rest the search is well conditioned.
    scores = scores - scores.mean(axis=1, keepdims=True)
    spread = float(scores.std()) or 1.0
    right = np.eye(n_classes)[truth]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        logarithms = log_softmax(parameters[0] * scores / spread + parameters[1:], axis=1)
        error = (np.exp(logarithms) - right) / len(truth)
        slope = np.append((error * scores).sum() / spread, error.sum(axis=0))
        return -float((logarithms * right).sum() / len(truth)), slope

    start = np.append(spread, np.zeros(n_classes))
    bounds = [(0.0, spread), *[(None, None)] * n_classes]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(found[0] / spread), found[1:] - found[1:].mean()


class WithOutlook(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped library
    """Segments of today from one estimator, those of a later day from another.

    Parameters
    ----------
    segmenter : classifier
        Answers for today; everything but the outlook is its own.
    classifier : classifier
        Answers for later.

    Attributes
    ----------
    segmenter_, classifier_ : classifier
    classes_ : ndarray of shape (n_classes,)
    """

    def __init__(self, segmenter: Any, classifier: Any) -> None:
        self.segmenter = segmenter
        self.classifier = classifier

    def fit(self, X: Any, y: Any, later: tuple[Any, Any]) -> Self:
        """Fit today's on X (n_samples, n_features), y (n_samples,) and later's on `later`.

        Parameters
        ----------
        X, y : array-like
        later : tuple of X (n_earlier, n_features) and y (n_earlier,)
            Records as they were, and the segments that came of them.
        """
        self.segmenter_ = clone(self.segmenter).fit(X, y)
        self.classes_ = self.segmenter_.classes_
        X_before, y_later = later
        X_before = np.asarray(X_before, dtype=np.float64)
        self.classifier_ = clone(self.classifier).fit(X_before, y_later)
        return self

    @classmethod
    def of_fitted(cls, segmenter: Any, classifier: Any) -> Self:
        """Return an estimator of two that are fitted already."""
        both = cls(segmenter, classifier)
        both.segmenter_, both.classifier_ = segmenter, classifier
        both.classes_ = segmenter.classes_
        return both

    def predict(self, X: Any) -> NDArray[Any]:
        """Return today's segments, of shape (n_samples,)."""
        return np.asarray(self.segmenter_.predict(X))

    def predict_proba(self, X: Any) -> Floats:
        """Return today's probabilities, of shape (n_samples, n_classes)."""
        return np.asarray(self.segmenter_.predict_proba(X))

    def predict_outlook(self, X: Any) -> Floats:
        """Return the probabilities of later, of shape (n_samples, n_classes)."""
        found = np.zeros((len(X), len(self.classes_)))
        positions = np.searchsorted(self.classes_, self.classifier_.classes_)
        found[:, positions] = self.classifier_.predict_proba(np.asarray(X, dtype=np.float64))
        return found

    def contributions(self, X: Any) -> Contributions:
        """Return the contributions to today's answer."""
        found: Contributions = self.segmenter_.contributions(X)
        return found
