"""Whether the model before may lend its names: how far both agree, and likeness in its absence.

Only compares; who is called what in the end is decided in ``predecessor``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from segmentation.artifact.lineage import Discontinuity, Transitions
from segmentation.artifact.manifest import Manifest, NumberBaseline
from segmentation.estimators import Floats

# Between what trainings a month apart and what other units were measured to give:
# python -m benchmarks.identity, decision 39.
LEAST_AGREEMENT = 0.6
LEAST_UNCHANGED = 0.75


def find_discontinuities(changes: Transitions, empty: Sequence[str]) -> tuple[Discontinuity, ...]:
    """Return the reasons not to let the model before name today's clusters; mostly none.

    Parameters
    ----------
    changes : Transitions
    empty : sequence of str
        Its segments in which it puts none of today's records.
    """
    agreement = Discontinuity(measure="agreement", value=changes.agreement, limit=LEAST_AGREEMENT)
    unchanged = Discontinuity(measure="unchanged", value=changes.unchanged, limit=LEAST_UNCHANGED)
    return (
        *(item for item in (agreement, unchanged) if item.value < item.limit),
        *(Discontinuity(measure="empty", segment=name) for name in empty),
    )


def match_profiles(manifest: Manifest, X: Floats, clusters: NDArray[Any]) -> tuple[str | None, ...]:
    """Return the old segment that each cluster is most like, each once, whatever the units.

    A segment's mean answer counts as its place among the deciles of all records of its time, which
    another unit, or a few extreme values, do not change.

    Parameters
    ----------
    manifest : Manifest
        Of the model before.
    X : ndarray of shape (n_samples, n_features)
        Records of today.
    clusters : ndarray of shape (n_samples,)
        Numbers from 0.

    Returns
    -------
    tuple of (str or None)
        By the cluster's number; None where there are more clusters than old segments.
    """
    baselines = manifest.baseline.numbers
    described = set.intersection(set(baselines), *(set(item.numbers) for item in manifest.segments))
    positions = {
        column.name: position
        for position, column in enumerate(manifest.record.features)
        if column.name in manifest.record.defining_names and column.name in described
    }
    levels = np.linspace(0.1, 0.9, 9)
    old = np.array(
        [
            [_place(segment.numbers[name].mean, baselines[name]) for name in positions]
            for segment in manifest.segments
        ]
    )
    columns = np.asarray(X[:, list(positions.values())], dtype=np.float64)
    deciles = np.nanquantile(columns, levels, axis=0)
    means = np.vstack(
        [
            np.nanmean(np.clip(columns[clusters == cluster], deciles[0], deciles[-1]), axis=0)
            for cluster in np.unique(clusters)
        ]
    )
    new = np.array(
        [[_interpolate(value, deciles[:, i]) for i, value in enumerate(row)] for row in means]
    )
    old_positions, new_positions = linear_sum_assignment(cdist(old, new))
    names: list[str | None] = [None] * len(new)
    for old_position, new_position in zip(old_positions, new_positions, strict=True):
        names[new_position] = manifest.segments[old_position].id
    return tuple(names)


def _place(value: float, baseline: NumberBaseline) -> float:
    return _interpolate(value, np.asarray(baseline.deciles))


def _interpolate(value: float, deciles: NDArray[np.float64]) -> float:
    """Return the place of a value among deciles, from 0.1 to 0.9."""
    return float(np.interp(value, deciles, np.linspace(0.1, 0.9, len(deciles))))
