"""Cards: the segments of a model, how they differ, and its columns, as the API answers them."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import NumberBaseline, PackedSegment
from segmentation.schema import Schema
from segmentation.wording.clusters import (
    describe_naming,
    describe_narrow_margin,
    describe_stability,
)
from segmentation.wording.identity import describe_conflict


class Trait(TypedDict):
    """A segment's mean answer to one question; `index` is 100 for the `average` of all records.

    About 98 % of its answers are from `low` to `high`, and at least three customers' lie at or
    beyond each, so that neither is one customer's own.
    `difference` is the mean less that average, divided by the spread of all records: the distance
    between the lowest and the highest decile. So differences can be compared between questions,
    and between segments.
    """

    field: str
    title: str
    unit: str
    mean: float
    average: float
    low: float
    high: float
    index: float | None
    difference: float


class Choice(TypedDict):
    """How often a segment gives one answer; `index` is 100 for the `average` of all records."""

    field: str
    title: str
    value: str
    share: float
    average: float
    index: float


class Naming(TypedDict):
    """How a discovered segment came to its name.

    By a ``rule``; by ``elimination``, as what was left; or after the ``predecessor``, whose segment
    it continues. `remarks` say where that is to be looked at: a name that the rules give to another
    segment, or that few records decide.
    """

    named_by: str
    reason: str
    remarks: list[str]


class Firmness(TypedDict):
    """How far a discovered segment comes out again from other samples of the records.

    `jaccard` is the mean share of records in both among those in either, `worst` that of the worst
    sample; a segment of 0.75 and above is `firm`.
    """

    jaccard: float
    worst: float
    firm: bool
    reason: str


class SegmentCard(TypedDict):
    """One segment: what it is called, what to do about it, how large it is and how it differs."""

    id: str
    name: str
    description: str
    action: str
    size: int
    share: float
    naming: NotRequired[Naming]
    firmness: NotRequired[Firmness]
    traits: list[Trait]
    choices: list[Choice]


class SegmentCards(TypedDict):
    """All segments of a model."""

    study: str
    version: str
    records: int
    segments: list[SegmentCard]


class SegmentTitle(TypedDict):
    """What a segment is called, for programs and for people."""

    id: str
    name: str


class StudyCard(TypedDict):
    """A study that is served, or why it is not; with both, the last good model is served.

    `reason` says why the file of the study, as it is now, is refused.
    """

    name: str
    default: bool
    ready: bool
    title: NotRequired[str]
    description: NotRequired[str]
    version: NotRequired[str]
    segments: NotRequired[list[SegmentTitle]]
    reason: NotRequired[str]


class Field(TypedDict):
    """One question as a form needs it. `spellings` are all names that are accepted for it."""

    name: str
    title: str
    description: str
    kind: str
    role: str
    unit: str
    minimum: float | None
    maximum: float | None
    resolution: float
    categories: list[str]
    defines: bool
    fixed: bool
    spellings: list[str]


class SchemaCard(TypedDict):
    """The columns of a record and, where records can be made of transactions, of a transaction."""

    study: str
    version: str
    fields: list[Field]
    transactions: list[Field]


def schema_card(manifest: Manifest) -> SchemaCard:
    """Return the questions of a model's study."""
    packed = manifest.aggregation
    return SchemaCard(
        study=manifest.study,
        version=manifest.version,
        fields=_fields(manifest.record),
        transactions=_fields(packed.transactions) if packed else [],
    )


def _fields(schema: Schema) -> list[Field]:
    return [
        Field(
            name=column.name,
            title=column.title,
            description=column.description,
            kind=column.kind,
            role=column.role,
            unit=column.unit,
            minimum=column.minimum,
            maximum=column.maximum,
            resolution=column.resolution,
            categories=list(column.categories),
            defines=column.defines,
            fixed=column.fixed,
            spellings=[
                name
                for name, spelling in schema.spellings.items()
                if spelling.column.name == column.name
            ],
        )
        for column in schema.sendable
    ]


def segment_cards(manifest: Manifest) -> SegmentCards:
    """Return the segments of a model with their profiles against the average."""
    return SegmentCards(
        study=manifest.study,
        version=manifest.version,
        records=sum(segment.size for segment in manifest.segments),
        segments=[_card(segment, manifest) for segment in manifest.segments],
    )


def _card(segment: PackedSegment, manifest: Manifest) -> SegmentCard:
    card = SegmentCard(
        id=segment.id,
        name=segment.name,
        description=segment.description,
        action=segment.action,
        size=segment.size,
        share=segment.share,
        traits=_traits(segment, manifest),
        choices=_choices(segment, manifest),
    )
    naming, firmness = _explain_name(segment.id, manifest), _judge_firmness(segment.id, manifest)
    if naming:
        card["naming"] = naming
    if firmness:
        card["firmness"] = firmness
    return card


def _explain_name(segment: str, manifest: Manifest) -> Naming | None:
    reason = manifest.clusters.find_naming(segment) if manifest.clusters else None
    if reason is None:
        return None
    conflicts = manifest.lineage.conflicts if manifest.lineage else ()
    remarks = [describe_conflict(item) for item in conflicts if item.segment == segment]
    remarks += describe_narrow_margin(reason)
    return Naming(
        named_by=reason.named_by, reason=describe_naming(reason, manifest.record), remarks=remarks
    )


def _judge_firmness(segment: str, manifest: Manifest) -> Firmness | None:
    part = manifest.clusters.find_stability(segment) if manifest.clusters else None
    if manifest.clusters is None or part is None:
        return None
    return Firmness(
        jaccard=part.mean,
        worst=part.worst,
        firm=part.is_firm,
        reason=describe_stability(part, manifest.clusters.stability.n),
    )


def _traits(segment: PackedSegment, manifest: Manifest) -> list[Trait]:
    columns, averages = manifest.record.by_name, manifest.baseline.numbers
    return [
        Trait(
            field=name,
            title=columns[name].title,
            unit=columns[name].unit,
            mean=profile.mean,
            average=averages[name].mean,
            low=profile.low,
            high=profile.high,
            index=profile.index,
            difference=_difference(profile.mean, averages[name]),
        )
        for name, profile in segment.numbers.items()
    ]


def _difference(mean: float, everyone: NumberBaseline) -> float:
    """Return a mean less that of all records, in units of their spread, with six decimals."""
    return round((mean - everyone.mean) / everyone.spread, 6) if everyone.spread else 0.0


def _choices(segment: PackedSegment, manifest: Manifest) -> list[Choice]:
    columns, averages = manifest.record.by_name, manifest.baseline.categories
    return [
        Choice(
            field=name,
            title=columns[name].title,
            value=choice.value,
            share=choice.share,
            average=averages[name].shares[choice.value],
            index=choice.index,
        )
        for name, choices in segment.categories.items()
        for choice in choices
    ]
