"""Rows of CSV files, or the exact reason why there are none.

Encodings are in ``encodings``; what cells mean is found later, by columns.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO, TextIOWrapper
from itertools import islice
from typing import IO

from segmentation.errors import FileError
from segmentation.tables.encodings import find_encoding
from segmentation.tables.rows import Layout, Row, find_header, is_blank
from segmentation.tables.unpacking import FileKind

# Characters of a row. A cell of a spreadsheet holds 32,767; csv itself reads cells of 131,072.
LONGEST_ROW = 131_072
SEPARATORS = ",;\t|"
_ROWS_LOOKED_AT = 20
# Excel takes the separator from such a line, and writes it on request.
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(?P<separator>[,;\t|])\"?[\r\n]+", re.IGNORECASE)


class CsvRows:
    """The rows of a CSV file.

    Parameters
    ----------
    stream : binary file
        To be read more than once; stays open.
    is_known : callable
        Whether a name of the header, without blanks around it, means something.
    encoding : str, optional
        What the caller says it is.
    cut : bool, optional
        Whether the stream is only the beginning of a file: what is not whole at its end is left
        out.

    Attributes
    ----------
    layout : Layout

    Raises
    ------
    FileError
        If it isn't text.
    """

    def __init__(
        self,
        stream: IO[bytes],
        is_known: Callable[[str], bool],
        encoding: str | None = None,
        *,
        cut: bool = False,
    ) -> None:
        self._stream = stream
        self._cut = cut
        self._encoding = find_encoding(stream, encoding, cut=cut)
        with self._text() as text:
            beginning = text.read(LONGEST_ROW)
        stated = _SEPARATOR_LINE.match(beginning)
        self._has_separator_line = stated is not None
        separator = stated["separator"] if stated else find_separator(beginning.lstrip(), is_known)
        self.layout = Layout(
            kind=FileKind.CSV,
            encoding=self._encoding.name,
            separator=separator,
            is_plain=self._encoding.is_plain,
        )

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are not blank.

        Raises
        ------
        FileError
            If the file is not CSV.
        """
        with self._text() as text:
            lines = _Lines(text)
            if self._has_separator_line:
                next(lines)
                lines.begin_row(2)
            yield from self._rows_of(lines)

    def _rows_of(self, lines: _Lines) -> Iterator[Row]:
        n_before = lines.row - 1
        reader = csv.reader(lines, delimiter=self.layout.separator, strict=True)
        try:
            for cells in reader:
                if self._cut and lines.ended:
                    return
                if not is_blank(cells):
                    yield Row(lines.row, cells)
                lines.begin_row(n_before + reader.line_num + 1)
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
        text = TextIOWrapper(self._stream, self._encoding.codec, errors, newline="")
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
        Whether the line that was read last has no end, or there was none left.
    """

    def __init__(self, text: TextIOWrapper) -> None:
        self._text = text
        self.ended = False
        self.begin_row(1)

    def begin_row(self, line: int) -> None:
        """Say that a row begins in the next line."""
        self.row = line
        self._n_characters = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_ROW + 1)
        self.ended = not line.endswith(("\n", "\r"))
        if not line:
            raise StopIteration
        self._n_characters += len(line)
        if self._n_characters > LONGEST_ROW:
            raise FileError(
                f"The row that begins in line {self.row} is longer than {LONGEST_ROW} characters;"
                " perhaps a quotation mark is not closed."
            )
        return line


def find_separator(beginning: str, is_known: Callable[[str], bool]) -> str:
    """Return the separator that makes most names of a header known.

    Parameters
    ----------
    beginning : str
        Of a table; its header is one of the first rows.
    is_known : callable
        Whether a name, without blanks around it, means something.
    """

    def count_names(separator: str) -> tuple[int, int]:
        reader = csv.reader(StringIO(beginning, newline=""), delimiter=separator)
        rows = (Row(n, cells) for n, cells in enumerate(_whole_rows(reader)) if not is_blank(cells))
        try:
            header, _ = find_header(islice(rows, _ROWS_LOOKED_AT), is_known)
        except FileError:
            return 0, 0
        n_known = sum(is_known(str(name).strip()) for name in header.cells)
        # Where no name is known, the separator that makes most of them is shown to the sender.
        return n_known, 0 if n_known else len(header.cells)

    return max(SEPARATORS, key=count_names)


def _whole_rows(reader: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield rows until one cannot be read: the beginning may end inside a cell."""
    try:
        yield from reader
    except csv.Error:
        return
