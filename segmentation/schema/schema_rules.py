"""Whether the columns of a schema fit together: asked of a new study, and of a package.

Each fault is one phrase for the person who wrote the schema.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator

from segmentation.schema.columns import Column
from segmentation.schema.headers import find_clashes
from segmentation.schema.record_schema import Schema


def find_schema_faults(schema: Schema) -> Iterator[str]:
    """Yield what is wrong with a schema of records."""
    yield from find_column_faults(schema)
    if not schema.features:
        yield "no column is a feature"
    for column in schema.features:
        if not column.numeric:
            yield f"the feature {column.name} must be a number: text is context"
    if schema.target is not None and schema.target.kind != "integer":
        yield f"the target {schema.target.name} must be of the kind integer"


def find_column_faults(schema: Schema) -> Iterator[str]:
    """Yield what is wrong with columns and relations, of records or of transactions."""
    yield from find_repeated("column", (column.name for column in schema.columns))
    titles = [
        title
        for column in schema.columns
        for title in {column.title, *(alias.title for alias in column.aliases)}
    ]
    yield from find_repeated("header", titles)
    yield from find_clashes(schema)
    for column in schema.columns:
        if '"' in column.name or not column.name.isprintable():
            yield f"{column.name!r} is no name of a column: SQL has it between quotation marks"
        yield from _find_limit_faults(column)
        if column.restarts_with:
            yield from find_unknown(
                f"{column.name} restarts", [column.restarts_with], schema.by_name
            )
    yield from _find_relation_faults(schema)


def _find_limit_faults(column: Column) -> Iterator[str]:
    divisors = [alias.divisor for alias in column.aliases]
    limits = [limit for limit in (column.minimum, column.maximum) if limit is not None]
    if not all(map(math.isfinite, [*limits, *divisors, column.resolution])):
        yield f"{column.name} has a limit, a unit or a step that is no finite number"
    elif limits != sorted(limits) or min([1.0, *divisors]) <= 0 or column.resolution < 0:
        yield f"{column.name} has limits in the wrong order, or a unit or a step below 0"
    if column.longest < 1:
        yield f"{column.name} takes no text"


def _find_relation_faults(schema: Schema) -> Iterator[str]:
    for relation in schema.relations:
        where = f"a relation of the kind {relation.kind}"
        yield from find_unknown(where, relation.columns, schema.by_name)
        yield from find_repeated(f"column of {where}", relation.columns)
        for column in (schema.by_name.get(name) for name in relation.columns):
            if column and not (
                column.numeric and column.minimum is not None and column.minimum >= 0
            ):
                yield f"{where}: {column.name} must be a number with a minimum of 0 or more"


def find_repeated(noun: str, names: Iterable[str]) -> Iterator[str]:
    """Yield a fault for each name that is there more than once."""
    for name, count in Counter(names).items():
        if count > 1:
            yield f"the {noun} {name} stands there {count} times"


def find_unknown(
    where: str, names: Iterable[str], existing: Iterable[str], noun: str = "column"
) -> Iterator[str]:
    """Yield a fault for each name that is not among the existing ones."""
    for name in names:
        if name not in existing:
            yield f"{where}: there is no {noun} {name}"
