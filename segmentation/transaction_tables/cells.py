"""The cells of a table of transactions, in columns that DuckDB takes, and those nobody can trust.

Reading cells is in ``tables``; loading them into a database, in ``workspace``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.schema import Column, Schema
from segmentation.schema.columns import LARGEST_EXACT_INTEGER
from segmentation.tables.cell_readers import ROUNDED
from segmentation.tables.typed_table import TypedChunk, TypedTable

LINE, UNREAD = "row", "unread"
"""Names of the columns beside the schema's: the line of the file, and what could not be read."""


def find_unsafe(table: TypedTable, chunk: TypedChunk) -> list[str]:
    """Return what is wrong with rows that make the whole table untrustworthy.

    The cells of a row with another width than the header may stand in other columns, and of
    identifiers that a spreadsheet has rounded several customers would become one.

    Parameters
    ----------
    table : TypedTable
    chunk : TypedChunk
        Some of its rows.

    Returns
    -------
    list of str
        A reason for each, with its line; empty where all is well.
    """
    lines, width = chunk.rows.lines, len(table.header)
    reasons = [
        f"line {lines[position]}: has {len(cells)} cells, the header has {width}"
        for position, cells in chunk.rows.uneven.items()
    ]
    headers = {column.field: table.header[column.position].strip() for column in table.columns}
    reasons += [
        f"line {lines[position]}, column {headers[field]!r}: {fault.message}"
        for position, faults in chunk.faults.items()
        for field, fault in faults
        if fault.code == ROUNDED
    ]
    return reasons


def make_columns(chunk: TypedChunk, schema: Schema) -> dict[str, NDArray[Any]]:
    """Return the line of each row, a column for each of the schema's, and what was not read.

    Parameters
    ----------
    chunk : TypedChunk
    schema : Schema

    Returns
    -------
    dict of str to ndarray of shape (n_rows,)
        Floats, NaN where a cell has no number, for numbers; otherwise objects: texts and None.
        Times are text in ISO 8601.
    """
    n_rows = len(chunk.rows.lines)
    columns: dict[str, NDArray[Any]] = {LINE: np.array(chunk.rows.lines, dtype=np.int64)}
    unread = [""] * n_rows
    values = {schema.spellings[field].column.name: cells for field, cells in chunk.values.items()}
    faulty = {
        (schema.spellings[field].column.name, position)
        for position, faults in chunk.faults.items()
        for field, _ in faults
    }
    for column in schema.columns:
        cells = list(values.get(column.name, [None] * n_rows))
        for position, cell in enumerate(cells):
            if cell is not None and ((column.name, position) in faulty or not _fits(column, cell)):
                cells[position] = None
                unread[position] += f"{column.name}={cell};"
        columns[column.name] = _make_array(column, cells)
    columns[UNREAD] = np.array(unread, dtype=object)
    return columns


def _make_array(column: Column, cells: list[Any]) -> NDArray[Any]:
    if column.numeric:
        return np.array(cells, dtype=np.float64)
    return np.array([None if cell is None else str(cell) for cell in cells], dtype=object)


def _fits(column: Column, cell: Any) -> bool:
    """Whether a cell is a value of its column's kind: a text in a column of numbers is none."""
    if not column.numeric:
        return True
    if type(cell) is not float:
        return False
    return column.kind == "number" or (cell.is_integer() and abs(cell) <= LARGEST_EXACT_INTEGER)
