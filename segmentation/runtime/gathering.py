"""What stands in a request beside a record's columns: a customer's transactions.

Transactions become the features that the model reads, by the SQL text that it was trained with.
Checking the features is left to the record's own validator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from segmentation.aggregation import Aggregation, aggregate
from segmentation.artifact import Manifest
from segmentation.errors import InvalidRecordsError, Problem
from segmentation.schema import RecordValidator

TRANSACTIONS, AS_OF = "transactions", "as_of"
MOST_TRANSACTIONS = 10_000


class Gathering:
    """Turns what senders may send instead of features into features.

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
        self._spellings = manifest.record.spellings
        self._time = next(one for one in packed.transactions.columns if one.kind == "time")
        self._aggregation = Aggregation(
            sql=packed.sql,
            kinds={column.name: column.kind for column in packed.transactions.columns},
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
        gathered = [
            self._gathered(row, record, self._aggregation, problems)
            if isinstance(record, Mapping) and TRANSACTIONS in record
            else record
            for row, record in enumerate(records)
        ]
        if problems:
            raise InvalidRecordsError(problems)
        return gathered

    def _gathered(
        self,
        row: int,
        record: Mapping[str, Any],
        aggregation: Aggregation,
        problems: list[Problem],
    ) -> Any:
        rest = {k: v for k, v in record.items() if k not in (TRANSACTIONS, AS_OF)}
        try:
            reference = self._as_of(record)
            features = self._aggregated(record[TRANSACTIONS], aggregation, reference)
        except InvalidRecordsError as error:
            problems += [_inside(row, problem) for problem in error.problems]
            return rest
        sent = {self._column(name): name for name, value in rest.items() if value is not None}
        own = {name: value for name, value in features.items() if value is not None}
        if self._identifier in sent:
            own.pop(self._identifier, None)
        problems += [
            Problem(row, sent[name], "disagreement", "follows from the transactions; leave it out")
            for name in own
            if name in sent
        ]
        return rest | own

    def _column(self, name: str) -> str:
        """Return the column that a field spells; an unknown one is left to the validator."""
        spelling = self._spellings.get(name)
        return spelling.column.name if spelling else name

    def _as_of(self, record: Mapping[str, Any]) -> datetime:
        given = record.get(AS_OF)
        if given is None:
            return self._reference
        try:
            found = datetime.fromisoformat(given)
        except (TypeError, ValueError):
            found = None
        if found is None or found.tzinfo is not None:
            raise InvalidRecordsError([Problem(0, AS_OF, "type", self._time.expectation())])
        return found

    def _aggregated(
        self, sent: Any, aggregation: Aggregation, reference: datetime
    ) -> dict[str, Any]:
        if not isinstance(sent, list) or not 1 <= len(sent) <= MOST_TRANSACTIONS:
            message = f"must be an array of 1 to {MOST_TRANSACTIONS} transactions"
            raise InvalidRecordsError([Problem(0, TRANSACTIONS, "type", message)])
        try:
            found = aggregate(aggregation, self._validator.validate(sent), reference)
        except InvalidRecordsError as error:
            nested = [
                Problem(0, _way(problem), problem.code, problem.message)
                for problem in error.problems
            ]
            raise InvalidRecordsError(nested) from None
        if len(found) != 1:
            message = "must be those of one customer" if found else "hold no purchase"
            raise InvalidRecordsError([Problem(0, TRANSACTIONS, "customers", message)])
        return found[0]


def _way(problem: Problem) -> tuple[str | int, ...]:
    """Return the way from the record to what is wrong in one of its transactions."""
    return (TRANSACTIONS, problem.row, *([problem.field] if isinstance(problem.field, str) else []))


def _inside(row: int, problem: Problem) -> Problem:
    return Problem(row, problem.field, problem.code, problem.message)
