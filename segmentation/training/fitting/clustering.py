"""Fitting where segments are discovered: clusters, names, a classifier, calibration, measures.

A model that was fitted without some records answers them: that is how probabilities are
calibrated and metrics measured, by folds, with the clusters found again each time and matched with
the segments of all records. Bootstrap samples measure how stable those are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.artifact.clusters import ClusterReport, SegmentStability, Stability
from segmentation.artifact.manifest import Conformal
from segmentation.artifact.metrics import Evaluation
from segmentation.datasets import RecordTable
from segmentation.errors import TrainingError
from segmentation.estimators import Floats, SegmentClassifier
from segmentation.study import Study
from segmentation.training.fitting.conformal_calibration import calibrate, measure_coverage
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.fitting.question_order import (
    add_patterns,
    index_patterns,
    learn_question_order,
)
from segmentation.training.fitting.score_scaling import fit_score_scaling
from segmentation.training.identity.cluster_naming import name_clusters
from segmentation.training.identity.label_matching import match_labels
from segmentation.training.identity.predecessor import (
    ClusteredRecords,
    ContinuedNames,
    Predecessor,
    continue_names,
)
from segmentation.training.labelled_records import (
    FEWEST_ROWS_PER_CLASS,
    LabelledRecords,
    check_classes,
    matrix,
)
from segmentation.training.measuring.cluster_metrics import (
    measure_clusters,
    measure_curve,
)
from segmentation.training.measuring.conditions import copy_under_conditions
from segmentation.training.measuring.cross_validation import Refit, cross_validate_clusters
from segmentation.training.measuring.measurements import Measurement, average, make_metrics
from segmentation.training.measuring.segment_map import segment_map

N_STARTS = 50
# For the many refits, which begin at other places anyway.
N_STARTS_AGAIN = 10
N_BOOTSTRAPS = 20
# Repetitions of the folds that calibrate, and of others on which coverage is measured.
N_FOLDS, N_CALIBRATIONS, N_COVERAGE = 5, 2, 1
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
    names : ContinuedNames
        How each cluster came to its name.
    """

    Z: NDArray[np.float64]
    ids: NDArray[Any]
    complete: NDArray[np.bool_]
    names: ContinuedNames


def fit_clustered_study(
    study: Study, table: RecordTable, seed: int, predecessor: Predecessor | None
) -> FittedModel:
    """Discover, name, fit, calibrate and measure the segments of a study.

    Parameters
    ----------
    study : Study
        With rules of naming.
    table : RecordTable
    seed : int
    predecessor : Predecessor, optional
        The model whose segments are to keep their identity.
    """
    X = matrix(study, table.records)
    discovery = cluster_records(study, X, seed, N_STARTS, predecessor)
    pipeline = _fit_classifier(study, X, discovery, seed)
    y = np.asarray(pipeline.predict(X), dtype=np.int64)
    check_classes(study, y)
    refit = partial(refit_study, study)
    data = LabelledRecords(X, y)
    stability = _measure_stability(study, refit, data, seed)
    refits = [
        part
        for repetition in range(N_CALIBRATIONS + N_COVERAGE)
        for part in _refit_folds(refit, data, seed + repetition)
    ]
    n_calibrating = N_CALIBRATIONS * N_FOLDS
    held_out = [(part.model, part.held_out) for part in refits[:n_calibrating]]
    scaling = fit_score_scaling(held_out, study.schema.decisive, seed)
    for model in (pipeline, *(part.model for part in refits)):
        scaling.apply(model)
    order = learn_question_order(study, held_out, seed)
    conformal = add_patterns(
        calibrate(held_out, study.schema.decisive, seed, TRUTH, study.noise), order
    )
    predicted, confusions = cross_validate_clusters(study, refit, data, seed, table.name)
    covered = _measure_coverage(study, refits[n_calibrating:], conformal, seed)
    return FittedModel(
        pipeline=pipeline,
        conformal=conformal,
        questions=order.questions,
        X=X,
        y=y,
        n_train=len(discovery.ids),
        metrics=(
            *make_metrics(
                covered,
                features=[column.name for column in study.schema.features],
                circular=True,
                n_records=len(y),
                evaluation=Evaluation(
                    method="cross_validation_matched", table=table.name, n_repetitions=N_FOLDS
                ),
            ),
            *predicted,
        ),
        confusions=tuple(confusions),
        clusters=_report(study, X, discovery, stability, seed),
        lineage=discovery.names.lineage,
    )


