"""What learning gives, however the segments of a study come about, and what it says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sklearn.pipeline import Pipeline

from segmentation.artifact.clusters import ClusterReport
from segmentation.artifact.data_remarks import DataRemark
from segmentation.artifact.lineage import Lineage
from segmentation.artifact.manifest import Conformal, RankedQuestion
from segmentation.artifact.metrics import Confusion, Metric
from segmentation.estimators import Floats
from segmentation.training.labelled_records import Labels


@dataclass(frozen=True)
class FittedModel:
    """A calibrated model and what was found out about it.

    Attributes
    ----------
    pipeline : Pipeline
    conformal : Conformal
    X : ndarray of shape (n_samples, n_features)
        All records.
    y : ndarray of shape (n_samples,)
        Their segments' labels, given or discovered.
    questions : tuple of RankedQuestion
        In the order in which they decide most.
    params : dict
        The candidate that a search chose, if there was one.
    n_train : int
        Records that the pipeline was fitted on.
    metrics : tuple of Metric
    confusions : tuple of Confusion
        Of records that the models asked had not seen.
    clusters : ClusterReport or None
        Where segments were discovered.
    lineage : Lineage or None
        Where there was a model before.
    outlook_conformal : Conformal or None
        Where there is an outlook.
    remarks : tuple of DataRemark
        What the models found out about the table.
    """

    pipeline: Pipeline
    conformal: Conformal
    X: Floats
    y: Labels
    n_train: int
    metrics: tuple[Metric, ...]
    params: dict[str, Any] = field(default_factory=dict)
    questions: tuple[RankedQuestion, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    clusters: ClusterReport | None = None
    lineage: Lineage | None = None
    outlook_conformal: Conformal | None = None
    remarks: tuple[DataRemark, ...] = ()
