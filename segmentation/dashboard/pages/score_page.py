"""The page Score one: a form, and the answer that follows it as it is filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import (
    ALL,
    MATCH,
    ClientsideFunction,
    Dash,
    Input,
    Output,
    State,
    ctx,
    dcc,
    html,
    no_update,
)
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from segmentation.dashboard.addresses import ServedStudies
from segmentation.dashboard.html_elements import make_aria, render_notice
from segmentation.dashboard.panels import answer_panel, record_form
from segmentation.errors import InvalidRecordsError, UnavailableError
from segmentation.runtime import Model

# Of those that JavaScript counts with: Number.MAX_SAFE_INTEGER.
LARGEST_INTEGER = 2**53 - 1

Ids = list[dict[str, str]]
Values = list[Any]

_EVERY = {"type": record_form.ANSWER, "way": ALL, "study": ALL, "field": ALL}
_ONE = {"type": record_form.ANSWER, "way": record_form.SLIDING, "study": MATCH, "field": MATCH}
_ITS_SLIDER = {
    "type": record_form.SLIDER,
    "way": record_form.SLIDING,
    "study": MATCH,
    "field": MATCH,
}
_EVERY_SLIDER = {"type": record_form.SLIDER, "way": ALL, "study": ALL, "field": ALL}
_BEGINNINGS = {"type": record_form.TYPICAL, "study": ALL, "segment": ALL}


def render_page(model: Model) -> list[Component]:
    """Return the page of a study."""
    manifest = model.manifest
    headline = html.Div(
        answer_panel.render_nothing(), id="headline", role="status", **make_aria(live="polite")
    )
    return [
        html.H1("Score one", tabIndex="-1"),
        html.P(
            "Fill in what is known about one customer; the answer follows. "
            "Move a slider to see what would be different.",
            className="lead",
        ),
        record_form.find_beginnings(manifest),
        html.Div(
            [
                html.Section(
                    record_form.render_form(manifest),
                    className="panel form",
                    **make_aria(label="Answers given"),
                ),
                html.Section(
                    [headline, html.Div(id="details"), html.Div(id="why")],
                    className="panel answer",
                    tabIndex="0",  # it scrolls by itself where the form is long
                    **make_aria(label="The segment"),
                ),
            ],
            className="two",
        ),
        dcc.Store(id="settled"),
        dcc.Store(id="asked"),
        dcc.Store(id="moved"),
        dcc.Store(id="answered"),
        html.Div(id="received", hidden=True),
    ]


def register(app: Dash, studies: ServedStudies) -> None:
    """Make the answer follow the form."""
    _add_browser_callbacks(app)
    _add_beginning(app, studies)
    _add_followers(app, studies)

    @app.callback(
        Output("headline", "children"),
        Output("details", "children"),
        Output(_EVERY, "error"),
        Output(_EVERY, "placeholder"),
        Output("answered", "data"),
        Input("asked", "data"),
        State(_EVERY, "value"),
        State(_EVERY, "id"),
    )
    def answer(
        number: int | None, values: Values, ids: Ids
    ) -> tuple[list[Component], list[Component], list[str], list[str], int | None]:
        if not isinstance(number, int) or abs(number) > LARGEST_INTEGER:
            raise PreventUpdate  # the page came into being; the browser asks next
        return *render_answer(*_read_form(studies, values, ids)), number

    @app.callback(
        Output("why", "children"),
        Input("settled", "data"),
        State(_EVERY, "value"),
        State(_EVERY, "id"),
    )
    def explain(_settled: Any, values: Values, ids: Ids) -> list[Component]:
        return render_explanation(*_read_form(studies, values, ids))


def _add_browser_callbacks(app: Dash) -> None:
    """Tie each slider to its question, ask one after the other, and why when nothing moves.

    Two answers that arrive within some milliseconds could be shown in parts of both.
    """
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("pages", "tie"),
        Output(_ONE, "value"),
        Output(_ITS_SLIDER, "value"),
        Output(_ITS_SLIDER, "className"),
        Input(_ONE, "value"),
        Input(_ITS_SLIDER, "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("pages", "settle"),
        Output("settled", "data"),
        Input(_EVERY, "value"),
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("pages", "ask"), Output("asked", "data"), Input(_EVERY, "value")
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("pages", "receive"),
        Output("received", "title"),
        Input("answered", "data"),
    )


def _add_beginning(app: Dash, studies: ServedStudies) -> None:
    @app.callback(
        Output(_EVERY, "value", allow_duplicate=True),
        Input(_BEGINNINGS, "n_clicks"),
        State(_EVERY, "id"),
        prevent_initial_call=True,
    )
    def begin(_clicks: list[int | None], ids: Ids) -> list[float | str]:
        chosen = ctx.triggered_id
        if not ids or not ctx.triggered or not ctx.triggered[0]["value"]:
            raise PreventUpdate  # the buttons came into being; nobody pressed one
        manifest = studies.find(chosen["study"]).get().manifest
        return record_form.collect_typical(
            manifest, chosen["segment"], [identifier["field"] for identifier in ids]
        )


def _add_followers(app: Dash, studies: ServedStudies) -> None:
    """Make the other answers follow a slider: they are what they would be then.

    What is typed changes no other answer: someone who fills the form in states each of them.
    """
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("pages", "move"),
        Output("moved", "data"),
        Input(_EVERY_SLIDER, "value"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(_EVERY, "value", allow_duplicate=True),
        Input("moved", "data"),
        State(_EVERY, "value"),
        State(_EVERY, "id"),
        prevent_initial_call=True,
    )
    def follow(moved: Any, values: Values, ids: Ids) -> Values:
        model, typed = _read_form(studies, values, ids)
        field, value = _read_move(moved)
        if field not in typed:
            raise PreventUpdate  # another study is shown by now
        along = record_form.follow_change(model.manifest, typed, field, value)
        return [along.get(field, no_update) for field in typed]


def _read_form(studies: ServedStudies, values: Values, ids: Ids) -> tuple[Model, dict[str, Any]]:
    if not ids or len(ids) != len(values):
        raise PreventUpdate
    typed = {identifier["field"]: value for identifier, value in zip(ids, values, strict=True)}
    return studies.find(ids[0]["study"]).get(), typed


def _read_move(moved: Any) -> tuple[str | None, Any]:
    """Return the question whose slider was moved, and to where; None for what is no move."""
    field = moved.get("field") if isinstance(moved, dict) else None
    value = moved.get("value") if isinstance(moved, dict) else None
    is_move = isinstance(field, str) and isinstance(value, (int, float, str, type(None)))
    return (field if is_move else None), value


def render_answer(
    model: Model, typed: Mapping[str, Any]
) -> tuple[list[Component], list[Component], list[str], list[str]]:
    """Return the answer: its headline and details, then for each question its error and answer.

    The answer of a question that was left blank is what follows from the others.
    """
    record, manifest = record_form.read_record(model.manifest, typed), model.manifest
    blank = [""] * len(typed)
    if not record:
        return answer_panel.render_nothing(), [], blank, blank
    try:
        (checked,) = model.check([record])
    except InvalidRecordsError as error:
        errors = _collect_errors(error, list(typed))
        return answer_panel.render_refusal(error.problems), [], errors, blank
    ((answer,),) = model.answer([checked])
    details = answer_panel.render_details(manifest, checked, answer)
    following = record_form.describe_following(typed, checked)
    return answer_panel.render_headline(manifest, answer), details, blank, following


def render_explanation(model: Model, typed: Mapping[str, Any]) -> list[Component]:
    """Return why the answer is what it is; nothing where there is none."""
    try:
        checked = model.check([record_form.read_record(model.manifest, typed)])
        ((answer,),) = model.answer(checked, [0])
    except InvalidRecordsError:
        return []
    except UnavailableError as error:
        return [render_notice("info", str(error))]
    return answer_panel.render_reasons(model.manifest, answer["explanation"])


def _collect_errors(error: InvalidRecordsError, fields: Sequence[str]) -> list[str]:
    messages = {problem.field: problem.message for problem in error.problems}
    return [f"It {messages[field]}." if field in messages else "" for field in fields]
