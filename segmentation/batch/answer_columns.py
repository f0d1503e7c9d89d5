"""The columns that answers add to a file: what they are called, and how a file is known by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

COLUMNS = (
    "segment",
    "segment_name",
    "confidence",
    "runner_up",
    "plausible",
    "unsure",
    "basis",
    "warnings",
    "reasons",
    "problem",
)


def added_columns(header: Sequence[str]) -> list[str]:
    """Return the names of the columns that are added, all with a number if one is taken."""
    folded_headers = {name.strip().casefold() for name in header}
    number = 1
    while not folded_headers.isdisjoint(_numbered(number)):
        number += 1
    return _numbered(number)


def find_answers(names: Iterable[str]) -> set[str]:
    """Return the names of those columns that answers have added before, all of a number."""
    present, number = set(names), 1
    answers: set[str] = set()
    while present.issuperset(_numbered(number)):
        answers.update(_numbered(number))
        number += 1
    return answers


def _numbered(number: int) -> list[str]:
    return list(COLUMNS) if number == 1 else [f"{name}_{number}" for name in COLUMNS]
