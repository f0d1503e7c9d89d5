"""A small shop whose counts and customers are worked out by hand, and the study of retail."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from segmentation.datasets import read_categories
from segmentation.datasets.snapshots import make_aggregation
from segmentation.studies.retail import RETAIL, TRANSACTION
from tests.support.shipped import ROOT

SAMPLE = ROOT / "data" / "retail.csv"
CATEGORIES = read_categories(ROOT / "data" / "retail_categories.csv")
assert RETAIL.transactions is not None
TRANSACTIONS = RETAIL.transactions
AGGREGATION = make_aggregation(TRANSACTIONS, CATEGORIES)

HEADER = [column.title for column in TRANSACTION.columns]
GOOD = ["1", "A1", "RED MUG", "2", "2024-03-01 10:00:00", "1.50", "7", "Ireland"]


def changed(**cells: str) -> list[str]:
    """Return a good line with some cells, by the column's own name, changed."""
    names = [column.name for column in TRANSACTION.columns]
    return [cells.get(name, cell) for name, cell in zip(names, GOOD, strict=True)]


def write_csv(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    """Write a table of transactions."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path
