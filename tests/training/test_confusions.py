"""What was mistaken for what: counts by hand, and against the figures beside them."""

from __future__ import annotations

import numpy as np
import pytest
from segmentation.training.measuring.metric_records import confusion

from segmentation.artifact import Manifest, read_package
from segmentation.errors import TrainingError
from segmentation.training.fitting.fit_study import learn
from segmentation.training.measuring.classification_metrics import confusion_counts
from tests.support.planted import IDS, STUDY, draw, source
from tests.support.shipped import PACKAGES

EXPECTED = {
    "mobile": [("complete", True), ("4 missing", True)],
    "household": [("indirect", False)],
    "credit_card": [],
    "retail": [("91 days ahead", False)],
}


def test_rows_are_the_truth_and_columns_the_answers() -> None:
    """Two of the three a are taken for b; nobody for c."""
    counts = confusion_counts(["a", "a", "a", "b", "c"], ["b", "a", "b", "b", "a"], ["a", "b", "c"])
    assert counts.tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 0]]
    with pytest.raises(TrainingError, match="hold a class"):
        confusion_counts(["a"], ["secret"], ["a"])


def test_several_models_are_added_up() -> None:
    """In the order of labels; a segment that is only an answer has a row of zeros."""
    low, mid, high = range(3)
    asked = [(np.array([low, mid]), np.array([low, high])), (np.array([mid]), np.array([mid]))]
    says = {"name": "n", "on": "o", "inputs": "i", "circular": False}
    found = confusion(STUDY, asked, says)
    assert found.segments == list(IDS)
    assert found.counts == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]


def test_each_record_is_asked_once_by_a_model_that_has_not_seen_it() -> None:
    """The counts of the ages alone add up to the records, and to the figure, fold by fold."""
    X, _ = draw()
    learned = learn(STUDY, source(X), "quick", 0)
    (found,) = learned.confusions
    counts = np.array(found.counts)
    assert (found.name, found.circular) == ("indirect", False)
    assert counts.sum() == len(X)
    np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(learned.y))
    assert np.trace(counts) / len(X) == pytest.approx(learned.figure("accuracy, indirect"))


@pytest.fixture(params=EXPECTED)
def manifest(request: pytest.FixtureRequest) -> Manifest:
    """The model card of each shipped package."""
    return read_package(PACKAGES[request.param]).manifest


def test_counts_agree_with_the_figure_of_their_name(manifest: Manifest) -> None:
    """Its accuracy is the share of the diagonal, and it is of the same kind and records."""
    found = [(one.name, one.circular) for one in manifest.confusions]
    assert found == EXPECTED[manifest.study]
    figures = {figure.name: figure for figure in manifest.figures}
    for one in manifest.confusions:
        figure, counts = figures[f"accuracy, {one.name}"], np.array(one.counts)
        assert (figure.on, figure.inputs, figure.circular) == (one.on, one.inputs, one.circular)
        assert np.trace(counts) / counts.sum() == pytest.approx(figure.value, abs=1e-6)
        assert one.segments == [segment.id for segment in manifest.segments]


def test_recall_is_the_share_of_a_row() -> None:
    """And precision that of a column, where one model was asked rather than one for each fold."""
    manifest = read_package(PACKAGES["retail"]).manifest
    (one,) = manifest.confusions
    values = {figure.name: figure.value for figure in manifest.figures}
    counts = np.array(one.counts)
    for position, segment in enumerate(one.segments):
        row, column = counts[position].sum(), counts[:, position].sum()
        assert values[f"recall, {segment}, {one.name}"] == pytest.approx(
            counts[position, position] / row, abs=1e-6
        )
        assert values[f"precision, {segment}, {one.name}"] == pytest.approx(
            counts[position, position] / column, abs=1e-6
        )
