"""Dates and times as tables write them: one order of day, month and year for a column.

The order is proved by all cells of the column, as 25/06/2011 proves that days come first, or it is
asked for. What a table cannot prove is refused by the name of its form, never guessed. A time zone
is left out: shops record local time, and so does what is read here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from enum import StrEnum

from segmentation.errors import SegmentationError


class DateOrder(StrEnum):
    """In which order a date has its parts."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"
    YEAR_FIRST = "year-first"


class UnprovedDatesError(SegmentationError):
    """The cells of a column fit several orders of day, month and year, or none that all share."""


# POSIX strptime(3), %y: 69 to 99 are of the 20th century.
_FIRST_YEAR_OF_LAST_CENTURY = 69
_TWO_DIGITS = 2
_NOON = 12
# Dates of ISO 8601 alone, with minutes, seconds, milliseconds and microseconds.
_ISO_LENGTHS = (10, 16, 19, 23, 26)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul",
            "august aug", "september sep sept", "october oct", "november nov", "december dec",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_DATE = (
    r"(?P<first>\d{1,4})(?P<mark>[-/.])(?P<second>\d{1,2}|[A-Za-z]{3,9}\.?)(?P=mark)"
    r"(?P<third>\d{1,4})"
)
_WITH_NAME = r"(?P<day>\d{1,2})\.?[ ](?P<name>[A-Za-z]{3,9})\.?,?[ ](?P<year>\d{4})"
_NAME_FIRST = r"(?P<name>[A-Za-z]{3,9})\.?[ ](?P<day>\d{1,2}),?[ ](?P<year>\d{4})"
_CLOCK = (
    r"(?:(?:[T ]|,[ ]?)\s*(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second_of>\d{2})"
    r"(?P<fraction>[.,]\d{1,9})?)?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_NUMERIC = re.compile(_DATE + _CLOCK)
_NAMED = re.compile(f"(?:{_WITH_NAME}){_CLOCK}")
_NAMED_FIRST = re.compile(f"(?:{_NAME_FIRST}){_CLOCK}")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:[T ]?(\d{2})(\d{2})(\d{2})?)?Z?")
_SERIAL = re.compile(r"[1-9]\d{4}(?:[.,]\d+)?")
_EPOCH = re.compile(r"\d{10}(?:\d{3})?")


_MOST_REMEMBERED = 10_000


class DateEvidence:
    """What the cells of one column prove about the order of their parts."""

    def __init__(self) -> None:
        self._orders: frozenset[DateOrder] | None = None
        self._proving_lines: dict[DateOrder, int] = {}
        self._seen: set[str] = set()

    def add(self, texts: Iterable[str], lines: Iterable[int]) -> None:
        """Look at more cells of the column, and the lines in which they stand."""
        for text, line in zip(texts, lines, strict=True):
            # A column repeats its dates: thousands of rows have one of some hundred days.
            day = text.strip()[:10]
            if day in self._seen:
                continue
            if len(self._seen) < _MOST_REMEMBERED:
                self._seen.add(day)
            self._add_orders(find_orders(text), line)

    def _add_orders(self, orders: frozenset[DateOrder], line: int) -> None:
        if not orders:
            return
        self._orders = orders if self._orders is None else self._orders & orders
        if len(orders) == 1:
            self._proving_lines.setdefault(next(iter(orders)), line)

    def choose_order(self, asked_order: DateOrder | None) -> DateOrder | None:
        """Return the order of the column.

        Parameters
        ----------
        asked_order : DateOrder or None
            What the caller says; it counts where the cells do not prove the contrary.

        Returns
        -------
        DateOrder or None
            None where no cell leaves the order open.

        Raises
        ------
        UnprovedDatesError
            If the cells contradict each other or what is asked for, or fit several orders and
            nothing is asked for.
        """
        if self._orders is None:
            return asked_order
        if not self._orders or (asked_order is not None and asked_order not in self._orders):
            proofs = " and ".join(
                f"line {line} has the {order.removesuffix('-first')} first"
                for order, line in self._proving_lines.items()
            )
            raise UnprovedDatesError(f"holds dates in another order: {proofs}")
        if asked_order is not None or len(self._orders) == 1:
            return asked_order or next(iter(self._orders))
        names = " or ".join(order for order in DateOrder if order in self._orders)
        raise UnprovedDatesError(
            f"holds dates that are {names}, and no row proves which: say it, by --dates on the"
            " command line or ?dates= of the API"
        )


