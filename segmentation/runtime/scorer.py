"""Probabilities from numbers: the ONNX part of a package."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact import Package, open_session


class Scorer:
    """Scores with a verified package. Make it after a fork; see `open_session`.

    Parameters
    ----------
    package : Package
    """

    def __init__(self, package: Package) -> None:
        self._session = open_session(package.scorer)
        self._input = package.manifest.scorer.input
        self._outputs = [package.manifest.scorer.output]

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of each segment, of shape (n_samples, n_segments).

        Parameters
        ----------
        features : ndarray of shape (n_samples, n_features), float32
            NaN where an answer is missing.
        """
        found: NDArray[np.float32] = self._session.run(self._outputs, {self._input: features})[0]
        return found
