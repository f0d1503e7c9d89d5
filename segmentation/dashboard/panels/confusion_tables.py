"""What is mistaken for what: the counts that a package holds, as tables with colour and sentences.

The counts are of records that the models asked had not seen; nothing is scored here.
"""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from segmentation.dashboard import wording
from segmentation.dashboard.html_elements import panel, swatch, table, tinted
from segmentation.runtime import Confusion, Manifest


def mistakes(manifest: Manifest) -> list[Component]:
    """Return what was mistaken for what; nothing where a package doesn't say."""
    if not manifest.confusions:
        return []
    parts = [part for one in manifest.confusions for part in _one(manifest, one)]
    return [
        panel(
            "What is mistaken for what",
            *parts,
            lead="Each row is where the customers of one segment were put by models that had not "
            "seen them. Blue is right; the deeper the orange, the more went to another segment.",
        )
    ]


def _one(manifest: Manifest, one: Confusion) -> list[Component]:
    names = [_name(manifest, segment) for segment in one.segments]
    kind = "Agreement with the definition" if one.circular else "Prediction"
    return [
        html.H3([wording.condition(one.name), " ", html.Span(kind, className="kind")]),
        html.P(_summary(one, names)),
        _table(manifest, one, names),
    ]


def _name(manifest: Manifest, segment: str) -> str:
    return next((one.name for one in manifest.segments if one.id == segment), segment)


def _summary(one: Confusion, names: list[str]) -> str:
    """Say how many answers are right, what is mistaken most and what is never the answer."""
    total = sum(map(sum, one.counts))
    right = sum(row[position] for position, row in enumerate(one.counts))
    said = f"{right:,} of {total:,} answers ({wording.percent(right / total)}) are right."
    wrong = [
        (count, truth, told)
        for truth, row in enumerate(one.counts)
        for told, count in enumerate(row)
        if truth != told and count
    ]
    if wrong:
        count, truth, told = max(wrong)
        many = wording.percent(count / sum(one.counts[truth]))
        said += f" Most often {names[truth]} are taken for {names[told]}: {count:,} times, {many}."
    never = [name for name, column in zip(names, zip(*one.counts, strict=True), strict=True)
             if not any(column)]  # fmt: skip
    return said + (f" Never the answer: {wording.listed(never)}." if never else "")


def _table(manifest: Manifest, one: Confusion, names: list[str]) -> Component:
    positions = {segment.id: position for position, segment in enumerate(manifest.segments)}
    heads = [
        [swatch(positions.get(segment, 0)), name]
        for segment, name in zip(one.segments, names, strict=True)
    ]
    rows = [
        [head, *(_cell(count, row, right=truth == told) for told, count in enumerate(row))]
        for truth, (head, row) in enumerate(zip(heads, one.counts, strict=True))
    ]
    caption = f"{wording.condition(one.name)}: true segments in rows, answers in columns"
    return table(caption, ["Truth ↓ answer →", *heads], rows, "heat")


def _cell(count: int, row: list[int], *, right: bool) -> Component:
    share = count / (sum(row) or 1)
    text = [wording.percent(share), html.Small(f"{count:,}")] if count else "0"
    return tinted(text, share if not right else -share)
