"""Transactions in a request: they become the features of the customer's record.

Those that training would drop are left out, by the same rules; the others become the features that
the model reads, by the SQL text that it was trained with. Checking the features is left to the
record's own validator.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from segmentation.aggregation import Aggregation, aggregate, as_text, try_aggregation
from segmentation.artifact import Manifest
from segmentation.artifact.manifest import PackedAggregation
from segmentation.errors import InvalidRecordsError, Problem
from segmentation.schema import CheckedRecords, HeaderLookup, Record, RecordValidator
from segmentation.schema.missing_words import is_missing_word
from segmentation.schema.unknown_fields import MOST_NAMED, UnknownField, UnknownFields
from segmentation.transaction_rules import find_reasons, list_rules
from segmentation.wording.left_out import LEFT_OUT_WORDS

TRANSACTIONS, AS_OF = "transactions", "as_of"
MOST_TRANSACTIONS = 10_000
# Each reference takes a query of its own; this many take 2 seconds.
MOST_REFERENCES = 100


@dataclass(frozen=True)
class _Purchases:
    """What a record at some row holds: the transactions that count, their places, and the rest."""

    row: int
    features: Record
    reference: datetime
    transactions: list[Record]
    places: list[int]
    unread: UnknownFields


@dataclass(frozen=True)
class GatheredRecords:
    """Records with features in place of transactions.

    Attributes
    ----------
    records : list
    unread : dict of int to UnknownFields
        By position, what of a record's transactions was not read or left out.
    """

    records: list[Any]
    unread: dict[int, UnknownFields]


def unpack_aggregation(packed: PackedAggregation) -> Aggregation:
    """Return how transactions become records, as a package says it."""
    return Aggregation(
        sql=packed.sql,
        kinds={column.name: column.kind for column in packed.transactions.columns},
        time=packed.time,
        needed=tuple(column.name for column in packed.transactions.features),
        categories=tuple(packed.categories),
    )


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
        self._roles = packed.roles
        self._validator = RecordValidator(packed.sendable)
        self._lines_lookup = HeaderLookup(packed.transactions)
        self._packed = packed
        self._reference = datetime.fromisoformat(packed.reference)
        identifier = manifest.record.identifier
        self._identifier = identifier.name if identifier else ""
        # Without both names, one query cannot distinguish the customers of several records.
        self._customer = packed.customer if identifier else ""
        self._lookup = HeaderLookup(manifest.record)
        self._time = packed.transactions.by_name[packed.time]
        self._aggregation = unpack_aggregation(packed)
        self._needed = self._aggregation.needed

    def try_out(self) -> None:
        """Aggregate no transactions, to see whether the package's way of doing so may be used.

        Raises
        ------
        PackageError
            If it must not.
        """
        if self._aggregation is not None:
            try_aggregation(self._aggregation, self._reference)

    def gather(self, records: Sequence[Any]) -> GatheredRecords:
        """Return records with features in place of transactions.

        Raises
        ------
        InvalidRecordsError
            If transactions can't be aggregated.
        """
        if self._aggregation is None:
            return GatheredRecords(list(records), {})
        problems: list[Problem] = []
        gathered = GatheredRecords(list(records), {})
        for group in self._groups(records, problems):
            records_of_group = self._aggregated(group, self._aggregation, problems)
            for purchases, features in zip(
                group, records_of_group, strict=False
            ):  # none found: problems
                self._restore_identifier(purchases, features)
                gathered.records[purchases.row] = self._joined(purchases, features, problems)
                if purchases.unread != UnknownFields():
                    gathered.unread[purchases.row] = purchases.unread
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
            transactions = self._validator.validate(list(map(_without_missing_words, lines)))
            self._check_needed(transactions)
        except InvalidRecordsError as error:
            nested = [_inside(row, problem.row, problem) for problem in error.problems]
            raise InvalidRecordsError(nested) from None
        reasons = self._find_reasons(transactions)
        if record.get(AS_OF) is None:
            self._check_times(row, record, transactions, reasons)
        else:
            reasons = self._leave_out_later(transactions, reasons, reference)
        places = [place for place, reason in enumerate(reasons) if reason is None]
        unread = UnknownFields(
            in_transactions=_list_unknown(transactions),
            left_out=tuple(Counter(reason for reason in reasons if reason).items()),
            n_transactions=len(lines),
        )
        if not places:
            raise InvalidRecordsError([_all_left_out(row, unread)])
        features_sent = {k: v for k, v in record.items() if k not in (TRANSACTIONS, AS_OF)}
        kept_transactions = [transactions[place] for place in places]
        return _Purchases(row, features_sent, reference, kept_transactions, places, unread)

    def _check_times(
        self,
        row: int,
        record: Mapping[str, Any],
        transactions: Sequence[Record],
        reasons: Sequence[str | None],
    ) -> None:
        """Ask for the time that recency is relative to where transactions go on after the model's.

        Which time that is, only the sender knows: the end of their data, or now.
        """
        time, reference = self._time.name, self._reference
        for place, line in enumerate(transactions):
            counts = reasons[place] is None and line.get(time) is not None
            if counts and datetime.fromisoformat(line[time]) > reference:
                raw_line = record[TRANSACTIONS][place]
                field = next(name for name in raw_line if self._spells(name, time))
                message = (
                    f"is later than {reference.isoformat()}, the end of the training data, to which"
                    f" recency is relative: send {AS_OF} beside {TRANSACTIONS}, the time up to"
                    " which yours are complete"
                )
                raise InvalidRecordsError(
                    [Problem(row, (TRANSACTIONS, place, field), "range", message)]
                )

    def _leave_out_later(
        self,
        transactions: Sequence[Record],
        reasons: Sequence[str | None],
        reference: datetime,
    ) -> list[str | None]:
        """Return the reasons with those of the transactions after the reference."""
        time = self._time.name
        return [
            "later"
            if reason is None and line.get(time) and datetime.fromisoformat(line[time]) > reference
            else reason
            for reason, line in zip(reasons, transactions, strict=True)
        ]

    def _spells(self, name: str, column: str) -> bool:
        spelling = self._lines_lookup.find(name)
        return spelling is not None and spelling.column.name == column

    def _find_reasons(self, transactions: Sequence[Record]) -> list[str | None]:
        """Return why each transaction is left out, None where it counts."""
        if self._roles is None:
            return [None] * len(transactions)
        rules = list_rules(
            self._packed.transactions,
            self._roles,
            self._packed.cancellation_prefix,
            datetime.fromisoformat(self._packed.earliest),
            _tomorrow(),
        )
        customer = self._roles.customer
        if all(line.get(customer) is None for line in transactions):  # they are the record's own
            rules = tuple(rule for rule in rules if rule.reason != "missing_customer")
        return find_reasons(rules, [self._typed(transaction) for transaction in transactions])

    def _typed(self, transaction: Record) -> dict[str, Any]:
        """Return a transaction's values as a table's reader gives them."""
        kinds = {column.name: column.kind for column in self._packed.transactions.columns}
        return {
            name: datetime.fromisoformat(value)
            if kinds[name] == "time"
            else as_text(value)
            if kinds[name] == "identifier"
            else value
            for name, value in transaction.items()
            if value is not None
        }

    def _check_needed(self, transactions: CheckedRecords) -> None:
        """Refuse transactions without a column that is needed: it has another name, or is none.

        A single line without its value is left out by the rules. It is refused if it has the value
        under a name that is nearly right.
        """
        problems = []
        for name in self._needed:
            if all(line.get(name) is None for line in transactions):
                unknown = transactions.unknown.get(0)
                problems.append(Problem(0, name, "missing", _say_needed(unknown)))
                continue
            problems += [
                Problem(place, name, "missing", _say_needed(unknown))
                for place, unknown in transactions.unknown.items()
                if transactions[place].get(name) is None
                and any(field.nearest == name for field in unknown.named)
            ]
        if problems:
            raise InvalidRecordsError(problems)

    def _aggregated(
        self, group: Sequence[_Purchases], aggregation: Aggregation, problems: list[Problem]
    ) -> list[Record]:
        """Return the features of a group's records; if any is wrong, add problems, return none.

        A group is one query, because a query takes 20 ms however little it reads. The record from
        which a customer came is part of the customer's key there.
        """
        places = [(purchases.row, place) for purchases in group for place in purchases.places]
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

    def _restore_identifier(self, purchases: _Purchases, features: Record) -> None:
        """Give a customer back as it was sent: 17, not "17"."""
        customers = (line.get(self._customer) for line in purchases.transactions)
        customer = next((value for value in customers if value is not None), None)
        if self._customer and features.get(self._identifier) is not None:
            features[self._identifier] = int(customer) if isinstance(customer, float) else customer

    def _joined(self, purchases: _Purchases, features: Record, problems: list[Problem]) -> Record:
        """Return the record's other fields together with the features of its transactions."""
        features_sent = purchases.features
        sent_names = {
            self._column(name): name
            for name, value in features_sent.items()
            if value is not None and not (type(value) is str and not value.strip())
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
        """Return the column that a field spells; an unknown one is left to the validator."""
        spelling = self._lookup.find(name)
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
        earliest = datetime.fromisoformat(self._packed.earliest)
        if not earliest <= reference <= _tomorrow():
            message = f"must be a time from {earliest.date()} to tomorrow"
            raise InvalidRecordsError([Problem(row, AS_OF, "range", message)])
        return reference


def _list_unknown(transactions: CheckedRecords) -> tuple[UnknownField, ...]:
    """Return the first unknown fields of transactions, each once."""
    unknown = transactions.unknown.values()
    named = dict.fromkeys(field for fields in unknown for field in fields.named)
    return tuple(named)[:MOST_NAMED]


def _tomorrow() -> datetime:
    """Return the latest time that a transaction may have, in local time, as shops record it."""
    return datetime.now() + timedelta(days=1)


def _without_missing_words(line: Any) -> Any:
    """Return a line in which words for no answer are none, as a table's reader has it."""
    if type(line) is not dict:
        return line
    return {
        name: None if type(value) is str and is_missing_word(value) else value
        for name, value in line.items()
    }


def _say_needed(unknown: UnknownFields | None) -> str:
    return f"is needed; not known: {unknown.phrase}" if unknown and unknown.named else "is needed"


def explain_features(error: InvalidRecordsError, records: Sequence[Any]) -> InvalidRecordsError:
    """Return problems of features as problems of the transactions that they were made of.

    A pointer leads to what was sent: nobody sent the features.

    Parameters
    ----------
    error : InvalidRecordsError
        About records with features in place of transactions.
    records : sequence
        The records as they were sent.
    """
    return InvalidRecordsError(
        [
            replace(
                problem,
                field=TRANSACTIONS,
                message=f"lead to {problem.field} that can't be: it {problem.message}",
            )
            if _is_made(problem, records[problem.row])
            else problem
            for problem in error.problems
        ]
    )


def _is_made(problem: Problem, record: Any) -> bool:
    has_transactions = isinstance(record, Mapping) and TRANSACTIONS in record
    return has_transactions and isinstance(problem.field, str) and problem.field not in record


def _all_left_out(row: int, unread: UnknownFields) -> Problem:
    reasons = "; ".join(
        f"{count} of {unread.n_transactions} {LEFT_OUT_WORDS[reason]}"
        for reason, count in unread.left_out
    )
    return Problem(row, TRANSACTIONS, "customers", f"hold no purchase that counts: {reasons}")


def _inside(row: int, transaction: int, problem: Problem) -> Problem:
    """Return a problem of a transaction as a problem of its record."""
    field = (problem.field,) if isinstance(problem.field, str) else ()
    return Problem(row, (TRANSACTIONS, transaction, *field), problem.code, problem.message)
