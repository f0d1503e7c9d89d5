"""What pages are built from: panels, tables, bars and cells with colour. No figures of their own.

Bars and heat maps are tables and boxes rather than drawings: they print, they are read out, they
follow the colour scheme, and nobody loads four megabytes of a chart library for them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

Content = Any
"""What Dash takes as children: text, a component or a list of these."""

# Okabe and Ito's colours, which people with any colour vision tell apart, the well visible first.
_SEGMENTS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7F7F7F")
# The one on which white is read better than black.
_DARK = "#0072B2"
_ABOVE, _BELOW = "230, 159, 0", "0, 114, 178"
# Half and twice the average have the deepest colour; text stays readable on it.
_DEEPEST = 0.48


def make_aria(**names: str) -> Any:
    """Return attributes for those who don't see the page; Any, as Dash's components ask for it."""
    return {f"aria-{name}": value for name, value in names.items()}


def describe_tone(position: int) -> str:
    """Return the colour of the segment at a position."""
    return _SEGMENTS[position % len(_SEGMENTS)]


def make_color(position: int) -> dict[str, str]:
    """Return the style of what belongs to the segment at a position."""
    own = describe_tone(position)
    return {"--segment": own, "--on-segment": "#fff" if own == _DARK else "#000"}


def render_swatch(position: int) -> Component:
    """Return the spot of colour beside a segment's name."""
    return html.Span(className="swatch", style=make_color(position), **make_aria(hidden="true"))


def link(text: Content, address: str, kind: str = "", *, current: bool = False) -> Component:
    """Return a link to another page, or to the one that is being read."""
    state = make_aria(current="page") if current else {}
    anchor: Component = dmc.Anchor(text, href=address, className=kind, unstyled=True, **state)
    return anchor


def render_panel(title: str, *children: Content, lead: str = "", name: str = "") -> Component:
    """Return a part of a page under a heading."""
    key = name or title.lower().replace(" ", "-")
    head = [html.H2(title, id=f"{key}-title"), *([html.P(lead, className="lead")] if lead else [])]
    return html.Section(
        [*head, *children], className="panel", **make_aria(labelledby=f"{key}-title")
    )


def render_notice(kind: str, *children: Content) -> Component:
    """Return a remark: of the kind ``info``, ``warning`` or ``error``."""
    return html.Div(list(children), className=f"notice {kind}", role="note")


_BAR = html.Span("as a bar", className="unseen")


def render_table(
    caption: str, head: Sequence[Content], rows: Sequence[Sequence[Content]], kind: str = ""
) -> Component:
    """Return a table whose rows begin with what they are about; it scrolls if it is too wide."""
    return html.Div(
        html.Table(
            [
                html.Caption(caption, className="unseen"),
                html.Thead(
                    html.Tr([html.Th(head_cell or _BAR, scope="col") for head_cell in head])
                ),
                html.Tbody([_render_row(row) for row in rows]),
            ],
            className=kind,
        ),
        className="scrolling",
        tabIndex="0",
        role="region",
        **make_aria(label=caption),
    )


def _render_row(cells: Sequence[Content]) -> Component:
    first, *cells_after = cells
    ready = [cell if isinstance(cell, html.Td) else html.Td(cell) for cell in cells_after]
    return html.Tr([html.Th(first, scope="row"), *ready])


def render_facts(pairs: Sequence[tuple[str, Content]]) -> Component:
    """Return a list of names and what belongs to them."""
    return html.Dl(
        [
            element
            for name, description in pairs
            for element in (html.Dt(name), html.Dd(description))
        ]
    )


def render_folded(summary: str, *children: Content) -> Component:
    """Return what is shown on demand."""
    return html.Details([html.Summary(summary), *children])


def render_share_bar(share: float, position: int | None = None) -> Component:
    """Return a bar from the left as long as a share."""
    style = {"width": f"{share:.2%}"} | ({} if position is None else make_color(position))
    return html.Span(html.Span(style=style), className="bar", **make_aria(hidden="true"))


def render_balance_bar(part: float) -> Component:
    """Return a bar from the middle to the right, or to the left for what is negative."""
    reach = min(abs(part), 1.0) / 2
    side = {"left": "50%"} if part >= 0 else {"right": "50%"}
    inner = html.Span(
        className="up" if part >= 0 else "down", style={"width": f"{reach:.2%}"} | side
    )
    return html.Span(inner, className="bar balance", **make_aria(hidden="true"))


def render_index_bar(index: float | None) -> Component:
    """Return a bar for an index: the middle is 100, the ends are a quarter and four times that."""
    return render_balance_bar(_count_doublings(index) / 2)


def render_heat_cell(index: float | None, text: str) -> Component:
    """Return a cell that is the deeper in colour the farther its index lies from 100."""
    return render_tinted(text, max(min(_count_doublings(index), 1.0), -1.0))


def render_tinted(content: Content, depth: float) -> Component:
    """Return a cell in the colour for more, or the one for less below 0; 1 and -1 are deepest."""
    side = _ABOVE if depth > 0 else _BELOW
    return html.Td(content, style={"backgroundColor": f"rgba({side}, {abs(depth) * _DEEPEST:.2f})"})


def _count_doublings(index: float | None) -> float:
    """Return how often the average is doubled (or halved, below 0) to get an index."""
    if index is None:
        return 0.0
    return math.log2(min(max(index, 6.25), 1600.0) / 100)
