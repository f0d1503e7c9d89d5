"""What is mistaken for what: the counts that a package holds, as tables with colour and sentences.

The counts are of records that the models asked had not seen; nothing is scored here.
"""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from segmentation.dashboard.html_elements import (
    render_panel,
    render_swatch,
    render_table,
    render_tinted,
)
from segmentation.runtime import Confusion, Manifest
from segmentation.wording.metrics import describe_subject
from segmentation.wording.phrases import capitalize_first, format_percent, join_parts


def show_confusions(manifest: Manifest) -> list[Component]:
    """Return what was mistaken for what; nothing where a package does not say it."""
    if not manifest.confusions:
        return []
    parts = [
        part for confusion in manifest.confusions for part in _show_confusion(manifest, confusion)
    ]
    return [
        render_panel(
            "What is mistaken for what",
            *parts,
            lead="Each row is where the customers of one segment were put by models that had not "
            "seen them. Blue is right; the deeper the orange, the more went to another segment.",
        )
    ]


def _show_confusion(manifest: Manifest, confusion: Confusion) -> list[Component]:
    by_id = {segment.id: segment.name for segment in manifest.segments}
    names = [by_id.get(segment, segment) for segment in confusion.segments]
    kind = "Agreement with the definition" if confusion.circular else "Prediction"
    subject = capitalize_first(describe_subject(confusion))
    return [
        html.H3([subject, " ", html.Span(kind, className="kind")]),
        html.P(_summarize(confusion, names)),
        _make_table(manifest, confusion, names, subject),
    ]


def _summarize(confusion: Confusion, names: list[str]) -> str:
    """Say how many answers are right, what is mistaken most and what is never the answer."""
    counts = confusion.counts
    total = sum(map(sum, counts))
    n_right = sum(row[position] for position, row in enumerate(counts))
    sentences = f"{n_right:,} of {total:,} answers ({format_percent(n_right / total)}) are right."
    mistakes = [
        (count, true, predicted)
        for true, row in enumerate(counts)
        for predicted, count in enumerate(row)
        if true != predicted and count
    ]
    if mistakes:
        count, true, predicted = max(mistakes)
        share = format_percent(count / sum(counts[true]))
        sentences += (
            f" Most often {names[true]} are taken for {names[predicted]}: {count:,} times, {share}."
        )
    never = [name for name, column in zip(names, zip(*counts, strict=True), strict=True)
             if not any(column)]  # fmt: skip
    return sentences + (f" Never the answer: {join_parts(never)}." if never else "")


def _make_table(
    manifest: Manifest, confusion: Confusion, names: list[str], subject: str
) -> Component:
    positions = {segment.id: position for position, segment in enumerate(manifest.segments)}
    heads = [
        [render_swatch(positions.get(segment, 0)), name]
        for segment, name in zip(confusion.segments, names, strict=True)
    ]
    rows = [
        [
            head,
            *(
                _make_cell(count, row, is_right=true == predicted)
                for predicted, count in enumerate(row)
            ),
        ]
        for true, (head, row) in enumerate(zip(heads, confusion.counts, strict=True))
    ]
    caption = f"{subject}: true segments in rows, answers in columns"
    return render_table(caption, ["Truth ↓ answer →", *heads], rows, "heat")


def _make_cell(count: int, row: list[int], *, is_right: bool) -> Component:
    share = count / (sum(row) or 1)
    text = [format_percent(share), html.Small(f"{count:,}")] if count else "0"
    return render_tinted(text, -share if is_right else share)
