"""Our scikit-learn estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.tree import DecisionTreeClassifier

from segmentation.estimators import (
    TrainedOnCopies,
    missing_patterns,
    with_missing,
    with_noise,
)
from segmentation.studies.mobile import SCHEMA
from segmentation.study import record_matrix
from segmentation.training.labels import ContiguousLabels
from tests.training.tables import (
    FEATURES,
)


def test_missing_patterns_are_every_subset_but_none_and_all() -> None:
    """Three answers can be missing in six ways, the single gaps first."""
    expected = ["100", "010", "001", "110", "101", "011"]
    patterns = missing_patterns(3)
    assert ["".join(map(str, row)) for row in patterns.astype(int)] == expected


def test_with_missing_takes_out_what_the_pattern_says_of_a_copy() -> None:
    """NaN stands where the pattern is True; the records themselves stay as they are."""
    X = np.array([[1, 2], [3, 4]], dtype=np.float32)
    found = with_missing(X, np.array([True, False]))
    np.testing.assert_array_equal(found, np.array([[np.nan, 2], [np.nan, 4]], dtype=np.float32))
    assert found.dtype == np.float32
    assert X[0, 0] == 1


def test_with_noise_scales_each_answer_and_never_below_zero() -> None:
    """Noise is relative with the stated deviation, keeps gaps and zeros and no sign turns."""
    X = np.full((20_000, 3), 100, dtype=np.float32)
    X[:, 1], X[:, 2] = 0, np.nan
    found = with_noise(X, 0.2, np.random.RandomState(0))
    assert found.dtype == np.float32
    assert found[:, 0].mean() == pytest.approx(100, abs=0.5)
    assert found[:, 0].std() == pytest.approx(20, abs=0.5)
    assert (found[:, 1] == 0).all()
    assert np.isnan(found[:, 2]).all()
    assert with_noise(X[:, :1], 3.0, np.random.RandomState(0)).min() == 0
    np.testing.assert_array_equal(with_noise(X, 0.0, np.random.RandomState(0)), X)


ANSWERS = [30.0, 1.5, 302.0, 10.0, 102.0]
TITLES = [column.title for column in SCHEMA.features]


@pytest.mark.parametrize(
    "records",
    [
        pd.DataFrame([ANSWERS], columns=TITLES),
        pd.DataFrame([ANSWERS], columns=[title.lower().replace(" ", "_") for title in TITLES]),
        pd.DataFrame([ANSWERS], columns=FEATURES)[FEATURES[::-1]].assign(age=40, gender="Male"),
        [dict(zip(FEATURES, ANSWERS, strict=True)) | {"user_id": "a"}],
        [
            dict(zip(TITLES, ANSWERS, strict=True))
            | {TITLES[1]: None, "Screen On Time (min/day)": 90}
        ],
        [
            dict(zip(FEATURES, ANSWERS, strict=True))
            | {FEATURES[1]: None, "screen_on_time_(min/day)": 90}
        ],
        [ANSWERS],
        np.array([ANSWERS]),
    ],
    ids=[
        "original headers",
        "underscored headers",
        "own names, other order, more columns",
        "dictionaries",
        "minutes by header",
        "minutes by underscored header",
        "lists",
        "array",
    ],
)
def test_record_matrix_reads_every_accepted_form(records: Any) -> None:
    """The same answers come out in order, as float32, in hours."""
    matrix = record_matrix(SCHEMA).fit_transform(records)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, np.array([ANSWERS], dtype=np.float32))


def test_record_matrix_leaves_gaps_as_nan() -> None:
    """Answers that are absent, None or pandas' NA become NaN."""
    records = pd.DataFrame({"apps_installed": pd.array([10, None], dtype="Int64")})
    for form in (records, [{"apps_installed": 10, "age": 3}, {"apps_installed": None}]):
        matrix = record_matrix(SCHEMA).transform(form)
        assert matrix[0, 3] == 10
        assert np.isnan(matrix).sum() == 9


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (np.zeros((2, 4)), r"expected 5 columns, got shape \(2, 4\)"),
        (ANSWERS, r"expected 5 columns, got shape \(5,\)"),
        ([], "expected 5 columns"),
        ([{"age": 40}], "none of the columns is one of app_usage_min_per_day"),
        (pd.DataFrame({"apps_installed": ["many"]}), "could not convert"),
        ([["many"] * 5], "could not convert"),
    ],
)
def test_record_matrix_refuses_what_it_cannot_read(records: Any, message: str) -> None:
    """Other widths, unknown columns and text raise ValueError."""
    with pytest.raises(ValueError, match=message):
        record_matrix(SCHEMA).transform(records)


def test_record_matrix_names_its_features() -> None:
    """scikit-learn can ask what the columns of the matrix are."""
    assert record_matrix(SCHEMA).get_feature_names_out().tolist() == FEATURES


class Remembering(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that keeps what it was fitted on and answers with the first class."""

    def fit(self, X: Any, y: Any) -> Remembering:
        """Keep everything."""
        self.X_, self.y_, self.classes_ = np.asarray(X), np.asarray(y), np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        """Return the first class for every record."""
        return np.full(len(X), self.classes_[0])

    def predict_proba(self, X: Any) -> Any:
        """Return certainty in the first class."""
        return np.tile(np.eye(len(self.classes_))[0], (len(X), 1))


def test_trained_on_copies_learns_from_every_pattern_and_noise() -> None:
    """Two records of three answers become 2 x (1 + 6 + 4), the originals first."""
    X = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)
    model = TrainedOnCopies(Remembering(), n_noisy=4, random_state=0).fit(X, np.array([7, 9]))
    inner = model.estimator_
    assert inner.X_.shape == (22, 3)
    assert inner.y_.tolist() == [7, 9] * 11
    np.testing.assert_array_equal(inner.X_[:2], X)
    assert np.isnan(inner.X_[2:14]).sum() == 2 * (3 * 1 + 3 * 2)
    assert not np.isnan(inner.X_[14:]).any()
    assert model.classes_.tolist() == [7, 9]
    assert model.predict(X).tolist() == [7, 7]
    assert model.predict_proba(X).tolist() == [[1, 0], [1, 0]]
    again = TrainedOnCopies(Remembering(), n_noisy=4, random_state=0).fit(X, [7, 9])
    np.testing.assert_array_equal(again.estimator_.X_, inner.X_)


def test_trained_on_copies_answers_only_when_fitted() -> None:
    """An unfitted model says that it is not fitted."""
    with pytest.raises(NotFittedError):
        TrainedOnCopies(Remembering()).predict(np.zeros((1, 3)))


def test_contiguous_labels_show_the_inner_model_labels_from_zero() -> None:
    """Labels 1 to 5 are 0 to 4 inside and 1 to 5 again outside."""
    X = np.arange(10, dtype=np.float32).reshape(-1, 1)
    y = np.array([1, 2, 3, 4, 5] * 2)
    assert ContiguousLabels(Remembering()).fit(X, y).estimator_.y_.tolist() == [0, 1, 2, 3, 4] * 2
    model = ContiguousLabels(DecisionTreeClassifier(random_state=0)).fit(X, y)
    assert model.classes_.tolist() == [1, 2, 3, 4, 5]
    assert model.predict(X).tolist() == y.tolist()
    assert model.predict_proba(X).argmax(axis=1).tolist() == (y - 1).tolist()
