"""Building blocks for the pipelines of studies: the first step, the last one, and clusterers."""

from __future__ import annotations

from typing import Any

from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline

from segmentation.estimators import CentroidClassifier, MixtureClassifier, RecordMatrix
from segmentation.schema import Schema


def make_k_means(n_clusters: int, n_starts: int, random_state: int) -> KMeans:
    """Return an unfitted K-Means that iterates to the end.

    Only then is each centre the mean of its records, which `CentroidClassifier` compares with.
    """
    return KMeans(n_clusters, n_init=n_starts, tol=0.0, max_iter=1000, random_state=random_state)


def make_gaussian_mixture(n_clusters: int, n_starts: int, random_state: int) -> GaussianMixture:
    """Return an unfitted mixture of normal distributions; `MixtureClassifier` goes with it."""
    return GaussianMixture(
        n_clusters, covariance_type="diag", n_init=n_starts, random_state=random_state
    )


def make_record_matrix(schema: Schema) -> RecordMatrix:
    """Return the first step of a pipeline: records under any accepted spelling to numbers."""
    features = tuple(column.name for column in schema.features)
    related = {name for relation in schema.relations for name in relation.columns}
    spellings = {
        name: (spelling.column.name, spelling.divisor)
        for name, spelling in schema.spellings.items()
        if spelling.column.name in related.union(features)
    }
    return RecordMatrix(features, spellings, schema.derive if schema.relations else None)


def make_centroid_classifier(
    schema: Schema, space: Pipeline, prior: Any = None
) -> CentroidClassifier:
    """Return the last step of a pipeline whose segments are discovered.

    Parameters
    ----------
    schema : Schema
        Whose columns marked ``defines`` are measured.
    space : Pipeline
        From those columns to the space of distances; see ``estimators.SegmentClassifier``.
    prior : Pipeline, optional
        What to expect of records whose defining answers are missing.
    """
    return CentroidClassifier(space, schema.defining, prior)


def make_mixture_classifier(
    schema: Schema, space: Pipeline, prior: Any = None
) -> MixtureClassifier:
    """Return the last step of a pipeline whose segments are a Gaussian mixture.

    Parameters
    ----------
    schema : Schema
        Whose columns marked ``defines`` are measured.
    space : Pipeline
        From those columns to the space of the mixture; see ``estimators.SegmentClassifier``.
    prior : Pipeline, optional
        What to expect of records whose defining answers are missing.
    """
    return MixtureClassifier(space, schema.defining, prior)
