"""Reads a made-up table in each kind of file: ``python -m benchmarks.tables``.

Prints rows per second of both passes of the reader, without scoring.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

from segmentation.schema import Schema
from segmentation.studies.credit_card import CREDIT_CARD
from segmentation.tables.typed_table import open_typed_table

SEED = 42


def make_rows(schema: Schema, n_rows: int) -> list[list[str]]:
    """Return a header and rows of plain amounts."""
    draw = random.Random(SEED)
    columns = [column.title for column in schema.columns]
    amounts = ([f"{draw.lognormvariate(5, 2):.2f}" for _ in columns[1:]] for _ in range(n_rows))
    return [columns, *([f"C{n}", *row] for n, row in enumerate(amounts))]


def write_csv(rows: list[list[str]], separator: str = ",") -> bytes:
    """Return the table as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue().encode()


def write_german(rows: list[list[str]]) -> bytes:
    """Return the table with decimal commas and points between thousands."""
    header, *body = rows
    swapped = str.maketrans(",.", ".,")
    amounts = ([row[0], *(f"{float(cell):,.2f}".translate(swapped) for cell in row[1:])]
               for row in body)  # fmt: skip
    return write_csv([header, *amounts], ";")


def write_parquet(rows: list[list[str]]) -> bytes:
    """Return the table as Parquet."""
    import pandas as pd

    frame = pd.DataFrame(rows[1:], columns=rows[0])
    frame[rows[0][1:]] = frame[rows[0][1:]].astype(float)
    return _through_duckdb(frame)


def _through_duckdb(frame: object) -> bytes:
    import duckdb

    with NamedTemporaryFile(suffix=".parquet") as file, duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute(f"COPY frame TO '{file.name}' (FORMAT parquet)")
        return Path(file.name).read_bytes()


def write_workbook(rows: list[list[str]]) -> bytes:
    """Return the table as a workbook."""
    import xlsxwriter

    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"strings_to_numbers": True}) as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return content.getvalue()


KINDS: dict[str, Callable[[list[list[str]]], bytes]] = {
    "CSV": write_csv,
    "CSV, German numbers": write_german,
    "CSV in gzip": lambda rows: gzip.compress(write_csv(rows)),
    "workbook": write_workbook,
    "Parquet": write_parquet,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    n_rows = parser.parse_args().rows
    rows = make_rows(CREDIT_CARD.schema, n_rows)
    sys.stdout.write(f"{n_rows} rows of {len(rows[0])} columns\n")
    for kind, write in KINDS.items():
        content = write(rows)
        start = time.perf_counter()
        with open_typed_table(io.BytesIO(content), CREDIT_CARD.schema) as table:
            n_read = sum(len(chunk.rows.lines) for chunk in table.chunks())
        seconds = time.perf_counter() - start
        sys.stdout.write(f"{kind:20} {n_read / seconds:10,.0f} rows/s\n")


if __name__ == "__main__":
    main()
