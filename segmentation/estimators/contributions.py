"""What each answer contributed to a score: the form all estimators give it in, and trees' SHAP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from segmentation.estimators.trees import Floats, shap_values


@dataclass(frozen=True)
class Contributions:
    """Scores of records taken apart: ``base + values.sum(axis=2)`` is the score.

    Attributes
    ----------
    base : ndarray of shape (n_samples, n_classes)
        Score of a record that is average in everything.
    values : ndarray of shape (n_samples, n_classes, n_features)
        What each answer adds to it.
    scale : {"probability", "log_odds"}
        What a score is: the probability of a class, or its logarithm but for a constant that is
        the same for all classes, so that differences are logarithms of odds.
    """

    base: Floats
    values: Floats
    scale: Literal["probability", "log_odds"]


def of_trees(trees: Any, X: Any) -> Contributions:
    """Return the SHAP values of a forest's probabilities.

    The base is the mean over the records that the trees were fitted on.

    Parameters
    ----------
    trees : fitted forest of scikit-learn
        Whose probabilities are the mean over its trees.
    X : ndarray of shape (n_samples, n_features)
        What the trees read: without gaps.
    """
    base, values = shap_values(trees, X)
    return Contributions(np.tile(base, (len(values), 1)), values.transpose(0, 2, 1), "probability")
