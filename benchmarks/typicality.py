"""How many records are called atypical: ``python -m benchmarks.typicality``.

Limits are learned from one half of a study's records, in the segments of its package, and asked
about the other half: as it is, which is the rate of false alarms; with answers taken out; and three
kinds of records that fit no segment: answers drawn evenly between the smallest and the largest of
the column, each answer of another record, and half of the answers of a record of another segment.
For the sample, and for the public table where its folder is (``SEGMENTATION_REAL_DATA``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import joblib
import numpy as np
from numpy.typing import NDArray

from benchmarks.contradictions import REAL, ROOT, TABLES
from segmentation.artifact import read_package
from segmentation.estimators import Floats
from segmentation.runtime.typicality import TypicalityLimits
from segmentation.studies import STUDIES
from segmentation.study import Study
from segmentation.training.fitting.typicality import learn_typicality
from segmentation.training.labelled_records import matrix
from segmentation.training.training_data import read_source

SEED = 1
N_EVEN = 2000


def main() -> None:
    """Print one line for each kind of record."""
    for study in STUDIES.values():
        for path in (None, REAL / TABLES[study.name]):
            if path is None or path.is_file():
                _, data = read_source(study, str(path) if path else None)
                print(f"{study.name}, {path.name if path else 'sample'}: share called atypical")
                for name, share in measure_alarms(study, matrix(study, data.table.records)):
                    print(f"  {name:38s} {share:8.2%}")


def measure_alarms(study: Study, X: Floats) -> Iterator[tuple[str, float]]:
    """Yield the share of each kind of record that is called atypical.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    """
    package = ROOT / ("model.bin" if study.name == "mobile" else f"models/{study.name}.bin")
    manifest, y = read_package(package).manifest, joblib.load(package).predict(X)
    random = np.random.default_rng(SEED)
    inside, outside = np.array_split(random.permutation(len(X)), 2)
    typicality = learn_typicality(study, X[inside], y[inside], SEED)
    if typicality is None:
        return
    limits = TypicalityLimits(manifest.model_copy(update={"typicality": typicality}))
    answers = X[outside][:, list(study.schema.decisive)].astype(np.float64)
    for n_missing in (0, 1, answers.shape[1] // 2):
        hidden = random.permuted(np.tile(np.arange(answers.shape[1]), (len(answers), 1)), axis=1)
        copies = np.where(hidden < n_missing, np.nan, answers)
        yield f"held out, {n_missing} missing", _share(limits, typicality.columns, copies)
    low, high = np.nanmin(answers, axis=0), np.nanmax(answers, axis=0)
    even = random.uniform(low, high, (N_EVEN, len(low)))
    yield "evenly drawn", _share(limits, typicality.columns, even)
    yield (
        "each answer of another record",
        _share(limits, typicality.columns, random.permuted(answers, axis=0)),
    )
    partner = random.permutation(len(answers))
    foreign = y[outside] != y[outside][partner]
    half = random.permutation(answers.shape[1])[: answers.shape[1] // 2]
    mixed = answers.copy()
    mixed[:, half] = answers[partner][:, half]
    yield "half of another segment's record", _share(limits, typicality.columns, mixed[foreign])


def _share(limits: TypicalityLimits, columns: Sequence[str], rows: NDArray[np.float64]) -> float:
    """Return the share of rows that are atypical; which segment is tried first changes nothing."""
    records = [
        {
            name: float(value)
            for name, value in zip(columns, row, strict=True)
            if not math.isnan(value)
        }
        for row in rows
    ]
    return float(np.mean([limits.are_exceeded_by(record, 0) for record in records]))


if __name__ == "__main__":
    main()
