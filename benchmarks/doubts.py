"""How many records of what kind are warned about: ``python -m benchmarks.doubts [FILE]``.

Prints, for each widening of a segment's range, the share of records that get a contradiction
warning: complete ones, noisy ones, and ones in which one answer comes from another record.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from segmentation.datasets import read_table
from segmentation.estimators import Floats, with_noise
from segmentation.runtime import Model, record_warnings
from segmentation.studies.mobile import MOBILE
from segmentation.training.fitting.supervised import label_records

NAMES = [column.name for column in MOBILE.schema.features]


def contradicted(model: Model, X: Floats) -> float:
    """Return the share of records with a contradiction."""
    limits = np.array([column.maximum for column in MOBILE.schema.features])
    rows = np.minimum(X, limits).tolist()
    records = [dict(zip(NAMES, row, strict=True)) for row in rows]
    flags = [
        any(doubt["code"] == record_warnings.CONTRADICTION for doubt in answer["warnings"])
        for answer in model.predict(records)
    ]
    return float(np.mean(flags))


def main() -> None:
    """Print one line for each widening."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "data/mobile.csv")
    X = label_records(MOBILE, read_table(path, MOBILE.schema)).X
    random = np.random.RandomState(0)
    swapped = X.copy()
    columns = random.randint(0, X.shape[1], len(X))
    swapped[np.arange(len(X)), columns] = X[random.permutation(len(X)), columns]
    kinds = {
        "complete": X,
        "10 % noise": with_noise(X, 0.1, random),
        "20 % noise": with_noise(X, 0.2, random),
        "one answer of another record": swapped,
    }
    print(f"{path.name}: share of records with a contradiction, by widening")
    for widening in (1.0, 1.25, 1.5, 2.0):
        record_warnings.WIDENING = widening
        model = Model.load(Path("model.bin"))
        shares = ", ".join(
            f"{kind} {contradicted(model, copy):.4f}" for kind, copy in kinds.items()
        )
        print(f"  {widening}: {shares}")


if __name__ == "__main__":
    main()
