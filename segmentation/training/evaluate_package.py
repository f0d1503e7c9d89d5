"""Measures a packed model on a history: what ``dvc metrics show`` prints.

    python -m segmentation.training.evaluate_package MODEL FEATURES METRICS

It scores with the package's ONNX part, as the service does. What it finds on the records that the
model was trained on says so; metrics of held-out dates are those that training measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from segmentation.artifact import Manifest, open_session, read_package
from segmentation.datasets import History, Snapshot
from segmentation.errors import SegmentationError, TrainingError
from segmentation.estimators import Floats
from segmentation.studies import STUDIES
from segmentation.training.training_data import read_source
from segmentation.wording.metrics import name_metric

Labels = NDArray[np.int64]


class PackageLabeller:
    """The ONNX part of a package.

    Parameters
    ----------
    path : Path
        A model package.
    """

    def __init__(self, path: Path) -> None:
        package = read_package(path)
        self.manifest: Manifest = package.manifest
        self._session: Any = open_session(package.scorer)

    def labels(self, records: Sequence[dict[str, Any]], output: str) -> Labels:
        """Return the position of the likeliest segment of each record, by one of the outputs."""
        scorer = self.manifest.scorer
        X: Floats = np.array(
            [[record.get(name, np.nan) for name in scorer.features] for record in records],
            dtype=np.float32,
        )
        positions: Labels = self._session.run([output], {scorer.input: X})[0].argmax(axis=1)
        return positions


def evaluate(model: PackageLabeller, history: History) -> dict[str, Any]:
    """Measure a model on a history.

    Parameters
    ----------
    model : PackageLabeller
    found : History

    Returns
    -------
    dict
        ``trained``: metrics of the model card, by name. ``shares``: of the segments, latest date.
        ``seen``: dates that the model may have learned from, so none of it is a forecast (that is
        in ``trained``). For each pair of neighbours, by this model's centroids, ``stays``: how
        well a customer's segment tells the next; ``outlook``: how well the model does.
    """
    manifest = model.manifest
    labels = [model.labels(shot.records, manifest.scorer.output) for shot in history.snapshots]
    counts = np.bincount(labels[0], minlength=len(manifest.segments))
    metrics: dict[str, Any] = {
        "model": manifest.version,
        "trained": {name_metric(metric): metric.value for metric in manifest.metrics},
        "customers": len(labels[0]),
        "shares": {
            segment.id: round(float(count) / len(labels[0]), 6)
            for segment, count in zip(manifest.segments, counts, strict=True)
        },
    }
    key = manifest.record.identifier.name if manifest.record.identifier else ""
    shots, seen = history.snapshots, metrics.setdefault("seen", {})
    for later, earlier in zip(range(len(shots)), range(1, len(shots)), strict=False):
        truth = _carried(key, shots[earlier], shots[later], labels[later])
        date = shots[earlier].as_of.date().isoformat()
        seen.setdefault("stays", {})[date] = agreement(truth, labels[earlier])
        if manifest.scorer.outlook is not None:
            predicted = model.labels(shots[earlier].records, manifest.scorer.outlook)
            seen.setdefault("outlook", {})[date] = agreement(truth, predicted)
    return metrics


def _carried(key: str, earlier: Snapshot, later: Snapshot, labels: Labels) -> Labels:
    """Return the later labels of the earlier customers; whoever was known once stays known."""
    position = {record[key]: row for row, record in enumerate(later.records)}
    return labels[[position[record[key]] for record in earlier.records]]


def agreement(truth: Labels, predicted: Labels) -> dict[str, float]:
    """Return accuracy, macro F1 and balanced accuracy of `told`, each of shape (n,)."""
    return {
        "accuracy": round(float(accuracy_score(truth, predicted)), 6),
        "macro_f1": round(float(f1_score(truth, predicted, average="macro")), 6),
        "balanced_accuracy": round(float(balanced_accuracy_score(truth, predicted)), 6),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the metrics.

    Returns
    -------
    int
        Exit status: 0, or 1 with one line that says why not.
    """
    parser = argparse.ArgumentParser(prog="evaluate", description="Measure a packed model.")
    parser.add_argument("model", metavar="MODEL", type=Path, help="model package")
    parser.add_argument("data", metavar="FEATURES", help="features or transactions")
    parser.add_argument("metrics", metavar="METRICS", type=Path, help="JSON to write")
    parser.add_argument("--categories", type=Path, metavar="FILE", help="CSV: keyword,category")
    options = parser.parse_args(arguments)
    try:
        model = PackageLabeller(options.model)
        study = STUDIES[model.manifest.study]
        _, source = read_source(study, options.data, options.categories)
        if source.history is None:
            raise TrainingError(f"the study {study.name} is not about transactions")
        text = json.dumps(evaluate(model, source.history), indent=1) + "\n"
        options.metrics.write_text(text, encoding="utf-8")
    except SegmentationError as error:
        sys.stderr.write(f"evaluate: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
