"""Explanations as numbers, and what they are compared with: numpy over what pipelines learned."""

from __future__ import annotations

import joblib
import numpy as np
from numpy.typing import NDArray

from segmentation.runtime import Model
from segmentation.runtime.answers import Answer
from segmentation.schema import Record
from tests.support.shipped import PACKAGES

Floats = NDArray[np.float64]

CENTROIDS = ("credit_card", "household", "retail")
"""The studies whose segments are clusters."""


def explained(model: Model, records: list[Record]) -> list[Answer]:
    """Return the answers to records, each with its explanation."""
    checked = model.check(records)
    return [item for chunk in model.answer(checked, range(len(checked))) for item in chunk]


def matrix(model: Model, records: list[Record]) -> Floats:
    """Return features as the pipeline reads them, (n_samples, n_features)."""
    names = [column.name for column in model.manifest.record.features]
    rows = [[record.get(name) for name in names] for record in model.check(records)]
    return np.array(rows, dtype=np.float32).astype(np.float64)


def pieces(model: Model, answer: Answer) -> tuple[Floats, float, float]:
    """Return contributions in the order of the features, base and output."""
    explanation = answer["explanation"]
    by_field = {
        contribution["field"]: contribution["contribution"]
        for contribution in explanation["contributions"]
    }
    values = [by_field[column.name] for column in model.manifest.record.features]
    return np.array(values), explanation["base"], explanation["output"]


def position(model: Model, segment: str | None) -> int:
    """Return where a segment stands."""
    return [item.id for item in model.manifest.segments].index(str(segment))


def columnwise(study: str, X: Floats) -> tuple[Floats, Floats, float]:
    """Return complete records and centroids in the scaled columns, and their variance.

    The variance is that of which the calibrated confidence speaks.

    By the numbers that the pipeline learned, in numpy: scaled, and before that clipped and of
    logarithms where the study says so. A projection is undone for the centroids: it is linear.
    """
    estimator = joblib.load(PACKAGES[study])[-1]
    estimator = getattr(estimator, "segmenter_", estimator)
    steps, Z = estimator.space_.named_steps, X[:, list(estimator.columns)]
    Z = np.log1p(Z) if "log" in steps else Z
    Z = np.clip(Z, steps["clip"].lower_, steps["clip"].upper_) if "clip" in steps else Z
    Z = (Z - steps["scale"].mean_) / steps["scale"].scale_
    centroids = estimator.centroids_
    if "project" in steps:
        Z = Z - steps["project"].mean_
        centroids = centroids @ steps["project"].components_
    return Z, centroids, float(estimator.variance_ / estimator.score_weights_[0])


def complete_records(model: Model, records: list[Record]) -> list[Record]:
    """Return those that answer every defining question."""
    names = [model.manifest.record.features[i].name for i in model.manifest.record.defining]
    return [record for record in records if all(record.get(name) is not None for name in names)]
