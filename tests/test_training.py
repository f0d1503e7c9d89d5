"""The build side: estimators, conditions, conformal sets, fitting, packing and ``train.py``."""

from __future__ import annotations

import csv
import io
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from segmentation.artifact import read_package
from segmentation.artifact.package import Package
from segmentation.datasets import Table, read_table
from segmentation.errors import PackageError, TrainingError
from segmentation.estimators import (
    TrainedOnCopies,
    missing_patterns,
    with_missing,
    with_noise,
)
from segmentation.schema import Column, Schema
from segmentation.studies.mobile import MOBILE, SCHEMA
from segmentation.study import Segment, record_matrix
from segmentation.training import cli, explore, pack, report
from segmentation.training.compare import Compared, compare
from segmentation.training.conditions import (
    COMPLETE,
    IMPRECISE,
    INCOMPLETE,
    Condition,
    accuracy_by_condition,
    conditions,
    robust_accuracy,
)
from segmentation.training.conformal import calibrate, coverage
from segmentation.training.describe import baseline, profiles
from segmentation.training.fit import Fitted, Labelled, cross_validate, labelled, search
from segmentation.training.labels import ContiguousLabels
from segmentation.training.onnx import check_agreement, random_matrix, to_onnx

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "data" / "mobile.csv"
SEED = 42
NOBODY = 65534
FEATURES = [column.name for column in SCHEMA.features]
CLASS = len(SCHEMA.columns) - 1

_FOREST = "classifier__estimator__forest__"
ONE_CANDIDATE = {
    _FOREST + "n_estimators": [30],
    _FOREST + "max_features": [1],
    _FOREST + "max_leaf_nodes": [200],
}

# Floors of the five-fold figures: what the shipped sample and the original are held to.
SAMPLE_FLOORS = {
    "accuracy, complete": 1.0,
    "accuracy, 1 missing": 0.998,
    "accuracy, 2 missing": 0.997,
    "accuracy, 3 missing": 0.995,
    "accuracy, 4 missing": 0.985,
    "accuracy, 10 % noise": 0.985,
    "accuracy, 20 % noise": 0.945,
    "coverage, complete": 0.95,
    "coverage, incomplete": 0.95,
    "coverage, imprecise": 0.95,
}
REAL_FLOORS = {
    "accuracy, complete": 1.0,
    "accuracy, 1 missing": 0.998,
    "accuracy, 2 missing": 0.997,
    "accuracy, 3 missing": 0.996,
    "accuracy, 4 missing": 0.985,
    "accuracy, 10 % noise": 0.993,
    "accuracy, 20 % noise": 0.955,
}

Rows = list[list[str]]


def sample_rows(per_class: int) -> Rows:
    """Return the header and the first rows of each class of the shipped sample."""
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    found = [header]
    for label in "12345":
        found += [row for row in rows if row[CLASS] == label][:per_class]
    return found


SMALL = sample_rows(12)


def as_csv(rows: Rows, separator: str = ",") -> str:
    """Return the text of a table."""
    file = io.StringIO()
    csv.writer(file, delimiter=separator, lineterminator="\n").writerows(rows)
    return file.getvalue()


def changed(row: int, cell: int, text: str) -> str:
    """Return the small table with one cell changed; row 0 is the header."""
    rows = [list(cells) for cells in SMALL]
    rows[row][cell] = text
    return as_csv(rows)


@pytest.fixture(scope="session")
def sample() -> Table:
    """The shipped sample."""
    return read_table(SAMPLE, SCHEMA)


@pytest.fixture(scope="session")
def data(sample: Table) -> Labelled:
    """The shipped sample as numbers."""
    return labelled(MOBILE, sample)


@pytest.fixture(scope="session")
def fitted(data: Labelled) -> Fitted:
    """A model of the shipped sample, of the parameters that the quick grid chooses."""
    return search(MOBILE, data, ONE_CANDIDATE, SEED, [])


@pytest.fixture(scope="session")
def figures(data: Labelled, fitted: Fitted) -> dict[str, float]:
    """Its five-fold figures."""
    return cross_validate(MOBILE, data, fitted.params, SEED)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A file of 60 rows, 12 of each class: enough to train on, and fast."""
    path = tmp_path / "small.csv"
    path.write_text(as_csv(SMALL), encoding="utf-8")
    return path


@pytest.fixture
def one_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line search a grid of one candidate."""
    monkeypatch.setitem(cli.STUDIES, "mobile", replace(MOBILE, grids={"quick": ONE_CANDIDATE}))


# Estimators


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


# Conditions


