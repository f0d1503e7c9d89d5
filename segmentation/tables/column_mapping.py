"""Which field of a record each column of a file holds: found by its header, or as the caller says.

What cells mean is in ``cell_readers``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from segmentation.errors import MappingError
from segmentation.schema import Schema

_NONE_KNOWN = "No column of the file has a name that is known; is its header there?"


class ColumnMapping:
    """Finds the fields in headers.

    By any spelling of the schema, or by one that differs in case and blanks only. What the caller
    wants goes before both, and the spelling itself before what only resembles it.

    Parameters
    ----------
    schema : Schema
    wanted : mapping of str to str
        By header, the field that its column holds, by any spelling; empty for a column that is
        not to be read.

    Raises
    ------
    MappingError
        If there is no such field.
    """

    def __init__(
        self, schema: Schema, mapping: Mapping[str, str], *, with_target: bool = False
    ) -> None:
        columns = schema.columns if with_target else schema.sendable
        sendable = [column.name for column in columns]
        # By its column's own name where the unit is the same: such records need no renaming.
        self._exact = {
            name: spelling.column.name if spelling.divisor == 1 else name
            for name, spelling in schema.spellings.items()
            if spelling.column.name in sendable
        }
        self._columns = {field: schema.spellings[field].column.name for field in self._exact}
        self._alike = {_folded(name): field for name, field in self._exact.items()}
        self._wanted: dict[str, str | None] = {}
        for number, (header, name) in enumerate(mapping.items(), start=1):
            if name and name not in self._exact:
                field_names = ", ".join(sendable)
                raise MappingError(f"Mapping {number} names no field; there are {field_names}.")
            self._wanted[header.strip()] = self._exact[name] if name else None

    def is_known(self, name: str) -> bool:
        """Whether a header, without blanks around it, means something."""
        return name in self._wanted or _folded(name) in self._alike

    def match(self, header: Sequence[str]) -> tuple[list[str | None], str | None]:
        """Return the field of each column of a table, None for those that are not read.

        As far as they are clear; and the problem, if several columns hold one field, or none does.

        Raises
        ------
        MappingError
            If a wanted column is not there, or several are wanted as one field.
        """
        names = [name.strip() for name in header]
        for number, name in enumerate(self._wanted, start=1):
            if name not in names:
                raise MappingError(f"Mapping {number} is of a column that the file does not have.")
        fields = [self._wanted.get(name) for name in names]
        if twice := self._twice(fields):
            raise MappingError(twice)
        alike = [self._alike.get(_folded(name)) for name in names]
        for candidates in ([self._exact.get(name) for name in names], alike):
            mapped_columns = {self._columns[field] for field in fields if field}
            for position, field in enumerate(candidates):
                free = fields[position] is None and names[position] not in self._wanted
                if field and free and self._columns[field] not in mapped_columns:
                    fields[position] = field
            if twice := self._twice(fields):
                return fields, twice
        return fields, None if any(fields) else _NONE_KNOWN

    def _twice(self, fields: Sequence[str | None]) -> str | None:
        """Say which field several columns hold, if there is one."""
        counts = Counter(self._columns[field] for field in fields if field)
        for name, count in counts.items():
            if count > 1:
                return (
                    f"{count} columns are read as {name}; rename all but one, or map them to"
                    " nothing."
                )
        return None


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


def _folded(name: str) -> str:
    """Return a name without its case and the number of its blanks."""
    return " ".join(name.split()).casefold()
