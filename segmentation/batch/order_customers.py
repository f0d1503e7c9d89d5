"""From lines of orders to customers: in a database of its own that is gone with the answer.

The rules by which lines are left out and the text that makes customers are those of training. The
text comes from a model package, which may be someone else's: before it runs, the database can reach
no file any more. How the answer looks is in ``order_file``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from segmentation.aggregation import FILE_SECONDS, Aggregation, at_most
from segmentation.artifact.manifest import PackedAggregation
from segmentation.batch.order_card import LeftOut, OrderCard
from segmentation.errors import FileError, NoRoomError, UnavailableError
from segmentation.runtime.transactions import unpack_aggregation
from segmentation.schema.transaction_roles import TransactionRoles
from segmentation.tables.typed_table import TypedTable
from segmentation.transaction_rules import list_rules
from segmentation.transaction_tables.cells import LINE, find_unsafe
from segmentation.transaction_tables.workspace import (
    create_tables,
    drop_faulty,
    drop_lone,
    drop_where,
    insert_chunk,
    keep_clean,
    list_columns,
    open_workspace,
)
from segmentation.wording.left_out import LEFT_OUT_WORDS

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "128MB"
"""What DuckDB may take for one file before it goes on in a temporary folder."""
_MOST_ON_DISK = "4GB"
# Lines that are read at a time, and about as many characters.
LINES_TOGETHER = 2_048
_CHARACTERS = 1 << 20
# Lines that are named for each reason.
_MOST_NAMED = 5
_FIRST_LINE = "first line of the customer"
LATER = "later"


class NoOrdersError(FileError):
    """No line of a file is an order that counts; carries what was left out."""

    def __init__(self, left_out: list[LeftOut]) -> None:
        self.left_out = left_out
        reasons = "; ".join(f"{item['n_lines']} {item['message']}" for item in left_out)
        super().__init__(f"No line of the file is an order that counts: {reasons}.")


class OrderCustomers:
    """The customers of a file of orders, in the order in which they first appear.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With the tables ``cells``, ``dropped`` and ``clean``.
    packed : PackedAggregation
    roles : TransactionRoles
    identifier : str
        Name of the customer's key among the features.
    as_of : datetime or None

    Attributes
    ----------
    card : OrderCard

    Raises
    ------
    NoOrdersError
        If no line counts.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        packed: PackedAggregation,
        roles: TransactionRoles,
        identifier: str,
        as_of: datetime | None,
    ) -> None:
        self._connection = connection
        n_alone = drop_lone(connection, roles)
        if as_of is not None:
            drop_where(connection, f'"{roles.time}" > $as_of', LATER, {"as_of": as_of})
        left_out = _count_left_out(connection)
        n_kept, first, last = connection.execute(
            f'SELECT count(*), min("{roles.time}"), max("{roles.time}") FROM clean'  # nosec B608  # columns that schema_rules has checked; values are parameters
        ).fetchall()[0]
        if not n_kept:
            raise NoOrdersError(left_out)
        header = _make_customers(
            connection, packed, (roles.customer, identifier), reference := as_of or last
        )
        (n_lines,), (n_customers,) = (
            connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0]  # nosec B608  # columns that schema_rules has checked; values are parameters
            for name in ("cells", "customers")
        )
        self.card: OrderCard = {
            "as_of": reference.isoformat(),
            "as_of_given": as_of is not None,
            "n_lines": n_lines,
            "n_kept": n_kept,
            "n_customers": n_customers,
            "n_alone": n_alone,
            "first": first.isoformat(),
            "last": last.isoformat(),
            "left_out": left_out,
            "header": header,
        }

    def read(self, n_rows: int) -> Iterator[list[tuple[int, dict[str, Any]]]]:
        """Yield customers, so many at a time: the first line of each, and the features."""
        names = self.card["header"]
        with self._connection.cursor() as cursor:
            cursor.execute(f'SELECT * FROM customers ORDER BY "{_FIRST_LINE}"')  # nosec B608  # columns that schema_rules has checked; values are parameters
            while rows := cursor.fetchmany(n_rows):
                yield [(line, dict(zip(names, cells, strict=True))) for *cells, line in rows]


