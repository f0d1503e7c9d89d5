"""Tables of records: CSV files, checked against a study's schema before anyone uses them.

What is wrong is said by row, line and column, all of it at once, and nothing is dropped.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentation.datasets.addresses import explain_file_errors
from segmentation.errors import DataError, InvalidRecordsError, Problem
from segmentation.schema import Column, Record, RecordValidator, Schema
from segmentation.schema.column_values import parse_text
from segmentation.schema.separators import separator_of

MOST_REASONS = 20


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
    """

    name: str
    sha256: str
    records: list[Record]

    def column(self, name: str) -> list[Any]:
        """Return the values of one column, None where missing."""
        return [record.get(name) for record in self.records]


def read_table(path: Path, schema: Schema) -> RecordTable:
    """Read and check a CSV file.

    Parameters
    ----------
    path : Path
        UTF-8 text with or without a byte order mark, plain or packed by gzip (``.gz``); comma,
        semicolon or tab between cells;
        headers under any of the schema's spellings.
    schema : Schema
        What a row must be. Every column that the model needs must be there.

    Returns
    -------
    Table

    Raises
    ------
    DataError
        If the file can't be read, isn't such a table, or any row isn't valid.
    """
    with explain_file_errors(path):
        content = path.read_bytes()
    lines = _decode(path, content)
    header, rows = _cells(path, lines, schema)
    columns = _columns(path, header, schema)
    records = [
        {
            name: parse_text(column, cell)
            for name, column, cell in zip(header, columns, row, strict=True)
        }
        for _, row in rows
    ]
    line_numbers = [line for line, _ in rows]
    valid = _validated(path, records, line_numbers, schema)
    _check_target(path, valid, line_numbers, schema)
    _check_identifiers(path, valid, line_numbers, schema)
    return RecordTable(path.name, hashlib.sha256(content).hexdigest(), valid)


def _unpacked(path: Path, content: bytes) -> bytes:
    """Unpack what gzip has packed, as the original of the household panel is."""
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        raise DataError(str(path), ["is not a whole gzip file"]) from None


def _decode(path: Path, content: bytes) -> str:
    content = _unpacked(path, content)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(str(path), [f"line {line} is not UTF-8 text"]) from None
    if not text.strip():
        raise DataError(str(path), ["is empty"])
    return text


def _cells(path: Path, text: str, schema: Schema) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Split into header and numbered rows, by the separator that makes most headers known."""
    separator = separator_of(text.splitlines()[:1], schema.spellings.__contains__)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [name.strip() for name in next(reader)]
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise DataError(str(path), [f"line {reader.line_num}: {error}"]) from None
    uneven = [
        f"row {number} (line {line}): has {len(row)} cells, the header has {len(header)}"
        for number, (line, row) in enumerate(rows, start=1)
        if len(row) != len(header)
    ]
    _refuse(path, uneven)
    if not rows:
        raise DataError(str(path), ["has a header but no rows"])
    return header, rows


def _columns(path: Path, header: Sequence[str], schema: Schema) -> list[Column]:
    reasons = [f"unknown column {name!r}" for name in header if name not in schema.spellings]
    counts = Counter(header)
    reasons += [
        f"column {name!r} stands there {count} times" for name, count in counts.items() if count > 1
    ]
    names_present = {
        schema.spellings[name].column.name for name in header if name in schema.spellings
    }
    needed = [column for column in schema.columns if column.role in ("feature", "target")]
    derived = {
        rule.column for rule in schema.derived if names_present.intersection(rule.largest_of)
    }
    reasons += [
        f"missing column {column.title!r}"
        for column in needed
        if column.name not in names_present | derived
    ]
    _refuse(path, reasons)
    return [schema.spellings[name].column for name in header]


def _validated(
    path: Path, records: list[Record], lines: Sequence[int], schema: Schema
) -> list[Record]:
    try:
        valid = RecordValidator(schema, with_target=True).validate(records)
    except InvalidRecordsError as error:
        reasons = [f"{_cell(problem, lines)}: {problem.message}" for problem in error.problems]
        raise DataError(str(path), _shortened(reasons)) from None
    for column in schema.categories:
        for record in valid:
            value = record.get(column.name)
            record[column.name] = value and (column.known_category(value) or value)
    return valid


def _check_target(path: Path, records: list[Record], lines: Sequence[int], schema: Schema) -> None:
    if schema.target is None:
        return
    labels = [record.get(schema.target.name) for record in records]
    _refuse(
        path,
        [
            f"{_place(row, lines)}, column {schema.target.title!r}: is missing"
            for row, label in enumerate(labels)
            if label is None
        ],
    )
    if len(set(labels)) < 2:  # noqa: PLR2004  # nothing can be told apart in one class
        raise DataError(str(path), [f"column {schema.target.title!r} has fewer than 2 classes"])


def _check_identifiers(
    path: Path, records: list[Record], lines: Sequence[int], schema: Schema
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
    _refuse(path, reasons)


def _cell(problem: Problem, lines: Sequence[int]) -> str:
    column = f", column {problem.field!r}" if problem.field else ""
    return f"{_place(problem.row, lines)}{column}"


def _place(row: int, lines: Sequence[int]) -> str:
    return f"row {row + 1} (line {lines[row]})"


def _refuse(path: Path, reasons: Sequence[str]) -> None:
    if reasons:
        raise DataError(str(path), _shortened(reasons))


def _shortened(reasons: Sequence[str]) -> list[str]:
    more = len(reasons) - MOST_REASONS
    return [*reasons[:MOST_REASONS], *([f"and {more} more"] if more > 0 else [])]
