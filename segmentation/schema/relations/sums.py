"""One column is the sum of others; several columns are the shares of one whole."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from segmentation.schema.relations.values import (
    DIGITS,
    Values,
    add_up,
    all_but_one,
    derive_rest,
    scale_rest,
    select,
    tolerance,
)


@dataclass(frozen=True)
class Sum:
    """One column is the sum of others.

    Attributes
    ----------
    total : str
    parts : tuple of str
    slack : float
        How far apart both sides may be beside `ROUNDING`.
    """

    total: str
    parts: tuple[str, ...]
    slack: float = 0.0
    kind: Literal["sum"] = "sum"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns of the relation."""
        return (self.total, *self.parts)

    def find_following(self, names: Collection[str]) -> set[str]:
        """Return the columns whose values follow where those of `names` are known."""
        return all_but_one(self.columns, names)

    def derive(self, values: Values) -> Values:
        """Return the missing values that follow from the others."""
        total, parts = values.get(self.total), select(values, self.parts)
        if total is None:
            return {self.total: sum(parts.values())} if len(parts) == len(self.parts) else {}
        return derive_rest(total, self.parts, parts, tolerance(self.slack, total))

    def contradicts(self, values: Values) -> bool:
        """Return whether the values that are there can't all be right."""
        total = values.get(self.total)
        if total is None:
            return False
        together, complete = add_up(values, self.parts)
        excess = abs(together - total) if complete else together - total
        return bool(excess > tolerance(self.slack, total, together))

    def follow(self, values: Values, settled: Collection[str]) -> Values | None:
        """Return what else changes after the columns `settled` did; None where nothing fits."""
        parts = select(values, self.parts)
        if values.get(self.total) is None or len(parts) < len(self.parts):
            return {}
        if self.total not in settled:
            return {self.total: round(sum(parts.values()), DIGITS)}
        return scale_rest(values[self.total], parts, settled)


@dataclass(frozen=True)
class Shares:
    """Columns are the shares of one whole: they add up to one.

    Attributes
    ----------
    columns : tuple of str
    slack : float, optional
        How far from one their sum may be; by default what rounding each to a whole per cent makes.
    """

    columns: tuple[str, ...]
    slack: float | None = None
    kind: Literal["shares"] = "shares"

    @cached_property
    def _tolerance(self) -> float:
        return 0.005 * len(self.columns) if self.slack is None else self.slack

    def find_following(self, names: Collection[str]) -> set[str]:
        """Return the columns whose values follow where those of `names` are known."""
        return all_but_one(self.columns, names)

    def derive(self, values: Values) -> Values:
        """Return the missing values that follow from the others."""
        return derive_rest(1.0, self.columns, select(values, self.columns), self._tolerance)

    def contradicts(self, values: Values) -> bool:
        """Return whether the values that are there can't all be right."""
        together, complete = add_up(values, self.columns)
        excess = abs(together - 1.0) if complete else together - 1.0
        return bool(excess > self._tolerance)

    def follow(self, values: Values, settled: Collection[str]) -> Values | None:
        """Return what else changes after the columns `settled` did; None where nothing fits."""
        shares = select(values, self.columns)
        return scale_rest(1.0, shares, settled) if len(shares) == len(self.columns) else {}
