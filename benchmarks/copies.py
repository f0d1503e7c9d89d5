"""Why ``TrainedOnCopies`` and the forest are as they are: ``python -m benchmarks.copies [FILE]``.

Prints five-fold accuracies, averaged over seeds, for forests without copies and with noise of
different sizes. On the synthetic sample unless a file is given.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from segmentation.artifact.metrics import Condition
from segmentation.datasets import read_table
from segmentation.studies.mobile import MOBILE
from segmentation.training.fitting.supervised import cross_validate, label_records
from segmentation.training.measuring.measurements import Measurement
from segmentation.wording.metrics import name_condition

FOREST = "classifier__estimator__forest__"
SHOWN = (
    *(Condition(kind="incomplete", n_missing=n) for n in range(1, 5)),
    *(Condition(kind="imprecise", noise=noise) for noise in (0.1, 0.2)),
    *(Condition(kind="imprecise", noise=0.2, n_missing=n) for n in (1, 2, 4)),
)
SEEDS = range(4)
# Noise, noisy copies, trees, leaves.
VARIANTS = [
    (0.25, 1, 30, 400),
    (0.25, 20, 30, 400),
    (0.20, 40, 30, 400),
    (0.25, 40, 30, 400),
    (0.30, 40, 30, 400),
    (0.25, 40, 20, 400),
    (0.25, 40, 30, 200),
    (0.25, 40, 30, 800),
]


def accuracy(run: Sequence[Measurement], condition: Condition) -> float:
    """Return the accuracy that was measured under a condition."""
    return next(
        measurement.value
        for measurement in run
        if (measurement.measure, measurement.condition) == ("accuracy", condition)
    )


def main() -> None:
    """Print one line for each variant."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "data/mobile.csv")
    data = label_records(MOBILE, read_table(path, MOBILE.schema))
    print(f"{path.name}: accuracy, five-fold, mean of {len(SEEDS)} seeds")
    print(
        f"{'noise':>6}{'copies':>7}{'trees':>6}{'leaves':>7}"
        + "".join(f"{name_condition(condition):>22}" for condition in SHOWN)
    )
    for noise, copies, trees, leaves in VARIANTS:
        params = {
            FOREST + "n_estimators": trees,
            FOREST + "max_leaf_nodes": leaves,
            FOREST + "max_features": 1,
            "classifier__noise": noise,
            "classifier__n_noisy": copies,
        }
        runs = Parallel(n_jobs=-1)(
            delayed(cross_validate)(MOBILE, data, params, seed) for seed in SEEDS
        )
        means = [np.mean([accuracy(run, condition) for run in runs]) for condition in SHOWN]
        print(
            f"{noise:6.2f}{copies:7}{trees:6}{leaves:7}"
            + "".join(f"{mean:22.4f}" for mean in means)
        )


if __name__ == "__main__":
    main()
