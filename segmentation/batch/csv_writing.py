"""From scored rows to the CSV file that goes out: what came in, and the answers beside it.

Spreadsheets run cells that look like formulas; here they get an apostrophe in front, also where a
spreadsheet that separates cells by another mark than the file would see one begin within a cell.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from segmentation.batch.answer_columns import COLUMNS, added_columns
from segmentation.batch.file_scoring import ScoredRow
from segmentation.batch.record_file import RecordFile
from segmentation.runtime.reasons import runner_up
from segmentation.runtime.record_warnings import RecordWarning

_NO_ANSWER = [""] * (len(COLUMNS) - 1)
# The last four are the full-width forms, which spreadsheets take for the others.
_STARTERS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # cell[:1] of none is in no set
_SEPARATORS = ";,|\t"
_HIDE = r"\1'"
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)


class CsvWriter:
    """Writes the rows of a file with their answers, in the file's own way.

    The separator is the file's, and so is the decimal mark of the confidence.

    Parameters
    ----------
    file : RecordFile
    """

    def __init__(self, file: RecordFile) -> None:
        self._file = file
        self._buffer = StringIO(newline="")
        self._writer = csv.writer(self._buffer, delimiter=file.separator, lineterminator="\r\n")
        self._comma = file.table.decimal_mark == ","
        marks = re.escape("".join(set(_SEPARATORS) - {file.separator}))
        # Neither a price in round numbers, "10,-", nor a pair of numbers is a formula.
        self._hidden = re.compile(
            rf"([{marks}])(?=\s*[{re.escape(''.join(_STARTERS))}].)"
            rf"(?!\s*[+-]\d[\d.]*\s*(?:[{marks}]|\Z))"
        )

    def header(self) -> str:
        """Return the header, behind a byte order mark unless the file came as UTF-8 without one.

        A spreadsheet that saves in another encoding expects it.
        """
        header = self._file.header
        cells = [self._hidden.sub(_HIDE, neutral(cell)) for cell in header]
        self._writer.writerow([*cells, *added_columns(header)])
        return ("" if self._file.is_plain else "\ufeff") + self._drain()

    def rows(self, rows: Iterable[ScoredRow]) -> str:
        """Return rows."""
        width = len(self._file.header)
        for row in rows:
            cells = [neutral(cell) if cell[:1] in _STARTERS else cell for cell in row.cells]
            if self._hidden.search("\0".join(cells)):  # or it may only seem so where a cell ends
                cells = [self._hidden.sub(_HIDE, cell) for cell in cells]
            self._writer.writerow([*_fitted(cells, width), *_added(row, comma=self._comma)])
        return self._drain()

    def _drain(self) -> str:
        """Return what was written, and forget it."""
        content = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return content


def write(file: RecordFile, scored: Iterable[Sequence[ScoredRow]]) -> Iterator[bytes]:
    """Write a file with its answers, piece by piece, in UTF-8.

    Parameters
    ----------
    file : RecordFile
    scored : iterable of sequence of ScoredRow
        All of its rows, in order.
    """
    writer = CsvWriter(file)
    yield writer.header().encode()
    for rows in scored:
        yield writer.rows(rows).encode()


def neutral(cell: str) -> str:
    """Return a cell as it is, or with an apostrophe in front if a spreadsheet would run it."""
    if cell[:1] in _STARTERS and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def _fitted(cells: list[str], width: int) -> list[str]:
    """Return as many cells as the header has, so that the answers stand in their columns."""
    return cells if len(cells) == width else cells[:width] + [""] * (width - len(cells))


def _added(row: ScoredRow, *, comma: bool) -> list[str]:
    if row.answer is None:
        return [*_NO_ANSWER, _in_words(row)]
    answer = row.answer
    confidence = f"{answer['confidence']:.6f}"
    return [
        answer["segment"]["id"],
        answer["segment"]["name"],
        confidence.replace(".", ",") if comma else confidence,
        runner_up(answer),
        "|".join(answer["plausible"]),
        "true" if answer["unsure"] else "false",
        answer["basis"],
        "|".join(map(_warning, answer["warnings"])),
        "|".join(f"{reason['field']}: {reason['level']}" for reason in row.reasons),
        "",
    ]


def _warning(doubt: RecordWarning) -> str:
    return f"{doubt['field']}: {doubt['code']}" if doubt["field"] else doubt["code"]


def _in_words(row: ScoredRow) -> str:
    """Say what is wrong with a row; the message never holds a value."""
    reasons = [
        f"{problem.field}: {problem.message}" if problem.field else problem.message
        for problem in row.problems
    ]
    place = f"line {row.line}" + (", " if row.problems[0].field else ": ")
    return place + "; ".join(reasons)
