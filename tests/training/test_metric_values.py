"""Measures of clusters and classifiers, against numbers worked out by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from segmentation.errors import TrainingError
from segmentation.study import make_k_means
from segmentation.training.measuring import cluster_metrics
from segmentation.training.measuring.classification_metrics import (
    measure_calibration,
    score_baselines,
    score_classifier,
)
from segmentation.training.measuring.cluster_metrics import measure_clusters, measure_curve
from tests.support.metrics import scores_by_name


def score(y_true: object, probabilities: object, classes: object) -> dict[str, float]:
    """Return the scores of a classifier by name."""
    return scores_by_name(score_classifier(y_true, probabilities, classes))  # type: ignore[arg-type]


# Two pairs on a line, 2 wide and 10 apart.
PAIRS = np.array([[0.0], [2.0], [10.0], [12.0]])
PAIR_LABELS = np.array([0, 0, 1, 1])


def test_cluster_quality_measures_two_pairs_as_by_hand() -> None:
    """Silhouettes are 9/11 and 7/9, and in the other space 3/5 and 1/3; scatter is 1, apart 10.

    Between the pairs the sum of squares is 100 with 1 degree of freedom, within them 4 with 2.
    """
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    quality = measure_clusters(PAIRS, X, PAIR_LABELS)
    assert quality.model_dump() == pytest.approx(
        {
            "silhouette": 79 / 99,
            "silhouette_columns": 7 / 15,
            "n_silhouette_records": 4,
            "davies_bouldin": 0.2,
            "calinski_harabasz": 50,
        },
        abs=1e-6,
    )


def test_cluster_quality_samples_silhouettes_of_many_records_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond the limit a silhouette is that of a sample, the same one for the same seed."""
    monkeypatch.setattr(cluster_metrics, "MOST_ROWS_COMPARED", 50)
    random = np.random.RandomState(0)
    labels = np.repeat([0, 1], 30)
    Z = labels[:, np.newaxis] + random.normal(0, 0.3, (60, 2))
    clusters = measure_clusters(Z, Z, labels, seed=1)
    assert clusters.n_silhouette_records == 50
    assert clusters == measure_clusters(Z, Z, labels, seed=1)
    assert clusters != measure_clusters(Z, Z, labels, seed=2)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_cluster_quality_refuses_what_are_no_clusters(labels: list[int]) -> None:
    """One cluster of all records, or one for each, has nothing to be compared with."""
    with pytest.raises(TrainingError, match=r"^4 records cannot be judged in [14] clusters$"):
        measure_clusters(PAIRS, PAIRS, np.array(labels))


def test_k_curve_measures_each_number_of_clusters() -> None:
    """Two clusters are the pairs; three leave one pair: silhouettes 0, 0, 3/4 and 4/5.

    Of the sum of squares, 104, that leaves 102 with 2 degrees of freedom against 2 with 1.
    """
    two, three = measure_curve(PAIRS, make_k_means, [2, 3], 0)
    assert (two.k, three.k) == (2, 3)
    assert [two.inertia, two.silhouette, two.davies_bouldin] == pytest.approx([4, 79 / 99, 0.2])
    assert [three.inertia, three.silhouette] == pytest.approx([2, 0.3875])
    assert [two.calinski_harabasz, three.calinski_harabasz] == pytest.approx([50, 25.5])
    assert three.davies_bouldin == pytest.approx((1 / 11 + 1 / 9 + 1 / 9) / 3)


@pytest.mark.parametrize("k", [1, 4])
def test_k_curve_refuses_numbers_without_a_silhouette(k: int) -> None:
    """At least 2 clusters, and fewer than records."""
    with pytest.raises(TrainingError, match=f"^4 records cannot be judged in {k} clusters$"):
        measure_curve(PAIRS, make_k_means, [k], 0)


def test_score_classifier_are_those_worked_out_by_hand() -> None:
    """Four records of three classes, answered a, b, b, c: the second is wrong.

    Macro AUC: a is above the rest in 3 of 4 pairs, b in 2 of 3, c in all. Calibration: three
    answers of confidence 0.5 to 0.6 add up to 0.25 too little, one of 0.8 to 0.2 too little.
    """
    P = [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.35, 0.55, 0.1], [0.1, 0.3, 0.6]]
    assert score(["a", "a", "b", "c"], P, ["a", "b", "c"]) == pytest.approx(
        {
            "accuracy": 3 / 4,
            "balanced_accuracy": (1 / 2 + 1 + 1) / 3,
            "macro_f1": (2 / 3 + 2 / 3 + 1) / 3,
            "macro_auc": (3 / 4 + 2 / 3 + 1) / 3,
            "log_loss": -(log(0.8) + log(0.3) + log(0.55) + log(0.6)) / 4,
            "brier_score": (0.06 + 0.86 + 0.335 + 0.26) / 4,
            "calibration_error": (0.25 + 0.2) / 4,
            "precision, a": 1,
            "precision, b": 1 / 2,
            "precision, c": 1,
            "recall, a": 1 / 2,
            "recall, b": 1,
            "recall, c": 1,
        }
    )


