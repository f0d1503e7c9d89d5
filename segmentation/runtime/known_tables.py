"""Which table the names of columns belong to, where it is not the one that was asked for.

Only for a sentence that points people to the right place: nothing is read otherwise because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

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


class KnownTables:
    """The tables that are known where records of one study are read.

    Parameters
    ----------
    manifest : Manifest
        Of the model that reads.
    list_further : callable, optional
        Returns the manifests of the models that are served beside it; asked once, where needed.

    Attributes
    ----------
    study : str
        The one whose records are read.
    """

    def __init__(
        self, manifest: Manifest, list_further: Callable[[], Iterable[Manifest]] = tuple
    ) -> None:
        self.study = manifest.study
        self._manifest = manifest
        self._list_further = list_further

    @cached_property
    def _tables(self) -> list[KnownTable]:
        """The tables, the study's own records first."""
        record = self._manifest.record
        own = KnownTable(HeaderLookup(record), record.decisive_names, advice="")
        tables = [own, *_list_transactions(self._manifest)]
        for manifest in self._list_further():
            tables += [_describe_records(manifest), *_list_transactions(manifest)]
        return tables

    def recognise(self, names: Sequence[str]) -> str:
        """Return the advice of the table to which most of some names belong.

        Parameters
        ----------
        names : sequence of str
            Of the columns or fields that were sent.

        Returns
        -------
        str
            Empty if they belong to the study's own records, or to none.
        """
        counts = [(table.count_known(names), table.advice) for table in self._tables]
        n_known, advice = max(counts, key=lambda count: count[0])  # of equal ones the first
        return advice if n_known >= _FEWEST else ""

    def holds_transactions(self, names: Sequence[str]) -> bool:
        """Whether a table is one of the study's transactions rather than of its records.

        Parameters
        ----------
        names : sequence of str
            Of its columns.
        """
        own, *_ = self._tables
        n_known = max(
            (table.count_known(names) for table in _list_transactions(self._manifest)), default=0
        )
        return n_known >= _FEWEST and n_known > own.count_known(names)


def _describe_records(manifest: Manifest) -> KnownTable:
    address = f"/studies/{manifest.study}"
    advice = f"These are columns of the study {manifest.study}: send them to {address}."
    return KnownTable(HeaderLookup(manifest.record), manifest.record.decisive_names, advice)


def _list_transactions(manifest: Manifest) -> list[KnownTable]:
    """Return the table of transactions of a model's study, if there is one."""
    packed = manifest.aggregation
    if packed is None:
        return []
    advice = (
        f"These are columns of transactions of the study {manifest.study}: send them as a file to"
        f" /studies/{manifest.study}/predict/file, or those of each customer together, as the"
        f" transactions of one record, in JSON to /studies/{manifest.study}/predict."
    )
    telling = frozenset(column.name for column in packed.transactions.features)
    return [KnownTable(HeaderLookup(packed.transactions), telling, advice)]
