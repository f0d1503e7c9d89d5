"""Files of records, opened: how they were read, and which field each of their columns holds.

Everything that can be wrong with a file as a whole is found here, before its first row is given, so
that an answer can be on its way while the rest is still read. What a file is, is in ``tables``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from typing_extensions import TypedDict

from segmentation.errors import FileError
from segmentation.schema import Schema
from segmentation.tables.open_table import TableOptions
from segmentation.tables.typed_table import TypedChunk, TypedTable, open_typed_table

# Rows that are read at a time, which takes some 3 ms, and about as many characters.
_TOGETHER = 128
_ROOM = 1 << 20


class FileColumn(TypedDict):
    """A column of a file: the field that it holds and in which unit; None if it isn't read."""

    header: str
    field: str | None
    unit: str | None


class FileCard(TypedDict):
    """How a file was read.

    The decimal mark is empty if its numbers show none; rows are counted without blank ones, those
    above the header and those that repeat it, of which ``n_above`` and ``n_repeated`` say the
    number.
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


class RecordFile:
    """A file of records that can be scored.

    Parameters
    ----------
    table : TypedTable
    schema : Schema
        What a record is.

    Attributes
    ----------
    table : TypedTable
        What the file holds.
    separator : str
        What stands between the cells of the answer.
    is_plain : bool
        Whether the file came as UTF-8 without a byte order mark.
    """

    def __init__(self, table: TypedTable, schema: Schema) -> None:
        self.table = table
        self._schema = schema
        self.separator = table.layout.separator or ","
        self.is_plain = table.layout.is_plain

    @property
    def header(self) -> list[str]:
        """The header, as it stands there."""
        return self.table.header

    @property
    def ignored(self) -> list[str]:
        """The headers of the columns that are passed on and not read."""
        pairs = zip(self.header, self.table.fields, strict=True)
        return [name for name, field in pairs if field is None]

    @property
    def card(self) -> FileCard:
        """How it was read."""
        return describe(self.table, self._schema, self.table.n_rows)

    def chunks(self) -> Iterator[TypedChunk]:
        """Yield the rows a few at a time, and fewer of long ones."""
        return self.table.chunks(_TOGETHER, _ROOM)


@contextmanager
def open_record_file(
    stream: IO[bytes], schema: Schema, options: TableOptions | None = None
) -> Iterator[RecordFile]:
    """Give a file of records until the block ends.

    Parameters
    ----------
    stream : binary file
        To be read more than once; stays open.
    schema : Schema
        What a record is.
    options : TableOptions, optional

    Raises
    ------
    FileError
        If nothing of it can be scored.
    MappingError
        If what is mapped can't be had.
    """
    with open_typed_table(stream, schema, options) as table:
        if table.problem:
            raise FileError(table.problem)
        yield RecordFile(table, schema)


def describe(table: TypedTable, schema: Schema, n_rows: int | None) -> FileCard:
    """Return how a table was read."""
    layout = table.layout
    return {
        "format": layout.kind,
        "encoding": layout.encoding,
        "separator": layout.separator,
        "sheet": layout.sheet,
        "decimal_mark": table.decimal_mark,
        "n_rows": n_rows,
        "n_above": layout.n_above,
        "n_repeated": layout.n_repeated,
        "columns": [
            _describe_column(schema, header, field)
            for header, field in zip(table.header, table.fields, strict=True)
        ],
    }


def _describe_column(schema: Schema, header: str, field: str | None) -> FileColumn:
    if field is None:
        return {"header": header, "field": None, "unit": None}
    spelling = schema.spellings[field]
    return {"header": header, "field": spelling.column.name, "unit": spelling.unit}
