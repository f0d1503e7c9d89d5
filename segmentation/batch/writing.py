"""From scored rows to the CSV file that goes out: what came in, and the answers beside it.

Spreadsheets run cells that look like formulas; here they get an apostrophe in front.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from segmentation.batch.reading import RecordFile
from segmentation.batch.scoring import ScoredRow
from segmentation.runtime.answers import Answer
from segmentation.runtime.doubts import Doubt

COLUMNS = (
    "segment",
    "segment_name",
    "confidence",
    "runner_up",
    "plausible",
    "unsure",
    "basis",
    "warnings",
    "problem",
)
_NO_ANSWER = [""] * (len(COLUMNS) - 1)
# The last four are the full-width forms, which spreadsheets take for the others.
_STARTERS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")  # cell[:1] of none is in no set
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)


def write(file: RecordFile, scored: Iterable[Sequence[ScoredRow]]) -> Iterator[bytes]:
    """Write a file with its answers, piece by piece.

    In UTF-8, with a byte order mark unless the file came as UTF-8 without one: a spreadsheet that
    saves in another encoding expects it. The separator is the file's own, and so is the decimal
    mark of the confidence.

    Parameters
    ----------
    file : RecordFile
    scored : iterable of sequence of ScoredRow
        All of its rows, in order.
    """
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, delimiter=file.separator, lineterminator="\r\n")
    width = len(file.header)
    comma = file.decimals.mark == ","
    writer.writerow([*map(neutral, file.header), *added_columns(file.header)])
    yield (b"" if file.plain else codecs.BOM_UTF8) + _taken(buffer)
    for rows in scored:
        for row in rows:
            cells = [neutral(cell) if cell[:1] in _STARTERS else cell for cell in row.cells]
            writer.writerow([*_fitted(cells, width), *_added(row, comma=comma)])
        yield _taken(buffer)


def added_columns(header: Sequence[str]) -> list[str]:
    """Return the names of the columns that are added, all with a number if one is taken."""
    taken = {name.strip().casefold() for name in header}
    number, names = 1, list(COLUMNS)
    while not taken.isdisjoint(names):
        number += 1
        names = [f"{name}_{number}" for name in COLUMNS]
    return names


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
        "",
    ]


def runner_up(answer: Answer) -> str:
    """Return the id of the second most probable segment."""
    own = answer["segment"]["id"]
    others = [one for one in answer["probabilities"] if one["id"] != own]
    return max(others, key=lambda one: one["probability"])["id"] if others else ""


def _warning(doubt: Doubt) -> str:
    return f"{doubt['field']}: {doubt['code']}" if doubt["field"] else doubt["code"]


def _in_words(row: ScoredRow) -> str:
    """Say what is wrong with a row; the message never holds a value."""
    reasons = [f"{one.field}: {one.message}" if one.field else one.message for one in row.problems]
    place = f"line {row.line}" + (", " if row.problems[0].field else ": ")
    return place + "; ".join(reasons)


def _taken(buffer: StringIO) -> bytes:
    """Return what was written, and forget it."""
    content = buffer.getvalue().encode()
    buffer.seek(0)
    buffer.truncate()
    return content
