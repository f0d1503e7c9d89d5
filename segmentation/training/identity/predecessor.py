"""Who the segments were before: names that go on from the package before.

The package's own scorer says where the model before puts the records of today; nothing of it is
unpickled. The matching itself is in ``lineage``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.artifact import Package, Trust, open_session, read_package
from segmentation.artifact.clusters import NamingReason
from segmentation.artifact.lineage import Discontinuity, Fate, Lineage
from segmentation.errors import PackageError, TrainingError
from segmentation.estimators import Floats
from segmentation.study import Study
from segmentation.tables.addresses import open_local
from segmentation.training.identity.cluster_naming import ClusterNames, check_names
from segmentation.training.identity.discontinuities import find_discontinuities, match_profiles
from segmentation.training.identity.lineage import RenamedClusters, match, rename, transitions
from segmentation.wording.identity import describe_discontinuity

NOTHING_BEFORE = "there is no model before it"


@dataclass(frozen=True)
class Predecessor:
    """The model before.

    Attributes
    ----------
    version : str
    ids : tuple of str
        Its segments, in the order of its probabilities.
    package : Package
    """

    version: str
    ids: tuple[str, ...]
    package: Package

    def label(self, X: Floats) -> NDArray[np.intp]:
        """Return the position, in `ids`, of each record's segment; X is (n_samples, n_features)."""
        scorer = self.package.manifest.scorer
        session = open_session(self.package.scorer)
        return np.asarray(session.run([scorer.output], {scorer.input: X})[0].argmax(axis=1))


