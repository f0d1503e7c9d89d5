"""The smallest realistic change of one answer that leads to another segment.

What is realistic, and what changes along with an answer, is in ``realistic_changes``. The size of
a change is the share of the training records that lie between the old and the new answer, so that
columns are comparable. A change leads to another segment if that one is then the likeliest, which
is always among the plausible ones, and if the new answers neither contradict each other nor fit no
segment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from segmentation.artifact import Manifest
from segmentation.runtime.contradictions import ContradictionFinder
from segmentation.runtime.realistic_changes import Question, RealisticChanges
from segmentation.runtime.typicality import TypicalityLimits
from segmentation.schema import Record

Row = NDArray[np.float32]
Score = Callable[[Row], Row]

# Enough halvings to reach a single step: a range of ten billion steps needs 34.
_MOST_HALVINGS = 40
# Most answers between the old and the new one that the last search scores, and how many where
# others change along: trying those takes ten times as long.
_MOST_STEPS, _MOST_STEPS_ALONG = 1000, 50
# Answers that are scored at a time.
_BATCH = 64


class ChangedAnswer(TypedDict):
    """Another answer to one question."""

    field: str
    title: str
    unit: str
    value: float


class Counterfactual(ChangedAnswer):
    """Another answer to one question, what changes along with it, and where that leads."""

    along: list[ChangedAnswer]
    segment: str
    name: str


class _Candidate(NamedTuple):
    """An answer that is tried.

    Its `size` is that of the change; the change that leads elsewhere in its direction has at least
    `least_size`, as the answer before it does not lead there.
    """

    question: Question
    value: float
    size: float
    least_size: float
    rises: bool


class _Start(NamedTuple):
    """The record from which changes start."""

    record: Record
    row: Row
    segment: int
    is_atypical: bool


class CounterfactualSearch:
    """Finds the smallest change of one answer that leads a record to another segment.

    Parameters
    ----------
    manifest : Manifest
    score : callable
        Takes features (n_samples, n_features), returns probabilities (n_samples, n_segments).
    """

    def __init__(self, manifest: Manifest, score: Score) -> None:
        self._schema = manifest.record
        self._segments = manifest.segments
        self._score = score
        self._changes = RealisticChanges(manifest)
        self._typicality = TypicalityLimits(manifest)
        self._positions = {column.name: i for i, column in enumerate(manifest.record.features)}
        fitting = ContradictionFinder(manifest).fitting
        n_features = len(self._positions)
        self._fitting = np.array([ranges[:n_features] for ranges in fitting]) if fitting else None

    def find_smallest(self, record: Record, row: Row, segment: int) -> Counterfactual | None:
        """Return the smallest change of one answer, or None if no single one leads elsewhere.

        Parameters
        ----------
        record : dict
            A canonical record.
        row : ndarray of shape (n_features,), float32
            Its features.
        segment : int
            Position of the segment that is answered.
        """
        n_missing = sum(record.get(name) is None for name in self._schema.decisive_names)
        is_atypical = self._typicality.are_exceeded_by(record, segment)
        start = _Start(record, row, segment, is_atypical)
        smallest = self._search(start, self._choose_questions(record, n_missing))
        if smallest is None:
            return None
        question, value = smallest.question, smallest.value
        return self._describe(start, question, self._find_first(start, question, value))

    def _choose_questions(self, record: Record, n_missing: int) -> list[Question]:
        """Return the questions that were answered, of those that decide if any of them was."""
        indirect = n_missing == len(self._schema.decisive)
        return [
            question
            for question in self._changes.questions
            if record.get(question.column.name) is not None
            and (indirect or question.column.name in self._schema.decisive_names)
        ]

    def _search(self, start: _Start, questions: Sequence[Question]) -> _Candidate | None:
        """Return the smallest change that leads elsewhere, among all answers of all questions.

        Candidates are tried in the order of the size that they have at least. Once a change is
        known, only those are left that may be smaller.
        """
        tried = [
            candidate
            for question in questions
            for candidate in _list_candidates(question, start.record[question.column.name])
        ]
        tried.sort(key=lambda candidate: candidate.least_size)
        smallest: _Candidate | None = None
        for first in range(0, len(tried), _BATCH):
            batch = [
                candidate
                for candidate in tried[first : first + _BATCH]
                if smallest is None or candidate.least_size < smallest.size
            ]
            if not batch:
                break
            leading = self._lead_elsewhere(start, batch)
            nearest = _keep_nearest(
                [candidate for candidate, leads in zip(batch, leading, strict=True) if leads]
            )
            refined = self._refine(start, nearest)
            smallest = min(
                [*refined, *([smallest] if smallest else [])],
                key=lambda candidate: candidate.size,
                default=None,
            )
        return smallest

    def _lead_elsewhere(self, start: _Start, candidates: Sequence[_Candidate]) -> list[bool]:
        """Return for each candidate whether it is possible and leads to another segment."""
        changes = [
            self._changes.change(start.record, candidate.question.column, candidate.value)
            for candidate in candidates
        ]
        rows = self._make_rows(start, changes)
        if not len(rows):
            return [False] * len(candidates)
        segments = self._score(rows).argmax(axis=1)
        accepted = segments != start.segment
        if self._fitting is not None:
            low, high = self._fitting[..., 0], self._fitting[..., 1]
            outside = np.any((rows[:, np.newaxis] < low) | (rows[:, np.newaxis] > high), axis=2)
            accepted &= ~np.all(outside, axis=1)
        leading = iter(zip(accepted.tolist(), segments.tolist(), strict=True))
        return [
            change is not None and self._fits(start, change, *next(leading)) for change in changes
        ]

    def _fits(self, start: _Start, change: Record, accepted: bool, segment: int) -> bool:
        """Return whether an accepted change leads to a record that fits a segment.

        One that fitted none before may go on fitting none.
        """
        return accepted and (
            start.is_atypical
            or not self._typicality.are_exceeded_by(start.record | change, segment)
        )

    def _make_rows(self, start: _Start, changes: Sequence[Record | None]) -> Row:
        """Return the features of the possible changes."""
        possible = [change for change in changes if change is not None]
        rows = np.repeat(start.row[np.newaxis], len(possible), axis=0)
        for row, change in zip(rows, possible, strict=True):
            for name, value in change.items():
                if name in self._positions:
                    row[self._positions[name]] = value
        return rows

    def _refine(self, start: _Start, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        """Bisect each candidate towards the given answer, as long as it leads elsewhere."""
        far = list(candidates)
        near = [float(start.record[candidate.question.column.name]) for candidate in candidates]
        for _ in range(_MOST_HALVINGS):
            smallest = min((candidate.size for candidate in far), default=0.0)
            tried = {
                i: middle
                for i, outer in enumerate(far)
                if outer.least_size <= smallest
                and (middle := _halve(start, near[i], outer)).value not in (near[i], outer.value)
            }
            if not tried:
                break
            leading = self._lead_elsewhere(start, list(tried.values()))
            for (i, middle), leads in zip(tried.items(), leading, strict=True):
                if leads:
                    far[i] = middle
                else:
                    near[i] = middle.value
                    far[i] = far[i]._replace(least_size=middle.size)
        return far

    def _find_first(self, start: _Start, question: Question, value: float) -> float:
        """Return the first answer between the given one and `value` that leads elsewhere.

        Trees may leave a segment and enter it again between two answers that were tried.
        """
        now = float(start.record[question.column.name])
        along = self._schema.is_related(question.column.name)
        most_steps = _MOST_STEPS_ALONG if along else _MOST_STEPS
        n_steps = min(math.ceil(abs(value - now) / question.step), most_steps)
        tried = [
            _Candidate(question, question.in_steps(answer), 0.0, 0.0, value > now)
            for answer in np.linspace(now, value, n_steps + 1)[1:].tolist()
        ]
        leading = self._lead_elsewhere(start, tried)
        return next(
            (candidate.value for candidate, leads in zip(tried, leading, strict=True) if leads),
            value,
        )

    def _describe(self, start: _Start, question: Question, value: float) -> Counterfactual | None:
        change = self._changes.change(start.record, question.column, value)
        if change is None:
            return None
        probabilities = self._score(self._make_rows(start, [change]))
        new_segment = self._segments[int(probabilities[0].argmax())]
        along = [
            self._name(name, answer)
            for name, answer in change.items()
            if name != question.column.name and answer != start.record[name]
        ]
        return {
            **self._name(question.column.name, value),
            "along": along,
            "segment": new_segment.id,
            "name": new_segment.name,
        }

    def _name(self, field: str, value: float) -> ChangedAnswer:
        column = self._schema.by_name[field]
        return {"field": field, "title": column.title, "unit": column.unit, "value": value}


def _halve(start: _Start, near: float, far: _Candidate) -> _Candidate:
    """Return the candidate in the middle between an answer that does not lead there and one."""
    value = far.question.in_steps((near + far.value) / 2)
    size = far.question.measure(start.record[far.question.column.name], value)
    return far._replace(value=value, size=size)


def _list_candidates(question: Question, now: float) -> list[_Candidate]:
    """Return the answers to try instead of the one that was given."""
    candidates = []
    for rises in (False, True):
        inner, least_size = now, 0.0
        for value in question.values if rises else reversed(question.values):
            if value > inner if rises else value < inner:
                size = question.measure(now, value)
                candidates.append(_Candidate(question, value, size, least_size, rises))
                inner, least_size = value, size
    return candidates


def _keep_nearest(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Return the first candidate of each question in each direction."""
    nearest: dict[tuple[str, bool], _Candidate] = {}
    for candidate in candidates:
        nearest.setdefault((candidate.question.column.name, candidate.rises), candidate)
    return list(nearest.values())
