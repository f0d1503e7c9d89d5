"""A small study whose clusters are planted: three groups of customers, and a few ways to change."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.datasets import RecordTable
from segmentation.estimators import ColumnSubset, Floats
from segmentation.schema import Column, Record, Schema
from segmentation.study import (
    FeatureSet,
    NamingRule,
    Segment,
    Study,
    make_centroid_classifier,
    make_k_means,
    make_record_matrix,
)
from segmentation.training.training_data import TrainingData
from tests.support.filling import fill_gaps

NAMES = ("spend", "visits", "age", "children")
SPEND, VISITS, AGE, CHILDREN = range(4)
IDS = ("low", "mid", "high")

# Spend, visits and age of each group; ages say something about the group, but not all.
CENTRES = np.array([[10.0, 5.0, 30.0], [50.0, 25.0, 45.0], [90.0, 5.0, 60.0]])


def _feature(name: str, *, defines: bool) -> Column:
    return Column(
        name=name,
        title=name.title(),
        kind="number",
        role="feature",
        description=f"The {name}.",
        minimum=0,
        maximum=1000,
        defines=defines,
    )


SCHEMA = Schema(
    columns=(
        Column(name="id", title="Id", kind="identifier", role="identifier", description="Who."),
        _feature("spend", defines=True),
        _feature("visits", defines=True),
        _feature("age", defines=False),
        _feature("children", defines=False),
    )
)


def pipeline(random_state: int) -> Pipeline:  # nothing in it is random
    """Return the unfitted pipeline: scaled spend and visits, and ages where they are missing."""
    space = Pipeline([("scale", StandardScaler())])
    prior = Pipeline(
        [
            ("take", ColumnSubset((AGE, CHILDREN))),
            ("fill", fill_gaps(40.0)),
            ("scale", StandardScaler()),
            ("logistic", LogisticRegression()),
        ]
    )
    return Pipeline(
        [
            ("records", make_record_matrix(SCHEMA)),
            ("segments", make_centroid_classifier(SCHEMA, space, prior)),
        ]
    )


STUDY = Study(
    name="planted",
    title="Planted groups",
    description="Which of three groups a customer was drawn from.",
    schema=SCHEMA,
    segments=tuple(
        Segment(label, name, name.title(), f"Spend is {name}.", f"Do {name}.")
        for label, name in enumerate(IDS)
    ),
    pipeline=pipeline,
    grids={},
    clusterer=make_k_means,
    naming=(NamingRule("high", "highest", ("spend",)), NamingRule("low", "lowest", ("spend",))),
    feature_sets=(
        FeatureSet("demographics only", ("age", "children")),
        FeatureSet("spend and age", ("spend", "age")),
    ),
)


def draw(
    seed: int = 0, n: int = 60, spread: float = 3.0, centres: Any = CENTRES
) -> tuple[Floats, Any]:
    """Return `n` records of each group, (3 n, 4), and which group each is from, in mixed order."""
    random = np.random.default_rng(seed)
    group = random.permutation(np.repeat(np.arange(len(centres)), n))
    noise = random.normal(0, 1, (len(group), 3)) * [spread, spread, 12.0]
    children = random.integers(0, 4, (len(group), 1))
    X = np.hstack([np.maximum(np.asarray(centres)[group] + noise, 0), children])
    return X.astype(np.float32), group


def records(X: Floats) -> list[Record]:
    """Return records as a table would give them: numbered, without what is missing."""
    return [
        {"id": number}
        | {name: value for name, value in zip(NAMES, row, strict=True) if not np.isnan(value)}
        for number, row in enumerate(X.tolist())
    ]


def source(X: Floats, *, synthetic: bool = False) -> TrainingData:
    """Return a source that holds these records."""
    return TrainingData(RecordTable("planted.csv", "0" * 64, records(X)), synthetic)
