"""Files of records, opened: how they were read, and which field each of their columns holds.

Everything that can be wrong with a file as a whole is found here, before its first row is given, so
that an answer can be on its way while the rest is still read. What cells mean is in ``scoring``.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import IO

from typing_extensions import TypedDict

from segmentation.batch.column_mapping import ColumnMapping
from segmentation.batch.csv_table import CsvTable
from segmentation.errors import FileError
from segmentation.schema import Column, Schema

# Rows that a preview shows.
SHOWN_ROWS = 5


class FileColumn(TypedDict):
    """A column of a file: the field that it holds and in which unit; None if it isn't read."""

    header: str
    field: str | None
    unit: str | None


class FileCard(TypedDict):
    """How a file was read. The mark is empty if its numbers show none; rows are without blanks."""

    encoding: str
    separator: str
    decimal_mark: str
    n_rows: int | None
    columns: list[FileColumn]


class PreviewRow(TypedDict):
    """A row as it stands in a file."""

    line: int
    cells: list[str]


class Preview(FileCard):
    """How a file would be read; ``problem`` says why it would not be scored like that."""

    problem: str | None
    missing: list[str]
    rows: list[PreviewRow]


class RecordFile(CsvTable):
    """A file of records that can be scored.

    Parameters
    ----------
    stream : binary file
        To be read more than once; stays open.
    schema : Schema
        What a record is.
    wanted : mapping of str to str, optional
        See `ColumnMapping`.

    Attributes
    ----------
    fields : list of str or None
        The field that each column holds; None where it is only passed on.
    columns : list of tuple
        Position, field and column of the schema, of those that are read.
    decimals : Decimals
        How numbers are written.
    n_rows : int
        Without blank lines.

    Raises
    ------
    FileError
        If nothing of it can be scored.
    MappingError
        If what is wanted can't be had.
    """

    def __init__(
        self, stream: IO[bytes], schema: Schema, mapping: Mapping[str, str] | None = None
    ) -> None:
        fields = ColumnMapping(schema, mapping or {})
        super().__init__(stream, fields.is_known)
        self._schema = schema
        self.fields = fields.of(self.header)
        self.columns = _columns(schema, self.fields)
        self.decimals = self.decimals_in(_numeric(self.columns))
        self.n_rows = sum(1 for _ in self.rows())
        if not self.n_rows:
            raise FileError("The file has a header but no rows.")

    @property
    def ignored(self) -> list[str]:
        """The headers of the columns that are passed on and not read."""
        pairs = zip(self.header, self.fields, strict=True)
        return [name for name, field in pairs if field is None]

    @property
    def card(self) -> FileCard:
        """How it was read."""
        return _card(self, self._schema, self.fields, self.decimals.mark, self.n_rows)


def preview(
    stream: IO[bytes],
    schema: Schema,
    mapping: Mapping[str, str] | None = None,
    *,
    cut: bool = False,
) -> Preview:
    """Look at a file, or at its beginning, without answering anything.

    Parameters
    ----------
    stream, schema, wanted
        As for `RecordFile`.
    cut : bool, optional
        Whether the stream is only the beginning of the file; nobody knows then how many rows
        there are, and what is not whole at its end is left out.

    Raises
    ------
    FileError
        If it can't be read. Columns that can't be told apart are no such reason.
    MappingError
        If what is wanted can't be had.
    """
    finder = ColumnMapping(schema, mapping or {})
    table = CsvTable(stream, finder.is_known, cut=cut)
    fields, problem = finder.match(table.header)
    columns = _columns(schema, fields)
    decimals = table.decimals_in(_numeric(columns))
    n_rows = None if cut else sum(1 for _ in table.rows())
    if n_rows == 0:
        raise FileError("The file has a header but no rows.")
    read_names = {column.name for _, _, column in columns}
    return {
        **_card(table, schema, fields, decimals.mark, n_rows),
        "problem": problem,
        "missing": [column.name for column in schema.sendable if column.name not in read_names],
        "rows": [
            {"line": row.line, "cells": row.cells} for row in islice(table.rows(), SHOWN_ROWS)
        ],
    }


def _columns(schema: Schema, fields: list[str | None]) -> list[tuple[int, str, Column]]:
    return [
        (position, field, schema.spellings[field].column)
        for position, field in enumerate(fields)
        if field
    ]


def _numeric(columns: list[tuple[int, str, Column]]) -> list[int]:
    return [position for position, _, column in columns if column.numeric]


def _card(
    table: CsvTable, schema: Schema, fields: list[str | None], mark: str, n_rows: int | None
) -> FileCard:
    return {
        "encoding": table.encoding,
        "separator": table.separator,
        "decimal_mark": mark,
        "n_rows": n_rows,
        "columns": [
            _column(schema, header, field)
            for header, field in zip(table.header, fields, strict=True)
        ],
    }


def _column(schema: Schema, header: str, field: str | None) -> FileColumn:
    if field is None:
        return {"header": header, "field": None, "unit": None}
    spelling = schema.spellings[field]
    return {"header": header, "field": spelling.column.name, "unit": spelling.unit}
