"""Short reasons for every row of a file: the answers that suit its segment better than the next.

An explanation is exact, but needs scikit-learn and milliseconds; this compares answers with the
averages of segments in microseconds. It says what is typical of the segment, not what the model
weighs; ``python -m benchmarks.reasons`` prints how often both name the same answers.
"""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import TypedDict

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import NumberBaseline
from segmentation.runtime.answers import Answer
from segmentation.runtime.levels import AS_GIVEN, rank_level
from segmentation.schema import Record

_MOST_REASONS = 3
# A reason is left out if its weight is less than this share of the first one's.
_WORTH_SAYING = 0.2


class Reason(TypedDict):
    """One answer that suits the segment, and how high it lies among all records."""

    field: str
    level: str


@dataclass(frozen=True, slots=True)
class _Question:
    """A question with the average of each segment, in units of the spread of all records."""

    name: str
    described: NumberBaseline
    spread: float
    means: dict[str, float]
    fixed: bool

    def level(self, value: float) -> str:
        """Return the level of a value, or ``as given`` for what nobody can change, such as age."""
        return AS_GIVEN if self.fixed else rank_level(self.described, value)


class Reasons:
    """Finds the reasons for answers, by a manifest's profiles.

    Parameters
    ----------
    manifest : Manifest
    """

    def __init__(self, manifest: Manifest) -> None:
        schema = manifest.record
        questions = {name: _question(manifest, name) for name in manifest.baseline.numbers}
        features = [
            questions[feature.name] for feature in schema.features if feature.name in questions
        ]
        decisive = schema.decisive_names
        self._decisive = [feature for feature in features if feature.name in decisive]
        self._others = [feature for feature in features if feature.name not in decisive]

    def find(self, record: Record, answer: Answer) -> list[Reason]:
        """Return at most three reasons, the best first.

        Each is an answer that lies nearer to the segment's average than to the runner-up's. Only
        answers that define segments count, unless none of them was given.

        Parameters
        ----------
        record : dict
            In canonical form.
        answer : dict
            The answer to it.
        """
        own, rival = answer["segment"]["id"], runner_up(answer)
        if not rival:
            return []
        questions = self._others if answer["basis"] == "indirect" else self._decisive
        reasons = []
        for question in questions:
            value = record.get(question.name)
            if value is not None:
                gap = abs(value - question.means[rival]) - abs(value - question.means[own])
                if gap > 0:
                    reasons.append((gap / question.spread, question, value))
        reasons.sort(key=lambda reason: -reason[0])
        return [
            {"field": question.name, "level": question.level(value)}
            for gain, question, value in reasons[:_MOST_REASONS]
            if gain > reasons[0][0] * _WORTH_SAYING
        ]


def runner_up(answer: Answer) -> str:
    """Return the id of the second most probable segment; nothing if there is none."""
    own = answer["segment"]["id"]
    other_segments = [
        probability for probability in answer["probabilities"] if probability["id"] != own
    ]
    return (
        max(other_segments, key=lambda probability: probability["probability"])["id"]
        if other_segments
        else ""
    )


def _question(manifest: Manifest, name: str) -> _Question:
    described = manifest.baseline.numbers[name]
    means = {
        segment.id: segment.numbers[name].mean if name in segment.numbers else described.mean
        for segment in manifest.segments
    }
    fixed = manifest.record.by_name[name].fixed
    return _Question(name, described, described.spread or 1.0, means, fixed)
