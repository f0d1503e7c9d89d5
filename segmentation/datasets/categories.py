"""Tables of product categories: keywords, in the order in which they are looked for."""

from __future__ import annotations

import csv
from pathlib import Path

from segmentation.errors import DataError
from segmentation.tables.addresses import check_readable


def read_categories(path: Path) -> tuple[tuple[str, str], ...]:
    """Read a table of product categories.

    Parameters
    ----------
    path : Path
        UTF-8 text: the header ``keyword,category``, then pairs in the order of trying.

    Returns
    -------
    tuple of (str, str)
        Keyword and category.

    Raises
    ------
    DataError
        If the file can't be read or a line isn't such a pair.
    """
    check_readable(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = ([cell.strip() for cell in row] for row in csv.reader(file) if row)
    except (UnicodeDecodeError, ValueError):
        raise DataError(str(path), ["is not UTF-8 text of two columns"]) from None
    if header != ["keyword", "category"]:
        raise DataError(str(path), ["must begin with the line keyword,category"])
    faults = [
        f"row {number}: must be a keyword and a category"
        for number, row in enumerate(rows, start=1)
        if len(row) != len(header) or not all(row)
    ]
    if faults or not rows:
        raise DataError(str(path), faults or ["has a header but no rows"])
    return tuple((keyword, category) for keyword, category in rows)
