"""The smallest realistic change of one answer that leads to another segment.

A change is realistic if somebody can change the answer, the answer was given, and the new one is a
possible step between the lowest and the highest training answer. The size of a change is the share
of the training records that lie between the old and the new answer, so that columns are comparable.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import NumberBaseline
from segmentation.schema import Column

Row = NDArray[np.float32]
Score = Callable[[Row], Row]

# Number of answers that are tried for each column: quantiles of the training answers.
_N_TRIED = 41
# Enough halvings to reach a single step: a range of ten billion steps needs 34.
_MOST_HALVINGS = 40
# Most answers between the old and the new one that the last search scores.
_MOST_STEPS = 1000
_LAST_BIT = 1e-9


class Counterfactual(TypedDict):
    """Another answer to one question and the segment to which it leads."""

    field: str
    title: str
    unit: str
    value: float
    segment: str
    name: str


@dataclass(frozen=True)
class _Question:
    """A column of which other answers are tried."""

    position: int
    column: Column
    step: float
    limits: tuple[int, int]
    values: NDArray[np.float64]

    def in_steps(self, value: float) -> float:
        """Return the nearest possible answer to the question within the training range."""
        low, high = self.limits
        return round(min(max(round(value / self.step), low), high) * self.step, 9)

    def cost(self, start: float, end: float) -> float:
        """Return approximately the share of the training records between two answers.

        A hundredth of their distance is added, because no record lies between equal quantiles.
        """
        shares = np.interp([start, end], self.values, np.linspace(0.0, 1.0, len(self.values)))
        span = float(self.values[-1] - self.values[0]) or 1.0
        return float(abs(shares[1] - shares[0])) + 0.01 * abs(end - start) / span


class CounterfactualSearch:
    """Finds the smallest change of one answer that leads a record to another segment.

    Parameters
    ----------
    manifest : Manifest
    score : callable
        Takes features (n_samples, n_features), returns probabilities (n_samples, n_segments).
    """

    def __init__(self, manifest: Manifest, score: Score) -> None:
        self._segments = manifest.segments
        self._score = score
        questions = [
            _question(position, column, manifest.baseline.numbers[column.name])
            for position, column in enumerate(manifest.record.features)
            if not column.fixed and column.name in manifest.baseline.numbers
        ]
        self._questions = [
            question for question in questions if question.limits[0] < question.limits[1]
        ]

    def smallest(self, row: Row, segment: int) -> Counterfactual | None:
        """Return the smallest change of one answer, or None if no single one leads elsewhere.

        Parameters
        ----------
        row : ndarray of shape (n_features,), float32
        segment : int
            Position of the segment that is answered.
        """
        answered = [
            question for question in self._questions if not np.isnan(row[question.position])
        ]
        if not answered:
            return None
        tried = [_with(row, question.position, question.values) for question in answered]
        leads = self._segments_of(np.vstack(tried)) != segment
        candidates = [
            (question, value)
            for question, elsewhere in zip(answered, leads.reshape(len(answered), -1), strict=True)
            for value in _nearest(question.values, elsewhere, float(row[question.position]))
        ]
        if not candidates:
            return None
        refined = self._refined(row, segment, candidates)
        question, value = min(
            refined,
            key=lambda candidate: candidate[0].cost(
                float(row[candidate[0].position]), candidate[1]
            ),
        )
        return self._described(row, question, self._first(row, segment, question, value))

    def _segments_of(self, rows: Row) -> NDArray[np.intp]:
        return np.asarray(self._score(rows).argmax(axis=1))

    def _refined(
        self, row: Row, segment: int, candidates: list[tuple[_Question, float]]
    ) -> list[tuple[_Question, float]]:
        """Bisect each candidate towards the given answer, as long as the segment is another."""
        questions = [question for question, _ in candidates]
        far = [value for _, value in candidates]
        near = [float(row[question.position]) for question in questions]
        for _ in range(_MOST_HALVINGS):
            middle = [
                question.in_steps((near_value + far_value) / 2)
                for question, near_value, far_value in zip(questions, near, far, strict=True)
            ]
            if all(near_value in pair for near_value, *pair in zip(middle, near, far, strict=True)):
                break
            rows = np.vstack(
                [
                    _with(row, question.position, np.array([value]))
                    for question, value in zip(questions, middle, strict=True)
                ]
            )
            for i, elsewhere in enumerate((self._segments_of(rows) != segment).tolist()):
                (far if elsewhere else near)[i] = middle[i]
        return list(zip(questions, far, strict=True))

    def _first(self, row: Row, segment: int, question: _Question, value: float) -> float:
        """Return the first answer between the given one and `value` that leads to another segment.

        Trees may leave a segment and enter it again between two answers that were tried.
        """
        start = float(row[question.position])
        n_steps = min(math.ceil(abs(value - start) / question.step), _MOST_STEPS)
        tried = [
            question.in_steps(tried_value)
            for tried_value in np.linspace(start, value, n_steps + 1)[1:]
        ]
        leads = self._segments_of(_with(row, question.position, np.array(tried))) != segment
        return next(
            (tried_value for tried_value, elsewhere in zip(tried, leads, strict=True) if elsewhere),
            value,
        )

    def _described(self, row: Row, question: _Question, value: float) -> Counterfactual:
        changed = _with(row, question.position, np.array([value]))
        new_segment = self._segments[int(self._segments_of(changed)[0])]
        return {
            "field": question.column.name,
            "title": question.column.title,
            "unit": question.column.unit,
            "value": value,
            "segment": new_segment.id,
            "name": new_segment.name,
        }


def _question(position: int, column: Column, described: NumberBaseline) -> _Question:
    """Return the question of a column, with answers at even quantiles of the training records."""
    quantiles = [described.minimum, *described.deciles, described.maximum]
    even = np.interp(
        np.linspace(0, len(quantiles) - 1, _N_TRIED), np.arange(len(quantiles)), quantiles
    )
    step = _step(column, described)
    # The tolerance keeps a limit that lies on a step, however the division is rounded.
    limits = (
        math.ceil(described.minimum / step - _LAST_BIT),
        math.floor(described.maximum / step + _LAST_BIT),
    )
    question = _Question(position, column, step, limits, even)
    return replace(question, values=np.array([question.in_steps(value) for value in even]))


def _step(column: Column, described: NumberBaseline) -> float:
    """Return the step of a question; without one, about a thousandth of the training range."""
    if column.step:
        return column.step
    span = described.maximum - described.minimum
    return float(10.0 ** (math.floor(math.log10(span)) - 3)) if span > 0 else 1.0


def _with(row: Row, position: int, values: NDArray[np.float64]) -> Row:
    """Return copies of a row with other answers at one position."""
    copies = np.repeat(row[np.newaxis], len(values), axis=0)
    copies[:, position] = values
    return copies


def _nearest(
    values: NDArray[np.float64], elsewhere: NDArray[np.bool_], start: float
) -> list[float]:
    """Return the nearest values below and above `start` that lead to another segment."""
    below = values[elsewhere & (values < start)]
    above = values[elsewhere & (values > start)]
    return [*below[-1:].tolist(), *above[:1].tolist()]
