"""How much the bootstrap figures of discovered segments depend on the samples: many sets of them.

    python -m benchmarks.stability STUDY FILE [SETS]

For each seed: the clusters of all records against those of 20 bootstrap samples, the whole pipeline
refitted on each, by adjusted Rand index.
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.metrics import adjusted_rand_score

from segmentation.studies import STUDIES
from segmentation.training.fitting.clustering import N_BOOTSTRAPS, cluster_records, refit_study
from segmentation.training.labelled_records import matrix
from segmentation.training.training_data import read_source


def agreements(study_name: str, path: str, seed: int) -> list[float]:
    """Return the index of each bootstrap sample."""
    study, source = read_source(STUDIES[study_name], path)
    X = matrix(study, source.table.records)
    ids = cluster_records(study, X, seed, n_starts=50)
    complete_records = X[ids.complete]
    random = np.random.default_rng(seed)
    agreement_of_samples = []
    for sample in range(N_BOOTSTRAPS):
        rows = random.integers(0, len(X), len(X))
        model = refit_study(study, X[rows], seed + 1 + sample)
        agreement_of_samples.append(
            float(adjusted_rand_score(ids.ids, model.predict(complete_records)))
        )
    return agreement_of_samples


def main() -> None:
    """Print a line for each set of samples, then one for all."""
    study, path, *options = sys.argv[1:]
    everything: list[float] = []
    for seed in range(int(options[0]) if options else 5):
        agreement = agreements(study, path, seed)
        everything += agreement
        print(f"seed {seed}: mean {np.mean(agreement):.4f}, worst {min(agreement):.4f}", flush=True)
    print(f"all {len(everything)}: mean {np.mean(everything):.4f}, worst {min(everything):.4f}")


if __name__ == "__main__":
    main()
