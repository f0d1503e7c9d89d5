"""From the bytes of a CSV file to its header and numbered rows, or the exact reason why not.

Everything that can be wrong with a file as a whole is found before its first row is given, so that
an answer can be on its way while the rest is still read. What cells mean is in ``scoring``.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO, TextIOWrapper
from itertools import islice
from typing import IO, NamedTuple

from segmentation.batch.decimals import Decimals
from segmentation.batch.mapping import Fields
from segmentation.errors import FileError
from segmentation.schema import Schema
from segmentation.schema.headers import separator_of

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


class RecordFile:
    """A file of records that can be scored.

    Parameters
    ----------
    stream : binary file
        To be read more than once; stays open.
    schema : Schema
        What a record is.
    wanted : mapping of str to str, optional
        See `Fields`.

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
    fields : list of str or None
        The field that each column holds; None where it is only passed on.
    decimals : Decimals
        How numbers are written.
    n_rows : int
        Without blank lines.

    Raises
    ------
    FileError
        If nothing of it can be scored.
    MappingError
        If what is wanted can't be had.
    """

    def __init__(
        self, stream: IO[bytes], schema: Schema, wanted: Mapping[str, str] | None = None
    ) -> None:
        self._stream = stream
        self._codec = _codec(stream)
        self.encoding = _NAMES[self._codec]
        self.plain = self._codec == "utf-8"
        fields = Fields(schema, wanted or {})
        with self._text() as text:
            beginning = text.read(LONGEST_ROW).lstrip()
        self.separator = separator_of(StringIO(beginning, newline=""), fields.known)
        self.header = self._header()
        self.fields = fields.of(self.header)
        spellings = schema.spellings
        self.columns = [
            (position, field, spellings[field].column)
            for position, field in enumerate(self.fields)
            if field
        ]
        self.decimals = self._decimals()
        self.n_rows = sum(1 for _ in self.rows())
        if not self.n_rows:
            raise FileError("The file has a header but no rows.")

    @property
    def ignored(self) -> list[str]:
        """The headers of the columns that are passed on and not read."""
        pairs = zip(self.header, self.fields, strict=True)
        return [name for name, field in pairs if field is None]

    def rows(self) -> Iterator[Row]:
        """Yield the rows below the header.

        Raises
        ------
        FileError
            If the file is not CSV; after it was opened, it is.
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

    def _header(self) -> list[str]:
        first = next(self._all_rows(), None)
        if first is None:
            raise FileError("The file is empty.")
        if len(first.cells) > MOST_COLUMNS:
            raise FileError(f"The file has more than {MOST_COLUMNS} columns.")
        return first.cells

    def _decimals(self) -> Decimals:
        """Look at the numbers of the first rows."""
        numeric = [position for position, _, column in self.columns if column.numeric]
        cells = (
            row.cells[position]
            for row in islice(self.rows(), _LOOKED_AT)
            for position in numeric
            if position < len(row.cells)
        )
        return Decimals.seen_in(cells, self.separator)

    def _all_rows(self) -> Iterator[Row]:
        """Yield the rows, the header first; what is blank is no row."""
        with self._text() as text:
            lines = _Lines(text)
            reader = csv.reader(lines, delimiter=self.separator, strict=True)
            try:
                for cells in reader:
                    if len(cells) > 1 or any(map(str.strip, cells)):
                        yield Row(lines.row, cells)
                    lines.begin_row(reader.line_num + 1)
            except csv.Error:
                raise FileError(
                    f"The row that begins in line {lines.row} is not CSV: a quotation mark is not"
                    " closed, or something follows a closed one."
                ) from None

    @contextmanager
    def _text(self) -> Iterator[TextIOWrapper]:
        self._stream.seek(0)
        text = TextIOWrapper(self._stream, self._codec, newline="")
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
    """

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self.begin_row(1)

    def begin_row(self, line: int) -> None:
        """Say that a row begins in the next line."""
        self.row = line
        self._taken = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_ROW + 1)
        if not line:
            raise StopIteration
        self._taken += len(line)
        if self._taken > LONGEST_ROW:
            raise FileError(
                f"The row that begins in line {self.row} is longer than {LONGEST_ROW} characters;"
                " perhaps a quotation mark is not closed."
            )
        return line


def _codec(stream: IO[bytes]) -> str:
    """Return the codec that reads a file to its end.

    Raises
    ------
    FileError
        If there is none: the file isn't text.
    """
    stream.seek(0)
    beginning = stream.read(4)
    marked = next((codec for mark, codec in _MARKS if beginning.startswith(mark)), None)
    for codec in (marked,) if marked else ("utf-8", "cp1252"):
        if _reads(codec, stream):
            return codec
    what = _NAMES[marked] if marked else "UTF-8, UTF-16 or Windows-1252"
    workbook = beginning == b"PK\x03\x04"
    advice = " It looks like a workbook: save it as CSV." if workbook else ""
    raise FileError(f"The file is not text in {what}.{advice}")


def _reads(codec: str, stream: IO[bytes]) -> bool:
    """Whether a codec reads a file to its end and finds no zeros, which no text has."""
    decoder = codecs.getincrementaldecoder(codec)()
    stream.seek(0)
    try:
        while piece := stream.read(_PIECE):
            if "\0" in decoder.decode(piece):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
