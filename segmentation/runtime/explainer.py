"""Why a record is answered as it is, and which small change would lead to another answer.

The contributions come from the packed pipeline itself, which is unpickled on the first request
for an explanation, from bytes that were verified when the package was read. Which changes lead
where is asked of the scorer, like any answer.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact import Manifest, Package
from segmentation.errors import UnavailableError
from segmentation.runtime.counterfactuals import CounterfactualSearch
from segmentation.runtime.explanation import Contribution, Explanation
from segmentation.runtime.explanation_wording import sentence

logger = logging.getLogger(__name__)

Matrix = NDArray[np.float32]
Score = Callable[[Matrix], Matrix]
_DECIMALS = 6
_EXTRA = "Explanations", "explain"
# Less than twice as probable as the next best is said to be a small lead.
_CLOSE = 2.0


class Explainer:
    """Explains the answers of a package.

    Parameters
    ----------
    package : Package
    score : callable
        From a matrix of features (n_samples, n_features) to probabilities (n_samples, n_segments).
    """

    def __init__(self, package: Package, score: Score) -> None:
        self._package = package
        self._manifest: Manifest = package.manifest
        self._changes = CounterfactualSearch(package.manifest, score)
        self._columns = package.manifest.record.features
        self._score = score
        self._lock = Lock()
        self._estimator: Any = None

    def explain(self, features: Matrix) -> list[Explanation]:
        """Explain the answers to records.

        Parameters
        ----------
        features : ndarray of shape (n_samples, n_features), float32

        Raises
        ------
        UnavailableError
            If the libraries that it takes are not installed.
        """
        estimator = self._loaded()
        try:
            found = estimator.contributions(features)
        except ImportError as error:
            raise UnavailableError.without(*_EXTRA) from error
        except Exception as error:
            # A model of someone's own study, of a kind that we know nothing about.
            logger.exception("no explanation: %s", type(estimator).__name__)
            raise UnavailableError("Models of this kind cannot be explained.") from error
        probabilities = self._score(features)
        return [
            self._explained(row, probabilities[i], found.base[i], found.values[i], found.scale)
            for i, row in enumerate(features)
        ]

    def _loaded(self) -> Any:
        """Return the last step of the pipeline, which can take its answers apart."""
        with self._lock:
            if self._estimator is None:
                try:
                    # Verified with the package, and signed where a key is configured.
                    self._estimator = pickle.loads(self._package.pipeline)[-1]  # noqa: S301
                except ImportError as error:
                    raise UnavailableError.without(*_EXTRA) from error
                logger.info("explanations loaded: %s", self._manifest.study)
            return self._estimator

    def _explained(
        self,
        row: NDArray[np.float32],
        probabilities: NDArray[np.float32],
        base: NDArray[np.float64],
        values: NDArray[np.float64],
        scale: Literal["probability", "log_odds"],
    ) -> Explanation:
        segment = int(probabilities.argmax())
        # By the scores themselves: far from all but one centroid, probabilities are all 0.
        scores = base + values.sum(axis=1)
        scores[segment] = -np.inf
        runner_up = int(scores.argmax())
        against = None
        start, parts = float(base[segment]), values[segment]
        if scale == "log_odds":
            against = self._manifest.segments[runner_up].id
            start, parts = start - float(base[runner_up]), parts - values[runner_up]
        contributions = self._contributions(row, parts)
        change = self._changes.smallest(row, segment)
        close = float(probabilities[segment]) < _CLOSE * float(probabilities[runner_up])
        return {
            "sentence": sentence(
                self._manifest, (segment, runner_up), contributions, change, close=close
            ),
            "scale": scale,
            "against": against,
            "base": round(start, _DECIMALS),
            "output": round(start + float(parts.sum()), _DECIMALS),
            "contributions": contributions,
            "change": change,
        }

    def _contributions(
        self, row: NDArray[np.float32], parts: NDArray[np.float64]
    ) -> list[Contribution]:
        """Return the contributions, the largest first."""
        # As they were sent: 6681.36 rather than 6681.35986, the same in half the digits.
        answers = [float(str(answer)) for answer in row]
        found: list[Contribution] = [
            {
                "field": column.name,
                "title": column.title,
                "value": None if answer != answer else answer,  # noqa: PLR0124
                "contribution": round(part, _DECIMALS) + 0.0,  # no -0.0
            }
            for column, answer, part in zip(self._columns, answers, parts.tolist(), strict=True)
        ]
        return sorted(found, key=lambda one: -abs(one["contribution"]))