@dataclass(frozen=True)
class _Clusters:
    """Clusters without names: `Z`, `complete` as in `Discovery`, and the number of each record."""

    Z: NDArray[np.float64]
    complete: NDArray[np.bool_]
    numbers: NDArray[np.int32]


def cluster_records(
    study: Study,
    X: Floats,
    seed: int,
    n_starts: int = N_STARTS_AGAIN,
    predecessor: Predecessor | None = None,
) -> Discovery:
    """Cluster the complete records and name the clusters.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    seed : int
    n_starts : int
        Starts of the clusterer, of which the best counts.
    predecessor : Predecessor, optional

    Raises
    ------
    TrainingError
        If there are too few complete records, or the clusters cannot be named.
    """
    clusters = _find_clusters(study, X, seed, n_starts)
    by_rules = name_clusters(study, X[clusters.complete], clusters.numbers)
    today = ClusteredRecords(X[clusters.complete], clusters.Z, clusters.numbers)
    names = continue_names(by_rules, predecessor, today)
    return Discovery(clusters.Z, np.asarray(names.ids)[clusters.numbers], clusters.complete, names)


def _find_clusters(study: Study, X: Floats, seed: int, n_starts: int) -> _Clusters:
    classifier, clusterer = _segment_classifier(study, seed), _clusterer(study)
    D = np.asarray(X, dtype=np.float64)[:, list(study.schema.defining)]
    complete = ~np.isnan(clone(classifier.space).fit_transform(D)).any(axis=1)
    k = len(study.segments)
    if complete.sum() < k * FEWEST_ROWS_PER_CLASS:
        raise TrainingError(
            f"{complete.sum()} complete records are too few for {k} segments: at least"
            f" {k * FEWEST_ROWS_PER_CLASS} are needed"
        )
    Z = clone(classifier.space).fit_transform(D[complete])
    clusters = clusterer(k, n_starts, seed).fit_predict(Z)
    check_cluster_count(clusters, k)
    return _Clusters(Z, complete, clusters)


def check_cluster_count(clusters: NDArray[Any], k: int) -> None:
    """Refuse clusters of which some are empty: each has to become a segment.

    Raises
    ------
    TrainingError
    """
    n_clusters = len(np.unique(clusters))
    if n_clusters != k:
        raise TrainingError(f"the clusterer found {n_clusters} clusters, not {k}")


def _clusterer(study: Study) -> Callable[[int, int, int], Any]:
    if study.clusterer is None:
        raise TrainingError(f"the study {study.name} has rules of naming, but no clusterer")
    return study.clusterer


def _segment_classifier(study: Study, seed: int) -> SegmentClassifier:
    last = study.pipeline(seed)[-1]
    if not isinstance(last, SegmentClassifier):
        raise TrainingError(
            f"the study {study.name} has rules of naming, so its pipeline must end in a"
            " classifier of segments, such as centroids"
        )
    return last


def _fit_classifier(study: Study, X: Floats, discovery: Discovery, seed: int) -> Pipeline:
    labels = {segment.id: segment.label for segment in study.segments}
    y = np.asarray([labels[name] for name in discovery.ids], dtype=np.int64)
    return study.pipeline(seed).fit(X[discovery.complete], y)


def refit_study(study: Study, X: Floats, seed: int, y: NDArray[Any] | None = None) -> Pipeline:
    """Return the whole study fitted on other records: clusters, names, centroids and prior.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    seed : int
    y : ndarray of shape (n_samples,), optional
        Labels of the records, which the new clusters are to go on meaning; without them the rules
        name the clusters.
    """
    if y is None:
        return _fit_classifier(study, X, cluster_records(study, X, seed), seed)
    clusters = _find_clusters(study, X, seed, N_STARTS_AGAIN)
    labels = np.sort([segment.label for segment in study.segments])
    matched = match_labels(clusters.numbers, y[clusters.complete], labels)
    return study.pipeline(seed).fit(X[clusters.complete], matched[clusters.numbers])


