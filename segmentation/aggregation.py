"""Transactions to customers: a study's one SQL text, run by DuckDB on both sides.

Training runs it over a table that may be larger than memory, the service over one customer's
transactions from a request. Checking transactions comes before; what a record means, after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import TYPE_CHECKING, Any

from segmentation.errors import (
    InvalidRecordsError,
    NotReadyError,
    PackageError,
    Problem,
    UnavailableError,
)

if TYPE_CHECKING:
    import duckdb

TYPES: Mapping[str, str] = {
    "number": "DOUBLE",
    "integer": "BIGINT",
    "category": "VARCHAR",
    "identifier": "VARCHAR",
    "time": "TIMESTAMP",
}
"""Kind of a column to DuckDB's type for it. Identifiers are text: shops mix 7 and ``007``."""

MEMORY_LIMIT = "1GB"
_EXTRA = "Transactions", "transactions"
# One customer's transactions take far less; this ends a statement that runs away.
_REQUEST_MEMORY = "256MB"
# Seconds of a statement, which comes from a package: for a request, and for a file of orders.
_REQUEST_SECONDS = 10.0
FILE_SECONDS = 300.0
_TEXTS = ("identifier", "category", "time")


@dataclass(frozen=True)
class Aggregation:
    """How transactions become records.

    Attributes
    ----------
    sql : str
        One ``SELECT`` in DuckDB's dialect over the tables ``transactions`` and ``categories``
        (``position``, ``keyword``, ``category``) and the parameter ``$reference``.
    kinds : mapping of str to str
        Kind of each column of ``transactions``, by name: a key of `TYPES`.
    time : str
        Name of the column that says when a transaction took place.
    needed : tuple of str
        Columns that no transaction may be without.
    categories : tuple of (str, str)
        Keyword and category, in the order in which they are tried.
    """

    sql: str
    kinds: Mapping[str, str]
    time: str
    needed: tuple[str, ...]
    categories: tuple[tuple[str, str], ...]

    @cached_property
    def columns(self) -> str:
        """The columns with their DuckDB types, as in a table definition."""
        return ", ".join(f'"{name}" {TYPES[kind]}' for name, kind in self.kinds.items())

    def statement(self, transactions: str) -> str:
        """Return the whole query; `transactions` is a ``SELECT`` that gives that table.

        Raises
        ------
        PackageError
            If the SQL text is not one ``SELECT``.
        UnavailableError
            If DuckDB is not installed.
        """
        keywords = "STRUCT(position BIGINT, keyword VARCHAR, category VARCHAR)[]"
        _check_single(self.sql)
        return (
            f"WITH transactions AS ({transactions}), categories AS "  # nosec B608  # one SELECT, as _check_single says; values are parameters
            f"(SELECT unnest($categories::{keywords}, recursive := true)) "
            f"SELECT * FROM ({self.sql})"
        )

    def parameters(self, reference: datetime) -> dict[str, Any]:
        """Return what the query reads besides transactions."""
        keywords = [
            {"position": position, "keyword": keyword, "category": category}
            for position, (keyword, category) in enumerate(self.categories)
        ]
        return {"categories": keywords, "reference": reference}


def aggregate(
    aggregation: Aggregation, transactions: Sequence[Mapping[str, Any]], reference: datetime
) -> list[dict[str, Any]]:
    """Turn a few transactions, from a request, into records; no file can be reached meanwhile.

    Parameters
    ----------
    aggregation : Aggregation
    transactions : sequence of mapping
        Validated transactions by column name.
    reference : datetime
        What recency is relative to; of a model, the latest time in its training data.

    Returns
    -------
    list of dict
        One record for each customer; transactions without a customer are one customer's.
        Identifiers are text; None where nothing is known.

    Raises
    ------
    InvalidRecordsError
        If a transaction lacks what is needed, or took place after the reference.
    UnavailableError
        If DuckDB is not installed.
    NotReadyError
        If it takes too long.
    """
    _check(aggregation, transactions, reference)
    rows = [_row(aggregation, transaction) for transaction in transactions]
    source = f"SELECT unnest($rows::STRUCT({aggregation.columns})[], recursive := true)"
    # A cursor for each call: a connection must not be used by two threads at once.
    with _locked().cursor() as cursor, at_most(_REQUEST_SECONDS, cursor):
        parameters = {"rows": rows} | aggregation.parameters(reference)
        return _records(cursor.execute(aggregation.statement(source), parameters))