@contextmanager
def gather_customers(
    table: TypedTable,
    packed: PackedAggregation,
    identifier: str,
    as_of: datetime | None = None,
    most_lines: int | None = None,
) -> Iterator[OrderCustomers]:
    """Give the customers of a file of orders until the block ends.

    Parameters
    ----------
    table : TypedTable
        Read by the schema of transactions, with all columns that are needed.
    packed : PackedAggregation
        With roles.
    identifier : str
        Name of the customer's key among the features.
    as_of : datetime, optional
        What recency is relative to: later lines are left out. Otherwise the last line's time.
    most_lines : int, optional
        How many lines to look at.

    Raises
    ------
    FileError
        If cells may stand in wrong columns, or identifiers are rounded.
    NoOrdersError
        If no line counts.
    NoRoomError
        If there is no room for it.
    UnavailableError
        If DuckDB is not installed.
    """
    roles = packed.roles
    if roles is None:
        raise UnavailableError("The package of this study is too old for files of orders.")
    try:
        import duckdb
    except ImportError as error:
        raise UnavailableError.without("Files of orders", "transactions") from error

    settings = {"threads": "1", "max_temp_directory_size": _MOST_ON_DISK}
    with open_workspace(None, MEMORY_LIMIT, **settings) as connection:
        try:
            # Before the package, which may be someone else's, has a word: its columns and its SQL.
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            _load(connection, table, packed, most_lines)
            _drop_faulty(connection, packed, roles)
            customers = OrderCustomers(connection, packed, roles, identifier, as_of)
        except (duckdb.OutOfMemoryException, duckdb.IOException):
            raise NoRoomError("There is no room now for a file with so many orders.") from None
        yield customers


def _load(
    connection: duckdb.DuckDBPyConnection,
    table: TypedTable,
    packed: PackedAggregation,
    most_lines: int | None,
) -> None:
    """Fill the table ``cells``."""
    schema = packed.transactions
    create_tables(connection, schema)
    n_chunks = None if most_lines is None else -(-most_lines // LINES_TOGETHER)
    for chunk in islice(table.chunks(LINES_TOGETHER, _CHARACTERS), n_chunks):
        reasons = find_unsafe(table, chunk)
        if reasons:
            raise FileError(f"The file has lines that can't be trusted: {_join(reasons)}.")
        insert_chunk(connection, chunk, schema)


def _join(reasons: Sequence[str]) -> str:
    return "; ".join(reasons[:_MOST_NAMED])


def _drop_faulty(
    connection: duckdb.DuckDBPyConnection, packed: PackedAggregation, roles: TransactionRoles
) -> None:
    schema = packed.transactions
    rules = list_rules(
        schema,
        roles,
        packed.cancellation_prefix,
        datetime.fromisoformat(packed.earliest),
        datetime.now() + timedelta(days=1),  # local time, as shops record it
    )
    drop_faulty(connection, rules)
    keep_clean(connection, schema)


def _count_left_out(connection: duckdb.DuckDBPyConnection) -> list[LeftOut]:
    """Return what was left out, the commonest reason first."""
    rows = connection.execute(
        f"SELECT reason, count(*) AS n_lines, min({LINE}, {_MOST_NAMED}) FROM dropped"  # nosec B608  # columns that schema_rules has checked; values are parameters
        " GROUP BY reason ORDER BY n_lines DESC, reason"
    ).fetchall()
    return [
        {
            "reason": reason,
            "message": LEFT_OUT_WORDS[reason],
            "n_lines": n_lines,
            "first_lines": first_lines,
        }
        for reason, n_lines, first_lines in rows
    ]


def _make_customers(
    connection: duckdb.DuckDBPyConnection,
    packed: PackedAggregation,
    keys: tuple[str, str],
    reference: datetime,
) -> list[str]:
    """Make the table ``customers`` and return the names of its columns, without the first line."""
    customer, identifier = keys
    aggregation: Aggregation = unpack_aggregation(packed)
    source = f"SELECT {list_columns(packed.transactions)} FROM clean"  # nosec B608  # columns that schema_rules has checked; values are parameters
    with at_most(FILE_SECONDS, connection):
        connection.execute(
            f'CREATE TABLE customers AS SELECT made.*, appeared.line AS "{_FIRST_LINE}"'  # nosec B608  # columns that schema_rules has checked; values are parameters
            f" FROM ({aggregation.statement(source)}) AS made"
            f' LEFT JOIN (SELECT "{customer}" AS customer, min({LINE}) AS line FROM clean'
            f' GROUP BY ALL) AS appeared ON made."{identifier}" = appeared.customer',
            aggregation.parameters(reference),
        )
    columns = connection.execute("SELECT * FROM customers LIMIT 0").description or ()
    return [column[0] for column in columns[:-1]]
