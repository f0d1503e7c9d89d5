"""Tables for the person who trains. Only prints; every figure comes in as a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table as RichTable

from segmentation.artifact.clusters import ClusterReport
from segmentation.artifact.data_remarks import DataRemark
from segmentation.artifact.lineage import Lineage
from segmentation.artifact.manifest import Manifest
from segmentation.artifact.metrics import Metric
from segmentation.datasets.transactions import Validation, describe_reasons
from segmentation.schema import Schema
from segmentation.study import Study, Transactions
from segmentation.training.training_data import TrainingData
from segmentation.wording.clusters import describe_naming, find_unfirm, name_qualities
from segmentation.wording.data_remarks import describe_remark
from segmentation.wording.identity import describe_conflict, describe_discontinuity
from segmentation.wording.metrics import (
    MEASURE_NAMES,
    describe_evaluation,
    describe_inputs,
    find_alarms,
    name_condition,
    name_metric,
)

if TYPE_CHECKING:
    from segmentation.training.comparison.model_comparison import FeatureSetScores, ModelScores

# Measured and kept in the model card, but too much for a first look.
_DETAILS = ("coverage", "worst_coverage", "unsure", "precision", "recall", "brier_score")


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def say(sentence: str) -> None:
    """Print a sentence."""
    _console().print(sentence, markup=False)


def print_heading(study: Study, source: TrainingData, grid: str) -> None:
    """Say what is about to happen."""
    table = source.table
    searched = f", grid “{grid}”" if study.grids.get(grid) else ""
    if source.history and source.history.validation and study.transactions:
        _print_validation(source.history.validation, study.transactions)
    say(f"{study.title}: {len(table.records)} records from {table.name}{searched}")


def _print_validation(validation: Validation, transactions: Transactions) -> None:
    reasons = describe_reasons(transactions)
    table = _table(f"Transactions of {validation.name}", "rows", "number")
    table.add_row("read", str(validation.rows_read))
    for reason, count in validation.dropped.items():
        if count:
            table.add_row(f"dropped: {reasons[reason]}", str(count))
    table.add_row(f"kept, of {validation.customers} customers", str(validation.rows_kept))
    _console().print(table)
    for remark in validation.remarks:
        say(remark)


def print_remarks(remarks: Sequence[DataRemark], schema: Schema) -> None:
    """Print what is to be looked at in the table."""
    for remark in remarks:
        say(f"Mind: {describe_remark(remark, schema)}")


@contextmanager
def show_progress(study: Study) -> Iterator[list[Any]]:
    """Yield the scikit-learn callbacks that draw a progress bar while a search runs."""
    if study.naming:
        yield []
        return
    from sklearn.callback import ProgressBar

    yield [ProgressBar(max_propagation_depth=0)]


def print_results(manifest: Manifest, output: str, size: int) -> None:
    """Print what was found, how well it answers and where it is."""
    if manifest.clusters:
        _clusters(manifest, manifest.clusters)
    if manifest.lineage:
        _lineage(manifest.lineage)
    by_origin: dict[tuple[str, str], list[Metric]] = {}
    for metric in manifest.metrics:
        origin = describe_evaluation(metric), describe_inputs(metric, manifest.record)
        by_origin.setdefault(origin, []).append(metric)
    for (evaluation, inputs), metrics in by_origin.items():
        _print_metrics(evaluation, inputs, metrics)
    _print_sets(manifest)
    for name, value in manifest.training.params.items():
        say(f"  {name.rsplit('__', 1)[-1]} = {value}")
    for caveat in manifest.caveats:
        say(f"Note: {caveat}")
    say(f"{output}: model {manifest.version}, {size / 1e6:.2f} MB")


def _table(title: str, *columns: str) -> RichTable:
    # Without padding it fits 80 columns: where output is not a terminal, figures would be cut.
    table = RichTable(title=title, title_justify="left", padding=(0, 1, 0, 0))
    for position, column in enumerate(columns):
        table.add_column(
            column, justify="right" if position else "left", no_wrap=bool(position), overflow="fold"
        )
    return table


def _print_metrics(evaluation: str, inputs: str, metrics: Sequence[Metric]) -> None:
    """Print the metrics of one evaluation; inputs that the title states are not repeated."""
    rows = [metric for metric in metrics if metric.measure not in _DETAILS]
    if not rows:
        return
    meaning = "Agreement with a definition" if metrics[0].circular else "Prediction"
    say(f"\n{meaning}, from {inputs}; {evaluation}")
    table = _table("", "measure", "mean")
    for metric in rows:
        name = MEASURE_NAMES[metric.measure] if metric.feature_set else name_metric(metric)
        table.add_row(name, f"{metric.value:.4f}")
    _console().print(table)


def _print_sets(manifest: Manifest) -> None:
    """Print how often the prediction sets hold the truth, and how often they are no answer."""
    table = _table(
        "Prediction sets at 95 %, held-out records", "records", "cover", "worst", "unsure"
    )
    for covered in manifest.metrics:
        if covered.measure == "coverage" and covered.condition is not None:
            metrics = [
                manifest.find_metric(
                    measure, covered.condition.kind, horizon_days=covered.horizon_days
                )
                for measure in ("worst_coverage", "unsure")
            ]
            shares = [f"{metric.value:.4f}" if metric else "" for metric in metrics]
            ahead = f", {covered.horizon_days} days ahead" if covered.horizon_days else ""
            name = f"{name_condition(covered.condition)}{ahead}"
            table.add_row(name, f"{covered.value:.4f}", *shares)
    _console().print(table)
    for alarm in find_alarms(manifest.metrics, manifest.conformal.coverage):
        say(f"Warning: {alarm}")


def _clusters(manifest: Manifest, clusters: ClusterReport) -> None:
    table = _table("Segments; Jaccard with bootstrap samples", "segment", "records", "share",
                   "Jaccard", "worst")  # fmt: skip
    for segment in manifest.segments:
        part = clusters.find_stability(segment.id)
        overlap = [f"{part.mean:.3f}", f"{part.worst:.3f}"] if part else []
        table.add_row(segment.name, str(segment.size), f"{segment.share:.3f}", *overlap)
    _console().print(table)
    for name in find_unfirm(clusters):
        say(f"  Mind: {name} is not firm: other samples of the records give another segment")
    for reason in clusters.naming:
        say(f"  {describe_naming(reason, manifest.record)}")
    title = f"Clusters in {clusters.n_dimensions} dimensions"
    table = _table(title, "measure", "value")
    for name, value in name_qualities(clusters.quality).items():
        table.add_row(name, f"{value:.4f}")
    stability = clusters.stability
    table.add_row(f"bootstrap ARI, mean of {stability.n}", f"{stability.mean:.4f}")
    for name, quartile in zip(("lower quarter", "median", "upper quarter"),
                              stability.quartiles or (), strict=False):  # fmt: skip
        table.add_row(f"bootstrap ARI, {name}", f"{quartile:.4f}")
    table.add_row("bootstrap ARI, worst", f"{stability.worst:.4f}")
    if clusters.map:
        share = clusters.map.x.share + clusters.map.y.share
        table.add_row("variance that the map's two axes hold", f"{share:.4f}")
    _console().print(table)
    table = _table("Other numbers of clusters", "k", "silhouette", "Davies-Bouldin", "inertia")
    for point in clusters.curve:
        table.add_row(str(point.k), f"{point.silhouette:.4f}", f"{point.davies_bouldin:.4f}",
                      f"{point.inertia:.0f}")  # fmt: skip
    _console().print(table)


def _lineage(lineage: Lineage) -> None:
    transitions = lineage.transitions
    title = f"Since model {lineage.previous}, on the {transitions.records} records of today"
    table = _table(title, "segment", "fate", "goes on as", "stayed")
    for fate in transitions.old:
        stayed = "" if fate.stayed is None else f"{fate.stayed:.3f}"
        table.add_row(fate.segment, fate.fate, fate.successor or "", stayed)
    _console().print(table)
    for origin in transitions.new:
        if origin.origin == "new":
            say(f"  new: {origin.segment}")
    say(f"  same segment: {transitions.unchanged:.4f} of records; ARI {transitions.agreement:.4f}")
    for conflict in lineage.conflicts:
        say(f"  Mind: {describe_conflict(conflict)}")
    if lineage.discontinuities:
        evidence = "; ".join(describe_discontinuity(item) for item in lineage.discontinuities)
        say(f"  Mind: the model before lends no names ({evidence}); the rules gave them")


def print_comparison(rows: Sequence[ModelScores]) -> None:
    """Print one line for each kind of model: scores, fit time, pickled size, time of one answer."""
    title = "Other kinds of model, on one held-out quarter"
    table = RichTable(title=title, title_justify="left", padding=0)
    table.add_column("model", no_wrap=True)
    for column in ("accuracy", "precision", "recall", "robust", "fit s", "kB", "ms"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.name,
            *(f"{value:.4f}" for value in (row.accuracy, row.precision, row.recall, row.robust)),
            f"{row.fit_seconds:.1f}",
            f"{row.size / 1e3:,.0f}",
            f"{row.record_ms:.2f}",
        )
    _console().print(table)


def print_feature_sets(rows: Sequence[FeatureSetScores]) -> None:
    """Print one table for each set of features: scores by kind of model, what weighs most in it."""
    for reading, group in groupby(rows, key=attrgetter("reading")):
        group_rows = list(group)
        meaning = "Agreement with a definition" if group_rows[0].circular else "Prediction"
        say(f"\n{meaning}, from {reading}; clusters refitted in each fold")
        table = _table("", "model", "accuracy", "balanced", "F1", "AUC", "log-loss")
        for row in group_rows:
            values = (row.accuracy, row.balanced_accuracy, row.macro_f1, row.auc, row.log_loss)
            table.add_row(row.model, *(f"{value:.4f}" for value in values))
        _console().print(table)
        for row in group_rows:
            weights = ", ".join(f"{name} {value:.3f}" for name, value in row.shap)
            say(f"  mean |SHAP|, {row.model}: {weights}")
