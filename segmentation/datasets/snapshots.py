"""Customers as of several dates, made from transactions: what a study of them is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segmentation.aggregation import TYPES, Aggregation, aggregate_file
from segmentation.datasets.record_tables import FROM_PATH
from segmentation.datasets.transactions import (
    Validation,
    carried_report,
    validate,
    write_parquet,
)
from segmentation.errors import DataError
from segmentation.schema import Column, Record, Schema
from segmentation.schema.column_values import parse_text
from segmentation.study import OutlookModel, Study, Transactions
from segmentation.tables.addresses import file_digest, open_local
from segmentation.tables.open_table import TableOptions

# Ten years of quarters: each takes a pass over all transactions, and older ones tell of another
# shop.
MOST_SNAPSHOTS = 40


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


def make_aggregation(
    transactions: Transactions, categories: tuple[tuple[str, str], ...]
) -> Aggregation:
    """Return how a study's transactions become records."""
    kinds = {column.name: column.kind for column in transactions.schema.columns}
    needed = tuple(column.name for column in transactions.schema.features)
    return Aggregation(transactions.sql, kinds, transactions.roles.time, needed, categories)


def read_history(
    source: str | Path,
    study: Study,
    transactions: Transactions,
    categories: tuple[tuple[str, str], ...] = (),
    options: TableOptions = FROM_PATH,
) -> History:
    """Read transactions, or what `write_history` made of them, as records of several dates.

    Parameters
    ----------
    source : str or Path
        Transactions as `validate` reads them, clean or not, or Parquet with a column ``as_of``.
    study : Study
        Says what a record is, and how far apart the dates are.
    transactions : Transactions
        Says what a transaction is, and how a record is made.
    categories : tuple of (str, str)
        Keyword and category, in order.
    options : TableOptions, optional
        What the file does not prove itself.

    Returns
    -------
    History
        A snapshot at the latest time in the data and, for an outlook, one every so many days
        before it as the outlook looks ahead, as long as enough days of data lie before, and at
        most `MOST_SNAPSHOTS`.

    Raises
    ------
    DataError
        If the file isn't such a table, or its dates are not so far apart.
    """
    with open_local(source) as path:
        name, sha256 = Path(str(source)).name, file_digest(path)
        if _is_history(path):
            history = _read_stored(source, name, sha256, path, study.schema)
            fault = find_spacing_fault(history.snapshots, study.outlook)
            if fault:
                raise DataError(str(source), [f"{fault} days ahead: make the features again"])
            return history
        with TemporaryDirectory(prefix="segmentation-") as folder:
            clean = Path(folder) / "clean.parquet"
            validation = validate(path, transactions, clean, options)
            aggregation = make_aggregation(transactions, categories)
            dates = _list_dates(validation, study.outlook)
            snapshots = _make_snapshots(aggregation, clean, dates, study.schema.identifier)
            report = (carried_report(path) if _is_parquet(path) else None) or validation
            return History(name, sha256, snapshots, report)


def find_spacing_fault(snapshots: Sequence[Snapshot], outlook: OutlookModel | None) -> str | None:
    """Return what is wrong with the dates of snapshots for an outlook; None if nothing is."""
    if outlook is None:
        return None
    for later, earlier in pairwise(snapshots):
        if later.as_of - earlier.as_of != timedelta(outlook.days):
            days = (later.as_of - earlier.as_of) / timedelta(1)
            return f"holds dates that are {days:g} days apart, but the outlook is {outlook.days}"
    return None


def _list_dates(validation: Validation, outlook: OutlookModel | None) -> list[datetime]:
    """Return the dates of the snapshots, the latest first."""
    first, last = map(datetime.fromisoformat, (validation.first, validation.last))
    dates = [last]
    if outlook is not None:
        step, least = timedelta(outlook.days), timedelta(outlook.min_history_days)
        while dates[-1] - step - first >= least and len(dates) < MOST_SNAPSHOTS:
            dates.append(dates[-1] - step)
    return dates


def _make_snapshots(
    aggregation: Aggregation, clean: Path, dates: Sequence[datetime], identifier: Column | None
) -> tuple[Snapshot, ...]:
    return tuple(
        Snapshot(
            date, [_drop_gaps(row, identifier) for row in aggregate_file(aggregation, clean, date)]
        )
        for date in dates
    )


def _drop_gaps(row: dict[str, Any], identifier: Column | None) -> Record:
    """Return a record as a table of records would give it: no gaps, whole numbers as such."""
    answers = {name: value for name, value in row.items() if value is not None}
    if identifier is not None and identifier.name in answers:
        answers[identifier.name] = parse_text(identifier, answers[identifier.name])
    return answers


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
        write_parquet(connection, f"SELECT {cells} FROM rows", output, history.validation)  # nosec B608  # columns that schema_rules has checked; values are parameters


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _is_history(path: Path) -> bool:
    """Whether a file is Parquet that `write_history` has made."""
    import duckdb

    if not _is_parquet(path):
        return False
    try:
        with duckdb.connect() as connection:
            described = connection.execute("DESCRIBE SELECT * FROM read_parquet($1)", [str(path)])
            return any(row[0] == "as_of" for row in described.fetchall())
    except duckdb.Error:
        raise DataError(str(path), ["is not a Parquet file"]) from None


def _check_headers(
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


def _read_stored(source: str | Path, name: str, sha256: str, path: Path, record: Schema) -> History:
    import duckdb

    with duckdb.connect() as connection:
        result = connection.execute(
            "SELECT * FROM read_parquet($1) ORDER BY as_of DESC", [str(path)]
        )
        headers = [column[0] for column in result.description or ()]
        _check_headers(source, headers[1:], record, [column.name for column in record.features])
        shots: dict[datetime, list[Record]] = {}
        for as_of, *row in result.fetchall():
            answers = _drop_gaps(dict(zip(headers[1:], row, strict=True)), record.identifier)
            shots.setdefault(as_of, []).append(answers)
    if not shots:
        raise DataError(str(source), ["has no rows"])
    snapshots = tuple(Snapshot(as_of, records) for as_of, records in shots.items())
    return History(name, sha256, snapshots, carried_report(path))
