"""What every reader of a kind of file gives: a header, rows of cells, and how they were read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import islice
from typing import NamedTuple, Protocol

from segmentation.errors import FileError

Cell = str | float | int | bool | datetime | date | time | None
"""A cell of a workbook or of Parquet has a type, a cell of CSV is text."""

# A short row is filled up to the width of the header: an answer must not be thousands of times as
# long as what was sent.
MOST_COLUMNS = 1_000
# Rows among which the header is looked for: exports put titles, dates and filters above it.
_MOST_ROWS_ABOVE = 20


class Row(NamedTuple):
    """A row of a table and the line in which it begins: the line of a text, the row of a sheet."""

    line: int
    cells: Sequence[Cell]


@dataclass
class Layout:
    """How a table was read.

    Attributes
    ----------
    kind : str
        ``csv``, ``xlsx``, ``xls`` or ``parquet``.
    encoding, separator : str
        Of CSV; empty otherwise.
    is_plain : bool
        Whether it is CSV in UTF-8 without a byte order mark.
    sheet : str
        Of a workbook; empty otherwise.
    n_above : int
        Rows above the header that were passed over.
    n_repeated : int
        Rows that repeat the header, as appended exports have them, and were passed over.
    """

    kind: str
    encoding: str = ""
    separator: str = ""
    is_plain: bool = False
    sheet: str = ""
    n_above: int = 0
    n_repeated: int = 0


class RowSource(Protocol):
    """Rows of a file, which can be read several times."""

    layout: Layout

    def rows(self) -> Iterator[Row]:
        """Yield all rows that are not blank, those above the header included."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a table, in columns.

    Attributes
    ----------
    lines : list of int
        The line in which each row begins.
    columns : list of sequence of Cell
        As many as the header has names; a row with another number of cells is filled or cut.
    uneven : mapping of int to sequence of Cell
        By position, the cells of the rows that have another number of them than the header.
    """

    lines: list[int]
    columns: list[Sequence[Cell]]
    uneven: Mapping[int, Sequence[Cell]] = field(default_factory=dict)

    def rows(self) -> list[list[str]]:
        """Return the cells of each row as text, as they stand in the file."""
        rows = [list(map(write_cell, cells)) for cells in zip(*self.columns, strict=True)]
        for position, cells in self.uneven.items():
            rows[position] = list(map(write_cell, cells))
        return rows


class Table:
    """A header and the rows below it.

    Parameters
    ----------
    source : RowSource
    is_known : callable
        Whether a name of the header, without blanks around it, means something: the header is the
        first row with the most names that do.

    Attributes
    ----------
    header : list of str
        As it stands there.
    header_line : int
    layout : Layout

    Raises
    ------
    FileError
        If there is no row, or it is too wide.
    """

    def __init__(self, source: RowSource, is_known: Callable[[str], bool]) -> None:
        self._source = source
        self.layout = source.layout
        header, n_above = find_header(source.rows(), is_known)
        self.layout.n_above = n_above
        self.header_line = header.line
        self.header = [write_cell(cell) for cell in header.cells]
        if len(self.header) > MOST_COLUMNS:
            raise FileError(f"The file has more than {MOST_COLUMNS} columns.")
        self._stripped = [name.strip() for name in self.header]

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the header, without those that repeat it.

        Raises
        ------
        FileError
            If the file cannot be read to its end.
        """
        self.layout.n_repeated = 0
        for row in self._source.rows():
            if row.line <= self.header_line:
                continue
            if self._repeats_header(row.cells):
                self.layout.n_repeated += 1
            else:
                yield row

    def chunks(self, n_rows: int, most_characters: int) -> Iterator[Chunk]:
        """Yield the rows in columns, so many at a time, and fewer of long ones."""
        batch: list[Row] = []
        size = 0
        for row in self.rows():
            batch.append(row)
            size += _count_characters(row.cells)
            if len(batch) == n_rows or size > most_characters:
                yield make_chunk(batch, len(self.header))
                batch, size = [], 0
        if batch:
            yield make_chunk(batch, len(self.header))

    def _repeats_header(self, cells: Sequence[Cell]) -> bool:
        first = cells[0] if cells else None
        if type(first) is not str or first.strip() != self._stripped[0]:
            return False
        return [write_cell(cell).strip() for cell in cells] == self._stripped


def _count_characters(cells: Sequence[Cell]) -> int:
    try:
        return sum(map(len, cells))  # type: ignore[arg-type]  # TypeError: cells with types
    except TypeError:
        return sum(len(cell) for cell in cells if type(cell) is str)


def make_chunk(rows: Sequence[Row], width: int) -> Chunk:
    """Turn rows into columns.

    Empty cells beyond the last column are what spreadsheets leave of deleted ones, and are no
    fault of a row.
    """
    uneven: dict[int, Sequence[Cell]] = {}
    even_rows = []
    for position, (_, cells) in enumerate(rows):
        if len(cells) == width:
            even_rows.append(cells)
            continue
        if len(cells) < width or any(map(is_filled, cells[width:])):
            uneven[position] = cells
        even_rows.append([*cells[:width], *[""] * (width - len(cells))])
    return Chunk([row.line for row in rows], list(zip(*even_rows, strict=True)), uneven)


def find_header(rows: Iterator[Row], is_known: Callable[[str], bool]) -> tuple[Row, int]:
    """Return the first of the rows with the most known names, and how many stand above it.

    Raises
    ------
    FileError
        If there is no row.
    """
    beginning = list(islice(rows, _MOST_ROWS_ABOVE))
    if not beginning:
        raise FileError("The file is empty.")
    n_known = [
        len({name for name in map(write_cell, row.cells) if is_known(name.strip())})
        for row in beginning
    ]
    position = n_known.index(max(n_known))
    return beginning[position], position


def is_filled(cell: Cell) -> bool:
    """Whether there is anything in a cell."""
    return bool(cell.strip()) if type(cell) is str else cell is not None


def is_blank(cells: Iterable[Cell]) -> bool:
    """Whether there is nothing in any cell of a row."""
    return not any(map(is_filled, cells))


def write_cell(cell: Cell) -> str:
    """Return a cell as text: whole numbers without a point, times as in ISO 8601."""
    if type(cell) is str:
        return cell
    if cell is None:
        return ""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)
