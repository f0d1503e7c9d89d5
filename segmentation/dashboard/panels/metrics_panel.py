"""A model's figures as a person compares them: a row for what was asked, a column for each measure.

Figures come from the manifest by name, such as ``accuracy, 2 missing``: the measure, then what it
is about. Precision and recall name a segment between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from segmentation.dashboard import wording
from segmentation.dashboard.html_elements import facts, folded, panel, table
from segmentation.runtime import Manifest

Figures = Sequence[Any]

# Measures of single segments are many; they are there for those who look for them.
_OF_ONE_SEGMENT = ("precision", "recall")
# Measures that are no share of records.
_PLAIN = ("log-loss", "Brier score", "calibration error", "macro AUC")


def figures_panel(manifest: Manifest, title: str, lead: str, *, circular: bool) -> Component:
    """Return the figures of one kind: predictions, or agreement with the definition."""
    figures = [one for one in manifest.figures if one.circular is circular]
    first = [one for one in figures if _measure(one) not in _OF_ONE_SEGMENT]
    rest = [one for one in figures if one not in first]
    if not first:
        return panel(title, html.P("None measured."), lead=lead)
    parts = [*_pivots(first, title), _glossary(first)]
    if all(one.inputs.startswith("none") for one in first):
        parts.insert(0, html.P("No prediction is claimed: these lines need no model."))
    if rest:
        named = [(one, _segment(manifest, one)) for one in rest]
        parts.append(folded("By segment", _by_segment(named, title), _glossary(rest)))
    return panel(title, *parts, lead=lead)


def _measure(figure: Any) -> str:
    return str(figure.name.split(", ")[0])


def _about(figure: Any) -> str:
    """Return what a figure is about: what stands after its measure, or its inputs."""
    rest = figure.name.split(", ")[1:]
    if _measure(figure) in _OF_ONE_SEGMENT:
        rest = rest[1:]
    return wording.condition(", ".join(rest) or figure.inputs)


def _segment(manifest: Manifest, figure: Any) -> str:
    wanted = figure.name.split(", ")[1]
    return next((one.name for one in manifest.segments if one.id == wanted), wanted)


def _pivots(figures: Figures, title: str) -> Iterator[Component]:
    """Yield a table for each set of records that figures were measured on."""
    for on in dict.fromkeys(one.on for one in figures):
        measured = [one for one in figures if one.on == on]
        inputs = {one.inputs for one in measured}
        origin = f" From {inputs.pop()}." if len(inputs) == 1 else ""
        yield html.P(f"{_capital(on)}.{origin}", className="origin")
        yield _pivot(measured, f"{title}, {on}", several=not origin)


def _pivot(figures: Figures, caption: str, *, several: bool) -> Component:
    measures = _measures(figures)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one in figures:
        rows.setdefault((_about(one), one.inputs), {})[_measure(one)] = one
    head = ["What was asked", *(_capital(measure) for measure in measures)]
    body = [
        [
            [about, *_origin(about, inputs, several=several)],
            *(_cell(found.get(measure)) for measure in measures),
        ]
        for (about, inputs), found in rows.items()
    ]
    return table(caption, head, body, "figures")


def _origin(about: str, inputs: str, *, several: bool) -> list[Component]:
    """Return what answers were read, unless that is said already."""
    if not several or inputs.startswith("none") or about == _capital(inputs):
        return []
    return [html.Span(f"from {inputs}", className="unit")]


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _by_segment(named: Iterable[tuple[Any, str]], title: str) -> Component:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for one, segment in named:
        rows.setdefault((segment, _about(one)), {})[_measure(one)] = one
    body = [
        [[segment, html.Span(about, className="unit")],
         *(_cell(found.get(measure)) for measure in _OF_ONE_SEGMENT)]
        for (segment, about), found in rows.items()
    ]  # fmt: skip
    return table(
        f"Figures by segment: {title}", ["Segment", "Precision", "Recall"], body, "figures"
    )


def _cell(figure: Any) -> Component:
    return html.Td("" if figure is None else _value(figure), className="figure")


def _value(figure: Any) -> str:
    if _measure(figure) in _PLAIN or not 0 <= figure.value <= 1:
        return f"{figure.value:.3f}"
    return f"{figure.value:.1%}"


def _measures(figures: Figures) -> list[str]:
    """Return the measures that occur, in the order of their explanations, then others."""
    present = dict.fromkeys(_measure(one) for one in figures)
    known = [measure for measure in wording.MEANINGS if measure in present]
    return known + [measure for measure in present if measure not in known]


def _glossary(figures: Figures) -> Component:
    pairs = [
        (_capital(measure), wording.MEANINGS[measure])
        for measure in _measures(figures)
        if measure in wording.MEANINGS
    ]
    return folded("What these words mean", facts(pairs))
