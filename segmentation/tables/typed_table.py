"""A table read by a schema: which field each column holds, and the values of its cells.

The first pass over the table looks at all cells and decides, column by column, how numbers and
dates are written. The second yields values, in columns. Whether a value is a valid answer is left
to the schema's validator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from segmentation.errors import FileError
from segmentation.schema import Column, Schema
from segmentation.tables.cell_readers import (
    Fault,
    NumberReader,
    TimeReader,
    make_reader,
)
from segmentation.tables.column_mapping import ColumnMapping
from segmentation.tables.dates import UnprovedDatesError
from segmentation.tables.open_table import TableOptions, open_table
from segmentation.tables.rows import Chunk, Table

# Rows, and about as many characters, that are in memory at a time in the first pass.
_ROWS = 2_048
_CHARACTERS = 1 << 20


@dataclass(frozen=True)
class TypedColumn:
    """A column of a table that holds a field.

    Attributes
    ----------
    position : int
        In the table.
    field : str
        The field, by a spelling of the schema: values are in its unit.
    column : Column
        What the schema says about the field.
    """

    position: int
    field: str
    column: Column


@dataclass(frozen=True, slots=True)
class TypedChunk:
    """Some rows of a table, in columns, with the values of their cells.

    Attributes
    ----------
    rows : Chunk
        As they stand in the table.
    values : mapping of str to list
        By field, a value for each row: number, text, integer or None; a cell that is no value of
        its column's kind is text.
    faults : mapping of int to list of (str, Fault)
        By position of the row, the fields whose cells would be read wrongly.
    """

    rows: Chunk
    values: Mapping[str, list[Any]]
    faults: Mapping[int, list[tuple[str, Fault]]]


class TypedTable:
    """A table whose columns are the fields of a schema.

    Parameters
    ----------
    table : Table
    schema : Schema
    mapping : ColumnMapping
        Finds the fields in the header.
    options : TableOptions

    Attributes
    ----------
    header : list of str
        As it stands there.
    mapping : ColumnMapping
        What finds the fields.
    matched : MatchedHeader
        What it has found.
    fields : list of str or None
        The field that each column holds; None where it is not read.
    columns : list of TypedColumn
        Those that hold a field.
    layout : Layout
        How the table was read.
    n_rows : int
        Without those that are blank or repeat the header.
    problem : str or None
        Why values cannot be read, if they can't: columns that can't be told apart, or dates whose
        order is not proved.

    Raises
    ------
    FileError
        If the table cannot be read to its end.
    MappingError
        If what the caller maps can't be had.
    """

    def __init__(
        self, table: Table, schema: Schema, mapping: ColumnMapping, options: TableOptions
    ) -> None:
        self._table = table
        self.header, self.layout = table.header, table.layout
        self.mapping, self.matched = mapping, mapping.match(table.header)
        self.fields = self.matched.fields
        self.columns = [
            TypedColumn(position, field, schema.spellings[field].column)
            for position, field in enumerate(self.fields)
            if field
        ]
        self._readers = [make_reader(column.column, options.dates) for column in self.columns]
        self.n_rows = self._look()
        self.problem = " ".join([*filter(None, [self.matched.problem]), *self._decide()]) or None

    @property
    def decimal_mark(self) -> str:
        """The one decimal mark that the table's cells prove; empty if there is none or both."""
        marks = self._marks()
        if len(marks) == 1:
            return next(iter(marks))
        return "." if not marks and self._table.layout.separator == "," else ""

    def chunks(
        self, n_rows: int = _ROWS, most_characters: int = _CHARACTERS
    ) -> Iterator[TypedChunk]:
        """Yield the rows with their values, so many at a time, and fewer of long ones.

        Raises
        ------
        FileError
            If there is a `problem`.
        """
        if self.problem:
            raise FileError(self.problem)
        for chunk in self._table.chunks(n_rows, most_characters):
            yield self._read(chunk)

    def raw_chunks(self, n_rows: int, most_characters: int) -> Iterator[Chunk]:
        """Yield the rows as they stand in the table; see `Table.chunks`."""
        return self._table.chunks(n_rows, most_characters)

    def _look(self) -> int:
        n_rows = 0
        for chunk in self._table.chunks(_ROWS, _CHARACTERS):
            n_rows += len(chunk.lines)
            for column, reader in zip(self.columns, self._readers, strict=True):
                reader.look(chunk.columns[column.position], chunk.lines)
        return n_rows

    def _decide(self) -> list[str]:
        """Decide how numbers and dates are written, and return what the cells don't prove."""
        problems, marks = [], self._marks()
        for column, reader in zip(self.columns, self._readers, strict=True):
            if isinstance(reader, NumberReader):
                reader.decide(marks, self._table.layout.separator)
            elif isinstance(reader, TimeReader):
                try:
                    reader.decide()
                except UnprovedDatesError as error:
                    header = self.header[column.position].strip()
                    problems.append(f"The column '{header}' {error}.")
        return problems

    def _marks(self) -> set[str]:
        readers = (reader for reader in self._readers if isinstance(reader, NumberReader))
        return {mark for reader in readers for mark in reader.marks}

    def _read(self, chunk: Chunk) -> TypedChunk:
        values: dict[str, list[Any]] = {}
        faults: defaultdict[int, list[tuple[str, Fault]]] = defaultdict(list)
        for column, reader in zip(self.columns, self._readers, strict=True):
            column_faults: list[Fault] = []
            values[column.field] = reader.read(chunk.columns[column.position], column_faults)
            for fault in column_faults:
                faults[fault.position].append((column.field, fault))
        return TypedChunk(chunk, values, faults)


@contextmanager
def open_typed_table(
    stream: IO[bytes],
    schema: Schema,
    options: TableOptions | None = None,
    *,
    with_target: bool = False,
    cut: bool = False,
) -> Iterator[TypedTable]:
    """Give a table read by a schema until the block ends.

    Parameters
    ----------
    stream : binary file
        See `open_table`.
    schema : Schema
    options : TableOptions, optional
    with_target : bool, optional
        Whether the target is a field as well, as in training data.
    cut : bool, optional
        Whether the stream is only the beginning of a file.

    Raises
    ------
    FileError
        If it is no table that can be read, or has no rows.
    MappingError
        If what is mapped can't be had.
    """
    options = options or TableOptions()
    columns = ColumnMapping(schema, options.mapping, options.recognise, with_target=with_target)
    with open_table(stream, columns.is_known, options, cut=cut) as table:
        typed = TypedTable(table, schema, columns, options)
        if not typed.n_rows and not cut:
            raise FileError("The file has a header but no rows.")
        yield typed
