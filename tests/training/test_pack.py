"""What a package says: ONNX against the pipeline, baseline, profiles, exploration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from segmentation.datasets import RecordTable
from segmentation.errors import TrainingError
from segmentation.schema import Column, Schema
from segmentation.studies.mobile import MOBILE, SCHEMA
from segmentation.study import Segment, make_record_matrix
from segmentation.training import exploration
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.fitting.supervised import Fitted
from segmentation.training.labelled_records import LabelledRecords
from segmentation.training.measuring.profiles import baseline, profiles
from segmentation.training.packing import pack
from segmentation.training.packing.onnx_conversion import check_agreement, random_matrix, to_onnx
from segmentation.training.training_data import TrainingData
from tests.support.tables import (
    FEATURES,
    SEED,
)


def test_the_onnx_model_answers_as_the_pipeline_does(data: LabelledRecords, fitted: Fitted) -> None:
    """Training records and made-up ones with gaps get the same answers from both."""
    onnx, scorer = to_onnx(fitted.pipeline, FEATURES)
    assert scorer.features == FEATURES
    check_agreement(fitted.pipeline, onnx, data.X, random_matrix(data.X, SEED))


def test_an_onnx_model_of_another_pipeline_is_refused(
    data: LabelledRecords, fitted: Fitted
) -> None:
    """Disagreement stops the training and says by how much."""
    second = MOBILE.pipeline(SEED).set_params(**fitted.params).fit(data.X, np.roll(data.y, 1))
    onnx, _ = to_onnx(second, FEATURES)
    with pytest.raises(TrainingError, match=r"disagree: \d+ of 700 labels differ, probabilities"):
        check_agreement(fitted.pipeline, onnx, data.X)


class Undecided:
    """What ``check_agreement`` needs of a pipeline: one that always says 2, with a probability."""

    classes_ = np.array([1, 2])

    def __init__(self, probability: float) -> None:
        self.probability = probability

    def __getitem__(self, step: int) -> Undecided:
        return self

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
    tied = Pipeline([("records", make_record_matrix(SCHEMA)), ("tree", tree)]).fit(X, [1, 2, 1, 2])
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


def make_run(sample: RecordTable, data: LabelledRecords, fitted: Fitted) -> pack.Run:
    """Return what is packed after the sample of mobile was learned."""
    learned = FittedModel(
        pipeline=fitted.pipeline,
        conformal=fitted.conformal,
        X=data.X,
        y=data.y,
        n_train=fitted.n_train,
        metrics=(),
    )
    return pack.Run(MOBILE, TrainingData(sample, synthetic=True), learned, "quick", SEED)


def test_what_the_service_would_refuse_is_not_packed(
    sample: RecordTable, data: LabelledRecords, fitted: Fitted
) -> None:
    """Its author hears of it, and not who serves it."""
    first, *further = MOBILE.segments
    study = replace(MOBILE, segments=(replace(first, id="not a name"), *further))
    run = replace(make_run(sample, data, fitted), study=study)
    with pytest.raises(TrainingError, match=r"would refuse the package, .*: a segment has no name"):
        pack.pack(run)


def test_a_segment_of_a_few_has_no_golden_records(
    sample: RecordTable, data: LabelledRecords, fitted: Fitted
) -> None:
    """Of four customers no averages are published, so none are made up of them either."""
    members = np.flatnonzero(data.y == 1)
    labels = data.y.copy()
    labels[members[4:]] = 2
    run = make_run(sample, data, fitted)
    packed = pack.pack(replace(run, learned=replace(run.learned, y=labels))).manifest
    assert packed.segments[0].numbers == {}
    assert packed.golden


def test_golden_records_are_no_toss_up(
    sample: RecordTable, data: LabelledRecords, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records whose segment leads by too little to be the same everywhere are not packed."""
    monkeypatch.setattr(pack, "SMALLEST_LEAD", 0.9)
    run = make_run(sample, data, fitted)
    golden = pack.pack(run).manifest.golden
    assert 0 < len(golden) < 10
    for answer in golden:
        second, first = sorted(answer.probabilities)[-2:]
        assert first - second > 0.9
    monkeypatch.setattr(pack, "SMALLEST_LEAD", 1.0)
    with pytest.raises(TrainingError, match="cannot tell the average records"):
        pack.pack(run)


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


