"""Scored files as JSON lines, for programs that show answers while they are made.

The first line says how the file was read; each further one has some rows and, in the same line,
the very text that the CSV file has for them; the last one says how many rows were answered. What is
in that text is in ``csv_writing``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import orjson
from typing_extensions import TypedDict

from segmentation.batch.csv_writing import CsvWriter
from segmentation.batch.file_scoring import ScoredRow
from segmentation.batch.order_card import LeftOut
from segmentation.batch.record_file import FileCard, RecordFile
from segmentation.runtime.reasons import Reason, runner_up
from segmentation.runtime.record_warnings import RecordWarning

# By which people know a row again; all cells are in the CSV text.
SHOWN_CELLS = 3
LONGEST_CELL = 100


class FirstLine(FileCard):
    """How the file was read, and the header of the CSV file."""

    csv: str


class RowProblem(TypedDict):
    """One thing wrong with a row: the header of the column, None if it is the row itself."""

    field: str | None
    code: str
    message: str


class AnsweredRow(TypedDict):
    """A row by its line and first cells, with its answer, or problems and nothing else.

    Long cells are cut; ``reasons`` are answers that suit the segment better than the runner-up.
    """

    line: int
    cells: list[str]
    segment: str | None
    confidence: float | None
    runner_up: str
    plausible: list[str]
    unsure: bool
    warnings: list[RecordWarning]
    reasons: list[Reason]
    problems: list[RowProblem]


class RowsLine(TypedDict):
    """Some rows, and the text of the CSV file for them."""

    rows: list[AnsweredRow]
    csv: str


class FileSummary(TypedDict):
    """How many rows were answered, and how many were refused: shares are of the answered ones.

    ``left_out`` are the lines of a file of orders that no answer knows of.
    """

    n_rows: int
    n_answered: int
    n_refused: int
    left_out: list[LeftOut]


class LastLine(TypedDict):
    """What became of all rows."""

    summary: FileSummary


def write_lines(file: RecordFile, scored: Iterable[Sequence[ScoredRow]]) -> Iterator[bytes]:
    """Write a file with its answers as JSON lines.

    Parameters
    ----------
    file : RecordFile
    scored : iterable of sequence of ScoredRow
        All of its rows, in order.
    """
    writer = CsvWriter(file)
    first: FirstLine = {**file.card, "csv": writer.header()}
    yield _line(first)
    n_rows = n_refused = 0
    for rows in scored:
        further: RowsLine = {"rows": [_row(row) for row in rows], "csv": writer.rows(rows)}
        yield _line(further)
        n_rows += len(rows)
        n_refused += sum(row.answer is None for row in rows)
    n_answered = n_rows - n_refused
    last: LastLine = {
        "summary": {
            "n_rows": n_rows,
            "n_answered": n_answered,
            "n_refused": n_refused,
            "left_out": file.orders["left_out"] if file.orders else [],
        }
    }
    yield _line(last)


def _line(content: FirstLine | RowsLine | LastLine) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


def _row(row: ScoredRow) -> AnsweredRow:
    answer = row.answer
    return {
        "line": row.line,
        "cells": [_short(cell) for cell in row.cells[:SHOWN_CELLS]],
        "segment": answer["segment"]["id"] if answer else None,
        "confidence": answer["confidence"] if answer else None,
        "runner_up": runner_up(answer) if answer else "",
        "plausible": answer["plausible"] if answer else [],
        "unsure": answer["unsure"] if answer else False,
        "warnings": answer["warnings"] if answer else [],
        "reasons": list(row.reasons),
        "problems": [
            {"field": None if problem.field is None else str(problem.field), "code": problem.code,
             "message": problem.message}
            for problem in row.problems
        ],
    }  # fmt: skip


def _short(cell: str) -> str:
    return cell if len(cell) <= LONGEST_CELL else f"{cell[: LONGEST_CELL - 1]}…"
