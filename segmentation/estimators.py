"""Our scikit-learn estimators: everything of ours that ends up inside a pickled pipeline.

They know arrays and data frames, not studies: names and numbers come in as parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

Floats = NDArray[np.float32]


class RecordMatrix(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Turn records into the matrix that a model reads: one float32 column per feature.

    Records are a data frame under any accepted headers, a list of dictionaries, or an array that
    has the features in order already. Other columns are ignored; missing answers become NaN.
    Values are cast to float32 because the ONNX scorer compares in float32: a threshold that was
    learned from float64 values may otherwise lie on the other side of one.

    Parameters
    ----------
    features : sequence of str
        Feature names, in order.
    spellings : mapping of str to (str, float)
        Accepted header to feature name and the divisor from its unit to the feature's.
    """

    def __init__(self, features: Sequence[str], spellings: Mapping[str, tuple[str, float]]) -> None:
        self.features = features
        self.spellings = spellings

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  # scikit-learn's signature
        """Learn nothing; the columns are stated."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002
        """Return the feature names."""
        return np.asarray(self.features, dtype=object)

    def transform(self, X: Any) -> Floats:
        """Return the matrix.

        Parameters
        ----------
        X : data frame, list of dict, or array of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features), float32

        Raises
        ------
        ValueError
            If an array has another width, no column is known, or a value is not a number.
        """
        if hasattr(X, "columns"):
            return self._from_frame(X)
        if isinstance(X, list) and X and isinstance(X[0], dict):
            import pandas as pd  # a build-side convenience; the service never comes here

            return self._from_frame(pd.DataFrame(X))
        matrix = np.asarray(X, dtype=np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.features):  # noqa: PLR2004
            raise ValueError(f"expected {len(self.features)} columns, got shape {matrix.shape}")
        return matrix

    def _from_frame(self, frame: Any) -> Floats:
        matrix = np.full((len(frame), len(self.features)), np.nan)
        known = [name for name in frame.columns if name in self.spellings]
        if not known:
            raise ValueError(f"none of the columns is one of {', '.join(self.features)}")
        for name in known:
            feature, divisor = self.spellings[name]
            values = np.asarray(frame[name].to_numpy(dtype=np.float64, na_value=np.nan)) / divisor
            column = matrix[:, list(self.features).index(feature)]
            np.copyto(column, values, where=np.isnan(column))
        return matrix.astype(np.float32)


def missing_patterns(n_features: int) -> NDArray[np.bool_]:
    """Return every way in which some, but not all, of the answers can be missing.

    Returns
    -------
    ndarray of shape (2 ** n_features - 2, n_features), bool
        True where the answer is missing; fewest missing first.
    """
    subsets = [
        subset for size in range(1, n_features) for subset in combinations(range(n_features), size)
    ]
    patterns = np.zeros((len(subsets), n_features), dtype=np.bool_)
    for pattern, subset in zip(patterns, subsets, strict=True):
        pattern[list(subset)] = True
    return patterns


def with_missing(X: Floats, pattern: NDArray[np.bool_]) -> Floats:
    """Return a copy of `X` (n_samples, n_features) with NaN where `pattern` is True."""
    return np.where(pattern, np.float32(np.nan), X)


def with_noise(X: Floats, level: float, random_state: np.random.RandomState) -> Floats:
    """Return a copy of `X` with each answer wrong by a normal factor of 1 ± `level`, at least 0."""
    factors = random_state.normal(1.0, level, X.shape)
    return np.maximum(X * factors, 0.0).astype(np.float32)


class TrainedOnCopies(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that also learns from incomplete and imprecise copies of its records.

    People skip questions and guess numbers. Each training record is repeated once for every way
    in which answers can be missing, and `n_noisy` times with noise, so that the estimator learns
    what a record says when part of it is gone.

    Parameters
    ----------
    estimator : classifier
        Must take NaN, for instance by imputing first.
    noise : float, default=0.25
        Standard deviation of the relative error of the noisy copies: a little more than the
        20 % that models are measured at (``python -m benchmarks.copies`` prints why).
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

    def fit(self, X: Any, y: Any) -> Self:
        """Fit on X (n_samples, n_features), y (n_samples,) and their copies."""
        random_state = check_random_state(self.random_state)
        X = np.asarray(X, dtype=np.float32)
        copies = [X, *(with_missing(X, pattern) for pattern in missing_patterns(X.shape[1]))]
        copies += [with_noise(X, self.noise, random_state) for _ in range(self.n_noisy)]
        self.estimator_ = clone(self.estimator).fit(np.vstack(copies), np.tile(y, len(copies)))
        self.classes_ = self.estimator_.classes_
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each record, of shape (n_samples,)."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict(X))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the probability of each label, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        return np.asarray(self.estimator_.predict_proba(X))