class ByGaps(BaseEstimator):  # type: ignore[misc]
    """A classifier that says 1 where the first of two answers is there and 2 where it isn't.

    Its certainty depends on the condition: 0.5 with a gap, 1 - x / 1000 where the second answer
    is exactly 1, as in complete records, and 0.75 elsewhere.
    """

    classes_ = np.array([1, 2])

    def predict(self, X: Any) -> Any:
        """Return 1 or 2."""
        return np.where(np.isnan(X[:, 0]), 2, 1)

    def predict_proba(self, X: Any) -> Any:
        """Return the probabilities of 1 and 2."""
        first = np.where(X[:, 1] == 1, 1 - X[:, 0].astype(float) / 1000, 0.75)
        first = np.where(np.isnan(X).any(axis=1), 0.5, first)
        return np.column_stack([first, 1 - first])


def numbered(n: int) -> Labelled:
    """Return records 1 to n for ``ByGaps``, all of class 1."""
    X = np.column_stack([np.arange(1, n + 1), np.ones(n)]).astype(np.float32)
    return Labelled(X, np.ones(n, dtype=np.int64))


def test_conditions_are_complete_incomplete_in_every_way_and_imprecise() -> None:
    """Of three answers one can be missing in 3 ways and two in 3; noise comes in two levels."""
    X = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
    found = conditions(X, 0, n_draws=2)
    assert [(one.name, one.kind, one.copies.shape) for one in found] == [
        ("complete", COMPLETE, (1, 4, 3)),
        ("1 missing", INCOMPLETE, (3, 4, 3)),
        ("2 missing", INCOMPLETE, (3, 4, 3)),
        ("10 % noise", IMPRECISE, (2, 4, 3)),
        ("20 % noise", IMPRECISE, (2, 4, 3)),
    ]
    assert [int(np.isnan(one.copies).sum()) for one in found] == [0, 12, 24, 0, 0]
    assert found[1].stacked.shape == (12, 3)
    np.testing.assert_array_equal(found[0].stacked, X)
    for one, other in zip(found, conditions(X, 0, n_draws=2), strict=True):
        np.testing.assert_array_equal(one.copies, other.copies)


def test_robust_accuracy_weighs_every_condition_the_same() -> None:
    """A model that is wrong on half of the records with one gap scores (1 + 1/2 + 1 + 1) / 4."""
    known = numbered(6)
    by_condition = accuracy_by_condition(ByGaps(), conditions(known.X, 0), known.y)
    assert by_condition == {"complete": 1, "1 missing": 0.5, "10 % noise": 1, "20 % noise": 1}
    assert robust_accuracy(ByGaps(), known.X, known.y) == 0.875
    assert np.mean(list(by_condition.values())) == 0.875


# Conformal prediction


def test_calibrate_finds_the_quantile_of_each_kind_and_takes_the_largest() -> None:
    """Of 19 scores the ceil(20 x 0.95) = 19th is the threshold: 0.019 for scores 0.001 to 0.019."""
    known = numbered(19)
    conformal = calibrate(ByGaps(), known.X, known.y, 0)
    assert conformal.thresholds == pytest.approx(
        {COMPLETE: 0.019, INCOMPLETE: 0.5, IMPRECISE: 0.25}
    )
    assert conformal.threshold == 0.5
    assert (conformal.coverage, conformal.n_calibration) == (0.95, 19)


def test_calibrate_leaves_out_the_worst_scores_that_the_coverage_allows() -> None:
    """Of 100 scores at least ceil(101 x 0.95) = 96 are covered, and no more than one beyond."""
    known = numbered(100)
    threshold = calibrate(ByGaps(), known.X, known.y, 0).thresholds[COMPLETE]
    assert 0.096 <= round(threshold, 9) <= 0.097


class Fixed(BaseEstimator):  # type: ignore[misc]
    """A classifier whose first answer is the probability of class 1."""

    classes_ = np.array([1, 2])

    def predict_proba(self, X: Any) -> Any:
        """Return the probabilities of 1 and 2."""
        return np.column_stack([X[:, 0], 1 - X[:, 0]]).astype(float)


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        # The sets at 0.5 are {1}, {1}, {2}; at 0.7 {1}, {1, 2}, {2}; at 0.05 all are empty.
        (0.5, (2 / 3, 0.0)),
        (0.7, (2 / 3, 1 / 3)),
        (0.05, (0.0, 1.0)),
    ],
)
def test_coverage_counts_true_segments_kept_and_sets_of_other_than_one(
    threshold: float, expected: tuple[float, float]
) -> None:
    """Records of class 1 with probabilities 0.9, 0.6 and 0.2 are covered up to their score."""
    copies = np.array([[[0.9], [0.6], [0.2]]], dtype=np.float32)
    found = coverage(Fixed(), [Condition("x", COMPLETE, copies)], np.ones(3, int), threshold)
    assert found == {COMPLETE: pytest.approx(expected)}


# Fitting


