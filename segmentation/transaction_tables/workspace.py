"""A database on disk that holds a table of transactions while it is cleaned; then it is gone.

Its tables are ``cells`` (as read), ``dropped`` (row and reason) and ``clean``. The view ``typed``
is ``cells`` and whether a row repeats an earlier one. ``row`` is the line of the file. What reads
the file, and what is made of the clean rows, is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from segmentation.aggregation import TYPES
from segmentation.schema import Schema
from segmentation.schema.transaction_roles import TransactionRoles
from segmentation.tables.typed_table import TypedChunk
from segmentation.transaction_rules import REASONS, Test, TransactionRule
from segmentation.transaction_tables.cells import LINE, UNREAD, make_columns
from segmentation.transaction_tables.lone_days import find_bulk

if TYPE_CHECKING:
    import duckdb

_CONDITIONS: dict[Test, str] = {
    "missing": "{column} IS NULL",
    "begins": "starts_with({column}, upper({bound})) OR starts_with({column}, lower({bound}))",
    "longer": "length({column}) > {bound}",
    "below": "{column} < {bound}",
    "before": "{column} < {bound}",
    "above": "{column} > {bound}",
    "after": "{column} > {bound}",
}


@contextmanager
def open_workspace(
    folder: Path | None, memory_limit: str, **settings: str
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database on disk that is gone afterwards.

    Parameters
    ----------
    folder : Path or None
        Where it is for the time; None for the system's folder of temporary files.
    memory_limit : str
        What DuckDB may take before it goes on in that folder.
    **settings : str
        Further settings of DuckDB.
    """
    import duckdb

    with TemporaryDirectory(dir=folder, prefix=".duckdb-") as place:
        config: dict[str, Any] = {"memory_limit": memory_limit, "temp_directory": place, **settings}
        with duckdb.connect(str(Path(place) / "rows.db"), config=config) as connection:
            yield connection


def create_tables(connection: duckdb.DuckDBPyConnection, schema: Schema) -> None:
    """Make the empty tables ``cells`` and ``dropped``, and the view ``typed``.

    In ``typed`` a column ``repeated`` says whether all cells of a row are those of an earlier one;
    what could not be read is compared as it was written.
    """
    kinds = ", ".join(f'"{column.name}" {TYPES[column.kind]}' for column in schema.columns)
    connection.execute(f"CREATE TABLE cells ({LINE} BIGINT, {kinds}, {UNREAD} VARCHAR)")
    connection.execute(f"CREATE TABLE dropped ({LINE} BIGINT, reason VARCHAR)")
    columns = list_columns(schema)
    connection.execute(
        f"CREATE VIEW typed AS SELECT {LINE}, {columns}, "  # nosec B608  # columns that schema_rules has checked; values are parameters
        f"row_number() OVER (PARTITION BY {columns}, {UNREAD} ORDER BY {LINE}) > 1 AS repeated "
        "FROM cells"
    )


def list_columns(schema: Schema) -> str:
    """Return the names of a schema's columns as SQL has them."""
    return ", ".join(f'"{column.name}"' for column in schema.columns)


def insert_chunk(connection: duckdb.DuckDBPyConnection, chunk: TypedChunk, schema: Schema) -> None:
    """Add some rows of a table to ``cells``: NULL where a cell has no value."""
    connection.register("chunk", make_columns(chunk, schema))
    connection.execute("INSERT INTO cells SELECT * FROM chunk")
    connection.unregister("chunk")


def drop_faulty(connection: duckdb.DuckDBPyConnection, rules: Sequence[TransactionRule]) -> None:
    """Add the rows that break rules, or repeat earlier ones, to ``dropped``: the first reason."""
    conditions: dict[str, list[str]] = {reason: [] for reason in REASONS}
    conditions["duplicate"].append("repeated")
    bounds: dict[str, Any] = {}
    for number, rule in enumerate(rules):
        name = f"bound_{number}"
        if rule.test != "missing":
            bounds[name] = rule.bound
        condition = _CONDITIONS[rule.test].format(column=f'"{rule.column}"', bound=f"${name}")
        conditions[rule.reason].append(condition)
    cases = " ".join(
        f"WHEN {' OR '.join(of_reason)} THEN '{reason}'"
        for reason, of_reason in conditions.items()
        if of_reason
    )
    connection.execute(
        f"INSERT INTO dropped SELECT * FROM (SELECT {LINE}, CASE {cases} END AS reason FROM typed)"  # nosec B608  # columns that schema_rules has checked; values are parameters
        " WHERE reason IS NOT NULL",
        bounds,
    )


def keep_clean(connection: duckdb.DuckDBPyConnection, schema: Schema) -> None:
    """Make the table ``clean`` of the rows that are not in ``dropped``."""
    connection.execute(
        f"CREATE TABLE clean AS SELECT {LINE}, {list_columns(schema)} FROM cells "  # nosec B608  # columns that schema_rules has checked; values are parameters
        f"WHERE {LINE} NOT IN (SELECT {LINE} FROM dropped)"
    )


def drop_lone(connection: duckdb.DuckDBPyConnection, roles: TransactionRoles) -> int:
    """Move the rows of ``clean`` whose times stand alone to ``dropped``; return how many they are.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    roles : TransactionRoles
        Which columns say who bought, and when.
    """
    time = roles.time
    days = connection.execute(
        f'SELECT "{time}"::DATE AS day, count(DISTINCT "{roles.customer}") '  # nosec B608  # columns that schema_rules has checked; values are parameters
        "FROM clean GROUP BY day ORDER BY day"
    ).fetchall()
    if not days:
        return 0
    first, last = find_bulk(days)
    outside = f'"{time}"::DATE NOT BETWEEN $first AND $last'
    return drop_where(connection, outside, "out_of_range", {"first": first, "last": last})


def drop_where(
    connection: duckdb.DuckDBPyConnection, condition: str, reason: str, bounds: dict[str, Any]
) -> int:
    """Move the rows of ``clean`` that meet a condition to ``dropped``; return how many they are."""
    connection.execute(
        f"INSERT INTO dropped SELECT {LINE}, '{reason}' FROM clean WHERE {condition}",  # nosec B608  # columns that schema_rules has checked; values are parameters
        bounds,
    )
    deleted = connection.execute(f"DELETE FROM clean WHERE {condition}", bounds).fetchall()  # nosec B608  # columns that schema_rules has checked; values are parameters
    return int(deleted[0][0])
