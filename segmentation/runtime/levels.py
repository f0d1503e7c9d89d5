"""How high an answer lies among the training records, as one of ten words."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from segmentation.artifact.manifest import Manifest, NumberBaseline

AS_GIVEN, MISSING = "as given", "missing"

# One level for each number of training deciles that an answer reaches, from 0 to 9.
_LEVELS = ("very low", "low", "low", "below average", "average", "average", "above average",
           "high", "high", "very high")  # fmt: skip


def rank_level(baseline: NumberBaseline, value: float) -> str:
    """Return the level of a value by the deciles that it reaches; half of equal ones count."""
    deciles = baseline.deciles
    return _LEVELS[(bisect_left(deciles, value) + bisect_right(deciles, value)) // 2]


def find_level(manifest: Manifest, field: str, value: float | None) -> str:
    """Return how high an answer lies; ``missing`` without one.

    An answer that nobody can change, such as age, is ``as given``, because "high" would be read as
    a judgement. So is the answer to a question that has no answers in the training records.
    """
    if value is None:
        return MISSING
    baseline = manifest.baseline.numbers.get(field)
    if baseline is None or manifest.record.by_name[field].fixed:
        return AS_GIVEN
    return rank_level(baseline, value)
