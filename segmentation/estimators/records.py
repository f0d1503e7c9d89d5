"""Records under any accepted header to a matrix of numbers: the first step of every pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = NDArray[np.float32]


class RecordMatrix(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Turn records into the matrix that a model reads: one float32 column per feature.

    Records are a data frame under any accepted headers, a list of dictionaries, or an array that
    has the features in order already. Other columns are ignored; missing answers become NaN.
    Values are cast to float32 because the ONNX scorer compares in float32: a threshold that was
    learned from float64 values may otherwise lie on the other side of one.

    Parameters
    ----------
    features : sequence of str, optional
        Feature names, in order. Without them arrays of any width are taken as they are.
    spellings : mapping of str to (str, float), optional
        Accepted header to feature name and the divisor from its unit to the feature's.
    largest : mapping of str to str, optional
        Accepted header of a column that isn't a feature to the feature that is the largest of
        such columns where it is missing.
    """

    def __init__(
        self,
        features: Sequence[str] | None = None,
        spellings: Mapping[str, tuple[str, float]] | None = None,
        largest: Mapping[str, str] | None = None,
    ) -> None:
        self.features = features
        self.spellings = spellings
        self.largest = largest

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002  # scikit-learn's signature
        """Note the width of X, where no columns are stated; otherwise there is nothing to learn."""
        if self.features is None:
            validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan")
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return self.features is not None or hasattr(self, "n_features_in_")

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the feature names."""
        names = self.features
        if names is None:
            usual = [f"x{position}" for position in range(self.n_features_in_)]
            names = usual if input_features is None else input_features
        return np.asarray(names, dtype=object)

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
        if self.features is None:
            check_is_fitted(self)
            return np.asarray(
                validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
            )
        if hasattr(X, "columns"):
            return self._from_frame(X, self.features)
        if isinstance(X, list) and X and isinstance(X[0], dict):
            import pandas as pd  # a build-side convenience; the service never comes here

            return self._from_frame(pd.DataFrame(X), self.features)
        matrix = np.asarray(X, dtype=np.float32)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.features):  # noqa: PLR2004
            raise ValueError(f"expected {len(self.features)} columns, got shape {matrix.shape}")
        return matrix

    def _from_frame(self, frame: Any, features: Sequence[str]) -> Floats:
        matrix = np.full((len(frame), len(features)), np.nan)
        spellings = self.spellings or {}
        columns = [name for name in frame.columns if name in spellings]
        if not columns and not any(name in (self.largest or {}) for name in frame.columns):
            raise ValueError(f"none of the columns is one of {', '.join(features)}")
        for name in columns:
            feature, divisor = spellings[name]
            values = np.asarray(frame[name].to_numpy(dtype=np.float64, na_value=np.nan)) / divisor
            column = matrix[:, list(features).index(feature)]
            np.copyto(column, values, where=np.isnan(column))
        self._fill_largest(frame, matrix, features)
        return matrix.astype(np.float32)

    def _fill_largest(
        self, frame: Any, matrix: NDArray[np.float64], features: Sequence[str]
    ) -> None:
        largest = self.largest or {}
        for feature in sorted(set(largest.values())):
            parts = [name for name in frame.columns if largest.get(name) == feature]
            if parts:
                values = frame[parts].max(axis=1).to_numpy(dtype=np.float64, na_value=np.nan)
                column = matrix[:, list(features).index(feature)]
                np.copyto(column, values, where=np.isnan(column))