@dataclass(frozen=True)
class _Refit:
    """A model of some folds, and the records of the other."""

    model: Pipeline
    held_out: LabelledRecords


def _refit_folds(refit: Refit, data: LabelledRecords, seed: int) -> Iterator[_Refit]:
    """Yield a model without each fold.

    Folds rather than bootstrap samples, of which each has seen only 63 % of the records: what such
    a model gets wrong the packed one knows, so that sets would be larger than they promise.
    """
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed)
    for inside, outside in folds.split(data.X, data.y):
        yield _Refit(refit(data.X[inside], seed, data.y[inside]), data[outside])


def _measure_stability(study: Study, refit: Refit, data: LabelledRecords, seed: int) -> Stability:
    """Return how far the segments of bootstrap samples agree with those of all records."""
    random = np.random.default_rng(seed)
    n_records = len(data.y)
    segments = sorted(study.segments, key=attrgetter("label"))
    agreements, overlaps = [], []
    for sample in range(N_BOOTSTRAPS):
        rows = random.integers(0, n_records, n_records)
        model = refit(data.X[rows], seed + 1 + sample, data.y[rows])
        answers = model.predict(data.X)
        agreements.append(float(adjusted_rand_score(data.y, answers)))
        overlaps.append([_measure_overlap(data.y, answers, part.label) for part in segments])
    return Stability(
        mean=round(float(np.mean(agreements)), 6),
        deviation=round(float(np.std(agreements)), 6),
        worst=round(min(agreements), 6),
        n=len(agreements),
        quartiles=tuple(np.quantile(agreements, (0.25, 0.5, 0.75)).round(6).tolist()),
        segments=tuple(
            SegmentStability(
                segment=part.id,
                mean=round(float(np.mean(values)), 6),
                worst=round(float(min(values)), 6),
            )
            for part, values in zip(segments, zip(*overlaps, strict=True), strict=True)
        ),
    )


def _measure_overlap(y: NDArray[Any], answers: NDArray[Any], label: int) -> float:
    """Return the Jaccard index of the records that have a label in one and in the other."""
    either = (y == label) | (answers == label)
    shared = (y == label) & (answers == label)
    return float(shared.sum() / either.sum()) if either.any() else 1.0


def _measure_coverage(
    study: Study, refits: list[_Refit], conformal: Conformal, seed: int
) -> list[Measurement]:
    patterns = index_patterns(study, conformal)
    repetitions = []
    for refit in refits:
        held_out = refit.held_out
        decisive, noise = study.schema.decisive, study.noise
        copies = copy_under_conditions(held_out.X, seed, 3, decisive, noise)
        repetitions.append(
            measure_coverage(refit.model, copies, held_out.y, conformal.thresholds, patterns)
        )
    return average(repetitions)


def _report(
    study: Study, X: Floats, discovery: Discovery, stability: Stability, seed: int
) -> ClusterReport:
    answers = X[discovery.complete][:, list(study.schema.defining)].astype(np.float64)
    scaled = StandardScaler().fit_transform(np.nan_to_num(answers))
    columns = [study.schema.features[i].name for i in study.schema.defining]
    in_order = [s.id for s in sorted(study.segments, key=attrgetter("label"))]
    return ClusterReport(
        columns=columns,
        n_dimensions=discovery.Z.shape[1],
        quality=measure_clusters(discovery.Z, scaled, discovery.ids, seed),
        stability=stability,
        curve=measure_curve(discovery.Z, _clusterer(study), CURVE, seed),
        naming=list(discovery.names.reasons),
        map=segment_map(
            discovery.Z, dict(zip(columns, answers.T, strict=True)), discovery.ids, in_order
        ),
    )
