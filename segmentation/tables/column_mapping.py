"""Which field of a record each column of a file holds: found by its header, or as the caller says.

What cells mean is in ``cell_readers``; what is said about columns that mean nothing, in ``batch``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

from segmentation.errors import MappingError
from segmentation.schema import Column, HeaderLookup, Schema, Spelling, UnknownFields
from segmentation.schema.unknown_fields import MOST_HINTS, MOST_NAMED, Hints

_NONE_KNOWN = "No column of the file has a name that is known; is its header there?"
_NONE_READ = "No column of the file is one that the model reads; it needs at least one of: {names}."


@dataclass(frozen=True)
class MatchedHeader:
    """What the columns of a file hold.

    Attributes
    ----------
    names : list of str
        The header, without blanks around its cells.
    fields : list of str or None
        The field of each column, as far as they are clear; None for columns that are not read.
    problem : str or None
        That several columns hold one field, or none holds any that the model reads.
    missing : tuple of Column
        Those that make a row complete, are in no column and don't follow from those that are.
    unknown : list of str
        Names that mean nothing.
    advice : str
        To what else the names belong, where something is missing; mostly empty.
    """

    names: list[str]
    fields: list[str | None]
    problem: str | None
    missing: tuple[Column, ...]
    unknown: list[str]
    advice: str


class ColumnMapping:
    """Finds the fields in headers.

    What the caller wants goes first, then names by their ranks: a name that only resembles a
    spelling means nothing where another column has the spelling itself.

    Parameters
    ----------
    schema : Schema
    mapping : mapping of str to str
        By header, the field that its column holds, by any spelling; empty for a column that is
        not to be read.
    recognise : callable, optional
        Returns a sentence about the table to which names belong, or nothing; asked where no column
        is one that the model reads, or one is missing.
    with_target : bool, default=False
        Whether the target is a field as well, as in training data.

    Raises
    ------
    MappingError
        If there is no such field.
    """

    def __init__(
        self,
        schema: Schema,
        mapping: Mapping[str, str],
        recognise: Callable[[Sequence[str]], str] | None = None,
        *,
        with_target: bool = False,
    ) -> None:
        self._schema = schema
        self._recognise = recognise
        columns = schema.columns if with_target else schema.sendable
        self._sendable = {column.name for column in columns}
        self._lookup = HeaderLookup(schema)
        self._wanted: dict[str, Spelling | None] = {}
        for number, (header, name) in enumerate(mapping.items(), start=1):
            spelling = self._find(name)
            if name and spelling is None:
                field_names = ", ".join(column.name for column in columns)
                raise MappingError(f"Mapping {number} names no field; there are {field_names}.")
            self._wanted[header.strip()] = spelling

    def is_known(self, name: str) -> bool:
        """Whether a header, without blanks around it, means something."""
        return name in self._wanted or self._find(name) is not None

    def match(self, header: Sequence[str]) -> MatchedHeader:
        """Return what the columns of a file hold.

        Raises
        ------
        MappingError
            If a wanted column is not there, or several are wanted as one field.
        """
        names = [name.strip() for name in header]
        for number, name in enumerate(self._wanted, start=1):
            if name not in names:
                raise MappingError(f"Mapping {number} is of a column that the file does not have.")
        spellings = [self._wanted.get(name) for name in names]
        if twice := _twice(spellings):
            raise MappingError(twice)
        twice = self._match_ranks(names, spellings)
        mapped_columns = {spelling.column.name for spelling in spellings if spelling}
        missing = self._schema.lacking(mapped_columns)
        advice = self._recognise(names) if self._recognise and missing else ""
        return MatchedHeader(
            names,
            [spelling.field if spelling else None for spelling in spellings],
            twice or self._find_problem(names, mapped_columns, advice),
            missing,
            [n for n in names if n not in self._wanted and self._lookup.find(n) is None],
            advice,
        )

    def describe_unknown(self, names: Sequence[str], missing: Sequence[Column]) -> UnknownFields:
        """Return columns that mean nothing, and those that are missing beside them."""
        return Hints(self._lookup).describe(names, missing=missing if names else ())

    def nearest(self, name: str) -> str | None:
        """Return the field whose name is nearest to a column that means nothing."""
        return self._lookup.nearest(name)

    def _match_ranks(self, names: Sequence[str], spellings: list[Spelling | None]) -> str | None:
        """Fill in what names mean, rank by rank, until a field is held by several columns."""
        for rank in range(self._lookup.n_ranks):
            mapped_columns = {spelling.column.name for spelling in spellings if spelling}
            for position, name in enumerate(names):
                if spellings[position] is None and name not in self._wanted:
                    spelling = self._find(name, rank)
                    if spelling and spelling.column.name not in mapped_columns:
                        spellings[position] = spelling
            if twice := _twice(spellings):
                return twice
        return None

    def _find_problem(
        self, names: Sequence[str], mapped_columns: Set[str], advice: str
    ) -> str | None:
        """Say that there is nothing to tell a segment from, and what the file may be instead.

        Names are not repeated: where the header is missing they are someone's values.
        """
        if self._schema.can_answer(mapped_columns):
            return None
        features = ", ".join(column.name for column in self._schema.features)
        reason = _NONE_READ.format(names=features) if mapped_columns else _NONE_KNOWN
        return f"{reason} {advice or self._near(names)}".rstrip()

    def _near(self, names: Sequence[str]) -> str:
        """Say which columns may be meant as fields, by their places."""
        nearest = [
            (place, self._lookup.nearest(name))
            for place, name in enumerate(names[:MOST_HINTS], start=1)
            if self._lookup.find(name) is None
        ]
        places = [f"column {place} may be {field}" for place, field in nearest if field]
        return f"By its name {', '.join(places[:MOST_NAMED])}." if places else ""

    def _find(self, name: str, rank: int | None = None) -> Spelling | None:
        """Return what a name means, if that can be sent."""
        spelling = self._lookup.find(name) if rank is None else self._lookup.find_by(rank, name)
        return spelling if spelling and spelling.column.name in self._sendable else None


def parse_mappings(mappings: Sequence[str]) -> dict[str, str]:
    """Read mappings like ``header:field``; the field is what follows the last colon.

    Raises
    ------
    MappingError
        If one has no colon, or is of a column that has one already.
    """
    fields: dict[str, str] = {}
    for number, mapping in enumerate(mappings, start=1):
        header, colon, field = mapping.rpartition(":")
        if not colon or header.strip() in fields:
            reason = "is of a column that has one already" if colon else "has no colon"
            raise MappingError(f"Mapping {number} {reason}.")
        fields[header.strip()] = field.strip()
    return fields


def _twice(spellings: Sequence[Spelling | None]) -> str | None:
    """Say which field several columns hold, if there is one."""
    counts = Counter(spelling.column.name for spelling in spellings if spelling)
    for name, count in counts.items():
        if count > 1:
            return (
                f"{count} columns are read as {name}; rename all but one, or map them to nothing."
            )
    return None
