"""The cells of a table of transactions, in columns that DuckDB takes.

Reading them is in ``tables``, which rows are dropped is decided in ``transactions``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segmentation.datasets.record_tables import describe_missing
from segmentation.errors import DataError, FileError, MappingError
from segmentation.schema import Column, Schema
from segmentation.schema.columns import LARGEST_EXACT_INTEGER
from segmentation.study import Transactions
from segmentation.tables.cell_readers import ROUNDED
from segmentation.tables.open_table import TableOptions
from segmentation.tables.typed_table import TypedChunk, TypedTable, open_typed_table

if TYPE_CHECKING:
    import pandas as pd

_MOST_LINES = 5


@contextmanager
def open_columns(
    source: str | Path, path: Path, transactions: Transactions, options: TableOptions
) -> Iterator[TypedTable]:
    """Give a table of transactions, read by the study's columns, until the block ends.

    Parameters
    ----------
    source : str or Path
        Where the table comes from, for messages.
    path : Path
        A local copy of it.
    transactions : Transactions
        Says which columns have to be there.
    options : TableOptions

    Raises
    ------
    DataError
        If it is no such table.
    """
    try:
        with (
            path.open("rb") as file,
            open_typed_table(file, transactions.schema, options) as table,
        ):
            _check_columns(source, table, transactions)
            yield table
    except (FileError, MappingError) as error:
        raise DataError(str(source), [str(error)]) from None


def _check_columns(source: str | Path, table: TypedTable, transactions: Transactions) -> None:
    if table.problem:
        raise FileError(table.problem)
    names_present = {column.column.name for column in table.columns}
    missing = [name for name in transactions.needed if name not in names_present]
    reasons = describe_missing(table, transactions.schema, missing)
    if reasons:
        raise DataError(str(source), reasons)


def refuse_unsafe(source: str | Path, table: TypedTable, chunk: TypedChunk) -> None:
    """Refuse rows of another width than the header, and identifiers that a spreadsheet has rounded.

    The cells of the first may stand in other columns, and of the second several customers would
    become one.

    Raises
    ------
    DataError
        With the first lines of them.
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
    if reasons:
        raise DataError(str(source), reasons[:_MOST_LINES])


def frame_chunk(n_before: int, chunk: TypedChunk, schema: Schema) -> pd.DataFrame:
    """Return rows with a number each, a column for each of the schema's, and what was not read.

    Parameters
    ----------
    n_before : int
        Rows of the table before this chunk.
    chunk : TypedChunk
    schema : Schema

    Returns
    -------
    pandas.DataFrame
        Of times as text in ISO 8601.
    """
    import pandas as pd

    n_rows = len(chunk.rows.lines)
    columns: dict[str, Any] = {"row": range(n_before + 1, n_before + n_rows + 1)}
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
        columns[column.name] = pd.Series(cells, dtype="float64" if column.numeric else "object")
    columns["unread"] = unread
    return pd.DataFrame(columns)


def _fits(column: Column, cell: Any) -> bool:
    """Whether a cell is a value of its column's kind: a text in a column of numbers is none."""
    if not column.numeric:
        return True
    if type(cell) is not float:
        return False
    return column.kind == "number" or (cell.is_integer() and abs(cell) <= LARGEST_EXACT_INTEGER)
