"""One column limits another; several columns are zero together; one is the largest of several."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from segmentation.schema.relations.values import Values, select

# Shares that are rounded to whole per cent differ by so much from the exact ones.
_HALF_A_PER_CENT = 0.005


@dataclass(frozen=True)
class AtMost:
    """One column is never greater than another.

    Attributes
    ----------
    lesser, greater : str
    slack : float
        How far the lesser may exceed the greater.
    """

    lesser: str
    greater: str
    slack: float = 0.0
    kind: Literal["at_most"] = "at_most"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns of the relation."""
        return (self.lesser, self.greater)

    def find_following(self, names: Collection[str]) -> set[str]:  # noqa: ARG002
        """Return no columns: a limit is not a value."""
        return set()

    def derive(self, values: Values) -> Values:
        """Return zero for the lesser where the greater is zero."""
        follows = values.get(self.greater) == 0 and values.get(self.lesser) is None
        return {self.lesser: 0.0} if follows else {}

    def contradicts(self, values: Values) -> bool:
        """Return whether the lesser is greater."""
        lesser, greater = values.get(self.lesser), values.get(self.greater)
        if lesser is None or greater is None:
            return False
        return bool(lesser > greater + self.slack)

    def follow(self, values: Values, settled: Collection[str]) -> Values | None:
        """Return what else changes after the columns `settled` did; None where nothing fits."""
        lesser, greater = values.get(self.lesser), values.get(self.greater)
        if lesser is None or greater is None or lesser <= greater:
            return {}
        if self.greater not in settled:
            return {self.greater: lesser}
        return {self.lesser: greater} if self.lesser not in settled else None


@dataclass(frozen=True)
class ZeroTogether:
    """Columns are zero together: what was bought for nothing was bought at no time.

    Attributes
    ----------
    columns : tuple of str
    least : tuple of (float or None)
        The smallest value beside zero of each column, to which it changes where another one leaves
        zero; None where there is no such value.
    """

    columns: tuple[str, ...]
    least: tuple[float | None, ...] = ()
    kind: Literal["zero_together"] = "zero_together"

    def find_following(self, names: Collection[str]) -> set[str]:  # noqa: ARG002
        """Return no columns: only zeros follow."""
        return set()

    def derive(self, values: Values) -> Values:
        """Return zero for the columns that are missing where another one is zero."""
        amounts = select(values, self.columns)
        if len(amounts) == len(self.columns) or any(amounts.values()):
            return {}
        return {name: 0.0 for name in self.columns if name not in amounts} if amounts else {}

    def contradicts(self, values: Values) -> bool:
        """Return whether one column is zero and another isn't."""
        zero = positive = False
        for name in self.columns:
            value = values.get(name)
            if value is not None:
                zero, positive = zero or value == 0, positive or value > 0
        return zero and positive

    def follow(self, values: Values, settled: Collection[str]) -> Values | None:
        """Return what else changes after the columns `settled` did; None where nothing fits."""
        if not self.contradicts(values):
            return {}
        amounts = select(values, self.columns)
        zeros = {name for name, amount in amounts.items() if amount == 0}
        positives = amounts.keys() - zeros
        if not positives.intersection(settled):
            return dict.fromkeys(positives, 0.0)
        if zeros.intersection(settled):
            return None
        least = dict(zip(self.columns, self.least, strict=False))
        changes = {name: least.get(name) for name in zeros}
        return None if None in changes.values() else changes


@dataclass(frozen=True)
class Largest:
    """One column is the largest of several shares of one whole.

    Attributes
    ----------
    column : str
    shares : tuple of str
    """

    column: str
    shares: tuple[str, ...]
    kind: Literal["largest"] = "largest"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns of the relation."""
        return (self.column, *self.shares)

    def find_following(self, names: Collection[str]) -> set[str]:
        """Return the largest where all shares are known."""
        return {self.column} if set(self.shares) <= set(names) else set()

    def derive(self, values: Values) -> Values:
        """Return the largest share where no share that is missing can be larger."""
        shares = select(values, self.shares)
        if values.get(self.column) is not None or not shares:
            return {}
        largest = max(shares.values())
        remainder = 1.0 - sum(shares.values())
        proved = len(shares) == len(self.shares) or remainder <= largest
        return {self.column: largest} if proved else {}

    def contradicts(self, values: Values) -> bool:
        """Return whether a share is larger than the largest, or all are smaller."""
        column = values.get(self.column)
        if column is None:
            return False
        shares = [values[name] for name in self.shares if values.get(name) is not None]
        if not shares:
            return False
        excess = max(shares) - column
        if len(shares) == len(self.shares):
            excess = abs(excess)
        return bool(excess > _HALF_A_PER_CENT)

    def follow(self, values: Values, settled: Collection[str]) -> Values | None:
        """Return what else changes after the columns `settled` did; None where nothing fits."""
        shares = select(values, self.shares)
        if values.get(self.column) is None or not shares:
            return {}
        largest = max(shares, key=lambda name: shares[name])
        if self.column not in settled:
            return {self.column: max(values[self.column], shares[largest])
                    if len(shares) < len(self.shares) else shares[largest]}  # fmt: skip
        return self._follow_the_largest(values[self.column], shares, largest, settled)

    def _follow_the_largest(
        self, value: float, shares: Values, largest: str, settled: Collection[str]
    ) -> Values | None:
        """Return the share that becomes the largest, and those that may no longer be as large."""
        changes = {name: value for name, share in shares.items() if share > value}
        if len(shares) == len(self.shares):
            changes[largest] = value
        return None if changes.keys() & set(settled) else changes
