"""How answers and columns are described to people who work in marketing. No markup."""

from __future__ import annotations

import math
from collections.abc import Sequence

from segmentation.runtime.answers import Answer, SegmentProbability
from segmentation.runtime.explanation import Explanation
from segmentation.schema import Column
from segmentation.wording.phrases import capitalize_first, format_percent, join_parts

NONE = "none"

# What is more than a thousand times as likely is as good as certain.
_LARGEST_FACTOR = math.log(1000)
_CERTAINTIES = ((0.9, "Very sure"), (0.75, "Fairly sure"), (0.5, "More likely than not"))
# Kaufman and Rousseeuw 1990, table 4 of chapter 2.
_SEPARATIONS = ((0.7, "strongly"), (0.5, "clearly"), (0.25, "moderately"))
# Steinley 2004, https://doi.org/10.1037/1082-989X.9.3.386
_REPEATS = ((0.9, "nearly the same"), (0.8, "much the same"), (0.65, "roughly the same"))


def label_column(column: Column) -> str:
    """Return what a question is called, as a heading has it."""
    return capitalize_first(column.words.removeprefix("the "))


def format_number(value: float) -> str:
    """Return a number with three digits that count, or all those before the point."""
    if abs(value) >= 100 or value == round(value):  # noqa: PLR2004  # three digits
        return f"{value:,.0f}"
    return f"{value:.3g}"


def format_quantity(value: float, column: Column) -> str:
    """Return a number without its unit; a share as a percentage."""
    return format_percent(value) if _is_share(column) else format_number(value)


def format_unit(column: Column) -> str:
    """Return the unit of what ``quantity`` returns, unless the heading says it."""
    if column.unit and column.unit in label_column(column).lower():
        return ""
    return column.unit.removeprefix("share ") if _is_share(column) else column.unit


def _is_share(column: Column) -> bool:
    """Whether a column holds parts of a whole, which people read as percentages."""
    is_share = column.maximum == 1.0 or column.unit.startswith("share of ")
    return is_share and column.kind == "number"


def format_index(value: float | None) -> str:
    """Return an index, the average being 100."""
    return NONE if value is None else f"{value:,.0f}"


def compare_with_average(value: float | None) -> str:
    """Say how an index compares with 100."""
    if value is None or round(value) == 100:  # noqa: PLR2004  # the average
        return "as everyone"
    if value >= 200:  # noqa: PLR2004  # twice the average
        return f"{value / 100:.1f} times the average"
    return f"{abs(value - 100):.0f}% {'above' if value > 100 else 'below'} average"  # noqa: PLR2004


def describe_certainty(confidence: float) -> str:
    """Say how sure an answer is."""
    return _capitalize(_CERTAINTIES, confidence, "Hardly more than a guess")


def describe_separation(silhouette: float) -> str:
    """Say how far the segments lie apart."""
    how = _capitalize(_SEPARATIONS, silhouette, "hardly")
    return f"The segments are {how} separated: customers near a border could be in either."


def describe_repeatability(mean: float, n: int) -> str:
    """Say how alike the segments come out when they are discovered again."""
    how = _capitalize(_REPEATS, mean, "rather different")
    return f"Discovered again from {n} random samples of the customers, they came out {how}."


def describe_basis(answer: Answer, n_given: int, n_decisive: int) -> str:
    """Say on how many of the answers that define segments an answer rests."""
    if answer["basis"] == "complete":
        return f"It rests on all {n_decisive} answers that define the segments."
    if answer["basis"] == "incomplete":
        return f"It rests on {n_given} of the {n_decisive} answers that define the segments."
    return "It rests on none of the answers that define the segments: take it as a first guess."


def describe_plausible(
    plausible: Sequence[str], probabilities: Sequence[SegmentProbability], coverage: float
) -> str:
    """Say which segments are possible, and in which share of the cases that is right."""
    names = {probability["id"]: probability["name"] for probability in probabilities}
    possible = [names[segment] for segment in plausible]
    often = f"about {format_percent(coverage)} of such statements are right"
    if len(possible) == 1:
        return f"No other segment is plausible: {often}."
    return f"Unsure: it could be {join_parts(possible, 'or')}. {often.capitalize()}."


def describe_contribution(contribution: float, explanation: Explanation) -> str:
    """Say what one answer did to the segment's probability."""
    if explanation["scale"] == "probability":
        return f"{contribution * 100:+.0f} points".replace("-", "−")  # noqa: RUF001  # a minus
    factor = math.exp(min(abs(contribution), _LARGEST_FACTOR))
    beyond = "over " if abs(contribution) > _LARGEST_FACTOR else ""
    if factor < 1.05:  # noqa: PLR2004  # what would be rounded to 1
        return "no difference"
    return (
        f"{beyond}{format_number(factor)} times as {'likely' if contribution > 0 else 'unlikely'}"
    )


def _capitalize(words: Sequence[tuple[float, str]], value: float, otherwise: str) -> str:
    return next((word for least, word in words if value >= least), otherwise)
