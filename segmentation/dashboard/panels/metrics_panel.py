"""A model's metrics as a person compares them: a row per subject, a column per measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from dash import html
from dash.development.base_component import Component

from segmentation.dashboard.html_elements import (
    render_facts,
    render_folded,
    render_panel,
    render_table,
)
from segmentation.runtime import Manifest, Measure, Metric
from segmentation.schema import Schema
from segmentation.wording.metrics import (
    MEASURE_MEANINGS,
    MEASURE_NAMES,
    describe_evaluation,
    describe_inputs,
    describe_subject,
)
from segmentation.wording.phrases import capitalize_first

Metrics = Sequence[Metric]

# Measures of single segments are many; they are there for those who look for them.
_OF_ONE_SEGMENT = ("precision", "recall")
# Measures that are no share of records.
_PLAIN = ("log_loss", "brier_score", "calibration_error", "macro_auc")


def show_metrics(manifest: Manifest, title: str, lead: str, *, circular: bool) -> Component:
    """Return the metrics of one kind: predictions, or agreement with the definition."""
    metrics = [metric for metric in manifest.metrics if metric.circular is circular]
    overall = [metric for metric in metrics if metric.measure not in _OF_ONE_SEGMENT]
    by_segment = [metric for metric in metrics if metric.measure in _OF_ONE_SEGMENT]
    if not overall:
        return render_panel(title, html.P("None measured."), lead=lead)
    parts = [*_show_evaluations(overall, manifest.record, title), _explain_measures(overall)]
    if all(metric.predictor in ("largest_class", "stratified_draw") for metric in overall):
        parts.insert(0, html.P("No prediction is claimed: these lines need no model."))
    if by_segment:
        segments = _show_segments(manifest, by_segment, title)
        parts.append(render_folded("By segment", segments, _explain_measures(by_segment)))
    return render_panel(title, *parts, lead=lead)


def _show_evaluations(metrics: Metrics, schema: Schema, title: str) -> Iterator[Component]:
    """Yield a table for each evaluation."""
    by_evaluation: dict[str, list[Metric]] = {}
    for metric in metrics:
        by_evaluation.setdefault(describe_evaluation(metric), []).append(metric)
    for evaluation, measured in by_evaluation.items():
        inputs = {describe_inputs(metric, schema) for metric in measured}
        origin = f" From {inputs.pop()}." if len(inputs) == 1 else ""
        yield html.P(f"{capitalize_first(evaluation)}.{origin}", className="origin")
        yield _make_table(measured, schema, f"{title}, {evaluation}", several_inputs=not origin)


def _make_table(
    metrics: Metrics, schema: Schema, caption: str, *, several_inputs: bool
) -> Component:
    measures = _order_measures(metrics)
    rows: dict[tuple[str, str], dict[str, Metric]] = {}
    for metric in metrics:
        subject = (
            _describe_subject(metric, schema),
            _describe_unread_origin(metric, schema, several_inputs=several_inputs),
        )
        rows.setdefault(subject, {})[metric.measure] = metric
    head = ["What was asked", *(capitalize_first(MEASURE_NAMES[name]) for name in measures)]
    body = [
        [
            [subject, *([html.Span(f"from {inputs}", className="unit")] if inputs else [])],
            *(_make_cell(by_measure.get(measure)) for measure in measures),
        ]
        for (subject, inputs), by_measure in rows.items()
    ]
    return render_table(caption, head, body, "figures")


def _describe_subject(metric: Metric, schema: Schema) -> str:
    return capitalize_first(describe_subject(metric) or describe_inputs(metric, schema))


def _describe_unread_origin(metric: Metric, schema: Schema, *, several_inputs: bool) -> str:
    """Return what was read to answer; empty where it is said already, or nothing was read."""
    inputs = describe_inputs(metric, schema)
    if not several_inputs or metric.predictor in ("largest_class", "stratified_draw"):
        return ""
    return "" if _describe_subject(metric, schema) == capitalize_first(inputs) else inputs


def _show_segments(manifest: Manifest, metrics: Iterable[Metric], title: str) -> Component:
    names = {segment.id: segment.name for segment in manifest.segments}
    rows: dict[tuple[str, str], dict[str, Metric]] = {}
    for metric in metrics:
        segment = names.get(metric.segment or "", metric.segment or "")
        row = rows.setdefault((segment, _describe_subject(metric, manifest.record)), {})
        row[metric.measure] = metric
    body = [
        [[segment, html.Span(subject, className="unit")],
         *(_make_cell(by_measure.get(measure)) for measure in _OF_ONE_SEGMENT)]
        for (segment, subject), by_measure in rows.items()
    ]  # fmt: skip
    return render_table(
        f"Figures by segment: {title}", ["Segment", "Precision", "Recall"], body, "figures"
    )


def _make_cell(metric: Metric | None) -> Component:
    return html.Td("" if metric is None else _format_value(metric), className="figure")


def _format_value(metric: Metric) -> str:
    if metric.measure in _PLAIN or not 0 <= metric.value <= 1:
        return f"{metric.value:.3f}"
    return f"{metric.value:.1%}"


def _order_measures(metrics: Metrics) -> list[Measure]:
    """Return the measures that occur, in the order of their names."""
    present = {metric.measure for metric in metrics}
    return [measure for measure in MEASURE_NAMES if measure in present]


def _explain_measures(metrics: Metrics) -> Component:
    pairs = [
        (capitalize_first(MEASURE_NAMES[measure]), MEASURE_MEANINGS[measure])
        for measure in _order_measures(metrics)
    ]
    return render_folded("What these words mean", render_facts(pairs))
