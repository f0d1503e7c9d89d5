"""Manifests of format 4, upgraded to the present format while they are read.

Format 4 named clusters by means, without a margin, and kept where names differ from the rules in
sentences. Those sentences are taken apart here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FORMAT_VERSION = 4

Data = dict[str, Any]

_CONFLICTS = {
    "continues": re.compile(
        r"the rules call (?P<rule>\S+) what continues (?P<segment>\S+); it stays \S+"
    ),
    "left_over": re.compile(
        r"the rules call (?P<rule>\S+) a segment without a predecessor, .+ it becomes"
        r" (?P<segment>\S+), the name that is left"
    ),
    "unknown": re.compile(
        r"the rules know no (?P<lost>\S+); what continues it is now (?P<segment>\S+)"
    ),
}


def upgrade(manifest: Mapping[str, Any]) -> Data:
    """Return a manifest of format 4 as one of format 5.

    Parameters
    ----------
    manifest : mapping
        Decoded JSON, of bytes that have been verified.

    Raises
    ------
    KeyError, TypeError, AttributeError, StopIteration
        If it is not such a manifest.
    """
    changed: Data = {"format_version": 5}
    if manifest.get("clusters"):
        naming = [_upgrade_naming(reason) for reason in manifest["clusters"]["naming"]]
        changed["clusters"] = dict(manifest["clusters"]) | {"naming": naming}
    if manifest.get("lineage"):
        conflicts = [_read_conflict(sentence) for sentence in manifest["lineage"]["conflicts"]]
        changed["lineage"] = dict(manifest["lineage"]) | {"conflicts": conflicts}
    return dict(manifest) | changed


def _upgrade_naming(reason: Mapping[str, Any]) -> Data:
    named_by = "rule" if reason.get("extreme") else "elimination"
    return dict(reason) | {"named_by": named_by, "statistic": "mean"}


def _read_conflict(sentence: str) -> Data:
    matches = ((kind, pattern.fullmatch(sentence)) for kind, pattern in _CONFLICTS.items())
    kind, match = next((kind, match) for kind, match in matches if match)
    parts = match.groupdict()
    return {"rule": parts["segment"]} | parts | {"kind": kind}
