"""Numbers about classifiers, for the report and the manifest.

Measures only: what is fitted comes in as probabilities. Which records a metric is about, and
whether its inputs define the label, is said by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score, roc_auc_score

from segmentation.artifact.metrics import Measure, Predictor
from segmentation.errors import TrainingError

CALIBRATION_BINS = 10
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Score:
    """One number about a classifier.

    Attributes
    ----------
    measure : str
    value : float
    class_name : str or None
        The class that it is about, for precision and recall.
    """

    measure: Measure
    value: float
    class_name: str | None = None


def score_classifier(
    y_true: ArrayLike, probabilities: ArrayLike, classes: ArrayLike
) -> list[Score]:
    """Measure a classifier's probabilities against the truth.

    Parameters
    ----------
    y_true : array of shape (n_samples,)
    probabilities : array of shape (n_samples, n_classes)
    classes : array of shape (n_classes,)
        What each column of the probabilities stands for; all different.

    Returns
    -------
    list of Score
        Accuracy, balanced accuracy, macro F1, log-loss, Brier score (the sum over classes, 0 to 2:
        Brier 1950), calibration error, macro AUC (one class against the rest), and precision and
        recall of each class. A class that occurs but is never predicted has precision 0. What a
        class that does not occur leaves undefined is left out: its recall, its part in balanced
        accuracy and AUC, and its precision if it is not predicted either.

    Raises
    ------
    TrainingError
        If there are no records, or the truth holds a class that has no probability.
    """
    names = np.asarray(classes)
    P = np.asarray(probabilities, dtype=np.float64)
    true = _find_positions(np.asarray(y_true), names)
    predicted = P.argmax(axis=1)
    truth = np.eye(len(names))[true]
    by_class = _score_classes(true, predicted, names)
    recalls = [score.value for score in by_class if score.measure == "recall"]
    return [
        Score("accuracy", float(np.mean(predicted == true))),
        Score("balanced_accuracy", float(np.mean(recalls))),
        Score("macro_f1", float(f1_score(true, predicted, average="macro", zero_division=0))),
        Score("log_loss", float(-np.log(np.maximum(P[truth == 1], SMALLEST_PROBABILITY)).mean())),
        Score("brier_score", float(((P - truth) ** 2).sum(axis=1).mean())),
        Score("calibration_error", measure_calibration(P.max(axis=1), predicted == true)),
        *_score_auc(truth, P),
        *by_class,
    ]


def count_confusions(
    y_true: ArrayLike, y_predicted: ArrayLike, classes: ArrayLike
) -> NDArray[np.int64]:
    """Count the records of each class that were answered with each.

    Parameters
    ----------
    y_true, y_predicted : array of shape (n_samples,)
    classes : array of shape (n_classes,)
        All that occur, each once.

    Returns
    -------
    ndarray of shape (n_classes, n_classes), int
        True classes in rows, answers in columns, both in the order of `classes`.

    Raises
    ------
    TrainingError
        If there are no records, or they hold a class that is not among the classes.
    """
    names = np.asarray(classes)
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    rows, columns = (_find_positions(np.asarray(y), names) for y in (y_true, y_predicted))
    np.add.at(counts, (rows, columns), 1)
    return counts


def measure_calibration(confidences: NDArray[Any], correct: NDArray[Any]) -> float:
    """Return the expected calibration error over 10 equally wide bins of confidence.

    The mean difference between how sure answers are and how often they are right, in each bin,
    weighted by its answers: Naeini, Cooper and Hauskrecht 2015,
    https://doi.org/10.1609/aaai.v29i1.9602, on the probability of the predicted class as in Guo
    et al. 2017, https://proceedings.mlr.press/v70/guo17a.html. Bins hold their upper edge.

    Parameters
    ----------
    confidences : ndarray of shape (n_samples,)
        Probability of the predicted class.
    correct : ndarray of shape (n_samples,), bool
        Whether the predicted class is the true one.
    """
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    bins = np.digitize(confidences, edges, right=True)
    gaps = np.bincount(bins, weights=correct - confidences, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(confidences))


def score_baselines(y_train: ArrayLike, y_test: ArrayLike, seed: int) -> dict[Predictor, float]:
    """Return the accuracy of answers that read no record.

    Parameters
    ----------
    y_train : array of shape (n_train,)
    y_test : array of shape (n_test,)
    seed : int
        Seed of the random draw.

    Returns
    -------
    dict of str to float
        ``largest_class``: always the largest class of `y_train`. ``stratified_draw``: a class drawn
        with the shares of `y_train`. Both are measured on `y_test`.
    """
    train, test = np.asarray(y_train), np.asarray(y_test)
    strategies: dict[Predictor, str] = {
        "largest_class": "most_frequent",
        "stratified_draw": "stratified",
    }
    accuracies: dict[Predictor, float] = {}
    for predictor, strategy in strategies.items():
        dummy = DummyClassifier(strategy=strategy, random_state=seed)
        predicted = dummy.fit(np.zeros((len(train), 1)), train).predict(np.zeros((len(test), 1)))
        accuracies[predictor] = float(np.mean(predicted == test))
    return accuracies


def _find_positions(y_true: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.intp]:
    if not len(y_true):
        raise TrainingError("there are no records to measure a classifier on")
    matches = y_true[:, np.newaxis] == classes
    if not matches.any(axis=1).all():
        raise TrainingError("the records to measure on hold a class that the model doesn't know")
    return np.asarray(matches.argmax(axis=1))


def _score_classes(
    true: NDArray[np.intp], predicted: NDArray[np.intp], names: NDArray[Any]
) -> list[Score]:
    scores = []
    for position, name in enumerate(names.tolist()):
        occurs, is_answer = true == position, predicted == position
        hits, n_answers = float(np.sum(occurs & is_answer)), float(np.sum(is_answer))
        if occurs.any() or n_answers:
            scores.append(Score("precision", hits / n_answers if n_answers else 0.0, str(name)))
        if occurs.any():
            scores.append(Score("recall", hits / float(np.sum(occurs)), str(name)))
    return scores


def _score_auc(truth: NDArray[Any], P: NDArray[Any]) -> list[Score]:
    """Return the mean over classes that some, but not all, records have; nothing without one."""
    shares = truth.mean(axis=0)
    areas = [
        roc_auc_score(truth[:, position], P[:, position])
        for position in np.flatnonzero((shares > 0) & (shares < 1))
    ]
    return [Score("macro_auc", float(np.mean(areas)))] if areas else []
