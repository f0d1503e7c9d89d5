"""Segments as centroids: where K-Means has found them, new records go to the nearest.

K-Means itself is run while training (``training.discovered``), which also names the clusters;
what is here learns from named records like any classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from segmentation.estimators.contributions import Contributions

Floats = NDArray[np.float64]


class NearestCentroid(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped library
    """Assigns a record to the segment with the nearest centroid.

    Probabilities are those of the mixture that K-Means assumes: spherical normal distributions of
    one variance and one weight (Bishop, Pattern Recognition and Machine Learning, 9.3.2). Answers
    that are still missing after `space` are left out of the distances, which is what that mixture
    says about them, and then `prior` tells, from the other answers, what to expect beforehand.

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
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the segment of each record, of shape (n_samples,)."""
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
        return Contributions(base, values, "log_odds")

    def _defining(self, X: Any) -> Floats:
        return np.asarray(X, dtype=np.float64)[:, list(self.columns)]

    def _log_probabilities(self, X: Any) -> Floats:
        check_is_fitted(self)
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
        return Z, self.centroids_ @ projection.components_

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
            values[np.ix_(rows, classes, taken)] += Z[:, np.newaxis] * model.coef_
            base[rows] += model.intercept_


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
