"""Answers: probabilities become the segment, confidence and plausible segments of a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import Conformal, RankedQuestion
from segmentation.runtime.explanation import Explanation
from segmentation.runtime.record_warnings import RecordWarning, warn_of_indirect_outlook
from segmentation.schema import Schema

# Probabilities have six decimals: a tenth of the difference between ONNX and the pipeline that
# packing allows. They are rounded by arithmetic, because round() takes three times as long.
_SCALE = 1_000_000
# The sum of float32 probabilities differs from 1 by less than this.
_SLACK = 1e-5


Basis = Literal["complete", "incomplete", "indirect"]


class SegmentName(TypedDict):
    """The segment of a record and what to do about it."""

    id: str
    name: str
    action: str


class SegmentProbability(TypedDict):
    """How probable one segment is for a record."""

    id: str
    name: str
    probability: float


class OpenQuestion(TypedDict):
    """The open question whose answer would decide most.

    ``expected_gain`` is how many more of the held-out records, as a share, were answered right once
    it was asked after those that decide more.
    """

    field: str
    title: str
    expected_gain: float


class LaterSegment(TypedDict):
    """How probable each segment is some days later; ``segment`` is the most probable one's id.

    ``plausible``, ``unsure`` and ``basis`` mean what they mean for today, ``warnings`` are about
    the forecast only. Packages of before format 5 have no sets of plausible segments.
    """

    days: int
    segment: str
    probabilities: list[SegmentProbability]
    basis: Basis
    plausible: NotRequired[list[str]]
    unsure: NotRequired[bool]
    warnings: list[RecordWarning]


class Answer(TypedDict):
    """What is answered about one record.

    ``plausible`` holds the true segment for 95 % of records like those the model was calibrated
    on; ``unsure`` is true unless it holds exactly one segment. ``basis`` says which of the answers
    that define segments were given: all (complete), some (incomplete) or none (indirect).
    """

    segment: SegmentName
    confidence: float
    probabilities: list[SegmentProbability]
    plausible: list[str]
    unsure: bool
    basis: Basis
    warnings: list[RecordWarning]
    id: int | str | None
    ask_next: NotRequired[OpenQuestion]
    outlook: NotRequired[LaterSegment]
    explanation: NotRequired[Explanation]


class ModelName(TypedDict):
    """Which model answered."""

    study: str
    version: str


class Prediction(Answer):
    """The answer to a single record."""

    model: ModelName


class Predictions(TypedDict):
    """The answers to an array of records, in the same order."""

    model: ModelName
    predictions: list[Answer]


class AnswerWriter:
    """Writes answers in the words of a manifest.

    Parameters
    ----------
    manifest : Manifest
    """

    def __init__(self, manifest: Manifest) -> None:
        self._segments: list[SegmentName] = [
            {"id": segment.id, "name": segment.name, "action": segment.action}
            for segment in manifest.segments
        ]
        self._names = [(segment.id, segment.name) for segment in manifest.segments]
        self._alone = [[segment.id] for segment in manifest.segments]
        self._days = manifest.outlook.days if manifest.outlook else 0
        self._bases = list_bases(manifest.record)
        self._least_plausible = _list_least_plausible(manifest.conformal)
        decisive = [column.name for column in manifest.record.decisive_columns]
        self._least_by_pattern = {
            tuple(decisive.index(name) for name in part.missing): [
                1.0 - threshold for threshold in part.thresholds
            ]
            for part in manifest.conformal.patterns
        }
        self._questions = [
            (decisive.index(question.field), _describe_question(question, manifest))
            for question in manifest.questions
        ]
        later = manifest.outlook.conformal if manifest.outlook else None
        self._least_plausible_later = _list_least_plausible(later) if later else None
        self._indirect_later = warn_of_indirect_outlook(manifest)

    def write(
        self,
        probabilities: Sequence[float],
        segment: int,
        missing: tuple[int, ...],
        warnings: list[RecordWarning],
        identifier: int | str | None,
    ) -> Answer:
        """Return the answer to one record.

        Parameters
        ----------
        probabilities : sequence of float, of shape (n_segments,)
        segment : int
            Position of the largest of them.
        missing : tuple of int
            Positions of the missing answers among those that define segments.
        warnings : list
        identifier : int, str or None
            The record's own id.
        """
        n_missing = len(missing)
        least = self._least_plausible[n_missing]
        if missing:
            least = self._least_by_pattern.get(missing, least)
        plausible = self._plausible(probabilities, segment, least)
        answer: Answer = {
            "segment": self._segments[segment],
            "confidence": int(probabilities[segment] * _SCALE + 0.5) / _SCALE,
            "probabilities": self._named(probabilities),
            "plausible": plausible,
            "unsure": len(plausible) != 1,
            "basis": self._bases[n_missing],
            "warnings": warnings,
            "id": identifier,
        }
        if missing:
            for position, question in self._questions:
                if position in missing:
                    answer["ask_next"] = question
                    break
        return answer

    def outlook(self, probabilities: Sequence[float], n_missing: int) -> LaterSegment:
        """Return the answer about the later day.

        Parameters
        ----------
        probabilities : sequence of float, of shape (n_segments,)
        n_missing : int
            Number of missing answers among those that define segments.
        """
        most_probable = max(range(len(probabilities)), key=probabilities.__getitem__)
        basis = self._bases[n_missing]
        later: LaterSegment = {
            "days": self._days,
            "segment": self._names[most_probable][0],
            "probabilities": self._named(probabilities),
            "basis": basis,
            "warnings": self._indirect_later if basis == "indirect" else [],
        }
        if self._least_plausible_later:
            least = self._least_plausible_later[n_missing]
            later["plausible"] = self._plausible(probabilities, most_probable, least)
            later["unsure"] = len(later["plausible"]) != 1
        return later

    def _named(self, probabilities: Sequence[float]) -> list[SegmentProbability]:
        return [
            {"id": key, "name": name, "probability": int(value * _SCALE + 0.5) / _SCALE}
            for (key, name), value in zip(self._names, probabilities)  # noqa: B905  # hot
        ]

    def _plausible(
        self, probabilities: Sequence[float], segment: int, least: Sequence[float]
    ) -> list[str]:
        """Return the segments of at least the probability that each needs, and the likeliest.

        Where none has that much, the record lies between segments: then so many of the likeliest
        as together have what the first of them needs. (``training.measuring.prediction_sets`` does
        the same in arrays.)
        """
        largest = probabilities[segment]
        if largest >= least[segment] and 1.0 - largest + _SLACK < min(least):
            return self._alone[segment]  # the others share too little
        plausible = [
            position
            for position, (value, bound) in enumerate(zip(probabilities, least, strict=True))
            if value >= bound
        ]
        if not plausible:
            plausible = _reach(probabilities, least[segment])
        elif segment not in plausible:
            plausible = sorted([segment, *plausible])
        return [self._names[position][0] for position in plausible]


def _describe_question(question: RankedQuestion, manifest: Manifest) -> OpenQuestion:
    title = manifest.record.by_name[question.field].title.strip()
    return {"field": question.field, "title": title, "expected_gain": question.gain}


def _list_least_plausible(conformal: Conformal) -> list[list[float]]:
    """Return the least probability of a plausible segment, by what is missing and by segment."""
    return [[1.0 - threshold for threshold in of_segments] for of_segments in conformal.thresholds]


def _reach(probabilities: Sequence[float], needed: float) -> list[int]:
    """Return the positions of the fewest largest probabilities that add up to what is needed."""
    positions: list[int] = []
    together = 0.0
    for position in sorted(range(len(probabilities)), key=probabilities.__getitem__, reverse=True):
        if together >= needed and positions:
            break
        positions.append(position)
        together += probabilities[position]
    return sorted(positions)


def list_bases(schema: Schema) -> list[Basis]:
    """Return the basis for each number of missing answers, from 0, of those that define segments.

    Parameters
    ----------
    schema : Schema
    """
    incomplete: list[Basis] = ["incomplete"] * (len(schema.decisive) - 1)
    return ["complete", *incomplete, "indirect"]
