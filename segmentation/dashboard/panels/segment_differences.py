"""How one segment differs from everyone or from another one, the largest difference first.

The figures are those of the segments' cards; here they are put side by side and in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from segmentation.dashboard import plain_language
from segmentation.dashboard.html_elements import render_index_bar, render_table
from segmentation.runtime import Manifest
from segmentation.runtime.cards import SegmentCard
from segmentation.wording.phrases import format_percent

EVERYONE = "everyone"


@dataclass(frozen=True)
class Difference:
    """One line of a comparison: `index` is the own value, the reference being 100."""

    title: str
    unit: str
    own: str
    reference: str
    index: float | None
    weight: float
    leading: bool


def rank_differences(
    manifest: Manifest, card: SegmentCard, rival: SegmentCard | None = None
) -> list[Difference]:
    """Return the differences of a segment from its rival, or from everyone, the largest first."""
    lines = [*_compare_numbers(manifest, card, rival), *_compare_choices(manifest, card, rival)]
    return sorted(lines, key=lambda line: -abs(line.weight))


def is_leading(manifest: Manifest, field: str) -> bool:
    """Whether a question is one of those that make the segments: the rest is background."""
    schema = manifest.record
    return field in schema.decisive_names


def _compare_numbers(
    manifest: Manifest, card: SegmentCard, rival: SegmentCard | None
) -> list[Difference]:
    columns = manifest.record.by_name
    rival_traits = {trait["field"]: trait for trait in rival["traits"]} if rival else {}
    differences = []
    for trait in card["traits"]:
        column, against = columns[trait["field"]], rival_traits.get(trait["field"])
        level = against["mean"] if against else trait["average"]
        differences.append(
            Difference(
                plain_language.label_column(column),
                plain_language.format_unit(column),
                plain_language.format_quantity(trait["mean"], column),
                plain_language.format_quantity(level, column),
                _collect_index(trait["mean"], level) if against else trait["index"],
                trait["difference"] - (against["difference"] if against else 0.0),
                is_leading(manifest, column.name),
            )
        )
    return differences


def _compare_choices(
    manifest: Manifest, card: SegmentCard, rival: SegmentCard | None
) -> list[Difference]:
    columns = manifest.record.by_name
    rival_shares = (
        {(choice["field"], choice["value"]): choice["share"] for choice in rival["choices"]}
        if rival
        else {}
    )
    differences = []
    for choice in card["choices"]:
        level = (
            rival_shares.get((choice["field"], choice["value"]), 0.0)
            if rival
            else choice["average"]
        )
        differences.append(
            Difference(
                f"{plain_language.label_column(columns[choice['field']])}: {choice['value']}",
                "",
                format_percent(choice["share"]),
                format_percent(level),
                _collect_index(choice["share"], level) if rival else choice["index"],
                choice["share"] - level,
                leading=False,
            )
        )
    return differences


def _collect_index(own: float, level: float) -> float | None:
    return 100 * own / level if level > 0 else None


def render_comparison(
    lines: Sequence[Difference], caption: str, names: tuple[str, str]
) -> Component:
    """Return differences as a table with bars."""
    rows = [
        [
            [line.title, html.Span(line.unit, className="unit")],
            html.Td(line.own, className="figure"),
            html.Td(line.reference, className="figure"),
            html.Td(plain_language.format_index(line.index), className="figure"),
            html.Td(render_index_bar(line.index), className="wide"),
        ]
        for line in lines
    ]
    head = ["Question", *names, "Index", html.Span("Less ← 100 → more", className="axis")]
    return render_table(caption, head, rows, "comparison")
