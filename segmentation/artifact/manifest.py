"""The manifest: all that the run side must know about a model, and its model card.

Plain data with a documented format version. It never holds a training record.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from segmentation.artifact.clusters import ClusterReport
from segmentation.artifact.data_remarks import DataRemark
from segmentation.artifact.lineage import Lineage
from segmentation.artifact.metrics import Condition, Confusion, Metric, Predictor, find_metric
from segmentation.artifact.parts import Part
from segmentation.artifact.typicality import Typicality
from segmentation.schema import Record, Schema
from segmentation.schema.transaction_roles import TransactionRoles

# Raised when a manifest changes so that older programs cannot read it. Manifests of the format
# before are upgraded while they are read: ``format_2`` and those after it.
FORMAT_VERSION = 6


# Answers may lie further out than the ends of their column, by this part of its range. Up to 7 in
# a hundred held-out records have one beyond: python -m benchmarks.disclosure, decision 46.
MARGIN = 0.5


class Digest(Part):
    """Length in bytes and SHA-256, in lower-case hexadecimal, of one payload."""

    length: int
    sha256: str


class NumberProfile(Part):
    """A segment's answers to one numeric question; `index` is its mean, everyone's being 100.

    `low` and `high` are the ends of the column, as in `NumberBaseline`.
    """

    mean: float
    low: float
    high: float
    index: float | None


class CategoryShare(Part):
    """How often a segment gives one answer; `index` is its share, everyone's being 100.

    There is none for answers of fewer than three, nor for one from which those would follow.
    """

    value: str
    share: float
    index: float


class PackedSegment(Part):
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


class NumberBaseline(Part):
    """One numeric column over all training records.

    `low` and `high` are its first and last percentile, or further inside where there are few
    records: at least three lie at or beyond each. The ends of packages of before format 6 are
    the lowest and the highest answer. `missing` is 0 where one or two did not answer.
    """

    low: float
    high: float
    mean: float
    deciles: list[float]
    missing: float

    @property
    def spread(self) -> float:
        """Distance between the lowest and the highest tenth, or the ends; 0 if those are equal."""
        return self.deciles[-1] - self.deciles[0] or self.high - self.low

    @property
    def limits(self) -> tuple[float, float]:
        """Beyond these an answer is unlike those that were learned from: half the range further."""
        margin = MARGIN * (self.high - self.low)
        return self.low - margin, self.high + margin


class CategoryBaseline(Part):
    """Shares of the answers to one question over all training records.

    Answers that fewer than three gave are left out; so is the rarest other one where they would
    follow from the sum. `missing` is that of a `NumberBaseline`.
    """

    shares: dict[str, float]
    missing: float


class Baseline(Part):
    """The training records, column by column."""

    numbers: dict[str, NumberBaseline]
    categories: dict[str, CategoryBaseline]


class PackedImplication(Part):
    """Where `column` is `value`, `other` is `expected`."""

    column: str
    value: str
    other: str
    expected: str


class MeasuredThreshold(Part):
    """The thresholds that the calibration records of each segment ask for under one condition."""

    condition: Condition
    thresholds: list[float]


class PatternThresholds(Part):
    """Thresholds, by segment, of records in which just these defining answers are missing."""

    missing: tuple[str, ...]
    thresholds: list[float]


class RankedQuestion(Part):
    """A question in the order in which they decide most.

    `gain` is how many more of the held-out records, as a share, are answered right once it is asked
    after those before it.
    """

    field: str
    gain: float


class Conformal(Part):
    """Which segments are plausible: those of at least probability 1 - threshold.

    There is one threshold for each number of missing answers, from 0, among those that define
    segments, and for each segment, in their order. `measured` holds what each condition asks for:
    an imprecise record looks like a complete one, so the largest of both is used. Where it was
    learned which answers are missing, `patterns` hold thresholds instead. `truth` says what is
    covered.
    """

    coverage: float
    thresholds: list[list[float]]
    measured: list[MeasuredThreshold]
    n_calibration: int
    truth: str
    patterns: tuple[PatternThresholds, ...] = ()


class Golden(Part):
    """A made-up record and the answer that this model gives to it."""

    record: Record
    segment: str
    probabilities: list[float]


class ScorerInterface(Part):
    """How to call the ONNX part: one float32 input with a column per feature, NaN where missing.

    `outlook` names the output with the probabilities of a later day, where there is one.
    """

    input: str
    output: str
    outlook: str | None = None
    features: list[str]


class DataSheet(Part):
    """Which table the model was trained on."""

    name: str
    sha256: str
    rows: int


class Training(Part):
    """How the model was fitted, and on what; `remarks` say what is to be looked at in the table."""

    data: DataSheet
    synthetic: bool
    grid: str
    params: dict[str, Any]
    random_state: int
    n_train: int
    n_calibration: int
    libraries: dict[str, str]
    remarks: tuple[DataRemark, ...] = ()


# Of a text in a request; longer than the rules allow, so that those leave it out.
_ANY_LENGTH = 100_000


class PackedAggregation(Part):
    """How a customer's transactions become a record; see ``segmentation.aggregation``.

    `customer` and `time` name the columns of a transaction with these roles, `reference` is the end
    of the last day. Packages of before there were rules for requests have no `roles`.
    """

    transactions: Schema
    customer: str
    time: str
    sql: str
    categories: list[tuple[str, str]]
    reference: str
    roles: TransactionRoles | None = None
    cancellation_prefix: str = ""
    earliest: str = "1990-01-01T00:00:00"

    @property
    def sendable(self) -> Schema:
        """What a transaction of a request is: without limits, as what breaks one is left out.

        Nothing is needed, either: a line without a price is left out like one without a customer.
        """
        if self.roles is None:
            return self.transactions
        return replace(
            self.transactions,
            columns=tuple(
                replace(column, role="context", minimum=None, maximum=None, longest=_ANY_LENGTH)
                for column in self.transactions.columns
            ),
        )


class PackedOutlook(Part):
    """The answer about a later day is about so many days after the record's.

    Its sets of plausible segments are its own; packages of before format 5 have none.
    """

    days: int
    conformal: Conformal | None = None


class Manifest(Part):
    """A model card that programs can read."""

    format_version: Literal[6] = 6
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
    questions: tuple[RankedQuestion, ...] = ()
    clusters: ClusterReport | None = None
    lineage: Lineage | None = None
    aggregation: PackedAggregation | None = None
    outlook: PackedOutlook | None = None
    typicality: Typicality | None = None
    golden: list[Golden]
    metrics: list[Metric]
    confusions: list[Confusion]
    caveats: list[str]
    training: Training

    def find_metric(
        self,
        measure: str,
        kind: str | None = None,
        predictor: Predictor = "model",
        horizon_days: int | None = None,
    ) -> Metric | None:
        """Return the first metric of a measure, about records of a kind; None without one.

        Parameters
        ----------
        measure : str
        kind : str, optional
            Kind of the condition; any if not given.
        predictor : str
        horizon_days : int, optional
            How far ahead; today if not given.
        """
        return find_metric(self.metrics, measure, kind, predictor, horizon_days)
