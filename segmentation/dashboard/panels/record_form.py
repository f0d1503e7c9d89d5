"""The form of the page Score one: a question for each column, and what was answered as a record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from segmentation.dashboard import plain_language
from segmentation.dashboard.html_elements import render_folded, render_swatch
from segmentation.runtime import Manifest
from segmentation.schema import Column, Record, Schema
from segmentation.schema.column_values import parse_text
from segmentation.wording.phrases import count_noun

ANSWER, SLIDER, TYPICAL = "answer", "slider", "typical"
SLIDING, PLAIN = "sliding", "plain"
CLEAR = ""
_PAUSE = 300  # milliseconds without a key before what was typed is read
_FAR = 100  # a limit this many times what was ever answered helps nobody
_FINEST_STEP = 0.001  # of an average that is filled in where any number is an answer
_STEPS = 100  # of a slider, at least: someone without a mouse goes through them


def render_form(manifest: Manifest) -> list[Component]:
    """Return the questions of a study: what decides most comes first, and last what isn't read."""
    schema = manifest.record
    order = {question.field: place for place, question in enumerate(manifest.questions)}
    decisive = sorted(
        schema.decisive_columns, key=lambda column: order.get(column.name, len(order))
    )
    other_columns = [column for column in schema.features if column not in decisive]
    unread_columns = [column for column in schema.sendable if column.role != "feature"]
    groups = [
        _render_group("Answers that make the segments", _render_questions(manifest, decisive))
    ]
    if other_columns:
        groups.append(
            _render_group(
                "Further answers that the model reads", _render_questions(manifest, other_columns)
            )
        )
    text = f"{count_noun(len(unread_columns), 'more question')} that the model does not read"
    return [
        *groups,
        *(
            [render_folded(text, *_render_questions(manifest, unread_columns))]
            if unread_columns
            else []
        ),
    ]


def find_beginnings(manifest: Manifest) -> Component:
    """Return the buttons that fill the form with a segment's averages, or empty it."""
    buttons = [
        html.Button(
            [render_swatch(position), segment.name],
            id={"type": TYPICAL, "study": manifest.study, "segment": segment.id},
            className="button",
        )
        for position, segment in enumerate(manifest.segments)
    ]
    clear = html.Button(
        "Clear all",
        id={"type": TYPICAL, "study": manifest.study, "segment": CLEAR},
        className="button plain",
    )
    return html.Div([html.Span("Start with an average"), *buttons, clear], className="beginnings")


def collect_typical(manifest: Manifest, segment: str, fields: Sequence[str]) -> list[float | str]:
    """Return a segment's average answers to those questions that make it; the others are blank.

    Averages of a product are no product of averages, so answers that only follow are made to.
    """
    schema = manifest.record
    numbers = next(
        (candidate.numbers for candidate in manifest.segments if candidate.id == segment), {}
    )
    averages: Record = {
        column.name: column.round_to_step(numbers[column.name].mean, _FINEST_STEP)
        for column in schema.decisive_columns
        if column.name in numbers
    }
    settled = [name for name in averages if not schema.by_name[name].only_follows]
    typical = averages | _round_answers(schema, schema.follow(averages, settled) or {})
    return [typical.get(field, "") for field in fields]


def follow_change(
    manifest: Manifest, typed: Mapping[str, Any], field: str, value: float
) -> dict[str, float]:
    """Return the answers of the form that change along with one, so that all relations hold.

    Nothing changes where no answers make them hold, or where what was typed can't be read.
    """
    record = read_record(manifest, {**typed, field: value})
    if not all(_fits(manifest.record.by_name[name], answer) for name, answer in record.items()):
        return {}
    return _round_answers(manifest.record, manifest.record.follow(record, [field]) or {})


def describe_following(typed: Mapping[str, Any], record: Record) -> list[str]:
    """Return for each question what its answer follows to be, where it was left blank."""
    return [
        f"{plain_language.format_number(record[field])}, from the other answers"
        if value in ("", None) and isinstance(record.get(field), (int, float))
        else ""
        for field, value in typed.items()
    ]


def _round_answers(schema: Schema, answers: Record) -> dict[str, float]:
    return {
        name: schema.by_name[name].round_to_step(answer, _FINEST_STEP)
        for name, answer in answers.items()
    }


