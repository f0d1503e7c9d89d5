"""Which table the names of columns belong to, where it is not the one that was asked for.

Only for a sentence that points people to the right place: nothing is read otherwise because of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from segmentation.artifact import Manifest
from segmentation.schema import HeaderLookup

# Columns of a table that must be there to know it: one alone, such as Age, is in many.
_FEWEST = 2


@dataclass(frozen=True)
class KnownTable:
    """A table that some model knows: what its columns are called, and where it belongs.

    Attributes
    ----------
    lookup : HeaderLookup
    telling : frozenset of str
        Names of the columns by which it is known.
    advice : str
        A sentence for whoever sent it elsewhere.
    """

    lookup: HeaderLookup
    telling: frozenset[str]
    advice: str

    def count_known(self, names: Iterable[str]) -> int:
        """Return how many of the columns by which it is known are among some names."""
        spellings = map(self.lookup.find, names)
        return len({spelling.column.name for spelling in spellings if spelling} & self.telling)


def list_transactions(manifest: Manifest) -> list[KnownTable]:
    """Return the table of transactions of a model's study, if there is one."""
    packed = manifest.aggregation
    if packed is None:
        return []
    advice = (
        f"These are columns of transactions of the study {manifest.study}: send those of each"
        " customer together, as transactions of one record in JSON."
    )
    telling = frozenset(column.name for column in packed.transactions.features)
    return [KnownTable(HeaderLookup(packed.transactions), telling, advice)]


def list_records(manifest: Manifest) -> list[KnownTable]:
    """Return the table of records of a model's study."""
    advice = (
        f"These are columns of the study {manifest.study}: send them to /studies/{manifest.study}."
    )
    return [KnownTable(HeaderLookup(manifest.record), manifest.record.decisive_names, advice)]


def recognise(names: Sequence[str], tables: Iterable[KnownTable]) -> str:
    """Return the advice of the table to which most of some names belong; empty if to none.

    Parameters
    ----------
    names : sequence of str
        Of the columns or fields that were sent.
    tables : iterable of KnownTable
        Of equal ones, the first counts.
    """
    counts = [(table.count_known(names), table.advice) for table in tables]
    n_known, advice = max(counts, key=lambda count: count[0], default=(0, ""))
    return advice if n_known >= _FEWEST else ""
