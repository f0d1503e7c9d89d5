"""How high an answer lies among the training records, as one of ten words."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from segmentation.artifact.manifest import Manifest, NumberBaseline

AS_GIVEN, MISSING = "as given", "missing"

# By the number of training deciles that an answer reaches, from 0 to 9.
_LEVELS = ("very low", "low", "low", "below average", "average", "average", "above average",
           "high", "high", "very high")  # fmt: skip


def rank_level(baseline: NumberBaseline, value: float) -> str:
    """Return how high a value lies: how many deciles it reaches, the middle one of equal ones."""
    deciles = baseline.deciles
    return _LEVELS[(bisect_left(deciles, value) + bisect_right(deciles, value)) // 2]


def find_level(manifest: Manifest, field: str, value: float | None) -> str:
    """Return how high an answer lies; ``missing`` without one.

    What nobody can change, as age, is ``as given``: "high" would be read as a judgement. So is what
    was not asked when the model was trained.
    """
    if value is None:
        return MISSING
    baseline = manifest.baseline.numbers.get(field)
    if baseline is None or manifest.record.by_name[field].fixed:
        return AS_GIVEN
    return rank_level(baseline, value)
