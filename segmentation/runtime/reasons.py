"""Short reasons for every row of a file: the answers that suit its segment better than the next.

An explanation takes a record apart exactly and takes milliseconds and scikit-learn; this compares
answers with the segments' averages in microseconds. It tells what is typical, not what the model
weighed; ``python -m benchmarks.reasons`` prints how often both name the same answers.
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
# A reason is left out if it speaks less than this part of the first for the segment.
_WORTH_SAYING = 0.2


class Reason(TypedDict):
    """One answer that suits the segment, and how high it lies among all records."""

    field: str
    level: str


@dataclass(frozen=True, slots=True)
class _Question:
    """A question with its segments' averages in spreads of all records."""

    name: str
    described: NumberBaseline
    spread: float
    means: dict[str, float]
    fixed: bool

    def level(self, value: float) -> str:
        """Say how high a value lies; of age and the like that would be read wrongly."""
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
        features = [questions[one.name] for one in schema.features if one.name in questions]
        decisive = schema.decisive_names
        self._decisive = [one for one in features if one.name in decisive]
        self._others = [one for one in features if one.name not in decisive]

    def find(self, record: Record, answer: Answer) -> list[Reason]:
        """Return at most three reasons, the best first.

        Each is an answer that lies nearer to the segment's average than to the runner-up's. Of
        those that define segments, unless none of them was given.

        Parameters
        ----------
        record : dict
            In canonical form.
        answer : dict
            The answer to it.
        """
        own, other = answer["segment"]["id"], runner_up(answer)
        if not other:
            return []
        questions = self._others if answer["basis"] == "indirect" else self._decisive
        found = []
        for one in questions:
            value = record.get(one.name)
            if value is not None:
                gap = abs(value - one.means[other]) - abs(value - one.means[own])
                if gap > 0:
                    found.append((gap / one.spread, one, value))
        found.sort(key=lambda reason: -reason[0])
        return [
            {"field": one.name, "level": one.level(value)}
            for gain, one, value in found[:_MOST_REASONS]
            if gain > found[0][0] * _WORTH_SAYING
        ]


def runner_up(answer: Answer) -> str:
    """Return the id of the second most probable segment; nothing if there is none."""
    own = answer["segment"]["id"]
    others = [one for one in answer["probabilities"] if one["id"] != own]
    return max(others, key=lambda one: one["probability"])["id"] if others else ""


def _question(manifest: Manifest, name: str) -> _Question:
    described = manifest.baseline.numbers[name]
    means = {
        one.id: one.numbers[name].mean if name in one.numbers else described.mean
        for one in manifest.segments
    }
    fixed = manifest.record.by_name[name].fixed
    return _Question(name, described, described.spread or 1.0, means, fixed)
