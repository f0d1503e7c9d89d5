"""The page Model: the model card for people. What was measured, and what that doesn't say."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from segmentation.artifact.lineage import Lineage
from segmentation.dashboard import plain_language
from segmentation.dashboard.html_elements import (
    render_facts,
    render_folded,
    render_notice,
    render_panel,
    render_share_bar,
    render_swatch,
    render_table,
)
from segmentation.dashboard.pages.segments_page import render_synthetic
from segmentation.dashboard.panels import cluster_quality
from segmentation.dashboard.panels.confusion_tables import show_confusions
from segmentation.dashboard.panels.metrics_panel import show_metrics
from segmentation.runtime import Manifest, Model
from segmentation.runtime.cards import segment_cards
from segmentation.wording.data_remarks import describe_remark
from segmentation.wording.identity import describe_conflict, describe_discontinuity
from segmentation.wording.phrases import format_percent, join_parts


def render_page(model: Model) -> list[Component]:
    """Return the page of a study."""
    manifest = model.manifest
    return [
        html.H1("Model", tabIndex="-1"),
        html.P(manifest.description, className="lead"),
        *render_synthetic(manifest),
        render_panel(
            "What it can't tell", html.Ul([html.Li(caveat) for caveat in manifest.caveats])
        ),
        show_metrics(
            manifest,
            "Predictions",
            "From answers that do not define the segments, or about a later date: predictions. "
            "Compare with the lines about the largest segment and chance, which need no model.",
            circular=False,
        ),
        show_metrics(
            manifest,
            "Agreement with the definition",
            "These read the very answers from which the segments were made. They say that the "
            "definition is applied faithfully, also with gaps and noise, and not that it predicts.",
            circular=True,
        ),
        *show_confusions(manifest),
        _render_sizes(manifest),
        *cluster_quality.describe_firmness(manifest),
        _render_lineage(manifest),
        _render_data(manifest),
        _render_versions(manifest),
    ]


def _render_sizes(manifest: Manifest) -> Component:
    rows = [
        [
            [render_swatch(position), segment["name"]],
            html.Td(f"{segment['size']:,}", className="figure"),
            html.Td(format_percent(segment["share"]), className="figure"),
            html.Td(render_share_bar(segment["share"], position), className="wide"),
        ]
        for position, segment in enumerate(segment_cards(manifest)["segments"])
    ]
    return render_panel(
        "Sizes", render_table("Sizes of the segments", ["Segment", "Records", "Share", ""], rows)
    )


def _render_lineage(manifest: Manifest) -> Component:
    lineage = manifest.lineage
    if lineage is None:
        return render_panel(
            "Names since the model before", html.P("This is the first model of its kind.")
        )
    names = {segment.id: segment.name for segment in manifest.segments}
    rows = [
        [
            names.get(origin.segment, origin.segment),
            origin.origin,
            join_parts(
                [names.get(source, source) for source in origin.sources] or [plain_language.NONE]
            ),
        ]
        for origin in lineage.transitions.new
    ]
    unchanged = format_percent(lineage.transitions.unchanged)
    lead = f"{unchanged} of the records are in the segment that continues their old one."
    conflicts = (
        [html.Ul([html.Li(describe_conflict(conflict)) for conflict in lineage.conflicts])]
        if lineage.conflicts
        else []
    )
    body = render_table("Where each segment comes from", ["Segment", "It is", "Made of"], rows)
    about = html.P(f"The model before was {lineage.previous}.")
    return render_panel(
        "Names since the model before",
        *_warn_of_discontinuity(lineage),
        body,
        about,
        *conflicts,
        lead=lead,
    )


def _warn_of_discontinuity(lineage: Lineage) -> list[Component]:
    if not lineage.discontinuities:
        return []
    evidence = [describe_discontinuity(item) for item in lineage.discontinuities]
    return [
        render_notice(
            "warning",
            "The model before lends no names: they are those of the rules, and a segment of today"
            f" is not the one of that name before. Why: {'; '.join(evidence)}.",
        )
    ]


def _render_data(manifest: Manifest) -> Component:
    training, data = manifest.training, manifest.training.data
    missing = {
        name: baseline.missing
        for name, baseline in manifest.baseline.numbers.items()
        if baseline.missing
    }
    columns = manifest.record.by_name
    gaps = [
        f"{plain_language.label_column(columns[name])}: {format_percent(share)}"
        for name, share in missing.items()
    ]
    remarks = [describe_remark(remark, manifest.record) for remark in training.remarks]
    return render_panel(
        "Data",
        *[render_notice("warning", remark) for remark in remarks],
        render_facts(
            [
                ("Table", f"{data.name}{', made up' * training.synthetic}"),
                ("Records", f"{data.rows:,}"),
                ("For fitting", f"{training.n_train:,}"),
                ("For calibrating", f"{training.n_calibration:,}"),
                ("Questions", f"{len(manifest.record.sendable)}"),
                ("Answers missing", join_parts(gaps) if gaps else "none"),
                ("Coverage aimed at", format_percent(manifest.conformal.coverage)),
                ("What is covered", manifest.conformal.truth),
                ("SHA-256 of the table", html.Code(data.sha256)),
            ]
        ),
    )


def _render_versions(manifest: Manifest) -> Component:
    training = manifest.training
    params = [(name, html.Code(str(value))) for name, value in training.params.items()]
    return render_panel(
        "Versions",
        render_facts(
            [
                ("Version", html.Code(manifest.version)),
                ("Trained", manifest.created[:16].replace("T", " ")),
                ("Grid", training.grid),
                ("Random state", str(training.random_state)),
                *[(name, version) for name, version in training.libraries.items()],
            ]
        ),
        *([render_folded("Parameters that were chosen", render_facts(params))] if params else []),
    )
