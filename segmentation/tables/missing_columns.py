"""What is said of a table that lacks a column which it has to have. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence

from segmentation.schema import Schema
from segmentation.tables.typed_table import TypedTable


def describe_missing(table: TypedTable, schema: Schema, missing: Sequence[str]) -> list[str]:
    """Return a line for each column that is needed and missing, and what may stand for it.

    Parameters
    ----------
    table : TypedTable
    schema : Schema
    missing : sequence of str
        Names of the columns.
    """
    if not missing:
        return []
    unknown = table.mapping.describe_unknown(table.matched.unknown, ())
    hints = [
        f"unknown column {field.name!r}"
        + (f"; did you mean {field.nearest}?" if field.nearest else "")
        for field in unknown.named
        if field.name
    ]
    return [*hints, *(f"missing column {schema.by_name[name].title!r}" for name in missing)]
