"""``Schema``: the columns of a record, what they are called, and what holds between them.

Plain data that a model package carries along; checking records is in ``record_validation``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from segmentation.schema.columns import Column, Record, Role, underscored
from segmentation.schema.relations import Largest, Relation


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

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled: the same bytes whatever was asked of the schema before."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def derive(self, record: Record) -> Record:
        """Return a canonical record with the features that follow from the others.

        It is the record itself where nothing is missing, and a copy otherwise.
        """
        for name in self._derivable:
            if record.get(name) is None:
                return self._derive(dict(record))
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
        known_names, n_before = set(names), -1
        while len(known_names) > n_before:
            n_before = len(known_names)
            for relation in self.relations:
                known_names |= relation.find_following(known_names)
        return known_names.difference(names)

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
        known_names = {*names, *self.find_following(names)}
        return tuple(column for column in self.decisive_columns if column.name not in known_names)

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
