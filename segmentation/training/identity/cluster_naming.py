"""Names for clusters, by the rules that a study states. Never by their numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact.clusters import NamingReason
from segmentation.errors import TrainingError
from segmentation.estimators import Floats
from segmentation.study import NamingRule, Study

# A name that fewer records than either could move is refused.
FEWEST_RECORDS = 2
SMALLEST_MARGIN = 0.0025


@dataclass(frozen=True)
class ClusterNames:
    """What clusters are called, and why.

    Attributes
    ----------
    ids : tuple of str
        Segment of each cluster, by its number.
    reasons : tuple of NamingReason
        One for each segment, in the order of the rules.
    fault : str
        Why the names must not be used, in a sentence; empty where they may.
    """

    ids: tuple[str, ...]
    reasons: tuple[NamingReason, ...]
    fault: str = field(default="", compare=False)


def name_clusters(study: Study, X: Floats, clusters: NDArray[np.int32]) -> ClusterNames:
    """Name clusters by the medians of their records, which a few records cannot move.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    clusters : ndarray of shape (n_samples,)
        Numbers from 0 to one less than there are segments.

    Returns
    -------
    ClusterNames
        With a fault where two clusters tie, or where less than a quarter of a per cent of the
        records, or a single one, decides which cluster a rule means.
    """
    names = [column.name for column in study.schema.features]
    unnamed = list(range(len(study.segments)))
    ids: dict[int, str] = {}
    reasons: list[NamingReason] = []
    faults: list[str] = []
    for rule in study.naming:
        columns = [names.index(name) for name in rule.columns]
        totals = np.asarray(X[:, columns], dtype=np.float64).sum(axis=1)
        members = [_sorted_values(totals[clusters == cluster]) for cluster in unnamed]
        best, n_deciding = _find_extreme(rule, members)
        reasons.append(_make_reason(rule, members, best, n_deciding / len(X)))
        faults += _find_fault(rule, n_deciding, len(X))
        ids[unnamed.pop(best)] = rule.segment
    (last,) = {segment.id for segment in study.segments} - set(ids.values())
    ids[unnamed.pop()] = last
    reasons.append(NamingReason(segment=last, named_by="elimination"))
    return ClusterNames(
        tuple(ids[number] for number in sorted(ids)), tuple(reasons), "; ".join(faults)
    )


def check_names(names: ClusterNames) -> None:
    """Refuse names that a handful of records decides.

    Raises
    ------
    TrainingError
    """
    if names.fault:
        raise TrainingError(names.fault)


def _sorted_values(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values that are there, ascending; if there are none, one that is no number."""
    present = np.sort(values[~np.isnan(values)])
    return present if len(present) else np.array([np.nan])


def _find_extreme(rule: NamingRule, members: list[NDArray[np.float64]]) -> tuple[int, int]:
    """Return which cluster a rule means, and how many records would have to be otherwise.

    Records that can have any value move a median from one order statistic to the next: `n` of them
    bring two medians together, some in the one cluster and the rest in the other.
    """
    if rule.extreme == "lowest":
        members = [-values[::-1] for values in members]
    medians = [float(np.median(values)) for values in members]
    best = int(np.argmax(np.nan_to_num(medians, nan=-np.inf)))
    rivals = members[:best] + members[best + 1 :]
    return best, min(_count_deciding(members[best], rival) for rival in rivals)


def _count_deciding(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> int:
    """Return the fewest records, of both, whose change lets the medians meet; 0 for a tie."""
    down, up = -_raise_median(-upper[::-1]), _raise_median(lower)
    n_up = np.searchsorted(up, down, side="left")
    return int((np.arange(len(down)) + n_up).min())


def _raise_median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the medians of ascending values after each of them that is made as high as can be."""
    n = len(values)
    highest = np.full(n // 2 + 1, np.inf)
    above = np.concatenate([values[n // 2 :], highest])
    below = np.concatenate([values[(n - 1) // 2 :], highest])
    return np.asarray((above[: n // 2 + 2] + below[: n // 2 + 2]) / 2)


def _make_reason(
    rule: NamingRule, members: list[NDArray[np.float64]], best: int, margin: float
) -> NamingReason:
    medians = [float(np.median(values)) for values in members]
    # By value, since the clusters' numbers permute.
    rivals = sorted(medians[:best] + medians[best + 1 :], reverse=rule.extreme == "highest")
    return NamingReason(
        segment=rule.segment,
        extreme=rule.extreme,
        columns=rule.columns,
        value=medians[best],
        rivals=tuple(rivals),
        margin=round(margin, 6),
    )


def _find_fault(rule: NamingRule, n_deciding: int, n_records: int) -> list[str]:
    columns = " + ".join(rule.columns)
    if not n_deciding:
        return [
            f"two clusters have the same median of {columns}, the {rule.extreme} of which is to be"
            f" {rule.segment}: the rule cannot tell them apart"
        ]
    if n_deciding < FEWEST_RECORDS or n_deciding < SMALLEST_MARGIN * n_records:
        return [
            f"{n_deciding} of {n_records} records decide which cluster has the {rule.extreme}"
            f" {columns} and is called {rule.segment}: too few to build a name on; look for"
            " extreme values, or train on more records"
        ]
    return []
