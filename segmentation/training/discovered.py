"""Learning where segments are discovered: K-Means, names, centroids, calibration, measures.

A model that was fitted without some records is asked about them: that is how probabilities are
calibrated and figures measured, here by bootstrap samples and by folds, with the clusters found
and named again each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.artifact.manifest import ClusterReport, Figure, Stability
from segmentation.datasets import Table
from segmentation.errors import TrainingError
from segmentation.estimators import Floats, NearestCentroid, Take
from segmentation.study import Reading, Study
from segmentation.training.conditions import INCOMPLETE, INDIRECT, conditions
from segmentation.training.conformal import calibrate, coverage
from segmentation.training.identity import Before, Continued, continued
from segmentation.training.learned import Learned, figures
from segmentation.training.naming import name_clusters
from segmentation.training.quality import (
    baselines,
    classification_figures,
    cluster_quality,
    k_curve,
)
from segmentation.training.samples import Labelled, check_classes, matrix, segment_ids

N_STARTS = 50
# For the many refits, which begin at other places anyway.
N_STARTS_AGAIN = 10
N_BOOTSTRAPS = 20
# Bootstrap samples on which coverage is measured, other than those that calibrate.
N_COVERAGE = 5
FOLDS = 5
SHARES = "nothing but the segments' shares"
CURVE = range(2, 9)
TRUTH = "the segment in which the clusters of all records put the record's complete answers"


Refit = Callable[[Floats, int], Pipeline]


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
    named : Continued
        How each cluster came to its name.
    """

    Z: NDArray[np.float64]
    ids: NDArray[Any]
    complete: NDArray[np.bool_]
    named: Continued


def learn_discovered(study: Study, table: Table, seed: int, before: Before | None) -> Learned:
    """Discover, name, fit, calibrate and measure the segments of a study.

    Parameters
    ----------
    study : Study
        With rules of naming.
    table : Table
    seed : int
    before : Before, optional
        The model whose segments are to keep their identity.
    """
    X = matrix(study, table.records)
    found = discover(study, X, seed, N_STARTS, before)
    pipeline = _fitted(study, X, found, seed)
    y = np.asarray(pipeline.predict(X), dtype=np.int64)
    check_classes(y, "segment")
    again = partial(refitted, study, renamed=found.named.renamed)
    refits = list(_bootstrapped(again, Labelled(X, y), seed, N_BOOTSTRAPS + N_COVERAGE))
    asked = [(refit.model, refit.held_out) for refit in refits[:N_BOOTSTRAPS]]
    conformal = calibrate(asked, study.schema.decisive, seed, TRUTH, study.noise)
    covered = _coverage(study, refits[N_BOOTSTRAPS:], conformal.thresholds, seed)
    on = f"{N_COVERAGE} bootstrap samples of {table.name}, records not in them"
    return Learned(
        pipeline=pipeline,
        conformal=conformal,
        X=X,
        y=y,
        n_train=len(found.ids),
        figures=(
            *figures(covered, on, "complete and incomplete records", circular=True),
            *_cross_validated(study, again, Labelled(X, y), seed, table.name),
        ),
        clusters=_report(study, X, found, refits[:N_BOOTSTRAPS], seed),
        lineage=found.named.lineage,
    )


def discover(
    study: Study, X: Floats, seed: int, n_starts: int = N_STARTS_AGAIN, before: Before | None = None
) -> Discovery:
    """Cluster the complete records and name the clusters.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    seed : int
    n_starts : int
        Starts of K-Means, of which the best counts.
    before : Before, optional

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
        Names by the rules that identity has changed; see `Continued`.
    """
    found = discover(study, X, seed)
    ids = np.asarray([(renamed or {}).get(name, name) for name in found.ids.tolist()])
    return _fitted(study, X, replace(found, ids=ids), seed)


@dataclass(frozen=True)
class _Refit:
    """A model of a bootstrap sample, the records outside it, and its agreement with all's."""

    model: Pipeline
    held_out: Labelled
    agreement: float


def _bootstrapped(again: Refit, data: Labelled, seed: int, n: int) -> Iterator[_Refit]:
    random = np.random.default_rng(seed)
    n_records = len(data.y)
    for sample in range(n):
        rows = random.integers(0, n_records, n_records)
        model = again(data.X[rows], seed + 1 + sample)
        outside = np.setdiff1d(np.arange(n_records), rows)
        agreement = adjusted_rand_score(data.y, model.predict(data.X))
        yield _Refit(model, data[outside], float(agreement))


def _coverage(
    study: Study, refits: list[_Refit], thresholds: list[float], seed: int
) -> dict[str, float]:
    found = defaultdict(list)
    for refit in refits:
        copies = conditions(refit.held_out.X, seed, 3, study.schema.decisive, study.noise)
        by_kind = coverage(refit.model, copies, refit.held_out.y, thresholds)
        for kind, (covered, unsure) in by_kind.items():
            found[f"coverage, {kind}"].append(covered)
            found[f"unsure, {kind}"].append(unsure)
    return {name: float(np.mean(values)) for name, values in found.items()}


