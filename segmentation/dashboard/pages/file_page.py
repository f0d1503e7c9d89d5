"""The page Score a file: what stands on it. What happens on it is in ``assets/file.js``.

The browser asks the API's own routes for the preview and the answers: a file takes no way through
Dash, nothing of it is kept here between requests, and any process can answer.
"""

from __future__ import annotations

from typing import Any

import dash_ag_grid
from dash import ClientsideFunction, Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from segmentation.batch.any_file import find_order_columns
from segmentation.dashboard import plain_language
from segmentation.dashboard.addresses import ROOT
from segmentation.dashboard.html_elements import make_aria, make_color, render_notice, render_table
from segmentation.runtime import Manifest, Model
from segmentation.schema import Column, Schema
from segmentation.tables.dates import DateOrder

SPECIFICATION = "file-specification"
GRID, ROWS = "file-grid", "file-rows"
_LIBRARY = "dash_ag_grid.min.js"
_DECIDE = "Such fields make the segments: without them more answers are unsure."
_READ = "Such fields are read, too, but do not make the segments."
_UNREAD = "Such fields are not needed."
_DATES = {
    "": "as the cells prove",
    DateOrder.DAY_FIRST: "day first",
    DateOrder.MONTH_FIRST: "month first",
    DateOrder.YEAR_FIRST: "year first",
}


def render_page(model: Model, longest: int) -> list[Component]:
    """Return the page of a study.

    Parameters
    ----------
    model : Model
    longest : int
        Bytes that a file may have.
    """
    manifest = model.manifest
    return [
        html.H1("Score a file", tabIndex="-1"),
        html.P(
            "Drop a table of customers; every row comes back with its segment. "
            "The file is scored while you wait and not kept.",
            className="lead",
        ),
        dcc.Store(id=SPECIFICATION, data=_collect_specification(manifest, longest)),
        html.Div(id="file-opened", hidden=True),
        html.P(id="file-said", className="unseen", role="status", **make_aria(live="polite")),
        _render_choice(manifest, longest),
        html.Div(id="file-fault", role="alert"),
        _render_preview(),
        _render_progress(),
        _render_results(manifest),
    ]


def register(app: Dash) -> None:
    """Let the page begin, and load the grid after it.

    The grid's library is two megabytes, which no other page shall wait for: it is not in the
    document, and the page asks for it.
    """
    for script in dash_ag_grid._js_dist:
        if script["relative_package_path"] == _LIBRARY:
            script["dynamic"] = True
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("file", "open"),
        Output("file-opened", "title"),
        Input(SPECIFICATION, "data"),
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("file", "grid"), Output(GRID, "children"), Input(SPECIFICATION, "data")
    )


def _collect_specification(manifest: Manifest, longest: int) -> dict[str, Any]:
    """Return what the script needs to know about a study."""
    segments = [
        {"id": segment.id, "name": segment.name, **make_color(position)}
        for position, segment in enumerate(manifest.segments)
    ]
    return {
        "address": f"/studies/{manifest.study}/predict/file",
        "longest": longest,
        "weights": _collect_weights(manifest),
        "choices": _collect_choices(manifest.record),
        "orders": _collect_order_choices(manifest),
        "segments": segments,
        "library": f"{ROOT}_dash-component-suites/dash_ag_grid/{_LIBRARY}"
        f"?{dash_ag_grid.__version__}",
        "grid": _render_grid().to_plotly_json(),  # type: ignore[no-untyped-call]
    }


def _render_grid() -> Component:
    """Return the empty grid; its columns depend on the file, and rows don't go through Dash."""
    grid: Component = dash_ag_grid.AgGrid(
        id=ROWS,
        columnDefs=[],
        defaultColDef={
            "sortable": True,
            "filter": True,
            "floatingFilter": True,
            "suppressFloatingFilterButton": True,
            "suppressHeaderFilterButton": True,
            "minWidth": 70,
        },
        dashGridOptions={
            "animateRows": False,
            "enableBrowserTooltips": True,
            "enableCellTextSelection": True,
            "ensureDomOrder": True,
        },
        style={"height": "34rem", "width": "100%"},
    )
    return grid


