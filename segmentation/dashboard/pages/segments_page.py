"""The page Segments: who they are, how they differ, what to do, and how firm they are."""

from __future__ import annotations

from collections.abc import Sequence

import dash_mantine_components as dmc
from dash import MATCH, Dash, Input, Output, State, html
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from segmentation.dashboard import plain_language
from segmentation.dashboard.addresses import PageAddress, ServedStudies
from segmentation.dashboard.html_elements import (
    link,
    make_aria,
    make_color,
    render_facts,
    render_heat_cell,
    render_notice,
    render_panel,
    render_share_bar,
    render_swatch,
    render_table,
)
from segmentation.dashboard.panels import cluster_quality
from segmentation.dashboard.panels.segment_differences import (
    EVERYONE,
    is_leading,
    rank_differences,
    render_comparison,
)
from segmentation.dashboard.panels.segment_map import render_map_panel
from segmentation.runtime import Manifest, Model
from segmentation.runtime.cards import SegmentCard, segment_cards
from segmentation.wording.phrases import count_noun, format_percent

_MOST_CHIPS = 3
ALL_SEGMENTS = "all"


def render_page(model: Model) -> list[Component]:
    """Return the page of a study."""
    manifest, cards = model.manifest, segment_cards(model.manifest)
    segments = cards["segments"]
    return [
        html.H1(manifest.title, tabIndex="-1"),
        html.P(manifest.description, className="lead"),
        *render_synthetic(manifest),
        render_panel(
            "The segments",
            _render_shares(segments),
            html.Div(
                [_render_card(manifest, segment, i) for i, segment in enumerate(segments)],
                className="cards",
            ),
            lead=f"{cards['records']:,} records fall into {len(segments)} segments.",
        ),
        *render_map_panel(manifest),
        _list_compared(manifest, segments),
        _render_profiles(manifest, segments),
        *cluster_quality.describe_firmness(manifest),
    ]


def render_synthetic(manifest: Manifest) -> list[Component]:
    """Return the remark that a model has learned from made-up records, if it has."""
    if not manifest.training.synthetic:
        return []
    text = "Learned from a made-up sample: sizes and profiles show what the pages do, not a market."
    return [render_notice("info", text)]


def _render_shares(segments: Sequence[SegmentCard]) -> Component:
    """Return one bar of all segments; their names and shares are on the cards."""
    parts = [
        html.Span(
            format_percent(segment["share"]),
            style=make_color(position) | {"flexGrow": segment["share"]},
            title=segment["name"],
        )
        for position, segment in enumerate(segments)
    ]
    return html.Div(parts, className="shares", **make_aria(hidden="true"))


def _render_card(manifest: Manifest, card: SegmentCard, position: int) -> Component:
    lines = [line for line in rank_differences(manifest, card) if line.leading][:_MOST_CHIPS]
    chips = [f"{line.title}: {plain_language.compare_with_average(line.index)}" for line in lines]
    return html.Article(
        [
            html.H3([render_swatch(position), card["name"]]),
            html.P(
                [html.Strong(format_percent(card["share"])), f" {card['size']:,} records"],
                className="size",
            ),
            html.P(card["description"]),
            *_render_remarks(card),
            html.H4("What sets them apart"),
            html.Ul([html.Li(chip) for chip in chips], className="chips"),
            html.H4("What to do"),
            html.P(card["action"], className="action"),
            link(
                [f"{card['name']} on one page"],
                PageAddress(manifest.study, segment=card["id"]).address,
                kind="more",
            ),
        ],
        className="card",
        style=make_color(position),
    )


def _render_remarks(card: SegmentCard) -> list[Component]:
    """Return what to mind before using a segment: a name in question, or groups that change."""
    remarks = list(card["naming"]["remarks"]) if "naming" in card else []
    if "firmness" in card and not card["firmness"]["firm"]:
        remarks.append(card["firmness"]["reason"])
    return [render_notice("warning", remark) for remark in remarks]


