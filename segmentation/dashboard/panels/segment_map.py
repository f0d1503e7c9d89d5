"""The map of discovered segments: an image without words, and names, axes and sentences around it.

The image is an SVG in the page, made of numbers and our own colours alone; every word stands
beside it as text, so that it follows the colour scheme, prints and is read out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

from segmentation.dashboard import plain_language
from segmentation.dashboard.html_elements import (
    describe_tone,
    make_aria,
    make_color,
    render_facts,
    render_panel,
)
from segmentation.runtime import Manifest, MapPlace, SegmentMap
from segmentation.wording.phrases import format_percent, join_parts

# The image's own units, of which a name's letters and a line take so many on a wide screen.
_WIDTH = 1000.0
_LETTER, _LINE = 13.0, 46.0
# Height over width; a page has no room for more, and less looks like a line.
_FLATTEST, _TALLEST = 0.42, 0.72
# From which share of the fullest hexagons on one is drawn at full size.
_FULL = 0.8
_SMALLEST = 0.4
# What an axis is about: answers whose rank correlation with it is at least that, at most so many.
_RELATED, _MOST_RELATED = 0.5, 4
# How far from the middle a place is at a side, as a share of the farthest.
_ASIDE = 0.35

_Point = tuple[float, float]


@dataclass(frozen=True)
class _Frame:
    """Where the map's coordinates are in the image."""

    left: float
    top: float
    scale: float
    height: float

    def at(self, x: float, y: float) -> _Point:
        """Return the place in the image, whose y-axis points down."""
        return (x - self.left) * self.scale, (self.top - y) * self.scale


def render_map_panel(manifest: Manifest) -> list[Component]:
    """Return the map of a study; nothing where its package holds none."""
    segment_map = manifest.clusters.map if manifest.clusters else None
    if segment_map is None or not segment_map.cells:
        return []
    frame, names = _collect_frame(segment_map), _collect_names(manifest)
    picture = html.Img(
        src=_describe_source(_describe_svg(segment_map, frame)),
        alt=describe_map(manifest, segment_map),
    )
    figure = html.Div(
        [
            picture,
            *_render_labels(segment_map, names, frame),
            html.Span(className="axis-up", **make_aria(hidden="true")),
            html.Span(className="axis-right", **make_aria(hidden="true")),
        ],
        className="map",
        style={"aspectRatio": f"{_WIDTH:.0f} / {frame.height:.0f}"},
    )
    return [
        render_panel(
            "The segments on a map",
            html.Div(
                [figure, html.Div(_render_legend(manifest, segment_map), className="beside")],
                className="mapped",
            ),
            lead="Customers who answer alike lie near each other. "
            + _describe_share_of_variance(segment_map),
        )
    ]


def _describe_share_of_variance(segment_map: SegmentMap) -> str:
    share = format_percent(segment_map.x.share + segment_map.y.share)
    return (
        f"A flat map keeps {share} of the differences by which the segments were found: "
        "what overlaps here may be apart in the rest."
    )


def _collect_names(manifest: Manifest) -> dict[str, str]:
    return {segment.id: segment.name for segment in manifest.segments}


def describe_map(manifest: Manifest, segment_map: SegmentMap) -> str:
    """Say in words what the map shows."""
    names = _collect_names(manifest)
    middle = _find_middle(segment_map)
    lie = [
        f"{names[place.segment]} {_describe_place(place.x, place.y, middle, segment_map)}"
        for place in segment_map.places
    ]
    return (
        f"Map of {segment_map.records:,} records in {len(segment_map.places)} segments:"
        f" {join_parts(lie)}. "
        f"{_describe_nearest(manifest, segment_map)}"
    )


