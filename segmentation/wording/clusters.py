"""Texts about discovered segments: names of quality measures, and why each has its name."""

from __future__ import annotations

from segmentation.artifact.clusters import ClusterQuality, NamingReason
from segmentation.schema import Schema

_QUALITY_NAMES = {
    "silhouette": "silhouette, clustered space",
    "silhouette_columns": "silhouette, scaled columns",
    "n_silhouette_records": "silhouette, records",
    "davies_bouldin": "Davies-Bouldin",
    "calinski_harabasz": "Calinski-Harabasz",
}


def name_qualities(quality: ClusterQuality) -> dict[str, float]:
    """Return the quality measures of clusters by their names for people."""
    return {name: float(getattr(quality, member)) for member, name in _QUALITY_NAMES.items()}


def describe_naming(reason: NamingReason, schema: Schema) -> str:
    """Return why a cluster has its name, in one sentence."""
    if reason.extreme is None:
        return f"{reason.segment}: the cluster that is left"
    columns = " + ".join(schema.by_name[name].title.strip() for name in reason.columns)
    rivals = ", ".join(f"{value:.4g}" for value in reason.rivals)
    return (
        f"{reason.segment}: {reason.extreme} mean of {columns} among the clusters without a name"
        f" ({reason.value:.4g}; the others {rivals})"
    )
