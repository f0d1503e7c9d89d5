"""Names for clusters, by the rules that a study states. Never by their numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.estimators import Floats
from segmentation.study import NamingRule, Study


@dataclass(frozen=True)
class ClusterNames:
    """What clusters are called, and why.

    Attributes
    ----------
    ids : tuple of str
        Segment of each cluster, by its number.
    reasons : tuple of str
        One sentence for each segment, in the order of the rules.
    """

    ids: tuple[str, ...]
    reasons: tuple[str, ...]


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
    left = list(range(len(study.segments)))
    ids, reasons = {}, []
    for pick in study.naming:
        columns = [names.index(name) for name in pick.columns]
        values = [float(np.nanmean(X[clusters == one][:, columns], axis=0).sum()) for one in left]
        best = values.index(max(values) if pick.extreme == "highest" else min(values))
        reasons.append(_reason(study, pick, values, best))
        ids[left.pop(best)] = pick.segment
    (last,) = {segment.id for segment in study.segments} - set(ids.values())
    ids[left.pop()] = last
    reasons.append(f"{last}: the cluster that is left")
    return ClusterNames(tuple(ids[number] for number in sorted(ids)), tuple(reasons))


def _reason(study: Study, pick: NamingRule, values: list[float], best: int) -> str:
    by_name = study.schema.by_name
    what = " + ".join(by_name[name].title.strip() for name in pick.columns)
    # By value, since the clusters' numbers permute.
    rest = sorted(values[:best] + values[best + 1 :], reverse=pick.extreme == "highest")
    return (
        f"{pick.segment}: {pick.extreme} mean of {what} among the clusters without a name"
        f" ({values[best]:.4g}; the others {', '.join(f'{value:.4g}' for value in rest)})"
    )
