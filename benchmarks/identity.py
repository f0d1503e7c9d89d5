"""Whether other units or poisoned rows move a name: ``python -m benchmarks.identity``.

    python train.py --study STUDY --data FILE --output PACKAGE
    python -m benchmarks.identity STUDY FILE PACKAGE

The records of the file are clustered again, with the package as the model before: as they are, on
parts of them, with each defining column and all that have a unit in other units, and with one row,
and then just under one per cent of the rows, at an extreme. For each: how far both models
agree, and how many of the records have another name than the package gave them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import TrainingError
from segmentation.estimators import Floats
from segmentation.studies import STUDIES
from segmentation.study import Study
from segmentation.training.fitting.clustering import cluster_records
from segmentation.training.identity.predecessor import Predecessor, read_predecessor
from segmentation.training.labelled_records import matrix
from segmentation.training.training_data import read_source

SEED = 42
UNITS = (0.01, 0.1, 10.0, 100.0)
Change = tuple[str, NDArray[Any], Floats]


def change_records(study: Study, X: Floats) -> Iterator[Change]:
    """Yield what was changed, which rows of the file are left, and their records."""
    rows = np.arange(len(X))
    random = np.random.default_rng(SEED)
    yield "as they are", rows, X
    for divisor in (2, 3, 4):
        part = np.sort(random.permutation(rows)[: len(X) // divisor])
        yield f"one of {divisor} records", part, X[part]
    features = study.schema.features
    with_unit = [i for i in study.schema.defining if features[i].unit]
    for unit in UNITS:
        yield f"everything with a unit times {unit:g}", rows, _scale(X, with_unit, unit)
        for i in study.schema.defining:
            yield f"{features[i].name} times {unit:g}", rows, _scale(X, [i], unit)
    for n_rows in (1, len(X) // 101):
        for i in study.schema.defining:
            poisoned = X.copy()
            poisoned[random.permutation(rows)[:n_rows], i] = 1e8
            yield f"{features[i].name} = 1e8 in {n_rows} rows", rows, poisoned


def _scale(X: Floats, columns: list[int], unit: float) -> Floats:
    scaled = X.copy()
    scaled[:, columns] *= unit
    return scaled


def try_change(study: Study, before: Predecessor, X: Floats, expected: NDArray[Any]) -> str:
    """Return what became of the names, in a line."""
    try:
        discovery = cluster_records(study, X, SEED, 10, before)
    except TrainingError as error:
        return f"refused: {str(error)[:160]}"
    lineage = discovery.names.lineage
    if lineage is None:
        raise SystemExit("the names do not say what they continue")
    moved = float((discovery.ids != expected[discovery.complete]).mean())
    how = "by the rules" if lineage.discontinuities else "continued"
    transitions = lineage.transitions
    return (
        f"{how}: ARI {transitions.agreement:.3f}, unchanged {transitions.unchanged:.3f}, other"
        f" names {moved:.3f}"
    )


def main() -> None:
    """Print a line for each change."""
    name, path, package = sys.argv[1:]
    study, source = read_source(STUDIES[name], path)
    before, reason = read_predecessor(Path(package), study, synthetic=False)
    if before is None:
        raise SystemExit(reason)
    X = matrix(study, source.table.records)
    expected = np.asarray(before.ids)[before.label(X)]
    for change, rows, records in change_records(study, X):
        print(f"{change}: {try_change(study, before, records, expected[rows])}", flush=True)


if __name__ == "__main__":
    main()
