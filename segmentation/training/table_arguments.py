"""What a command line says about a table that the table does not prove itself."""

from __future__ import annotations

import argparse
from dataclasses import replace

from segmentation.datasets.record_tables import FROM_PATH
from segmentation.tables.column_mapping import parse_mappings
from segmentation.tables.dates import DateOrder
from segmentation.tables.open_table import TableOptions


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of reading a table to a parser."""
    add = parser.add_argument
    add(
        "--map", action="append", default=[], metavar="HEADER:FIELD",
        help="the field of a column whose header doesn't say it; without FIELD: not read",
    )  # fmt: skip
    add("--dates", choices=list(DateOrder), metavar="ORDER",
        help=f"of the parts of dates, where no row proves it: {', '.join(DateOrder)}")  # fmt: skip
    add("--encoding", metavar="NAME",
        help="of a CSV file that is not UTF-8, UTF-16 or Windows-1252, such as cp1250")  # fmt: skip
    add("--sheet", metavar="NAME", help="of a workbook, where several may be meant")


def read_table_arguments(options: argparse.Namespace) -> TableOptions:
    """Return what was said, with the limits for files that have a path.

    Raises
    ------
    MappingError
        If a mapping is none.
    """
    return replace(
        FROM_PATH,
        mapping=parse_mappings(options.map),
        encoding=options.encoding,
        sheet=options.sheet,
        dates=DateOrder(options.dates) if options.dates else None,
    )