def _find_middle(segment_map: SegmentMap) -> _Point:
    xs, ys = [place.x for place in segment_map.places], [place.y for place in segment_map.places]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def _describe_place(x: float, y: float, middle: _Point, segment_map: SegmentMap) -> str:
    """Say in which part of the map a place is, the middle being that of the segments."""
    reach = max(math.dist((place.x, place.y), middle) for place in segment_map.places)
    across, up = (x - middle[0]) / reach, (y - middle[1]) / reach
    vertical = "top" if up > _ASIDE else "bottom" if up < -_ASIDE else ""
    side = "right" if across > _ASIDE else "left" if across < -_ASIDE else ""
    if vertical and side:
        return f"at the {vertical} {side}"
    if side:
        return f"on the {side}"
    return f"at the {vertical}" if vertical else "in the middle"


def _describe_nearest(manifest: Manifest, segment_map: SegmentMap) -> str:
    """Say which two segments are the nearest, and how much all of them mix."""
    names = _collect_names(manifest)
    first, second = min(
        combinations(segment_map.places, 2),
        key=lambda two: math.dist((two[0].x, two[0].y), (two[1].x, two[1].y)),
    )
    n_shown = sum(sum(cell.counts) for cell in segment_map.cells)
    apart = sum(max(cell.counts) for cell in segment_map.cells)
    mixed = format_percent(1 - apart / n_shown)
    return (
        f"{names[first.segment]} and {names[second.segment]} are nearest to each other. "
        f"{mixed} of the records shown lie where another segment is in the majority."
    )


def _render_legend(manifest: Manifest, segment_map: SegmentMap) -> list[Component]:
    n_shown = sum(sum(cell.counts) for cell in segment_map.cells)
    left_out = format_percent(1 - n_shown / segment_map.records)
    key = [
        html.Li(
            [
                html.B(f"{position + 1}", style=make_color(position)),
                _collect_names(manifest)[place.segment],
            ]
        )
        for position, place in enumerate(segment_map.places)
    ]
    axes = [
        ("Further right", _render_pulls(manifest, segment_map.x.loadings)),
        ("Further up", _render_pulls(manifest, segment_map.y.loadings)),
    ]
    return [
        html.Ol(key, className="key"),
        render_facts(axes),
        html.P(_describe_nearest(manifest, segment_map)),
        html.P(
            "The larger a hexagon, the more customers; rings of a second colour are customers of "
            "another segment among them. Half of each segment lies inside its outline. "
            f"Fewer than {segment_map.fewest} customers of a segment in one place ({left_out} of "
            "all) are left out, so that nobody can be picked out.",
            className="small",
        ),
    ]


def _render_pulls(manifest: Manifest, loadings: dict[str, float]) -> Component:
    """Say which answers go with an axis, the strongest first."""
    columns = manifest.record.by_name
    strongest = next(iter(loadings))
    related = [
        (plain_language.label_column(columns[name]), loading)
        for name, loading in loadings.items()
        if abs(loading) >= _RELATED or name == strongest
    ][:_MOST_RELATED]
    more = [name for name, loading in related if loading > 0]
    less = [name for name, loading in related if loading <= 0]
    parts = [html.Span([html.Small(how), join_parts(names)])
             for how, names in (("more", more), ("less", less)) if names]  # fmt: skip
    return html.Div(parts, className="pulls")


def _collect_frame(segment_map: SegmentMap) -> _Frame:
    """Return a frame around all hexagons and outlines, with some room."""
    room = segment_map.width * 0.8
    points = [(cell.x, cell.y, room) for cell in segment_map.cells]
    points += [(place.x, place.y, place.major) for place in segment_map.places]
    left, right = min(x - r for x, _, r in points), max(x + r for x, _, r in points)
    bottom, top = min(y - r for _, y, r in points), max(y + r for _, y, r in points)
    width, height = right - left, top - bottom
    # What is missing in one direction is added on both sides.
    wide = max(width, height / _TALLEST)
    high = max(height, wide * _FLATTEST)
    scale = _WIDTH / wide
    return _Frame(left - (wide - width) / 2, top + (high - height) / 2, scale, high * scale)


