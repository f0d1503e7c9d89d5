"""How often usual records are called far outside: ``python -m benchmarks.disclosure``.

Prints for each study the share of held-out records with an answer beyond the limits of four fifths
of the others: the lowest and the highest answer, which packages of before format 6 held, and what
is warned about today, half the range beyond percentiles. Then how many ends of columns are the own
answer of one or two customers. For the sample, and for the public table where its folder is
(``SEGMENTATION_REAL_DATA``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold

from benchmarks.contradictions import REAL, TABLES
from segmentation.schema import Record
from segmentation.studies import STUDIES
from segmentation.training.disclosure import FEWEST
from segmentation.training.measuring.profiles import baseline
from segmentation.training.training_data import read_source

FOLDS, SEED = 5, 0


def main() -> None:
    """Print two lines for each table."""
    for study in STUDIES.values():
        for path in (None, REAL / TABLES[study.name]):
            if path is None or path.is_file():
                _, source = read_source(study, None if path is None else str(path))
                records = source.table.records
                names = list(baseline(study.schema, records).numbers)
                answers = _tabulate(records, names)
                print(f"{study.name}, {path.name if path else 'sample'}: {len(records)} records")
                shares = _measure_outside(study.name, records, names)
                print(f"  held out and outside: extremes {shares[0]:.2%}, limits {shares[1]:.2%}")
                print(f"  {_count_own(answers)} of {2 * len(names)} extremes are one or two's own")


def _tabulate(records: Sequence[Record], names: Sequence[str]) -> NDArray[np.float64]:
    rows = [[record.get(name) for name in names] for record in records]
    return np.array(rows, dtype=np.float64)


def _measure_outside(
    study: str, records: Sequence[Record], names: Sequence[str]
) -> NDArray[np.float64]:
    """Return the shares of held-out records outside extremes and outside limits."""
    answers, shares = _tabulate(records, names), []
    for inside, outside in KFold(FOLDS, shuffle=True, random_state=SEED).split(records):
        described = baseline(STUDIES[study].schema, [records[i] for i in inside]).numbers
        limits = np.array([described[name].limits for name in names]).T
        extremes = np.nanmin(answers[inside], axis=0), np.nanmax(answers[inside], axis=0)
        answered = answers[outside]
        beyond = [(answered < low) | (answered > high) for low, high in (extremes, limits)]
        shares.append([each.any(axis=1).mean() for each in beyond])
    return np.mean(shares, axis=0)


def _count_own(answers: NDArray[np.float64]) -> int:
    """Return how many of the lowest and the highest answers fewer than three customers gave."""
    ends = np.nanmin(answers, axis=0), np.nanmax(answers, axis=0)
    return int(sum(((answers == end).sum(axis=0) < FEWEST).sum() for end in ends))


if __name__ == "__main__":
    main()
