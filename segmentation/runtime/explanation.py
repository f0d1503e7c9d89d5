"""The types of an explanation. ``explainer`` makes it, ``explanation_wording`` words it."""

from __future__ import annotations

from typing import Literal

from typing_extensions import TypedDict

from segmentation.runtime.counterfactuals import Counterfactual

Scale = Literal["probability", "log_odds"]


class Contribution(TypedDict):
    """What one answer adds to the output; ``value`` is the answer, None where it is missing."""

    field: str
    title: str
    value: float | None
    contribution: float


class WeighedReason(TypedDict):
    """An answer that speaks for the segment or against it, and how high it lies among all records.

    The level is ``missing`` where there is no answer, and ``as given`` where nobody can change it,
    or where nothing is known about others.
    """

    field: str
    direction: Literal["for", "against"]
    level: str


class Lead(TypedDict):
    """The answered segment and the next best; ``small`` if it is less than twice as probable."""

    segment: str
    over: str
    small: bool


class Explanation(TypedDict):
    """An answer as a sum: ``base`` plus all contributions is ``output``.

    On the scale ``probability`` the output is the probability of the segment; on ``log_odds`` it
    is the logarithm of how many times as probable it is as the segment ``against``. The base is
    the output for a record that is average in everything. ``sentence`` says ``lead``, ``reasons``
    and ``change`` in words.
    """

    sentence: str
    lead: Lead
    reasons: list[WeighedReason]
    scale: Scale
    against: str | None
    base: float
    output: float
    contributions: list[Contribution]
    change: Counterfactual | None
