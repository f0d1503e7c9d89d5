"""Which transactions are left out, and why: one statement for training and for requests.

Both count what is left out under the first reason that fits. Reading files and decoding JSON come
before; making features of what remains comes after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from segmentation.schema import Column, Schema
from segmentation.schema.transaction_roles import TransactionRoles

REASONS = (
    "missing_customer",
    "cancelled",
    "price_not_positive",
    "duplicate",
    "unreadable",
    "out_of_range",
)
"""Why transactions are left out, in the order of asking."""

Test = Literal["missing", "begins", "below", "above", "longer", "before", "after"]


@dataclass(frozen=True)
class TransactionRule:
    """A rule by which a transaction is left out.

    Attributes
    ----------
    reason : str
        One of `REASONS`.
    column : str
        Which value is looked at; a missing one breaks only the rule `missing`.
    test : str
        What is wrong with it.
    bound : str, float, int, datetime or None
        What it is compared with: a text's beginning in either case, a number, a length, a time.
    """

    reason: str
    column: str
    test: Test
    bound: Any = None

    def breaks(self, value: Any) -> bool:
        """Whether a value breaks the rule.

        Parameters
        ----------
        value : str, float, int, datetime or None
            As a table's reader gives it: times as such, identifiers as text.
        """
        if value is None:
            return self.test == "missing"
        if self.test == "begins":
            return str(value).startswith((self.bound.upper(), self.bound.lower()))
        if self.test == "longer":
            return len(str(value)) > int(self.bound)
        if self.test in ("below", "before"):
            return bool(value < self.bound)
        return self.test != "missing" and bool(value > self.bound)


def list_rules(
    schema: Schema,
    roles: TransactionRoles,
    cancellation_prefix: str,
    earliest: datetime,
    latest: datetime,
) -> tuple[TransactionRule, ...]:
    """Return the rules for the transactions of a study.

    Parameters
    ----------
    schema : Schema
        Of one transaction; its limits are those of the rules.
    roles : TransactionRoles
    cancellation_prefix : str
        What the order of a cancellation begins with; empty if nothing tells one.
    earliest, latest : datetime
        Limits of times.
    """
    needed = dict.fromkeys(
        (*(column.name for column in schema.features), roles.customer, roles.time)
    )
    rules = [
        TransactionRule(
            "missing_customer" if name == roles.customer else "unreadable", name, "missing"
        )
        for name in needed
    ]
    if cancellation_prefix and roles.order:
        rules.append(TransactionRule("cancelled", roles.order, "begins", cancellation_prefix))
    rules += [
        TransactionRule("out_of_range", roles.time, "before", earliest),
        TransactionRule("out_of_range", roles.time, "after", latest),
    ]
    for column in schema.columns:
        rules += _limit(column, roles)
    return tuple(rules)


def _limit(column: Column, roles: TransactionRoles) -> Iterator[TransactionRule]:
    """Yield the rules about one column's limits."""
    if not column.numeric:
        if column.kind != "time":
            yield TransactionRule("out_of_range", column.name, "longer", column.longest)
        return
    below = {roles.quantity: "cancelled", roles.price: "price_not_positive"}
    if column.minimum is not None:
        reason = below.get(column.name, "out_of_range")
        yield TransactionRule(reason, column.name, "below", column.minimum)
    if column.maximum is not None:
        yield TransactionRule("out_of_range", column.name, "above", column.maximum)


def find_reasons(
    rules: Sequence[TransactionRule], transactions: Sequence[Mapping[str, Any]]
) -> list[str | None]:
    """Return for each transaction why it is left out, None for those that are kept.

    Parameters
    ----------
    rules : sequence of TransactionRule
    transactions : sequence of mapping
        Values by column, as `TransactionRule.breaks` takes them; two that are equal are
        duplicates, of which the first is kept.
    """
    earlier: set[tuple[tuple[str, Any], ...]] = set()
    reasons: list[str | None] = []
    for transaction in transactions:
        broken = {rule.reason for rule in rules if rule.breaks(transaction.get(rule.column))}
        cells = tuple(sorted((n, v) for n, v in transaction.items() if v is not None))
        if cells in earlier:
            broken.add("duplicate")
        earlier.add(cells)
        reasons.append(next((reason for reason in REASONS if reason in broken), None))
    return reasons
