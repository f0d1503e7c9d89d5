"""Answers for the rows of a file, piece by piece; a bad row has problems instead, and alone.

What a valid record is, the model decides as it does for JSON.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from segmentation.batch.csv_table import Row
from segmentation.batch.decimal_marks import AMBIGUOUS, AmbiguousError
from segmentation.batch.record_file import RecordFile
from segmentation.errors import InvalidRecordsError, Problem
from segmentation.runtime import Model
from segmentation.runtime.answers import Answer
from segmentation.runtime.reasons import Reason
from segmentation.schema import Record
from segmentation.schema.column_values import parse_text

# Seconds between two pieces, in which threads that answer single records get their turn. Python
# itself would let them wait for 5 ms, several times in each request.
_PAUSE = 0.0001
# By position in a piece.
_Records = dict[int, Record]
_Problems = defaultdict[int, list[Problem]]


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """A row of a file with its answer, or with what is wrong with it.

    Attributes
    ----------
    line : int
        The line of the file in which it begins.
    cells : list of str
        As they stand there.
    answer : dict or None
    problems : sequence of Problem
        Empty if there is an answer. Fields are the file's headers, rows count from 0.
    reasons : sequence of Reason
        Which answers suit the segment.
    """

    line: int
    cells: list[str]
    answer: Answer | None
    problems: Sequence[Problem]
    reasons: Sequence[Reason] = ()


def score(model: Model, file: RecordFile) -> Iterator[list[ScoredRow]]:
    """Answer the rows of a file, in their order.

    Parameters
    ----------
    model : Model
    file : RecordFile
        Opened with the schema of the model's records.
    """
    n_before, reasons = 0, model.reasons
    for rows in file.chunks():
        problems: _Problems = defaultdict(list)
        records = _records(file, rows, problems)
        answers = _answers(model, records, problems)
        if file.warnings:
            for answer in answers.values():
                answer["warnings"] = [*file.warnings, *answer["warnings"]]
        headers = {field: file.header[place] for place, field, _ in file.columns}
        yield [
            ScoredRow(
                row.line,
                row.cells,
                answers.get(position),
                [
                    replace(problem, row=n_before + position, field=headers.get(str(problem.field)))
                    for problem in problems.get(position, ())
                ],
                reasons.find(records[position], answers[position]) if position in answers else (),
            )
            for position, row in enumerate(rows)
        ]
        n_before += len(rows)
        time.sleep(_PAUSE)


def _records(file: RecordFile, rows: Sequence[Row], problems: _Problems) -> _Records:
    """Return the values of rows by field, and note what can't be any."""
    records: _Records = {}
    n_columns = len(file.header)
    for position, (_, cells) in enumerate(rows):
        # Empty cells beyond the last column are what spreadsheets leave of deleted ones.
        if len(cells) < n_columns or any(cells[n_columns:]):
            s = "s" * (len(cells) != 1)
            message = f"has {len(cells)} cell{s}, the header has {n_columns}"
            problems[position].append(Problem(position, None, "cells", message))
        else:
            records[position] = _record(file, position, cells, problems)
    return records


def _record(file: RecordFile, position: int, cells: Sequence[str], problems: _Problems) -> Record:
    record: Record = {}
    parse_number = file.decimals.parse
    for place, field, column in file.columns:
        cell = cells[place]
        try:
            record[field] = (parse_number if column.numeric else parse_text)(column, cell)
        except AmbiguousError:
            # Left as it is, it is refused along with what else is wrong with the row.
            record[field] = cell
            problems[position].append(Problem(position, field, "ambiguous", AMBIGUOUS))
    return record


def _answers(model: Model, records: _Records, problems: _Problems) -> dict[int, Answer]:
    """Return the answers to the records without problems, and note those of the others.

    The records become canonical.

    The model answers all or none: what it refuses is taken out, and the rest asked for again.
    """
    while True:
        positions = list(records)
        try:
            checked = model.check(list(records.values()))
        except InvalidRecordsError as error:
            for problem in error.problems:
                position = positions[problem.row]
                records.pop(position, None)
                if all(problem.field != earlier.field for earlier in problems[position]):
                    problems[position].append(problem)
        else:
            records.update(zip(positions, checked, strict=True))
            answers = (answer for chunk in model.answer(checked) for answer in chunk)
            return dict(zip(positions, answers, strict=True))
