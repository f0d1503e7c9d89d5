"""What kind of file a table is, and what its header says. Where it is, is in ``addresses``."""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segmentation.datasets.addresses import check_readable
from segmentation.errors import DataError
from segmentation.schema import Schema
from segmentation.schema.separators import separator_of

if TYPE_CHECKING:
    import duckdb

_PIECE = 1 << 20


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its extension.

    Raises
    ------
    DataError
        If it is neither ``.parquet`` nor ``.csv``.
    """
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise DataError(str(path), ["is neither .csv nor .parquet; save it as one of them"])
    return path.suffix.lower() == ".parquet"


def scan(connection: duckdb.DuckDBPyConnection, path: Path, schema: Schema) -> list[str]:
    """Make the view ``source`` of a table, every cell of it text, and return its headers.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    path : Path
        CSV with a header line, in UTF-8 or else read as Latin-1, in which every file is text;
        comma, semicolon or tab between cells. Or Parquet.
    schema : Schema
        By its spellings a separator is chosen.
    """
    import duckdb

    file = _quoted(str(path))
    if is_parquet(path):
        reader = f"read_parquet({file})"
    else:
        encoding = "utf-8" if _is_utf8(path) else "latin-1"
        header, separator = _header(path, encoding, schema)
        columns = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in header)
        reader = (
            f"read_csv({file}, auto_detect = false, header = true, delim = {_quoted(separator)}, "
            f"quote = '\"', escape = '\"', encoding = '{encoding}', columns = {{{columns}}})"
        )
    try:
        connection.execute(f"CREATE VIEW source AS SELECT COLUMNS(*)::VARCHAR FROM {reader}")  # noqa: S608
    except duckdb.Error:
        raise DataError(str(path), ["is not a table that can be read"]) from None
    return [row[0] for row in connection.execute("DESCRIBE source").fetchall()]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while piece := file.read(_PIECE):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _header(path: Path, encoding: str, schema: Schema) -> tuple[list[str], str]:
    with path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding, newline="") as file:
        line = file.readline()
    separator = separator_of([line], schema.spellings.__contains__)
    names = [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]
    check_headers(path, names, schema, ())
    return names, separator


def check_headers(
    source: str | Path, headers: Sequence[str], schema: Schema, needed: Sequence[str]
) -> None:
    """Refuse headers that are unknown, mean the same column twice, or lack a needed column.

    Raises
    ------
    DataError
        With a line for each of them.
    """
    reasons = [f"unknown column {name!r}" for name in headers if name not in schema.spellings]
    names_present = [
        schema.spellings[name].column.name for name in headers if name in schema.spellings
    ]
    reasons += [
        f"column {schema.by_name[name].title!r} stands there {names_present.count(name)} times"
        for name in dict.fromkeys(names_present)
        if names_present.count(name) > 1
    ]
    reasons += [
        f"missing column {schema.by_name[name].title!r}"
        for name in needed
        if name not in names_present
    ]
    if reasons:
        raise DataError(str(source), reasons)


def read_categories(path: Path) -> tuple[tuple[str, str], ...]:
    """Read a table of product categories.

    Parameters
    ----------
    path : Path
        UTF-8 text: the header ``keyword,category``, then pairs in the order of trying.

    Returns
    -------
    tuple of (str, str)
        Keyword and category.

    Raises
    ------
    DataError
        If the file can't be read or a line isn't such a pair.
    """
    check_readable(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = ([cell.strip() for cell in row] for row in csv.reader(file) if row)
    except (UnicodeDecodeError, ValueError):
        raise DataError(str(path), ["is not UTF-8 text of two columns"]) from None
    if header != ["keyword", "category"]:
        raise DataError(str(path), ["must begin with the line keyword,category"])
    faults = [
        f"row {number}: must be a keyword and a category"
        for number, row in enumerate(rows, start=1)
        if len(row) != len(header) or not all(row)
    ]
    if faults or not rows:
        raise DataError(str(path), faults or ["has a header but no rows"])
    return tuple((keyword, category) for keyword, category in rows)
