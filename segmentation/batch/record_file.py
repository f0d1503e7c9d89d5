"""Files of records, opened: how they were read, and which field each of their columns holds.

Everything that can be wrong with a file as a whole is found here, before its first row is given, so
that an answer can be on its way while the rest is still read. What a file is, is in ``tables``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import IO

from typing_extensions import TypedDict

from segmentation.batch.answer_columns import find_answers
from segmentation.batch.order_card import OrderCard
from segmentation.errors import FileError
from segmentation.runtime.known_tables import KnownTables
from segmentation.runtime.record_warnings import RecordWarning
from segmentation.runtime.unknown_field_warnings import warn_of_missing
from segmentation.schema import Column, Schema
from segmentation.tables.open_table import TableOptions
from segmentation.tables.typed_table import TypedChunk, TypedTable, open_typed_table

# Rows that are read and answered at a time, and about as many characters.
TOGETHER = 256
_ROOM = 1 << 20


class FileColumn(TypedDict):
    """A column of a file: the field that it holds and in which unit; None if it isn't read.

    ``nearest`` is the field whose name is nearest to one that isn't known.
    """

    header: str
    field: str | None
    unit: str | None
    nearest: str | None


class FileCard(TypedDict):
    """How a file was read.

    The decimal mark is empty if its numbers show none; rows are counted without blank ones, those
    above the header and those that repeat it, of which ``n_above`` and ``n_repeated`` say the
    number. ``missing_defining`` are the fields that make a row complete and are in no column;
    ``warnings`` are about the file as a whole, and with every answer. Of a file of orders, rows are
    the customers that are answered, ``of_orders`` is true, and ``orders`` says what became of its
    lines.
    """

    format: str
    encoding: str
    separator: str
    sheet: str
    decimal_mark: str
    n_rows: int | None
    n_above: int
    n_repeated: int
    columns: list[FileColumn]
    missing_defining: list[str]
    warnings: list[RecordWarning]
    of_orders: bool
    orders: OrderCard | None


class RecordFile:
    """A file of records that can be scored.

    Parameters
    ----------
    table : TypedTable
    schema : Schema
        What a record is.
    study : str, optional
        Whose list of fields warnings refer to.

    Attributes
    ----------
    table : TypedTable
        What the file holds.
    warnings : list
        About the file as a whole; they go with every answer.
    separator : str
        What stands between the cells of the answer.
    is_plain : bool
        Whether the file came as UTF-8 without a byte order mark.
    of_orders : bool
        Whether its lines are those of orders, several for each customer.
    """

    of_orders = False

    def __init__(self, table: TypedTable, schema: Schema, study: str | None = None) -> None:
        self.table = table
        self._schema = schema
        answers = find_answers(table.matched.names)
        self._unknown = [name for name in table.matched.unknown if name not in answers]
        unknown = table.mapping.describe_unknown(self._unknown, self.missing)
        self.warnings: list[RecordWarning] = []
        if unknown.missing and not table.matched.problem:
            self.warnings.append(warn_of_missing(unknown, study, table.matched.advice))
        self.separator = table.layout.separator or ","
        self.is_plain = table.layout.is_plain

    @property
    def header(self) -> list[str]:
        """The header of the answer, without the answers' own columns: as it stands there."""
        return self.table.header

    @property
    def n_answers(self) -> int:
        """How many rows the answer will have."""
        return self.table.n_rows

    @property
    def orders(self) -> OrderCard | None:
        """What became of lines of orders, where the file has such."""
        return None

    @property
    def ignored(self) -> list[str]:
        """The headers of the columns that are passed on and not read."""
        pairs = zip(self.table.header, self.table.fields, strict=True)
        return [name for name, field in pairs if field is None]

    @property
    def missing(self) -> tuple[Column, ...]:
        """The columns that make a row complete and are not in the file."""
        return self.table.matched.missing

    @property
    def card(self) -> FileCard:
        """How it was read."""
        layout = self.table.layout
        return {
            "format": layout.kind,
            "encoding": layout.encoding,
            "separator": layout.separator,
            "sheet": layout.sheet,
            "decimal_mark": self.table.decimal_mark,
            "n_rows": self.n_answers,
            "n_above": layout.n_above,
            "n_repeated": layout.n_repeated,
            "columns": list(map(self._describe_column, self.table.header, self.table.fields)),
            "missing_defining": [column.name for column in self.missing],
            "warnings": self.warnings,
            "of_orders": self.of_orders,
            "orders": self.orders,
        }

    def _describe_column(self, header: str, field: str | None) -> FileColumn:
        if field is not None:
            spelling = self._schema.spellings[field]
            name, unit = spelling.column.name, spelling.unit
            return {"header": header, "field": name, "unit": unit, "nearest": None}
        name = header.strip()
        nearest = self.table.mapping.nearest(name) if name in self._unknown else None
        return {"header": header, "field": None, "unit": None, "nearest": nearest}

    def chunks(self) -> Iterator[TypedChunk]:
        """Yield the rows a few at a time, and fewer of long ones."""
        return self.table.chunks(TOGETHER, _ROOM)


@contextmanager
def open_record_file(
    stream: IO[bytes],
    schema: Schema,
    options: TableOptions | None = None,
    known_tables: KnownTables | None = None,
) -> Iterator[RecordFile]:
    """Give a file of records until the block ends.

    Parameters
    ----------
    stream : binary file
        To be read more than once; stays open.
    schema : Schema
        What a record is.
    options : TableOptions, optional
    known_tables : KnownTables, optional
        Asked where no column is one that the model reads, or one is missing.

    Raises
    ------
    FileError
        If nothing of it can be scored.
    MappingError
        If what is mapped can't be had.
    """
    with open_typed_table(stream, schema, add_known_tables(options, known_tables)) as table:
        if table.problem:
            raise FileError(table.problem)
        yield RecordFile(table, schema, known_tables.study if known_tables else None)


def add_known_tables(
    options: TableOptions | None, known_tables: KnownTables | None
) -> TableOptions | None:
    """Let the tables that are known say to which of them the columns of a file belong."""
    if known_tables is None:
        return options
    return replace(options or TableOptions(), recognise=known_tables.recognise)
