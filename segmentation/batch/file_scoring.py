"""Answers for the rows of a file, piece by piece; a bad row has problems instead, and alone.

What a valid record is, the model decides as it does for JSON.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from segmentation.batch.record_file import RecordFile
from segmentation.errors import InvalidRecordsError, Problem
from segmentation.runtime import Model
from segmentation.runtime.answers import Answer
from segmentation.runtime.reasons import Reason
from segmentation.schema import Record
from segmentation.tables.typed_table import TypedChunk, TypedTable

# By position in a piece.
Records = dict[int, Record]
Problems = defaultdict[int, list[Problem]]


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


def score_rows(model: Model, file: RecordFile) -> Generator[list[ScoredRow], None, None]:
    """Answer the rows of a file, in their order.

    Parameters
    ----------
    model : Model
    file : RecordFile
        Opened with the schema of the model's records.
    """
    n_before = 0
    for chunk in file.chunks():
        yield score_chunk(model, file, chunk, n_before)
        n_before += len(chunk.rows.lines)


def score_chunk(
    model: Model, file: RecordFile, chunk: TypedChunk, n_before: int
) -> list[ScoredRow]:
    """Answer the rows of a chunk, before which there are `n_before` others."""
    problems: Problems = defaultdict(list)
    table = file.table
    records = _records(table, chunk, problems)
    headers = {column.field: table.header[column.position] for column in table.columns}
    answers = answer_records(model, records, problems)
    for answer in answers.values() if file.warnings else ():
        answer["warnings"] = [*file.warnings, *answer["warnings"]]
    return [
        ScoredRow(
            line,
            cells,
            answers.get(position),
            [
                replace(problem, row=n_before + position, field=headers.get(str(problem.field)))
                for problem in problems.get(position, ())
            ],
            model.reasons.find(records[position], answers[position]) if position in answers else (),
        )
        for position, (line, cells) in enumerate(
            zip(chunk.rows.lines, chunk.rows.rows(), strict=True)
        )
    ]


def _records(table: TypedTable, chunk: TypedChunk, problems: Problems) -> Records:
    """Return the values of rows by field, and note what can't be any."""
    for position, cells in chunk.rows.uneven.items():
        n_cells = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
        message = f"has {n_cells}, the header has {len(table.header)}"
        problems[position].append(Problem(position, None, "cells", message))
    for position, faults in chunk.faults.items():
        if position not in chunk.rows.uneven:
            problems[position] += [
                Problem(position, field, fault.code, fault.message) for field, fault in faults
            ]
    fields = list(chunk.values)
    return {
        position: dict(zip(fields, values, strict=True))
        for position, values in enumerate(zip(*chunk.values.values(), strict=True))
        if position not in chunk.rows.uneven
    }


def answer_records(model: Model, records: Records, problems: Problems) -> dict[int, Answer]:
    """Return the answers to the records without problems, and note those of the others.

    The model answers all or none: what it refuses is taken out, and the rest asked for again.

    Parameters
    ----------
    model : Model
    records : dict of int to dict
        By position; they become canonical, and those that can't be answered are taken out.
    problems : defaultdict of int to list of Problem
        By position: what is wrong already, to which more is added.
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
            for position in [position for position in positions if problems.get(position)]:
                del records[position]  # valid, but for a cell that would be read wrongly
            answers = (answer for chunk in model.answer(list(records.values())) for answer in chunk)
            return dict(zip(records, answers, strict=True))
