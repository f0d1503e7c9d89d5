"""Says which answers break a relation, in the study's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segmentation.schema import Column
from segmentation.schema.relations import (
    AtMost,
    Largest,
    Product,
    Relation,
    Shares,
    Sum,
    ZeroTogether,
)
from segmentation.wording.phrases import join_parts

# Shares of one whole may be a dozen; a sentence names so many of them.
_MOST_NAMED = 4

_REASONS: Mapping[type, str] = {
    Sum: "it is their sum",
    Product: "it follows from them",
    Shares: "together they are one whole",
    Largest: "it is the largest of them",
    ZeroTogether: "they are zero together or not at all",
    AtMost: "it is never greater",
}


def word_contradiction(
    relation: Relation, columns: Mapping[str, Column], fields: Sequence[str]
) -> str:
    """Return what is wrong with the first of `fields`, which break a relation.

    Parameters
    ----------
    relation : Relation
    columns : mapping of str to Column
    fields : sequence of str
        The columns of the relation that were answered, two or more.

    Returns
    -------
    str
        The rest of a sentence that begins with the first field.
    """
    return (
        f"{word_disagreement([columns[name] for name in fields[1:]])}: {_REASONS[type(relation)]}"
    )


def word_disagreement(columns: Sequence[Column]) -> str:
    """Return that an answer does not go together with others, which are named."""
    words = [column.words for column in columns]
    if len(words) > _MOST_NAMED:
        words = [*words[: _MOST_NAMED - 1], f"{len(words) - _MOST_NAMED + 1} more"]
    return f"does not go together with {join_parts(words)}"
