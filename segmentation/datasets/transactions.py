"""Transactions: read, checked, and written as clean Parquet; ``history`` makes records of them.

Every row that is dropped is counted under one reason, so that the counts add up to what was read.
Tables may be larger than memory: DuckDB keeps them in a temporary folder and pandera checks them
in pieces.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from segmentation.aggregation import MEMORY_LIMIT
from segmentation.datasets.record_tables import FROM_PATH
from segmentation.datasets.transaction_cells import open_columns, refuse_unsafe
from segmentation.errors import DataError
from segmentation.study import TransactionRoles, Transactions
from segmentation.tables.addresses import file_digest, open_local
from segmentation.tables.open_table import TableOptions
from segmentation.transaction_rules import REASONS, TransactionRule, list_rules
from segmentation.transaction_tables.lone_days import LONE_DAYS
from segmentation.transaction_tables.workspace import (
    create_tables,
    drop_lone,
    insert_chunk,
    keep_clean,
    open_workspace,
)

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    from pandera.pandas import Check, DataFrameSchema

# A shop's largest customer has under 3 % of the rows in the public data; a tenth is no customer.
_LARGE_SHARE = 0.1
_FEW_CUSTOMERS = 50
# Tukey's far fences (Exploratory Data Analysis, 1977), on logarithms because amounts are skewed.
_FENCE = 3.0
# DuckDB hands out vectors of 2,048 rows: some 100,000 rows at a time.
_VECTORS = 50
# Rows, and about as many characters, that go into the database at a time.
_ROWS = 50_000
_CHARACTERS = 1 << 24
_REPORT = "segmentation.validation"


@dataclass(frozen=True)
class Validation:
    """What became of the rows of a table of transactions.

    Attributes
    ----------
    name : str
        File name, no folder.
    sha256 : str
        Digest of the file.
    rows_read, rows_kept : int
    dropped : dict of str to int
        Rows by the one reason for which they were dropped, a key of `REASONS`; all of them are
        there, so that ``rows_read == rows_kept + sum(dropped.values())``.
    customers : int
        In the kept rows.
    first, last : str
        Times of the earliest and the latest kept row, ISO 8601.
    amount : float
        Of all kept rows.
    outliers : dict of str to float
        Kept rows whose amount is far outside the others', and their share of the amount. They
        stay: training limits every feature to its 1st and 99th percentile.
    lone_rows : int
        Rows before the first or after the last time that stand alone, far from all others. They
        are dropped as out of range: the last time is what recency is relative to.
    largest_customer : dict of str to float
        Share of the kept rows and of their amount that the customer with the most rows has.
    """

    name: str
    sha256: str
    rows_read: int
    rows_kept: int
    dropped: dict[str, int]
    customers: int
    first: str
    last: str
    amount: float
    outliers: dict[str, float]
    lone_rows: int = 0
    largest_customer: dict[str, float] = field(default_factory=dict)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What somebody should look at before a model is trusted that was trained on these rows."""
        remarks = []
        if self.lone_rows:
            number = "1 row was" if self.lone_rows == 1 else f"{self.lone_rows} rows were"
            remarks.append(
                f"{number} left out that are more than {LONE_DAYS} days away from all others;"
                " are their dates right?"
            )
        share = self.largest_customer.get("share_of_rows", 0.0)
        if share > _LARGE_SHARE and self.customers >= _FEW_CUSTOMERS:
            remarks.append(
                f"One customer has {share:.0%} of all rows and"
                f" {self.largest_customer['share_of_amount']:.0%} of the amount; does its number"
                " stand for everybody without one?"
            )
        return tuple(remarks)


def describe_reasons(transactions: Transactions) -> dict[str, str]:
    """Return what each reason means for the columns of a study's transactions."""
    roles, by_name = transactions.roles, transactions.schema.by_name
    cancelled = []
    if roles.order and transactions.cancellation_prefix:
        title = by_name[roles.order].title
        cancelled.append(f"{title} begins with {transactions.cancellation_prefix}")
    if roles.quantity:
        cancelled.append(f"{by_name[roles.quantity].title} is below its minimum")
    needed = [by_name[name].title for name in transactions.needed if name != roles.customer]
    price = by_name[roles.price].title if roles.price else "the price"
    return {
        "missing_customer": f"no {by_name[roles.customer].title}: nobody to put into a segment",
        "cancelled": f"a cancellation: {' or '.join(cancelled) or 'none can be told'}",
        "price_not_positive": f"{price} is below its minimum: gifts, samples, corrections",
        "duplicate": "every cell is the same as in an earlier row",
        "unreadable": f"one of {', '.join(needed)} is missing or can't be read",
        "out_of_range": "a text is too long, or a number is not within its limits",
    }


