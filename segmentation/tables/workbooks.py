"""Rows of a sheet of a workbook, read by python-calamine: cells have types, dates are dates.

calamine holds a whole sheet in memory, as a rectangle around its cells. How large that gets is
found out first, from the sheet's XML, so that a few kilobytes cannot end the process.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING, Any

from segmentation.errors import FileError
from segmentation.tables.rows import Cell, Layout, Row, find_header, is_blank, write_cell
from segmentation.tables.unpacking import FileKind, UnpackingLimits

if TYPE_CHECKING:
    import python_calamine

_PIECE = 1 << 18
# Longer than any tag that is looked for.
_OVERLAP = 256
_CELL = re.compile(rb'<(?:\w+:)?c (?:[^>]*? )?r="([A-Z]{1,3})(\d{1,7})"')
_ANY_CELL = re.compile(rb"<(?:\w+:)?c[ />]")
_SHARED = re.compile(rb't="s"[^>]*>(?:<(?:\w+:)?f[^>]*/?>)?<(?:\w+:)?v>(\d{1,9})</')
_SHARED_TEXT = re.compile(rb"<(?:\w+:)?si[ >].*?</(?:\w+:)?si>", re.DOTALL)
_FIRST_LETTER = ord("A") - 1


class SheetRows:
    """The rows of a sheet.

    Parameters
    ----------
    stream : binary file
        An xlsx or xls workbook whose parts are within `limits`; stays open.
    kind : FileKind
    is_known : callable
        Whether a name of the header, without blanks around it, means something.
    sheet : str, optional
        Name of the sheet; without one, the only one whose header has a known name, or the only
        one at all.
    limits : UnpackingLimits

    Attributes
    ----------
    layout : Layout

    Raises
    ------
    FileError
        If it is no such workbook, is too large, or it does not say which sheet is meant.
    """

    def __init__(
        self,
        stream: IO[bytes],
        kind: FileKind,
        is_known: Callable[[str], bool],
        sheet: str | None,
        limits: UnpackingLimits,
    ) -> None:
        if kind is FileKind.XLSX:
            check_area(stream, limits)
        with _explain_workbook_errors():
            workbook = _open(stream)
            name = _choose_sheet(workbook, is_known, sheet)
            self._sheet = workbook.get_sheet_by_name(name)
        self.layout = Layout(kind=kind, sheet=name)

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are not blank."""
        return _rows_of(self._sheet)


def check_area(stream: IO[bytes], limits: UnpackingLimits) -> None:
    """Refuse a workbook of which a sheet would take too much memory.

    Raises
    ------
    FileError
    """
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            longest, lengths = _measure_texts(archive)
            for member in archive.infolist():
                if "worksheets/" in member.filename and member.filename.endswith(".xml"):
                    _check_sheet(archive, member, limits, longest, lengths)
    except (zipfile.BadZipFile, NotImplementedError, EOFError):
        raise FileError("The file is not a whole workbook.") from None
    stream.seek(0)


def _check_sheet(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    limits: UnpackingLimits,
    longest: int,
    lengths: list[int],
) -> None:
    n_rows = n_columns = n_cells = n_characters = 0
    for piece in _pieces(archive, member):
        for letters, number in set(_CELL.findall(piece)):
            n_rows = max(n_rows, int(number))
            n_columns = max(n_columns, _column_number(letters))
        n_cells += len(_ANY_CELL.findall(piece))
        if longest * n_cells > limits.n_bytes:
            shared = (int(index) for index in _SHARED.findall(piece))
            n_characters += sum(lengths[index] for index in shared if index < len(lengths))
        if max(n_rows * n_columns, n_cells) > limits.n_cells:
            raise FileError(
                f"A sheet of the workbook spans more than {limits.n_cells:,} cells; delete what"
                " stands far below or beside the table, or save it as CSV."
            )
        if n_characters > limits.n_bytes:
            raise FileError("The texts of the workbook are too long; save the table as CSV.")


def _measure_texts(archive: zipfile.ZipFile) -> tuple[int, list[int]]:
    """Return the length of the longest text that cells share, and those of all, in bytes."""
    lengths = []
    for member in archive.infolist():
        if member.filename.endswith("sharedStrings.xml"):
            with archive.open(member) as texts:
                lengths = [len(text) for text in _SHARED_TEXT.findall(texts.read())]
    return max(lengths, default=0), lengths


def _pieces(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a part in pieces that end where a tag ends."""
    kept_back = b""
    with archive.open(member) as part:
        while piece := part.read(_PIECE):
            tags, end, kept_back = (kept_back + piece).rpartition(b"</")
            yield tags + end
        yield kept_back


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - _FIRST_LETTER
    return number


def _open(stream: IO[bytes]) -> python_calamine.CalamineWorkbook:
    import python_calamine

    stream.seek(0)
    return python_calamine.CalamineWorkbook.from_filelike(stream)


def _choose_sheet(
    workbook: python_calamine.CalamineWorkbook,
    is_known: Callable[[str], bool],
    asked_name: str | None,
) -> str:
    """Return the name of the sheet that holds the table."""
    names = _visible_sheets(workbook)
    if asked_name is not None:
        if asked_name not in workbook.sheet_names:
            raise FileError(f"The workbook has no such sheet; it has {_listed(names)}.")
        return asked_name
    filled = {
        name: n_known
        for name in names
        if (n_known := _count_known(workbook.get_sheet_by_name(name), is_known)) is not None
    }
    if not filled:
        raise FileError("The file is empty.")
    likely = [name for name, n_known in filled.items() if n_known] or list(filled)
    if len(likely) > 1:
        raise FileError(
            f"The workbook has {len(likely)} sheets that may be meant: {_listed(likely)}."
            " Say which."
        )
    return likely[0]


def _visible_sheets(workbook: python_calamine.CalamineWorkbook) -> list[str]:
    import python_calamine

    return [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
        and sheet.visible == python_calamine.SheetVisibleEnum.Visible
    ]


def _count_known(
    sheet: python_calamine.CalamineSheet, is_known: Callable[[str], bool]
) -> int | None:
    """Return how many names of a sheet's header are known; None if there is nothing in it."""
    try:
        header, _ = find_header(_rows_of(sheet), is_known)
    except FileError:
        return None
    return sum(is_known(write_cell(cell).strip()) for cell in header.cells)


def _rows_of(sheet: python_calamine.CalamineSheet) -> Iterator[Row]:
    for line, cells in enumerate(sheet.iter_rows(), start=1):
        row = [_plain(cell) for cell in cells]
        if not is_blank(row):
            yield Row(line, row)


def _plain(cell: Any) -> Cell:
    """Return a cell without what only spreadsheets know: a length of time is no answer.

    A time is the fraction of a day there, so it is right to the millisecond.
    """
    if isinstance(cell, datetime):
        rounded = cell + timedelta(microseconds=500)
        return rounded.replace(microsecond=rounded.microsecond // 1000 * 1000)
    if cell == "" or isinstance(cell, timedelta):
        return None if cell == "" else str(cell)
    result: Cell = cell
    return result


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name[:31]}'" for name in names[:10])


@contextmanager
def _explain_workbook_errors() -> Iterator[None]:
    """Say in our own words why a workbook cannot be read."""
    import python_calamine

    try:
        yield
    except python_calamine.PasswordError:
        raise FileError("The workbook is encrypted; save it without a password.") from None
    except (python_calamine.CalamineError, OSError, ValueError):
        raise FileError("The file is not a whole workbook.") from None
