"""Texts about names that go on: conflicts with the rules, and models that lend no names.

The data is made when a model is trained (``artifact.lineage``); the terminal and the pages say the
same about it.
"""

from __future__ import annotations

from segmentation.artifact.lineage import Discontinuity, NameConflict
from segmentation.wording.phrases import format_percent


def describe_conflict(conflict: NameConflict) -> str:
    """Return where a segment is not called what the rules call it, in one sentence."""
    segment, rule = conflict.segment, conflict.rule
    if conflict.kind == "continues":
        return f"the rules call {rule} what continues {segment}; it stays {segment}"
    if conflict.kind == "unknown":
        return f"the rules know no {conflict.lost}; what continues it is now {segment}"
    return (
        f"the rules call {rule} a segment without a predecessor, but {rule} goes on in another one;"
        f" it becomes {segment}, the name that is left, so look at its profile before using it"
    )


def describe_discontinuity(discontinuity: Discontinuity) -> str:
    """Return why the model before lends no names, in one clause."""
    if discontinuity.measure == "empty":
        return f"it puts no record of today into {discontinuity.segment}"
    if discontinuity.measure == "unchanged":
        return (
            f"{format_percent(discontinuity.value)} of the records would stay in their segment,"
            f" fewer than {format_percent(discontinuity.limit)}"
        )
    return (
        f"both agree to {discontinuity.value:.2f} (adjusted Rand index), less than"
        f" {discontinuity.limit:.2f}"
    )
