"""The manifest: all that the run side must know about a model, and its model card.

Plain data with a documented format version. It never holds a training record.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from segmentation.schema import Record, Schema

# Raised when manifests of the version before can no longer be read. A program that is older than
# an optional member of its own version refuses it in one sentence.
FORMAT_VERSION = 2


class _Part(BaseModel):
    """Plain data; an unknown member means that the file is of another format."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Digest(_Part):
    """Length in bytes and SHA-256, in lower-case hexadecimal, of one payload."""

    length: int
    sha256: str


class NumberProfile(_Part):
    """A segment's answers to one numeric question; `index` is its mean, everyone's being 100."""

    mean: float
    minimum: float
    maximum: float
    index: float | None


class CategoryShare(_Part):
    """How often a segment gives one answer; `index` is its share, everyone's being 100."""

    value: str
    share: float
    index: float


class PackedSegment(_Part):
    """A segment as the service answers it, with what the training records say about it."""

    label: int
    id: str
    name: str
    description: str
    action: str
    size: int
    share: float
    numbers: dict[str, NumberProfile]
    categories: dict[str, list[CategoryShare]]


class NumberBaseline(_Part):
    """One numeric column over all training records."""

    minimum: float
    maximum: float
    mean: float
    deciles: list[float]
    missing: float


class CategoryBaseline(_Part):
    """Shares of the answers to one question over all training records."""

    shares: dict[str, float]
    missing: float


class Baseline(_Part):
    """The training records, column by column."""

    numbers: dict[str, NumberBaseline]
    categories: dict[str, CategoryBaseline]


class PackedImplication(_Part):
    """Where `column` is `value`, `other` is `expected`."""

    column: str
    value: str
    other: str
    expected: str


class Conformal(_Part):
    """How plausible segments are told: those of at least probability 1 - threshold.

    There is one threshold for each number of missing answers, from 0, among those that define
    segments. `measured` holds what each condition asks for: an imprecise record looks like a
    complete one, so the largest of both is used. `truth` says what is covered.
    """

    coverage: float
    thresholds: list[float]
    measured: dict[str, float]
    n_calibration: int
    truth: str


class Golden(_Part):
    """A made-up record and the answer that this model gives to it."""

    record: Record
    segment: str
    probabilities: list[float]


class ScorerInterface(_Part):
    """How to call the ONNX part: one float32 input with a column per feature, NaN where missing.

    `outlook` names the output with the probabilities of a later day, where there is one.
    """

    input: str
    output: str
    outlook: str | None = None
    features: list[str]


class DataSheet(_Part):
    """Which table the model was trained on."""

    name: str
    sha256: str
    rows: int


class Training(_Part):
    """How the model was fitted, and on what."""

    data: DataSheet
    synthetic: bool
    grid: str
    params: dict[str, Any]
    random_state: int
    n_train: int
    n_calibration: int
    libraries: dict[str, str]


class Metric(_Part):
    """One measured number: what it is, on which records, and from which inputs.

    `circular` is whether those inputs include columns that define the segments: the figure then
    measures agreement with a definition and not foresight.
    """

    name: str
    value: float
    on: str
    inputs: str
    circular: bool


class Confusion(_Part):
    """Which segments records were answered with, counted: a row for each true segment.

    Rows and columns are in the order of `segments`. `name` says which records, as in the name of
    the figure ``accuracy, NAME``: the share of the diagonal, but for a mean over folds there.
    """

    name: str
    segments: list[str]
    counts: list[list[int]]
    on: str
    inputs: str
    circular: bool


class CurvePoint(_Part):
    """What K-Means gives for one number of clusters; inertia is the sum of squared distances."""

    k: int
    inertia: float
    silhouette: float
    davies_bouldin: float
    calinski_harabasz: float


class Stability(_Part):
    """Adjusted Rand index between the clusters and those of each of `n` bootstrap samples.

    Hubert and Arabie 1985, https://doi.org/10.1007/BF01908075: 1 for the same groups, 0 for what
    chance gives. The deviation is that of the population.
    """

    mean: float
    deviation: float
    worst: float
    n: int


class MapAxis(_Part):
    """One axis of a map: the share of the clustered space's variance that lies along it.

    `loadings` are the rank correlations (Spearman's) of the defining answers with places on the
    axis, the strongest first.
    """

    share: float
    loadings: dict[str, float]


class MapPlace(_Part):
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


class MapCell(_Part):
    """How many records of each segment, in the order of the places, lie in one hexagon."""

    x: float
    y: float
    counts: list[int]


class SegmentMap(_Part):
    """The clustered space seen along its first two principal axes.

    Records are counted in hexagons that stand on a corner and are `width` wide; those of fewer
    than `fewest` records are left out, so that no place is one customer's.
    """

    x: MapAxis
    y: MapAxis
    places: list[MapPlace]
    records: int
    fewest: int
    width: float
    cells: list[MapCell]


class ClusterReport(_Part):
    """How segments were discovered and how good the clusters are.

    `naming` says why each segment has its name. Packages from before there were maps have none.
    """

    columns: list[str]
    n_dimensions: int
    quality: dict[str, float]
    stability: Stability
    curve: list[CurvePoint]
    naming: list[str]
    map: SegmentMap | None = None


class Fate(_Part):
    """What became of one segment of the model before.

    `members` are the records that the old model puts there, `stayed` the share of them that the
    new one puts into the `successor`, `distance` from its centroid to the successor's, `into` the
    new segments that hold at least a quarter of them, the largest part first.
    """

    segment: str
    fate: Literal["kept", "split", "merged", "vanished"]
    members: int
    successor: str | None
    stayed: float | None
    distance: float | None
    into: tuple[str, ...]


class Origin(_Part):
    """Where a segment comes from.

    `sources` are the old segments that make at least a quarter of its members.
    """

    segment: str
    origin: Literal["kept", "split", "merged", "new"]
    members: int
    predecessor: str | None
    sources: tuple[str, ...]


class Transitions(_Part):
    """How the segments of two models go together, measured on the same records.

    `agreement` is the adjusted Rand index between the labels of both models, `unchanged` the
    share of the records whose new segment continues their old one.
    """

    old: tuple[Fate, ...]
    new: tuple[Origin, ...]
    agreement: float
    unchanged: float
    records: int


class Lineage(_Part):
    """How the segments continue those of the model before.

    `conflicts` says where the rules of naming would have called a segment otherwise.
    """

    previous: str
    transitions: Transitions
    conflicts: tuple[str, ...]


class PackedAggregation(_Part):
    """How a customer's transactions become a record; see ``segmentation.aggregation``."""

    transactions: Schema
    sql: str
    categories: list[tuple[str, str]]
    reference: str


class PackedOutlook(_Part):
    """The answer about a later day is about so many days after the record's."""

    days: int


class Manifest(_Part):
    """A model card that programs can read."""

    format_version: Literal[2] = 2
    study: str
    title: str
    description: str
    version: str
    created: str
    pipeline: Digest
    onnx: Digest
    scorer: ScorerInterface
    record: Schema
    segments: list[PackedSegment]
    baseline: Baseline
    implications: list[PackedImplication]
    conformal: Conformal
    clusters: ClusterReport | None = None
    lineage: Lineage | None = None
    aggregation: PackedAggregation | None = None
    outlook: PackedOutlook | None = None
    golden: list[Golden]
    figures: list[Metric]
    confusions: list[Confusion] = []
    caveats: list[str]
    training: Training