def _render_profiles(manifest: Manifest, segments: Sequence[SegmentCard]) -> Component:
    leading, background_fields = _collect_fields(manifest, segments)
    return render_panel(
        "All profiles at a glance",
        _render_heat(manifest, segments, leading, "Profiles against the average"),
        *_render_background(
            manifest.study, ALL_SEGMENTS, ALL_SEGMENTS, len(background_fields), "question"
        ),
        lead="Average of each segment as an index: 100 is everyone, 200 twice as much, 50 half.",
    )


def _collect_fields(
    manifest: Manifest, segments: Sequence[SegmentCard]
) -> tuple[list[str], list[str]]:
    """Return the questions that make the segments, and the others."""
    fields = [trait["field"] for trait in segments[0]["traits"]]
    leading = [field for field in fields if is_leading(manifest, field)]
    return leading, [field for field in fields if field not in leading]


def _render_background(
    study: str, segment: str, against: str, n: int, noun: str
) -> list[Component]:
    """Return what unfolds to a table of the other questions; few people look at those.

    The table is made then: dozens of rows would double the time until a page is there.
    """
    if not n:
        return []
    place = {"study": study, "segment": segment, "against": against}
    summary = html.Summary(f"Background: {count_noun(n, noun)}")
    table_ = html.Div(id={"type": "unfolded", **place})
    return [html.Details([summary, table_], id={"type": "background", **place})]


def render_background(
    manifest: Manifest, segments: Sequence[SegmentCard], segment: str, against: str
) -> Component:
    """Return the table of the questions that do not make the segments."""
    if segment == ALL_SEGMENTS:
        _, background_fields = _collect_fields(manifest, segments)
        return _render_heat(manifest, segments, background_fields, "Background against the average")
    by_id = {segment_card["id"]: segment_card for segment_card in segments}
    card, rival = by_id[segment], by_id.get(against)
    lines = [line for line in rank_differences(manifest, card, rival) if not line.leading]
    names = (card["name"], rival["name"] if rival else "Everyone")
    return render_comparison(lines, f"Background of {card['name']}", names)


def _render_heat(
    manifest: Manifest, segments: Sequence[SegmentCard], fields: Sequence[str], caption: str
) -> Component:
    columns = manifest.record.by_name
    traits = [{trait["field"]: trait for trait in segment["traits"]} for segment in segments]
    rows = [
        [
            html.Span(
                plain_language.label_column(columns[field]), title=columns[field].description
            ),
            *(
                render_heat_cell(
                    trait[field]["index"], plain_language.format_index(trait[field]["index"])
                )
                for trait in traits
            ),
        ]
        for field in fields
    ]
    head = [
        "Question",
        *([render_swatch(i), segment["name"]] for i, segment in enumerate(segments)),
    ]
    return render_table(caption, head, rows, "heat")


def _list_compared(manifest: Manifest, segments: Sequence[SegmentCard]) -> Component:
    names = [{"value": segment["id"], "label": segment["name"]} for segment in segments]
    study = manifest.study
    choose = [
        dmc.Select(
            id={"type": "compare", "study": study},
            label="Segment",
            data=names,
            value=segments[0]["id"],
            allowDeselect=False,
        ),
        dmc.Select(
            id={"type": "against", "study": study},
            label="Compared with",
            data=[{"value": EVERYONE, "label": "Everyone"}, *names],
            value=EVERYONE,
            allowDeselect=False,
        ),
    ]
    return render_panel(
        "What tells them apart",
        html.Div(choose, className="choices"),
        html.Div(
            render_differences(manifest, segments, segments[0]["id"], EVERYONE),
            id={"type": "differences", "study": study},
            **make_aria(live="polite"),
        ),
        lead="The largest differences first. An index of 100 means no difference.",
    )


