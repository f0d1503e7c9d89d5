"""``Column`` and ``Schema``: names, kinds, units, ranges, categories and accepted spellings.

Plain data that a model package carries along; checking records is in ``records``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from segmentation.schema.relations import Largest, Relation

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

        Others keep all their digits, so that the arithmetic holds as well as it can.
        """
        if self.step and self.step >= 1:
            value = self.round_to_step(value)
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return value if low <= value <= high else None

    def expectation(self, divisor: float = 1.0, unit: str = "") -> str:
        """Say what a value must be, in the unit of the spelling that was used."""
        if self.kind == "category":
            return f"must be text of 1 to {LONGEST_TEXT} characters"
        if self.kind == "identifier":
            return (
                f"must be an integer of at most 16 digits or text of 1 to {LONGEST_TEXT} characters"
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


@dataclass(frozen=True)
class Spelling:
    """Where a value sent under some name belongs, and in what unit it came."""

    column: Column
    unit: str
    divisor: float = 1.0

    @property
    def field(self) -> str:
        """The name that stands for the column in this unit: the column's own, or an alias."""
        if self.divisor == 1:
            return self.column.name
        aliases = self.column.aliases
        return next(alias.title for alias in aliases if alias.divisor == self.divisor)


@dataclass(frozen=True)
class Schema:
    """The columns of a record, in order.

    Attributes
    ----------
    columns : tuple of Column
        All columns, the target included where there is one.
    relations : tuple of Relation
        The arithmetic that holds between columns.
    """

    columns: tuple[Column, ...]
    relations: tuple[Relation, ...] = ()

    def derive(self, record: Record) -> Record:
        """Fill in the features of a canonical record that follow from the others, and return it."""
        for name in self._derivable:
            if record.get(name) is None:
                return self._derive(record)
        return record

    @cached_property
    def _derivable(self) -> tuple[str, ...]:
        related = {name for relation in self.relations for name in relation.columns}
        return tuple(column.name for column in self.features if column.name in related)

    def _derive(self, record: Record) -> Record:
        """Fill in what follows until nothing more does: what one relation gives, another needs."""
        changed = True
        while changed:
            changed = False
            for relation in self.relations:
                for name, value in relation.derive(record).items():
                    answer = self.by_name[name].accept_derived(value)
                    if answer is not None:
                        record[name] = answer
                        changed = True
        return record

    def find_contradictions(self, record: Record) -> list[Relation]:
        """Return the relations that a canonical record breaks, most often none."""
        return [relation for relation in self.relations if relation.contradicts(record)]

    def follow(self, record: Record, changed: Collection[str]) -> Record | None:
        """Return the answers that change along with others, so that all relations still hold.

        Parameters
        ----------
        record : dict
            A canonical record in which some answers have been changed.
        changed : collection of str
            The columns that were changed, and stay as they are.

        Returns
        -------
        dict or None
            The new answers by column; None if there are none with which all relations hold.
        """
        answers, settled, along = dict(record), list(changed), {}
        for name in settled:  # grows while it is read
            for relation in self._relations_of.get(name, ()):
                changes = relation.follow(answers, settled)
                if changes is None:
                    return None
                for moved, value in changes.items():
                    answer = self.by_name[moved].accept_derived(value)
                    if answer is None:
                        return None
                    answers[moved] = along[moved] = answer
                    settled.append(moved)
        return along

    def is_related(self, name: str) -> bool:
        """Return whether other columns may change along with one."""
        return name in self._relations_of

    @cached_property
    def _relations_of(self) -> Mapping[str, tuple[Relation, ...]]:
        """Return by column the relations that hold about it."""
        names = {name for relation in self.relations for name in relation.columns}
        return {
            name: tuple(relation for relation in self.relations if name in relation.columns)
            for name in names
        }

    def find_following(self, names: Collection[str]) -> set[str]:
        """Return the columns that follow where those of `names` are known."""
        known, n_before = set(names), -1
        while len(known) > n_before:
            n_before = len(known)
            for relation in self.relations:
                known |= relation.find_following(known)
        return known.difference(names)

    def can_answer(self, names: Collection[str]) -> bool:
        """Return whether records with these columns may hold an answer that the model reads."""
        features = {column.name for column in self.features}
        telling = {
            name
            for relation in self.relations
            if isinstance(relation, Largest) and relation.column in features
            for name in relation.shares
        }
        return bool(
            (features | telling).intersection(names) or self.find_following(names) & features
        )

    def lacking(self, names: Collection[str]) -> tuple[Column, ...]:
        """Return the decisive columns that are not among `names` and do not follow from them."""
        known = {*names, *self.find_following(names)}
        return tuple(column for column in self.decisive_columns if column.name not in known)

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        """Columns by their own name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """The columns that the model reads, in the order in which it reads them."""
        return self._with_role("feature")

    @cached_property
    def defining(self) -> tuple[int, ...]:
        """Positions among the features of those that define the segments."""
        return tuple(i for i, column in enumerate(self.features) if column.defines)

    @cached_property
    def decisive(self) -> tuple[int, ...]:
        """Positions of the features that make a record complete: the defining, or else all."""
        return self.defining or tuple(range(len(self.features)))

    @cached_property
    def decisive_columns(self) -> tuple[Column, ...]:
        """The features that make a record complete."""
        return tuple(self.features[position] for position in self.decisive)

    @cached_property
    def decisive_names(self) -> frozenset[str]:
        """Names of the features that make a record complete."""
        return frozenset(column.name for column in self.decisive_columns)

    @cached_property
    def defining_names(self) -> frozenset[str]:
        """Names of the features that define the segments; none where segments are given."""
        return frozenset(column.name for column in self.features if column.defines)

    @cached_property
    def sendable(self) -> tuple[Column, ...]:
        """The columns that a record to be answered may hold: all but the target."""
        return tuple(column for column in self.columns if column.role != "target")

    @cached_property
    def numbers(self) -> tuple[Column, ...]:
        """The numeric columns of a record: the features first, then the context."""
        other_columns = (column for column in self.sendable if column.role != "feature")
        return tuple(column for column in (*self.features, *other_columns) if column.numeric)

    @cached_property
    def categories(self) -> tuple[Column, ...]:
        """The text columns of a record."""
        return tuple(column for column in self.sendable if column.kind == "category")

    @property
    def target(self) -> Column | None:
        """The column that a supervised model learns, if there is one."""
        return next(iter(self._with_role("target")), None)

    @property
    def identifier(self) -> Column | None:
        """The column that names a record, if there is one."""
        return next(iter(self._with_role("identifier")), None)

    @cached_property
    def spellings(self) -> Mapping[str, Spelling]:
        """Every accepted name as it is written: those that are stated, then the usual ones."""
        spellings = dict(self.stated_spellings)
        for column in self.columns:
            for name in column.usual_names:
                spellings.setdefault(name, Spelling(column, column.unit))
        return spellings

    @cached_property
    def stated_spellings(self) -> Mapping[str, Spelling]:
        """Own names, titles and aliases, and the underscored form of each."""
        spellings: dict[str, Spelling] = {}
        for column in self.columns:
            for title in (column.name, column.title, underscored(column.title)):
                spellings[title] = Spelling(column, column.unit)
            for alias in column.aliases:
                for title in (alias.title, underscored(alias.title)):
                    spellings[title] = Spelling(column, alias.unit, alias.divisor)
        return spellings

    def _with_role(self, role: Role) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.role == role)
