"""An adapter for models that want labels 0, 1, 2, …: XGBoost."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone


class ContiguousLabels(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped library
    """A classifier whose inner one sees labels 0 to n_classes - 1.

    Parameters
    ----------
    estimator : classifier

    Attributes
    ----------
    estimator_ : classifier
    classes_ : ndarray of shape (n_classes,)
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> Self:
        """Fit on X (n_samples, n_features) and y (n_samples,) of any labels."""
        self.classes_, positions = np.unique(y, return_inverse=True)
        self.estimator_ = clone(self.estimator).fit(X, positions)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the original labels, of shape (n_samples,)."""
        return np.asarray(self.classes_[self.estimator_.predict(X).astype(int)])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities in the order of ``classes_``, shape (n_samples, n_classes)."""
        return np.asarray(self.estimator_.predict_proba(X))
