"""Looks at a file, or at its beginning, before it is scored: how it would be read and answered."""

from __future__ import annotations

from collections import Counter
from itertools import chain, islice
from typing import IO

from typing_extensions import TypedDict

from segmentation.batch.file_scoring import ScoredRow, score_chunk
from segmentation.batch.record_file import FileCard, RecordFile, add_known_tables
from segmentation.runtime import Model
from segmentation.runtime.known_tables import KnownTables
from segmentation.tables.open_table import TableOptions
from segmentation.tables.typed_table import TypedTable, open_typed_table

# Rows that a preview shows, and that it answers to find out how many would be refused.
SHOWN_ROWS = 5
TRIED_ROWS = 100
_CHARACTERS = 1 << 20
_MOST_REASONS = 5


class PreviewRow(TypedDict):
    """A row as it stands in a file."""

    line: int
    cells: list[str]


class Refusal(TypedDict):
    """Why rows would be refused, and how many; the header of the column, None for the row."""

    field: str | None
    message: str
    n_rows: int


class Trial(TypedDict):
    """What became of the first rows: how many were tried and refused, the commonest reasons."""

    n_rows: int
    n_refused: int
    reasons: list[Refusal]


class Preview(FileCard):
    """How a file would be read; ``problem`` says why it would not be scored like that."""

    problem: str | None
    missing: list[str]
    rows: list[PreviewRow]
    tried: Trial


def preview(
    stream: IO[bytes],
    model: Model,
    options: TableOptions | None = None,
    known_tables: KnownTables | None = None,
    *,
    cut: bool = False,
) -> Preview:
    """Look at a file, or at its beginning, and answer nothing.

    Parameters
    ----------
    stream, options, known_tables
        As for `open_record_file`.
    model : Model
    cut : bool, optional
        Whether the stream is only the beginning of the file; nobody knows then how many rows
        there are, and what is not whole at its end is left out.

    Raises
    ------
    FileError
        If it can't be read. Columns that can't be told apart are no such reason.
    MappingError
        If what is mapped can't be had.
    """
    schema = model.manifest.record
    options = add_known_tables(options, known_tables)
    with open_typed_table(stream, schema, options, cut=cut) as table:
        file = RecordFile(table, schema, known_tables.study if known_tables else None)
        read_names = {column.column.name for column in table.columns}
        return {
            **file.card,
            "n_rows": None if cut else table.n_rows,
            "problem": table.problem,
            "missing": [column.name for column in schema.sendable if column.name not in read_names],
            "rows": _first_rows(table),
            "tried": _try_rows(model, file),
        }


def _first_rows(table: TypedTable) -> list[PreviewRow]:
    for chunk in table.raw_chunks(SHOWN_ROWS, _CHARACTERS):
        return [
            {"line": line, "cells": cells}
            for line, cells in zip(chunk.lines, chunk.rows(), strict=True)
        ]
    return []


def _try_rows(model: Model, file: RecordFile) -> Trial:
    rows: list[ScoredRow] = []
    if file.table.problem is None:
        for chunk in islice(file.table.chunks(TRIED_ROWS, _CHARACTERS), 1):
            rows += chain.from_iterable(score_chunk(model, file, chunk, 0))
    refused = [row for row in rows if row.problems]
    reasons = Counter(
        (None if problem.field is None else str(problem.field), problem.message)
        for row in refused
        for problem in row.problems[:1]
    )
    return {
        "n_rows": len(rows),
        "n_refused": len(refused),
        "reasons": [
            {"field": field, "message": message, "n_rows": count}
            for (field, message), count in reasons.most_common(_MOST_REASONS)
        ],
    }