def _describe_svg(segment_map: SegmentMap, frame: _Frame) -> str:
    corners = " ".join(
        f"{math.sin(angle):.3f},{math.cos(angle):.3f}"
        for angle in (math.radians(60 * corner) for corner in range(6))
    )
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} '
            f'{frame.height:.0f}"><defs><polygon id="h" points="{corners}"/></defs>',
            *_collect_hexagons(segment_map, frame),
            *_collect_outlines(segment_map, frame),
            "</svg>",
        ]
    )


def _collect_hexagons(segment_map: SegmentMap, frame: _Frame) -> Iterator[str]:
    """Yield a hexagon for each cell, its area by records; other segments' parts lie inside."""
    totals = sorted(sum(cell.counts) for cell in segment_map.cells)
    full = totals[math.ceil(len(totals) * _FULL) - 1]
    radius = segment_map.width * frame.scale / math.sqrt(3) * 0.96
    for cell in segment_map.cells:
        x, y = frame.at(cell.x, cell.y)
        total = remaining = sum(cell.counts)
        size = radius * max(math.sqrt(min(total / full, 1.0)), _SMALLEST)
        for position in sorted(
            range(len(cell.counts)), key=lambda segment_position: -cell.counts[segment_position]
        ):
            if not cell.counts[position]:
                break
            within = size * math.sqrt(remaining / total)
            yield (
                f'<use href="#h" fill="{describe_tone(position)}" '
                f'transform="translate({x:.0f} {y:.0f})scale({within:.1f})"/>'
            )
            remaining -= cell.counts[position]


def _collect_outlines(segment_map: SegmentMap, frame: _Frame) -> Iterator[str]:
    """Yield, for each segment, its outline and its middle, seen on light and dark."""
    for position, place in enumerate(segment_map.places):
        x, y = frame.at(place.x, place.y)
        shape = (
            f'<ellipse rx="{place.major * frame.scale:.0f}" ry="{place.minor * frame.scale:.0f}" '
            f'transform="translate({x:.0f} {y:.0f})rotate({-place.angle:.0f})" fill="none" '
        )
        yield f'{shape}stroke="#fff" stroke-width="7" opacity=".85"/>'
        yield f'{shape}stroke="#333" stroke-width="5"/>'
        yield f'{shape}stroke="{describe_tone(position)}" stroke-width="3"/>'


def _describe_source(svg: str) -> str:
    return f"data:image/svg+xml,{quote(svg, safe=' /:=,.()')}"


def _render_labels(
    segment_map: SegmentMap, names: dict[str, str], frame: _Frame
) -> Iterator[Component]:
    """Yield each segment's number in its middle, and its name above its outline."""
    occupied: list[tuple[float, float, float]] = []
    for position, place in enumerate(segment_map.places):
        x, y = frame.at(place.x, place.y)
        yield html.B(
            f"{position + 1}",
            style=_place_points(x, y, position, frame),
            **make_aria(hidden="true"),
        )
        half = _LETTER * (len(names[place.segment]) + 2) / 2
        x = min(max(x, half), _WIDTH - half)
        y = max(y - (_compute_rise(place) * frame.scale + _LINE / 2), _LINE / 2)
        while any(
            abs(x - other_x) < half + other_half and abs(y - other_y) < _LINE
            for other_x, other_y, other_half in occupied
        ):
            y += _LINE / 4
        occupied.append((x, y, half))
        yield html.Span(
            names[place.segment],
            className="name",
            style=_place_points(x, y, position, frame),
            **make_aria(hidden="true"),
        )


def _place_points(x: float, y: float, position: int, frame: _Frame) -> dict[str, str]:
    return make_color(position) | {"left": f"{x / _WIDTH:.1%}", "top": f"{y / frame.height:.1%}"}


def _compute_rise(place: MapPlace) -> float:
    """Return how far an outline reaches above its middle."""
    angle = math.radians(place.angle)
    return math.hypot(place.major * math.sin(angle), place.minor * math.cos(angle))
