"""From the bytes of a CSV file to its header and numbered rows, or the exact reason why not.

What its columns are is found in ``opening``, what cells mean in ``scoring``.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO, TextIOWrapper
from itertools import islice
from typing import IO, NamedTuple

from segmentation.batch.decimal_marks import Decimals
from segmentation.errors import FileError
from segmentation.schema.separators import separator_of

# Characters of a row. A cell of a spreadsheet holds 32,767; csv itself reads cells of 131,072.
LONGEST_ROW = 131_072
# A short row is filled up to the width of the header: an answer must not be thousands of times as
# long as what was sent.
MOST_COLUMNS = 1_000
# Rows that are answered without letting others in: with the 256 that a model likes best, one in
# twenty of the single records that are asked for meanwhile takes 10 ms (docs/decisions/0015).
_TOGETHER = 16
# Characters of the rows that are in memory at a time, about.
_ROOM = 1 << 20
_PIECE = 1 << 16
# Rows in which decimal commas and points are looked for.
_LOOKED_AT = 1_000

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-8": "UTF-8", "cp1252": "Windows-1252"}


class Row(NamedTuple):
    """A row of a file and the line in which it begins; the header's line is 1."""

    line: int
    cells: list[str]


class CsvTable:
    """A CSV file as text: its header and its rows, which are read when they are asked for.

    Parameters
    ----------
    stream : binary file
        To be read more than once; stays open.
    known : callable
        Whether a name of the header, without blanks around it, means something.
    cut : bool, optional
        Whether the stream is only the beginning of a file: what is not whole at its end is left
        out.

    Attributes
    ----------
    encoding : str
        ``UTF-8``, ``UTF-16`` or ``Windows-1252``, whichever it is.
    plain : bool
        Whether it is UTF-8 without a byte order mark.
    separator : str
        Comma, semicolon or tab.
    header : list of str
        As it stands there.

    Raises
    ------
    FileError
        If it isn't text or has no header.
    """

    def __init__(
        self, stream: IO[bytes], is_known: Callable[[str], bool], *, cut: bool = False
    ) -> None:
        self._stream = stream
        self._cut = cut
        self._codec = _codec(stream, cut=cut)
        self.encoding = _NAMES[self._codec]
        self.plain = self._codec == "utf-8"
        with self._text() as text:
            beginning = text.read(LONGEST_ROW).lstrip()
        self.separator = separator_of(StringIO(beginning, newline=""), is_known)
        self.header = self._header()

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the header.

        Raises
        ------
        FileError
            If the file is not CSV.
        """
        rows = self._all_rows()
        next(rows, None)
        return rows

    def chunks(self) -> Iterator[list[Row]]:
        """Yield the rows a few at a time, and fewer of long ones."""
        chunk: list[Row] = []
        size = 0
        for row in self.rows():
            chunk.append(row)
            size += sum(map(len, row.cells))
            if len(chunk) == _TOGETHER or size > _ROOM:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def decimals_in(self, numeric: Sequence[int]) -> Decimals:
        """Look at the numbers in the columns at some positions, in the first rows."""
        cells = (
            row.cells[position]
            for row in islice(self.rows(), _LOOKED_AT)
            for position in numeric
            if position < len(row.cells)
        )
        return Decimals.seen_in(cells, self.separator)

    def _header(self) -> list[str]:
        first = next(self._all_rows(), None)
        if first is None:
            raise FileError(
                "The header is longer than what was sent." if self._cut else "The file is empty."
            )
        if len(first.cells) > MOST_COLUMNS:
            raise FileError(f"The file has more than {MOST_COLUMNS} columns.")
        return first.cells

    def _all_rows(self) -> Iterator[Row]:
        """Yield the rows, the header first; what is blank is no row."""
        with self._text() as text:
            lines = _Lines(text)
            reader = csv.reader(lines, delimiter=self.separator, strict=True)
            try:
                for cells in reader:
                    if self._cut and lines.ended:
                        return
                    if len(cells) > 1 or any(map(str.strip, cells)):
                        yield Row(lines.row, cells)
                    lines.begin_row(reader.line_num + 1)
            except csv.Error:
                if self._cut and lines.ended:
                    return
                raise FileError(
                    f"The row that begins in line {lines.row} is not CSV: a quotation mark is not"
                    " closed, or something follows a closed one."
                ) from None

    @contextmanager
    def _text(self) -> Iterator[TextIOWrapper]:
        self._stream.seek(0)
        errors = "ignore" if self._cut else "strict"  # all but half a character was looked at
        text = TextIOWrapper(self._stream, self._codec, errors, newline="")
        try:
            yield text
        finally:
            text.detach()


class _Lines:
    """The lines of a text, for the rows that are made of them.

    Parameters
    ----------
    text : TextIOWrapper

    Attributes
    ----------
    row : int
        The line in which the row at hand begins.
    ended : bool
        Whether the line that was given last has no end, or there was none left.
    """

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self.ended = False
        self.begin_row(1)

    def begin_row(self, line: int) -> None:
        """Say that a row begins in the next line."""
        self.row = line
        self._taken = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_ROW + 1)
        self.ended = not line.endswith(("\n", "\r"))
        if not line:
            raise StopIteration
        self._taken += len(line)
        if self._taken > LONGEST_ROW:
            raise FileError(
                f"The row that begins in line {self.row} is longer than {LONGEST_ROW} characters;"
                " perhaps a quotation mark is not closed."
            )
        return line


def _codec(stream: IO[bytes], *, cut: bool) -> str:
    """Return the codec that reads a file to its end, or to half a character if it is cut there.

    Raises
    ------
    FileError
        If there is none: the file isn't text.
    """
    stream.seek(0)
    beginning = stream.read(4)
    marked = next((codec for mark, codec in _MARKS if beginning.startswith(mark)), None)
    for codec in (marked,) if marked else ("utf-8", "cp1252"):
        if _reads(codec, stream, cut=cut):
            return codec
    encoding = _NAMES[marked] if marked else "UTF-8, UTF-16 or Windows-1252"
    workbook = beginning == b"PK\x03\x04"
    advice = " It looks like a workbook: save it as CSV." if workbook else ""
    raise FileError(f"The file is not text in {encoding}.{advice}")


def _reads(codec: str, stream: IO[bytes], *, cut: bool) -> bool:
    """Whether a codec reads a file to its end and finds no zeros, which no text has."""
    decoder = codecs.getincrementaldecoder(codec)()
    stream.seek(0)
    try:
        while piece := stream.read(_PIECE):
            if "\0" in decoder.decode(piece):
                return False
        decoder.decode(b"", final=not cut)
    except UnicodeDecodeError:
        return False
    return True