def _fits(column: Column, answer: Any) -> bool:
    """Whether an answer is one that arithmetic can be done with, or is not a number at all."""
    return not column.numeric or isinstance(answer, (int, float))


def read_record(manifest: Manifest, typed: Mapping[str, Any]) -> Record:
    """Return what was filled in as a record as a table's cells would be read."""
    columns = manifest.record.by_name
    answers = {
        field: parse_text(columns[field], str(value))
        for field, value in typed.items()
        if field in columns and value is not None
    }
    return {field: value for field, value in answers.items() if value is not None}


def _render_group(title: str, questions: Sequence[Component]) -> Component:
    return html.Fieldset([html.Legend(title), *questions])


def _render_questions(manifest: Manifest, columns: Sequence[Column]) -> list[Component]:
    return [
        _render_numeric(manifest, column) if column.numeric else _render_text(manifest, column)
        for column in columns
    ]


def _render_text(manifest: Manifest, column: Column) -> Component:
    about = {
        "id": _make_id(ANSWER, manifest, column),
        "label": plain_language.label_column(column),
        "description": column.description,
        "value": "",
        "debounce": _PAUSE,
    }
    if column.kind == "category" and column.categories:
        question = dmc.Autocomplete(data=list(column.categories), **about)
    else:
        question = dmc.TextInput(**about)
    return html.Div(question, className="question")


def _render_numeric(manifest: Manifest, column: Column) -> Component:
    question = dmc.NumberInput(
        id=_make_id(ANSWER, manifest, column),
        label=[
            plain_language.label_column(column),
            html.Span(_describe_unit(column), className="unit"),
        ],
        description=_describe_help(manifest, column),
        value="",
        hideControls=True,
        clampBehavior="none",
        allowedDecimalSeparators=[".", ","],
        inputProps={"inputMode": "decimal"},
        debounce=_PAUSE,
    )
    return html.Div([question, *_render_slider(manifest, column)], className="question numeric")


def _render_slider(manifest: Manifest, column: Column) -> list[Component]:
    described = manifest.baseline.numbers.get(column.name)
    if described is None or described.low == described.high:
        return []
    step = _compute_step(column, described.high - described.low)
    return [
        dmc.Slider(
            id=_make_id(SLIDER, manifest, column),
            min=math.floor(described.low / step) * step,
            max=math.ceil(described.high / step) * step,
            step=step,
            precision=max(0, -math.floor(math.log10(step))),
            value=round(described.mean / step) * step,
            updatemode="drag",
            label=None,
            thumbLabel=f"Try other values: {plain_language.label_column(column)}",
            className="unset",
            size="sm",
        )
    ]


def _describe_help(manifest: Manifest, column: Column) -> str:
    """Return what a question means, what is possible and what is usual."""
    parts = [column.description]
    described = manifest.baseline.numbers.get(column.name)
    usual = described.high if described else math.inf
    if column.minimum is not None and column.maximum is not None:
        far = column.maximum > usual * _FAR
        limit = " or more" if far else f" to {plain_language.format_number(column.maximum)}"
        parts.append(f"Possible: {plain_language.format_number(column.minimum)}{limit}.")
    if described:
        low, high = described.deciles[0], described.deciles[-1]
        parts.append(
            f"Most are from {plain_language.format_number(low)}"
            f" to {plain_language.format_number(high)}."
        )
    return " ".join(parts)


def _describe_unit(column: Column) -> str:
    """Return the unit in which the question is asked, unless its heading says it."""
    return "" if column.unit in plain_language.label_column(column).lower() else column.unit


def _compute_step(column: Column, span: float) -> float:
    """Return a round step of which a slider has some hundred, or the question's own if larger."""
    own = column.step or 0.0
    return max(own, 10.0 ** math.floor(math.log10(span / _STEPS)))


def _make_id(kind: str, manifest: Manifest, column: Column) -> dict[str, str]:
    """Return the id of a question, which says whether it has a slider, or of that slider."""
    described = manifest.baseline.numbers.get(column.name)
    slides = column.numeric and described is not None and described.low < described.high
    control = SLIDING if slides else PLAIN
    return {"type": kind, "way": control, "study": manifest.study, "field": column.name}
