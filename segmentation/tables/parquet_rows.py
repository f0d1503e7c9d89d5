"""Rows of a Parquet file, read by DuckDB: cells have the types of its columns."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any

from segmentation.errors import FileError, UnavailableError
from segmentation.tables.rows import Cell, Layout, Row, is_blank
from segmentation.tables.unpacking import FileKind, UnpackingLimits

if TYPE_CHECKING:
    import duckdb

_MEMORY_LIMIT = "256MB"
_ROWS = 2_048
_TIMES = ("DATE", "TIMESTAMP")
# Values of other types, such as lists, are no answers to one question.
_SIMPLE = (
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT"),
    *("UINTEGER", "UBIGINT", "FLOAT", "DOUBLE", "VARCHAR", "TIME", "UUID", '"NULL"'),
    *_TIMES,
)


class ParquetRows:
    """The rows of a Parquet file; its header is the first of them.

    Parameters
    ----------
    path : str
    limits : UnpackingLimits
        A few bytes may stand for millions of equal cells.

    Raises
    ------
    FileError
        If it is no such file, too large, or holds nested columns.
    UnavailableError
        If DuckDB is not installed.
    """

    def __init__(self, path: str, limits: UnpackingLimits) -> None:
        self._path = path
        self.layout = Layout(kind=FileKind.PARQUET)
        with self._connected() as connection:
            described = connection.execute("DESCRIBE source").fetchall()
            (n_rows,) = connection.execute(
                "SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata($path)",
                {"path": path},
            ).fetchall()[0]
        kinds = {name: str(kind) for name, kind, *_ in described}
        nested = [name for name, kind in kinds.items() if not _is_simple(kind)]
        if nested:
            raise FileError(f"The file has columns that are not simple: {', '.join(nested)}.")
        if n_rows * len(kinds) > limits.n_cells:
            raise FileError(f"The file holds more than {limits.n_cells:,} cells.")
        self._names = list(kinds)
        self._cells = ", ".join(_select(name, kind) for name, kind in kinds.items())

    def rows(self) -> Iterator[Row]:
        """Yield the header, as line 1, and the rows that are not blank."""
        yield Row(1, self._names)
        line = 1
        with self._connected() as connection:
            result = connection.execute(f"SELECT {self._cells} FROM source")  # nosec B608  # columns that schema_rules has checked; values are parameters
            while rows := result.fetchmany(_ROWS):
                for cells in rows:
                    line += 1
                    row = list(map(_plain, cells))
                    if not is_blank(row):
                        yield Row(line, row)

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection with the view ``source`` of the file."""
        try:
            import duckdb
        except ModuleNotFoundError:
            raise UnavailableError.without("Parquet files", "transactions") from None
        path = self._path.replace("'", "''")
        try:
            with duckdb.connect(config={"memory_limit": _MEMORY_LIMIT}) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute(f"CREATE VIEW source AS SELECT * FROM read_parquet('{path}')")  # nosec B608  # columns that schema_rules has checked; values are parameters
                yield connection
        except duckdb.Error:
            raise FileError("The file is not a whole Parquet file.") from None


@contextmanager
def on_disk(stream: IO[bytes]) -> Iterator[str]:
    """Give the path of a file that holds what a stream does until the block ends."""
    name = getattr(stream, "name", None)
    if isinstance(name, str) and Path(name).is_file():
        yield name
        return
    with NamedTemporaryFile(suffix=".parquet") as copy:
        stream.seek(0)
        shutil.copyfileobj(stream, copy)
        copy.flush()
        yield copy.name


def _is_simple(kind: str) -> bool:
    return kind in _SIMPLE or (kind.startswith(("DECIMAL(", "ENUM(", *_TIMES)) and kind[-1] != "]")


def _select(name: str, kind: str) -> str:
    """Return the expression of a column: a time without its zone, in UTC."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind.startswith("TIMESTAMP"):
        return f"{quoted}::TIMESTAMP"
    return f"{quoted}::VARCHAR" if kind == "UUID" or kind.startswith("ENUM(") else quoted


def _plain(cell: Any) -> Cell:
    result: Cell = float(cell) if isinstance(cell, Decimal) else cell
    return result
