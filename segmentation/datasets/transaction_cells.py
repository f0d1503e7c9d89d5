"""A table of transactions that a study trains on, opened, or refused with its address.

Reading it is in ``tables`` and ``transaction_tables``, which rows are dropped is decided in
``transactions``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segmentation.errors import DataError, FileError, MappingError
from segmentation.study import Transactions
from segmentation.tables.missing_columns import describe_missing
from segmentation.tables.open_table import TableOptions
from segmentation.tables.typed_table import TypedChunk, TypedTable, open_typed_table
from segmentation.transaction_tables.cells import find_unsafe

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
    reasons = find_unsafe(table, chunk)
    if reasons:
        raise DataError(str(source), reasons[:_MOST_LINES])
