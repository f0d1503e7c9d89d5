"""What an explanation is, for those who make it, word it and send it."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from segmentation.runtime.counterfactuals import Counterfactual


class Contribution(TypedDict):
    """What one answer added to the output; ``value`` is the answer, None where it is missing."""

    field: str
    title: str
    value: float | None
    contribution: float


class Explanation(TypedDict):
    """An answer taken apart: ``base`` plus all contributions is ``output``.

    On the scale ``probability`` the output is the probability of the segment; on ``log_odds`` it
    is the logarithm of how many times as probable it is as the segment ``against``. The base is
    the output for a record that is average in everything.
    """

    sentence: str
    scale: Literal["probability", "log_odds"]
    against: str | None
    base: float
    output: float
    contributions: list[Contribution]
    change: Counterfactual | None
