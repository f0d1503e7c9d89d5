"""Which cluster of a refit is which segment: by the labels that its records have already.

Rules name clusters once. A model that is refitted on a sample to be measured has to mean the same
segments: named by the rules anew, two of them may change places, and what is measured then is the
rules and not the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def match_labels(clusters: NDArray[Any], y: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    """Return for each cluster the label with which it shares the most records.

    Parameters
    ----------
    clusters : ndarray of shape (n_samples,)
        Numbers from 0 to one less than there are labels.
    y : ndarray of shape (n_samples,)
        Labels of the same records.
    labels : ndarray of shape (n_labels,)
        All labels, ascending.

    Returns
    -------
    ndarray of shape (n_labels,)
        Label of each cluster; all different, and together they agree with the most records
        (the Hungarian method of Kuhn 1955, https://doi.org/10.1002/nav.3800020109).
    """
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(counts, (clusters, np.searchsorted(labels, y)), 1)
    _, columns = linear_sum_assignment(counts, maximize=True)
    return np.asarray(labels[columns])
