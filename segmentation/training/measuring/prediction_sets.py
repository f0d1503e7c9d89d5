"""Prediction sets in arrays: which segments are plausible for many records.

``runtime.answers`` does the same for one record at a time; a test holds both together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def make_sets(P: NDArray[np.floating[Any]], least: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which segments are plausible.

    Those of at least the probability that their records mostly have, and the likeliest. Where none
    has that much, the record lies between segments: then so many of the likeliest as together have
    what the first of them needs.

    Parameters
    ----------
    P : ndarray of shape (n_samples, n_segments)
    least : ndarray of shape (n_segments,)
        Least probability at which each segment is plausible.

    Returns
    -------
    ndarray of shape (n_samples, n_segments), bool
    """
    sets = least <= P
    likeliest = P.argmax(axis=1)
    between = ~sets.any(axis=1)
    sets[np.arange(len(P)), likeliest] = True
    order = np.argsort(-P[between], axis=1, kind="stable")
    sorted_P = np.take_along_axis(P[between], order, axis=1)
    before = np.cumsum(sorted_P, axis=1) - sorted_P
    needed = before < least[likeliest[between]][:, np.newaxis]
    sets[between] = np.take_along_axis(needed, np.argsort(order, axis=1), axis=1)
    return np.asarray(sets)
