"""The words that tables write where there is no answer: one list for every reader."""

from __future__ import annotations

MISSING_WORDS = frozenset(
    (
        *("na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nan", "-nan", "nat", "null", "nil", "none"),
        *("(null)", "(blank)", "\\n", "-", "--", "---", "\u2013", "\u2014", ".", "?", "missing"),
        *("#value!", "#ref!", "#div/0!", "#num!", "#name?", "#null!"),
    )
)
"""Casefolded. From what R, pandas, SQL's exports, SAS, SPSS and spreadsheets write. Words that may
be answers are not here: "unknown", "other", "no", "0", "999"."""


def is_missing_word(text: str) -> bool:
    """Return whether a cell, blanks apart, says that there is no answer; so does an empty one."""
    folded = text.strip().casefold()
    return not folded or folded in MISSING_WORDS
