"""Manifests of format 5, upgraded to the present format while they are read.

The ends of their columns are the lowest and the highest answer, called ``minimum`` and ``maximum``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMAT_VERSION = 5

Data = dict[str, Any]

_NAMES = {"minimum": "low", "maximum": "high"}


def upgrade(manifest: Mapping[str, Any]) -> Data:
    """Return a manifest of format 5 as one of format 6.

    Parameters
    ----------
    manifest : mapping
        Decoded JSON, of bytes that have been verified.

    Raises
    ------
    KeyError, TypeError, AttributeError
        If it is not such a manifest.
    """
    segments = [_rename_ends(segment) for segment in manifest["segments"]]
    changed = {"segments": segments, "baseline": _rename_ends(manifest["baseline"])}
    return dict(manifest) | changed | {"format_version": 6}


def _rename_ends(described: Mapping[str, Any]) -> Data:
    numbers = {
        name: {_NAMES.get(member, member): value for member, value in column.items()}
        for name, column in described["numbers"].items()
    }
    return dict(described) | {"numbers": numbers}
