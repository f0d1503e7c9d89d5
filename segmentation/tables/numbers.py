"""Numbers as tables write them: which mark a column's decimals have is proved by its cells.

A text is read under both conventions, the decimal point and the decimal comma. Where only one of
them gives a number, the text proves that convention; where both give different ones, the rest of
the column decides, and else the rest of the table. Nothing is guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from segmentation.schema import Column

POINT, COMMA = ".", ","

_CURRENCY = "$\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9"
_MONEY = re.compile(
    rf"(?P<sign>[+-]?)\s*[{_CURRENCY}]\s*(?P<before>.+)|(?P<after>.+?)\s*[{_CURRENCY}]"
)
# Blanks and apostrophes separate thousands and are never a decimal mark (SI brochure, 5.4.4).
_SPACED = re.compile(
    r"[+-]?[1-9]\d{0,2}(?:(?P<gap>[ \u00a0\u2009\u202f'\u2019])\d{3})(?:(?P=gap)\d{3})*(?:[.,]\d*)?"
)
_GAPS = str.maketrans("", "", " \u00a0\u2009\u202f'\u2019")
_PLAIN_INTEGER = re.compile(r"[+-]?\d+")
# With a point for decimals and commas for groups: of three digits, or as in India of two before
# the last three.
_WITH_POINT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_GROUPED_BY_COMMA = re.compile(
    r"[+-]?(?:[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3})(?:\.\d*)?"
)
# Many cells, each in a line of its own, without exponents; empty lines as well.
_LINE = r"(?:[+-]?(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)?(?:\.\d*)?)"
_LINE_WITH_COMMA = r"(?:[+-]?(?:\d+|[1-9]\d{0,2}(?:\.\d{3})+)?(?:,\d*)?)"
_LINES = {
    POINT: re.compile(rf"(?:{_LINE}\n)*{_LINE}", re.ASCII),
    COMMA: re.compile(rf"(?:{_LINE_WITH_COMMA}\n)*{_LINE_WITH_COMMA}", re.ASCII),
}
_WITHOUT_GROUPS = {
    POINT: re.compile(r"[0-9.+\-\n]*", re.ASCII),
    COMMA: re.compile(r"[0-9,+\-\n]*", re.ASCII),
}
_TWO_POINTS = re.compile(r"\.\d+\.", re.ASCII)
_SWAPPED = str.maketrans(".,", ",.")
_MINUS_SIGNS = str.maketrans({"\u2212": "-", "\u2013": "-", "\ufe63": "-", "\uff0d": "-"})


class AmbiguousNumberError(ValueError):
    """A text is two numbers, and nothing in its table says which."""


@dataclass(frozen=True)
class NumberForm:
    """How the numbers of a column are written.

    Attributes
    ----------
    mark : {"", ".", ","}
        The decimal mark; empty where nothing proves one, or cells prove both.
    is_assumed : bool
        Whether the point is taken only because commas separate the cells of the table: a cell with
        a comma, quoted, is still ambiguous then.
    """

    mark: str = ""
    is_assumed: bool = False

    def read(self, column: Column, text: str) -> float | None:
        """Return the number that a text is, None where it is none.

        Parameters
        ----------
        column : Column
            Its unit says what a per cent sign and a sign of a currency mean.
        text : str

        Raises
        ------
        AmbiguousNumberError
            If it can be two numbers.
        """
        bare = _strip_signs(text)
        if bare is None:
            return None
        digits, has_percent, has_currency = bare
        if has_currency and "money" not in column.unit:
            return None
        number = self._choose(digits)
        if number is None or not has_percent:
            return number
        return _read_percent(column, number)

    def read_all(self, texts: Sequence[str]) -> list[float | None] | None:
        """Return the numbers of many cells, None for empty ones; or None if one is not plain.

        It takes a tenth of reading them one by one.
        """
        lines = "\n".join(texts)
        mark = self.mark or POINT
        if not (_WITHOUT_GROUPS[mark].fullmatch(lines) or _LINES[mark].fullmatch(lines)):
            return None
        if (self.is_assumed and COMMA in lines) or (not self.mark and POINT in lines):
            return None
        grouped = COMMA if mark == POINT else POINT
        if grouped in lines:
            lines = lines.replace(grouped, "")
        if mark == COMMA:
            lines = lines.replace(COMMA, POINT)
        try:
            return [float(line) if line else None for line in lines.split("\n")]
        except ValueError:  # two marks, or a sign alone
            return None

    def _choose(self, digits: str) -> float | None:
        with_point, with_comma = _read_both(digits)
        if with_point is None or with_comma is None or with_point == with_comma:
            return with_comma if with_point is None else with_point
        if self.mark == "" or (self.is_assumed and COMMA in digits):
            raise AmbiguousNumberError
        return with_point if self.mark == POINT else with_comma


class MarkEvidence:
    """What the cells of one column prove about its decimal mark.

    Attributes
    ----------
    marks : set of str
        Each mark that at least one cell proves.
    """

    def __init__(self) -> None:
        self.marks: set[str] = set()

    def add(self, texts: Sequence[str]) -> None:
        """Look at more cells of the column."""
        if self.marks == {POINT, COMMA}:
            return
        lines = "\n".join(texts)
        # What is a number with a point cannot prove the comma, and the other way round.
        open_marks = {
            mark
            for mark, against in ((POINT, COMMA), (COMMA, POINT))
            if mark not in self.marks and not _is_all(against, lines)
        }
        for text in texts if open_marks else ():
            mark = "" if text.isdigit() else prove_mark(text)
            if mark:
                self.marks.add(mark)
                open_marks.discard(mark)
            if not open_marks:
                return


def _is_all(mark: str, lines: str) -> bool:
    """Whether all lines are numbers whose decimals have some mark."""
    if POINT not in lines and COMMA not in lines:
        return True
    if mark == POINT and COMMA not in lines and _WITHOUT_GROUPS[POINT].fullmatch(lines):
        return not _TWO_POINTS.search(lines)
    return bool(_LINES[mark].fullmatch(lines))


def choose_form(column_marks: set[str], table_marks: set[str], separator: str) -> NumberForm:
    """Return the form of a column from what its cells prove, or else those of all columns.

    Parameters
    ----------
    column_marks, table_marks : set of str
        Marks that are proved by cells of the column and of the whole table.
    separator : str
        What stands between the table's cells.
    """
    for marks in (column_marks, table_marks):
        if len(marks) == 1:
            return NumberForm(next(iter(marks)))
        if marks:
            return NumberForm()
    return NumberForm(POINT, is_assumed=True) if separator == COMMA else NumberForm()


def prove_mark(text: str) -> str:
    """Return the decimal mark that a text proves; empty if it proves none."""
    bare = _strip_signs(text)
    if bare is None:
        return ""
    with_point, with_comma = _read_both(bare[0])
    if with_point is None:
        return "" if with_comma is None else COMMA
    return POINT if with_comma is None else ""


def _strip_signs(text: str) -> tuple[str, bool, bool] | None:
    """Return the digits and marks of a number, and whether it had a per cent or a currency sign.

    Brackets around an amount, and a minus behind it, are what accountants write for less than zero.
    """
    bare = text.strip().translate(_MINUS_SIGNS)
    has_percent = bare.endswith("%")
    if has_percent:
        bare = bare[:-1].rstrip()
    negative = bare.startswith("(") and bare.endswith(")")
    if negative:
        bare = bare[1:-1].strip()
    money = _MONEY.fullmatch(bare)
    if money:
        bare = (money["sign"] or "") + (money["before"] or money["after"])
    if bare.endswith("-") and bare[:1] not in "+-":
        bare = "-" + bare[:-1].rstrip()
    if negative:
        if bare[:1] in "+-":
            return None
        bare = "-" + bare
    if _SPACED.fullmatch(bare):
        bare = bare.translate(_GAPS)
    return (bare, has_percent, bool(money)) if bare else None


def _read_both(digits: str) -> tuple[float | None, float | None]:
    """Return what a text is with a decimal point, and with a decimal comma."""
    if _PLAIN_INTEGER.fullmatch(digits):
        number = float(digits)
        return number, number
    return _read_with_point(digits), _read_with_point(digits.translate(_SWAPPED))


def _read_with_point(digits: str) -> float | None:
    if _WITH_POINT.fullmatch(digits):
        number = float(digits)
    elif _GROUPED_BY_COMMA.fullmatch(digits):
        number = float(digits.replace(",", ""))
    else:
        return None
    return number if math.isfinite(number) else None


def _read_percent(column: Column, number: float) -> float | None:
    """Return a per cent as the column means it; None where it cannot hold one."""
    if column.unit.startswith(("%", "per cent", "percent")):
        return number
    return number / 100 if column.maximum == 1 else None
