"""The imputer that studies use for a constant in place of missing answers."""

from __future__ import annotations

from sklearn.impute import SimpleImputer


def fill_gaps(value: float = 0.0) -> SimpleImputer:
    """Return an unfitted imputer of one value."""
    return SimpleImputer(strategy="constant", fill_value=value, keep_empty_features=True)
