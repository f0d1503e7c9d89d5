"""Files of records, opened: how they were read, and which field each of their columns holds.

Everything that can be wrong with a file as a whole is found here, before its first row is given, so
that an answer can be on its way while the rest is still read. What cells mean is in ``scoring``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO

from typing_extensions import TypedDict

from segmentation.batch.column_mapping import ColumnMapping, MatchedHeader
from segmentation.batch.csv_table import CsvTable
from segmentation.errors import FileError
from segmentation.runtime.known_tables import KnownTables
from segmentation.runtime.record_warnings import RecordWarning
from segmentation.runtime.unknown_field_warnings import warn_of_missing
from segmentation.schema import Column, Schema

# Rows that a preview shows.
SHOWN_ROWS = 5


class FileColumn(TypedDict):
    """A column of a file: the field that it holds and in which unit; None if it isn't read.

    ``nearest`` is the field whose name is nearest to one that isn't known.
    """

    header: str
    field: str | None
    unit: str | None
    nearest: str | None


class FileCard(TypedDict):
    """How a file was read. The mark is empty if its numbers show none; rows are without blanks.

    ``missing_defining`` are the fields that make a row complete and are in no column; ``warnings``
    are about the file as a whole, and with every answer.
    """

    encoding: str
    separator: str
    decimal_mark: str
    n_rows: int | None
    columns: list[FileColumn]
    missing_defining: list[str]
    warnings: list[RecordWarning]


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
    mapping : mapping of str to str, optional
        See `ColumnMapping`.
    known_tables : KnownTables, optional
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
    missing : tuple of Column
        Those that make a row complete and are in no column.
    warnings : list
        About the file as a whole; they go with every answer.

    Raises
    ------
    FileError
        If nothing of it can be scored.
    MappingError
        If what is wanted can't be had.
    """

    def __init__(
        self,
        stream: IO[bytes],
        schema: Schema,
        mapping: Mapping[str, str] | None = None,
        *,
        known_tables: KnownTables | None = None,
    ) -> None:
        column_mapping = ColumnMapping(schema, mapping or {}, known_tables)
        super().__init__(stream, column_mapping.is_known)
        self._read_header = _ReadHeader.read(column_mapping, self.header, schema)
        self.fields = self._read_header.matched.fields
        self.missing = self._read_header.matched.missing
        self.warnings = self._read_header.warnings
        self.columns = _columns(schema, self.fields)
        self.decimals = self.decimals_in(_numeric(self.columns))
        self.n_rows = sum(1 for _ in self.rows())
        if self._read_header.matched.problem:
            raise FileError(self._read_header.matched.problem)
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
        return _card(self, self._read_header, self.decimals.mark, self.n_rows)


def preview(
    stream: IO[bytes],
    schema: Schema,
    mapping: Mapping[str, str] | None = None,
    *,
    cut: bool = False,
    known_tables: KnownTables | None = None,
) -> Preview:
    """Look at a file, or at its beginning, without answering anything.

    Parameters
    ----------
    stream, schema, mapping, known_tables
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
    column_mapping = ColumnMapping(schema, mapping or {}, known_tables)
    table = CsvTable(stream, column_mapping.is_known, cut=cut)
    read_header = _ReadHeader.read(column_mapping, table.header, schema)
    columns = _columns(schema, read_header.matched.fields)
    decimals = table.decimals_in(_numeric(columns))
    n_rows = None if cut else sum(1 for _ in table.rows())
    if n_rows == 0:
        raise FileError("The file has a header but no rows.")
    read_names = {column.name for _, _, column in columns}
    return {
        **_card(table, read_header, decimals.mark, n_rows),
        "problem": read_header.matched.problem,
        "missing": [column.name for column in schema.sendable if column.name not in read_names],
        "rows": [
            {"line": row.line, "cells": row.cells} for row in islice(table.rows(), SHOWN_ROWS)
        ],
    }


@dataclass(frozen=True)
class _ReadHeader:
    """What is said about the header of a file."""

    matched: MatchedHeader
    columns: list[FileColumn]
    warnings: list[RecordWarning]

    @classmethod
    def read(
        cls,
        column_mapping: ColumnMapping,
        header: Sequence[str],
        schema: Schema,
    ) -> _ReadHeader:
        matched = column_mapping.match(header)
        nearest = column_mapping.nearest(matched)
        columns = [
            _column(schema, *cells) for cells in zip(header, matched.fields, nearest, strict=True)
        ]
        unknown = column_mapping.describe_unknown(matched)
        warned = bool(unknown.missing) and not matched.problem
        warnings = (
            [warn_of_missing(unknown, column_mapping.study, matched.advice)] if warned else []
        )
        return cls(matched, columns, warnings)


def _columns(schema: Schema, fields: list[str | None]) -> list[tuple[int, str, Column]]:
    return [
        (position, field, schema.spellings[field].column)
        for position, field in enumerate(fields)
        if field
    ]


def _numeric(columns: list[tuple[int, str, Column]]) -> list[int]:
    return [position for position, _, column in columns if column.numeric]


def _card(table: CsvTable, read_header: _ReadHeader, mark: str, n_rows: int | None) -> FileCard:
    return {
        "encoding": table.encoding,
        "separator": table.separator,
        "decimal_mark": mark,
        "n_rows": n_rows,
        "columns": read_header.columns,
        "missing_defining": [column.name for column in read_header.matched.missing],
        "warnings": read_header.warnings,
    }


def _column(schema: Schema, header: str, field: str | None, nearest: str | None) -> FileColumn:
    if field is None:
        return {"header": header, "field": None, "unit": None, "nearest": nearest}
    spelling = schema.spellings[field]
    return {
        "header": header,
        "field": spelling.column.name,
        "unit": spelling.unit,
        "nearest": None,
    }