def test_score_classifier_take_classes_in_any_order() -> None:
    """Columns belong to the classes as given, sorted or not, integers or text."""
    P = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    item = score([7, 7, 2], P, [7, 2])
    second = score([7, 7, 2], P[:, ::-1], [2, 7])
    assert item == pytest.approx(second)
    assert item["recall, 7"] == 1 / 2


def test_score_classifier_leave_out_what_an_absent_class_leaves_undefined() -> None:
    """Nothing is said of a class that neither occurs nor is predicted, and nobody is warned."""
    result = score(["a", "a", "b"], [[0.9, 0.1, 0], [0.8, 0.2, 0], [0.7, 0.3, 0]], ["a", "b", "c"])
    assert "precision, c" not in result
    assert "recall, c" not in result
    assert (result["precision, b"], result["recall, b"]) == (0, 0)
    assert result["balanced_accuracy"] == 0.5
    assert result["macro_f1"] == pytest.approx((0.8 + 0) / 2)
    assert result["macro_auc"] == 1


def test_score_classifier_count_a_predicted_class_that_does_not_occur() -> None:
    """Its precision is 0 and lowers macro F1; a recall it hasn't."""
    result = score(["a", "a"], [[0.9, 0.1], [0.4, 0.6]], ["a", "b"])
    assert result["precision, b"] == 0
    assert "recall, b" not in result
    assert "macro_auc" not in result
    assert result["balanced_accuracy"] == 0.5
    assert result["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_log_loss_stays_finite_where_the_truth_was_held_impossible() -> None:
    """A probability of 0 counts as the smallest step of a double above 1: 2 to the -52nd."""
    result = score(["a", "b"], [[1, 0], [1, 0]], ["a", "b"])
    assert result["log_loss"] == pytest.approx(52 * log(2) / 2)
    assert result["brier_score"] == 1


def test_score_classifier_refuse_unknown_classes_and_no_records() -> None:
    """Neither is a measurement; the class isn't repeated."""
    with pytest.raises(TrainingError, match=r"hold a class that the model doesn't know$"):
        score(["secret"], [[1.0]], ["a"])
    with pytest.raises(TrainingError, match=r"^there are no records"):
        score([], np.empty((0, 1)), ["a"])


def test_calibration_error_weighs_the_bins_by_their_answers() -> None:
    """Three answers of 0.9, two of them right, and one of 0.4 that is right: (0.7 + 0.6) / 4."""
    calibration = measure_calibration(np.array([0.9, 0.9, 0.9, 0.4]), np.array([1, 1, 0, 1]))
    assert calibration == pytest.approx((0.7 + 0.6) / 4)


def test_calibration_error_is_none_where_confidence_is_frequency() -> None:
    """Of ten answers of confidence 0.7 seven are right; of two certain ones both."""
    confidences = np.array([0.7] * 10 + [1.0] * 2)
    assert measure_calibration(confidences, np.array([1] * 7 + [0] * 3 + [1] * 2)) == pytest.approx(
        0
    )


def test_calibration_bins_hold_their_upper_edge() -> None:
    """0.5 is in one bin with 0.45 and not with 0.55: a wrong 0.5 and a right 0.45 make up for it.

    In one bin they are 0.05 too little; the 0.55 that is right is 0.45 too little.
    """
    calibration = measure_calibration(np.array([0.5, 0.45, 0.55]), np.array([0, 1, 1]))
    assert calibration == pytest.approx((abs(0.55 - 0.5) + 0.45) / 3)


def test_the_lowest_calibration_bin_ends_at_a_tenth() -> None:
    """A right answer of 0.05 is 0.95 too little, a wrong one of 0.15 that much too much."""
    calibration = measure_calibration(np.array([0.05, 0.15]), np.array([1, 0]))
    assert calibration == pytest.approx((0.95 + 0.15) / 2)


def test_baselines_learn_from_the_training_labels_alone() -> None:
    """The largest class is that of the training records; the dummy draws with their shares."""
    result = score_baselines(["a", "a", "a", "b"], ["a", "b", "b", "b"], 0)
    assert result["largest_class"] == 0.25
    train = np.repeat(["a", "b"], [3000, 1000])
    result = score_baselines(train, train, 0)
    assert result["largest_class"] == 0.75
    # By chance 0.75² + 0.25²; one standard deviation is 0.008.
    assert result["stratified_draw"] == pytest.approx(0.625, abs=0.03)
    assert result == score_baselines(train, train, 0)