def _cross_validated(
    study: Study, again: Refit, data: Labelled, seed: int, source: str
) -> list[Figure]:
    """Measure predictions of the segment, with the clusters found again in each fold.

    The truth of a held-out record is the segment in which the fold's own clusters put its complete
    answers.
    """
    served = defaultdict(list)
    readings = defaultdict(list)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for inside, outside in folds.split(data.X, data.y):
        model = again(data.X[inside], seed)
        train = Labelled(data.X[inside], model.predict(data.X[inside]))
        test = Labelled(data.X[outside], model.predict(data.X[outside]))
        for name, value in baselines(train.y, test.y, seed).items():
            readings["none", name].append(value)
        for name, value in _as_served(study, model, test, seed).items():
            served[name].append(value)
        for reading in study.readings:
            for name, value in read(study, reading, train, test).items():
                readings[reading.name, name].append(value)
    on = f"{FOLDS}-fold cross-validation with the clusters refitted, {source}"
    return [*_served_figures(study, served, on), *_reading_figures(study, readings, on)]


def _as_served(study: Study, model: Pipeline, test: Labelled, seed: int) -> dict[str, float]:
    """Measure the answers to incomplete records, and all about those without defining answers."""
    values = {}
    for condition in conditions(test.X, seed, 1, study.schema.decisive, ()):
        P = model.predict_proba(condition.stacked)
        y = np.tile(test.y, len(condition.copies))
        if condition.kind == INCOMPLETE:
            values[f"accuracy, {condition.name}"] = float((model.classes_[P.argmax(1)] == y).mean())
        elif condition.kind == INDIRECT:
            all_about = classification_figures(
                segment_ids(study, y), P, segment_ids(study, model.classes_)
            )
            values |= {f"{name}, {INDIRECT}": value for name, value in all_about.items()}
    return values


def read(study: Study, reading: Reading, train: Labelled, test: Labelled) -> dict[str, float]:
    """Measure a logistic regression that reads some features."""
    model = reader(study, reading, LogisticRegression(max_iter=2000)).fit(train.X, train.y)
    truth, classes = segment_ids(study, test.y), segment_ids(study, model.classes_)
    return classification_figures(truth, model.predict_proba(test.X), classes)


def reader(study: Study, reading: Reading, classifier: Any) -> Pipeline:
    """Return an unfitted pipeline of a classifier that reads some features of the matrix."""
    names = [column.name for column in study.schema.features]
    positions = tuple(names.index(name) for name in reading.columns)
    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    steps = [("take", Take(positions)), ("fill", fill), ("scale", StandardScaler())]
    return Pipeline([*steps, ("model", classifier)])


def _served_figures(study: Study, served: dict[str, list[float]], on: str) -> list[Figure]:
    means = {name: float(np.mean(values)) for name, values in served.items()}
    indirect = {name: value for name, value in means.items() if name.endswith(INDIRECT)}
    partly = {name: value for name, value in means.items() if name not in indirect}
    others = [column.title.strip() for column in study.schema.features if not column.defines]
    prior = _nearest(study, 0).prior is not None
    make = partial(figures, on=on)
    return [
        *make(partly, inputs="some of the defining answers and all others", circular=True),
        *make(indirect, inputs=f"only {', '.join(others)}" if prior else SHARES, circular=False),
    ]


def _reading_figures(
    study: Study, readings: dict[tuple[str, str], list[float]], on: str
) -> list[Figure]:
    defining = {column.name for column in study.schema.features if column.defines}
    circular = {one.name: bool(defining.intersection(one.columns)) for one in study.readings}
    found = []
    for (reading, name), values in readings.items():
        one = {f"{name}, {reading}" if reading != "none" else name: float(np.mean(values))}
        found += figures(one, on, reading, circular=circular.get(reading, False))
    return found


def _report(
    study: Study, X: Floats, found: Discovery, refits: list[_Refit], seed: int
) -> ClusterReport:
    nearest = _nearest(study, seed)
    agreements = [refit.agreement for refit in refits]
    columns = np.nan_to_num(X[found.complete][:, list(nearest.columns)])
    scaled = StandardScaler().fit_transform(columns.astype(np.float64))
    return ClusterReport(
        columns=[study.schema.features[i].name for i in nearest.columns],
        n_dimensions=found.Z.shape[1],
        quality=_rounded(cluster_quality(found.Z, scaled, found.ids, seed)),
        stability=Stability(
            mean=round(float(np.mean(agreements)), 6),
            deviation=round(float(np.std(agreements)), 6),
            worst=round(min(agreements), 6),
            n=len(agreements),
        ),
        curve=k_curve(found.Z, CURVE, seed),
        naming=list(found.named.reasons),
    )


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}
