"""What a record, or the header of a table, holds beside the fields that are known, in words.

Names are repeated where they are short, values never. Finding names is in ``headers``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from segmentation.schema.columns import LONGEST_TEXT, Column
from segmentation.schema.headers import HeaderLookup

# Unknown fields that are named: an answer must not be many times as long as what was sent.
MOST_NAMED = 10
# Hints that one request gets: 0.15 ms each.
MOST_HINTS = 100


@dataclass(frozen=True, slots=True)
class UnknownField:
    """A name that means nothing.

    Attributes
    ----------
    name : str or None
        As it was sent; None where that is empty or too long to be repeated.
    nearest : str or None
        The known field whose name is nearest, if one is really near.
    """

    name: str | None
    nearest: str | None

    @property
    def phrase(self) -> str:
        """The name with what may have been meant."""
        name = self.name or "a field with no name or a very long one"
        return f"{name} (did you mean {self.nearest}?)" if self.nearest else name


@dataclass(frozen=True, slots=True)
class UnknownFields:
    """What was sent and not read.

    Attributes
    ----------
    named : tuple of UnknownField
        The first of the unknown ones.
    n_more : int
        How many more there are.
    target : str or None
        The name under which the target was sent, which is answered and not read.
    missing : tuple of Column
        Columns that make a record complete and are not there, while unknown fields are.
    in_transactions : tuple of UnknownField
        The first of the unknown ones in the record's transactions.
    left_out : tuple of (str, int)
        Why transactions were left out, and how many for each reason.
    n_transactions : int
        How many transactions were sent, where some were left out.
    """

    named: tuple[UnknownField, ...] = ()
    n_more: int = 0
    target: str | None = None
    missing: tuple[Column, ...] = ()
    in_transactions: tuple[UnknownField, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()
    n_transactions: int = 0

    @property
    def phrase(self) -> str:
        """All of the unknown fields, for the end of a sentence."""
        phrases = [field.phrase for field in self.named]
        return ", ".join([*phrases, *([f"and {self.n_more} more"] if self.n_more else [])])


class Hints:
    """Names unknown fields and what they may mean, as often as one request may ask.

    Parameters
    ----------
    lookup : HeaderLookup
    """

    def __init__(self, lookup: HeaderLookup) -> None:
        self._lookup = lookup
        self._nearest: dict[str, str | None] = {}

    @property
    def exhausted(self) -> bool:
        """Whether further names get no hint."""
        return len(self._nearest) >= MOST_HINTS

    def describe(
        self, names: Sequence[str], target: str | None = None, missing: Iterable[Column] = ()
    ) -> UnknownFields:
        """Return the description of unknown names, in their order."""
        named = tuple(map(self._describe, names[:MOST_NAMED]))
        return UnknownFields(named, len(names) - len(named), target, tuple(missing))

    def _describe(self, name: str) -> UnknownField:
        if not name.strip() or len(name) > LONGEST_TEXT:
            return UnknownField(None, None)
        if name not in self._nearest and not self.exhausted:
            self._nearest[name] = self._lookup.nearest(name)
        return UnknownField(name, self._nearest.get(name))
