"""Our estimators keep scikit-learn's contract: its own checks, with stated exceptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from segmentation.estimators import (
    CentroidClassifier,
    Clip,
    ColumnSubset,
    Log1p,
    MeanImputer,
    MixtureClassifier,
    RecordMatrix,
    TrainedOnCopies,
    WithOutlook,
)
from segmentation.training.comparison.contiguous_labels import ContiguousLabels
from tests.support.filling import fill_gaps

# None is needed today; one that is gets the name of the check and the reason.
EXCEPTIONS: dict[str, dict[str, str]] = {}


def stated_exceptions(estimator: Any) -> dict[str, str]:
    """Return the checks that an estimator does not pass, with the reason."""
    return EXCEPTIONS.get(type(estimator).__name__, {})


@parametrize_with_checks(
    [
        RecordMatrix(),
        ColumnSubset(),
        Log1p(),
        Clip(),
        MeanImputer(),
        CentroidClassifier(),
        MixtureClassifier(),
        TrainedOnCopies(make_pipeline(fill_gaps(-1.0), RandomForestClassifier(5, random_state=0)),
                        n_noisy=1, random_state=0),
        ContiguousLabels(LogisticRegression()),
        WithOutlook(LogisticRegression(), LogisticRegression()),
    ],
    expected_failed_checks=stated_exceptions,
)  # fmt: skip
def test_estimators_conform(estimator: Any, check: Callable[[Any], None]) -> None:
    """Cloning, parameters, shapes, types, names of columns, errors for wrong input, and more."""
    check(estimator)


@pytest.mark.parametrize(
    ("transformer", "names"),
    [
        (ColumnSubset((1,)), ["visits"]),
        (Log1p(), ["spend", "visits"]),
        (Clip(), ["spend", "visits"]),
        (make_pipeline(ColumnSubset((1, 0)), Log1p(), StandardScaler()), ["visits", "spend"]),
    ],
)
def test_transformers_name_their_columns(transformer: Any, names: list[str]) -> None:
    """So that a data frame comes out of a pipeline when somebody asks for one."""
    frame = pd.DataFrame({"spend": [1.0, 2.0, 4.0], "visits": [3.0, 5.0, 8.0]})
    assert transformer.fit(frame).get_feature_names_out().tolist() == names
    assert transformer.set_output(transform="pandas").fit_transform(frame).columns.tolist() == names


def test_the_record_matrix_names_the_features() -> None:
    """Those that it states, or else those that come in."""
    assert RecordMatrix(("a", "b"), {}).get_feature_names_out().tolist() == ["a", "b"]
    assert RecordMatrix().fit(np.zeros((2, 2))).get_feature_names_out().tolist() == ["x0", "x1"]
