"""Segments as centroids: new records go to the nearest, as K-Means would put them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.estimators.format_2 import find_class
from segmentation.estimators.segment_classifier import Floats, SegmentClassifier


class CentroidClassifier(SegmentClassifier):
    """Assigns a record to the segment with the nearest centroid.

    Probabilities are those of the mixture that K-Means assumes: spherical normal distributions of
    one variance and one weight (Bishop, Pattern Recognition and Machine Learning, 9.3.2). Missing
    answers are left out of the distances, which is what that mixture says about them.

    Parameters and further attributes are those of `SegmentClassifier`.

    Attributes
    ----------
    centroids_ : ndarray of shape (n_classes, n_dimensions)
        Mean of each segment's records in the space.
    variance_ : float
        Mean squared distance to the centroid in each dimension.
    """

    def _fit_space(self, Z: Floats, positions: NDArray[np.intp]) -> None:
        labels = range(len(self.classes_))
        self.centroids_ = np.vstack([np.nanmean(Z[positions == label], axis=0) for label in labels])
        variance = float(np.nanmean((Z - self.centroids_[positions]) ** 2))
        # Records that are all alike lie on their centroids.
        self.variance_ = variance or float(np.finfo(np.float64).tiny)

    def _score_space(self, Z: Floats) -> Floats:
        observed = ~np.isnan(Z)
        products = np.where(observed, Z, 0.0) @ self.centroids_.T
        # -(z - c)² / 2 without z², which all segments share.
        return np.asarray((products - observed @ (self.centroids_.T**2 / 2.0)) / self.variance_)

    def _take_apart(
        self, Z: Floats, directions: Floats, observed: NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        """Return base and parts of the scores.

        The squared distance (z - c)² is c² - 2zc, but for z², which all segments share. Columns
        get their part of zc, also through a projection, which is linear; c² goes to the base.
        """
        base = observed @ (-(self.centroids_**2) / (2.0 * self.variance_)).T
        centroids = self.centroids_ @ directions
        return base, np.nan_to_num(Z)[:, np.newaxis] * centroids / self.variance_


def __getattr__(name: str) -> Any:
    """Return the class that a pickle of a package of format 2 names."""
    return find_class(__name__, name)
