"""Looks at a file, or at its beginning, before it is scored: how it would be read and answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, islice
from typing import IO

from typing_extensions import TypedDict

from segmentation.artifact.manifest import PackedAggregation
from segmentation.batch.any_file import open_rows_or_orders
from segmentation.batch.file_scoring import ScoredRow, score_chunk
from segmentation.batch.order_card import LeftOut
from segmentation.batch.order_customers import LINES_TOGETHER, NoOrdersError, gather_customers
from segmentation.batch.order_file import (
    OrderFile,
    find_order_problem,
    list_missing,
    score_customers,
)
from segmentation.batch.record_file import FileCard, RecordFile
from segmentation.errors import FileError
from segmentation.runtime import Model
from segmentation.runtime.known_tables import KnownTables
from segmentation.tables.open_table import TableOptions
from segmentation.tables.typed_table import TypedTable

# Rows that a preview shows, and that it answers to find out how many would be refused.
SHOWN_ROWS = 5
TRIED_ROWS = 100
# Lines of orders of which a preview makes customers.
TRIED_LINES = LINES_TOGETHER
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
    """How a file would be read; ``problem`` says why it would not be scored like that.

    Of a file of orders, ``n_rows`` counts its lines, and ``orders`` is about the first of them.
    """

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
    manifest = model.manifest
    tables = known_tables or KnownTables(manifest)
    opened = open_rows_or_orders(stream, manifest, options or TableOptions(), tables, cut=cut)
    with opened as (table, packed):
        n_rows = None if cut else table.n_rows
        if packed is not None:
            return {**_preview_orders(model, table, packed), "n_rows": n_rows}
        schema = manifest.record
        file = RecordFile(table, schema, known_tables.study if known_tables else None)
        read_names = {column.column.name for column in table.columns}
        return {
            **file.card,
            "n_rows": n_rows,
            "problem": table.problem,
            "missing": [column.name for column in schema.sendable if column.name not in read_names],
            "rows": _first_rows(table),
            "tried": _try_rows(model, file),
        }


def _preview_orders(model: Model, table: TypedTable, packed: PackedAggregation) -> Preview:
    """Look at the first lines of orders, and make customers of them."""
    problem = find_order_problem(table, packed)
    file = OrderFile(table, packed, None)
    described: Preview = {
        **file.card,
        "problem": problem,
        "missing": list_missing(table, packed),
        "rows": _first_rows(table),
        "tried": _count_refusals([]),
    }
    if problem:
        return described
    identifier = model.manifest.record.identifier
    key = identifier.name if identifier else ""
    try:
        with gather_customers(table, packed, key, most_lines=TRIED_LINES) as customers:
            file = OrderFile(table, packed, customers)
            rows = chain.from_iterable(score_customers(model, file))
            tried = _count_refusals(list(islice(rows, TRIED_ROWS)))
            return {**described, "orders": file.orders, "tried": tried}
    except NoOrdersError as error:
        # Lines further down may count: an export that is sorted begins with those of nobody.
        return {**described, "tried": _count_left_out(error.left_out)}
    except FileError as error:
        return {**described, "problem": str(error)}


def _count_left_out(left_out: list[LeftOut]) -> Trial:
    """Return what became of the first lines where none of them counts."""
    n_lines = sum(item["n_lines"] for item in left_out)
    reasons: list[Refusal] = [
        {"field": None, "message": f"is left out: {item['message']}", "n_rows": item["n_lines"]}
        for item in left_out
    ]
    return {"n_rows": n_lines, "n_refused": n_lines, "reasons": reasons}


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
            rows += score_chunk(model, file, chunk, 0)
    return _count_refusals(rows)


def _count_refusals(rows: Sequence[ScoredRow]) -> Trial:
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
