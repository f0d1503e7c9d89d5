"""The OpenAPI 3.1 document, made from the model's schema and the types of the answers.

Written here rather than by a framework's decorators: what a record is comes from the model that
is served, and errors are documented as they are (docs/decisions/0004). Imported on first use.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict
from werkzeug.http import HTTP_STATUS_CODES

import segmentation
from segmentation.batch.json_lines import FirstLine, RowsLine
from segmentation.batch.record_file import SHOWN_ROWS, Preview
from segmentation.runtime import Manifest
from segmentation.runtime.answers import ModelName, Prediction, Predictions
from segmentation.runtime.cards import SchemaCard, SegmentCards, StudyCard
from segmentation.schema import Schema
from segmentation.schema.json_schema import record_schemas
from segmentation.service.file_routes import COMMAS, CSV, CUT, LINES, MAP, PREVIEW_BYTES, TYPES
from segmentation.service.problem_details import MEDIA_TYPE
from segmentation.service.settings import Settings

Document = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_REQUEST_ID = {"$ref": "#/components/headers/X-Request-ID"}
_NOT_READY = {503: "No model answers correctly; the detail says why."}
_WHY = {
    400: "Not one JSON text of finite numbers, with unique keys and at most 16 levels.",
    411: "No Content-Length.",
    413: "The body or the array is too long.",
    415: "Not application/json in UTF-8, or compressed.",
    422: "Values that no record can have; one error for each, with a JSON Pointer.",
    **_NOT_READY,
}


_NOT_HERE = {501: "Explanations or transactions need libraries that are not installed here."}
_WHY_NOT_FILE = {
    400: "A mapping of a column or to a field that there is not, or a body that breaks off.",
    411: "Neither a Content-Length nor chunks.",
    413: "The file is too long.",
    415: "Not text/csv, text/plain or application/octet-stream, or compressed.",
    422: "Not text, not CSV, empty, or without a column that is known.",
    503: f"{_NOT_READY[503]} Or there is no room for the file.",
}
_MAPPING = {
    "name": MAP,
    "in": "query",
    "description": "Which field a column holds, as `header:field`; nothing after the colon for one"
    " that is not to be read.",
    "schema": {"type": "array", "items": {"type": "string", "pattern": ":"}},
}
_EXPLAIN = {
    "type": "boolean",
    "description": "Whether the answer is to have an explanation.",
}


class StudyList(TypedDict):
    """The studies that are served, the default one first."""

    studies: list[StudyCard]


class ProblemDetail(TypedDict):
    """One thing that is wrong with the records that were sent."""

    pointer: str
    code: str
    detail: str


class _ProblemBase(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    request_id: str | None


class ProblemDetails(_ProblemBase, total=False):
    """An error, as RFC 9457 has it."""

    errors: list[ProblemDetail]


class Live(TypedDict):
    """The process answers."""

    status: str


class Ready(TypedDict):
    """The model answers its golden records as it did when it was packed."""

    status: str
    model: ModelName


def document(manifests: Sequence[Manifest], settings: Settings) -> Document:
    """Return the document of the service that serves some models.

    Parameters
    ----------
    manifests : sequence of Manifest
        That of the default study first.
    settings : Settings
        Its limits are documented.
    """
    schemas: Document = {}
    for model in (Prediction, Predictions, SegmentCards, SchemaCard, StudyList, Manifest,
                  Preview, FirstLine, RowsLine, Live, Ready, ProblemDetails):  # fmt: skip
        _add(schemas, model)
    first = manifests[0]
    paths: Document = _operations()
    for manifest in manifests:
        prefix = "" if manifest is first else f"{manifest.study}."
        records = _record_schemas(manifest, prefix)
        schemas.update(records)
        paths |= _study_paths(manifest, settings, list(records), f"/studies/{manifest.study}")
        if manifest is first:
            paths |= _study_paths(manifest, settings, list(records), "")
    for path, operations in paths.items():
        for operation in operations.values():
            operation["operationId"] = path.strip("/").replace("/", "_")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Segmentation",
            "version": segmentation.__version__,
            "description": "\n\n".join(f"**{one.study}**: {one.description}" for one in manifests),
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": {"X-Request-ID": {"schema": {"type": "string"},
                                         "description": "Sent by you, or made up."}},
        },
    }  # fmt: skip


def _record_schemas(manifest: Manifest, prefix: str) -> Document:
    """Return what a record of a study may look like, by component name."""
    found: Document = dict(record_schemas(manifest.record))
    if manifest.aggregation:
        found["RecordByTransactions"] = _by_transactions(
            manifest, manifest.aggregation.transactions, manifest.aggregation.reference
        )
    for schema in found.values():
        schema["properties"] = schema["properties"] | {"explain": _EXPLAIN}
    return {f"{prefix}{name}": schema for name, schema in found.items()}


def _by_transactions(manifest: Manifest, packed: Schema, reference: str) -> Document:
    transaction, *_ = record_schemas(packed).values()
    transaction.pop("anyOf")
    needed = [column.name for column in packed.features]
    for name in needed:
        transaction["properties"][name] = transaction["properties"][name]["anyOf"][0]
    identifier = manifest.record.identifier
    own = {identifier.name: {"type": ["string", "integer", "null"]}} if identifier else {}
    transactions = {
        "type": "array",
        "minItems": 1,
        "items": transaction | {"required": needed},
        "description": "Purchases of one customer, from which the features are computed.",
    }
    as_of = {
        "type": ["string", "null"],
        "description": "The time that recency is relative to; the model's own is"
        f" {reference}. No purchase may be later.",
    }
    return {
        "type": "object",
        "properties": own | {"transactions": transactions, "as_of": as_of},
        "required": ["transactions"],
        "additionalProperties": False,
    }


def _add(schemas: Document, model: Any) -> None:
    """Add the schema of a type, and of what it is made of, to the components."""
    schema = TypeAdapter(model).json_schema(ref_template=_REFERENCE, mode="serialization")
    found = {**schema.pop("$defs", {}), model.__name__: schema}
    for name, one in found.items():
        if schemas.setdefault(name, one) != one:
            raise TypeError(f"two types of answers are called {name}")


def _study_paths(
    manifest: Manifest, settings: Settings, records: Sequence[str], root: str
) -> Document:
    """Return the paths of one study, below `root`."""
    tag = manifest.study if root else "default study"
    body = _body(manifest, records)
    limits = f"At most {settings.max_records} records and {settings.max_body_bytes} bytes."
    predict = _operation("Answer one record or an array of them", tag, _WHY | _NOT_HERE) | {
        "description": f"An array is answered in its order, or not at all. {limits} A record with"
        " `explain` true is answered with an explanation.",
        "requestBody": body,
    }
    predict["responses"]["200"] = _json("The answers.", "Prediction", "Predictions")
    explain = _operation("Answer and explain", tag, _WHY | _NOT_HERE) | {
        "description": f"As predict, with an explanation of each answer. At most"
        f" {settings.max_explanations} records.",
        "requestBody": body,
    }
    explain["responses"]["200"] = _json("The answers.", "Prediction", "Predictions")
    return {
        f"{root}/predict": {"post": predict},
        f"{root}/predict/file": {"post": _file(manifest, settings, tag)},
        f"{root}/predict/file/preview": {"post": _preview(manifest, tag)},
        f"{root}/predict/file/template": {"get": _template(tag)},
        f"{root}/explain": {"post": explain},
        f"{root}/segments": _get("The segments and how they differ", tag, "SegmentCards"),
        f"{root}/model": _get("The model card", tag, "Manifest"),
        f"{root}/schema": _get("The questions, for forms", tag, "SchemaCard"),
    }


def _file(manifest: Manifest, settings: Settings, tag: str) -> Document:
    """Return the operation that scores a file."""
    operation = _operation("Score a CSV file", tag, _WHY_NOT_FILE)
    features = " Rows are customers with their features, not transactions."
    operation["description"] = (
        "The same rows come out in their order, with the answers in further columns; a row that"
        " can't be answered has its problem there instead. Comma, semicolon or tab; UTF-8, UTF-16"
        " or Windows-1252; decimal commas where they can't be taken for anything else. Columns"
        f" that are not known are passed on. At most {settings.max_file_bytes} bytes."
        f"{features if manifest.aggregation else ''} With `Accept: {LINES}` the answer is JSON"
        " lines: first a `FirstLine`, then `RowsLine`s, whose `csv` texts together are the CSV"
        " file."
    )
    operation["parameters"] = [_MAPPING]
    operation["requestBody"] = _file_body(manifest)
    operation["responses"]["200"] = {
        "description": "The file with its answers.",
        "headers": {
            "X-Request-ID": _REQUEST_ID,
            "Content-Disposition": {"schema": {"type": "string"}},
            "Vary": {"schema": {"type": "string"}},
            "X-File-Encoding": {
                "description": "As which the file was read.",
                "schema": {"enum": ["UTF-8", "UTF-16", "Windows-1252"]},
            },
            "X-Ignored-Columns": {
                "description": "Columns that were not read: percent-encoded, comma between.",
                "schema": {"type": "string"},
            },
        },
        "content": {CSV: {"schema": {"type": "string"}}, LINES: {"schema": {"type": "string"}}},
    }
    return operation


def _preview(manifest: Manifest, tag: str) -> Document:
    """Return the operation that looks at a file."""
    operation = _operation("Look at a CSV file before it is scored", tag, _WHY_NOT_FILE)
    operation["description"] = (
        f"How the file would be read, and its first {SHOWN_ROWS} rows. Send the file or its"
        f" beginning, at most {PREVIEW_BYTES} bytes. What is true of the beginning only may not be"
        " of the file: its encoding, its decimal mark."
    )
    operation["parameters"] = [
        _MAPPING,
        _flag(CUT, "Whether this is the beginning of a longer file: a row that breaks off is left"
                   " out."),
    ]  # fmt: skip
    operation["requestBody"] = _file_body(manifest)
    operation["responses"]["200"] = _json("How it would be read.", "Preview")
    return operation


def _template(tag: str) -> Document:
    """Return the operation that gives out a file to fill in."""
    errors = {400: "Neither true nor false.", **_NOT_READY}
    operation = _operation("A CSV file to fill in", tag, errors)
    operation["description"] = "Averages of two segments stand in it as examples."
    operation["parameters"] = [
        _flag(COMMAS, "Whether with decimal commas, and semicolons between cells.")
    ]
    operation["responses"]["200"] = {
        "description": "The file.",
        "headers": {
            "X-Request-ID": _REQUEST_ID,
            "Content-Disposition": {"schema": {"type": "string"}},
        },
        "content": {CSV: {"schema": {"type": "string"}}},
    }
    return operation


def _flag(name: str, description: str) -> Document:
    schema = {"type": "boolean", "default": False}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _file_body(manifest: Manifest) -> Document:
    text = {"schema": {"type": "string"}}
    return {
        "required": True,
        "content": {CSV: text | {"example": _rows(manifest)}}
        | {media_type: text for media_type in TYPES if media_type != CSV},
    }


def _rows(manifest: Manifest) -> str:
    """Return the golden records of which a file could be."""
    records = [golden.record for golden in manifest.golden[:2]]
    header = list(dict.fromkeys(name for record in records for name in record))
    buffer = StringIO()
    writer = csv.DictWriter(buffer, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def _operations() -> Document:
    return {
        "/studies": _get("The studies that are served", "service", "StudyList", {}),
        "/metrics": {"get": _metrics()},
        "/livez": _get("Whether the process answers", "service", "Live", {}),
        "/readyz": _get("Whether the default model answers correctly", "service", "Ready"),
    }


def _body(manifest: Manifest, records: Sequence[str]) -> Document:
    spelled = [{"$ref": _REFERENCE.format(model=name)} for name in records]
    # No maxItems: too many records are a 413, which tools don't take for a violated schema.
    array = {"type": "array", "items": {"anyOf": spelled}}
    content = {"schema": {"anyOf": [*spelled, array]}, "examples": _examples(manifest)}
    return {"required": True, "content": {"application/json": content}}


def _examples(manifest: Manifest) -> Document:
    complete, incomplete = (golden.record for golden in manifest.golden[:2])
    return {
        "complete": {"value": complete},
        "incomplete": {"value": incomplete},
        "array": {"value": [complete, incomplete]},
    }


def _metrics() -> Document:
    operation = _operation("Counts, for Prometheus", "service", {})
    operation["responses"]["200"] = {
        "description": "Counts of all workers.",
        "headers": {"X-Request-ID": _REQUEST_ID},
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    return operation


def _get(summary: str, tag: str, schema: str, errors: dict[int, str] | None = None) -> Document:
    operation = _operation(summary, tag, _NOT_READY if errors is None else errors)
    operation["responses"]["200"] = _json(f"{summary}.", schema)
    return {"get": operation}


def _operation(summary: str, tag: str, errors: dict[int, str]) -> Document:
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="ProblemDetails")}}}
    responses = {
        str(status): {
            "description": f"{HTTP_STATUS_CODES[status]}. {why}",
            "headers": {"X-Request-ID": _REQUEST_ID},
            "content": problem,
        }
        for status, why in errors.items()
    }
    return {"summary": summary, "tags": [tag], "responses": responses}


def _json(description: str, *schemas: str) -> Document:
    references = [{"$ref": _REFERENCE.format(model=schema)} for schema in schemas]
    return {
        "description": description,
        "headers": {"X-Request-ID": _REQUEST_ID},
        "content": {
            "application/json": {
                "schema": references[0] if len(references) == 1 else {"anyOf": references}
            }
        },
    }
