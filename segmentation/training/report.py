"""Tables for the person who trains. Only prints; every figure comes in as a value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table as RichTable

from segmentation.artifact.package import Package
from segmentation.datasets import Table
from segmentation.study import Study
from segmentation.training.conditions import COMPLETE, IMPRECISE, INCOMPLETE

if TYPE_CHECKING:
    from segmentation.training.compare import Compared
    from segmentation.training.pack import Run


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


def heading(study: Study, table: Table, grid: str) -> None:
    """Say what is about to happen."""
    _console().print(
        f"{study.title}: {len(table.records)} records from {table.name}, grid “{grid}”"
    )


@contextmanager
def progress() -> Iterator[list[Any]]:
    """Yield the scikit-learn callbacks that draw a progress bar while a search runs."""
    from sklearn.callback import ProgressBar

    yield [ProgressBar(max_propagation_depth=0)]


def results(run: Run, package: Package, path: Path) -> None:
    """Print what was chosen, how well it answers and where it is."""
    console = _console()
    manifest = package.manifest
    table = RichTable(title=f"Held-out records, 5-fold, {run.table.name}", title_justify="left")
    table.add_column("measure")
    table.add_column("mean", justify="right")
    for figure in manifest.figures:
        if not figure.name.startswith(("coverage", "unsure")):
            table.add_row(figure.name, f"{figure.value:.4f}")
    console.print(table)
    table = RichTable(title="Prediction sets at 95 %, held-out records", title_justify="left")
    for column in ("records", "cover the truth", "unsure"):
        table.add_column(column, justify="left" if column == "records" else "right")
    for kind in (COMPLETE, INCOMPLETE, IMPRECISE):
        covered, unsure = run.figures[f"coverage, {kind}"], run.figures[f"unsure, {kind}"]
        table.add_row(kind, f"{covered:.4f}", f"{unsure:.4f}")
    console.print(table)
    for name, value in run.fitted.params.items():
        console.print(f"  {name.rsplit('__', 1)[-1]} = {value}")
    for caveat in manifest.caveats:
        console.print(f"Note: {caveat}")
    console.print(f"{path}: model {manifest.version}, {path.stat().st_size / 1e6:.2f} MB")


def comparison(rows: Sequence[Compared]) -> None:
    """Print one line for each kind of model: scores, fit time, pickled size, time of one answer."""
    # Without padding it fits 80 columns: where output is not a terminal, figures would be cut.
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
