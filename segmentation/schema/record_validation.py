"""Checks records against a schema: every sender's spelling in, canonical records out.

The record model is made from the schema by pydantic, so a column is stated once. Reading JSON or
CSV comes before; building arrays comes after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import FailFast, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from segmentation.errors import InvalidRecordsError, Problem
from segmentation.schema.column_values import read_json_value, record_model
from segmentation.schema.columns import Column, Record
from segmentation.schema.headers import HeaderLookup
from segmentation.schema.record_schema import Schema, Spelling
from segmentation.schema.unknown_fields import MOST_HINTS, Hints, UnknownFields

# Senders use a handful of key orders; a hostile one must not make this grow.
_MOST_LAYOUTS = 256
# Characters of the keys of an order that is remembered.
_LONGEST_LAYOUT = 4_096
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


class CheckedRecords(list[Record]):
    """Canonical records, as many as were sent and in their order.

    Attributes
    ----------
    unknown : dict of int to UnknownFields
        By position, what a record held beside the fields that are known.
    """

    def __init__(
        self,
        records: Iterable[Record] = (),
        unknown: Mapping[int, UnknownFields] | None = None,
    ) -> None:
        super().__init__(records)
        self.unknown: dict[int, UnknownFields] = dict(unknown or {})


@dataclass(frozen=True, slots=True)
class _Layout:
    """How records with some names, in some order, are read: where each name belongs."""

    spellings: tuple[Spelling | None, ...]
    unknown: UnknownFields | None


class RecordValidator:
    """Turns records as sent into canonical ones, or says everything that is wrong with them.

    Parameters
    ----------
    schema : Schema
        What a record is.
    with_target : bool, default=False
        Whether records hold the target as well, as training data do.
    fields_at : str, optional
        Where all fields are listed, for people.
    recognise : callable, optional
        Says to what else the names of a record belong that has no answer.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        with_target: bool = False,
        fields_at: str = "",
        recognise: Callable[[Sequence[str]], str] | None = None,
    ) -> None:
        columns = schema.columns if with_target else schema.sendable
        self._schema = schema
        self._columns = {column.name: column for column in columns}
        self._lookup = HeaderLookup(schema)
        self._listed = f"; all fields are listed at {fields_at}" if fields_at else ""
        self._recognise = recognise
        self._features = tuple(column.name for column in schema.features)
        self._derive = schema.derive if schema.relations else None
        model = record_model(columns)
        self._one: TypeAdapter[Record] = TypeAdapter(model)
        self._many: TypeAdapter[list[Record]] = TypeAdapter(list[model])  # type: ignore[valid-type]
        # Its faults are not looked at: what has one is read the longer way.
        self._plain: TypeAdapter[list[Record]] = TypeAdapter(Annotated[list[model], FailFast()])  # type: ignore[valid-type,arg-type]
        self._texts = tuple(column.name for column in columns if not column.numeric)
        self._canonical: set[tuple[str, ...]] = set()
        self._layouts: dict[tuple[str, ...], _Layout] = {}

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
        n_records = body.count(b"{")
        if b"\\" in body or n_records > most or body.count(b"[") > 1:
            return None
        # With more values than columns some field is unknown; pydantic would list each.
        if body.count(b",") > n_records * len(self._columns):
            return None
        try:
            if body[:1] == b"{":
                records = [self._one.validate_json(body)]
            else:
                records = self._plain.validate_json(body)
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

    def validate(self, records: Sequence[Any]) -> CheckedRecords:
        """Check `records` and return them under the columns' own names and units.

        Fields that are not known are left out and noted; blanks are missing answers.

        Parameters
        ----------
        records : sequence
            Decoded JSON values, hopefully objects.

        Returns
        -------
        CheckedRecords
            As many, in the same order. Missing answers are absent or None.

        Raises
        ------
        InvalidRecordsError
            With every problem of every record, by the sender's own field names.
        """
        problems: list[Problem] = []
        checked, hints = CheckedRecords(), Hints(self._lookup)
        for row, record in enumerate(records):
            if type(record) is dict and tuple(record) in self._canonical:
                checked.append(record)
            else:
                checked.append(self._read_names(row, record, checked.unknown, problems, hints))
        for start in range(0, len(checked), _CHUNK):
            problems += self._check(start, checked, records)
        if not problems:
            self._complete(checked)
            unanswered = [row for row, record in enumerate(checked) if self._unanswered(record)]
            advised = frozenset(unanswered[:MOST_HINTS])
            problems = [
                self._unanswerable(row, records[row], checked.unknown.get(row), row in advised)
                for row in unanswered
            ]
        if problems:
            raise InvalidRecordsError(sorted(problems, key=lambda problem: problem.row))
        return checked

    def _complete(self, checked: CheckedRecords) -> None:
        """Derive what follows from what was sent, and note what is missing beside the unknown."""
        if self._derive:
            for row, record in enumerate(checked):
                checked[row] = self._derive(record)
        for row, unknown in checked.unknown.items():
            if unknown.named:
                missing = [
                    column
                    for column in self._schema.decisive_columns
                    if column.name not in checked[row]
                ]
                checked.unknown[row] = replace(unknown, missing=tuple(missing))

    def _check(self, start: int, checked: CheckedRecords, records: Sequence[Any]) -> list[Problem]:
        """Return what pydantic finds wrong with the chunk that begins at row `start`.

        What it makes of the chunk is dropped: all values are strict, so it is equal, and a second
        copy of 10,000 records takes 10 MB.
        """
        details = self._faults(checked[start : start + _CHUNK])
        if self._reread(start, checked, details):
            details = self._faults(checked[start : start + _CHUNK])
        names: dict[int, dict[str, tuple[str, Spelling]]] = {}
        problems = []
        for detail in details:
            position, *path = detail["loc"]
            row = start + int(position)
            if not path:
                problems.append(Problem(row, None, "type", "must be an object"))
                continue
            if row not in names:
                names[row] = self._answered_names(records[row])
            problems.append(_problem(row, detail["type"], *names[row][str(path[0])]))
        # pydantic reports one problem for each member of a union; the first one says enough.
        return list(
            {(problem.row, problem.field): problem for problem in reversed(problems)}.values()
        )

    def _faults(self, chunk: list[Record]) -> list[ErrorDetails]:
        try:
            self._many.validate_python(chunk)
        except ValidationError as error:
            return error.errors(include_url=False, include_context=False, include_input=False)
        return []

    def _reread(self, start: int, checked: CheckedRecords, details: Iterable[ErrorDetails]) -> bool:
        """Read refused values as a cell of a table would be, and return whether any changed."""
        changed = False
        for detail in details:
            position, *path = detail["loc"]
            if not path:
                continue
            row, name = start + int(position), str(path[0])
            value = checked[row][name]
            reread = read_json_value(self._columns[name], value)
            if reread is not value:
                # A copy: records that need no renaming are the sender's own.
                checked[row] = checked[row] | {name: reread}
                changed = True
        return changed

    def _unanswered(self, record: Record) -> bool:
        for name in self._features:
            if record.get(name) is not None:
                return False
        return bool(self._features)

    def _unanswerable(
        self, row: int, record: Record, unknown: UnknownFields | None, is_advised: bool
    ) -> Problem:
        """Say what a record without any answer that the model reads needs."""
        needed = f"needs at least one of: {', '.join(self._features)}"
        if unknown is None or not unknown.named:
            return Problem(row, None, "no_answers", needed)
        all_unknown = len(record) == len(unknown.named) + unknown.n_more
        code = "unknown_field" if all_unknown else "no_answers"
        advice = self._recognise(tuple(record)) if self._recognise and is_advised else ""
        message = f"{needed}; not known: {unknown.phrase}{self._listed}"
        return Problem(row, None, code, f"{message}. {advice}" if advice else message)

    def _read_names(
        self,
        row: int,
        record: Any,
        unknown: dict[int, UnknownFields],
        problems: list[Problem],
        hints: Hints,
    ) -> Any:
        """Return `record` by column names and in column units, noting what doesn't fit."""
        if type(record) is not dict:
            return record
        names = tuple(record)
        if record.keys() <= self._columns.keys():
            if len(self._canonical) < _MOST_LAYOUTS:
                self._canonical.add(names)
            return record
        layout = self._layouts.get(names) or self._lay_out(names, hints)
        if layout.unknown:
            unknown[row] = layout.unknown
        return _renamed(row, record, layout.spellings, problems)

    def _lay_out(self, names: tuple[str, ...], hints: Hints) -> _Layout:
        """Find where names belong, and remember it for the next record that has the same."""
        meanings = [self._lookup.find(name) for name in names]
        spellings = tuple(
            spelling if spelling and spelling.column.name in self._columns else None
            for spelling in meanings
        )
        pairs = list(zip(names, meanings, strict=True))
        unknown_names = [name for name, spelling in pairs if spelling is None]
        target = next(
            (name for name, spelling in pairs if spelling and spelling not in spellings), None
        )
        unknown = hints.describe(unknown_names, target) if unknown_names or target else None
        layout = _Layout(spellings, unknown)
        short = sum(map(len, names)) <= _LONGEST_LAYOUT
        if short and len(self._layouts) < _MOST_LAYOUTS and not hints.exhausted:
            self._layouts[names] = layout
        return layout

    def _answered_names(self, record: Record) -> dict[str, tuple[str, Spelling]]:
        """Return the name and spelling under which each column was answered, by column."""
        names: dict[str, tuple[str, Spelling]] = {}
        answered: set[str] = set()
        for name, value in record.items():
            spelling = self._lookup.find(name)
            if spelling is None or spelling.column.name in answered:
                continue
            column = spelling.column
            names.setdefault(column.name, (name, spelling))
            # The first name with a value is the one that _renamed took.
            if read_json_value(column, value) is not None:
                names[column.name] = (name, spelling)
                answered.add(column.name)
        return names


def _renamed(
    row: int, record: Record, spellings: Sequence[Spelling | None], problems: list[Problem]
) -> Record:
    """Return a record's answers by column, noting those that are given twice and differ."""
    renamed: Record = {}
    first_names: dict[str, str] = {}
    for (name, value), spelling in zip(record.items(), spellings, strict=True):
        if spelling is None:
            continue
        column = spelling.column
        converted = _converted(read_json_value(column, value), spelling)
        if renamed.get(column.name) is None:
            renamed[column.name] = converted
            first_names[column.name] = name
        elif not _agree(renamed[column.name], converted, column):
            message = f"does not agree with the same answer given as {first_names[column.name]}"
            problems.append(Problem(row, name, "disagreement", message))
    return renamed


def _problem(row: int, fault: str, name: str, spelling: Spelling) -> Problem:
    """Return what is wrong with an answer, by pydantic's word for the fault."""
    column = spelling.column
    code = "type" if column.kind == "identifier" else _CODES.get(fault, "range")
    return Problem(row, name, code, column.expectation(spelling.divisor, spelling.unit))


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