def find_orders(text: str) -> frozenset[DateOrder]:
    """Return the orders in which a text is a date; none where its form leaves no order open."""
    match = _NUMERIC.fullmatch(text.strip())
    orders = _possible_orders(match) if match else ()
    if match is None or len(orders) == 1:
        return frozenset()
    return frozenset(order for order in orders if _read_numeric(match, order))


def read_time(text: str, order: DateOrder | None) -> datetime | None:
    """Return the local time that a text is, None where it is none.

    Parameters
    ----------
    text : str
    order : DateOrder or None
        Of a date of three numbers.
    """
    text = text.strip()
    if len(text) in _ISO_LENGTHS and text[4] == "-":
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    match = _NUMERIC.fullmatch(text)
    if match is None:
        return _read_fixed(text)
    orders = _possible_orders(match)
    if len(orders) == 1:
        return _read_numeric(match, orders[0])
    return _read_numeric(match, order) if order in orders else None


def describe_form(text: str) -> str:
    """Return what a text that is no date looks like, for the person who wrote the table."""
    text = text.strip()
    if _SERIAL.fullmatch(text):
        return "looks like a serial number of a spreadsheet; format the column as a date"
    if _EPOCH.fullmatch(text):
        return "looks like seconds or milliseconds since 1970; write dates like 2011-08-31 17:45"
    return "is not a date that can be read; write dates like 2011-08-31 17:45"


def _possible_orders(match: re.Match[str]) -> tuple[DateOrder, ...]:
    """Return the orders that the form of a date leaves open.

    A year of four digits, or the name of a month, says where the parts are; with points, no
    locale of CLDR 45 writes the month first.
    """
    first, second, mark = match["first"], match["second"], match["mark"]
    if len(first) > _TWO_DIGITS:
        return (DateOrder.YEAR_FIRST,)
    if not second[0].isdigit() or mark == ".":
        return (DateOrder.DAY_FIRST,)
    if len(match["third"]) > _TWO_DIGITS or mark == "/":
        return (DateOrder.DAY_FIRST, DateOrder.MONTH_FIRST)
    return tuple(DateOrder)


def _read_numeric(match: re.Match[str], order: DateOrder | None) -> datetime | None:
    first, second, third = match["first"], match["second"], match["third"]
    if order is DateOrder.YEAR_FIRST:
        year, month, day = first, second, third
    elif order is DateOrder.MONTH_FIRST:
        month, day, year = first, second, third
    else:
        day, month, year = first, second, third
    return _make_time(match, year, month, day)


def _read_fixed(text: str) -> datetime | None:
    """Read the forms that leave no order open: names of months, and digits without marks."""
    match = _NAMED.fullmatch(text) or _NAMED_FIRST.fullmatch(text)
    if match is not None:
        return _make_time(match, match["year"], match["name"], match["day"])
    compact = _COMPACT.fullmatch(text)
    if compact is None:
        return None
    try:
        return datetime(*(int(part) for part in compact.groups() if part))  # type: ignore[arg-type]
    except ValueError:
        return None


def _make_time(match: re.Match[str], year: str, month: str, day: str) -> datetime | None:
    if len(year) not in (_TWO_DIGITS, 4) or len(day) > _TWO_DIGITS:
        return None
    number = int(year)
    if len(year) == _TWO_DIGITS:
        number += 1900 if number >= _FIRST_YEAR_OF_LAST_CENTURY else 2000
    hour = _read_hour(match)
    fraction = (match["fraction"] or ".0")[1:7].ljust(6, "0")
    month_number = int(month) if month.isdigit() else _MONTHS.get(month.rstrip(".").casefold(), 0)
    try:
        return datetime(  # local time, as shops record it
            number, month_number, int(day), hour, int(match["minute"] or 0),
            int(match["second_of"] or 0), int(fraction),
        )  # fmt: skip
    except ValueError:
        return None


def _read_hour(match: re.Match[str]) -> int:
    """Return the hour of 24; 99, which no day has, where the clock is of no kind."""
    hour, half = int(match["hour"] or 0), match["half"]
    if half is None:
        # "2011-08-31 17" alone is no clock.
        return 99 if match["hour"] and not match["minute"] else hour
    if not 1 <= hour <= _NOON:
        return 99
    return hour % _NOON + (_NOON if half[0] in "pP" else 0)
