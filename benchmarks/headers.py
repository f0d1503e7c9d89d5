"""What headers are read: disguises of known names, names with a slip, names of other tables.

Run ``python -m benchmarks.headers``: no data is needed, the studies' own names are all there is.
"""

from __future__ import annotations

import random
import timeit
from collections.abc import Callable, Iterable, Mapping

from segmentation.schema import HeaderLookup, Schema
from segmentation.studies import STUDIES

SLIPS = 20
"""Slips that are tried for each column's name and title."""

DISGUISES: Mapping[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "camelCase": lambda name: "".join(part.capitalize() for part in _parts(name)),
    "R's make.names": lambda name: "".join(c if c.isalnum() else "." for c in name),
    "snake_case": lambda name: "_".join(_parts(name)).lower(),
    "hyphens": lambda name: "-".join(_parts(name)),
    "square brackets": lambda name: name.replace("(", "[").replace(")", "]"),
}


def main() -> None:
    """Print the shares for each table."""
    for table, schema in _tables().items():
        lookup = HeaderLookup(schema)
        print(f"{table}: {len(schema.columns)} columns, {len(schema.spellings)} names")
        _print_disguises(schema, lookup)
        _print_slips(schema, lookup)
        _print_elsewhere(table, lookup)
        seconds = min(timeit.repeat(lambda: lookup.nearest("instalment_purchasse"), number=200))  # noqa: B023
        print(f"  a hint takes {seconds / 200 * 1e6:.0f} microseconds")


def _tables() -> dict[str, Schema]:
    """Return the tables of records and of transactions."""
    tables = {study.name: study.schema for study in STUDIES.values()}
    orders = {
        f"{study.name}, transactions": study.transactions.schema
        for study in STUDIES.values()
        if study.transactions
    }
    return tables | orders


def _print_disguises(schema: Schema, lookup: HeaderLookup) -> None:
    titles = [(column.name, column.title) for column in schema.columns]
    for disguise, change in DISGUISES.items():
        read = [_reads(lookup, change(title), name) for name, title in titles]
        exactly = [change(title) in schema.stated_spellings for _, title in titles]
        print(f"  {disguise}: {sum(read)} read, {sum(exactly)} letter by letter")


def _print_slips(schema: Schema, lookup: HeaderLookup) -> None:
    """Count what becomes of names with one letter left out, doubled, swapped or replaced."""
    randomness = random.Random(42)
    counts = {"read": 0, "read as another": 0, "right hint": 0, "wrong hint": 0, "no hint": 0}
    for column in schema.columns:
        for _ in range(SLIPS):
            slip = _slip(randomness.choice([column.name, column.title]), randomness)
            counts[_fate(lookup, slip, column.name)] += 1
    print(f"  slips: {', '.join(f'{count} {fate}' for fate, count in counts.items())}")


def _fate(lookup: HeaderLookup, slip: str, name: str) -> str:
    spelling = lookup.find(slip)
    if spelling:
        return "read" if spelling.column.name == name else "read as another"
    nearest = lookup.nearest(slip)
    if nearest is None:
        return "no hint"
    return "right hint" if _reads(lookup, nearest, name) else "wrong hint"


def _print_elsewhere(table: str, lookup: HeaderLookup) -> None:
    """Count the columns of the other tables that are read or get a hint."""
    names = sorted(set(_titles(table)))
    read = [name for name in names if lookup.find(name)]
    hinted = [name for name in names if not lookup.find(name) and lookup.nearest(name)]
    print(f"  of {len(names)} columns of other tables: {len(read)} read, {len(hinted)} with a hint")
    print(f"    read: {', '.join(read)}; with a hint: {', '.join(hinted)}")


def _titles(table: str) -> Iterable[str]:
    study, *_ = table.split(",")
    for name, schema in _tables().items():
        if not name.startswith(study):
            yield from (column.title for column in schema.columns)


def _slip(name: str, randomness: random.Random) -> str:
    letters = [place for place, letter in enumerate(name) if letter.isalpha()]
    place = randomness.choice(letters)
    kind = randomness.choice(["left out", "doubled", "swapped", "replaced"])
    before, letter, after = name[:place], name[place], name[place + 1 :]
    if kind == "left out":
        return before + after
    if kind == "doubled":
        return before + letter * 2 + after
    if kind == "swapped":
        return before + after[:1] + letter + after[1:]
    return before + randomness.choice("abcdefghijklmnopqrstuvwxyz") + after


def _reads(lookup: HeaderLookup, name: str, column: str) -> bool:
    spelling = lookup.find(name)
    return spelling is not None and spelling.column.name == column


def _parts(name: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in name).split()


if __name__ == "__main__":
    main()