def test_labelled_gives_numbers_in_the_order_of_the_features(sample: Table, data: Labelled) -> None:
    """The matrix of the sample has 700 rows of five answers, and the labels beside them."""
    assert data.X.shape == (700, 5)
    assert np.bincount(data.y).tolist() == [0, 136, 146, 143, 139, 136]
    first = sample.records[0]
    np.testing.assert_array_equal(data.X[0], np.float32([first[name] for name in FEATURES]))


def test_search_holds_a_fifth_of_the_records_back_for_calibration(fitted: Fitted) -> None:
    """Of 700 records 560 are fitted on; the chosen parameters are those of the pipeline."""
    assert fitted.n_train == 560
    assert fitted.conformal.n_calibration == 140
    assert fitted.params == {name: values[0] for name, values in ONE_CANDIDATE.items()}
    assert fitted.pipeline.get_params()[_FOREST + "max_leaf_nodes"] == 200
    assert fitted.conformal.threshold == max(fitted.conformal.thresholds.values())


@pytest.mark.parametrize("name", SAMPLE_FLOORS)
def test_the_model_answers_held_out_records_of_the_sample(
    figures: dict[str, float], name: str
) -> None:
    """Each five-fold figure on the shipped sample reaches its floor."""
    assert figures[name] >= SAMPLE_FLOORS[name]


@pytest.fixture(scope="session")
def real_folder() -> Path:
    """The folder of the public data sets, if it is there."""
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("SEGMENTATION_REAL_DATA", default)) / "mobile"
    if not (folder / "user_behavior_dataset.csv").is_file():
        pytest.skip("there is no mobile/user_behavior_dataset.csv under SEGMENTATION_REAL_DATA")
    return folder


@pytest.mark.real
def test_the_model_answers_held_out_records_of_the_real_survey(real_folder: Path) -> None:
    """Each five-fold figure on the original survey reaches its floor."""
    survey = labelled(MOBILE, read_table(real_folder / "user_behavior_dataset.csv", SCHEMA))
    params = {name: values[0] for name, values in ONE_CANDIDATE.items()}
    found = cross_validate(MOBILE, survey, params, SEED)
    assert {name: found[name] for name in REAL_FLOORS if found[name] < REAL_FLOORS[name]} == {}


@pytest.mark.real
def test_the_two_files_of_the_real_survey_hold_the_same_records(real_folder: Path) -> None:
    """The original with commas and its variant with semicolons are read alike."""
    other = real_folder / "user_behaviour_dataset.csv"
    if not other.is_file():
        pytest.skip("there is no mobile/user_behaviour_dataset.csv under SEGMENTATION_REAL_DATA")
    comma = read_table(real_folder / "user_behavior_dataset.csv", SCHEMA)
    semicolon = read_table(other, SCHEMA)
    assert len(comma.records) == 700
    assert comma.records == semicolon.records


# ONNX


def test_the_onnx_model_answers_as_the_pipeline_does(data: Labelled, fitted: Fitted) -> None:
    """Training records and made-up ones with gaps get the same answers from both."""
    onnx, scorer = to_onnx(fitted.pipeline, FEATURES)
    assert scorer.features == FEATURES
    check_agreement(fitted.pipeline, onnx, data.X, random_matrix(data.X, SEED))


def test_an_onnx_model_of_another_pipeline_is_refused(data: Labelled, fitted: Fitted) -> None:
    """Disagreement stops the training and says by how much."""
    other = MOBILE.pipeline(SEED).set_params(**fitted.params).fit(data.X, np.roll(data.y, 1))
    onnx, _ = to_onnx(other, FEATURES)
    with pytest.raises(TrainingError, match=r"disagree: \d+ of 700 labels differ, probabilities"):
        check_agreement(fitted.pipeline, onnx, data.X)


class Undecided:
    """What ``check_agreement`` needs of a pipeline: one that always says 2, with a probability."""

    classes_ = np.array([1, 2])

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def predict(self, X: Any) -> Any:
        """Return 2 for every record."""
        return np.full(len(X), 2)

    def predict_proba(self, X: Any) -> Any:
        """Return the probabilities of 1 and 2."""
        return np.tile([1 - self.probability, self.probability], (len(X), 1))


def test_a_tie_may_come_out_either_way() -> None:
    """Of two segments that are equally probable either is right; of others only the first."""
    X = np.zeros((4, len(FEATURES)), dtype=np.float32)
    tree = DecisionTreeClassifier(random_state=0)
    tied = Pipeline([("records", record_matrix(SCHEMA)), ("tree", tree)]).fit(X, [1, 2, 1, 2])
    onnx, _ = to_onnx(tied, FEATURES)
    assert tied.predict(X).tolist() == [1, 1, 1, 1]
    check_agreement(Undecided(0.5), onnx, X)
    with pytest.raises(TrainingError, match="4 of 4 labels differ"):
        check_agreement(Undecided(0.51), onnx, X)


