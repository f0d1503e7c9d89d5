"""From probabilities to what a client reads: segment, confidence, plausible, unsure, warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact import Manifest
from segmentation.runtime.doubts import Warnings

Answer = dict[str, Any]

# Six decimals: a tenth of the difference that packing allows between ONNX and the pipeline.
DECIMALS = 6


class AnswerWriter:
    """Writes answers in the words of a manifest.

    Parameters
    ----------
    manifest : Manifest
    """

    def __init__(self, manifest: Manifest) -> None:
        segments = manifest.segments
        self._segments = [
            {"id": segment.id, "name": segment.name, "action": segment.action} for segment in segments
        ]
        self._names = [(segment.id, segment.name) for segment in segments]
        self._least_plausible = 1.0 - manifest.conformal.threshold
        # Sets of segments as bits: thousands of records share a handful of sets.
        self._bits = 1 << np.arange(len(segments))
        self._sets: dict[int, list[str]] = {}

    def write(
        self,
        identifiers: Sequence[int | str | None],
        probabilities: NDArray[np.float32],
        segments: NDArray[np.intp],
        warnings: Sequence[Warnings],
    ) -> list[Answer]:
        """Return one answer for each record, in order.

        Parameters
        ----------
        identifiers : sequence of int, str or None
            The records' own ids.
        probabilities : ndarray of shape (n_samples, n_segments)
        segments : ndarray of shape (n_samples,)
            Position of the most probable segment.
        warnings : sequence of list
        """
        exact = probabilities.astype(np.float64)
        rows = exact.round(DECIMALS).tolist()
        sets = ((exact >= self._least_plausible) @ self._bits).tolist()
        names = self._names
        answers = []
        for identifier, segment, row, bits, doubts in zip(
            identifiers, segments.tolist(), rows, sets, warnings, strict=True
        ):
            plausible = self._sets.get(bits) or self._plausible(bits)
            answers.append(
                {
                    "segment": self._segments[segment],
                    "confidence": row[segment],
                    "probabilities": [
                        {"id": name[0], "name": name[1], "probability": probability}
                        for name, probability in zip(names, row, strict=True)
                    ],
                    "plausible": plausible,
                    "unsure": len(plausible) != 1,
                    "warnings": doubts,
                    "id": identifier,
                }
            )
        return answers

    def _plausible(self, bits: int) -> list[str]:
        plausible = [
            name for position, (name, _) in enumerate(self._names) if bits >> position & 1
        ]
        return self._sets.setdefault(bits, plausible)
