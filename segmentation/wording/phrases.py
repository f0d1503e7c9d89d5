"""Parts of sentences: percentages, counts and lists. Whole sentences are made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence


def format_percent(share: float) -> str:
    """Return a share as a percentage; only exactly 0 and 1 become ``0%`` and ``100%``.

    ``dashboard/assets/phrases.js`` has the same function; one table of cases tests both.
    """
    if 0 < share <= 0.005:  # noqa: PLR2004  # what would be rounded to 0
        return "under 1%"
    if 0.995 <= share < 1:  # noqa: PLR2004  # what would be rounded to 1
        return "over 99%"
    return f"{share:.0%}"


def count_noun(n: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def join_parts(parts: Sequence[str], conjunction: str = "and") -> str:
    """Return parts as a sentence lists them: ``a, b and c``."""
    if len(parts) <= 1:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {conjunction} {parts[-1]}"


def capitalize_first(text: str) -> str:
    """Return text with a capital at its beginning; the rest stays as it is."""
    return f"{text[:1].upper()}{text[1:]}"
