"""Numbers about clusters, for the report and the manifest.

Measures only: clusters come in as labels, or as the clusterer that is fitted for each number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

from segmentation.artifact.clusters import ClusterQuality, CurvePoint
from segmentation.errors import TrainingError

# A silhouette compares every two records: beyond this many it is that of a sample.
MOST_ROWS_COMPARED = 10_000
# Blocks of distances that fit into a processor's cache: with scikit-learn's 1,024 MB the
# silhouette of 9,000 records takes three to four times as long.
DISTANCES_AT_ONCE_MB = 8
FEWEST_CLUSTERS = 2
N_STARTS = 10


def measure_clusters(
    Z: NDArray[Any], X: NDArray[Any], labels: NDArray[Any], seed: int = 0
) -> ClusterQuality:
    """Measure how well clusters are apart.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_components)
        The space in which the clusters were found.
    X : ndarray of shape (n_samples, n_columns)
        The scaled original columns. Projection alone raises a silhouette: this one shows by how
        much.
    labels : ndarray of shape (n_samples,)
    seed : int, default=0
        Seed of the sample that silhouettes of more than 10,000 records are computed on.

    Returns
    -------
    ClusterQuality
        Silhouettes in both spaces, and the Davies-Bouldin index (0 is best) and the
        Calinski-Harabasz index in the clustered space, rounded to six decimals.

    Raises
    ------
    TrainingError
        If there are fewer than 2 clusters, or as many as records.
    """
    _check_clusters(labels)
    return ClusterQuality(
        silhouette=round(_silhouette(Z, labels, seed), 6),
        silhouette_columns=round(_silhouette(X, labels, seed), 6),
        n_silhouette_records=min(len(labels), MOST_ROWS_COMPARED),
        davies_bouldin=round(float(davies_bouldin_score(Z, labels)), 6),
        calinski_harabasz=round(float(calinski_harabasz_score(Z, labels)), 6),
    )


def measure_curve(
    Z: NDArray[Any], clusterer: Callable[[int, int, int], Any], ks: Sequence[int], seed: int
) -> list[CurvePoint]:
    """Fit a clusterer for several numbers of clusters, best of 10 starts each.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_components)
    clusterer : callable
        See ``Study.clusterer``.
    ks : sequence of int
    seed : int
        Seed of the starts, and of the sample for silhouettes of more than 10,000 records.

    Raises
    ------
    TrainingError
        If a number of clusters is below 2 or not below the number of records.
    """
    return [_measure_point(Z, clusterer, k, seed) for k in ks]


def _measure_point(
    Z: NDArray[Any], clusterer: Callable[[int, int, int], Any], k: int, seed: int
) -> CurvePoint:
    if not FEWEST_CLUSTERS <= k < len(Z):
        raise TrainingError(f"{len(Z)} records cannot be judged in {k} clusters")
    labels = clusterer(k, N_STARTS, seed).fit_predict(Z)
    _check_clusters(labels)
    return CurvePoint(
        k=k,
        inertia=_inertia(Z, labels),
        silhouette=_silhouette(Z, labels, seed),
        davies_bouldin=float(davies_bouldin_score(Z, labels)),
        calinski_harabasz=float(calinski_harabasz_score(Z, labels)),
    )


def _inertia(Z: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the sum of the squared distances of records to the means of their clusters."""
    groups = (Z[labels == label] for label in np.unique(labels))
    return float(sum(((group - group.mean(axis=0)) ** 2).sum() for group in groups))


def _check_clusters(labels: NDArray[Any]) -> None:
    n_clusters = len(np.unique(labels))
    if not FEWEST_CLUSTERS <= n_clusters < len(labels):
        raise TrainingError(f"{len(labels)} records cannot be judged in {n_clusters} clusters")


def _silhouette(space: NDArray[Any], labels: NDArray[Any], seed: int) -> float:
    sample_size = MOST_ROWS_COMPARED if len(labels) > MOST_ROWS_COMPARED else None
    with config_context(working_memory=DISTANCES_AT_ONCE_MB):
        return float(silhouette_score(space, labels, sample_size=sample_size, random_state=seed))
