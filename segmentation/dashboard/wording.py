"""How names and figures are said to people who work in marketing. No components, no markup."""

from __future__ import annotations

import math
from collections.abc import Sequence

from segmentation.runtime.answers import Answer
from segmentation.runtime.explanation import Explanation
from segmentation.schema import Column

NONE = "none"

# What is more than a thousand times as likely is as good as certain.
_LARGEST_FACTOR = math.log(1000)
_CERTAINTIES = ((0.9, "Very sure"), (0.75, "Fairly sure"), (0.5, "More likely than not"))
# Kaufman and Rousseeuw 1990, table 4 of chapter 2.
_SEPARATIONS = ((0.7, "strongly"), (0.5, "clearly"), (0.25, "moderately"))
# Steinley 2004, https://doi.org/10.1037/1082-989X.9.3.386
_REPEATS = ((0.9, "nearly the same"), (0.8, "much the same"), (0.65, "roughly the same"))

MEANINGS = {
    "accuracy": "Share of the answers that are right.",
    "balanced accuracy": "The same, with every segment counting alike, however small.",
    "macro F1": "How many answers are right and how few customers are missed, in one figure for "
    "each segment, averaged; 100% is best.",
    "macro AUC": "How well a segment's customers are ranked before all others: 1 is best, 0.5 is "
    "chance.",
    "log-loss": "How far the probabilities are from the truth, with a heavy price for being sure "
    "and wrong; 0 is best.",
    "Brier score": "Squared error of the probabilities, from 0 (best) to 2.",
    "calibration error": "How far “80% sure” is from being right in 80% of the cases; 0 is best.",
    "coverage": "How often the true segment is among those called plausible.",
    "unsure": "How often there isn't exactly one plausible segment.",
    "precision": "Of those who were put into the segment, how many belong there.",
    "recall": "Of those who belong to the segment, how many were put there.",
}
"""What figures say, in plain words."""

_CONDITIONS = {
    "complete": "complete records",
    "incomplete": "records with gaps",
    "imprecise": "imprecise records",
    "indirect": "without any answer that defines the segments",
    "largest class": "always naming the largest segment",
    "stratified dummy": "drawing a segment by chance",
    "stays the same": "if everybody stayed where they are",
}


def label(column: Column) -> str:
    """Return what a question is called, as a heading has it."""
    words = column.words.removeprefix("the ")
    return words[:1].upper() + words[1:]


def number(value: float) -> str:
    """Return a number with three digits that count, or all those before the point."""
    if abs(value) >= 100 or value == round(value):  # noqa: PLR2004  # three digits
        return f"{value:,.0f}"
    return f"{value:.3g}"


def quantity(value: float, column: Column) -> str:
    """Return a number without its unit; a share as a percentage."""
    return percent(value) if _is_share(column) else number(value)


def unit(column: Column) -> str:
    """Return the unit of what ``quantity`` returns, unless the heading says it."""
    if column.unit and column.unit in label(column).lower():
        return ""
    return column.unit.removeprefix("share ") if _is_share(column) else column.unit


def _is_share(column: Column) -> bool:
    """Whether a column holds parts of a whole, which people read as percentages."""
    whole = column.maximum == 1.0 or column.unit.startswith("share of ")
    return whole and column.kind == "number"


def percent(share: float) -> str:
    """Return a share as a percentage; one that is not quite 0 or 1 isn't called that."""
    if 0 < share < 0.005:  # noqa: PLR2004  # what would be rounded to 0
        return "under 1%"
    if 0.995 <= share < 1:  # noqa: PLR2004  # what would be rounded to 1
        return "over 99%"
    return f"{share:.0%}"


def index(value: float | None) -> str:
    """Return an index, the average being 100."""
    return NONE if value is None else f"{value:,.0f}"


def against_average(value: float | None) -> str:
    """Say how an index compares with 100."""
    if value is None or round(value) == 100:  # noqa: PLR2004  # the average
        return "as everyone"
    if value >= 200:  # noqa: PLR2004  # twice the average
        return f"{value / 100:.1f} times the average"
    return f"{abs(value - 100):.0f}% {'above' if value > 100 else 'below'} average"  # noqa: PLR2004


def certainty(confidence: float) -> str:
    """Say how sure an answer is."""
    return _first(_CERTAINTIES, confidence, "Hardly more than a guess")


def separation(silhouette: float) -> str:
    """Say how far the segments lie apart."""
    how = _first(_SEPARATIONS, silhouette, "hardly")
    return f"The segments are {how} separated: customers near a border could be in either."


def repeatability(mean: float, n: int) -> str:
    """Say how alike the segments come out when they are discovered again."""
    how = _first(_REPEATS, mean, "rather different")
    return f"Discovered again from {n} random samples of the customers, they came out {how}."


def rests_on(answer: Answer, given: int, n_decisive: int) -> str:
    """Say on how many of the answers that define segments an answer rests."""
    if answer["basis"] == "complete":
        return f"It rests on all {n_decisive} answers that define the segments."
    if answer["basis"] == "incomplete":
        return f"It rests on {given} of the {n_decisive} answers that define the segments."
    return "It rests on none of the answers that define the segments: take it as a first guess."


def doubt(answer: Answer, coverage: float) -> str:
    """Say which segments are possible, and in which share of the cases that is right."""
    names = {one["id"]: one["name"] for one in answer["probabilities"]}
    possible = [names[segment] for segment in answer["plausible"]]
    if not possible:
        return "Unsure: the record fits none of the segments well."
    often = f"about {percent(coverage)} of such statements are right"
    if len(possible) == 1:
        return f"No other segment is plausible: {often}."
    return f"Unsure: it could be {listed(possible, 'or')}. {often.capitalize()}."


def weight(contribution: float, explanation: Explanation) -> str:
    """Say what one answer did to the segment's probability."""
    if explanation["scale"] == "probability":
        return f"{contribution * 100:+.0f} points".replace("-", "−")  # noqa: RUF001  # a minus
    factor = math.exp(min(abs(contribution), _LARGEST_FACTOR))
    beyond = "over " if abs(contribution) > _LARGEST_FACTOR else ""
    if factor < 1.05:  # noqa: PLR2004  # what would be rounded to 1
        return "no difference"
    return f"{beyond}{number(factor)} times as {'likely' if contribution > 0 else 'unlikely'}"


def condition(name: str) -> str:
    """Say what a figure is about, by what stands after its measure."""
    said = ", ".join(_condition(part) for part in name.split(", "))
    return f"{said[:1].upper()}{said[1:]}"


def _condition(part: str) -> str:
    if part.endswith(" missing"):
        return f"{counted(int(part.split(maxsplit=1)[0]), 'answer')} missing"
    if part.endswith(" % noise"):
        return f"answers off by about {part.removesuffix(' % noise')}%"
    return _CONDITIONS.get(part, part)


def counted(n: int, noun: str) -> str:
    """Return a number of things."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def listed(parts: Sequence[str], last: str = "and") -> str:
    """Return parts as a sentence lists them."""
    return f" {last} ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _first(words: Sequence[tuple[float, str]], value: float, otherwise: str) -> str:
    return next((word for least, word in words if value >= least), otherwise)
