"""Customers as of several dates, made from transactions: what a study of them is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segmentation.aggregation import TYPES, Aggregation, aggregate_file
from segmentation.datasets.addresses import local
from segmentation.datasets.table_files import check_headers, file_digest, is_parquet
from segmentation.datasets.transactions import (
    Validation,
    carried_report,
    validate,
    write_parquet,
)
from segmentation.errors import DataError
from segmentation.schema import Column, Record, Schema
from segmentation.schema.column_values import parse_text

STEP_DAYS = 91
FEWEST_DAYS = 90


@dataclass(frozen=True)
class Snapshot:
    """What was known about all customers at one time.

    Attributes
    ----------
    as_of : datetime
        Recency is relative to it, and nothing later is known.
    records : list of dict
        One for each customer who had bought by then.
    """

    as_of: datetime
    records: list[Record]


@dataclass(frozen=True)
class History:
    """A table of transactions as records, at several times.

    Attributes
    ----------
    name, sha256 : str
        File name, no folder, and digest of what was read.
    snapshots : tuple of Snapshot
        Latest first.
    validation : Validation or None
        Where the history came from transactions.
    """

    name: str
    sha256: str
    snapshots: tuple[Snapshot, ...]
    validation: Validation | None = None


def aggregation_of(
    transaction: Schema, sql: str, categories: tuple[tuple[str, str], ...]
) -> Aggregation:
    """Return how transactions of a schema become records."""
    kinds = {column.name: column.kind for column in transaction.columns}
    return Aggregation(sql, kinds, tuple(c.name for c in transaction.features), categories)


def read_history(
    source: str | Path,
    transaction: Schema,
    sql: str,
    categories: tuple[tuple[str, str], ...],
    record: Schema,
) -> History:
    """Read transactions, or what `write_history` made of them, as records of several dates.

    Parameters
    ----------
    source : str or Path
        Transactions as `validate` reads them, clean or not, or Parquet with a column ``as_of``.
    transaction : Schema
        What a transaction is.
    sql : str
        From transactions to records; see ``study.Transactions``.
    categories : tuple of (str, str)
        Keyword and category, in order.
    record : Schema
        What a record is.

    Returns
    -------
    History
        Snapshots at the latest time in the data and every 91 days before it, as long as 90 days
        of data lie before.

    Raises
    ------
    DataError
        If the file isn't such a table.
    """
    with local(source) as path:
        name, sha256 = Path(str(source)).name, file_digest(path)
        if is_parquet(path) and _is_history(path):
            return _stored(source, name, sha256, path, record)
        with TemporaryDirectory(prefix="segmentation-") as folder:
            clean = Path(folder) / "clean.parquet"
            found = validate(path, transaction, clean)
            recipe = aggregation_of(transaction, sql, categories)
            snapshots = _snapshots(recipe, clean, found, record.identifier)
            report = (carried_report(path) if is_parquet(path) else None) or found
            return History(name, sha256, snapshots, report)


def _snapshots(
    recipe: Aggregation, clean: Path, found: Validation, identifier: Column | None
) -> tuple[Snapshot, ...]:
    first, as_of = datetime.fromisoformat(found.first), datetime.fromisoformat(found.last)
    dates = [as_of]
    while dates[-1] - timedelta(STEP_DAYS) - first >= timedelta(FEWEST_DAYS):
        dates.append(dates[-1] - timedelta(STEP_DAYS))
    return tuple(
        Snapshot(date, [_known(row, identifier) for row in aggregate_file(recipe, clean, date)])
        for date in dates
    )


def _known(row: dict[str, Any], identifier: Column | None) -> Record:
    """Return a record as a table of records would give it: no gaps, whole numbers as such."""
    found = {name: value for name, value in row.items() if value is not None}
    if identifier is not None and identifier.name in found:
        found[identifier.name] = parse_text(identifier, found[identifier.name])
    return found


def write_history(history: History, record: Schema, output: Path) -> None:
    """Write the records of all dates as Parquet, a column ``as_of`` first.

    Parameters
    ----------
    history : History
    record : Schema
        Its columns, in order, are those of the file.
    output : Path
    """
    import duckdb
    import pandas as pd

    names = [column.name for column in record.columns]
    types = {"as_of": "TIMESTAMP"} | {column.name: TYPES[column.kind] for column in record.columns}
    rows = pd.DataFrame(
        [
            [shot.as_of, *(None if row.get(n) is None else row[n] for n in names)]
            for shot in history.snapshots
            for row in shot.records
        ],
        columns=["as_of", *names],
    )
    if record.identifier is not None:
        rows[record.identifier.name] = rows[record.identifier.name].map(str, na_action="ignore")
    cells = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in types.items())
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        write_parquet(connection, f"SELECT {cells} FROM rows", output, history.validation)  # noqa: S608


def _is_history(path: Path) -> bool:
    import duckdb

    try:
        with duckdb.connect() as connection:
            described = connection.execute("DESCRIBE SELECT * FROM read_parquet($1)", [str(path)])
            return any(row[0] == "as_of" for row in described.fetchall())
    except duckdb.Error:
        raise DataError(str(path), ["is not a Parquet file"]) from None


def _stored(source: str | Path, name: str, sha256: str, path: Path, record: Schema) -> History:
    import duckdb

    with duckdb.connect() as connection:
        result = connection.execute(
            "SELECT * FROM read_parquet($1) ORDER BY as_of DESC", [str(path)]
        )
        headers = [column[0] for column in result.description or ()]
        check_headers(source, headers[1:], record, [column.name for column in record.features])
        shots: dict[datetime, list[Record]] = {}
        for as_of, *row in result.fetchall():
            known = _known(dict(zip(headers[1:], row, strict=True)), record.identifier)
            shots.setdefault(as_of, []).append(known)
    if not shots:
        raise DataError(str(source), ["has no rows"])
    snapshots = tuple(Snapshot(as_of, records) for as_of, records in shots.items())
    return History(name, sha256, snapshots, carried_report(path))
