"""SHAP values of forests, exact, in numpy alone: what a record's answers contribute to its score.

The game is path-dependent TreeSHAP's (Lundberg et al. 2020,
https://doi.org/10.1038/s42256-019-0138-9). In a leaf it is a product with one factor for each
column, so that its Shapley values are integrals of polynomials (Owen 1972,
https://doi.org/10.1287/mnsc.18.5.64), which Gauss's quadrature gives exactly. What the values mean
to a reader is said in ``contributions``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

Floats = NDArray[np.float64]
# Numbers that are worked on at a time: 16 MB for each of a few arrays.
_AT_A_TIME = 2_000_000


@dataclass(frozen=True)
class _Leaves:
    """The leaves of a forest.

    Attributes
    ----------
    lower, upper : ndarray of shape (n_leaves, n_features)
        A record is in a leaf if each answer is above the one and not above the other.
    share : ndarray of shape (n_leaves, n_features)
        Part of the fitted records that take the leaf's branches at the splits on a column.
    score : ndarray of shape (n_leaves, n_classes)
        What the leaf adds to a forest's score.
    """

    lower: Floats
    upper: Floats
    share: Floats
    score: Floats

    @property
    def base(self) -> Floats:
        """Mean score of the records that the trees were fitted on."""
        return np.asarray(self.share.prod(axis=1) @ self.score)

    @property
    def n_columns(self) -> int:
        """Columns that a leaf depends on, at most: the degree of its polynomials."""
        return max(1, int((np.isfinite(self.lower) | np.isfinite(self.upper)).sum(axis=1).max()))


def shap_values(forest: Any, X: Any) -> tuple[Floats, Floats]:
    """Return what the mean record scores, and what each answer adds to that.

    Parameters
    ----------
    forest : RandomForestClassifier or ExtraTreesClassifier, fitted
    X : ndarray of shape (n_samples, n_features)
        Without gaps.

    Returns
    -------
    ndarray of shape (n_classes,)
    ndarray of shape (n_samples, n_features, n_classes)
        Sums over features are the probabilities less those of the mean record.

    Raises
    ------
    TypeError
        If it is no such forest.
    """
    if not isinstance(forest, RandomForestClassifier | ExtraTreesClassifier):
        raise TypeError(f"no forest, but {type(forest).__name__}")
    leaves = _leaves(tuple(tree.tree_ for tree in forest.estimators_))
    X = np.asarray(X, dtype=np.float32)  # what trees compare
    pieces = max(1, math.ceil(len(X) * leaves.lower.size / _AT_A_TIME))
    values = [_values(leaves, piece) for piece in np.array_split(X, pieces)]
    return leaves.base, np.concatenate(values)


def _values(leaves: _Leaves, X: Any) -> Floats:
    """Return the SHAP values of a few records."""
    answers = X[:, np.newaxis, :]
    inside = ((leaves.lower < answers) & (answers <= leaves.upper)).astype(np.float64)
    weights = np.zeros_like(inside)
    # Of degree n_columns - 1, without the column that is weighed.
    nodes, heights = np.polynomial.legendre.leggauss(math.ceil(leaves.n_columns / 2))
    for t, height in zip((nodes + 1) / 2, heights / 2, strict=True):
        factors = t * inside + (1 - t) * leaves.share  # above 0: no branch without records
        weights += height * factors.prod(axis=2, keepdims=True) / factors
    by_leaf = weights * (inside - leaves.share)
    return np.asarray(np.einsum("nlf,lc->nfc", by_leaf, leaves.score, optimize=True))


@lru_cache(maxsize=8)
def _leaves(trees: tuple[Any, ...]) -> _Leaves:
    """Return the leaves of all trees; those of a few forests are kept."""
    leaves = [leaf for tree in trees for leaf in _of_tree(tree, len(trees))]
    return _Leaves(*(np.array(part) for part in zip(*leaves, strict=True)))


def _of_tree(tree: Any, n_trees: int) -> list[tuple[Floats, Floats, Floats, Floats]]:
    """Return lower and upper bounds, shares and scores of a tree's leaves."""
    n = tree.n_features
    waiting = [(0, np.full(n, -np.inf), np.full(n, np.inf), np.ones(n))]
    leaves = []
    while waiting:
        node, lower, upper, share = waiting.pop()
        left, right = tree.children_left[node], tree.children_right[node]
        if left == right:
            leaves.append((lower, upper, share, tree.value[node][0] / n_trees))
            continue
        column, threshold = tree.feature[node], tree.threshold[node]
        parts = tree.weighted_n_node_samples[[left, right]] / tree.weighted_n_node_samples[node]
        below, above = upper.copy(), lower.copy()
        below[column] = min(threshold, upper[column])
        above[column] = max(threshold, lower[column])
        shares = share.copy(), share.copy()
        for each, part in zip(shares, parts, strict=True):
            each[column] *= part
        waiting += [(left, lower, below, shares[0]), (right, above, upper, shares[1])]
    return leaves
