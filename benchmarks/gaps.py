"""Compares what a missing answer of credit_card may count as: ``python -m benchmarks.gaps``.

Each column in turn is left out of complete held-out records and filled with zero, the mean or the
median; the share of records that stay in the cluster of their complete answers is printed, for the
sample and, where it is, for the public data set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline

from segmentation.datasets import read_table
from segmentation.schema import Record, Schema
from segmentation.studies.credit_card import CREDIT_CARD, SCHEMA

ROOT = Path(__file__).resolve().parents[1]
SEED, FOLDS = 0, 5
FILLS = ("zero", "mean", "median")
Floats = NDArray[np.float64]


def compare_fills(records: Sequence[Record], schema: Schema) -> dict[str, dict[str, float]]:
    """Return by column and fill the share of records that stay in their cluster.

    Parameters
    ----------
    records : sequence of dict
        Canonical records; incomplete ones are left out.
    schema : Schema
    """
    names = [column.name for column in schema.features]
    rows = [[record.get(name) for name in names] for record in records]
    X = np.array([row for row in rows if None not in row], dtype=np.float64)
    shares: dict[str, dict[str, list[float]]] = {name: {f: [] for f in FILLS} for name in names}
    for train, test in KFold(FOLDS, shuffle=True, random_state=SEED).split(X):
        for name, of_column in zip(names, _compare_fold(X[train], X[test]), strict=True):
            for fill, share in zip(FILLS, of_column, strict=True):
                shares[name][fill].append(share)
    return {
        name: {fill: float(np.mean(of_fill)) for fill, of_fill in of_column.items()}
        for name, of_column in shares.items()
    }


def _compare_fold(train: Floats, test: Floats) -> list[list[float]]:
    """Return for each column the share for each fill."""
    steps = CREDIT_CARD.pipeline(SEED)[-1].space.steps
    space = Pipeline([(name, step) for name, step in steps if name != "fill"]).fit(train)
    clusters = KMeans(4, n_init=10, random_state=SEED).fit(space.transform(train))
    complete = clusters.predict(space.transform(test))
    clipped = space["clip"].transform(train)
    fills = (np.zeros(train.shape[1]), clipped.mean(axis=0), np.median(clipped, axis=0))
    shares = []
    for position in range(train.shape[1]):
        of_column = []
        for fill in fills:
            filled = test.copy()
            filled[:, position] = fill[position]
            predicted = clusters.predict(space.transform(filled))
            of_column.append(float(np.mean(predicted == complete)))
        shares.append(of_column)
    return shares


def main() -> None:
    """Print a table for each data set."""
    folder = Path(os.environ.get("SEGMENTATION_REAL_DATA", ROOT.parent / "shared/data"))
    tables = (ROOT / "data" / "credit_card.csv", folder / "credit_card" / "CC GENERAL.csv")
    for path in filter(Path.is_file, tables):
        shares = compare_fills(read_table(path, SCHEMA).records, SCHEMA)
        sys.stdout.write(f"{path.name:40}{''.join(f'{fill:>8}' for fill in FILLS)}\n")
        for name, of_column in shares.items():
            cells = "".join(f"{of_column[fill]:8.3f}" for fill in FILLS)
            sys.stdout.write(f"{name:40}{cells}\n")
        means = [np.mean([of_column[fill] for of_column in shares.values()]) for fill in FILLS]
        sys.stdout.write(f"{'all':40}{''.join(f'{mean:8.3f}' for mean in means)}\n")


if __name__ == "__main__":
    main()
