"""Opens a table, whatever it is written in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO

from segmentation.errors import FileError
from segmentation.tables.csv_rows import CsvRows
from segmentation.tables.dates import DateOrder
from segmentation.tables.parquet_rows import ParquetRows, on_disk
from segmentation.tables.rows import RowSource, Table
from segmentation.tables.unpacking import FileKind, UnpackingLimits, unpack
from segmentation.tables.workbooks import SheetRows


@dataclass(frozen=True)
class TableOptions:
    """What a caller says about a table that it does not prove itself.

    Attributes
    ----------
    mapping : mapping of str to str
        By header, the field that its column holds, by any spelling; empty for a column that is
        not to be read.
    encoding : str or None
        Of CSV, by any name that Python knows.
    sheet : str or None
        Of a workbook.
    dates : DateOrder or None
        In which order dates have their parts.
    recognise : callable or None
        Returns a sentence about the table to which names of columns belong, or nothing.
    limits : UnpackingLimits
        How much may come out of a packed file.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    sheet: str | None = None
    dates: DateOrder | None = None
    recognise: Callable[[Sequence[str]], str] | None = None
    limits: UnpackingLimits = field(default_factory=UnpackingLimits)


@contextmanager
def open_table(
    stream: IO[bytes],
    is_known: Callable[[str], bool],
    options: TableOptions,
    *,
    cut: bool = False,
) -> Iterator[Table]:
    """Give the table in a file until the block ends.

    Parameters
    ----------
    stream : binary file
        CSV, a workbook or Parquet, maybe packed by gzip or zip. To be read more than once; stays
        open.
    is_known : callable
        Whether a name of the header, without blanks around it, means something.
    options : TableOptions
    cut : bool, optional
        Whether the stream is only the beginning of a CSV file: what is not whole at its end is
        left out.

    Raises
    ------
    FileError
        If it is no table that can be read.
    """
    with ExitStack() as stack:
        unpacked, kind = stack.enter_context(unpack(stream, options.limits))
        if cut and kind is not FileKind.CSV:
            raise FileError("Only of a CSV file can a part be looked at; send the whole file.")
        try:
            source: RowSource
            if kind is FileKind.PARQUET:
                source = ParquetRows(stack.enter_context(on_disk(unpacked)), options.limits)
            elif kind is FileKind.CSV:
                source = CsvRows(unpacked, is_known, options.encoding, cut=cut)
            else:
                source = SheetRows(unpacked, kind, is_known, options.sheet, options.limits)
            table = Table(source, is_known)
        except FileError as error:
            if cut and str(error) == "The file is empty." and stream.seek(0, 2):
                raise FileError("The header is longer than what was sent.") from None
            raise
        yield table