def _collect_weights(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the fields by how much they matter, the decisive ones first."""
    schema = manifest.record
    decisive = list(schema.decisive_columns)
    other_columns = [column for column in schema.features if column not in decisive]
    unread_columns = [column for column in schema.sendable if column.role != "feature"]
    return [
        {
            "matter": matter,
            "fields": [
                {"name": column.name, "label": plain_language.label_column(column)}
                for column in columns
            ],
        }
        for matter, columns in (
            (_DECIDE, decisive),
            (_READ, other_columns),
            (_UNREAD, unread_columns),
        )
    ]


def _collect_order_choices(manifest: Manifest) -> dict[str, Any] | None:
    """Return what can be chosen of files of orders, where a study takes them."""
    packed = find_order_columns(manifest)
    if packed is None:
        return None
    return {
        "choices": _collect_choices(packed.transactions),
        "dates": [{"value": value, "label": label} for value, label in _DATES.items()],
    }


def _collect_choices(schema: Schema) -> list[dict[str, str]]:
    """Return what a column can be read as: each field, and in each unit that it is known in."""
    choices: dict[tuple[str, str], dict[str, str]] = {}
    columns_by_name = schema.by_name
    for spelling, column_spelling in schema.spellings.items():
        if columns_by_name[column_spelling.column.name].role != "target":
            choices.setdefault(
                (column_spelling.column.name, column_spelling.unit),
                {
                    "value": spelling,
                    "field": column_spelling.column.name,
                    "unit": column_spelling.unit,
                    "label": _describe_in_unit(column_spelling.column, column_spelling.unit),
                },
            )
    return list(choices.values())


def _describe_in_unit(column: Column, unit: str) -> str:
    label = plain_language.label_column(column)
    return label if not unit or unit in label.lower() else f"{label} ({unit})"


def _render_choice(manifest: Manifest, longest: int) -> Component:
    address = f"/studies/{manifest.study}/predict/file/template"
    return html.Section(
        [
            html.H2("Choose a file", id="file-choice-title", className="unseen"),
            html.Div(id="file-drop", className="drop"),
            html.P(
                [
                    "An Excel workbook, CSV or Parquet with a header, also packed by zip or gzip, "
                    f"at most {longest / 1e6:.3g} MB. To begin with: ",
                    html.A("a template", href=address, download="template.csv"),
                    ", or ",
                    html.A(
                        "one with decimal commas",
                        href=f"{address}?commas=true",
                        download="template.csv",
                    ),
                    ".",
                ],
                className="lead hint",
            ),
            *_render_orders(manifest),
        ],
        className="panel",
        **make_aria(labelledby="file-choice-title"),
    )


def _render_orders(manifest: Manifest) -> list[Component]:
    if find_order_columns(manifest) is None:
        return []
    text = (
        "Both kinds of file are taken: one row for each customer, with figures already added up as"
        " in the template, or the lines of orders as a shop exports them. Of those, each customer"
        " comes back as one row, and lines such as cancellations are left out and counted."
    )
    return [render_notice("info", text)]


def _render_preview() -> Component:
    return html.Section(
        [
            html.H2(id="file-preview-title", tabIndex="-1"),
            html.P(id="file-read", className="lead"),
            html.Div(id="file-problem"),
            html.Div(id="file-missing"),
            html.Div(id="file-orders", className="choices"),
            html.Div(id="file-start", className="choices"),
            html.Div(
                id="file-columns",
                className="scrolling",
                tabIndex="0",
                role="region",
                **make_aria(label="Columns of the file"),
            ),
        ],
        id="file-preview",
        className="panel",
        hidden=True,
        **make_aria(labelledby="file-preview-title"),
    )


def _render_progress() -> Component:
    return html.Section(
        [
            html.H2("Scoring", id="file-progress-title", tabIndex="-1"),
            html.Div(id="file-bar"),
            html.P(id="file-count", className="lead"),
            html.Div(id="file-cancel", className="choices"),
        ],
        id="file-progress",
        className="panel",
        hidden=True,
        **make_aria(labelledby="file-progress-title"),
    )


def _render_results(manifest: Manifest) -> Component:
    head = ["Segment", "Rows", "Share", ""]
    rows = [[segment.name, html.Td(), html.Td(), html.Td()] for segment in manifest.segments]
    sizes = render_table("Sizes of the segments in the file", head, rows)
    return html.Section(
        [
            html.Div(
                [html.H2(id="file-results-title", tabIndex="-1"), html.Div(id="file-download")],
                className="headed",
            ),
            html.Div(id="file-figures", className="tally"),
            html.Div(id="file-shares", className="shares", **make_aria(hidden="true")),
            html.Div(sizes, id="file-sizes"),
            html.Div(id="file-warnings"),
            html.Div(id="file-refused"),
            html.Div(
                [
                    html.H3("All scored rows"),
                    html.P(
                        "Sort by a heading, filter below it; 80 below Confidence shows what is less"
                        " sure than 80%. Reasons are answers that suit the segment better than the"
                        " runner-up; Score one explains a row exactly.",
                        className="lead",
                    ),
                    html.Div(id=GRID),
                    html.P(id="file-shown", className="lead hint", role="status"),
                ],
                id="file-all",
            ),
        ],
        id="file-results",
        className="panel",
        hidden=True,
        **make_aria(labelledby="file-results-title"),
    )