def test_random_records_have_an_answer_each_and_gaps_among_them() -> None:
    """Made-up records stay within 1.25 times the largest answers, also where training has gaps."""
    X = np.array([[1, 10, np.nan], [2, np.nan, 200], [4, 40, 400]], dtype=np.float32)
    matrix = random_matrix(X, SEED, 2_000)
    assert matrix.shape == (2_000, 3)
    assert matrix.dtype == np.float32
    answered = ~np.isnan(matrix)
    assert set(answered.sum(axis=1).tolist()) == {1, 2, 3}
    assert (np.nanmin(matrix, axis=0) >= 0).all()
    assert (np.nanmax(matrix, axis=0) <= [5, 50, 500]).all()
    np.testing.assert_array_equal(matrix, random_matrix(X, SEED, 2_000))


def test_golden_records_are_no_toss_up(
    *,
    sample: Table,
    data: Labelled,
    fitted: Fitted,
    figures: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Records whose segment leads by too little to be the same everywhere are not packed."""
    monkeypatch.setattr(pack, "SMALLEST_LEAD", 0.9)
    run = pack.Run(MOBILE, sample, data, fitted, figures, "quick", SEED, synthetic=True)
    golden = pack.pack(run).manifest.golden
    assert 0 < len(golden) < 10
    for answer in golden:
        second, first = sorted(answer.probabilities)[-2:]
        assert first - second > 0.9
    monkeypatch.setattr(pack, "SMALLEST_LEAD", 1.0)
    with pytest.raises(TrainingError, match="cannot tell the average records"):
        pack.pack(run)


# Descriptions

SHOPS = Schema(
    (
        Column("shop_id", "Shop", "identifier", "identifier", "Key."),
        Column("visits", "Visits", "number", "feature", "Visits.", minimum=0, maximum=9),
        Column("colour", "Colour", "category", "context", "Colour.", categories=("red", "blue")),
        Column("group", "Group", "integer", "target", "Group.", minimum=1, maximum=3),
    )
)
FOUR = [
    {"shop_id": 1, "visits": 1, "colour": "red", "group": 1},
    {"shop_id": 2, "visits": 3, "colour": "red", "group": 1},
    {"shop_id": 3, "visits": 8, "colour": "blue", "group": 2},
    {"shop_id": 4, "visits": None, "group": 2},
]
SEGMENTS = tuple(Segment(label, f"id_{label}", "Name", "Who.", "What.") for label in (3, 2, 1))


def test_baseline_describes_the_answers_given() -> None:
    """Of visits 1, 3, 8 and one gap: mean 4, deciles between them; two of three colours are red."""
    found = baseline(SHOPS, FOUR)
    assert found.model_dump() == {
        "numbers": {
            "visits": {
                "minimum": 1,
                "maximum": 8,
                "mean": 4,
                "deciles": [1.4, 1.8, 2.2, 2.6, 3, 4, 5, 6, 7],
                "missing": 0.25,
            }
        },
        "categories": {"colour": {"shares": {"red": 0.666667, "blue": 0.333333}, "missing": 0.25}},
    }


def test_profiles_compare_each_segment_with_everyone() -> None:
    """Segments come by label; 2 visits on average are half of everyone's 4, 8 are twice as many."""
    first, second = profiles(SHOPS, SEGMENTS, FOUR, np.array([1, 1, 2, 2]))
    assert (first.id, first.size, first.share) == ("id_1", 2, 0.5)
    assert first.numbers["visits"].model_dump() == {
        "mean": 2,
        "minimum": 1,
        "maximum": 3,
        "index": 50,
    }
    assert [share.model_dump() for share in first.categories["colour"]] == [
        {"value": "red", "share": 1, "index": 150}
    ]
    assert (second.id, second.numbers["visits"].index) == ("id_2", 200)
    assert second.categories["colour"][0].index == 300


# Exploration

SIX = Table(
    "six.csv",
    "",
    [
        {
            "shop_id": row,
            "visits": row,
            "colour": "red" if row <= 3 else "blue",
            "group": 1 if row <= 3 else 2,
        }
        for row in range(1, 7)
    ],
)


def test_summary_counts_gaps_and_says_where_the_answers_lie() -> None:
    """Every column has its gaps and distinct answers, and what its kind allows."""
    found = explore.summary(Table("four.csv", "", FOUR), SHOPS)
    assert found["missing"].to_dict() == {"shop_id": 0, "visits": 1, "colour": 1, "group": 0}
    assert found["distinct"].to_dict() == {"shop_id": 4, "visits": 3, "colour": 2, "group": 2}
    assert found.loc["visits", "minimum":"maximum"].tolist() == [1, 2, 3, 5.5, 8]
    assert found.loc["colour", "most_frequent"] == "red"
    assert found.loc["colour", "share"] == pytest.approx(2 / 3)


def test_associations_are_complete_where_classes_are_apart() -> None:
    """Ranks 1 2 3 against 4 5 6 give H = 27/7, epsilon-squared 27/35; own colours V = 1."""
    found = explore.associations(SIX, SHOPS)
    assert found.index.tolist() == ["colour", "visits"]
    assert found["statistic"].tolist() == pytest.approx([6, 27 / 7])
    assert found["effect"].tolist() == pytest.approx([1, 27 / 35])
    assert found["p_value"].tolist() == pytest.approx([0.014306, 0.049535], abs=1e-6)


def test_one_answer_is_associated_with_nothing() -> None:
    """A column in which everyone says the same has no test; without a target there is none."""
    same = [record | {"visits": 5, "colour": None} for record in SIX.records]
    assert explore.associations(Table("same.csv", "", same), SHOPS)["effect"].isna().all()
    with pytest.raises(ValueError, match="no target"):
        explore.associations(SIX, Schema(SHOPS.columns[:-1]))


def test_importances_are_what_shuffling_costs() -> None:
    """A tree that reads only the first of two answers loses by it and not by the other."""
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 25, dtype=np.float32)
    known = Labelled(X, X[:, 0].astype(np.int64))
    tree = DecisionTreeClassifier(max_depth=1, random_state=0).fit(known.X, known.y)
    found = explore.importances(tree, known, ["read", "ignored"], "accuracy")
    assert found.index.tolist() == ["read", "ignored"]
    assert found.loc["read", "loss"] == pytest.approx(0.5, abs=0.1)
    assert found.loc["ignored"].tolist() == [0, 0]


