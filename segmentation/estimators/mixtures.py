"""Segments as normal distributions of their own: what a Gaussian mixture assumes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from segmentation.estimators.segment_classifier import Floats, SegmentClassifier

# As scikit-learn's GaussianMixture: no dimension of a segment is narrower.
SMALLEST_VARIANCE = 1e-6


class MixtureClassifier(SegmentClassifier):
    """Assigns a record to the segment of which it is the most probable.

    Each segment is a normal distribution with its own mean, its own variance in each dimension of
    the space and its share of the records as weight: the mixture of
    ``GaussianMixture(covariance_type="diag")``. Missing answers are left out of the densities,
    which are then those of the other dimensions.

    Parameters and further attributes are those of `SegmentClassifier`.

    Attributes
    ----------
    means_ : ndarray of shape (n_classes, n_dimensions)
    variances_ : ndarray of shape (n_classes, n_dimensions)
    """

    weighs_complete: ClassVar[bool] = True

    def _fit_space(self, Z: Floats, positions: NDArray[np.intp]) -> None:
        groups = [Z[positions == label] for label in range(len(self.classes_))]
        self.means_ = np.vstack([np.nanmean(group, axis=0) for group in groups])
        variances = np.vstack([np.nanvar(group, axis=0) for group in groups])
        self.variances_ = variances + SMALLEST_VARIANCE

    def _score_space(self, Z: Floats) -> Floats:
        squares = (Z[:, np.newaxis] - self.means_) ** 2 / self.variances_
        logarithms = np.where(np.isnan(squares), 0.0, squares + np.log(self.variances_))
        return np.asarray(-0.5 * logarithms.sum(axis=2))

    def _take_apart(
        self, Z: Floats, directions: Floats, observed: NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        """Return base and parts of the scores.

        With u the columns before the projection, z = Wu, and P a segment's inverse variances, the
        score is -(u'W'PWu - 2 u'W'Pm + m'Pm + log variances) / 2. The first term is a quadratic
        form in the columns: column j gets u_j (W'PWu)_j, its Shapley value relative to u = 0
        (Owen and Prieur 2017, https://doi.org/10.1137/16M1097717: interactions are shared equally).
        """
        precisions = 1.0 / self.variances_
        constants = self.means_**2 * precisions + np.log(self.variances_)
        base = -0.5 * observed @ constants.T
        U = np.nan_to_num(Z)
        quadratic = np.einsum("kd,dj,di->kji", precisions, directions, directions)
        linear = (self.means_ * precisions) @ directions
        slopes = linear - 0.5 * np.einsum("kji,ni->nkj", quadratic, U)
        return np.asarray(base), np.asarray(U[:, np.newaxis] * slopes)
