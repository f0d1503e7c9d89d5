"""Numbers about classifiers, for the report and the manifest.

Measures only: what is fitted comes in as probabilities. Which records a metric is about, and
whether its inputs define the label, is said by the caller.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score, roc_auc_score

from segmentation.errors import TrainingError

CALIBRATION_BINS = 10
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)


def classification_figures(
    y_true: ArrayLike, probabilities: ArrayLike, classes: ArrayLike
) -> dict[str, float]:
    """Measure a classifier's probabilities against the truth.

    Parameters
    ----------
    y_true : array of shape (n_samples,)
    probabilities : array of shape (n_samples, n_classes)
    classes : array of shape (n_classes,)
        What each column of the probabilities stands for; all different.

    Returns
    -------
    dict of str to float
        Accuracy, balanced accuracy, macro F1, macro AUC (one class against the rest), log-loss,
        Brier score (the sum over classes, 0 to 2: Brier 1950), calibration error, and precision
        and recall of each class. A class that occurs but is never predicted has precision 0. What
        a class that doesn't occur leaves undefined is not there: its recall, its part in balanced
        accuracy and AUC, and its precision if it isn't predicted either.

    Raises
    ------
    TrainingError
        If there are no records, or the truth holds a class that has no probability.
    """
    names = np.asarray(classes)
    P = np.asarray(probabilities, dtype=np.float64)
    true = _positions(np.asarray(y_true), names)
    predicted = P.argmax(axis=1)
    truth = np.eye(len(names))[true]
    by_class = _precision_and_recall(true, predicted, names)
    recalls = [value for name, value in by_class.items() if name.startswith("recall")]
    figures = {
        "accuracy": float(np.mean(predicted == true)),
        "balanced accuracy": float(np.mean(recalls)),
        "macro F1": float(f1_score(true, predicted, average="macro", zero_division=0)),
        "log-loss": float(-np.log(np.maximum(P[truth == 1], SMALLEST_PROBABILITY)).mean()),
        "Brier score": float(((P - truth) ** 2).sum(axis=1).mean()),
        "calibration error": calibration_error(P.max(axis=1), predicted == true),
    }
    return figures | _macro_auc(truth, P) | by_class


def confusion_counts(y_true: ArrayLike, y_told: ArrayLike, classes: ArrayLike) -> NDArray[np.int64]:
    """Count the records of each class that were answered with each.

    Parameters
    ----------
    y_true, y_told : array of shape (n_samples,)
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
    rows, columns = (_positions(np.asarray(y), names) for y in (y_true, y_told))
    np.add.at(counts, (rows, columns), 1)
    return counts


def calibration_error(confidences: NDArray[Any], right: NDArray[Any]) -> float:
    """Return the expected calibration error over 10 equally wide bins of confidence.

    The mean difference between how sure answers are and how often they are right, in each bin,
    weighted by its answers: Naeini, Cooper and Hauskrecht 2015,
    https://doi.org/10.1609/aaai.v29i1.9602, on the probability of the predicted class as in Guo
    et al. 2017, https://proceedings.mlr.press/v70/guo17a.html. Bins hold their upper edge.

    Parameters
    ----------
    confidences : ndarray of shape (n_samples,)
        Probability of the predicted class.
    right : ndarray of shape (n_samples,), bool
        Whether the predicted class is the true one.
    """
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    bins = np.digitize(confidences, edges, right=True)
    gaps = np.bincount(bins, weights=right - confidences, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(confidences))


def baselines(y_train: ArrayLike, y_test: ArrayLike, seed: int) -> dict[str, float]:
    """Return the accuracy of answers that read no record.

    Parameters
    ----------
    y_train : array of shape (n_train,)
    y_test : array of shape (n_test,)
    seed : int
        Seed of the stratified dummy.

    Returns
    -------
    dict of str to float
        Always the largest class of `y_train`, and a class drawn with the shares of `y_train`, each
        measured on `y_test`.
    """
    train, test = np.asarray(y_train), np.asarray(y_test)
    found = {}
    for name, strategy in (("largest class", "most_frequent"), ("stratified dummy", "stratified")):
        dummy = DummyClassifier(strategy=strategy, random_state=seed)
        predicted = dummy.fit(np.zeros((len(train), 1)), train).predict(np.zeros((len(test), 1)))
        found[f"accuracy, {name}"] = float(np.mean(predicted == test))
    return found


def _positions(y_true: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.intp]:
    if not len(y_true):
        raise TrainingError("there are no records to measure a classifier on")
    matches = y_true[:, np.newaxis] == classes
    if not matches.any(axis=1).all():
        raise TrainingError("the records to measure on hold a class that the model doesn't know")
    return np.asarray(matches.argmax(axis=1))


def _precision_and_recall(
    true: NDArray[np.intp], predicted: NDArray[np.intp], names: NDArray[Any]
) -> dict[str, float]:
    figures = {}
    for position, name in enumerate(names):
        occurs, said = true == position, predicted == position
        hits = float(np.sum(occurs & said))
        if occurs.any() or said.any():
            figures[f"precision, {name}"] = hits / float(np.sum(said)) if said.any() else 0.0
        if occurs.any():
            figures[f"recall, {name}"] = hits / float(np.sum(occurs))
    return figures


def _macro_auc(truth: NDArray[Any], P: NDArray[Any]) -> dict[str, float]:
    """Return the mean over classes that some, but not all, records have; nothing without one."""
    shares = truth.mean(axis=0)
    areas = [
        roc_auc_score(truth[:, position], P[:, position])
        for position in np.flatnonzero((shares > 0) & (shares < 1))
    ]
    return {"macro AUC": float(np.mean(areas))} if areas else {}
