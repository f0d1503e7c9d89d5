"""Manifests of format 3, upgraded to the present format while they are read.

Format 3 knew one relation between columns, the largest of several, and called it ``derived``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FORMAT_VERSION = 3

Data = dict[str, Any]


def upgrade(manifest: Mapping[str, Any]) -> Data:
    """Return a manifest of format 3 as one of format 4.

    Parameters
    ----------
    manifest : mapping
        Decoded JSON, of bytes that have been verified.

    Raises
    ------
    KeyError, TypeError, AttributeError
        If it is not such a manifest.
    """
    record = dict(manifest["record"])
    record["relations"] = [
        {"kind": "largest", "column": rule["column"], "shares": rule["largest_of"]}
        for rule in record.pop("derived", ())
    ]
    return dict(manifest) | {"format_version": 4, "record": record}