# Comparison


# Keras's variables don't know NumPy 2's "copy" yet; that shows when the network is pickled.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
def test_compare_measures_every_kind_of_model(data: Labelled) -> None:
    """Each kind gets one line of plausible figures from 150 records, the network included."""
    rows = np.concatenate([np.flatnonzero(data.y == label)[:30] for label in range(1, 6)])
    found = compare(Labelled(data.X[rows], data.y[rows]), SEED)
    assert [row.name for row in found] == [
        "Decision Tree",
        "Random Forest",
        "Gradient Boosted Trees",
        "SVC",
        "Logistic Regression",
        "HistGradientBoosting",
        "XGBoost",
        "1-D CNN",
    ]
    for row in found:
        assert 0.85 <= row.accuracy <= 1
        assert 0.85 <= row.recall <= 1
        assert 0.85 <= row.precision <= 1
        assert 0.8 <= row.robust <= 1
        assert 0 < row.fit_seconds < 60
        assert 0 < row.record_ms < 1_000
        assert 1_000 < row.size < 10_000_000


def test_the_comparison_is_printed_whole_in_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No figure is cut where output is not a terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    name = "Gradient Boosted Trees"
    report.comparison([Compared(name, 0.9881, 0.9882, 0.9883, 0.9884, 12.34, 1_234_567, 56.78)])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for text in (name, "0.9881", "0.9882", "0.9883", "0.9884", "12.3", "1,235", "56.78"):
        assert text in lines[-2]


# The command line


