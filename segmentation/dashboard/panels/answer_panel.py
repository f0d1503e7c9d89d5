"""An answer as a person would say it: the segment, how sure, why, and what would change it."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from segmentation.dashboard import plain_language
from segmentation.dashboard.html_elements import (
    make_color,
    render_balance_bar,
    render_notice,
    render_share_bar,
    render_swatch,
    render_table,
)
from segmentation.errors import Problem
from segmentation.runtime import Manifest
from segmentation.runtime.answers import Answer, LaterSegment
from segmentation.runtime.explanation import Contribution, Explanation
from segmentation.runtime.explanation_wording import word_change, word_reasons
from segmentation.runtime.record_warnings import RecordWarning
from segmentation.schema import Record
from segmentation.wording.phrases import format_percent

_MOST_REASONS = 8
_WORTH_SHOWING = 0.02  # of the heaviest


def render_headline(manifest: Manifest, answer: Answer) -> list[Component]:
    """Return the answer in two lines."""
    position = _compute_position(manifest, answer["segment"]["id"])
    second = sorted(answer["probabilities"], key=lambda probability: -probability["probability"])[
        1:2
    ]
    confidence = answer["confidence"]
    certainty = plain_language.describe_certainty(confidence)
    sure = f"{certainty}: {format_percent(confidence)}."
    next_best = [
        f" Next: {probability['name']}, {format_percent(probability['probability'])}."
        for probability in second
    ]
    return [
        html.H2([render_swatch(position), answer["segment"]["name"]], className="segment"),
        html.P([sure, *next_best]),
    ]


def render_nothing() -> list[Component]:
    """Return what stands there while nothing is filled in."""
    return [
        html.H2("No answer yet", className="segment"),
        html.P("Fill in what is known, or start with an average. Blank answers are fine."),
    ]


def render_refusal(problems: tuple[Problem, ...]) -> list[Component]:
    """Return what stands there while something is wrong; it is said beside each question."""
    further = [
        html.P(problem.message) for problem in problems if not isinstance(problem.field, str)
    ]
    count = f"{len(problems)} answers need" if len(problems) > 1 else "One answer needs"
    return [
        html.H2("No answer", className="segment"),
        html.P(f"{count} another value; see beside it."),
        *further,
    ]


def render_details(manifest: Manifest, record: Record, answer: Answer) -> list[Component]:
    """Return what belongs to the answer beside its headline."""
    schema = manifest.record
    decisive = schema.decisive_names
    n_given = sum(record.get(field) is not None for field in decisive)
    later = answer.get("outlook")
    doubt = plain_language.describe_plausible(
        answer["plausible"], answer["probabilities"], manifest.conformal.coverage
    )
    tone = make_color(_compute_position(manifest, answer["segment"]["id"]))
    return [
        _render_probabilities(answer),
        html.P(doubt, className="doubt unsure" if answer["unsure"] else "doubt"),
        html.P(plain_language.describe_basis(answer, n_given, len(decisive))),
        *_render_next_question(manifest, answer),
        *[
            render_notice("warning", _describe_warning(manifest, warning))
            for warning in answer["warnings"]
        ],
        html.H3("What to do"),
        html.P(answer["segment"]["action"], className="action", style=tone),
        *(_render_later(manifest, later) if later else []),
    ]


def _render_next_question(manifest: Manifest, answer: Answer) -> list[Component]:
    """Return what to ask next, or that nothing more need be asked; nothing where all is known."""
    if "ask_next" not in answer:
        return []
    if not answer["unsure"]:
        return [html.P("One segment is plausible: no further question is needed.")]
    field = answer["ask_next"]["field"]
    label = plain_language.label_column(manifest.record.by_name[field])
    return [html.P(["Ask next: ", html.Strong(label), "."], id="ask-next")]


def _render_probabilities(answer: Answer) -> Component:
    rows = [
        [
            [render_swatch(position), probability["name"]],
            html.Td(format_percent(probability["probability"]), className="figure"),
            html.Td(render_share_bar(probability["probability"], position), className="wide"),
        ]
        for position, probability in enumerate(answer["probabilities"])
    ]
    return render_table("How probable each segment is", ["Segment", "Probability", ""], rows)


def _describe_warning(manifest: Manifest, doubt: RecordWarning) -> str:
    message = doubt["message"]
    if doubt["field"] is None:
        return f"{message[:1].upper()}{message[1:]}."
    return f"{plain_language.label_column(manifest.record.by_name[doubt['field']])} {message}."


def _render_later(manifest: Manifest, later: LaterSegment) -> list[Component]:
    likely = next(
        probability
        for probability in later["probabilities"]
        if probability["id"] == later["segment"]
    )
    position = _compute_position(manifest, likely["id"])
    text = f"{likely['name']}, {format_percent(likely['probability'])}"
    return [
        html.H3(f"Expected {later['days']} days later"),
        html.P([render_swatch(position), text]),
        *_render_later_sets(manifest, later),
        *[
            render_notice("warning", _describe_warning(manifest, warning))
            for warning in later["warnings"]
        ],
    ]


def _render_later_sets(manifest: Manifest, later: LaterSegment) -> list[Component]:
    """Return which segments are plausible later; nothing where the package does not say."""
    if "plausible" not in later or manifest.outlook is None or manifest.outlook.conformal is None:
        return []
    coverage = manifest.outlook.conformal.coverage
    text = plain_language.describe_plausible(later["plausible"], later["probabilities"], coverage)
    return [html.P(text, className="doubt unsure" if later["unsure"] else "doubt")]


def render_reasons(manifest: Manifest, explanation: Explanation) -> list[Component]:
    """Return what made the answer, and what would change it."""
    reasons = word_reasons(manifest, explanation["lead"], explanation["reasons"])
    contributions = explanation["contributions"]
    heaviest = max(abs(contribution["contribution"]) for contribution in contributions) or 1.0
    heaviest_parts = [
        contribution
        for contribution in contributions
        if abs(contribution["contribution"]) > heaviest * _WORTH_SHOWING
    ][:_MOST_REASONS]
    rows = [_render_reason(manifest, explanation, part, heaviest) for part in heaviest_parts]
    names = {segment.id: segment.name for segment in manifest.segments}
    against = explanation["against"]
    unit = f"Against {names[against]}" if against else "Probability"
    return [
        html.H3("Why"),
        html.P(reasons),
        render_table(
            "What each answer contributed", ["Answer", "Given", unit, ""], rows, "reasons"
        ),
        html.H3("What would change it"),
        html.P(word_change(manifest, explanation["change"])),
    ]


def _render_reason(
    manifest: Manifest, explanation: Explanation, part: Contribution, heaviest: float
) -> list[Component | str]:
    column = manifest.record.by_name[part["field"]]
    typed_value = (
        "not given" if part["value"] is None else plain_language.format_number(part["value"])
    )
    return [
        plain_language.label_column(column),
        html.Td(typed_value, className="figure"),
        html.Td(
            plain_language.describe_contribution(part["contribution"], explanation),
            className="figure",
        ),
        html.Td(render_balance_bar(part["contribution"] / heaviest), className="wide"),
    ]


def _compute_position(manifest: Manifest, segment: str) -> int:
    return [packed.id for packed in manifest.segments].index(segment)
