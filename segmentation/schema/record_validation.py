"""Checks records against a schema: every sender's spelling in, canonical records out.

The record model is made from the schema by pydantic, so a column is stated once. Reading JSON or
CSV comes before; building arrays comes after.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from segmentation.errors import InvalidRecordsError, Problem
from segmentation.schema.column_values import record_model
from segmentation.schema.columns import LONGEST_TEXT, Column, Record, Schema, Spelling

# Senders use a handful of key orders; a hostile one must not make this grow.
_MOST_LAYOUTS = 256
# Records that are checked at a time.
_CHUNK = 1024

_CODES = {
    "float_type": "type",
    "string_type": "type",
    "int_type": "type",
    "value_error": "type",
    "string_too_short": "length",
    "string_too_long": "length",
    "string_pattern_mismatch": "type",
}


class RecordValidator:
    """Turns records as sent into canonical ones, or says everything that is wrong with them.

    Parameters
    ----------
    schema : Schema
        What a record is.
    with_target : bool, default=False
        Whether records hold the target as well, as training data do.
    """

    def __init__(self, schema: Schema, *, with_target: bool = False) -> None:
        columns = schema.columns if with_target else schema.sendable
        self._columns = {column.name: column for column in columns}
        self._spellings = {
            name: spelling
            for name, spelling in schema.spellings.items()
            if spelling.column.name in self._columns
        }
        self._features = tuple(column.name for column in schema.features)
        self._derive = schema.derive if schema.derived else None
        model = record_model(columns)
        self._one: TypeAdapter[Record] = TypeAdapter(model)
        self._many: TypeAdapter[list[Record]] = TypeAdapter(list[model])  # type: ignore[valid-type]
        self._texts = tuple(column.name for column in columns if not column.numeric)
        self._canonical: set[tuple[str, ...]] = set()

    def read_plain(self, body: bytes, most: int) -> list[Record] | None:
        """Decode and check a JSON object or array in one pass, if nothing about it is unusual.

        Nearly all requests take this way, and it costs half of decoding and checking one after
        the other. It knows no other spellings and explains nothing: what it doesn't read may
        still be valid.

        Parameters
        ----------
        body : bytes
            A JSON text.
        most : int
            Most records to read.

        Returns
        -------
        list of dict or None
            Canonical records; None if the longer way must be taken, for whatever reason.
        """
        if b"\\" in body or body.count(b"{") > most:
            return None
        try:
            if body[:1] == b"{":
                records = [self._one.validate_json(body)]
            else:
                records = self._many.validate_json(body)
        except ValidationError:
            return None
        if self._with_duplicates(body, records):
            return None
        if self._derive:
            records = list(map(self._derive, records))
        return None if any(map(self._unanswered, records)) else records

    def _with_duplicates(self, body: bytes, records: Sequence[Record]) -> bool:
        """Whether a key stands twice in an object: pydantic would keep the last one.

        In a body without backslashes the quotes are those around keys and texts, so any key that
        was dropped leaves quotes that nothing accounts for.
        """
        n_strings = sum(map(len, records))
        for name in self._texts:
            n_strings += sum([type(record.get(name)) is str for record in records])
        return body.count(b'"') != 2 * n_strings

    def validate(self, records: Sequence[Any]) -> list[Record]:
        """Check `records` and return them under the columns' own names and units.

        Parameters
        ----------
        records : sequence
            Decoded JSON values, hopefully objects.

        Returns
        -------
        list of dict
            As many, in the same order. Missing answers are absent or None.

        Raises
        ------
        InvalidRecordsError
            With every problem of every record, by the sender's own field names.
        """
        problems: list[Problem] = []
        renamed = [
            record if type(record) is dict and tuple(record) in self._canonical
            else self._rename(row, record, problems)
            for row, record in enumerate(records)
        ]  # fmt: skip
        for start in range(0, len(renamed), _CHUNK):
            problems += self._check(start, renamed[start : start + _CHUNK], records)
        if self._derive and not problems:
            # A copy: records that need no renaming are the sender's own.
            renamed = [self._derive(dict(record)) for record in renamed]
        if not problems:
            problems = [
                Problem(
                    row, None, "no_answers", f"needs at least one of: {', '.join(self._features)}"
                )
                for row, record in enumerate(renamed)
                if self._unanswered(record)
            ]
        if problems:
            raise InvalidRecordsError(sorted(problems, key=lambda problem: problem.row))
        return renamed

    def _check(self, start: int, chunk: list[Any], records: Sequence[Any]) -> list[Problem]:
        """Return what pydantic finds wrong with a chunk, which begins at row `start`.

        What it makes of the chunk is dropped: all values are strict, so it is equal, and a second
        copy of 10,000 records takes 10 MB.
        """
        try:
            self._many.validate_python(chunk)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=False, include_input=False)
            problems = [self._problem(start, detail, records) for detail in details]
            # pydantic reports one problem for each member of a union; the first one says enough.
            return list(
                {(problem.row, problem.field): problem for problem in reversed(problems)}.values()
            )
        return []

    def _unanswered(self, record: Record) -> bool:
        for name in self._features:
            if record.get(name) is not None:
                return False
        return bool(self._features)

    def _rename(self, row: int, record: Any, problems: list[Problem]) -> Any:
        """Return `record` by column names and in column units, noting names that don't fit."""
        if type(record) is not dict:
            return record
        if record.keys() <= self._columns.keys():
            if len(self._canonical) < _MOST_LAYOUTS:
                self._canonical.add(tuple(record))
            return record
        renamed: Record = {}
        first_names: dict[str, str] = {}
        for name, value in record.items():
            spelling = self._spellings.get(name)
            if spelling is None:
                problems.append(self._unknown(row, name))
                continue
            column = spelling.column
            converted = _converted(value, spelling)
            if renamed.get(column.name) is None:
                renamed[column.name] = converted
                first_names[column.name] = name
            elif not _agree(renamed[column.name], converted, column):
                message = f"does not agree with the same answer given as {first_names[column.name]}"
                problems.append(Problem(row, name, "disagreement", message))
        return renamed

    def _unknown(self, row: int, name: str) -> Problem:
        if len(name) > LONGEST_TEXT:
            return Problem(row, None, "unknown_field", "has a field name that is not known")
        return Problem(row, name, "unknown_field", "is not a field of this study")

    def _problem(self, start: int, detail: ErrorDetails, records: Sequence[Any]) -> Problem:
        position, *path = detail["loc"]
        row = start + int(position)
        if not path:
            return Problem(row, None, "type", "must be an object")
        column = self._columns[str(path[0])]
        record = records[row]
        # The first name with a value is the one that _rename took.
        names = [name for name in record if self._spelled(name, column)]
        name = next((name for name in names if record[name] is not None), names[0])
        spelling = self._spellings[name]
        expectation = column.expectation(spelling.divisor, spelling.unit)
        code = "type" if column.kind == "identifier" else _CODES.get(detail["type"], "range")
        return Problem(row, name, code, expectation)

    def _spelled(self, name: str, column: Column) -> bool:
        spelling: Spelling | None = self._spellings.get(name)
        return spelling is not None and spelling.column is column


def _number(value: Any) -> float | None:
    """Return a JSON number as a float, or None for anything else (10**400 included)."""
    try:
        return float(value) if type(value) in (int, float) else None
    except OverflowError:
        return None


def _converted(value: Any, spelling: Spelling) -> Any:
    number = _number(value)
    return value if spelling.divisor == 1 or number is None else number / spelling.divisor


def _agree(first: Any, second: Any, column: Column) -> bool:
    """Whether two answers to one question are the same, up to the step of the survey."""
    if second is None or first == second:
        return True
    first_number, second_number = _number(first), _number(second)
    if first_number is None or second_number is None:
        return False
    half_a_step = column.resolution / 2 + 1e-9 * abs(first_number)
    return abs(first_number - second_number) <= half_a_step