@dataclass(frozen=True)
class ContinuedNames:
    """What clusters are called in the end, and why.

    Attributes
    ----------
    ids : tuple of str
        Segment of each cluster, by its number.
    reasons : tuple of NamingReason
    renamed : mapping of str to str
        Name by the rules to name in the end, where they differ.
    lineage : Lineage or None
    """

    ids: tuple[str, ...]
    reasons: tuple[NamingReason, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    lineage: Lineage | None = None


def read_predecessor(
    path: Path, study: Study, *, synthetic: bool
) -> tuple[Predecessor | None, str]:
    """Read the package that is about to be replaced.

    Parameters
    ----------
    path : Path
    study : Study
    synthetic : bool
        Whether the new model learns from the synthetic sample.

    Returns
    -------
    Before or None
        None if there is nothing to continue.
    str
        Why there is nothing to continue, in a sentence; empty where there is.
    """
    if not path.exists():
        return None, NOTHING_BEFORE
    try:
        package = read_package(path)
    except PackageError as error:
        return None, f"the model before it cannot be read ({error})"
    return continuable(package, study, synthetic=synthetic)


def read_named(address: str, public_key: str | None) -> Package:
    """Read the package that somebody has named as the one to continue: it has to be good.

    Parameters
    ----------
    address : str
        A path or an ``s3://`` address.
    public_key : str or None
        If given, the package must be signed with its private key.

    Raises
    ------
    DataError
        If there is no such file or object, or it can't be read.
    TrainingError
        If it is not a package, is damaged, or not trusted.
    """
    with open_local(address) as path:
        try:
            return read_package(path, Trust(public_key))
        except PackageError as error:
            reason = str(error).removeprefix(f"{path}: ")
            raise TrainingError(f"--before {address}: {reason}") from None


def continuable(
    package: Package, study: Study, *, synthetic: bool
) -> tuple[Predecessor | None, str]:
    """Return what a new model continues of a package, or None and why it can't.

    See `read_predecessor`.

    Segments of real customers do not continue those of made-up ones.
    """
    manifest = package.manifest
    features = [column.name for column in study.schema.features]
    if manifest.study != study.name or manifest.scorer.features != features:
        return None, "the model before it is of another study or reads other columns"
    if manifest.training.synthetic and not synthetic:
        return None, "the model before it learned from the synthetic sample"
    ids = tuple(segment.id for segment in manifest.segments)
    return Predecessor(manifest.version, ids, package), ""


@dataclass(frozen=True)
class ClusteredRecords:
    """Today's complete records and the clusters that they are in.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
    Z : ndarray of shape (n_samples, n_dimensions)
        The same in the space of the clusters, in which centroids are compared: that of an old
        segment is the mean of today's records that the old model puts there.
    clusters : ndarray of shape (n_samples,)
    """

    X: Floats
    Z: NDArray[Any]
    clusters: NDArray[np.int32]


def continue_names(
    by_rules: ClusterNames, predecessor: Predecessor | None, today: ClusteredRecords
) -> ContinuedNames:
    """Let clusters keep the names of the segments that they continue.

    Where both models say too different things about the same records, the one before lends no
    names: a model that puts nearly everybody into one segment would still lend all of them.

    Parameters
    ----------
    by_rules : ClusterNames
        What the rules call them.
    predecessor : Predecessor or None
    today : ClusteredRecords

    Raises
    ------
    TrainingError
        If the rules have to name the clusters and cannot, or if they call them otherwise than
        their likeness with the segments before.
    """
    if predecessor is None:
        check_names(by_rules)
        return ContinuedNames(by_rules.ids, by_rules.reasons)
    comparison = _compare(by_rules, predecessor, today)
    lineage = comparison.lineage
    if lineage.discontinuities:
        check_names(by_rules)
        _check_likeness(by_rules, predecessor, today, lineage.discontinuities)
        return ContinuedNames(by_rules.ids, by_rules.reasons, lineage=lineage)
    names = comparison.names
    renamed = {
        rule: name for rule, name in zip(by_rules.ids, names.ids, strict=True) if rule != name
    }
    reasons = tuple(_explain_names(by_rules, names))
    return ContinuedNames(names.ids, reasons, renamed, lineage)


@dataclass(frozen=True)
class _Comparison:
    """What the clusters are called after the model before, and how both go together."""

    names: RenamedClusters
    lineage: Lineage


def _compare(
    by_rules: ClusterNames, predecessor: Predecessor, today: ClusteredRecords
) -> _Comparison:
    old, clusters = predecessor.label(today.X), today.clusters
    present = np.unique(old)
    old_ids = [predecessor.ids[position] for position in present]
    old_centroids = np.vstack([today.Z[old == position].mean(axis=0) for position in present])
    new_centroids = np.vstack(
        [today.Z[clusters == cluster].mean(axis=0) for cluster in range(len(by_rules.ids))]
    )
    pairs = match(old_centroids, new_centroids)
    names = rename(by_rules.ids, pairs, old_ids)
    labels = np.searchsorted(present, old)
    changes = transitions(labels, clusters, pairs, old_ids, names.ids)
    missing = [name for name in predecessor.ids if name not in old_ids]
    discontinuities = find_discontinuities(changes, missing)
    conflicts = names.conflicts
    if discontinuities:
        # Nothing is kept; how far both agree remains to be read.
        measured = {"agreement": changes.agreement, "unchanged": changes.unchanged}
        changes = transitions(labels, clusters, [], old_ids, by_rules.ids)
        changes, conflicts = changes.model_copy(update=measured), ()
    empty = tuple(_make_empty_fate(name) for name in missing)
    changes = changes.model_copy(update={"old": (*changes.old, *empty)})
    lineage = Lineage(
        previous=predecessor.version,
        transitions=changes,
        conflicts=conflicts,
        discontinuities=discontinuities,
    )
    return _Comparison(names, lineage)


def _explain_names(by_rules: ClusterNames, names: RenamedClusters) -> Iterator[NamingReason]:
    """Yield why each segment has its name, in the order of the rules.

    A rule's own reason is only told of the cluster that it means.
    """
    position = {name: number for number, name in enumerate(names.ids)}
    for reason in by_rules.reasons:
        cluster = position[reason.segment]
        is_rules_name = by_rules.ids[cluster] == reason.segment
        own = reason if is_rules_name else NamingReason(segment=reason.segment)
        if names.continued[cluster]:
            yield own.model_copy(update={"named_by": "predecessor"})
        elif is_rules_name:
            yield own
        else:
            yield own.model_copy(update={"named_by": "elimination"})


def _check_likeness(
    by_rules: ClusterNames,
    predecessor: Predecessor,
    today: ClusteredRecords,
    discontinuities: Sequence[Discontinuity],
) -> None:
    """Refuse rules that call a cluster otherwise than the old segment that it is most like."""
    by_likeness = match_profiles(predecessor.package.manifest, today.X, today.clusters)
    disagreements = [
        f"{rule} is most like what was {name}"
        for rule, name in zip(by_rules.ids, by_likeness, strict=True)
        if name not in (rule, None)
    ]
    if disagreements:
        evidence = "; ".join(describe_discontinuity(item) for item in discontinuities)
        raise TrainingError(
            f"the model before, {predecessor.version}, cannot name these clusters ({evidence}), and"
            f" the rules contradict it: by them {', '.join(sorted(disagreements))}. Look for other"
            " units or other customers in the table; --new-names names the clusters by the rules"
            " alone"
        )


def _make_empty_fate(segment: str) -> Fate:
    """Return the fate of a segment in which the old model puts none of today's records."""
    return Fate(
        segment=segment,
        fate="vanished",
        members=0,
        successor=None,
        stayed=None,
        distance=None,
        into=(),
    )
