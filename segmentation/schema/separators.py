"""What stands between the cells of a table of records, by what its header would then name.

Reading files is up to those who do; this only knows names.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable

SEPARATORS = ",;\t"


def separator_of(lines: Iterable[str], is_known: Callable[[str], bool]) -> str:
    """Return the separator that makes most names of a header known.

    Parameters
    ----------
    lines : iterable of str
        The beginning of a table; its first row is the header.
    known : callable
        Whether a name, without blanks around it, is one that the reader looks for.
    """
    beginning = list(lines)

    def n_known(separator: str) -> int:
        header = next(csv.reader(beginning, delimiter=separator), [])
        return sum(is_known(name.strip()) for name in header)

    return max(SEPARATORS, key=n_known)
