"""Opens a file to be scored, whichever it is: one row for each customer, or lines of orders.

Which of the two it is, the names of its columns say. What follows is in ``record_file`` and
``file_scoring``, or in ``order_file`` and ``order_customers``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO

from segmentation.artifact.manifest import PackedAggregation
from segmentation.batch.file_scoring import ScoredRow, score_rows
from segmentation.batch.order_customers import gather_customers
from segmentation.batch.order_file import OrderFile, check_orders, score_customers
from segmentation.batch.record_file import RecordFile, add_known_tables
from segmentation.errors import FileError
from segmentation.runtime import Manifest, Model
from segmentation.runtime.known_tables import KnownTables
from segmentation.schema import HeaderLookup
from segmentation.tables.column_mapping import ColumnMapping
from segmentation.tables.open_table import TableOptions, open_table
from segmentation.tables.rows import Table
from segmentation.tables.typed_table import TypedTable, open_typed_table

_NO_ORDERS = (
    "as_of is about orders, but the rows of this file are customers with figures already added up;"
    " leave it out."
)


def find_order_columns(manifest: Manifest) -> PackedAggregation | None:
    """Return what a study's orders are, if files of them can be scored."""
    packed = manifest.aggregation
    if packed is None or packed.roles is None or manifest.record.identifier is None:
        return None
    return packed


@contextmanager
def open_rows_or_orders(
    stream: IO[bytes],
    manifest: Manifest,
    options: TableOptions,
    known_tables: KnownTables,
    *,
    cut: bool = False,
) -> Iterator[tuple[TypedTable, PackedAggregation | None]]:
    """Give a table until the block ends, and what orders are if it is one of orders.

    Parameters
    ----------
    stream : binary file
        To be read more than once; stays open.
    manifest : Manifest
    options : TableOptions
    known_tables : KnownTables
    cut : bool, optional
        Whether the stream is only the beginning of a file.

    Raises
    ------
    FileError
        If it is no table that can be read, or has no rows.
    MappingError
        If what is mapped can't be had.
    """
    packed = find_order_columns(manifest)
    if packed is None:
        record_options = add_known_tables(options, known_tables)
        with open_typed_table(stream, manifest.record, record_options, cut=cut) as typed:
            yield typed, None
        return
    lookups = HeaderLookup(manifest.record), HeaderLookup(packed.transactions)

    def is_known(name: str) -> bool:
        return name in options.mapping or any(lookup.find(name) for lookup in lookups)

    with open_table(stream, is_known, options, cut=cut) as table:
        if _are_mapped_from_orders(options, *lookups) or known_tables.holds_transactions(
            _list_names(table, options)
        ):
            mapping = ColumnMapping(packed.transactions, options.mapping)
            typed = TypedTable(table, packed.transactions, mapping, options)
        else:
            packed = None
            mapping = ColumnMapping(manifest.record, options.mapping, known_tables.recognise)
            typed = TypedTable(table, manifest.record, mapping, options)
        if not typed.n_rows and not cut:
            raise FileError("The file has a header but no rows.")
        yield typed, packed


def _are_mapped_from_orders(
    options: TableOptions, record_lookup: HeaderLookup, order_lookup: HeaderLookup
) -> bool:
    """Whether the caller maps a column to a field that only orders have."""
    fields = [field for field in options.mapping.values() if field]
    return any(order_lookup.find(field) and not record_lookup.find(field) for field in fields)


def _list_names(table: Table, options: TableOptions) -> list[str]:
    """Return the names of a table's columns, and of those that are mapped what they are read as."""
    return [options.mapping.get(name.strip(), name.strip()) for name in table.header]


@contextmanager
def open_any_file(
    stream: IO[bytes],
    manifest: Manifest,
    options: TableOptions | None = None,
    known_tables: KnownTables | None = None,
    as_of: datetime | None = None,
) -> Iterator[RecordFile]:
    """Give a file of records, or one of orders, until the block ends.

    Parameters
    ----------
    stream : binary file
        To be read more than once; stays open.
    manifest : Manifest
        Of the model that is to answer.
    options : TableOptions, optional
    known_tables : KnownTables, optional
        Those that are served beside it.
    as_of : datetime, optional
        What the recency of orders is relative to; see `gather_customers`.

    Raises
    ------
    FileError
        If nothing of it can be scored.
    MappingError
        If what is mapped can't be had.
    NoRoomError
        If there is no room for its orders.
    UnavailableError
        If it is a file of orders, and what reads them is not installed.
    """
    options = options or TableOptions()
    known_tables = known_tables or KnownTables(manifest)
    with open_rows_or_orders(stream, manifest, options, known_tables) as (table, packed):
        if packed is None:
            if table.problem:
                raise FileError(table.problem)
            if as_of is not None:
                raise FileError(_NO_ORDERS)
            yield RecordFile(table, manifest.record, known_tables.study)
            return
        check_orders(table, packed)
        identifier = manifest.record.identifier
        key = identifier.name if identifier else ""
        with gather_customers(table, packed, key, as_of) as customers:
            yield OrderFile(table, packed, customers)


def score(model: Model, file: RecordFile) -> Generator[list[ScoredRow], None, None]:
    """Answer the rows of a file, in their order, or the customers of its orders.

    Parameters
    ----------
    model : Model
    file : RecordFile
        Opened with the model's manifest.
    """
    if isinstance(file, OrderFile):
        return score_customers(model, file)
    return score_rows(model, file)
