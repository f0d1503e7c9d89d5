"""What was mistaken for what: counts by hand, and against the figures beside them."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.artifact import Manifest, read_package
from segmentation.errors import TrainingError
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.measuring.classification_metrics import count_confusions
from segmentation.training.measuring.conditions import INDIRECT
from segmentation.training.measuring.measurements import make_confusion
from segmentation.wording.metrics import describe_subject
from tests.support.metrics import HELD_OUT, values_by_name
from tests.support.planted import IDS, STUDY, draw, source
from tests.support.shipped import PACKAGES

EXPECTED = {
    "mobile": [("complete records", True), ("4 answers missing", True)],
    "household": [("without any answer that defines the segments", False)],
    "credit_card": [],
    "retail": [("91 days ahead", False)],
}


def test_rows_are_the_truth_and_columns_the_answers() -> None:
    """Two of the three a are taken for b; nobody for c."""
    counts = count_confusions(["a", "a", "a", "b", "c"], ["b", "a", "b", "b", "a"], ["a", "b", "c"])
    assert counts.tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 0]]
    with pytest.raises(TrainingError, match="hold a class"):
        count_confusions(["a"], ["secret"], ["a"])


def test_several_models_are_added_up() -> None:
    """In the order of labels; a segment that is only an answer has a row of zeros."""
    low, mid, high = range(3)
    request = [(np.array([low, mid]), np.array([low, high])), (np.array([mid]), np.array([mid]))]
    confusion = make_confusion(STUDY, request, features=[], circular=False, evaluation=HELD_OUT)
    assert confusion.segments == list(IDS)
    assert confusion.counts == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]


def test_each_record_is_asked_once_by_a_model_that_has_not_seen_it() -> None:
    """The counts of the ages alone add up to the records, and to the figure, fold by fold."""
    X, _ = draw()
    learned = fit_study(STUDY, source(X), "quick", 0)
    (result,) = learned.confusions
    counts = np.array(result.counts)
    assert (result.condition, result.circular) == (INDIRECT, False)
    assert counts.sum() == len(X)
    np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(learned.y))
    assert np.trace(counts) / len(X) == pytest.approx(
        values_by_name(learned.metrics)["accuracy, indirect"]
    )


@pytest.fixture(params=EXPECTED)
def manifest(request: pytest.FixtureRequest) -> Manifest:
    """The model card of each shipped package."""
    return read_package(PACKAGES[request.param]).manifest


def test_counts_agree_with_the_figure_of_their_name(manifest: Manifest) -> None:
    """Its accuracy is the share of the diagonal, and it is of the same kind and records."""
    subjects = [(describe_subject(item), item.circular) for item in manifest.confusions]
    assert subjects == EXPECTED[manifest.study]
    for confusion in manifest.confusions:
        (metric,) = (
            metric
            for metric in manifest.metrics
            if (metric.measure, metric.predictor, metric.feature_set) == ("accuracy", "model", None)
            and metric.condition == confusion.condition
            and metric.horizon_days == confusion.horizon_days
        )
        counts = np.array(confusion.counts)
        assert metric.evaluation == confusion.evaluation
        assert (metric.features, metric.circular) == (confusion.features, confusion.circular)
        assert np.trace(counts) / counts.sum() == pytest.approx(metric.value, abs=1e-6)
        assert confusion.segments == [segment.id for segment in manifest.segments]


def test_recall_is_the_share_of_a_row() -> None:
    """And precision that of a column, where one model was asked rather than one for each fold."""
    manifest = read_package(PACKAGES["retail"]).manifest
    (item,) = manifest.confusions
    values = values_by_name(manifest.metrics)
    counts = np.array(item.counts)
    for position, segment in enumerate(item.segments):
        row, column = counts[position].sum(), counts[:, position].sum()
        assert values[f"recall, {segment}, 91 days ahead"] == pytest.approx(
            counts[position, position] / row, abs=1e-6
        )
        assert values[f"precision, {segment}, 91 days ahead"] == pytest.approx(
            counts[position, position] / column, abs=1e-6
        )
