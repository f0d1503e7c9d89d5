"""How firm discovered segments are: the curve over k, stability and silhouette, in words."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from segmentation.artifact.clusters import FIRM
from segmentation.dashboard import plain_language
from segmentation.dashboard.html_elements import (
    render_folded,
    render_panel,
    render_share_bar,
    render_swatch,
    render_table,
)
from segmentation.runtime import Manifest
from segmentation.runtime.cards import segment_cards
from segmentation.wording.clusters import describe_naming
from segmentation.wording.phrases import format_percent


def describe_firmness(manifest: Manifest) -> list[Component]:
    """Return what is known about discovered segments; nothing about given ones."""
    clusters = manifest.clusters
    if clusters is None:
        return []
    silhouette, stability = clusters.quality.silhouette, clusters.stability
    tiles = [
        _render_tile(
            "Are they apart?",
            f"{silhouette:.2f}",
            "silhouette, at most 1",
            plain_language.describe_separation(silhouette),
        ),
        _render_tile(
            "Do they come out again?",
            format_percent(stability.mean),
            "agreement, where 0% is chance",
            f"{plain_language.describe_repeatability(stability.mean, stability.n)} "
            f"The worst sample agreed to {format_percent(stability.worst)}.",
        ),
    ]
    return [
        render_panel(
            "How firm the segments are",
            html.Div(tiles, className="tiles"),
            *_render_firmness(manifest),
            html.H3("Why this many?"),
            html.P(_explain_number(manifest)),
            _render_curve(manifest),
            render_folded("How each got its name", _list_reasons(manifest)),
            lead="They were found in the data rather than given: how far can they be trusted?",
        )
    ]


def _render_firmness(manifest: Manifest) -> list[Component]:
    """Return how far each segment comes out again; nothing where it was not measured."""
    rows = [
        [
            [render_swatch(position), card["name"]],
            html.Td(format_percent(card["firmness"]["jaccard"]), className="figure"),
            html.Td(format_percent(card["firmness"]["worst"]), className="figure"),
            "firm" if card["firmness"]["firm"] else "not firm: build no campaign on it alone",
        ]
        for position, card in enumerate(segment_cards(manifest)["segments"])
        if "firmness" in card
    ]
    if not rows:
        return []
    head = ["Segment", "Shared with other samples", "Worst sample", "It is"]
    explanation = (
        "Of the records that are in the segment by this model or by that of another sample, how"
        f" many are in it by both. {format_percent(FIRM)} and above is firm."
    )
    return [
        html.H3("Which segments come out again?"),
        html.P(explanation),
        render_table("Firmness of each segment", head, rows),
    ]


def _list_reasons(manifest: Manifest) -> Component:
    naming = manifest.clusters.naming if manifest.clusters else []
    return html.Ul([html.Li(describe_naming(reason, manifest.record)) for reason in naming])


def _render_tile(question: str, figure: str, unit: str, text: str) -> Component:
    return html.Div(
        [
            html.H3(question),
            html.P([html.Strong(figure), f" {unit}"], className="size"),
            html.P(text),
        ],
        className="tile",
    )


def _explain_number(manifest: Manifest) -> str:
    curve = manifest.clusters.curve if manifest.clusters else []
    best = max(curve, key=lambda point: point.silhouette)
    used = len(manifest.segments)
    tried = f"{curve[0].k} to {curve[-1].k} segments were tried."
    if best.k == used:
        return f"{tried} {used} lie farthest apart, and {used} are used."
    return f"{tried} {best.k} lie farthest apart; {used} are used because they tell more."


def _render_curve(manifest: Manifest) -> Component:
    curve = manifest.clusters.curve if manifest.clusters else []
    most, widest = max(point.silhouette for point in curve), max(point.inertia for point in curve)
    rows = [
        [
            f"{point.k}{' (used)' if point.k == len(manifest.segments) else ''}",
            html.Td(f"{point.silhouette:.2f}", className="figure"),
            html.Td(render_share_bar(max(point.silhouette, 0.0) / (most or 1.0)), className="wide"),
            html.Td(format_percent(point.inertia / widest), className="figure"),
            html.Td(render_share_bar(point.inertia / widest), className="wide"),
        ]
        for point in curve
    ]
    head = ["Segments", "Apart", html.Span("longer is better", className="axis"),
            "Spread left", html.Span("shorter is better", className="axis")]  # fmt: skip
    return render_table("Numbers of segments that were tried", head, rows, "curve")
