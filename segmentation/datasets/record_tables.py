"""Tables of records, checked against a study's schema before anyone uses them.

What is wrong is said by row, line and column, all of it at once, and nothing is dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentation.errors import DataError, FileError, InvalidRecordsError, MappingError, Problem
from segmentation.schema import Record, RecordValidator, Schema
from segmentation.tables.addresses import open_local
from segmentation.tables.likely_units import explain_units
from segmentation.tables.missing_columns import describe_missing
from segmentation.tables.open_table import TableOptions
from segmentation.tables.typed_table import TypedTable, open_typed_table
from segmentation.tables.unpacking import UnpackingLimits

MOST_REASONS = 20
# Whoever names a path has the machine: limits only end what would take all of it.
FROM_PATH = TableOptions(limits=UnpackingLimits(n_bytes=1 << 36, ratio=5_000, n_cells=100_000_000))


@dataclass(frozen=True)
class RecordTable:
    """A table that a study accepts.

    Attributes
    ----------
    name : str
        File name, for the manifest; no folder.
    sha256 : str
        Digest of the file.
    records : list of dict
        One canonical record per row, target included.
    ignored : tuple of str
        Headers of the columns that are no field of the study, and were left out.
    """

    name: str
    sha256: str
    records: list[Record]
    ignored: tuple[str, ...] = ()

    def column(self, name: str) -> list[Any]:
        """Return the values of one column, None where missing."""
        return [record.get(name) for record in self.records]


def read_table(
    source: str | Path,
    schema: Schema,
    options: TableOptions = FROM_PATH,
) -> RecordTable:
    """Read and check a table, as files to be scored are read.

    Parameters
    ----------
    source : str or Path
        CSV, a workbook or Parquet, maybe packed by gzip or zip: a path or ``s3://bucket/key``.
    schema : Schema
        What a row must be. Every column that the model needs must be there; columns that it does
        not know are left out.
    options : TableOptions, optional
        Where headers don't say the fields, or the table does not prove its conventions.

    Returns
    -------
    RecordTable

    Raises
    ------
    DataError
        If the file can't be read, isn't such a table, or any row isn't valid.
    """
    with open_local(source) as path, path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        try:
            with open_typed_table(file, schema, options, with_target=True) as table:
                _check_columns(source, table, schema)
                records, lines = _read_records(source, table)
        except (FileError, MappingError) as error:
            raise DataError(str(source), [str(error)]) from None
    valid = _validated(source, records, lines, schema, _headers(table))
    _check_target(source, valid, lines, schema)
    _check_identifiers(source, valid, lines, schema)
    ignored = (
        name.strip() for name, field in zip(table.header, table.fields, strict=True) if not field
    )
    return RecordTable(Path(str(source)).name, sha256, valid, tuple(ignored))


def _read_records(source: str | Path, table: TypedTable) -> tuple[list[Record], list[int]]:
    """Return the values of all rows by field, and the lines in which they begin.

    Raises
    ------
    DataError
        With every cell that would be read wrongly, and every row of another width.
    """
    records: list[Record] = []
    lines: list[int] = []
    reasons: list[str] = []
    headers, fields = _headers(table), [column.field for column in table.columns]
    for chunk in table.chunks():
        n_before = len(lines)
        lines += chunk.rows.lines
        reasons += [
            f"{_place(n_before + position, lines)}: has {len(cells)} cells, the header has"
            f" {len(table.header)}"
            for position, cells in chunk.rows.uneven.items()
        ]
        reasons += [
            f"{_place(n_before + position, lines)}, column {headers[field]!r}: {fault.message}"
            for position, faults in chunk.faults.items()
            for field, fault in faults
        ]
        rows = zip(*chunk.values.values(), strict=True)
        records += [dict(zip(fields, row, strict=True)) for row in rows]
    _refuse(source, reasons)
    return records, lines


def _headers(table: TypedTable) -> dict[str, str]:
    """Return by field the header of its column, for the person who wrote the table."""
    return {column.field: table.header[column.position].strip() for column in table.columns}


def _check_columns(source: str | Path, table: TypedTable, schema: Schema) -> None:
    """Refuse columns that can't be told apart, and a table without a column that is needed."""
    if table.problem:
        raise FileError(table.problem)
    names_present = {column.column.name for column in table.columns}
    needed = [column.name for column in schema.columns if column.role in ("feature", "target")]
    known_names = names_present | schema.find_following(names_present)
    missing = [name for name in needed if name not in known_names]
    _refuse(source, describe_missing(table, schema, missing))


def _validated(
    source: str | Path,
    records: list[Record],
    lines: Sequence[int],
    schema: Schema,
    headers: Mapping[str, str],
) -> list[Record]:
    try:
        valid = RecordValidator(schema, with_target=True).validate(records)
    except InvalidRecordsError as error:
        reasons = [
            f"{_cell(problem, lines, headers)}: {problem.message}" for problem in error.problems
        ]
        explained = explain_units(schema, records, headers)
        raise DataError(str(source), [*explained, *_shortened(reasons)]) from None
    for column in schema.categories:
        for record in valid:
            value = record.get(column.name)
            record[column.name] = value and (column.known_category(value) or value)
    return valid


def _check_target(
    source: str | Path, records: list[Record], lines: Sequence[int], schema: Schema
) -> None:
    if schema.target is None:
        return
    labels = [record.get(schema.target.name) for record in records]
    _refuse(
        source,
        [
            f"{_place(row, lines)}, column {schema.target.title!r}: is missing"
            for row, label in enumerate(labels)
            if label is None
        ],
    )
    if len(set(labels)) < 2:  # noqa: PLR2004  # nothing can be told apart in one class
        raise DataError(str(source), [f"column {schema.target.title!r} has fewer than 2 classes"])


def _check_identifiers(
    source: str | Path, records: list[Record], lines: Sequence[int], schema: Schema
) -> None:
    if schema.identifier is None:
        return
    column = schema.identifier
    first: dict[Any, int] = {}
    reasons = []
    for row, record in enumerate(records):
        identifier = record.get(column.name)
        if identifier is None:
            continue
        if identifier in first:
            where = f"{_place(row, lines)}, column {column.title!r}"
            reasons.append(f"{where}: the same as in {_place(first[identifier], lines)}")
        else:
            first[identifier] = row
    _refuse(source, reasons)


def _cell(problem: Problem, lines: Sequence[int], headers: Mapping[str, str]) -> str:
    field = str(problem.field)
    column = f", column {headers.get(field, field)!r}" if problem.field else ""
    return f"{_place(problem.row, lines)}{column}"


def _place(row: int, lines: Sequence[int]) -> str:
    return f"row {row + 1} (line {lines[row]})"


def _refuse(source: str | Path, reasons: Sequence[str]) -> None:
    if reasons:
        raise DataError(str(source), _shortened(reasons))


def _shortened(reasons: Sequence[str]) -> list[str]:
    more = len(reasons) - MOST_REASONS
    return [*reasons[:MOST_REASONS], *([f"and {more} more"] if more > 0 else [])]
