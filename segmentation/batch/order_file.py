"""Files of orders, opened: many lines in, one row for each customer out.

A file of orders looks to those who write answers like a file of records; its rows are customers.
How lines become customers is in ``order_customers``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator
from typing import Any

from segmentation.artifact.manifest import PackedAggregation
from segmentation.batch.file_scoring import Problems, ScoredRow, answer_records
from segmentation.batch.order_card import OrderCard
from segmentation.batch.order_customers import OrderCustomers
from segmentation.batch.record_file import TOGETHER, RecordFile
from segmentation.errors import FileError, Problem
from segmentation.runtime import Model
from segmentation.tables.missing_columns import describe_missing
from segmentation.tables.rows import write_cell
from segmentation.tables.typed_table import TypedTable


class OrderFile(RecordFile):
    """A file of orders whose customers can be scored.

    Parameters
    ----------
    table : TypedTable
        Read by the schema of transactions.
    packed : PackedAggregation
    customers : OrderCustomers or None
        None as long as they are not known.
    """

    of_orders = True

    def __init__(
        self, table: TypedTable, packed: PackedAggregation, customers: OrderCustomers | None
    ) -> None:
        super().__init__(table, packed.transactions)
        self.warnings = []
        self._customers = customers

    @property
    def header(self) -> list[str]:
        """The header of the answer: the customer's key and the features."""
        return self._customers.card["header"] if self._customers else []

    @property
    def n_answers(self) -> int:
        """How many customers there are."""
        return self._customers.card["n_customers"] if self._customers else 0

    @property
    def orders(self) -> OrderCard | None:
        """What became of the lines."""
        return self._customers.card if self._customers else None

    def customers(self, n_rows: int) -> Iterator[list[tuple[int, dict[str, Any]]]]:
        """Yield customers; see `OrderCustomers.read`."""
        return self._customers.read(n_rows) if self._customers else iter(())

    def write_cells(self, features: dict[str, Any]) -> list[str]:
        """Return the features of a customer as cells, with the file's own decimal mark."""
        comma = self.table.decimal_mark == ","
        return [
            write_cell(value).replace(".", ",")
            if comma and isinstance(value, float)
            else write_cell(value)
            for value in features.values()
        ]


def find_order_problem(table: TypedTable, packed: PackedAggregation) -> str | None:
    """Return why a table's orders can't be read, in the words of training; None if they can."""
    if table.problem:
        return table.problem
    missing = list_missing(table, packed)
    reasons = describe_missing(table, packed.transactions, missing)
    return f"The orders can't be read: {'; '.join(reasons)}." if reasons else None


def list_missing(table: TypedTable, packed: PackedAggregation) -> list[str]:
    """Return the names of the columns that orders need and a table lacks."""
    features = (column.name for column in packed.transactions.features)
    needed = dict.fromkeys((*features, packed.customer, packed.time))
    names_present = {column.column.name for column in table.columns}
    return [name for name in needed if name not in names_present]


def check_orders(table: TypedTable, packed: PackedAggregation) -> None:
    """Refuse a table whose orders can't be read.

    Raises
    ------
    FileError
        In the words of training.
    """
    problem = find_order_problem(table, packed)
    if problem:
        raise FileError(problem)


def score_customers(model: Model, file: OrderFile) -> Generator[list[ScoredRow], None, None]:
    """Answer the customers of a file of orders, in the order in which they first appear.

    Parameters
    ----------
    model : Model
    file : OrderFile
        Opened with the model's manifest.
    """
    n_before = 0
    for customers in file.customers(TOGETHER):
        records = {
            position: {name: value for name, value in features.items() if value is not None}
            for position, (_, features) in enumerate(customers)
        }
        problems: Problems = defaultdict(list)
        answers = answer_records(model, records, problems)
        yield [
            ScoredRow(
                line,
                file.write_cells(features),
                answers.get(position),
                [
                    Problem(n_before + position, problem.field, problem.code, problem.message)
                    for problem in problems.get(position, ())
                ],
                model.reasons.find(records[position], answers[position])
                if position in answers
                else (),
            )
            for position, (line, features) in enumerate(customers)
        ]
        n_before += len(customers)
