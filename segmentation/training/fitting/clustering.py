"""Learning where segments are discovered: K-Means, names, centroids, calibration, measures.

A model that was fitted without some records is asked about them: that is how probabilities are
calibrated and figures measured, here by bootstrap samples and by folds, with the clusters found
and named again each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.artifact.clusters import ClusterReport, Stability
from segmentation.artifact.metrics import Evaluation
from segmentation.datasets import RecordTable
from segmentation.errors import TrainingError
from segmentation.estimators import Floats, NearestCentroid
from segmentation.study import Study
from segmentation.training.fitting.conformal_calibration import calibrate, measure_coverage
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.identity.cluster_naming import name_clusters
from segmentation.training.identity.predecessor import ContinuedNames, Predecessor, continued
from segmentation.training.labelled_records import LabelledRecords, check_classes, matrix
from segmentation.training.measuring.cluster_metrics import (
    k_curve,
    measure_clusters,
)
from segmentation.training.measuring.conditions import copy_under_conditions
from segmentation.training.measuring.cross_validation import Refit, cross_validate_clusters
from segmentation.training.measuring.measurements import Measurement, average, make_metrics
from segmentation.training.measuring.segment_map import segment_map

N_STARTS = 50
# For the many refits, which begin at other places anyway.
N_STARTS_AGAIN = 10
N_BOOTSTRAPS = 20
# Bootstrap samples on which coverage is measured, other than those that calibrate.
N_COVERAGE = 5
CURVE = range(2, 9)
TRUTH = "the segment in which the clusters of all records put the record's complete answers"


@dataclass(frozen=True)
class Discovery:
    """Clusters of complete records.

    Attributes
    ----------
    Z : ndarray of shape (n_complete, n_dimensions)
        The records in the space in which they were clustered.
    ids : ndarray of shape (n_complete,), str
        Segment of each record.
    complete : ndarray of shape (n_samples,), bool
        Records whose defining answers are all there, after what the space fills in.
    named : ContinuedNames
        How each cluster came to its name.
    """

    Z: NDArray[np.float64]
    ids: NDArray[Any]
    complete: NDArray[np.bool_]
    named: ContinuedNames


def learn_discovered(
    study: Study, table: RecordTable, seed: int, before: Predecessor | None
) -> FittedModel:
    """Discover, name, fit, calibrate and measure the segments of a study.

    Parameters
    ----------
    study : Study
        With rules of naming.
    table : RecordTable
    seed : int
    before : Predecessor, optional
        The model whose segments are to keep their identity.
    """
    X = matrix(study, table.records)
    found = discover(study, X, seed, N_STARTS, before)
    pipeline = _fitted(study, X, found, seed)
    y = np.asarray(pipeline.predict(X), dtype=np.int64)
    check_classes(y, "segment")
    again = partial(refitted, study, renamed=found.named.renamed)
    refits = list(_bootstrapped(again, LabelledRecords(X, y), seed, N_BOOTSTRAPS + N_COVERAGE))
    asked = [(refit.model, refit.held_out) for refit in refits[:N_BOOTSTRAPS]]
    conformal = calibrate(asked, study.schema.decisive, seed, TRUTH, study.noise)
    predicted, confusions = cross_validate_clusters(
        study, again, LabelledRecords(X, y), seed, table.name
    )
    covered = _measure_coverage(study, refits[N_BOOTSTRAPS:], conformal.thresholds, seed)
    return FittedModel(
        pipeline=pipeline,
        conformal=conformal,
        X=X,
        y=y,
        n_train=len(found.ids),
        metrics=(
            *make_metrics(
                covered,
                features=[column.name for column in study.schema.features],
                circular=True,
                n_records=_count_held_out(refits[N_BOOTSTRAPS:]),
                evaluation=Evaluation(
                    method="bootstrap", table=table.name, n_repetitions=N_COVERAGE
                ),
            ),
            *predicted,
        ),
        confusions=tuple(confusions),
        clusters=_report(study, X, found, refits[:N_BOOTSTRAPS], seed),
        lineage=found.named.lineage,
    )


def discover(
    study: Study,
    X: Floats,
    seed: int,
    n_starts: int = N_STARTS_AGAIN,
    before: Predecessor | None = None,
) -> Discovery:
    """Cluster the complete records and name the clusters.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    seed : int
    n_starts : int
        Starts of K-Means, of which the best counts.
    before : Predecessor, optional

    Raises
    ------
    TrainingError
        If there are too few complete records.
    """
    nearest = _nearest(study, seed)
    D = np.asarray(X, dtype=np.float64)[:, list(nearest.columns)]
    complete = ~np.isnan(clone(nearest.space).fit_transform(D)).any(axis=1)
    k = len(study.segments)
    if complete.sum() < k * 10:
        raise TrainingError(f"{complete.sum()} complete records are too few for {k} segments")
    Z = clone(nearest.space).fit_transform(D[complete])
    # To the end: only then each centre is the mean of its records, to which new ones are compared.
    means = KMeans(k, n_init=n_starts, tol=0.0, max_iter=1000, random_state=seed).fit(Z)
    named = name_clusters(study, X[complete], means.labels_)
    final = continued(named, before, X[complete], Z, means.labels_)
    return Discovery(Z, np.asarray(final.ids)[means.labels_], complete, final)


def _nearest(study: Study, seed: int) -> NearestCentroid:
    last = study.pipeline(seed)[-1]
    if not isinstance(last, NearestCentroid):
        raise TrainingError(
            f"the study {study.name} has rules of naming, so its pipeline must end in centroids"
        )
    return last


def _fitted(study: Study, X: Floats, found: Discovery, seed: int) -> Pipeline:
    labels = {segment.id: segment.label for segment in study.segments}
    y = np.asarray([labels[name] for name in found.ids], dtype=np.int64)
    return study.pipeline(seed).fit(X[found.complete], y)


def refitted(
    study: Study, X: Floats, seed: int, renamed: Mapping[str, str] | None = None
) -> Pipeline:
    """Return the whole study fitted on other records: clusters, names, centroids and prior.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    seed : int
    renamed : mapping of str to str, optional
        Names by the rules that identity has changed; see `ContinuedNames`.
    """
    found = discover(study, X, seed)
    ids = np.asarray([(renamed or {}).get(name, name) for name in found.ids.tolist()])
    return _fitted(study, X, replace(found, ids=ids), seed)


@dataclass(frozen=True)
class _Refit:
    """A model of a bootstrap sample, the records outside it, and its agreement with all's."""

    model: Pipeline
    rows: NDArray[np.intp]
    held_out: LabelledRecords
    agreement: float