VISITS = (0, 1, 1, 2, 3, 5, 8, 9, None, None, None)
ELEVEN = [
    {
        "shop_id": row,
        "visits": value,
        "colour": "red" if row < 7 else "blue",
        "group": 1 if row < 6 else 2,
    }
    for row, value in enumerate(VISITS)
]


def test_baseline_describes_the_answers_given() -> None:
    """Eight visits with a sum of 29, three of them up to 1 and three from 5 on; eleven colours."""
    result = baseline(SHOPS, ELEVEN).model_dump()
    assert result == {
        "numbers": {
            "visits": {
                "low": 1,
                "high": 5,
                "mean": 3.625,
                "deciles": pytest.approx([1, 1, 1.1, 1.8, 2.5, 3.4, 4.8, 5, 5]),
                "missing": 0.272727,
            }
        },
        "categories": {"colour": {"shares": {"red": 0.636364, "blue": 0.363636}, "missing": 0}},
    }


def test_profiles_compare_each_segment_with_everyone() -> None:
    """Six shops with 2 visits on average, everyone's being 3.625; of two numbers nothing is said.

    Nor of colours: one red shop in the second group would follow from those of the first.
    """
    labels = np.array([record["group"] for record in ELEVEN])
    first, second = profiles(SHOPS, SEGMENTS, ELEVEN, labels)
    assert (first.id, first.size, first.share) == ("id_1", 6, 0.545455)
    assert first.numbers["visits"].model_dump() == {"mean": 2, "low": 1, "high": 2, "index": 55.2}
    assert (second.id, second.numbers) == ("id_2", {})
    assert first.categories == {"colour": []}
    assert second.categories == {"colour": []}


def test_profiles_compare_answers_with_everyones() -> None:
    """Of the first group all are red, of everyone 6 in 11: 183.3."""
    records = [record | {"colour": "red" if record["group"] == 1 else "blue"} for record in ELEVEN]
    labels = np.array([record["group"] for record in records])
    shares = [item.categories["colour"] for item in profiles(SHOPS, SEGMENTS, records, labels)]
    assert [[share.model_dump() for share in item] for item in shares] == [
        [{"value": "red", "share": 1, "index": 183.3}],
        [{"value": "blue", "share": 1, "index": 220}],
    ]


SIX = RecordTable(
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
    result = exploration.summary(RecordTable("four.csv", "", FOUR), SHOPS)
    assert result["missing"].to_dict() == {"shop_id": 0, "visits": 1, "colour": 1, "group": 0}
    assert result["distinct"].to_dict() == {"shop_id": 4, "visits": 3, "colour": 2, "group": 2}
    assert result.loc["visits", "minimum":"maximum"].tolist() == [1, 2, 3, 5.5, 8]
    assert result.loc["colour", "most_frequent"] == "red"
    assert result.loc["colour", "share"] == pytest.approx(2 / 3)


def test_associations_are_complete_where_classes_are_apart() -> None:
    """Ranks 1 2 3 against 4 5 6 give H = 27/7, epsilon-squared 27/35; own colours V = 1."""
    result = exploration.associations(SIX, SHOPS)
    assert result.index.tolist() == ["colour", "visits"]
    assert result["statistic"].tolist() == pytest.approx([6, 27 / 7])
    assert result["effect"].tolist() == pytest.approx([1, 27 / 35])
    assert result["p_value"].tolist() == pytest.approx([0.014306, 0.049535], abs=1e-6)


def test_one_answer_is_associated_with_nothing() -> None:
    """A column in which everyone says the same has no test; without a target there is none."""
    same = [record | {"visits": 5, "colour": None} for record in SIX.records]
    assert exploration.associations(RecordTable("same.csv", "", same), SHOPS)["effect"].isna().all()
    with pytest.raises(ValueError, match="no target"):
        exploration.associations(SIX, Schema(SHOPS.columns[:-1]))


def test_importances_are_what_shuffling_costs() -> None:
    """A tree that reads only the first of two answers loses by it and not by the other."""
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 25, dtype=np.float32)
    known_names = LabelledRecords(X, X[:, 0].astype(np.int64))
    tree = DecisionTreeClassifier(max_depth=1, random_state=0).fit(known_names.X, known_names.y)
    result = exploration.importances(tree, known_names, ["read", "ignored"], "accuracy")
    assert result.index.tolist() == ["read", "ignored"]
    assert result.loc["read", "loss"] == pytest.approx(0.5, abs=0.1)
    assert result.loc["ignored"].tolist() == [0, 0]