@contextmanager
def at_most(seconds: float, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupt what a connection does in the block, if it takes longer.

    Raises
    ------
    NotReadyError
        If so.
    """
    import duckdb

    timer = Timer(seconds, connection.interrupt)
    timer.start()
    try:
        yield
    except duckdb.InterruptException:
        raise NotReadyError("Adding up the transactions took too long.") from None
    finally:
        timer.cancel()


def try_aggregation(aggregation: Aggregation, reference: datetime) -> None:
    """Run an aggregation, which may be someone else's, over no transactions.

    Raises
    ------
    PackageError
        If it is not a single question to the tables that it is there for.
    """
    try:
        aggregate(aggregation, [], reference)
    except UnavailableError:
        return  # where DuckDB is not installed, nobody will run it
    except PackageError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever DuckDB, or Python before it, meets
        reason = type(error).__name__
        raise PackageError(f"has transactions that cannot be added up: {reason}") from None


@lru_cache(maxsize=16)
def _check_single(sql: str) -> None:
    """Refuse what is not one SELECT: others would see, in the same database, what it leaves."""
    try:
        import duckdb
    except ImportError as error:
        raise UnavailableError.without(*_EXTRA) from error

    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error:
        statements = []
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise PackageError("has transactions that are added up by more than one SELECT")


def aggregate_file(
    aggregation: Aggregation,
    path: Path,
    reference: datetime,
    *,
    memory_limit: str = MEMORY_LIMIT,
) -> list[dict[str, Any]]:
    """Turn the transactions of a file, up to the reference, into records.

    Parameters
    ----------
    aggregation : Aggregation
    path : Path
        Clean transactions under the columns' own names: Parquet or, by its extension, CSV.
    reference : datetime
        Later transactions are not looked at: what was known then.
    memory_limit : str
        What DuckDB may take before it goes on in a temporary folder beside `path`.

    Returns
    -------
    list of dict
        One record for each customer, in the order of the SQL text.
    """
    import duckdb

    source = f'SELECT * FROM {_scan(aggregation, path)} WHERE "{aggregation.time}" <= $reference'  # nosec B608  # one SELECT, as _check_single says; values are parameters
    with TemporaryDirectory(dir=path.parent, prefix=".duckdb-") as folder:
        settings: dict[str, Any] = {"memory_limit": memory_limit, "temp_directory": folder}
        with duckdb.connect(config=settings) as connection:
            parameters = {"path": str(path)} | aggregation.parameters(reference)
            return _records(connection.execute(aggregation.statement(source), parameters))


def _scan(aggregation: Aggregation, path: Path) -> str:
    if path.suffix == ".parquet":
        return "read_parquet($path)"
    types = ", ".join(f"'{name}': '{TYPES[kind]}'" for name, kind in aggregation.kinds.items())
    return f"read_csv($path, header = true, types = {{{types}}})"


def _check(
    aggregation: Aggregation, transactions: Sequence[Mapping[str, Any]], reference: datetime
) -> None:
    problems = []
    for row, transaction in enumerate(transactions):
        missing = [name for name in aggregation.needed if transaction.get(name) is None]
        problems += [Problem(row, name, "missing", "is needed") for name in missing]
        time = transaction.get(aggregation.time)
        if time is not None and datetime.fromisoformat(time) > reference:
            message = f"must not be later than {reference.isoformat()}, the reference of recency"
            problems.append(Problem(row, aggregation.time, "range", message))
    if problems:
        raise InvalidRecordsError(problems)


def _row(aggregation: Aggregation, transaction: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: as_text(transaction.get(name)) if kind in _TEXTS else transaction.get(name)
        for name, kind in aggregation.kinds.items()
    }


def as_text(value: Any) -> str | None:
    """Return a value as a file would hold it: JSON may write the number 7 as 7.0."""
    if value is None:
        return None
    return str(int(value)) if isinstance(value, float) else str(value)


def _records(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@cache
def _locked() -> duckdb.DuckDBPyConnection:
    """Return this process's connection: opening one takes as long as a query, 20 ms.

    The SQL text comes from a model package, which may be someone else's: it can read nothing but
    the transactions it is given.
    """
    try:
        import duckdb
    except ImportError as error:
        raise UnavailableError.without(*_EXTRA) from error

    settings: dict[str, Any] = {
        "enable_external_access": "false",
        "memory_limit": _REQUEST_MEMORY,
        "threads": "1",
        "lock_configuration": "true",
    }
    return duckdb.connect(":memory:", config=settings)
