"""Transformers that treat each column on its own. Answers that are missing are NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.utils.validation import check_is_fitted, validate_data

from segmentation.estimators.format_2 import find_class

Floats = NDArray[np.float64]


class _Columns(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A transformer that learns nothing but how many columns there are."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  # scikit-learn's signature
        """Note the columns of X (n_samples, n_features)."""
        self._checked(X, reset=True)
        return self

    def _checked(self, X: Any, *, reset: bool = False) -> Floats:
        if not reset:
            check_is_fitted(self, "n_features_in_")
        return np.asarray(
            validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset)
        )


class MeanImputer(SimpleImputer):  # type: ignore[misc]  # scikit-learn is untyped
    """The mean of a column in place of its gaps, or zero where a gap means none.

    Parameters
    ----------
    zero_columns : sequence of int, default=()
        Positions of the columns where it does.
    """

    def __init__(self, zero_columns: Sequence[int] = ()) -> None:
        super().__init__(strategy="mean", keep_empty_features=True)
        self.zero_columns = zero_columns

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the means of X (n_samples, n_features)."""
        super().fit(X, y)
        self.statistics_[list(self.zero_columns)] = 0.0
        return self


class ColumnSubset(_Columns):
    """Only some columns.

    Parameters
    ----------
    columns : sequence of int, default=(0,)
        Their positions.
    """

    def __init__(self, columns: Sequence[int] = (0,)) -> None:
        self.columns = columns

    def transform(self, X: Any) -> Floats:
        """Return those columns of X, of shape (n_samples, len(columns))."""
        return self._checked(X)[:, list(self.columns)]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of those columns."""
        names = input_features
        if names is None:
            usual = [f"x{position}" for position in range(self.n_features_in_)]
            names = getattr(self, "feature_names_in_", usual)
        return np.asarray([names[position] for position in self.columns], dtype=object)


class Log1p(OneToOneFeatureMixin, _Columns):  # type: ignore[misc]  # scikit-learn is untyped
    """The logarithm of 1 + x, for amounts and counts; less than 0 counts as 0."""

    def transform(self, X: Any) -> Floats:
        """Return the logarithms, of the same shape."""
        return np.log1p(np.maximum(self._checked(X), 0.0))


class Clip(OneToOneFeatureMixin, _Columns):  # type: ignore[misc]  # scikit-learn is untyped
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

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  # scikit-learn's signature
        """Learn the limits from X (n_samples, n_features)."""
        X = self._checked(X, reset=True)
        self.lower_, self.upper_ = np.nanquantile(X, [self.lower, self.upper], axis=0)
        return self

    def transform(self, X: Any) -> Floats:
        """Return X within the limits, of the same shape."""
        check_is_fitted(self)
        return np.clip(self._checked(X), self.lower_, self.upper_)


def __getattr__(name: str) -> Any:
    """Return the class that a pickle of a package of format 2 names."""
    return find_class(__name__, name)
