"""A CSV file to be filled in: the fields that a model reads, and two made-up rows."""

from __future__ import annotations

import csv
from io import StringIO

from segmentation.runtime import Manifest
from segmentation.schema import Column


def template(manifest: Manifest, *, commas: bool = False) -> str:
    """Return the file: fields in the project's names, and averages of two segments as examples.

    Parameters
    ----------
    manifest : Manifest
    commas : bool, optional
        Whether decimals have commas and cells semicolons between, as spreadsheets in many
        languages expect.
    """
    schema = manifest.record
    columns = [column for column in schema.sendable if column.role in ("identifier", "feature")]
    file = StringIO(newline="")
    writer = csv.writer(file, delimiter=";" if commas else ",", lineterminator="\r\n")
    writer.writerow([column.name for column in columns])
    for number, segment in enumerate((manifest.segments[0], manifest.segments[-1]), start=1):
        means = {name: profile.mean for name, profile in segment.numbers.items()}
        cells = [_cell(column, number, means) for column in columns]
        writer.writerow([cell.replace(".", ",") for cell in cells] if commas else cells)
    return file.getvalue()


def _cell(column: Column, number: int, means: dict[str, float]) -> str:
    """Return an average in the steps in which the question is answered."""
    if column.kind == "identifier":
        return str(number)
    if column.name not in means:
        return ""
    return f"{column.round_to_step(means[column.name], 0.01):.10g}"
