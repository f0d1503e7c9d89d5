"""Two classifiers as one: the segment of today and that of a later day."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, check_X_y

from segmentation.estimators.contributions import Contributions

Floats = NDArray[np.float64]


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

    @property
    def n_features_in_(self) -> int:
        """Number of columns that both read."""
        return int(self.segmenter_.n_features_in_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self.segmenter).input_tags.allow_nan
        return tags

    def fit(self, X: Any, y: Any, later: tuple[Any, Any] | None = None) -> Self:
        """Fit today's on X (n_samples, n_features), y (n_samples,) and later's on `later`.

        Parameters
        ----------
        X, y : array-like
        later : tuple of X (n_earlier, n_features) and y (n_earlier,), optional
            Records as they were, and the segments that came of them; by default X and y: nobody
            moves.
        """
        X, y = check_X_y(X, y, ensure_all_finite="allow-nan")
        self.segmenter_ = clone(self.segmenter).fit(X, y)
        self.classes_ = self.segmenter_.classes_
        X_before, y_later = (X, y) if later is None else later
        X_before = np.asarray(X_before, dtype=np.float64)
        self.classifier_ = clone(self.classifier).fit(X_before, y_later)
        return self

    @classmethod
    def of_fitted(cls, segmenter: Any, classifier: Any) -> Self:
        """Return an estimator of two that are fitted already."""
        combined = cls(segmenter, classifier)
        combined.segmenter_, combined.classifier_ = segmenter, classifier
        combined.classes_ = segmenter.classes_
        return combined

    def predict(self, X: Any) -> NDArray[Any]:
        """Return today's segments, of shape (n_samples,)."""
        check_is_fitted(self)
        return np.asarray(self.segmenter_.predict(X))

    def predict_proba(self, X: Any) -> Floats:
        """Return today's probabilities, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return np.asarray(self.segmenter_.predict_proba(X))

    def predict_outlook(self, X: Any) -> Floats:
        """Return the probabilities of later, of shape (n_samples, n_classes)."""
        probabilities = np.zeros((len(X), len(self.classes_)))
        positions = np.searchsorted(self.classes_, self.classifier_.classes_)
        later = self.classifier_.predict_proba(np.asarray(X, dtype=np.float64))
        probabilities[:, positions] = later
        return probabilities

    def contributions(self, X: Any) -> Contributions:
        """Return the contributions to today's answer."""
        contributions: Contributions = self.segmenter_.contributions(X)
        return contributions
