"""Caveats: what a model card says that its metrics do not, each where it is true.

A caveat about the method is true of every run. One about a table is bound to the table's digest.
One with numbers in it is made from the run at hand, and only said if the run bears it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

_COUNTS = {2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six", 7: "Seven", 8: "Eight"}


@dataclass(frozen=True)
class RunFacts:
    """What a caveat may be about.

    Attributes
    ----------
    table_sha256 : str
        Digest of the table that the model was trained on.
    n_segments : int
    silhouettes : mapping of int to float
        By number of clusters, where segments are discovered.
    accuracy_indirect, accuracy_largest_class : float or None
        Of answers without any defining answer, and of always naming the largest segment.
    """

    table_sha256: str
    n_segments: int
    silhouettes: Mapping[int, float] = field(default_factory=dict)
    accuracy_indirect: float | None = None
    accuracy_largest_class: float | None = None


@dataclass(frozen=True)
class TableFact:
    """A fact about some tables.

    Attributes
    ----------
    text : str
    sha256 : tuple of str
        Digests of the files of which it was found to be true.
    """

    text: str
    sha256: tuple[str, ...]


Caveat = str | TableFact | Callable[[RunFacts], str | None]
"""A sentence about the method, a fact about a table, or what makes a sentence from a run."""


def word_caveats(caveats: Iterable[Caveat], facts: RunFacts) -> list[str]:
    """Return the sentences that are true of a run, in order."""
    sentences = (_word_caveat(caveat, facts) for caveat in caveats)
    return [sentence for sentence in sentences if sentence]


def _word_caveat(caveat: Caveat, facts: RunFacts) -> str | None:
    if isinstance(caveat, TableFact):
        return caveat.text if facts.table_sha256 in caveat.sha256 else None
    return caveat if isinstance(caveat, str) else caveat(facts)


def compare_fewer_clusters(facts: RunFacts) -> str | None:
    """Say that fewer clusters are better separated, if they are."""
    own = facts.silhouettes.get(facts.n_segments)
    if own is None:
        return None
    fewer = {k: value for k, value in facts.silhouettes.items() if k < facts.n_segments}
    best = max(fewer, key=lambda k: fewer[k], default=facts.n_segments)
    if round(fewer.get(best, own), 2) <= round(own, 2):
        return None
    return (
        f"{_COUNTS.get(best, best)} clusters are better separated than"
        f" {_COUNTS.get(facts.n_segments, str(facts.n_segments)).lower()}"
        f" (silhouette {fewer[best]:.2f} to {own:.2f})."
    )


def compare_indirect_answers(facts: RunFacts) -> str | None:
    """Say how good answers are that read none of the defining columns, if that was measured."""
    indirect, largest = facts.accuracy_indirect, facts.accuracy_largest_class
    if indirect is None or largest is None:
        return None
    return (
        "Only answers that read none of the defining columns are predictions: right for"
        f" {indirect:.0%} of held-out records, where always naming the largest segment is right"
        f" for {largest:.0%}. Use their probabilities, and expect most of them to be unsure."
    )
