"""``Column``: the name, kind, unit, range, categories and accepted names of one answer.

Plain data that a model package carries along. All columns together are in ``record_schema``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

Record = dict[str, Any]
"""One customer: answers by column name (or, as sent, by any accepted spelling)."""

Kind = Literal["number", "integer", "category", "identifier", "time"]
Role = Literal["feature", "context", "identifier", "target"]

# The largest integers that every JSON reader keeps exactly (RFC 8259, section 6).
LARGEST_EXACT_INTEGER = 2**53 - 1
LONGEST_TEXT = 100


def underscored(name: str) -> str:
    """Return `name` in lower case with underscores for spaces, as pandas users rename columns."""
    return name.strip().lower().replace(" ", "_")


@dataclass(frozen=True)
class Alias:
    """Another name of a column, possibly in another unit.

    Attributes
    ----------
    title : str
        The name as a survey header would show it; its underscored form is accepted as well.
    unit : str
        Unit of values sent under this name.
    divisor : float
        How many of that unit make one of the column's unit.
    """

    title: str
    unit: str
    divisor: float


@dataclass(frozen=True)
class Column:
    """One question of a survey, or one column of a table.

    Attributes
    ----------
    name : str
        The project's own snake_case name, with its unit.
    title : str
        The original's header; its underscored form is accepted as well.
    kind : {"number", "integer", "category", "identifier", "time"}
        What values are: a category is text of which some values are known, an identifier is
        an integer or text, a time is text such as ``2011-08-31T17:45:00``.
    role : {"feature", "context", "identifier", "target"}
        What it is for: the model reads features; context only describes a segment.
    description : str
        One sentence for the person who fills it in.
    unit : str
        Unit of a number.
    minimum, maximum : float or None
        What is possible at all, inclusive. What is usual is learned from the training data.
    resolution : float
        The step in which a survey records the number; 0 if it doesn't round.
    categories : tuple of str
        Values that are known; others are answered with a warning.
    aliases : tuple of Alias
        Further names.
    label : str
        What it is called in a sentence; by default the name, with spaces.
    defines : bool
        Whether segments are defined by this column: a model that reads it re-derives its label.
    fixed : bool
        Whether nobody can change it, as age or sex: it is never proposed as a change.
    only_grows : bool
        Whether it can't become less, as the number of past orders.
    only_follows : bool
        Whether it changes only together with another column, as an average of past orders.
    restarts_with : str
        The column with whose growth this one begins again at its minimum, as the time since the
        last order does with the next one.
    also_called : tuple of str
        What other people's tables and programs call it, in the same unit; ``headers`` takes
        them whatever their case, blanks and signs.
    longest : int
        Most characters of a text.
    """

    name: str
    title: str
    kind: Kind
    role: Role
    description: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    resolution: float = 0.0
    categories: tuple[str, ...] = ()
    aliases: tuple[Alias, ...] = ()
    label: str = ""
    defines: bool = False
    fixed: bool = False
    only_grows: bool = False
    only_follows: bool = False
    restarts_with: str = ""
    also_called: tuple[str, ...] = ()
    longest: int = LONGEST_TEXT

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: the same bytes whatever was asked of the column before."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def usual_names(self) -> tuple[str, ...]:
        """What it is called besides its name and title: on pages, in sentences, by other people."""
        return (*self.also_called, self.words, self.words.removeprefix("the "))

    @cached_property
    def words(self) -> str:
        """What it is called in a sentence."""
        return self.label or self.name.replace("_", " ")

    @cached_property
    def numeric(self) -> bool:
        """Whether values are numbers."""
        return self.kind in ("number", "integer")

    @property
    def step(self) -> float | None:
        """The step between two possible answers; None where any number is one.

        It is the stated resolution, or 1 for whole numbers.
        """
        return self.resolution or (1.0 if self.kind == "integer" else None)

    def round_to_step(self, value: float, default_step: float | None = None) -> float:
        """Return the nearest possible answer, at most six decimals.

        Parameters
        ----------
        value : float
        default_step : float, optional
            The step where any number is an answer; without one the value is returned as it is.
        """
        step = self.step or default_step
        return round(round(value / step) * step, 6) if step else value

    def accept_derived(self, value: float) -> float | None:
        """Return a value that arithmetic gave as an answer: a count is whole; None beyond limits.

        Others keep all their digits, so that the arithmetic holds as well as it can. A quotient of
        a large and a tiny number may have become infinite.
        """
        if not math.isfinite(value):
            return None
        if self.step and self.step >= 1:
            value = self.round_to_step(value)
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return value if low <= value <= high else None

    def expectation(self, divisor: float = 1.0, unit: str = "") -> str:
        """Say what a value must be, in the unit of the spelling that was used."""
        if self.kind == "category":
            return f"must be text of 1 to {self.longest} characters"
        if self.kind == "identifier":
            return (
                f"must be an integer of at most 16 digits or text of 1 to {self.longest} characters"
            )
        if self.kind == "time":
            return "must be a date and time like 2011-08-31T17:45:00, without a time zone"
        noun = "a whole number" if self.kind == "integer" else "a number"
        bounds = [("from", self.minimum), ("to", self.maximum)]
        limits = [f" {word} {bound * divisor:.10g}" for word, bound in bounds if bound is not None]
        unit = unit or self.unit
        return f"must be {noun}{''.join(limits)}{f' ({unit})' if unit else ''}"

    @cached_property
    def _categories_by_spelling(self) -> Mapping[str, str]:
        folded = {underscored(category): category for category in self.categories}
        return folded | {category: category for category in self.categories}

    def known_category(self, value: str) -> str | None:
        """Return the known category that `value` spells, or None: ``google_pixel_5`` is known."""
        return self._categories_by_spelling.get(value) or self._categories_by_spelling.get(
            underscored(value)
        )
