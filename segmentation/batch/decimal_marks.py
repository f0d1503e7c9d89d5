"""How a file writes numbers: with a decimal point or comma, and which cells can't be told apart.

Where cells are separated by commas, numbers have points. Otherwise both are read where they can
only be decimal. 1.234 and 1,234 may be thousands as well: they are read if the other numbers of the
file show what it writes, and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from segmentation.schema import Column
from segmentation.schema.column_values import parse_text

AMBIGUOUS = "must be written without what may separate thousands"

# Groups of three after one to three digits: with one group, thousands or decimals.
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?:[.,'\u2019 \u00a0\u202f]\d{3})+(?:[.,]\d*)?")
_ONE_GROUP = re.compile(r"[+-]?\d{1,3}([.,])\d{3}")
_DECIMAL = re.compile(r"[+-]?\d*([.,])\d+(?:[eE][+-]?\d+)?")


class AmbiguousError(ValueError):
    """A number that can be read in two ways."""


@dataclass(frozen=True)
class Decimals:
    """How the numbers of a file are written.

    Attributes
    ----------
    commas : bool
        Whether there may be decimal commas.
    mark : str
        The decimal mark that the file shows; empty if it shows none or both.
    """

    commas: bool
    mark: str

    @classmethod
    def seen_in(cls, cells: Iterable[str], separator: str) -> Decimals:
        """Look at cells of numeric columns, in a file with some separator."""
        if separator == ",":
            return cls(commas=False, mark=".")
        seen = set()
        for cell in cells:
            text = cell.strip()
            decimal = _DECIMAL.fullmatch(text)
            if decimal and not _GROUPED.fullmatch(text):
                seen.add(decimal[1])
                if len(seen) > 1:
                    break
        return cls(commas=True, mark=seen.pop() if len(seen) == 1 else "")

    def parse(self, column: Column, cell: str) -> Any:
        """Read a cell of a numeric column as `parse_text` does, decimal commas included.

        Raises
        ------
        AmbiguousError
            If it can be read as two numbers.
        """
        if self.mark == ".":
            value = parse_text(column, cell)
            if type(value) is not str:
                return value
        text = cell.strip()
        if _GROUPED.fullmatch(text):
            group = _ONE_GROUP.fullmatch(text)
            if not group or group[1] != self.mark:
                raise AmbiguousError
        if self.commas and _DECIMAL.fullmatch(text):
            text = text.replace(",", ".")
        return parse_text(column, text)
