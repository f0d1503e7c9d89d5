"""An adapter for models that want labels 0, 1, 2, …: XGBoost."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

_NUMBERS = [np.float64, np.float32]


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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = get_tags(self.estimator).input_tags.allow_nan
        return tags

    def _checked(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        return np.asarray(
            validate_data(self, X, dtype=_NUMBERS, ensure_all_finite="allow-nan", reset=False)
        )

    def fit(self, X: Any, y: Any) -> Self:
        """Fit on X (n_samples, n_features) and y (n_samples,) of any labels."""
        X, y = validate_data(self, X, y, dtype=_NUMBERS, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, positions = np.unique(y, return_inverse=True)
        self.estimator_ = clone(self.estimator).fit(X, positions)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the original labels, of shape (n_samples,)."""
        X = self._checked(X)
        return np.asarray(self.classes_[self.estimator_.predict(X).astype(int)])

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities in the order of ``classes_``, shape (n_samples, n_classes)."""
        X = self._checked(X)
        return np.asarray(self.estimator_.predict_proba(X))
