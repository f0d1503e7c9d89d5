"""The smallest realistic change of one answer that leads to another segment.

Realistic: between the lowest and the highest training answer, in the steps in which the question is
answered, of an answer that was given and that somebody can change. Small: by the share of the
training records that lie between the old and the new answer, so that all columns compare.
"""

from __future__ import annotations

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

# Answers that are tried for each column: quantiles of the training answers.
_N_TRIED = 41
_N_HALVINGS = 16


class Change(TypedDict):
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
    values: NDArray[np.float64]

    def in_steps(self, value: float) -> float:
        """Return the nearest answer that the question takes."""
        step = self.column.resolution or (1.0 if self.column.kind == "integer" else 0.0)
        return round(round(value / step) * step, 9) if step else value

    def cost(self, start: float, end: float) -> float:
        """Return the share of the training records between two answers, about.

        A hundredth of their distance counts as well: between equal quantiles no record lies.
        """
        shares = np.interp([start, end], self.values, np.linspace(0.0, 1.0, len(self.values)))
        span = float(self.values[-1] - self.values[0]) or 1.0
        return float(abs(shares[1] - shares[0])) + 0.01 * abs(end - start) / span


class Changes:
    """Finds changes for the records of a model.

    Parameters
    ----------
    manifest : Manifest
    score : callable
        From features (n_samples, n_features) to probabilities (n_samples, n_segments).
    """

    def __init__(self, manifest: Manifest, score: Score) -> None:
        self._segments = manifest.segments
        self._score = score
        self._questions = [
            _question(position, column, manifest.baseline.numbers[column.name])
            for position, column in enumerate(manifest.record.features)
            if not column.fixed and column.name in manifest.baseline.numbers
        ]

    def smallest(self, row: Row, segment: int) -> Change | None:
        """Return the smallest change of one answer, or None if no single one leads elsewhere.

        Parameters
        ----------
        row : ndarray of shape (n_features,), float32
        segment : int
            Position of the segment that is answered.
        """
        given = [one for one in self._questions if not np.isnan(row[one.position])]
        if not given:
            return None
        tried = [_with(row, question.position, question.values) for question in given]
        leads = self._segments_of(np.vstack(tried)) != segment
        candidates = [
            (question, value)
            for question, elsewhere in zip(given, leads.reshape(len(given), -1), strict=True)
            for value in _nearest(question.values, elsewhere, float(row[question.position]))
        ]
        if not candidates:
            return None
        refined = self._refined(row, segment, candidates)
        question, value = min(
            refined, key=lambda one: one[0].cost(float(row[one[0].position]), one[1])
        )
        return self._described(row, question, value)

    def _segments_of(self, rows: Row) -> NDArray[np.intp]:
        return np.asarray(self._score(rows).argmax(axis=1))

    def _refined(
        self, row: Row, segment: int, candidates: list[tuple[_Question, float]]
    ) -> list[tuple[_Question, float]]:
        """Go back towards the answers given, all at a time, while the segment stays another."""
        questions = [question for question, _ in candidates]
        far = [value for _, value in candidates]
        near = [float(row[question.position]) for question in questions]
        for _ in range(_N_HALVINGS):
            middle = [
                question.in_steps((one + other) / 2)
                for question, one, other in zip(questions, near, far, strict=True)
            ]
            rows = np.vstack(
                [
                    _with(row, question.position, np.array([value]))
                    for question, value in zip(questions, middle, strict=True)
                ]
            )
            for i, elsewhere in enumerate((self._segments_of(rows) != segment).tolist()):
                (far if elsewhere else near)[i] = middle[i]
        return list(zip(questions, far, strict=True))

    def _described(self, row: Row, question: _Question, value: float) -> Change:
        changed = _with(row, question.position, np.array([value]))
        other = self._segments[int(self._segments_of(changed)[0])]
        return {
            "field": question.column.name,
            "title": question.column.title,
            "unit": question.column.unit,
            "value": round(value, 6),
            "segment": other.id,
            "name": other.name,
        }


def _question(position: int, column: Column, described: NumberBaseline) -> _Question:
    """Return a column with answers that are evenly spread over the training records."""
    known = [described.minimum, *described.deciles, described.maximum]
    even = np.interp(np.linspace(0, len(known) - 1, _N_TRIED), np.arange(len(known)), known)
    question = _Question(position, column, even)
    return replace(question, values=np.array([question.in_steps(value) for value in even]))


def _with(row: Row, position: int, values: NDArray[np.float64]) -> Row:
    """Return copies of a row with other answers at one position."""
    copies = np.repeat(row[np.newaxis], len(values), axis=0)
    copies[:, position] = values
    return copies


def _nearest(
    values: NDArray[np.float64], elsewhere: NDArray[np.bool_], start: float
) -> list[float]:
    """Return the nearest values below and above `start` that lead elsewhere."""
    below = values[elsewhere & (values < start)]
    above = values[elsewhere & (values > start)]
    return [*below[-1:].tolist(), *above[:1].tolist()]