def render_differences(
    manifest: Manifest, segments: Sequence[SegmentCard], segment: str, against: str
) -> list[Component]:
    """Return how a segment differs from another one, or from everyone."""
    by_id = {segment_card["id"]: segment_card for segment_card in segments}
    if segment == against or segment not in by_id:
        return [render_notice("info", "Choose two different segments.")]
    card, rival = by_id[segment], by_id.get(against)
    names = (card["name"], rival["name"] if rival else "Everyone")
    lines = rank_differences(manifest, card, rival)
    first = [line for line in lines if line.leading]
    n_rest = len(lines) - len(first)
    return [
        render_comparison(first, " and ".join(names), names),
        *_render_background(manifest.study, segment, against, n_rest, "line"),
    ]


def register(app: Dash, studies: ServedStudies) -> None:
    """Make the comparison follow what is chosen."""

    @app.callback(
        Output({"type": "differences", "study": MATCH}, "children"),
        Input({"type": "compare", "study": MATCH}, "value"),
        Input({"type": "against", "study": MATCH}, "value"),
        State({"type": "differences", "study": MATCH}, "id"),
        prevent_initial_call=True,
    )
    def compare(segment: object, against: object, place: dict[str, str]) -> list[Component]:
        if not isinstance(segment, str) or not isinstance(against, str):
            raise PreventUpdate
        manifest = studies.find(place["study"]).get().manifest
        segments = segment_cards(manifest)["segments"]
        return render_differences(manifest, segments, segment, against)

    place = {"study": MATCH, "segment": MATCH, "against": MATCH}

    @app.callback(
        Output({"type": "unfolded", **place}, "children"),
        Input({"type": "background", **place}, "n_clicks"),
        State({"type": "unfolded", **place}, "children"),
        State({"type": "background", **place}, "id"),
        prevent_initial_call=True,
    )
    def unfold(clicks: int | None, is_shown: object, clicked: dict[str, str]) -> Component:
        if not clicks or is_shown:
            raise PreventUpdate
        manifest = studies.find(clicked["study"]).get().manifest
        segments = segment_cards(manifest)["segments"]
        if clicked["segment"] not in (ALL_SEGMENTS, *(card["id"] for card in segments)):
            raise PreventUpdate
        return render_background(manifest, segments, clicked["segment"], clicked["against"])


def render_one_page(model: Model, segment: str) -> list[Component] | None:
    """Return the card of one segment, to be printed; None if there is no such segment."""
    manifest, segments = model.manifest, segment_cards(model.manifest)["segments"]
    position = next((i for i, candidate in enumerate(segments) if candidate["id"] == segment), None)
    if position is None:
        return None
    card = segments[position]
    lines = rank_differences(manifest, card)
    leading_lines = [line for line in lines if line.leading][:10]
    about = [
        ("Study", manifest.title),
        ("Size", f"{card['size']:,} of {manifest.training.data.rows:,} records"),
        ("Data", f"{manifest.training.data.name}{', made up' * manifest.training.synthetic}"),
        ("Model", f"{manifest.version} of {manifest.created[:10]}"),
    ]
    return [
        html.Article(
            [
                html.H1([render_swatch(position), card["name"]], tabIndex="-1"),
                html.P(
                    [html.Strong(format_percent(card["share"])), " of all records"],
                    className="size",
                ),
                render_share_bar(card["share"], position),
                html.P(card["description"], className="lead"),
                *_render_remarks(card),
                html.H2("What to do"),
                html.P(card["action"], className="action"),
                html.H2("What sets them apart"),
                render_comparison(
                    leading_lines, f"{card['name']} and everyone", ("Segment", "Everyone")
                ),
                html.H2("Where this comes from"),
                render_facts(about),
            ],
            className="sheet panel",
            style=make_color(position),
        ),
        html.Div(
            [
                html.Button("Print", className="button", id="print"),
                link("All segments", PageAddress(manifest.study).address, kind="more"),
            ],
            className="choices unprinted",
        ),
    ]
