"""What can change about a record, and what changes along with it.

A question can be asked about if somebody can change its answer by itself. The answer that is tried
is a possible step between the ends of the training answers. What else changes follows
from the study's relations; a change that would need an impossible one is none. Which change leads
where is in ``counterfactuals``.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

import numpy as np

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import NumberBaseline
from segmentation.schema import Column, Record

# Number of answers that are tried for each column: quantiles of the training answers.
_N_TRIED = 41
_LAST_BIT = 1e-9
# Decimals of answers that change along and have no steps, such as shares.
_DECIMALS = 6


@dataclass(frozen=True)
class Question:
    """A column of which other answers are tried.

    Attributes
    ----------
    column : Column
    step : float
        Distance between two answers that are tried.
    limits : tuple of two int
        The ends of the training answers, in steps.
    values : tuple of float
        Answers at even quantiles of the training records, ascending.
    """

    column: Column
    step: float
    limits: tuple[int, int]
    values: tuple[float, ...]

    def in_steps(self, value: float) -> float:
        """Return the nearest possible answer to the question within the training range."""
        low, high = self.limits
        return round(min(max(round(value / self.step), low), high) * self.step, 9)

    def measure(self, start: float, end: float) -> float:
        """Return approximately the share of the training records between two answers.

        A hundredth of their distance is added, because no record lies between equal quantiles.
        """
        span = self.values[-1] - self.values[0] or 1.0
        return abs(self._rank(end) - self._rank(start)) + 0.01 * abs(end - start) / span

    def _rank(self, value: float) -> float:
        """Return approximately the share of the training records below an answer."""
        position = bisect_right(self.values, value)
        if position in (0, len(self.values)):
            return float(position > 0)
        low, high = self.values[position - 1 : position + 1]
        return (position - 1 + (value - low) / (high - low)) / (len(self.values) - 1)


class RealisticChanges:
    """Knows which answers can change, and changes records so that all relations still hold.

    Parameters
    ----------
    manifest : Manifest

    Attributes
    ----------
    questions : list of Question
        Those of which other answers may be tried.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._schema = manifest.record
        self._ranges = {
            name: (described.low, described.high)
            for name, described in manifest.baseline.numbers.items()
        }
        self._restarting = [column for column in self._schema.columns if column.restarts_with]
        questions = [
            _make_question(column, manifest.baseline.numbers[column.name])
            for column in self._schema.features
            if column.name in self._ranges and not (column.fixed or column.only_follows)
        ]
        self.questions = [
            question for question in questions if question.limits[0] < question.limits[1]
        ]

    def change(self, record: Record, column: Column, value: float) -> Record | None:
        """Return the answers that another answer to one question brings about, itself among them.

        Parameters
        ----------
        record : dict
            A canonical record that answers the question.
        column : Column
        value : float
            The other answer.

        Returns
        -------
        dict or None
            The new answers by column; None if the change is not possible.
        """
        changes: Record = {column.name: value}
        for restarting in self._restarting:
            restarts = restarting.restarts_with == column.name and value > record[column.name]
            if restarts and record.get(restarting.name) is not None:
                changes[restarting.name] = restarting.minimum or 0.0
        along = self._schema.follow(record | changes, list(changes))
        if along is None:
            return None
        for name, answer in along.items():
            follower = self._schema.by_name[name]
            changes[name] = follower.round_to_step(answer, 10.0**-_DECIMALS)
        possible = all(self._is_possible(record, name, changes) for name in changes)
        return changes if possible else None

    def _is_possible(self, record: Record, name: str, changes: Record) -> bool:
        """Return whether one of the changes can happen, and stays among the training records."""
        column, old, new = self._schema.by_name[name], record[name], changes[name]
        if new == old:
            return True
        if column.fixed or (
            column.only_grows and new < old and not self._restarts(column, changes)
        ):
            return False
        low, high = self._ranges.get(name, (-math.inf, math.inf))
        # What was outside before may stay there, but not go further.
        margin = _LAST_BIT + _LAST_BIT * abs(new)
        return bool(min(low, old) - margin <= new <= max(high, old) + margin)

    def _restarts(self, column: Column, changes: Record) -> bool:
        return column.restarts_with in changes


def _make_question(column: Column, described: NumberBaseline) -> Question:
    """Return the question of a column, with answers at even quantiles of the training records."""
    quantiles = [described.low, *described.deciles, described.high]
    places = np.linspace(0, len(quantiles) - 1, _N_TRIED)
    even = np.interp(places, np.arange(len(quantiles)), quantiles).tolist()
    step = _find_step(column, described)
    # The tolerance keeps a limit that lies on a step, however the division is rounded.
    limits = (
        math.ceil(described.low / step - _LAST_BIT),
        math.floor(described.high / step + _LAST_BIT),
    )
    question = Question(column, step, limits, ())
    return replace(question, values=tuple(question.in_steps(value) for value in even))


def _find_step(column: Column, described: NumberBaseline) -> float:
    """Return the step of a question; without one, about a thousandth of the training range."""
    if column.step:
        return column.step
    span = described.high - described.low
    return float(10.0 ** (math.floor(math.log10(span)) - 3)) if span > 0 else 1.0
