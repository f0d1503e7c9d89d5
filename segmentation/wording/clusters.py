"""Texts about discovered segments: names of quality measures, why each has its name, how firm."""

from __future__ import annotations

from segmentation.artifact.clusters import (
    FIRM,
    ClusterQuality,
    ClusterReport,
    NamingReason,
    SegmentStability,
)
from segmentation.schema import Schema
from segmentation.wording.phrases import format_percent

_QUALITY_NAMES = {
    "silhouette": "silhouette, clustered space",
    "silhouette_columns": "silhouette, scaled columns",
    "n_silhouette_records": "silhouette, records",
    "davies_bouldin": "Davies-Bouldin",
    "calinski_harabasz": "Calinski-Harabasz",
}

# Of the records, that may decide a name without a word.
_SMALL_MARGIN = 0.01


def name_qualities(quality: ClusterQuality) -> dict[str, float]:
    """Return the quality measures of clusters by their names for people."""
    return {name: float(getattr(quality, member)) for member, name in _QUALITY_NAMES.items()}


def describe_naming(reason: NamingReason, schema: Schema) -> str:
    """Return why a segment has its name, in one sentence."""
    causes = []
    if reason.named_by == "predecessor":
        causes.append("it continues the segment of this name")
    if reason.extreme is not None:
        causes.append(_describe_rule(reason, schema))
    elif reason.named_by == "elimination":
        causes.append("the cluster that is left")
    return f"{reason.segment}: {'; '.join(causes)}{_describe_margin(reason)}"


def _describe_rule(reason: NamingReason, schema: Schema) -> str:
    columns = " + ".join(schema.by_name[name].title.strip() for name in reason.columns)
    rivals = ", ".join(f"{value:.4g}" for value in reason.rivals)
    return (
        f"{reason.extreme} {reason.statistic} of {columns} among the clusters without a name"
        f" ({reason.value:.4g}; the others {rivals})"
    )


def _describe_margin(reason: NamingReason) -> str:
    if reason.margin is None:
        return ""
    narrow = describe_narrow_margin(reason)
    if narrow:
        return f". Mind: {narrow[0]}"
    return f"; {reason.margin:.1%} of the records would have to be otherwise for another name"


def describe_narrow_margin(reason: NamingReason) -> list[str]:
    """Return that few records decide a name, in a clause; nothing where many do."""
    if reason.margin is None or reason.margin >= _SMALL_MARGIN:
        return []
    return [f"only {reason.margin:.1%} of the records decide this name"]


def describe_stability(part: SegmentStability, n_samples: int) -> str:
    """Return how far a segment comes out again, and what to make of it, in one sentence."""
    shared = (
        f"models of {n_samples} other samples share {format_percent(part.mean)} of this segment"
        " with it"
    )
    if part.is_firm:
        return f"Firm: {shared}."
    return f"Not firm: {shared} (below {format_percent(FIRM)}). Build no campaign on it alone."


def find_unfirm(clusters: ClusterReport) -> list[str]:
    """Return the segments that do not come out again well enough to be relied on."""
    return [part.segment for part in clusters.stability.segments if not part.is_firm]
