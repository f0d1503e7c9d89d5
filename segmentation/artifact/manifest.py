"""The manifest: all that the run side must know about a model, and its model card.

Plain data with a documented format version. It never holds a training record.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from segmentation.schema import Record, Schema

# Raised when a manifest can no longer be read by programs of the version before.
FORMAT_VERSION = 1


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
    """How plausible segments are told: those of at least probability 1 - `threshold`.

    `thresholds` holds what each kind of calibration record asks for; `threshold` is the largest.
    """

    coverage: float
    threshold: float
    thresholds: dict[str, float]
    n_calibration: int


class Golden(_Part):
    """A made-up record and the answer that this model gives to it."""

    record: Record
    segment: str
    probabilities: list[float]


class Scorer(_Part):
    """How to call the ONNX part: one float32 input with a column per feature, NaN where missing."""

    input: str
    output: str
    features: list[str]


class DataSheet(_Part):
    """Which table the model was trained on."""

    name: str
    sha256: str
    rows: int


class Training(_Part):
    """How the model was fitted, and on what."""

    data: DataSheet
    grid: str
    params: dict[str, Any]
    random_state: int
    n_train: int
    n_calibration: int
    libraries: dict[str, str]


class Figure(_Part):
    """One measured number: what it is, on which records, and what it does not say."""

    name: str
    value: float
    on: str


class Manifest(_Part):
    """A model card that programs can read."""

    format_version: Literal[1] = 1
    study: str
    title: str
    description: str
    version: str
    created: str
    pipeline: Digest
    onnx: Digest
    scorer: Scorer
    record: Schema
    segments: list[PackedSegment]
    baseline: Baseline
    implications: list[PackedImplication]
    conformal: Conformal
    golden: list[Golden]
    figures: list[Figure]
    caveats: list[str]
    training: Training