def _bootstrapped(again: Refit, data: LabelledRecords, seed: int, n: int) -> Iterator[_Refit]:
    random = np.random.default_rng(seed)
    n_records = len(data.y)
    for sample in range(n):
        rows = random.integers(0, n_records, n_records)
        model = again(data.X[rows], seed + 1 + sample)
        outside = np.setdiff1d(np.arange(n_records), rows)
        agreement = adjusted_rand_score(data.y, model.predict(data.X))
        yield _Refit(model, outside, data[outside], float(agreement))


def _measure_coverage(
    study: Study, refits: list[_Refit], thresholds: list[float], seed: int
) -> list[Measurement]:
    repetitions = []
    for refit in refits:
        held_out = refit.held_out
        decisive, noise = study.schema.decisive, study.noise
        copies = copy_under_conditions(held_out.X, seed, 3, decisive, noise)
        repetitions.append(measure_coverage(refit.model, copies, held_out.y, thresholds))
    return average(repetitions)


def _count_held_out(refits: list[_Refit]) -> int:
    """Return how many records were held out from at least one of the models."""
    return len(np.unique(np.concatenate([refit.rows for refit in refits])))


def _report(
    study: Study, X: Floats, found: Discovery, refits: list[_Refit], seed: int
) -> ClusterReport:
    nearest = _nearest(study, seed)
    agreements = [refit.agreement for refit in refits]
    answers = X[found.complete][:, list(nearest.columns)].astype(np.float64)
    scaled = StandardScaler().fit_transform(np.nan_to_num(answers))
    columns = [study.schema.features[i].name for i in nearest.columns]
    in_order = [one.id for one in sorted(study.segments, key=lambda one: one.label)]
    return ClusterReport(
        columns=columns,
        n_dimensions=found.Z.shape[1],
        quality=measure_clusters(found.Z, scaled, found.ids, seed),
        stability=Stability(
            mean=round(float(np.mean(agreements)), 6),
            deviation=round(float(np.std(agreements)), 6),
            worst=round(min(agreements), 6),
            n=len(agreements),
        ),
        curve=k_curve(found.Z, CURVE, seed),
        naming=list(found.named.reasons),
        map=segment_map(found.Z, dict(zip(columns, answers.T, strict=True)), found.ids, in_order),
    )
