"""What a manifest says about the segments of the model before: which continue, which do not."""

from __future__ import annotations

from typing import Literal

from segmentation.artifact.parts import Part


class Fate(Part):
    """What became of one segment of the model before.

    `members` are the records that the old model puts there, `stayed` the share of them that the
    new one puts into the `successor`, `distance` from its centroid to the successor's, `into` the
    new segments that hold at least a quarter of them, the largest part first. Packages say nothing
    of fewer than three members: they are 0 then.
    """

    segment: str
    fate: Literal["kept", "split", "merged", "vanished"]
    members: int
    successor: str | None
    stayed: float | None
    distance: float | None
    into: tuple[str, ...]


class Origin(Part):
    """Where a segment comes from.

    `sources` are the old segments that make at least a quarter of its members.
    """

    segment: str
    origin: Literal["kept", "split", "merged", "new"]
    members: int
    predecessor: str | None
    sources: tuple[str, ...]


class Transitions(Part):
    """How the segments of two models go together, measured on the same records.

    `agreement` is the adjusted Rand index between the labels of both models, `unchanged` the
    share of the records whose new segment continues their old one.
    """

    old: tuple[Fate, ...]
    new: tuple[Origin, ...]
    agreement: float
    unchanged: float
    records: int


class NameConflict(Part):
    """Where a segment is not called what the rules of naming call it.

    `rule` is that name. A segment with its own past keeps its name (``continues``); one without is
    called what is left if its name goes on elsewhere (``left_over``); one that continues a segment
    which the study does not have any more, `lost`, takes another name (``unknown``).
    """

    kind: Literal["continues", "left_over", "unknown"]
    segment: str
    rule: str
    lost: str | None = None


class Discontinuity(Part):
    """A reason not to let the model before name today's clusters.

    `measure` is what shows it: the ``agreement`` of both models or the share ``unchanged`` is below
    `limit`, or the model before puts no record of today into one of its segments (``empty``).
    """

    measure: Literal["agreement", "unchanged", "empty"]
    value: float = 0.0
    limit: float = 0.0
    segment: str | None = None


class Lineage(Part):
    """How the segments continue those of the model before.

    `conflicts` says where the rules of naming would have called a segment otherwise. Where there
    are `discontinuities` the model before lent no names: the rules gave them, and nothing is kept.
    """

    previous: str
    transitions: Transitions
    conflicts: tuple[NameConflict, ...] = ()
    discontinuities: tuple[Discontinuity, ...] = ()
