"""One column is the product of two others: so is every ratio of two columns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from segmentation.schema.relations.values import DIGITS, Values, all_but_one, tolerance


@dataclass(frozen=True)
class Product:
    """One column is the product of two others.

    Attributes
    ----------
    product : str
    factors : tuple of two str
    scale : float
        The product is so many times that of the factors: 0.01 for a price of a hundred units.
    yields : str
        The column that changes when another one does; the product by default, and the second
        factor when it is the product that changes.
    slack : float
        How far apart both sides may be beside `ROUNDING`.
    """

    product: str
    factors: tuple[str, str]
    scale: float = 1.0
    yields: str = ""
    slack: float = 0.0
    kind: Literal["product"] = "product"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns of the relation."""
        return (self.product, *self.factors)

    def find_following(self, names: Collection[str]) -> set[str]:
        """Return the columns whose values follow where those of `names` are known."""
        return all_but_one(self.columns, names)

    def derive(self, values: Values) -> Values:
        """Return the missing value that follows from the two others."""
        missing = [name for name in self.columns if values.get(name) is None]
        return self._solve(missing[0], values) if len(missing) == 1 else {}

    def contradicts(self, values: Values) -> bool:
        """Return whether the values that are there can't all be right."""
        product = values.get(self.product)
        if product is None:
            return False
        first, second = values.get(self.factors[0]), values.get(self.factors[1])
        if first is None or second is None:
            return False
        expected = first * second * self.scale
        return bool(abs(product - expected) > tolerance(self.slack, product, expected))

    def follow(self, values: Values, settled: Collection[str]) -> Values | None:
        """Return what else changes after the columns `settled` did; None where nothing fits."""
        if any(values.get(name) is None for name in self.columns):
            return {}
        first, second = self.factors
        for name in (self.yields, self.product, second, first):
            if name and name not in settled:
                return self._solve(name, values) or None
        return None if self.contradicts(values) else {}

    def _solve(self, name: str, values: Values) -> Values:
        """Return the value of one column by the two others; nothing where it has none."""
        first, second = self.factors
        if name == self.product:
            return {name: round(values[first] * values[second] * self.scale, DIGITS)}
        divisor = values[second if name == first else first] * self.scale
        return {name: round(values[self.product] / divisor, DIGITS)} if divisor else {}