def train(*arguments: object) -> int:
    """Run ``train.py`` in this process."""
    return cli.main([str(argument) for argument in arguments])


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on standard error."""
    text = capsys.readouterr().err
    assert text.startswith("train.py: ")
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return text


@dataclass(frozen=True)
class Trained:
    """Two packages that one command line made."""

    first: Package
    second: Package


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The small table, trained on twice with one seed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "small.csv").write_text(as_csv(SMALL), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cli.STUDIES, "mobile", replace(MOBILE, grids={"quick": ONE_CANDIDATE}))
        for name in ("first.bin", "second.bin"):
            assert train("--data", folder / "small.csv", "--output", folder / name) == 0
    return Trained(read_package(folder / "first.bin"), read_package(folder / "second.bin"))


def test_one_seed_makes_one_model(trained: Trained, data: Labelled) -> None:
    """Training twice gives the same version, the same scorer and the same answers."""
    first, second = trained.first, trained.second
    assert first.manifest.version == second.manifest.version
    assert first.scorer == second.scorer
    one, other = (pickle.loads(package.pipeline) for package in (first, second))
    np.testing.assert_array_equal(one.predict_proba(data.X), other.predict_proba(data.X))


@pytest.mark.usefixtures("one_candidate")
def test_another_seed_makes_another_model(small: Path, tmp_path: Path, trained: Trained) -> None:
    """The seed is in the manifest and decides what comes out."""
    assert train("--data", small, "--output", tmp_path / "m.bin", "--seed", 7) == 0
    manifest = read_package(tmp_path / "m.bin").manifest
    assert manifest.training.random_state == 7
    assert manifest.version != trained.first.manifest.version


def test_the_package_says_what_it_was_trained_on(trained: Trained) -> None:
    """The manifest names table, rows, parameters and figures, and is not called synthetic."""
    manifest = trained.first.manifest
    assert (manifest.training.data.name, manifest.training.data.rows) == ("small.csv", 60)
    assert (manifest.training.n_train, manifest.training.n_calibration) == (48, 12)
    assert manifest.training.params == {name: values[0] for name, values in ONE_CANDIDATE.items()}
    assert [segment.size for segment in manifest.segments] == [12] * 5
    assert {figure.name for figure in manifest.figures} >= SAMPLE_FLOORS.keys()
    assert manifest.caveats == list(MOBILE.caveats)


def test_the_pickle_answers_records_under_the_original_headers(trained: Trained) -> None:
    """Whoever unpickles the pipeline can hand it a data frame as Kaggle has it."""
    pipeline = pickle.loads(trained.first.pipeline)
    table = pd.read_csv(SAMPLE)
    assert (pipeline.predict(table) == table["User Behavior Class"]).mean() > 0.95


@pytest.mark.usefixtures("one_candidate")
def test_without_arguments_the_sample_becomes_model_bin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default trains on the shipped sample and makes the scorer that is shipped, too."""
    monkeypatch.chdir(tmp_path)
    assert train() == 0
    package, shipped = read_package(tmp_path / "model.bin"), read_package(ROOT / "model.bin")
    manifest = package.manifest
    assert package.scorer == shipped.scorer
    assert manifest.training.params == shipped.manifest.training.params
    assert manifest.training.data == shipped.manifest.training.data
    assert "synthetic sample" in manifest.caveats[0]
    output = capsys.readouterr().out
    assert f"model.bin: model {manifest.version}" in output
    assert manifest.caveats[0] in output.replace("\n", " ")
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


@pytest.mark.usefixtures("one_candidate")
def test_a_byte_order_mark_and_semicolons_change_nothing(tmp_path: Path, trained: Trained) -> None:
    """The same records make the same model, whatever program saved the table."""
    path = tmp_path / "saved.csv"
    path.write_text(as_csv(SMALL, ";").replace("\n", "\r\n"), encoding="utf-8-sig", newline="")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 0
    assert read_package(tmp_path / "m.bin").manifest.version == trained.first.manifest.version


