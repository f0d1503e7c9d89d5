"""What a manifest says about discovered segments: quality, stability, names and the map.

Measuring is on the build side; how it is said to people is in ``wording``.
"""

from __future__ import annotations

from typing import Literal

from segmentation.artifact.parts import Part


class CurvePoint(Part):
    """What the clusterer gives for one number of clusters.

    `inertia` is the sum of the squared distances of records to the means of their clusters.
    """

    k: int
    inertia: float
    silhouette: float
    davies_bouldin: float
    calinski_harabasz: float


class SegmentStability(Part):
    """How far one segment comes out again from bootstrap samples.

    The Jaccard index of its records with those that the segment of the same name has by the model
    of a sample: records in both, divided by records in either. Hennig 2007,
    https://doi.org/10.1016/j.csda.2006.11.025, from whom `FIRM` is.
    """

    segment: str
    mean: float
    worst: float

    @property
    def is_firm(self) -> bool:
        """Whether a campaign can be built on the segment."""
        return self.mean >= FIRM


FIRM = 0.75
"""Mean Jaccard index from which a segment is stable."""


class Stability(Part):
    """Adjusted Rand index between the clusters and those of each of `n` bootstrap samples.

    Hubert and Arabie 1985, https://doi.org/10.1007/BF01908075: 1 for the same groups, 0 for what
    chance gives. The deviation is that of the population, `quartiles` are those of the samples.
    Packages of before format 5 have neither quartiles nor `segments`.
    """

    mean: float
    deviation: float
    worst: float
    n: int
    quartiles: tuple[float, float, float] | None = None
    segments: tuple[SegmentStability, ...] = ()


class MapAxis(Part):
    """One axis of a map: the share of the clustered space's variance that lies along it.

    `loadings` are the rank correlations (Spearman's) of the defining answers with places on the
    axis, the strongest first.
    """

    share: float
    loadings: dict[str, float]


class MapPlace(Part):
    """Where the mean of a segment's records lies on a map, and the ellipse that holds half of them.

    `major` and `minor` are half its axes; `angle` is that from the x-axis to the major one, in
    degrees.
    """

    segment: str
    x: float
    y: float
    major: float
    minor: float
    angle: float


class MapCell(Part):
    """How many records of each segment, in the order of the places, lie in one hexagon."""

    x: float
    y: float
    counts: list[int]


class SegmentMap(Part):
    """The clustered space seen along its first two principal axes.

    Records are counted in hexagons that stand on a corner and are `width` wide. Fewer than `fewest`
    records of a segment in one of them are left out, so that no place is one customer's; in
    packages of before format 6, fewer of all segments together.
    """

    x: MapAxis
    y: MapAxis
    places: list[MapPlace]
    records: int
    fewest: int
    width: float
    cells: list[MapCell]


class ClusterQuality(Part):
    """How well clusters are apart.

    `silhouette` is measured in the space in which the clusters were found, `silhouette_columns` in
    the scaled original columns, both on `n_silhouette_records` records.
    """

    silhouette: float
    silhouette_columns: float
    n_silhouette_records: int
    davies_bouldin: float
    calinski_harabasz: float


class NamingReason(Part):
    """Why a segment has its name.

    `named_by` says how: by a rule; by elimination, as what was left after the others; or after the
    predecessor, whose segment it continues. A segment that a rule named, or would have named alike,
    had the `extreme` `statistic` of the sum of `columns` among the clusters without a name:
    `value`, where the `rivals` had theirs. `margin` is the share of the records that would need
    other values for the rule to choose another cluster.
    """

    segment: str
    named_by: Literal["rule", "elimination", "predecessor"] = "rule"
    extreme: Literal["highest", "lowest"] | None = None
    statistic: Literal["median", "mean"] = "median"
    columns: tuple[str, ...] = ()
    value: float | None = None
    rivals: tuple[float, ...] = ()
    margin: float | None = None


class ClusterReport(Part):
    """How segments were discovered and how good the clusters are.

    `naming` says why each segment has its name. A space of one dimension has no map.
    """

    columns: list[str]
    n_dimensions: int
    quality: ClusterQuality
    stability: Stability
    curve: list[CurvePoint]
    naming: list[NamingReason]
    map: SegmentMap | None = None

    def find_naming(self, segment: str) -> NamingReason | None:
        """Return why a segment has its name; None if that is not known."""
        return next((reason for reason in self.naming if reason.segment == segment), None)

    def find_stability(self, segment: str) -> SegmentStability | None:
        """Return how far a segment comes out again; None if that was not measured."""
        return next((part for part in self.stability.segments if part.segment == segment), None)
