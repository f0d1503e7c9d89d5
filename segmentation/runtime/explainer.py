"""Why a record is answered as it is, and which small change would lead to another answer.

The contributions come from the packed pipeline itself, which is unpickled on the first request
for an explanation, from bytes that were verified when the package was read. To which segment a
change leads, the scorer says, as for any answer.
"""

from __future__ import annotations

import logging
import pickle  # nosec B403  # what it reads has been verified
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact import Manifest, Package
from segmentation.errors import UnavailableError
from segmentation.runtime.counterfactuals import CounterfactualSearch
from segmentation.runtime.explanation import (
    Contribution,
    Explanation,
    Lead,
    Scale,
    WeighedReason,
)
from segmentation.runtime.explanation_wording import word_explanation
from segmentation.runtime.levels import find_level
from segmentation.schema import Record

logger = logging.getLogger(__name__)

Matrix = NDArray[np.float32]
Score = Callable[[Matrix], Matrix]
_DECIMALS = 6
_EXTRA = "Explanations", "explain"
_UNSIGNED = (
    "Explanations need a model package that is signed, or that the image was built with:"
    " UNPICKLE_UNSIGNED is false here."
)
# A lead is small if the segment is less than this many times as probable as the next best.
_CLOSE = 2.0
_MOST_REASONS = 3
# A reason is left out if its contribution is less than this share of the largest one.
_WORTH_SAYING = 0.2


class Explainer:
    """Explains the answers of a package.

    Parameters
    ----------
    package : Package
    score : callable
        Takes features (n_samples, n_features), returns probabilities (n_samples, n_segments).
    """

    def __init__(self, package: Package, score: Score) -> None:
        self._package = package
        self._manifest: Manifest = package.manifest
        self._counterfactuals = CounterfactualSearch(package.manifest, score)
        self._columns = package.manifest.record.features
        self._score = score
        self._lock = Lock()
        self._estimator: Any = None

    def explain(self, records: Sequence[Record], features: Matrix) -> list[Explanation]:
        """Explain the answers to records.

        Parameters
        ----------
        records : sequence of dict
            In canonical form.
        features : ndarray of shape (n_samples, n_features), float32

        Raises
        ------
        UnavailableError
            If libraries for explanations are not installed, or the model's kind has none.
        """
        estimator = self._loaded()
        try:
            scores = estimator.contributions(features)
        except ImportError as error:
            raise UnavailableError.without(*_EXTRA) from error
        except Exception as error:
            # A study of somebody else may use an estimator that raises anything.
            logger.exception("no explanation: %s", type(estimator).__name__)
            raise UnavailableError("Models of this kind cannot be explained.") from error
        probabilities = self._score(features)
        return [
            self._explain_row(
                records[i],
                row,
                probabilities[i],
                (scores.base[i], scores.values[i]),
                scores.scale,
            )
            for i, row in enumerate(features)
        ]

    def _loaded(self) -> Any:
        """Return the last step of the pipeline, which has the method ``contributions``."""
        with self._lock:
            if self._estimator is None:
                if not self._package.may_unpickle:
                    raise UnavailableError(_UNSIGNED)
                try:
                    # Verified with the package, and vouched for where that is asked.
                    self._estimator = pickle.loads(self._package.pipeline)[-1]  # nosec B301  # verified, and vouched for where that is asked
                except ImportError as error:
                    raise UnavailableError.without(*_EXTRA) from error
                logger.info("explanations loaded: %s", self._manifest.study)
            return self._estimator

    def _explain_row(
        self,
        record: Record,
        row: NDArray[np.float32],
        probabilities: NDArray[np.float32],
        sums: tuple[NDArray[np.float64], NDArray[np.float64]],
        scale: Scale,
    ) -> Explanation:
        base, values = sums
        segment = int(probabilities.argmax())
        # Scores are compared, as far from all but one centroid the other probabilities are all 0.
        scores = base + values.sum(axis=1)
        scores[segment] = -np.inf
        runner_up = int(scores.argmax())
        lead = self._lead(probabilities, segment, runner_up)
        start, parts = float(base[segment]), values[segment]
        if scale == "log_odds":
            start, parts = start - float(base[runner_up]), parts - values[runner_up]
        contributions = self._contributions(row, parts)
        reasons = self._reasons(contributions)
        change = self._counterfactuals.find_smallest(record, row, segment)
        return {
            "sentence": word_explanation(self._manifest, lead, reasons, change),
            "lead": lead,
            "reasons": reasons,
            "scale": scale,
            "against": lead["over"] if scale == "log_odds" else None,
            "base": round(start, _DECIMALS),
            "output": round(start + float(parts.sum()), _DECIMALS),
            "contributions": contributions,
            "change": change,
        }

    def _lead(self, probabilities: NDArray[np.float32], segment: int, runner_up: int) -> Lead:
        return {
            "segment": self._manifest.segments[segment].id,
            "over": self._manifest.segments[runner_up].id,
            "small": float(probabilities[segment]) < _CLOSE * float(probabilities[runner_up]),
        }

    def _reasons(self, contributions: Sequence[Contribution]) -> list[WeighedReason]:
        """Return at most three reasons for the segment and three against it, the largest first."""
        least = abs(contributions[0]["contribution"]) * _WORTH_SAYING
        heavy = [part for part in contributions if abs(part["contribution"]) > least]
        return [
            *self._reasons_of([part for part in heavy if part["contribution"] > 0], "for"),
            *self._reasons_of([part for part in heavy if part["contribution"] < 0], "against"),
        ]

    def _reasons_of(
        self, contributions: Sequence[Contribution], direction: Literal["for", "against"]
    ) -> list[WeighedReason]:
        return [
            {
                "field": part["field"],
                "direction": direction,
                "level": find_level(self._manifest, part["field"], part["value"]),
            }
            for part in contributions[:_MOST_REASONS]
        ]

    def _contributions(
        self, row: NDArray[np.float32], parts: NDArray[np.float64]
    ) -> list[Contribution]:
        """Return the contributions, the largest first."""
        # The shortest text of a float32 is the answer as it was sent: 6681.36, not 6681.35986.
        answers = [float(str(answer)) for answer in row]
        contributions: list[Contribution] = [
            {
                "field": column.name,
                "title": column.title,
                "value": None if answer != answer else answer,  # noqa: PLR0124
                "contribution": round(part, _DECIMALS) + 0.0,  # no -0.0
            }
            for column, answer, part in zip(self._columns, answers, parts.tolist(), strict=True)
        ]
        return sorted(contributions, key=lambda part: -abs(part["contribution"]))
