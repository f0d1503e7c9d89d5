"""Names for clusters, by the rules that a study states. Never by their numbers.

One row must not name a cluster: means are those of values limited to the 1st and 99th percentile of
all records, and a rule that two clusters meet alike is refused.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.clusters import NamingReason
from segmentation.errors import TrainingError
from segmentation.estimators import Floats
from segmentation.study import NamingRule, Study

_LOWEST, _HIGHEST = 0.01, 0.99
# Sums of the same numbers in another order differ by less.
_TIE = 1e-9


@dataclass(frozen=True)
class ClusterNames:
    """What clusters are called, and why.

    Attributes
    ----------
    ids : tuple of str
        Segment of each cluster, by its number.
    reasons : tuple of NamingReason
        One for each segment, in the order of the rules.
    """

    ids: tuple[str, ...]
    reasons: tuple[NamingReason, ...]


def name_clusters(study: Study, X: Floats, clusters: NDArray[np.int32]) -> ClusterNames:
    """Name clusters by the means of their records, without the extremes.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    clusters : ndarray of shape (n_samples,)
        Numbers from 0 to one less than there are segments.

    Raises
    ------
    TrainingError
        If two clusters meet a rule alike.
    """
    X = _limit(X)
    names = [column.name for column in study.schema.features]
    unnamed = list(range(len(study.segments)))
    ids, reasons = {}, []
    for rule in study.naming:
        columns = [names.index(name) for name in rule.columns]
        values = [
            float(np.nanmean(X[clusters == cluster][:, columns], axis=0).sum())
            for cluster in unnamed
        ]
        best = values.index(max(values) if rule.extreme == "highest" else min(values))
        _check_tie(rule, values, best)
        reasons.append(_make_reason(rule, values, best))
        ids[unnamed.pop(best)] = rule.segment
    (last,) = {segment.id for segment in study.segments} - set(ids.values())
    ids[unnamed.pop()] = last
    reasons.append(NamingReason(segment=last))
    return ClusterNames(tuple(ids[number] for number in sorted(ids)), tuple(reasons))


def _limit(X: Floats) -> Floats:
    """Return records with each answer within two percentiles of its column; gaps stay."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without any answer has none
        low, high = np.nanquantile(X, [_LOWEST, _HIGHEST], axis=0)
    return np.asarray(np.clip(X, low, high))


def _check_tie(rule: NamingRule, values: list[float], best: int) -> None:
    rivals = [value for place, value in enumerate(values) if place != best]
    nearest = min(rivals, key=lambda value: abs(value - values[best]))
    if abs(nearest - values[best]) <= _TIE * abs(values[best]):
        raise TrainingError(
            f"two clusters have the {rule.extreme} {' + '.join(rule.columns)}, so the rule of"
            f" {rule.segment} can't tell which it is"
        )


def _make_reason(rule: NamingRule, values: list[float], best: int) -> NamingReason:
    # By value, since the clusters' numbers permute.
    rivals = sorted(values[:best] + values[best + 1 :], reverse=rule.extreme == "highest")
    return NamingReason(
        segment=rule.segment,
        extreme=rule.extreme,
        columns=rule.columns,
        value=values[best],
        rivals=tuple(rivals),
    )
