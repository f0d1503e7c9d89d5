"""Explanations in a sentence: how answers lie among the training records, not what they are."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import NumberBaseline
from segmentation.runtime.counterfactuals import Counterfactual
from segmentation.runtime.explanation import Contribution

_MOST_REASONS = 3
# A reason is left out if it weighs less than this part of the heaviest.
_WORTH_SAYING = 0.2
# By the number of training deciles that an answer reaches, from 0 to 9.
_LEVELS = ("very low", "low", "low", "below average", "average", "average", "above average",
           "high", "high", "very high")  # fmt: skip


def sentence(
    manifest: Manifest,
    places: tuple[int, int],
    contributions: Sequence[Contribution],
    change: Counterfactual | None,
    *,
    close: bool,
) -> str:
    """Return why a record is in a segment rather than the next best, and what would change it.

    Parameters
    ----------
    manifest : Manifest
    places : tuple of int
        Positions of the segment and of the runner-up.
    contributions : sequence of Contribution
        The largest first.
    change : Counterfactual or None
    close : bool
        Whether the runner-up is nearly as probable.
    """
    names = [manifest.segments[position].name for position in places]
    heaviest = abs(contributions[0]["contribution"])
    said = [one for one in contributions if abs(one["contribution"]) > heaviest * _WORTH_SAYING]
    reasons = [_reason(manifest, one) for one in said if one["contribution"] > 0]
    against = [_reason(manifest, one) for one in said if one["contribution"] < 0]
    text = f"{names[0]} rather than {names[1]}{', by a small lead' if close else ''}"
    if reasons:
        text += f", mostly because {_listed(reasons[:_MOST_REASONS])}"
    if against:
        text += f"; against it speaks that {_listed(against[:_MOST_REASONS])}"
    return f"{text}. {_what_would_change(manifest, change)}"


def _what_would_change(manifest: Manifest, change: Counterfactual | None) -> str:
    if change is None:
        return "No realistic change of a single answer leads to another segment."
    column = manifest.record.by_name[change["field"]]
    unit = f" {change['unit']}" if change["unit"] else ""
    return f"With {column.words} at {change['value']:g}{unit} it would be {change['name']}."


def _reason(manifest: Manifest, one: Contribution) -> str:
    column = manifest.record.by_name[one["field"]]
    if one["value"] is None:
        return f"{column.words} is not known"
    described = manifest.baseline.numbers.get(column.name)
    if described is None or column.fixed:
        return f"{column.words} is as given"
    return f"{column.words} is {level(described, one['value'])}"


def level(described: NumberBaseline, value: float) -> str:
    """Say how high a value lies: how many deciles it reaches, the middle one of equal ones."""
    deciles = described.deciles
    return _LEVELS[(bisect_left(deciles, value) + bisect_right(deciles, value)) // 2]


def _listed(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
