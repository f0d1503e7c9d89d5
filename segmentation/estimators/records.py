"""Records under any accepted header to a matrix of numbers: the first step of every pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from segmentation.estimators.format_2 import upgrade_record_matrix

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
    derive : callable, optional
        Takes a record as a dict of numbers by column name, without those that are missing, and
        returns it with the features that follow from them.
    """

    def __init__(
        self,
        features: Sequence[str] | None = None,
        spellings: Mapping[str, tuple[str, float]] | None = None,
        derive: Callable[[dict[str, float]], dict[str, float]] | None = None,
    ) -> None:
        self.features = features
        self.spellings = spellings
        self.derive = derive

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(upgrade_record_matrix(state))

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
        columns = self._read_columns(frame)
        gaps = np.full(len(frame), np.nan)
        matrix = np.column_stack([columns.get(name, gaps) for name in features])
        if not columns:
            raise ValueError(f"none of the columns is one of {', '.join(features)}")
        if self.derive:
            self._fill_in(matrix, columns, features, self.derive)
        return matrix.astype(np.float32)

    def _read_columns(self, frame: Any) -> dict[str, NDArray[np.float64]]:
        """Return the columns of a frame that are known, by name and in their own unit."""
        columns: dict[str, NDArray[np.float64]] = {}
        for header in frame.columns:
            if header in (self.spellings or {}):
                name, divisor = (self.spellings or {})[header]
                values = frame[header].to_numpy(dtype=np.float64, na_value=np.nan) / divisor
                earlier = columns.get(name, values)
                columns[name] = np.where(np.isnan(earlier), values, earlier)
        return columns

    def _fill_in(
        self,
        matrix: NDArray[np.float64],
        columns: Mapping[str, NDArray[np.float64]],
        features: Sequence[str],
        derive: Callable[[dict[str, float]], dict[str, float]],
    ) -> None:
        """Fill in what follows from the answers of the rows that have gaps."""
        for row in np.flatnonzero(np.isnan(matrix).any(axis=1)):
            record = derive(
                {
                    name: float(values[row])
                    for name, values in columns.items()
                    if not np.isnan(values[row])
                }
            )
            matrix[row] = [record.get(name, np.nan) for name in features]
