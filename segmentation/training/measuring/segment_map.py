"""A map of discovered segments: the two directions in which records differ most.

It holds counts in hexagons rather than records (docs/decisions/0018). Nothing here draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from segmentation.artifact.clusters import MapAxis, MapCell, MapPlace, SegmentMap
from segmentation.training.disclosure import FEWEST, leave_out_few

Floats = NDArray[np.float64]

N_AXES = 2
# The finest grid that leaves out no more than a twentieth, of at most so many cells across.
MOST_ACROSS, FEWEST_ACROSS = 24, 6
LARGEST_LOSS = 0.05
# Between which quantiles the grid counts its cells: a far outlier doesn't make it coarse.
EDGES = (0.01, 0.99)


def segment_map(
    Z: NDArray[Any], columns: Mapping[str, NDArray[Any]], ids: NDArray[Any], segments: Sequence[str]
) -> SegmentMap | None:
    """Project clustered records to the plane in which they differ most, and count them there.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_dimensions)
        The records in the space in which they were clustered.
    columns : mapping of str to ndarray of shape (n_samples,)
        The answers that define the segments, to say what an axis means; NaN where missing.
    ids : ndarray of shape (n_samples,), str
        Segment of each record.
    segments : sequence of str
        In the order in which places and counts are to be.

    Returns
    -------
    SegmentMap or None
        None where the space has one dimension.
    """
    if Z.shape[1] < N_AXES:
        return None
    places, shares = project(Z)
    signs = np.sign([max(_loadings(columns, axis).values(), key=abs) for axis in places.T])
    places = places * np.where(signs < 0, -1.0, 1.0)
    width, cells = _cells(places, ids, segments)
    x, y = (
        MapAxis(share=round(float(share), 6), loadings=_loadings(columns, axis))
        for share, axis in zip(shares, places.T, strict=True)
    )
    return SegmentMap(
        x=x,
        y=y,
        places=[_place(segment, places[ids == segment]) for segment in segments],
        records=len(Z),
        fewest=FEWEST,
        width=_rounded(width),
        cells=cells,
    )


def project(Z: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return records on their first two principal axes, and the share of variance on each.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_dimensions)

    Returns
    -------
    places : ndarray of shape (n_samples, 2)
    shares : ndarray of shape (2,)
        Of the variance in all dimensions of `Z`.
    """
    centred = np.asarray(Z, dtype=np.float64) - Z.mean(axis=0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    variances = lengths**2
    shares = variances[:N_AXES] / (variances.sum() or 1.0)
    return centred @ directions[:N_AXES].T, shares


def _place(segment: str, members: Floats) -> MapPlace:
    """Return the mean of a segment's records and the ellipse around it that holds half of them."""
    mean = members.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(members.T))
    along = (members - mean) @ directions
    distances = (along**2 / np.maximum(variances, np.finfo(np.float64).tiny)).sum(axis=1)
    minor, major = np.sqrt(variances.clip(0.0) * np.median(distances))
    return MapPlace(
        segment=segment,
        x=_rounded(mean[0]),
        y=_rounded(mean[1]),
        major=_rounded(major),
        minor=_rounded(minor),
        angle=_rounded(np.degrees(np.arctan2(directions[1, 1], directions[0, 1])) % 180),
    )


def _loadings(columns: Mapping[str, NDArray[Any]], axis: Floats) -> dict[str, float]:
    """Return the rank correlation of each column with an axis, the strongest first.

    Ranks, because spaces take logarithms and clip.
    """
    loadings = {name: _rank_correlation(values, axis) for name, values in columns.items()}
    return dict(sorted(loadings.items(), key=lambda pair: -abs(pair[1])))


def _rank_correlation(values: NDArray[Any], axis: Floats) -> float:
    answered = ~np.isnan(values)
    ranks = np.vstack([rankdata(values[answered]), rankdata(axis[answered])])
    if not ranks.std(axis=1).all():
        return 0.0
    return _rounded(np.corrcoef(ranks)[0, 1])


def _cells(
    places: Floats, ids: NDArray[Any], segments: Sequence[str]
) -> tuple[float, list[MapCell]]:
    """Return the width of a cell and the cells of the finest grid that leaves few records out."""
    low, high = np.quantile(places[:, 0], EDGES)
    across = MOST_ACROSS
    while True:
        width = float(high - low) / across or 1.0
        centres, counts = _counted(hexagons(places, width), ids, segments)
        counts = leave_out_few(counts)  # a lone customer far from all others is nobody's business
        enough = counts.any(axis=1)
        share_shown = counts[enough].sum() / len(places)
        if share_shown >= 1 - LARGEST_LOSS or across == FEWEST_ACROSS:
            break
        across -= 1
    cells = [
        MapCell(x=_rounded(x), y=_rounded(y), counts=count)
        for (x, y), count in zip(centres[enough], counts[enough].tolist(), strict=True)
    ]
    return width, cells


def _counted(
    centres: Floats, ids: NDArray[Any], segments: Sequence[str]
) -> tuple[Floats, NDArray[np.int64]]:
    """Return the centres that occur and, for each, the records of every segment."""
    different, cell = np.unique(centres.round(9), axis=0, return_inverse=True)
    counts = np.zeros((len(different), len(segments)), dtype=np.int64)
    for position, segment in enumerate(segments):
        np.add.at(counts[:, position], cell.ravel()[ids == segment], 1)
    return different, counts


def hexagons(places: Floats, width: float) -> Floats:
    """Return the centre of the hexagon in which each place lies, of shape (n_samples, 2).

    Hexagons stand on a corner and are `width` wide; one is around 0. Their centres are those of
    two grids of rectangles, each shifted by half a rectangle, and the nearest counts.
    """
    step = np.array([width, width * np.sqrt(3)])
    even = np.round(places / step) * step
    odd = (np.floor(places / step) + 0.5) * step
    nearer = ((places - even) ** 2).sum(axis=1) <= ((places - odd) ** 2).sum(axis=1)
    return np.asarray(np.where(nearer[:, np.newaxis], even, odd))


def _rounded(value: Any) -> float:
    return round(float(value), 3) + 0.0  # no negative zero
