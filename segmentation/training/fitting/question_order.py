"""In which order questions decide most, and thresholds that know which answers are missing.

Both are learned from models and records that those have not seen, like all calibration.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.manifest import Conformal, PatternThresholds, RankedQuestion
from segmentation.estimators import Floats, with_missing, with_noise
from segmentation.study import Study
from segmentation.training.fitting.conformal_calibration import COVERAGE, find_thresholds
from segmentation.training.labelled_records import LabelledRecords
from segmentation.training.measuring.prediction_sets import make_sets

# Whoever asks until one segment is plausible looks many times, and stops where the sets happen to
# be small: the level of each look is raised until so many of the last answers hold the truth.
COVERAGE_WHERE_ASKING_STOPS = 0.935
LEVELS = tuple(np.arange(COVERAGE, 0.9976, 0.0025).round(4).tolist())

LEVEL_OF_ORDER = 0.975
FEWEST_UNDECIDED = 30

HeldOut = Sequence[tuple[Any, LabelledRecords]]
Pattern = tuple[int, ...]
"""Positions of the decisive features that are missing, ascending."""


@dataclass(frozen=True)
class QuestionOrder:
    """Questions in the order in which they decide most, and how thresholds follow it.

    Attributes
    ----------
    questions : tuple of RankedQuestion
        One for each decisive column that does not follow from those before it.
    patterns : tuple of PatternThresholds
        Of what is missing along the order, and of each single answer.
    """

    questions: tuple[RankedQuestion, ...]
    patterns: tuple[PatternThresholds, ...]


def learn_question_order(study: Study, held_out: HeldOut, seed: int) -> QuestionOrder:
    """Return the order of questions and the thresholds along it.

    Each question is the one that, with those before it, makes the true segment most likely.

    Parameters
    ----------
    study : Study
    held_out : sequence of (fitted classifier, LabelledRecords)
        Models with records that they have not seen.
    seed : int
        Of the imprecise copies.
    """
    answers = _MaskedAnswers(study, held_out, seed)
    patterns, names = _order_patterns(study, answers)
    accuracies = [answers.measure_accuracy(pattern) for pattern in patterns]
    questions = tuple(
        RankedQuestion(field=name, gain=round(after - before, 6))
        for name, before, after in zip(names, accuracies, accuracies[1:], strict=False)
    )
    along = patterns[1:-1]  # none given is `indirect`, none missing is `complete`
    level = _find_level(answers, patterns)
    single: list[Pattern] = [(position,) for position in study.schema.decisive]
    thresholds = {pattern: answers.find_thresholds(pattern) for pattern in single}
    for pattern in along:
        thresholds[pattern] = np.maximum(
            answers.find_thresholds(pattern), np.quantile(answers.score(pattern), level)
        )
    return QuestionOrder(questions, tuple(_name_patterns(study, thresholds)))


def add_patterns(conformal: Conformal, order: QuestionOrder) -> Conformal:
    """Return sets that know which answers are missing, where the order has learned it."""
    return conformal.model_copy(update={"patterns": order.patterns})


def index_patterns(study: Study, conformal: Conformal) -> dict[Pattern, list[float]]:
    """Return the thresholds of patterns by the positions of the missing features."""
    positions = {column.name: i for i, column in enumerate(study.schema.features)}
    return {
        tuple(positions[name] for name in part.missing): part.thresholds
        for part in conformal.patterns
    }


def _name_patterns(
    study: Study, thresholds: dict[Pattern, NDArray[np.float64]]
) -> list[PatternThresholds]:
    features = study.schema.features
    return [
        PatternThresholds(
            missing=tuple(features[position].name for position in pattern),
            thresholds=values.tolist(),
        )
        for pattern, values in thresholds.items()
        if len(pattern) < len(study.schema.decisive)
    ]


@dataclass(frozen=True)
class _MaskedAnswers:
    """What models answer to records that they have not seen, without some of the answers."""

    study: Study
    held_out: HeldOut
    seed: int

    @cached_property
    def positions(self) -> NDArray[np.intp]:
        """Position of the true segment of each record."""
        classes = self.held_out[0][0].classes_
        return np.searchsorted(classes, np.concatenate([part.y for _, part in self.held_out]))

    def predict(self, pattern: Pattern, noise: float = 0.0) -> NDArray[np.float64]:
        """Return probabilities, of shape (n_samples, n_segments), without what is missing."""
        random = np.random.RandomState(self.seed)
        return np.vstack(
            [
                model.predict_proba(self._mask(part.X, pattern, noise, random))
                for model, part in self.held_out
            ]
        )

    def _mask(
        self, X: Floats, pattern: Pattern, noise: float, random: np.random.RandomState
    ) -> Floats:
        masked = with_missing(X, np.isin(np.arange(X.shape[1]), pattern))
        if noise:
            decisive = list(self.study.schema.decisive)
            masked[:, decisive] = with_noise(masked[:, decisive], noise, random)
        return masked

    def score(self, pattern: Pattern, noise: float = 0.0) -> NDArray[np.float64]:
        """Return 1 minus the probability of the true segment, of shape (n_samples,)."""
        P = self.predict(pattern, noise)
        return np.asarray(1.0 - P[np.arange(len(P)), self.positions])

    def measure_accuracy(self, pattern: Pattern) -> float:
        """Return how many records are answered right."""
        return float((self.predict(pattern).argmax(axis=1) == self.positions).mean())

    def find_thresholds(self, pattern: Pattern) -> NDArray[np.float64]:
        """Return the thresholds of a pattern by segment; imprecise records count as precise."""
        n_segments = len(self.held_out[0][0].classes_)
        sizes = np.bincount(self.positions, minlength=n_segments)
        levels: list[tuple[float, ...]] = [(0.0,)]
        if self.study.noise:
            levels.append(tuple(self.study.noise))
        thresholds = [
            find_thresholds(
                np.concatenate([self.score(pattern, noise) for noise in pooled]),
                np.tile(self.positions, len(pooled)),
                sizes,
            )
            for pooled in levels
        ]
        return np.asarray(np.max(thresholds, axis=0))


def _order_patterns(study: Study, answers: _MaskedAnswers) -> tuple[list[Pattern], list[str]]:
    """Return what is missing before the first question and after each, and the questions.

    What counts are the records that are not decided yet, as long as there are many.
    """
    names = [column.name for column in study.schema.features]
    patterns, order = [study.schema.decisive], list[str]()
    undecided = np.ones(len(answers.positions), dtype=np.bool_)
    while patterns[-1]:
        losses = {}
        for position in patterns[-1]:
            candidate = find_missing(study, [*order, names[position]])
            scores = answers.score(candidate)
            is_asked = undecided if undecided.sum() >= FEWEST_UNDECIDED else slice(None)
            losses[position, candidate] = _measure_loss(scores[is_asked])
        position, pattern = min(losses, key=losses.__getitem__)
        order.append(names[position])
        patterns.append(pattern)
        undecided &= ~_find_decided(answers, pattern)
    return patterns, order


def _find_decided(answers: _MaskedAnswers, pattern: Pattern) -> NDArray[np.bool_]:
    """Return for which records one segment is plausible, at about the level of the looks."""
    P, scores = answers.predict(pattern), answers.score(pattern)
    least = np.full(P.shape[1], 1.0 - np.quantile(scores, LEVEL_OF_ORDER))
    return np.asarray(make_sets(P, least).sum(axis=1) == 1)


def find_missing(study: Study, fields: Collection[str]) -> Pattern:
    """Return the positions of the decisive features that neither are among `fields` nor follow."""
    missing = {column.name for column in study.schema.lacking(fields)}
    features = study.schema.features
    return tuple(
        position for position in study.schema.decisive if features[position].name in missing
    )


def _measure_loss(scores: NDArray[np.float64]) -> float:
    return float(-np.log(np.maximum(1.0 - scores, 1e-9)).mean())


def _find_level(answers: _MaskedAnswers, patterns: Sequence[Pattern]) -> float:
    """Return the coverage of each look at which asking until one is plausible keeps the truth."""
    looks = [
        (answers.predict(pattern), answers.score(pattern), answers.find_thresholds(pattern))
        for pattern in patterns[1:]
    ]
    n_records = len(answers.positions)
    for level in LEVELS:
        covered = np.zeros(n_records, dtype=np.bool_)
        undecided = ~covered
        for P, scores, own in looks[:-1]:
            sets = make_sets(P, 1.0 - np.maximum(own, np.quantile(scores, level)))
            stopping = undecided & (sets.sum(axis=1) == 1)
            covered[stopping] = sets[np.arange(n_records), answers.positions][stopping]
            undecided &= ~stopping
        # Who has given all answers is not asked again: those sets keep what they promise.
        n_covered = covered.sum() + COVERAGE * undecided.sum()
        if n_covered >= COVERAGE_WHERE_ASKING_STOPS * n_records:
            return float(level)
    return float(LEVELS[-1])