@pytest.mark.usefixtures("one_candidate")
def test_tabs_and_the_features_alone_are_enough(tmp_path: Path) -> None:
    """Columns that only describe may be left out."""
    path = tmp_path / "features.csv"
    path.write_text(as_csv([row[3:8] + row[CLASS:] for row in SMALL], "\t"), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 0
    assert read_package(tmp_path / "m.bin").manifest.baseline.categories["gender"].missing == 1


@pytest.mark.usefixtures("one_candidate")
def test_a_table_with_gaps_can_be_trained_on(tmp_path: Path) -> None:
    """Also where a column has one answer only, which most folds don't see."""
    rows = [list(row) for row in SMALL]
    for row in rows[2:]:
        row[4] = ""
    for number, row in enumerate(rows[1:]):
        row[5 + number % 3] = ""
    path = tmp_path / "gaps.csv"
    path.write_text(as_csv(rows), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 0
    numbers = read_package(tmp_path / "m.bin").manifest.baseline.numbers
    assert numbers["screen_on_hours_per_day"].missing == pytest.approx(59 / 60, abs=1e-6)
    assert numbers["apps_installed"].missing == pytest.approx(20 / 60, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            as_csv([row[:3] + row[4:] for row in SMALL]),
            "missing column 'App Usage Time (min/day)'",
        ),
        (as_csv([row[:CLASS] for row in SMALL]), "missing column 'User Behavior Class'"),
        (changed(0, 8, "Shoe Size"), "unknown column 'Shoe Size'"),
        (changed(0, 8, "Gender"), "column 'Gender' stands there 2 times"),
        (
            changed(3, 3, "many"),
            "row 3 (line 4), column 'App Usage Time (min/day)': must be a number from 0 to 1440",
        ),
        (
            changed(3, 4, "25"),
            "row 3 (line 4), column 'Screen On Time (hours/day)': must be a number from 0 to 24",
        ),
        (
            changed(3, 5, "nan"),
            "row 3 (line 4), column 'Battery Drain (mAh/day)': must be a number",
        ),
        (changed(3, 6, "1_0"), "row 3 (line 4), column 'Number of Apps Installed': must be a num"),
        (
            changed(3, 7, "-1"),
            "row 3 (line 4), column 'Data Usage (MB/day)': must be a number from",
        ),
        (
            changed(3, 8, "4.5"),
            "row 3 (line 4), column 'Age': must be a whole number from 0 to 120",
        ),
        (changed(3, 9, "x" * 101), "row 3 (line 4), column 'Gender': must be text of 1 to 100"),
        (changed(3, CLASS, "6"), "row 3 (line 4), column 'User Behavior Class': must be a whole"),
        (changed(3, CLASS, ""), "row 3 (line 4), column 'User Behavior Class': is missing"),
        (
            changed(3, 0, SMALL[1][0]),
            "row 3 (line 4), column 'User ID': the same as in row 1 (line 2)",
        ),
        (
            as_csv([*SMALL[:3], [*SMALL[3][:3], "", "", "", "", "", *SMALL[3][8:]], *SMALL[4:]]),
            "row 3 (line 4): needs at least one of: app_usage_min_per_day",
        ),
        (as_csv([*SMALL[:3], SMALL[3][:-1]]), "row 3 (line 4): has 10 cells, the header has 11"),
        (as_csv(SMALL[:13]), "column 'User Behavior Class' has fewer than 2 classes"),
        (as_csv([SMALL[0], *SMALL[4:]]), "class 1 has 9 rows; at least 10 are needed"),
        (
            as_csv([SMALL[0], *([*row[:4], "", *row[5:]] for row in SMALL[1:])]),
            "column 'Screen On Time (hours/day)' has no answers to learn from",
        ),
        (as_csv(SMALL[:1]), "has a header but no rows"),
        (as_csv(SMALL) + '"61', "line 62: unexpected end of data"),
        ("", "is empty"),
        (" \n\n", "is empty"),
    ],
)
def test_a_bad_table_is_refused_by_row_line_and_column(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1, and the first thing wrong in words that lead to the cell."""
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    assert expected in complaint(capsys)
    assert [one.name for one in tmp_path.iterdir()] == ["bad.csv"]


def test_one_reason_takes_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A single fault is said in a line that begins with the program and the file."""
    path = tmp_path / "bad.csv"
    path.write_text(changed(3, 3, "1441"), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    assert complaint(capsys) == (
        f"train.py: {path}: row 3 (line 4), column 'App Usage Time (min/day)': "
        "must be a number from 0 to 1440 (minutes per day)\n"
    )


def test_a_table_without_a_header_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands in the first line is called unknown, and what should stand there missing."""
    path = tmp_path / "bad.csv"
    path.write_text(as_csv(SMALL[1:]), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    found = capsys.readouterr().err
    assert "unknown column" in found
    assert "missing column 'User Behavior Class'" in found


def test_many_reasons_are_cut_at_twenty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sixty faults are said as twenty lines and the number of the others."""
    path = tmp_path / "bad.csv"
    rows = [SMALL[0], *([*row[:8], "old", *row[9:]] for row in SMALL[1:])]
    path.write_text(as_csv(rows), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert "row 20 (line 21), column 'Age'" in lines[19]
    assert lines[20].strip() == "and 40 more"


def test_lines_are_counted_where_cells_hold_line_breaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row after a cell of two lines is named by the line that an editor shows."""
    rows = [list(row) for row in SMALL]
    rows[1][1] = "two\nlines"
    rows[3][3] = "many"
    path = tmp_path / "bad.csv"
    path.write_text(as_csv(rows), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    assert "row 3 (line 5)" in complaint(capsys)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: path.parent, "there is no such file"),
        (lambda path: path.mkdir(), "is a directory, not a CSV file"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.write_bytes(b"User ID,Age\n1,\xff\n"), "line 2 is not UTF-8 text"),
        (lambda path: path.write_text(as_csv(SMALL), encoding="utf-16"), "is not UTF-8 text"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
    ids=["none", "directory", "empty", "Latin-1", "UTF-16", "loop"],
)
def test_a_file_that_is_no_table_is_refused(
    make: Callable[[Path], object],
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit status 1 and one line that says what the file is instead."""
    path = tmp_path / "table.csv"
    make(path)
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    found = complaint(capsys)
    assert str(path) in found
    assert expected in found


@contextmanager
def public_folder() -> Iterator[Path]:
    """Make a folder that every user may enter and write to, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


@contextmanager
def without_rights() -> Iterator[None]:
    """Be a user without rights for a while: root may read and write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_table_without_permission_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1 and one line where the user may not read the table."""
    with public_folder() as folder:
        path = folder / "secret.csv"
        path.write_text(as_csv(SMALL), encoding="utf-8")
        path.chmod(0)
        with without_rights():
            assert train("--data", path, "--output", folder / "m.bin") == 1
        assert [one.name for one in folder.iterdir()] == ["secret.csv"]
    assert complaint(capsys) == f"train.py: {path}: no permission to read it\n"


def test_a_folder_without_permission_is_refused_before_training(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 1 and one line where the user may not write the package."""
    monkeypatch.setattr(cli, "read_table", lambda *_: pytest.fail("it went on"))
    with public_folder() as folder:
        folder.chmod(0o555)
        output = folder / "m.bin"
        with without_rights():
            assert train("--output", output) == 1
    expected = f"train.py: --output {output}: no permission to write to {folder}\n"
    assert complaint(capsys) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [("absent/m.bin", "there is no folder"), (".", "is a directory")],
)
def test_an_output_that_cannot_be_written_is_refused_before_training(
    output: str,
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waits for a model that has no place to go."""
    monkeypatch.setattr(cli, "read_table", lambda *_: pytest.fail("it went on"))
    assert train("--output", tmp_path / output) == 1
    assert expected in complaint(capsys)


def raising(error: BaseException) -> Callable[..., Any]:
    """Return a function that raises `error`."""

    def function(*_: Any, **__: Any) -> Any:
        raise error

    return function


@pytest.mark.parametrize(
    ("step", "error", "status", "expected"),
    [
        ("search", TrainingError("no model"), 1, "no model"),
        ("pack", TrainingError("they disagree"), 1, "they disagree"),
        ("write_package", OSError(28, "No space left on device", "m.tmp"), 1, "m.tmp: No space"),
        ("search", KeyboardInterrupt(), 130, "interrupted; nothing was written"),
    ],
)
@pytest.mark.usefixtures("one_candidate")
def test_the_old_package_stays_when_training_fails(
    *,
    step: str,
    error: BaseException,
    status: int,
    expected: str,
    small: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever breaks and whenever, the file that is there is left byte for byte alone."""
    output = small.with_name("model.bin")
    output.write_bytes(b"the old package")
    monkeypatch.setattr(cli, step, raising(error))
    assert train("--data", small, "--output", output) == status
    assert output.read_bytes() == b"the old package"
    assert expected in complaint(capsys)
    assert sorted(path.name for path in small.parent.iterdir()) == ["model.bin", "small.csv"]


def test_the_old_package_stays_when_the_table_is_bad(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that is refused leaves the file that is there byte for byte alone."""
    small.write_text(changed(3, 3, "many"), encoding="utf-8")
    output = small.with_name("model.bin")
    output.write_bytes(b"the old package")
    assert train("--data", small, "--output", output) == 1
    assert output.read_bytes() == b"the old package"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seed", "-1"],
        ["--seed", "4294967296"],
        ["--seed", "1.5"],
        ["--seed", "many"],
        ["--seed", ""],
        ["--grid", "huge"],
        ["--unknown"],
    ],
)
def test_a_bad_argument_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2 and the usage."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    assert "usage: train.py" in capsys.readouterr().err


def key_files(folder: Path, name: str) -> tuple[Path, str]:
    """Write a private key; return its path and the public key as PEM text."""
    key = Ed25519PrivateKey.generate()
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return path, public.decode()


@pytest.mark.usefixtures("one_candidate")
def test_a_signed_package_is_accepted_with_its_key_only(small: Path) -> None:
    """``--sign`` makes a package that the public key opens and another one doesn't."""
    key, public = key_files(small.parent, "ours")
    _, other = key_files(small.parent, "theirs")
    output = small.with_name("model.bin")
    assert train("--data", small, "--output", output, "--sign", key) == 0
    assert read_package(output, public).manifest.study == "mobile"
    assert read_package(output).manifest.study == "mobile"
    with pytest.raises(PackageError, match="not signed by the key"):
        read_package(output, other)
    content = output.read_bytes()
    assert key.read_bytes() not in content


@pytest.mark.usefixtures("one_candidate")
def test_an_unsigned_package_is_refused_where_a_key_is_asked_for(small: Path) -> None:
    """Leaving the signature out is no way around it."""
    _, public = key_files(small.parent, "ours")
    output = small.with_name("model.bin")
    assert train("--data", small, "--output", output) == 0
    with pytest.raises(PackageError, match="is not signed"):
        read_package(output, public)


def test_a_signing_key_that_cannot_be_used_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key, no PEM and a key of another kind each cost one line and no training."""
    monkeypatch.setattr(cli, "read_table", lambda *_: pytest.fail("it went on"))
    (tmp_path / "text.pem").write_text("not a key")
    (tmp_path / "other.pem").write_bytes(
        X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    for name in ("absent.pem", "text.pem", "other.pem"):
        assert train("--output", tmp_path / "m.bin", "--sign", tmp_path / name) == 1
        assert name in complaint(capsys)


def test_the_script_trains_as_its_users_run_it(small: Path) -> None:
    """``python train.py`` searches the quick grid from any folder, and complains of nothing."""
    found = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "--data", small.name, "--output", "m.bin"],
        cwd=small.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stderr == ""
    assert found.returncode == 0
    manifest = read_package(small.with_name("m.bin")).manifest
    assert f"m.bin: model {manifest.version}" in found.stdout
    assert manifest.training.grid == "quick"
    assert manifest.training.params.keys() == MOBILE.grids["quick"].keys()
