"""Transactions in a request: they become the features of the customer's record.

The SQL text that the model was trained with does that. The features are not checked here, but by
the validator of records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from segmentation.aggregation import Aggregation, aggregate, as_text
from segmentation.artifact import Manifest
from segmentation.errors import InvalidRecordsError, Problem
from segmentation.schema import Record, RecordValidator

TRANSACTIONS, AS_OF = "transactions", "as_of"
MOST_TRANSACTIONS = 10_000
# Each reference takes a query of its own; this many take 2 seconds.
MOST_REFERENCES = 100


@dataclass(frozen=True)
class _Purchases:
    """The checked transactions of the record at `row`, and its other fields as `features`."""

    row: int
    features: Record
    reference: datetime
    transactions: list[Record]


class TransactionFeatures:
    """Replaces the transactions of records by features.

    Parameters
    ----------
    manifest : Manifest
    """

    def __init__(self, manifest: Manifest) -> None:
        packed = manifest.aggregation
        self._aggregation: Aggregation | None = None
        if packed is None:
            return
        self._validator = RecordValidator(packed.transactions)
        self._reference = datetime.fromisoformat(packed.reference)
        identifier = manifest.record.identifier
        self._identifier = identifier.name if identifier else ""
        # Without both names, one query cannot distinguish the customers of several records.
        self._customer = packed.customer if identifier else ""
        self._spellings = manifest.record.spellings
        self._time = packed.transactions.by_name[packed.time]
        self._aggregation = Aggregation(
            sql=packed.sql,
            kinds={column.name: column.kind for column in packed.transactions.columns},
            time=packed.time,
            needed=tuple(column.name for column in packed.transactions.features),
            categories=tuple(packed.categories),
        )

    def gather(self, records: Sequence[Any]) -> Sequence[Any]:
        """Return records with features in place of transactions.

        Raises
        ------
        InvalidRecordsError
            If transactions can't be aggregated.
        """
        if self._aggregation is None:
            return records
        problems: list[Problem] = []
        gathered = list(records)
        for group in self._groups(records, problems):
            records_of_group = self._aggregated(group, self._aggregation, problems)
            for purchases, features in zip(
                group, records_of_group, strict=False
            ):  # none found: problems
                gathered[purchases.row] = self._joined(purchases, features, problems)
        if problems:
            raise InvalidRecordsError(sorted(problems, key=lambda problem: problem.row))
        return gathered

    def _groups(
        self, records: Sequence[Any], problems: list[Problem]
    ) -> Iterable[list[_Purchases]]:
        """Return the records with transactions, grouped so that each group needs one query."""
        groups: defaultdict[tuple[datetime, int], list[_Purchases]] = defaultdict(list)
        for row, record in enumerate(records):
            if isinstance(record, Mapping) and TRANSACTIONS in record:
                try:
                    purchases = self._read(row, record)
                    self._check_number(purchases, groups)
                except InvalidRecordsError as error:
                    problems += error.problems
                else:
                    groups[purchases.reference, 0 if self._customer else row].append(purchases)
        return groups.values()

    def _check_number(
        self, purchases: _Purchases, groups: Mapping[tuple[datetime, int], object]
    ) -> None:
        if len(groups) >= MOST_REFERENCES and (purchases.reference, 0) not in groups:
            message = f"is one more than the {MOST_REFERENCES} times that an array may hold"
            raise InvalidRecordsError([Problem(purchases.row, AS_OF, "number", message)])

    def _read(self, row: int, record: Mapping[str, Any]) -> _Purchases:
        lines = record[TRANSACTIONS]
        if not isinstance(lines, list) or not 1 <= len(lines) <= MOST_TRANSACTIONS:
            message = f"must be an array of 1 to {MOST_TRANSACTIONS} transactions"
            raise InvalidRecordsError([Problem(row, TRANSACTIONS, "type", message)])
        reference = self._as_of(row, record)
        try:
            transactions = self._validator.validate(lines)
        except InvalidRecordsError as error:
            nested = [_inside(row, problem.row, problem) for problem in error.problems]
            raise InvalidRecordsError(nested) from None
        features_sent = {k: v for k, v in record.items() if k not in (TRANSACTIONS, AS_OF)}
        return _Purchases(row, features_sent, reference, transactions)

    def _aggregated(
        self, group: Sequence[_Purchases], aggregation: Aggregation, problems: list[Problem]
    ) -> list[Record]:
        """Return the features of a group's records; if any is wrong, add problems, return none.

        A group is one query, because a query takes 20 ms however little it reads. The record from
        which a customer came is part of the customer's key there.
        """
        places = [
            (purchases.row, i) for purchases in group for i in range(len(purchases.transactions))
        ]
        try:
            aggregated = aggregate(
                aggregation,
                [
                    self._marked(purchases.row, line)
                    for purchases in group
                    for line in purchases.transactions
                ],
                group[0].reference,
            )
        except InvalidRecordsError as error:
            problems += [_inside(*places[problem.row], problem) for problem in error.problems]
            return []
        by_row: dict[int, list[Record]] = {purchases.row: [] for purchases in group}
        for features in aggregated:
            by_row[self._unmarked(features) if self._customer else group[0].row].append(features)
        ambiguous = [row for row, customers in by_row.items() if len(customers) != 1]
        for row in ambiguous:
            message = "must be those of one customer" if by_row[row] else "hold no purchase"
            problems.append(Problem(row, TRANSACTIONS, "customers", message))
        return [] if ambiguous else [features for (features,) in by_row.values()]

    def _marked(self, row: int, transaction: Record) -> Record:
        """Return a transaction with the row of its record before the customer's own key."""
        customer = as_text(transaction.get(self._customer))
        mark = str(row) if customer is None else f"{row} {customer}"
        return transaction | {self._customer: mark} if self._customer else transaction

    def _unmarked(self, features: Record) -> int:
        """Return the row that `_marked` wrote, and restore the customer's own key."""
        row, _, customer = str(features[self._identifier]).partition(" ")
        features[self._identifier] = customer or None
        return int(row)

    def _joined(self, purchases: _Purchases, features: Record, problems: list[Problem]) -> Record:
        """Return the record's other fields together with the features of its transactions."""
        features_sent = purchases.features
        sent_names = {
            self._column(name): name for name, value in features_sent.items() if value is not None
        }
        own = {name: value for name, value in features.items() if value is not None}
        if self._identifier in sent_names:
            own.pop(self._identifier, None)
        message = "follows from the transactions; leave it out"
        problems += [
            Problem(purchases.row, sent_names[name], "disagreement", message)
            for name in own
            if name in sent_names
        ]
        return features_sent | own

    def _column(self, name: str) -> str:
        """Return the column of a field; an unknown name is returned as it is, for the validator."""
        spelling = self._spellings.get(name)
        return spelling.column.name if spelling else name

    def _as_of(self, row: int, record: Mapping[str, Any]) -> datetime:
        text = record.get(AS_OF)
        if text is None:
            return self._reference
        try:
            reference = datetime.fromisoformat(text)
        except (TypeError, ValueError):
            reference = None
        if reference is None or reference.tzinfo is not None:
            raise InvalidRecordsError([Problem(row, AS_OF, "type", self._time.expectation())])
        return reference


def _inside(row: int, transaction: int, problem: Problem) -> Problem:
    """Return a problem of a transaction as a problem of its record."""
    field = (problem.field,) if isinstance(problem.field, str) else ()
    return Problem(row, (TRANSACTIONS, transaction, *field), problem.code, problem.message)
