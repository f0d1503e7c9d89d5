"""Transformers that treat each column on its own. Answers that are missing are NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

Floats = NDArray[np.float64]


class _Columns(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A transformer that learns nothing but how many columns there are."""

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  # scikit-learn's signature
        """Note the number of columns."""
        self.n_features_in_ = np.shape(X)[1]
        return self


class Take(_Columns):
    """Only some columns.

    Parameters
    ----------
    columns : sequence of int
        Their positions.
    """

    def __init__(self, columns: Sequence[int]) -> None:
        self.columns = columns

    def transform(self, X: Any) -> Floats:
        """Return those columns of X, of shape (n_samples, len(columns))."""
        return np.asarray(X, dtype=np.float64)[:, list(self.columns)]


class Fill(_Columns):
    """A constant in place of missing answers.

    Parameters
    ----------
    value : float, default=0.0
    """

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def transform(self, X: Any) -> Floats:
        """Return X without gaps, of the same shape."""
        X = np.asarray(X, dtype=np.float64)
        return np.where(np.isnan(X), self.value, X)


class Log1p(_Columns):
    """The logarithm of 1 + x, for amounts and counts; less than 0 counts as 0."""

    def transform(self, X: Any) -> Floats:
        """Return the logarithms, of the same shape."""
        return np.log1p(np.maximum(np.asarray(X, dtype=np.float64), 0.0))


class Clip(_Columns):
    """Columns limited to the range between two of their quantiles; gaps stay.

    Parameters
    ----------
    lower, upper : float
        Quantiles, by default the 1st and 99th percentile.

    Attributes
    ----------
    lower_, upper_ : ndarray of shape (n_features,)
    """

    def __init__(self, lower: float = 0.01, upper: float = 0.99) -> None:
        self.lower = lower
        self.upper = upper

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the limits from X (n_samples, n_features)."""
        super().fit(X, y)
        X = np.asarray(X, dtype=np.float64)
        self.lower_, self.upper_ = np.nanquantile(X, [self.lower, self.upper], axis=0)
        return self

    def transform(self, X: Any) -> Floats:
        """Return X within the limits, of the same shape."""
        check_is_fitted(self)
        return np.clip(np.asarray(X, dtype=np.float64), self.lower_, self.upper_)