def validate(
    source: str | Path,
    transactions: Transactions,
    output: Path,
    options: TableOptions = FROM_PATH,
) -> Validation:
    """Check transactions and write the good ones as Parquet under the columns' own names.

    Parameters
    ----------
    source : str or Path
        CSV or Parquet, a path or ``s3://bucket/key``, headers under any of the schema's spellings.
    transactions : Transactions
        What a transaction is, and which column plays which role.
    output : Path
        Parquet; always the same bytes for the same rows, whatever their order.
    options : TableOptions, optional

    Returns
    -------
    Validation

    Raises
    ------
    DataError
        If the file isn't such a table, or no row of it is good.
    """
    with open_local(source) as path, open_workspace(output.parent, MEMORY_LIMIT) as connection:
        _load(connection, source, path, transactions, options)
        _drop_faulty(connection, transactions)
        n_lone = drop_lone(connection, transactions.roles)
        counts = _count(connection, transactions.roles, Path(str(source)).name, file_digest(path))
        counts = replace(counts, lone_rows=n_lone)
        if not counts.rows_kept:
            raise DataError(
                str(source), [f"has no row without a fault: {json.dumps(counts.dropped)}"]
            )
        write_parquet(connection, "SELECT * EXCLUDE (row) FROM clean ORDER BY ALL", output, counts)
    return counts


def _load(
    connection: duckdb.DuckDBPyConnection,
    source: str | Path,
    path: Path,
    transactions: Transactions,
    options: TableOptions,
) -> None:
    """Fill the table ``cells``."""
    schema = transactions.schema
    create_tables(connection, schema)
    with open_columns(source, path, transactions, options) as table:
        for chunk in table.chunks(_ROWS, _CHARACTERS):
            refuse_unsafe(source, table, chunk)
            insert_chunk(connection, chunk, schema)


def _drop_faulty(connection: duckdb.DuckDBPyConnection, transactions: Transactions) -> None:
    """Fill the table ``dropped``, row and reason, and make ``clean``."""
    checks = make_checks(transactions)
    with connection.cursor() as reader:
        reader.execute("SELECT * FROM typed ORDER BY row")
        while len(piece := reader.fetch_df_chunk(_VECTORS)):
            faults = _faults(checks, piece)
            if len(faults):
                connection.execute("INSERT INTO dropped SELECT row, reason FROM faults")
    keep_clean(connection, transactions.schema)


def make_checks(transactions: Transactions) -> DataFrameSchema:
    """Return the checks of a piece of typed transactions, each named after a reason.

    Parameters
    ----------
    transactions : Transactions
        Limits, roles and what has to be there are taken from it.

    Returns
    -------
    pandera.pandas.DataFrameSchema
    """
    import pandera.pandas as pa

    rules = list_rules(
        transactions.schema,
        transactions.roles,
        transactions.cancellation_prefix,
        transactions.earliest,
        datetime.now() + timedelta(days=1),  # local time, as shops record it
    )
    checks = {
        column.name: [_make_check(rule) for rule in rules if rule.column == column.name]
        for column in transactions.schema.columns
    }
    columns = {
        name: pa.Column(None, of_column, nullable=True) for name, of_column in checks.items()
    }
    once = pa.Check(lambda repeated: ~repeated, error="duplicate")
    return pa.DataFrameSchema(columns | {"repeated": pa.Column(None, [once])})


def _make_check(rule: TransactionRule) -> Check:
    """Return a rule as a check of a column; a missing value fails only the rule about it."""
    import pandera.pandas as pa

    if rule.test == "missing":
        return pa.Check(lambda values: values.notna(), error=rule.reason, ignore_na=False)
    if rule.test == "begins":
        starts = (rule.bound.upper(), rule.bound.lower())
        # Only text begins with something; NA is not a cancellation.
        return pa.Check(lambda values: ~values.str.startswith(starts), error=rule.reason)
    if rule.test == "longer":
        return pa.Check.str_length(max_value=rule.bound, error=rule.reason)
    if rule.test in ("below", "before"):
        return pa.Check.ge(rule.bound, error=rule.reason)
    return pa.Check.le(rule.bound, error=rule.reason)


