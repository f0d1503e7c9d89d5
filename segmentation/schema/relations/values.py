"""What all relations compute with: values by column, tolerances, and the rest of a whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

Values = dict[str, Any]
"""Numbers by the name of their column; a missing one is absent or None."""

# Exports round: counts, amounts and averages of the real tables differ by less, and so do they
# with two digits. ``python -m benchmarks.contradictions`` prints how many records are warned about.
ROUNDING = 0.02
# Digits of a value that arithmetic made: the others are noise of floating point.
DIGITS = 9


def select(values: Values, names: Sequence[str]) -> Values:
    """Return the values that are there."""
    return {name: values[name] for name in names if values.get(name) is not None}


def add_up(values: Values, names: Sequence[str]) -> tuple[float, bool]:
    """Return the sum of the values that are there, and whether all are."""
    together, complete = 0.0, True
    for name in names:  # once per record: a comprehension takes twice as long
        value = values.get(name)
        if value is None:
            complete = False
        else:
            together += value
    return together, complete


def tolerance(slack: float, first: float, second: float = 0.0) -> float:
    """Return how far apart sides of a relation may be."""
    return slack + ROUNDING * (first if first > second else second)


def all_but_one(columns: Sequence[str], names: Collection[str]) -> set[str]:
    """Return the one column that is not among `names`; nothing where several are not."""
    missing = set(columns).difference(names)
    return missing if len(missing) == 1 else set()


def derive_rest(total: float, names: Sequence[str], parts: Values, tolerance: float) -> Values:
    """Return the one part that is missing, or zero for all where nothing is left for them."""
    missing = [name for name in names if name not in parts]
    remainder = total - sum(parts.values())
    if remainder < -tolerance:
        return {}
    if len(missing) == 1 or remainder <= 0:
        return dict.fromkeys(missing, max(round(remainder, DIGITS), 0.0))
    return {}


def scale_rest(total: float, parts: Values, settled: Collection[str]) -> Values | None:
    """Return the parts that are not settled so that all add up to the total."""
    unsettled = {name: part for name, part in parts.items() if name not in settled}
    remainder = total - sum(part for name, part in parts.items() if name in settled)
    if remainder < -ROUNDING * total:
        return None
    remainder = max(remainder, 0.0)
    together = sum(unsettled.values())
    if not unsettled:
        return {} if remainder <= ROUNDING * total else None
    if not together:
        return dict.fromkeys(unsettled, round(remainder / len(unsettled), DIGITS))
    return {name: round(part * remainder / together, DIGITS) for name, part in unsettled.items()}
