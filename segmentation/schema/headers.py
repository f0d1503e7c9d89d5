"""The column that a name in other people's tables means: as it is written, or nearly.

A table's header and the fields of a record are looked up alike. Only the name decides, never the
values below it, and a name that is merely near to a known one is a hint for people, no match.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from functools import cached_property

from segmentation.schema.columns import LONGEST_TEXT
from segmentation.schema.record_schema import Schema, Spelling

# Ratio of difflib from which names are near: "gendr" has 0.91 to "gender", "mood" 0.67 to "model".
_NEAR = 0.75
# Names that share the most pairs of letters with the one that is looked for; the ratio takes
# 30 µs for each.
_COMPARED = 5
# A name of that many letters, or fewer, is near to too many.
_SHORTEST = 3
# Signs that say a number is a hundred or a thousand times the share.
_PER = ("%", "‰")
# Characters of a name that is looked up: what is longer is no name, and folding it would take long.
_LONGEST_NAME = 1_000
_NO_LETTERS = {code: None for code in range(128) if not chr(code).isalnum()}


def fold_header(name: str) -> str:
    """Return the letters and digits of a name, without case, width and form.

    Parameters
    ----------
    name : str
        ``ONE OFF_PURCHASES``, ``oneOffPurchases``, ``Größe (m²)``.

    Returns
    -------
    str
        ``oneoffpurchases``, ``oneoffpurchases``, ``grössem2`` with ``ss`` for ``ß``; accents stay.
        Empty for a name without any letter or digit.
    """
    if name.isascii():  # the same, several times as fast
        return name.lower().translate(_NO_LETTERS)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(filter(str.isalnum, folded))


class HeaderLookup:
    """Finds the column that a name means, in three ranks.

    1. The name as a schema states it, letter by letter.
    2. The same but for case, blanks and signs.
    3. A usual name of a column, its label on pages included, but for the same.

    A form that stands for two columns, or for one in two units, means neither. A name with a per
    cent sign only means a column that is stated with one: a share is not a hundredth of itself.

    Parameters
    ----------
    schema : Schema
    """

    def __init__(self, schema: Schema) -> None:
        stated = schema.stated_spellings
        forms, usual_forms = _by_form(stated), _by_form(schema.spellings)
        self._ranks: tuple[Mapping[str, Spelling], ...] = (stated, forms, usual_forms | forms)
        self._per = {fold_header(name) for name in schema.spellings if _has_sign(name)}

    @cached_property
    def _by_pair(self) -> Mapping[str, list[str]]:
        """The known forms by the pairs of letters in them."""
        by_pair: defaultdict[str, list[str]] = defaultdict(list)
        for form in self._ranks[-1]:
            for pair in _pairs(form):
                by_pair[pair].append(form)
        return by_pair

    @property
    def n_ranks(self) -> int:
        """How many ranks there are."""
        return len(self._ranks)

    def find(self, name: str) -> Spelling | None:
        """Return what a name means, by the first rank that knows it.

        Parameters
        ----------
        name : str

        Returns
        -------
        Spelling or None
            Column and unit; None for an unknown name, however near it is to another.
        """
        return self.find_by(self.n_ranks - 1, name)

    def find_by(self, rank: int, name: str) -> Spelling | None:
        """Return what a name means by the ranks up to one of them, counted from 0."""
        stated = self._ranks[0].get(name)
        if stated or not rank or len(name) > _LONGEST_NAME:
            return stated
        form = fold_header(name)
        if _has_sign(name) and form not in self._per:
            return None
        return self._ranks[rank].get(form)

    def nearest(self, name: str) -> str | None:
        """Return the field whose name is nearest to an unknown one, for a hint.

        Parameters
        ----------
        name : str

        Returns
        -------
        str or None
            None unless it is really near, with the same digits.
        """
        form = fold_header(name[:LONGEST_TEXT])
        if len(form) <= _SHORTEST:
            return None
        by_pair = self._by_pair
        shared = Counter(candidate for pair in _pairs(form) for candidate in by_pair.get(pair, ()))
        ratios = {
            candidate: SequenceMatcher(None, form, candidate, autojunk=False).ratio()
            for candidate, _ in shared.most_common(_COMPARED)
            if _digits(candidate) == _digits(form)
        }
        nearest = max(ratios, key=ratios.__getitem__, default="")
        if not nearest or ratios[nearest] < _NEAR:
            return None
        return self._ranks[-1][nearest].field


def find_clashes(schema: Schema) -> Iterator[str]:
    """Yield the names that mean two columns, or one in two units, once they are folded.

    Parameters
    ----------
    schema : Schema
    """
    places: defaultdict[str, dict[tuple[str, float], str]] = defaultdict(dict)
    for column in schema.columns:
        names = [(name, 1.0) for name in (column.name, column.title, *column.usual_names)]
        names += [(alias.title, alias.divisor) for alias in column.aliases]
        for name, divisor in names:
            places[fold_header(name)].setdefault((column.name, divisor), name)
    for form, meanings in places.items():
        if not form:
            yield from (f"the name {name!r} has no letter or digit" for name in meanings.values())
        elif len(meanings) > 1:
            columns = " and ".join(dict.fromkeys(column for column, _ in meanings))
            yield f"the name {next(iter(meanings.values()))!r} would mean {columns}"


def _by_form(spellings: Mapping[str, Spelling]) -> dict[str, Spelling]:
    """Return what each folded name means, those left out that mean several things."""
    meanings: defaultdict[str, set[Spelling]] = defaultdict(set)
    for name, spelling in spellings.items():
        meanings[fold_header(name)].add(Spelling(spelling.column, "", spelling.divisor))
    return {
        form: spellings[name]
        for name in spellings
        if (form := fold_header(name)) and len(meanings[form]) == 1
    }


def _has_sign(name: str) -> bool:
    if name.isascii():
        return "%" in name
    return any(sign in unicodedata.normalize("NFKC", name) for sign in _PER)


def _pairs(form: str) -> set[str]:
    return {form[place : place + 2] for place in range(len(form) - 1)}


def _digits(form: str) -> str:
    return "".join(filter(str.isdigit, form))
