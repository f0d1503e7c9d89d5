"""What the cells of one column are, by the kind of the column: numbers, times, identifiers, text.

Each kind has a reader that first looks at all cells of its column and then reads them, many at a
time. What is no value of the kind stays as it is, for the schema to refuse; what is worse, because
it could be read wrongly, is a fault.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any, NamedTuple

from segmentation.schema import Column
from segmentation.schema.columns import LARGEST_EXACT_INTEGER
from segmentation.schema.missing_words import is_missing_word
from segmentation.tables.dates import DateEvidence, DateOrder, describe_form, read_time
from segmentation.tables.numbers import (
    AmbiguousNumberError,
    MarkEvidence,
    NumberForm,
    choose_form,
)
from segmentation.tables.rows import Cell, write_cell

AMBIGUOUS, ROUNDED, TYPE = "ambiguous", "rounded", "type"

# A spreadsheet keeps 15 digits, and shows 12 or more of them as 2.251E+14 (ECMA-376, 18.17.2).
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?[eE]\+\d+")
_MOST_DIGITS = 15
# As pandas writes whole numbers in a column with gaps: 17850.0, but not 1.5 or 1.00.
_WHOLE_WITH_POINT = re.compile(r"\d+\.0")
_WITH_POINT_INSIDE = re.compile(r"\d+\.\d+")
# As spreadsheets are made to keep the zeros in front: ="00123".
_FORMULA_TEXT = re.compile(r'="([^"]*)"')


class Fault(NamedTuple):
    """A cell that would be read wrongly: its position among the cells read, and why."""

    position: int
    code: str
    message: str


class CellReader(ABC):
    """Reads the cells of one column.

    Parameters
    ----------
    column : Column
    """

    def __init__(self, column: Column) -> None:
        self.column = column

    def look(self, cells: Sequence[Cell], lines: Sequence[int]) -> None:  # noqa: B027
        """Look at more cells of the column, before any of them is read."""

    @abstractmethod
    def read(self, cells: Sequence[Cell], faults: list[Fault]) -> list[Any]:
        """Return the value of each cell, None where there is none, and note the faults."""


class TextReader(CellReader):
    """Reads categories."""

    def read(self, cells: Sequence[Cell], faults: list[Fault]) -> list[Any]:  # noqa: ARG002
        """Return texts without blanks around them."""
        return list(map(_read_text, cells))


class NumberReader(CellReader):
    """Reads numbers.

    Attributes
    ----------
    form : NumberForm
        Decided by `decide`, after all cells of the table were looked at.
    """

    def __init__(self, column: Column) -> None:
        super().__init__(column)
        self.form = NumberForm()
        self._evidence = MarkEvidence()

    @property
    def marks(self) -> set[str]:
        """The decimal marks that cells prove."""
        return self._evidence.marks

    def look(self, cells: Sequence[Cell], lines: Sequence[int]) -> None:  # noqa: ARG002
        """Look for cells that prove a decimal mark."""
        self._evidence.add([cell for cell in cells if type(cell) is str])

    def decide(self, table_marks: set[str], separator: str) -> None:
        """Decide how the column writes numbers; see `choose_form`."""
        self.form = choose_form(self.marks, table_marks, separator)

    def read(self, cells: Sequence[Cell], faults: list[Fault]) -> list[Any]:
        """Return floats; text that is none stays text."""
        if all([type(cell) is str for cell in cells]):  # noqa: C419  # in half the time
            numbers = self.form.read_all(cells)  # type: ignore[arg-type]
            if numbers is not None:
                return numbers
        return [self._read_cell(cell, position, faults) for position, cell in enumerate(cells)]

    def _read_cell(self, cell: Cell, position: int, faults: list[Fault]) -> Any:
        if type(cell) is float or type(cell) is int:
            return float(cell)
        if type(cell) is not str:
            return None if cell is None else write_cell(cell)
        text = cell.strip()
        if is_missing_word(text):
            return None
        try:
            number = self.form.read(self.column, text)
        except AmbiguousNumberError:
            message = "must be written without what may separate thousands"
            faults.append(Fault(position, AMBIGUOUS, message))
            return text
        return text if number is None else number


class IdentifierReader(CellReader):
    """Reads identifiers, none of which a spreadsheet may have rounded."""

    def __init__(self, column: Column) -> None:
        super().__init__(column)
        self._has_points = False
        self._tails: set[bool] = set()

    def look(self, cells: Sequence[Cell], lines: Sequence[int]) -> None:  # noqa: ARG002
        """Find out whether points belong to the identifiers, and how long numbers end.

        A spreadsheet leaves zeros behind the 15th digit.
        """
        texts = [cell.strip() for cell in cells if type(cell) is str]
        self._has_points = self._has_points or any(
            _WITH_POINT_INSIDE.fullmatch(text) and not _WHOLE_WITH_POINT.fullmatch(text)
            for text in texts
        )
        long_numbers = (text for text in texts if len(text) > _MOST_DIGITS and text.isdigit())
        self._tails.update(not text[_MOST_DIGITS:].strip("0") for text in long_numbers)

    def read(self, cells: Sequence[Cell], faults: list[Fault]) -> list[Any]:
        """Return integers, and texts where an identifier is none."""
        return [self._read_cell(cell, position, faults) for position, cell in enumerate(cells)]

    def _read_cell(self, cell: Cell, position: int, faults: list[Fault]) -> Any:
        text = _read_text(cell)
        if text is None:
            return None
        formula = _FORMULA_TEXT.fullmatch(text)
        if formula:
            text = formula[1].strip()
        elif not self._has_points and _WHOLE_WITH_POINT.fullmatch(text):
            text = text.removesuffix(".0")
        if self._is_rounded(text, is_number=isinstance(cell, float)):
            message = "is an identifier that a spreadsheet has rounded; save the column as text"
            faults.append(Fault(position, ROUNDED, message))
        if text.isascii() and text.isdigit() and text[0] != "0":
            return int(text) if int(text) <= LARGEST_EXACT_INTEGER else text
        return text or None

    def _is_rounded(self, text: str, *, is_number: bool) -> bool:
        """Whether a spreadsheet has left only the first digits of an identifier."""
        if _ROUNDED.fullmatch(text):
            return True
        is_long = len(text) > _MOST_DIGITS and text.isdigit()
        return is_long and (is_number or self._tails == {True})


class TimeReader(CellReader):
    """Reads times.

    Parameters
    ----------
    column : Column
    asked_order : DateOrder, optional
        In which order the caller says that dates have their parts.
    """

    def __init__(self, column: Column, asked_order: DateOrder | None = None) -> None:
        super().__init__(column)
        self._order = asked_order
        self._evidence = DateEvidence()

    def look(self, cells: Sequence[Cell], lines: Sequence[int]) -> None:
        """Look for cells that prove the order."""
        pairs = [(cell, line) for cell, line in zip(cells, lines, strict=True) if type(cell) is str]
        self._evidence.add([text for text, _ in pairs], [line for _, line in pairs])

    def decide(self) -> None:
        """Decide the order of the parts of dates.

        Raises
        ------
        UnprovedDatesError
            If the cells don't prove it.
        """
        self._order = self._evidence.choose_order(self._order)

    def read(self, cells: Sequence[Cell], faults: list[Fault]) -> list[Any]:
        """Return times as the schema writes them, in ISO 8601 without a zone."""
        times: dict[str, str | None] = {}
        values: list[Any] = []
        for position, cell in enumerate(cells):
            if not isinstance(cell, str):
                values.append(self._read_typed(cell, position, faults))
                continue
            if cell not in times:
                times[cell] = self._read_one(cell)
            values.append(times[cell])
            if times[cell] is None and not is_missing_word(cell):
                values[-1] = cell.strip()
                faults.append(Fault(position, TYPE, describe_form(cell)))
        return values

    def _read_one(self, text: str) -> str | None:
        moment = None if is_missing_word(text) else read_time(text, self._order)
        return None if moment is None else moment.isoformat()

    def _read_typed(self, cell: Cell, position: int, faults: list[Fault]) -> Any:
        if isinstance(cell, datetime):
            return cell.replace(tzinfo=None).isoformat()
        if isinstance(cell, date):
            return datetime.combine(cell, time.min).isoformat()
        if cell is None:
            return None
        faults.append(Fault(position, TYPE, describe_form(write_cell(cell))))
        return write_cell(cell)


def make_reader(column: Column, dates: DateOrder | None) -> CellReader:
    """Return the reader of a column's kind."""
    if column.numeric:
        return NumberReader(column)
    if column.kind == "identifier":
        return IdentifierReader(column)
    if column.kind == "time":
        return TimeReader(column, dates)
    return TextReader(column)


def _read_text(cell: Cell) -> str | None:
    if type(cell) is str:
        text = cell.strip()
        return None if is_missing_word(text) else text
    return None if cell is None else write_cell(cell)


def iterate_numbers(readers: Sequence[CellReader]) -> Iterator[NumberReader]:
    """Yield the readers of numbers."""
    for reader in readers:
        if isinstance(reader, NumberReader):
            yield reader
