"""A schema written down as JSON Schema, for clients and their tools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from segmentation.schema.column_values import value_type
from segmentation.schema.columns import LARGEST_EXACT_INTEGER, Alias, Column, underscored
from segmentation.schema.record_schema import Schema
from segmentation.schema.relations import Largest

JsonSchema = dict[str, Any]

BLANK: JsonSchema = {"type": "string", "pattern": r"^\s*$"}
# A category that is sent as its code is the code as text.
_CODE: JsonSchema = {
    "type": "integer",
    "minimum": -LARGEST_EXACT_INTEGER,
    "maximum": LARGEST_EXACT_INTEGER,
}


def record_schemas(schema: Schema) -> dict[str, JsonSchema]:
    """Return the JSON Schema of a record in each of the ways in which senders spell it.

    Spellings may be mixed, and differ in case, blanks and signs; that is not written down, because
    a schema that says so can't say that one answer must not be given twice. Other fields are
    answered with a warning.

    Returns
    -------
    dict of str to dict
        By the name of the spelling: ``Record``, ``RecordByHeader``, …
    """
    by_name = {column.name: _value(column) for column in schema.sendable}
    by_title = {column.title: _value(column) for column in schema.sendable}
    schemas = {
        "Record": _object(schema, by_name),
        "RecordByHeader": _object(schema, by_title),
        "RecordByUnderscoredHeader": _object(schema, _underscored(by_title)),
    }
    if any(column.aliases for column in schema.sendable):
        by_alias = dict(_aliased(column) for column in schema.sendable)
        schemas["RecordByAlias"] = _object(schema, by_alias)
        schemas["RecordByUnderscoredAlias"] = _object(schema, _underscored(by_alias))
    return schemas


def _underscored(properties: Mapping[str, JsonSchema]) -> dict[str, JsonSchema]:
    return {underscored(name): value for name, value in properties.items()}


def _aliased(column: Column) -> tuple[str, JsonSchema]:
    alias = next(iter(column.aliases), None)
    return (alias.title, _value(column, alias)) if alias else (column.title, _value(column))


def _value(column: Column, alias: Alias | None = None) -> JsonSchema:
    """Return the schema of one answer; null and blank text mean that it is missing."""
    value = TypeAdapter(value_type(column)).json_schema()
    divisor, unit = (alias.divisor, alias.unit) if alias else (1.0, column.unit)
    for bound in ("minimum", "maximum"):
        if bound in value:
            value[bound] *= divisor
    codes = [_CODE] if column.kind == "category" else []
    hint = f" Known: {', '.join(column.categories)}." if column.categories else ""
    return {
        "anyOf": [*value.pop("anyOf", [value]), *codes, {"type": "null"}, BLANK],
        "description": f"{column.description}{hint}{f' In {unit}.' if unit else ''}",
    }


def leave_out(schema: Schema, properties: Iterable[str]) -> JsonSchema:
    """Return the schema of names without the known ones that are not among `properties`.

    Unknown fields may hold anything; fields in another spelling may not.
    """
    return {"not": {"enum": sorted(schema.spellings.keys() - set(properties))}}


def _object(schema: Schema, properties: dict[str, JsonSchema]) -> JsonSchema:
    names = {schema.spellings[name].column.name: name for name in properties}
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": True,
        "propertyNames": leave_out(schema, properties),
        "anyOf": [
            {
                "required": [names[column] for column in columns],
                "properties": {names[column]: {"type": "number"} for column in columns},
            }
            for columns in _sufficient(schema)
        ],
    }


def _sufficient(schema: Schema) -> list[tuple[str, ...]]:
    """Return the columns with which a record has an answer: any that the model reads.

    All shares give the largest of them; what follows only from some values is not written down.
    """
    features = {column.name for column in schema.features}
    return [
        *((column.name,) for column in schema.features),
        *(
            relation.shares
            for relation in schema.relations
            if isinstance(relation, Largest) and relation.column in features
        ),
    ]
