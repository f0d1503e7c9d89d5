"""The conditions under which models are measured, and conformal prediction under them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator

from segmentation.artifact.manifest import Conformal
from segmentation.artifact.metrics import Condition
from segmentation.training.fitting.conformal_calibration import calibrate, measure_coverage
from segmentation.training.labelled_records import LabelledRecords
from segmentation.training.measuring.conditions import (
    COMPLETE,
    INDIRECT,
    ConditionedRecords,
    copy_under_conditions,
    measure_accuracy,
    robust_accuracy,
)
from segmentation.training.measuring.prediction_sets import make_sets


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


def missing(n: int) -> Condition:
    """Return the condition of `n` missing answers."""
    return Condition(kind="incomplete", n_missing=n)


def noisy(noise: float | None, n: int | None = None) -> Condition:
    """Return the condition of a relative error, maybe with `n` missing answers."""
    return Condition(kind="imprecise", noise=noise, n_missing=n)


def numbered(n: int) -> LabelledRecords:
    """Return records 1 to n for ``ByGaps``, all of class 1."""
    X = np.column_stack([np.arange(1, n + 1), np.ones(n)]).astype(np.float32)
    return LabelledRecords(X, np.ones(n, dtype=np.int64))


def test_conditions_are_complete_incomplete_in_every_way_and_imprecise() -> None:
    """Of three answers one can be missing in 3 ways and two in 3; noise comes in two levels."""
    X = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
    result = copy_under_conditions(X, 0, n_draws=2)
    assert [(records.condition, records.copies.shape) for records in result] == [
        (COMPLETE, (1, 4, 3)),
        (missing(1), (3, 4, 3)),
        (missing(2), (3, 4, 3)),
        (noisy(0.1), (2, 4, 3)),
        (noisy(0.1, 1), (3, 4, 3)),
        (noisy(0.1, 2), (3, 4, 3)),
        (noisy(0.2), (2, 4, 3)),
        (noisy(0.2, 1), (3, 4, 3)),
        (noisy(0.2, 2), (3, 4, 3)),
    ]
    gaps = [int(np.isnan(item_value.copies).sum()) for item_value in result]
    assert gaps == [0, 12, 24, 0, 12, 24, 0, 12, 24]
    assert result[1].stacked.shape == (12, 3)
    np.testing.assert_array_equal(result[0].stacked, X)
    for item, condition in zip(result, copy_under_conditions(X, 0, n_draws=2), strict=True):
        np.testing.assert_array_equal(item.copies, condition.copies)


def test_robust_accuracy_weighs_every_condition_the_same() -> None:
    """A model that is wrong on half of those with a gap scores (1 + 1/2 + 2 (1 + 1/2)) / 6."""
    known_names = numbered(6)
    measurements = measure_accuracy(
        ByGaps(), copy_under_conditions(known_names.X, 0), known_names.y
    )
    assert {measurement.condition: measurement.value for measurement in measurements} == {
        COMPLETE: 1,
        missing(1): 0.5,
        noisy(0.1): 1,
        noisy(0.1, 1): 0.5,
        noisy(0.2): 1,
        noisy(0.2, 1): 0.5,
    }
    assert robust_accuracy(ByGaps(), known_names.X, known_names.y) == 0.75


def test_only_decisive_answers_go_missing_or_imprecise() -> None:
    """Of three answers two are decisive: either, then both are taken out; the third stays exact."""
    X = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
    result = copy_under_conditions(X, 0, n_draws=2, decisive=[0, 2])
    assert [(records.condition, records.n_missing, records.copies.shape) for records in result] == [
        (COMPLETE, 0, (1, 4, 3)),
        (missing(1), 1, (2, 4, 3)),
        (INDIRECT, 2, (1, 4, 3)),
        (noisy(0.1), 0, (2, 4, 3)),
        (noisy(0.1, 1), 1, (2, 4, 3)),
        (noisy(0.2), 0, (2, 4, 3)),
        (noisy(0.2, 1), 1, (2, 4, 3)),
    ]
    for item in result:
        for copy in item.copies:
            np.testing.assert_array_equal(copy[:, 1], X[:, 1])
            assert int(np.isnan(copy).any(axis=0).sum()) == item.n_missing
    assert not (result[3].copies[:, :, [0, 2]] == X[:, [0, 2]]).any()


def test_of_many_decisive_answers_a_few_ways_are_drawn() -> None:
    """Nine can be missing in 510 ways: of each number from one to eight a few stand for all."""
    result = copy_under_conditions(np.ones((2, 9), dtype=np.float32), 0)
    incomplete = [item_value for item_value in result if item_value.condition.kind == "incomplete"]
    assert [item_entry.n_missing for item_entry in incomplete] == list(range(1, 9))
    assert [item_data.condition for item_data in incomplete] == [
        missing(size) for size in range(1, 9)
    ]
    for item in incomplete:
        assert len(item.copies) == 4
        assert (np.isnan(item.copies).sum(axis=2) == item.n_missing).all()


def thresholds_of(conformal: Conformal) -> dict[Condition, float]:
    """Return what each condition asks for, of all segments alike: they have few records."""
    for measured in conformal.measured:
        assert len(set(measured.thresholds)) == 1
    return {measured.condition: measured.thresholds[0] for measured in conformal.measured}


def calibrated(n: int) -> Conformal:
    """Return what ``ByGaps`` is calibrated to on records 1 to n, all answers being decisive."""
    return calibrate([(ByGaps(), numbered(n))], [0, 1], 0, "what it is")


def test_calibrate_finds_the_quantile_of_each_condition() -> None:
    """Of 19 scores the ceil(20 x 0.95) = 19th is the threshold: 0.019 for scores 0.001 to 0.019."""
    conformal = calibrated(19)
    assert thresholds_of(conformal) == pytest.approx(
        {COMPLETE: 0.019, missing(1): 0.5, noisy(None): 0.25, noisy(None, 1): 0.5}
    )
    assert (conformal.coverage, conformal.n_calibration) == (0.95, 19)
    assert conformal.truth == "what it is"


def test_thresholds_are_by_missing_answers_and_never_fall() -> None:
    """What looks complete may be imprecise, 0.25; with one gap 0.5, and with two no less."""
    assert [row[0] for row in calibrated(19).thresholds] == pytest.approx([0.25, 0.5, 0.5])


def test_calibrate_pools_what_several_models_have_not_seen() -> None:
    """Records 1 to 10 and 11 to 19 of two models count like records 1 to 19 of one."""
    known_names = numbered(19)
    two = [(ByGaps(), known_names[:10]), (ByGaps(), known_names[10:])]
    conformal = calibrate(two, [0, 1], 0, "what it is")
    assert conformal.n_calibration == 19
    assert thresholds_of(conformal)[COMPLETE] == pytest.approx(0.019)
    assert [row[0] for row in conformal.thresholds] == pytest.approx([0.25, 0.5, 0.5])


def test_calibrate_leaves_out_the_worst_scores_that_the_coverage_allows() -> None:
    """Of 100 scores at least ceil(101 x 0.95) = 96 are covered, and no more than one beyond."""
    threshold = thresholds_of(calibrated(100))[COMPLETE]
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
        # The sets at 0.5 are {1}, {1}, {2}; at 0.7 {1}, {1, 2}, {2}.
        (0.5, (2 / 3, 2 / 3, 0.0)),
        (0.7, (2 / 3, 2 / 3, 1 / 3)),
        # None has 0.85 in the last two: {1}, {1, 2}, and {1, 2}, as 0.8 alone is not enough.
        (0.15, (1.0, 1.0, 2 / 3)),
    ],
)
def test_coverage_counts_true_segments_kept_and_sets_of_other_than_one(
    threshold: float, expected: tuple[float, float, float]
) -> None:
    """Records of class 1 with probabilities 0.9, 0.6 and 0.2 are covered up to their score."""
    copies = np.array([[[0.9], [0.6], [0.2]]], dtype=np.float32)
    conditioned = [ConditionedRecords(COMPLETE, 0, copies)]
    coverage = measure_coverage(Fixed(), conditioned, np.ones(3, int), [[threshold] * 2])
    assert [(item.measure, item.condition) for item in coverage] == [
        ("coverage", COMPLETE),
        ("worst_coverage", COMPLETE),
        ("unsure", COMPLETE),
    ]
    assert [item_value.value for item_value in coverage] == pytest.approx(expected)


def test_coverage_takes_the_threshold_of_as_many_missing_answers() -> None:
    """With one answer missing the second threshold counts: at 0.7 one set of three holds both."""
    copies = np.array([[[0.9], [0.6], [0.2]]], dtype=np.float32)
    conditioned = [ConditionedRecords(missing(1), 1, copies)]
    thresholds = [[0.05] * 2, [0.7] * 2]
    coverage = measure_coverage(Fixed(), conditioned, np.ones(3, int), thresholds)
    assert {item.condition for item in coverage} == {Condition(kind="incomplete")}
    assert [item_value.value for item_value in coverage] == pytest.approx([2 / 3, 2 / 3, 1 / 3])


class Unequal(BaseEstimator):  # type: ignore[misc]
    """A classifier that is surer of records of class 1 than of those of class 2."""

    classes_ = np.array([1, 2])

    def predict_proba(self, X: Any) -> Any:
        """Return the probability of the truth that stands in the first column, by the second."""
        true, first = X[:, 0], X[:, 1] == 1
        return np.where(first[:, np.newaxis], np.column_stack([true, 1 - true]),
                        np.column_stack([1 - true, true])).astype(float)  # fmt: skip


def test_a_small_segment_has_a_threshold_of_its_own() -> None:
    """Of 100 records each the ceil(101 x 0.95) = 96th score: 0.096 of 0.001 to 0.1, and 0.48."""
    n = np.arange(1, 101)
    X = np.vstack([np.column_stack([1 - n / 1000, np.full(100, 1)]),
                   np.column_stack([1 - n / 200, np.full(100, 2)])]).astype(np.float32)  # fmt: skip
    records = LabelledRecords(X, np.repeat([1, 2], 100))
    conformal = calibrate([(Unequal(), records)], [0], 0, "truth", ())
    complete = conformal.measured[0]
    assert complete.condition == COMPLETE
    assert complete.thresholds == pytest.approx([0.096, 0.48], abs=0.006)


@given(
    P=st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=1, max_size=5),
    least=st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_sets_in_arrays_and_one_by_one_are_the_same(
    P: list[list[float]], least: list[float]
) -> None:
    """The likeliest is always in; where none has enough, so many as together have it."""
    shares = np.array([np.array(row) / sum(row) for row in P])
    sets = make_sets(shares, np.array(least))
    for row, plausible in zip(shares, sets, strict=True):
        assert plausible[row.argmax()]
        above = row >= least
        if above.any():
            assert (plausible == (above | (np.arange(3) == row.argmax()))).all()
        else:
            order = np.argsort(-row, kind="stable")
            needed = least[int(order[0])]
            n_chosen = int(plausible.sum())
            assert set(order[:n_chosen]) == set(np.flatnonzero(plausible))
            assert row[order[: n_chosen - 1]].sum() < needed
            assert n_chosen == 3 or row[order[:n_chosen]].sum() >= needed
