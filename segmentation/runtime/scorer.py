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
        scorer = package.manifest.scorer
        self._outputs = [name for name in (scorer.output, scorer.outlook) if name]

    def scores(self, features: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return the probability of each segment and, where the model has one, of the outlook.

        Parameters
        ----------
        features : ndarray of shape (n_samples, n_features), float32
            NaN where an answer is missing.

        Returns
        -------
        list of ndarray of shape (n_samples, n_segments), float32
        """
        scores: list[NDArray[np.float32]] = self._session.run(
            self._outputs, {self._input: features}
        )
        return scores

    def score_today(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities without the outlook, of shape (n_samples, n_segments)."""
        return self.scores(features)[0]
