"""What pickles in packages of format 2 name otherwise than today, so that they can still be read.

Nothing else uses what is here; it goes when format 2 does.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

# Module and class of format 2 to those of today.
_CLASSES = {
    ("centroids", "NearestCentroid"): ("centroids", "CentroidClassifier"),
    ("centroids", "WithOutlook"): ("with_outlook", "WithOutlook"),
    ("columns", "Take"): ("columns", "ColumnSubset"),
    ("columns", "Fill"): ("format_2", "Fill"),
}
_ATTRIBUTES = {"trust_": "score_weights_", "leaning_": "score_biases_"}


class Fill(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """A constant in place of missing answers; today it is a ``SimpleImputer``."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return X without gaps, of the same shape."""
        X = np.asarray(X, dtype=np.float64)
        return np.where(np.isnan(X), self.value, X)


def upgrade_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a pickled estimator under the names that they have today."""
    return {_ATTRIBUTES.get(name, name): value for name, value in state.items()}


class LargestShares:
    """What was derived before there were relations: the largest of the shares that are there.

    Parameters
    ----------
    column : str
        Where it is missing.
    shares : tuple of str
    """

    def __init__(self, column: str, shares: tuple[str, ...]) -> None:
        self.column = column
        self.shares = shares

    def __call__(self, record: dict[str, float]) -> dict[str, float]:
        """Return the record with the column."""
        shares = [record[name] for name in self.shares if name in record]
        return {self.column: max(shares)} | record if shares else record


def upgrade_record_matrix(state: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a ``RecordMatrix`` that was pickled before there were relations."""
    if "largest" not in state:
        return state
    upgraded = {name: value for name, value in state.items() if name != "largest"}
    largest = state["largest"] or {}
    columns = set(largest.values())
    upgraded["spellings"] = {
        **(state["spellings"] or {}),
        **{name: (name, 1.0) for name in largest},
    }
    upgraded["derive"] = LargestShares(columns.pop(), tuple(largest)) if columns else None
    return upgraded


def find_class(module: str, name: str) -> Any:
    """Return what a module of format 2 called `name`.

    Raises
    ------
    AttributeError
        If it had nothing of that name.
    """
    try:
        new_module, new_name = _CLASSES[module.rpartition(".")[2], name]
    except KeyError:
        raise AttributeError(f"module {module!r} has no attribute {name!r}") from None
    return getattr(import_module(f"segmentation.estimators.{new_module}"), new_name)
