"""What a manifest tells people about its segments: who they are and how they differ."""

from __future__ import annotations

from typing_extensions import TypedDict

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import PackedSegment


class Trait(TypedDict):
    """A segment's mean answer to one question; `index` is against everyone's `average` as 100."""

    field: str
    title: str
    unit: str
    mean: float
    average: float
    minimum: float
    maximum: float
    index: float | None


class Choice(TypedDict):
    """How often a segment gives one answer; `index` is against everyone's `average` as 100."""

    field: str
    title: str
    value: str
    share: float
    average: float
    index: float


class SegmentCard(TypedDict):
    """One segment: what it is called, what to do about it, how large it is and how it differs."""

    id: str
    name: str
    description: str
    action: str
    size: int
    share: float
    traits: list[Trait]
    choices: list[Choice]


class SegmentCards(TypedDict):
    """All segments of a model."""

    study: str
    version: str
    records: int
    segments: list[SegmentCard]


def segment_cards(manifest: Manifest) -> SegmentCards:
    """Return the segments of a model with their profiles against the average."""
    return SegmentCards(
        study=manifest.study,
        version=manifest.version,
        records=sum(segment.size for segment in manifest.segments),
        segments=[_card(segment, manifest) for segment in manifest.segments],
    )


def _card(segment: PackedSegment, manifest: Manifest) -> SegmentCard:
    return SegmentCard(
        id=segment.id,
        name=segment.name,
        description=segment.description,
        action=segment.action,
        size=segment.size,
        share=segment.share,
        traits=_traits(segment, manifest),
        choices=_choices(segment, manifest),
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
            minimum=profile.minimum,
            maximum=profile.maximum,
            index=profile.index,
        )
        for name, profile in segment.numbers.items()
    ]


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
