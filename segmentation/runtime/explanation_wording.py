"""Sentences that explain an answer, for the API and the pages, made from an explanation.

They say how high answers lie among the training records, and do not repeat the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from segmentation.artifact import Manifest
from segmentation.runtime.counterfactuals import ChangedAnswer, Counterfactual
from segmentation.runtime.explanation import Lead, WeighedReason
from segmentation.runtime.levels import MISSING
from segmentation.wording.phrases import count_noun, join_parts

# Answers that change along and are named in a sentence; shares of one whole may be a dozen.
_MOST_ALONG = 3


def word_explanation(
    manifest: Manifest,
    lead: Lead,
    reasons: Sequence[WeighedReason],
    change: Counterfactual | None,
) -> str:
    """Return why a record is in a segment rather than the next best, and what would change it."""
    return f"{word_reasons(manifest, lead, reasons)} {word_change(manifest, change)}"


def word_reasons(manifest: Manifest, lead: Lead, reasons: Sequence[WeighedReason]) -> str:
    """Return why a record is in a segment rather than the next best, as one sentence."""
    names = {segment.id: segment.name for segment in manifest.segments}
    text = f"{names[lead['segment']]} rather than {names[lead['over']]}"
    if lead["small"]:
        text += ", by a small lead"
    supporting = _word_direction(manifest, reasons, "for")
    opposing = _word_direction(manifest, reasons, "against")
    if supporting:
        text += f", mostly because {supporting}"
    if opposing:
        text += f"; against it speaks that {opposing}"
    return f"{text}."


def word_change(manifest: Manifest, change: Counterfactual | None) -> str:
    """Return which answer would lead to another segment, as one sentence."""
    if change is None:
        return "No realistic change of a single answer leads to another segment."
    along = [_word_answer(manifest, answer) for answer in change["along"][:_MOST_ALONG]]
    n_more = len(change["along"]) - len(along)
    more = [count_noun(n_more, "more answer")] if n_more else []
    text = f", and along with it {join_parts([*along, *more])}," if along else ""
    return f"With {_word_answer(manifest, change)}{text} it would be {change['name']}."


def _word_answer(manifest: Manifest, answer: ChangedAnswer) -> str:
    """Return what is answered to a question: ``the number of orders at 5 orders``."""
    words = manifest.record.by_name[answer["field"]].words
    return f"{words} at {answer['value']:g} {answer['unit']}".rstrip()


def _word_direction(
    manifest: Manifest, reasons: Sequence[WeighedReason], direction: Literal["for", "against"]
) -> str:
    return join_parts(
        [_word_reason(manifest, reason) for reason in reasons if reason["direction"] == direction]
    )


def _word_reason(manifest: Manifest, reason: WeighedReason) -> str:
    words = manifest.record.by_name[reason["field"]].words
    if reason["level"] == MISSING:
        return f"{words} is not known"
    return f"{words} is {reason['level']}"
