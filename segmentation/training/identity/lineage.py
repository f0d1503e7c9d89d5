"""Which segment of a retrained model is which of the model before: identity, and what changed.

Works on centroids and labels only; nothing here fits, names by rules or writes. Cluster numbers
are arbitrary, so nothing that comes out depends on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score

from segmentation.artifact.lineage import Fate, NameConflict, Origin, Transitions
from segmentation.errors import TrainingError

LARGEST_MOVE = 0.5
LARGE_SHARE = 0.25
MOST = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """An old and a new cluster that were assigned to each other.

    Attributes
    ----------
    old, new : int
        Rows of the centroids.
    distance : float
        Between the two centroids, in the units of their common space.
    move : float
        The distance as a share of the distance from the old centroid to the nearest other one.
    accepted : bool
        Whether the new cluster continues the old one.
    """

    old: int
    new: int
    distance: float
    move: float
    accepted: bool


@dataclass(frozen=True)
class RenamedClusters:
    """What new clusters are called.

    Attributes
    ----------
    ids : tuple of str
        Segment of each new cluster, in the order of its centroids.
    conflicts : tuple of NameConflict
        One for each cluster whose name isn't the one that the rules give, by segment.
    continued : tuple of bool
        Whether each cluster has its name from the segment that it continues.
    """

    ids: tuple[str, ...]
    conflicts: tuple[NameConflict, ...]
    continued: tuple[bool, ...]


@dataclass(frozen=True)
class _Flow:
    """How records go from old clusters to new ones; arrays have shape (n_old, n_new).

    Attributes
    ----------
    counts : ndarray
        Records by old and new cluster.
    leaving : ndarray
        As shares of each old cluster.
    arriving : ndarray
        As shares of each new cluster.
    old_ids, new_ids : sequence of str
    continuing : mapping of int to Pair
        Accepted pairs by old cluster.
    """

    counts: NDArray[np.int64]
    leaving: Floats
    arriving: Floats
    old_ids: Sequence[str]
    new_ids: Sequence[str]
    continuing: Mapping[int, Pair]


def match(old_centroids: NDArray[Any], new_centroids: NDArray[Any]) -> list[Pair]:
    """Assign new clusters to old ones, as many as can continue one and the nearest of those.

    A new cluster can continue an old one if its centroid lies nearer than half the distance from
    the old centroid to the nearest other old one. That is the largest ball around the old centroid
    in which it is the nearest for certain, so a new centroid lies in at most one (Elkan 2003,
    lemma 1, https://cdn.aaai.org/ICML/2003/ICML03-022.pdf). Pairs outside are put behind all
    others before the Hungarian assignment, as gates do in target tracking: otherwise one cluster
    that goes and a far-away one that comes may shift the whole row by one.

    Parameters
    ----------
    old_centroids : ndarray of shape (n_old, n_columns)
    new_centroids : ndarray of shape (n_new, n_columns)
        In the same space, in which each column weighs the same: both as original columns, scaled
        by one scaler.

    Returns
    -------
    list of Pair
        The smaller number of clusters, in the order of the old ones; also those not accepted.

    Raises
    ------
    TrainingError
        If the columns differ in number, a value is not finite or two old centroids are the same.
    """
    old, new = _checked(old_centroids, new_centroids)
    distances = cdist(old, new)
    moves = distances / _nearest_other(old)[:, np.newaxis]
    acceptable = moves < LARGEST_MOVE
    # More than any sum of distances: one acceptable pair outweighs all else.
    gate = (distances.max() + 1.0) * (len(old) + len(new))
    rows, columns = linear_sum_assignment(distances + gate * ~acceptable)
    return [
        Pair(i, j, float(distances[i, j]), float(moves[i, j]), bool(acceptable[i, j]))
        for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
    ]


def rename(
    named_by_rules: Sequence[str], pairs: Sequence[Pair], old_ids: Sequence[str]
) -> RenamedClusters:
    """Let new clusters keep the names of those that they continue, and the rules name the rest.

    Where a name of the rules is taken, its cluster gets the one that the rules gave to the taker:
    names change places, and each is used once.

    Parameters
    ----------
    named_by_rules : sequence of str
        Segment that the rules give to each new cluster; all different.
    pairs : sequence of Pair
    old_ids : sequence of str
        Segment of each old cluster. One that the rules no longer know is not kept.
    """
    continued = {pair.new: old_ids[pair.old] for pair in pairs if pair.accepted}
    kept_names = {new: name for new, name in continued.items() if name in named_by_rules}
    taker = {name: new for new, name in kept_names.items()}
    ids: list[str] = []
    conflicts: list[NameConflict] = []
    for new, rule in enumerate(named_by_rules):
        name = kept_names.get(new, rule)
        while new not in kept_names and name in taker:
            name = named_by_rules[taker[name]]
        ids.append(name)
        lost = continued.get(new, name)
        if name != rule:
            continues = new in kept_names
            conflicts.append(
                NameConflict(
                    kind="continues" if continues else "left_over", segment=name, rule=rule
                )
            )
        elif lost != name:
            conflicts.append(NameConflict(kind="unknown", segment=name, rule=rule, lost=lost))
    return RenamedClusters(
        tuple(ids),
        tuple(sorted(conflicts, key=lambda conflict: conflict.segment)),
        tuple(new in kept_names for new in range(len(ids))),
    )


def transitions(
    old_labels: NDArray[Any],
    new_labels: NDArray[Any],
    pairs: Sequence[Pair],
    old_ids: Sequence[str],
    new_ids: Sequence[str],
) -> Transitions:
    """Say what became of each old segment and where each new one comes from.

    In the spirit of MONIC (Spiliopoulou et al. 2006, https://doi.org/10.1145/1150402.1150491),
    which compares the members of clusters; identity, though, is that of `pairs`. Segments are

    - merged, if two or more old ones give most of their members to one new segment and each makes
      at least a quarter of it;
    - else split, if two or more new segments hold at least a quarter of an old one's members each,
      even where one of them continues it;
    - else kept, if one continues the other;
    - else vanished (an old one) or new.

    Parameters
    ----------
    old_labels, new_labels : ndarray of shape (n_records,), int
        What both models say about the same records: positions in `old_ids` and `new_ids`.
    pairs : sequence of Pair
    old_ids : sequence of str
        Segment of each old cluster.
    new_ids : sequence of str
        Segment of each new cluster, see `rename`.

    Returns
    -------
    Transitions
        Old and new segments each in the order of their names.

    Raises
    ------
    TrainingError
        If there are no records.
    """
    if not len(old_labels):
        raise TrainingError("there are no records to compare two models on")
    counts = np.zeros((len(old_ids), len(new_ids)), dtype=np.int64)
    np.add.at(counts, (old_labels, new_labels), 1)
    continuing = {pair.old: pair for pair in pairs if pair.accepted}
    flow = _Flow(counts, _shares(counts, 1), _shares(counts, 0), old_ids, new_ids, continuing)
    fates = _fates(flow)
    stayed = sum(counts[pair.old, pair.new] for pair in continuing.values())
    return Transitions(
        old=tuple(sorted(fates, key=lambda fate: fate.segment)),
        new=tuple(sorted(_origins(flow, fates), key=lambda origin: origin.segment)),
        agreement=float(adjusted_rand_score(old_labels, new_labels)),
        unchanged=float(stayed / counts.sum()),
        records=len(old_labels),
    )


def _checked(old: NDArray[Any], new: NDArray[Any]) -> tuple[Floats, Floats]:
    old, new = np.asarray(old, dtype=np.float64), np.asarray(new, dtype=np.float64)
    if old.shape[1] != new.shape[1]:
        raise TrainingError(
            f"old centroids have {old.shape[1]} columns and new ones {new.shape[1]}: they cannot be"
            " matched"
        )
    if not (np.isfinite(old).all() and np.isfinite(new).all()):
        raise TrainingError("a centroid holds a value that is not finite: it cannot be matched")
    return old, new


def _nearest_other(centroids: Floats) -> Floats:
    """Return the distance from each centroid to the nearest other one, shape (n_centroids,)."""
    between = cdist(centroids, centroids)
    np.fill_diagonal(between, np.inf)
    nearest = np.asarray(between.min(axis=1))
    if not nearest.all():
        raise TrainingError("two of the old centroids are the same: they cannot be told apart")
    return nearest


def _shares(counts: NDArray[np.int64], axis: int) -> Floats:
    """Return counts as shares of their sums along an axis, 0 where there is nothing."""
    return np.asarray(counts / np.maximum(counts.sum(axis=axis, keepdims=True), 1))


def _fates(flow: _Flow) -> list[Fate]:
    merging = np.any(_merging(flow), axis=1)
    return [_fate(flow, old, merges=bool(merging[old])) for old in range(len(flow.old_ids))]


def _fate(flow: _Flow, old: int, *, merges: bool) -> Fate:
    pair = flow.continuing.get(old)
    members = int(flow.counts[old].sum())
    into = _large(flow.leaving[old], flow.new_ids)
    fate: Literal["kept", "split", "merged", "vanished"] = "kept" if pair else "vanished"
    if merges:
        fate = "merged"
    elif len(into) > 1:
        fate = "split"
    return Fate(
        segment=flow.old_ids[old],
        fate=fate,
        members=members,
        successor=flow.new_ids[pair.new] if pair else None,
        stayed=float(flow.leaving[old, pair.new]) if pair and members else None,
        distance=pair.distance if pair else None,
        into=into,
    )


def _origins(flow: _Flow, fates: Sequence[Fate]) -> list[Origin]:
    predecessors = {pair.new: flow.old_ids[old] for old, pair in flow.continuing.items()}
    merged = np.any(_merging(flow), axis=0)
    parts = {name for fate in fates if fate.fate == "split" for name in fate.into}
    origins = []
    for new, segment in enumerate(flow.new_ids):
        origin: Literal["kept", "split", "merged", "new"] = "kept" if new in predecessors else "new"
        if merged[new]:
            origin = "merged"
        elif segment in parts:
            origin = "split"
        origins.append(
            Origin(
                segment=segment,
                origin=origin,
                members=int(flow.counts[:, new].sum()),
                predecessor=predecessors.get(new),
                sources=_large(flow.arriving[:, new], flow.old_ids),
            )
        )
    return origins


def _merging(flow: _Flow) -> NDArray[np.bool_]:
    """Say which old cluster merges into which new one, shape (n_old, n_new)."""
    gives = (flow.leaving > MOST) & (flow.arriving >= LARGE_SHARE)
    return np.asarray(gives & (gives.sum(axis=0) > 1))


def _large(shares: Floats, ids: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the large parts, the largest first and equal ones by name."""
    parts = sorted(zip(shares.tolist(), ids, strict=True), key=lambda part: (-part[0], part[1]))
    return tuple(name for share, name in parts if share >= LARGE_SHARE)
