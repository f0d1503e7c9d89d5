"""Names for clusters, by the rules that a study states. Never by their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.clusters import NamingReason
from segmentation.estimators import Floats
from segmentation.study import NamingRule, Study


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
    """Name clusters by the means of their records.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    clusters : ndarray of shape (n_samples,)
        Numbers from 0 to one less than there are segments.
    """
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
        reasons.append(_make_reason(rule, values, best))
        ids[unnamed.pop(best)] = rule.segment
    (last,) = {segment.id for segment in study.segments} - set(ids.values())
    ids[unnamed.pop()] = last
    reasons.append(NamingReason(segment=last))
    return ClusterNames(tuple(ids[number] for number in sorted(ids)), tuple(reasons))


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