def _faults(checks: DataFrameSchema, piece: pd.DataFrame) -> pd.DataFrame:
    """Return row and reason of each row of `piece` that fails a check: the first of its reasons."""
    import pandas as pd
    from pandera.errors import SchemaErrors

    try:
        checks.validate(piece, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        faults = pd.DataFrame(
            {
                "row": piece["row"].to_numpy()[cases["index"].to_numpy(dtype="int64")],
                "order": cases["check"].map({name: n for n, name in enumerate(REASONS)}),
            }
        )
        first: pd.DataFrame = faults.groupby("row", as_index=False).agg({"order": "min"})
        return first.assign(reason=first["order"].map(dict(enumerate(REASONS))))
    return pd.DataFrame()


def _count(
    connection: duckdb.DuckDBPyConnection, roles: TransactionRoles, name: str, sha256: str
) -> Validation:
    rows_read = connection.execute("SELECT count(*) FROM cells").fetchall()[0][0]
    counts = connection.execute("SELECT reason, count(*) FROM dropped GROUP BY reason").fetchall()
    rows_kept, customers, first, last, amount = connection.execute(
        f'SELECT count(*), count(DISTINCT "{roles.customer}"), min("{roles.time}"), '  # nosec B608  # columns that schema_rules has checked; values are parameters
        f'max("{roles.time}"), sum({_amount(roles, "DECIMAL(18, 4)")})::DOUBLE FROM clean'
    ).fetchall()[0]
    return Validation(
        name=name,
        sha256=sha256,
        rows_read=rows_read,
        rows_kept=rows_kept,
        dropped={reason: dict(counts).get(reason, 0) for reason in REASONS},
        customers=customers,
        first=first.isoformat() if first else "",
        last=last.isoformat() if last else "",
        amount=amount or 0.0,
        outliers=_count_outliers(connection, roles),
        largest_customer=_weigh_largest_customer(connection, roles),
    )


def _weigh_largest_customer(
    connection: duckdb.DuckDBPyConnection, roles: TransactionRoles
) -> dict[str, float]:
    """Return the shares of the customer with the most rows; empty where there are no rows."""
    rows = connection.execute(
        f"SELECT count(*) / sum(count(*)) OVER (), sum({_amount(roles)})"  # nosec B608  # columns that schema_rules has checked; values are parameters
        f" / nullif(sum(sum({_amount(roles)})) OVER (), 0) FROM clean"
        f' GROUP BY "{roles.customer}" ORDER BY count(*) DESC LIMIT 1'
    ).fetchall()
    if not rows:
        return {}
    (of_rows, of_amount), *_ = rows
    return {"share_of_rows": round(of_rows, 6), "share_of_amount": round(of_amount or 0.0, 6)}


def _amount(roles: TransactionRoles, kind: str = "DOUBLE") -> str:
    """Return the expression of what a transaction cost; 0 where nothing has a price."""
    if roles.price is None:
        return "0"
    price = f'"{roles.price}"::{kind}'
    return price if roles.quantity is None else f'"{roles.quantity}" * {price}'


def _count_outliers(
    connection: duckdb.DuckDBPyConnection, roles: TransactionRoles
) -> dict[str, float]:
    """Return the rows whose amount is far outside the others', and their share of the amount.

    What cost nothing has no logarithm and is no outlier.
    """
    rows, share = connection.execute(
        f"WITH paid AS (SELECT {_amount(roles)} AS amount FROM clean),"  # nosec B608  # columns that schema_rules has checked; values are parameters
        " amounts AS (SELECT ln(amount) AS size, amount FROM paid WHERE amount > 0),"
        " fences AS (SELECT quantile_cont(size, 0.25) AS low,"
        " quantile_cont(size, 0.75) AS high FROM amounts) SELECT count(*), coalesce(sum(amount) /"
        " (SELECT sum(amount) FROM amounts), 0) FROM amounts, fences"
        " WHERE size < low - $fence * (high - low) OR size > high + $fence * (high - low)",
        {"fence": _FENCE},
    ).fetchall()[0]
    return {"rows": rows, "share_of_amount": round(share, 6)}


def write_parquet(
    connection: duckdb.DuckDBPyConnection, query: str, output: Path, report: Validation | None
) -> None:
    """Write what a query gives as Parquet that carries the report along.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    query : str
    output : Path
    report : Validation or None
    """
    text = json.dumps(asdict(report) if report else None).replace("'", "''")
    file = str(output).replace("'", "''")
    connection.execute(
        f"COPY ({query}) TO '{file}' (FORMAT parquet, COMPRESSION zstd, "
        f"KV_METADATA {{'{_REPORT}': '{text}'}})"
    )


def carried_report(path: Path) -> Validation | None:
    """Return the report that a Parquet file of ours carries: of the table that it came from."""
    import duckdb

    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT decode(value) FROM parquet_kv_metadata($path) WHERE decode(key) = $key",
            {"path": str(path), "key": _REPORT},
        ).fetchall()
    report = json.loads(rows[0][0]) if rows else None
    return Validation(**report) if report else None
