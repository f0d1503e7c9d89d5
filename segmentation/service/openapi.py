"""The OpenAPI 3.1 document, made from the model's schema and the types of the answers.

Written here rather than by a framework's decorators: what a record is comes from the model that
is served, and errors are documented as they are (docs/decisions/0004). Imported on first use.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from io import StringIO
from typing import Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict
from werkzeug.http import HTTP_STATUS_CODES

import segmentation
from segmentation.artifact.manifest import PackedAggregation
from segmentation.batch.file_preview import SHOWN_ROWS, TRIED_ROWS, Preview
from segmentation.batch.json_lines import FirstLine, LastLine, RowsLine
from segmentation.dashboard.addresses import PAGES, ROOT
from segmentation.runtime import Manifest
from segmentation.runtime.answers import ModelName, Prediction, Predictions
from segmentation.runtime.cards import SchemaCard, SegmentCards, StudyCard
from segmentation.schema.json_schema import BLANK, leave_out, record_schemas
from segmentation.schema.missing_words import MISSING_WORDS
from segmentation.service.file_routes import (
    AS_OF,
    COMMAS,
    CSV,
    CUT,
    DATES,
    ENCODING,
    LINES,
    MAP,
    PREVIEW_BYTES,
    SHEET,
    TYPES,
)
from segmentation.service.pages import pages_are_here
from segmentation.service.problem_details import MEDIA_TYPE
from segmentation.service.route_table import BUSY, ROUTES, Route
from segmentation.service.settings import Settings
from segmentation.tables.dates import DateOrder

Document = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_REQUEST_ID = {"$ref": "#/components/headers/X-Request-ID"}
_MAPPING = {
    "name": MAP,
    "in": "query",
    "description": "Which field a column holds, as `header:field`; nothing after the colon for one"
    " that is not to be read.",
    "schema": {"type": "array", "items": {"type": "string", "pattern": r"\S.*:"}},
}
_READING = [
    {
        "name": ENCODING,
        "in": "query",
        "description": "The encoding of a CSV file that is neither UTF-8, UTF-16 nor Windows-1252,"
        " such as `cp1250` or `shift_jis`.",
        "schema": {"type": "string"},
    },
    {
        "name": SHEET,
        "in": "query",
        "description": "The sheet of a workbook, where several may be meant.",
        "schema": {"type": "string"},
    },
    {
        "name": DATES,
        "in": "query",
        "description": "In which order dates have their parts, where no cell proves it.",
        "schema": {"enum": list(DateOrder)},
    },
]
_AS_OF = {
    "name": AS_OF,
    "in": "query",
    "description": "Of a file of orders: the local time to which recency is relative; later orders"
    " are left out. A date is its beginning.",
    "schema": {"type": "string", "examples": ["2011-12-10", "2011-12-10T08:00:00"]},
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
                  Preview, FirstLine, RowsLine, LastLine, Live, Ready, ProblemDetails):  # fmt: skip
        _add(schemas, model)
    paths: Document = {}
    first = manifests[0]
    for manifest in manifests:
        prefix = "" if manifest is first else f"{manifest.study}."
        records = _record_schemas(manifest, prefix)
        schemas.update(records)
        context = _Context(manifest, settings, list(records))
        paths |= _study_paths(context, f"/studies/{manifest.study}", manifest.study)
        if manifest is first:
            paths |= _study_paths(context, "", "default study")
    for route in ROUTES:
        if not route.of_study:
            paths[route.path] = {route.method.lower(): _operation(route, route.path, "service")}
    if pages_are_here():
        paths |= _pages([manifest.study for manifest in manifests])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Segmentation",
            "version": segmentation.__version__,
            "description": "\n\n".join(
                f"**{manifest.study}**: {manifest.description}" for manifest in manifests
            ),
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": {"X-Request-ID": {"schema": {"type": "string"},
                                         "description": "Sent by you, or made up."}},
        },
    }  # fmt: skip


def _in_either_case(word: str) -> str:
    """Return a regular expression of a word in small or capital letters."""
    return "".join(
        f"[{letter}{letter.upper()}]" if letter.isalpha() else re.escape(letter) for letter in word
    )


_MISSING: Document = {
    "type": "string",
    "pattern": rf"^\s*({'|'.join(map(_in_either_case, sorted(MISSING_WORDS)))})\s*$",
    "description": "A word that tables write where there is no value.",
}


def _record_schemas(manifest: Manifest, prefix: str) -> Document:
    """Return what a record of a study may look like, by component name."""
    schemas: Document = dict(record_schemas(manifest.record))
    if manifest.aggregation:
        for schema in schemas.values():
            schema["properties"] = schema["properties"] | {"transactions": False}
        schemas["RecordByTransactions"] = _by_transactions(manifest, manifest.aggregation)
    for schema in schemas.values():
        schema["properties"] = schema["properties"] | {"explain": _EXPLAIN}
    return {f"{prefix}{name}": schema for name, schema in schemas.items()}


def _by_transactions(manifest: Manifest, aggregation: PackedAggregation) -> Document:
    packed, reference = aggregation.sendable, aggregation.reference
    transaction, *_ = record_schemas(packed).values()
    transaction.pop("anyOf")
    needed = [column.name for column in aggregation.transactions.features]
    counting = {name: transaction["properties"][name]["anyOf"][0] for name in needed}
    for described in transaction["properties"].values():
        described["anyOf"].append(_MISSING)
    identifier = manifest.record.identifier
    own = {identifier.name: {"type": ["string", "integer", "null"]}} if identifier else {}
    # They follow from the transactions.
    empty = {"anyOf": [{"type": "null"}, BLANK]}
    features: Document = {column.name: empty for column in manifest.record.features}
    transactions = {
        "type": "array",
        "minItems": 1,
        "items": transaction,
        "contains": {"type": "object", "required": needed, "properties": counting},
        "description": "Purchases of one customer, from which the features are computed. Lines"
        f" without one of {', '.join(needed)} are left out.",
    }
    as_of = {
        "type": ["string", "null"],
        "description": "The time that recency is relative to; the model's own is"
        f" {reference}, and with transactions after that it has to be sent. What is later"
        " still is left out, as are cancellations, gifts and duplicates: `warnings` say how many.",
    }
    properties = features | own | {"transactions": transactions, "as_of": as_of}
    return {
        "type": "object",
        "properties": properties,
        "required": ["transactions"],
        "additionalProperties": True,
        "propertyNames": leave_out(manifest.record, properties),
    }


def _add(schemas: Document, model: Any) -> None:
    """Add the schema of a type, and of what it is made of, to the components."""
    schema = TypeAdapter(model).json_schema(ref_template=_REFERENCE, mode="serialization")
    components = {**schema.pop("$defs", {}), model.__name__: schema}
    for name, component in components.items():
        if schemas.setdefault(name, component) != component:
            raise TypeError(f"two types of answers are called {name}")


@dataclass(frozen=True)
class _Context:
    """What the operations of one study are documented from; `records` are component names."""

    manifest: Manifest
    settings: Settings
    records: Sequence[str]


def _study_paths(context: _Context, root: str, tag: str) -> Document:
    """Return the paths of one study, below `root`."""
    paths: Document = {}
    for route in ROUTES:
        if route.of_study:
            path = root + route.path
            operation = _operation(route, path, tag)
            if route.name in _DETAILS:
                _DETAILS[route.name](operation, context)
            if route.name in _LINKS:
                operation["responses"]["200"]["links"] = _links(_LINKS[route.name], root)
            paths[path] = {route.method.lower(): operation}
    return paths


def _links(links: Mapping[str, Document], root: str) -> Document:
    """Return what may be asked next, of the same study."""
    prefix = _operation_id(f"{root}/")
    return {name: {"operationId": f"{prefix}{name}", **link} for name, link in links.items()}


def _pages(studies: Sequence[str]) -> Document:
    """Return the paths of the pages for people."""
    addresses = {ROOT: "The pages"} | {
        f"{ROOT}{study}/{page}": f"{title}: {study}"
        for study in studies
        for page, title in PAGES.items()
    }
    return {
        path: {
            "get": {
                "summary": summary,
                "tags": ["pages"],
                "operationId": _operation_id(path),
                "responses": {
                    "200": {
                        "description": "A page that asks for its content itself.",
                        "headers": {"X-Request-ID": _REQUEST_ID},
                        "content": {"text/html": {"schema": {"type": "string"}}},
                    },
                    "503": _problem(HTTPStatus.SERVICE_UNAVAILABLE, BUSY),
                },
            }
        }
        for path, summary in addresses.items()
    }


def _detail_predict(operation: Document, context: _Context) -> None:
    settings = context.settings
    operation["description"] = (
        "An array is answered in its order, or not at all."
        f" At most {settings.max_records} records and {settings.max_body_bytes} bytes. A record"
        " with `explain` true is answered with an explanation. Fields that are not known are left"
        " out, each with a warning that names the nearest known one."
    )
    operation["requestBody"] = _body(context)


def _detail_explain(operation: Document, context: _Context) -> None:
    operation["description"] = (
        "As predict, with an explanation of each answer."
        f" At most {context.settings.max_explanations} records."
    )
    operation["requestBody"] = _body(context)


def _detail_file(operation: Document, context: _Context) -> None:
    manifest = context.manifest
    orders = (
        " Rows are customers with their features, or lines of orders: those of each customer become"
        " one row, in the order in which customers first appear, with the features worked out as in"
        " training. What is left out is counted by reason, in `X-Left-Out` and in `orders` of the"
        " `FirstLine`. Recency is relative to `as_of`, or else to the last order of the file."
    )
    operation["description"] = (
        "The same rows come out in their order, with the answers in further columns; a row that"
        " can't be answered has its problem there instead. CSV, a workbook (xlsx, xls) or Parquet,"
        " also packed by gzip or zip: its bytes say which. What a convention leaves open is proved"
        " by the cells of a column, or the row is refused: decimal commas, thousands. Columns that"
        " are not known are passed on; where one that defines the segments is missing beside them,"
        f" every answer warns of it. At most {context.settings.max_file_bytes} bytes."
        f"{orders if manifest.aggregation else ''} With `Accept: {LINES}` the answer is JSON"
        " lines: first a `FirstLine`, then `RowsLine`s, whose `csv` texts together are the CSV"
        " file, at last a `LastLine`."
    )
    operation["parameters"] = [_MAPPING, *_READING, _AS_OF]
    operation["requestBody"] = _file_body(manifest)
    operation["responses"]["200"] = {
        "description": "The file with its answers.",
        "headers": {
            "X-Request-ID": _REQUEST_ID,
            "Content-Disposition": {"schema": {"type": "string"}},
            "Vary": {"schema": {"type": "string"}},
            "X-File-Encoding": {
                "description": "As which the file was read.",
                "schema": {"type": "string", "examples": ["UTF-8", "Windows-1252", ""]},
            },
            "X-Ignored-Columns": {
                "description": "Columns that were not read: percent-encoded, comma between.",
                "schema": {"type": "string"},
            },
            "X-Missing-Columns": {
                "description": "Fields that make a row complete and are in no column, written as"
                " those that were not read.",
                "schema": {"type": "string"},
            },
            "X-As-Of": {
                "description": "Of a file of orders: the time to which recency is relative.",
                "schema": {"type": "string"},
            },
            "X-Order-Lines": {
                "description": "Of a file of orders: how many lines it has.",
                "schema": {"type": "integer"},
            },
            "X-Left-Out": {
                "description": "Of a file of orders: the lines left out, as `reason=number`.",
                "schema": {"type": "string", "examples": ["missing_customer=5185,cancelled=405"]},
            },
        },
        "content": {CSV: {"schema": {"type": "string"}}, LINES: {"schema": {"type": "string"}}},
    }


def _detail_preview(operation: Document, context: _Context) -> None:
    operation["description"] = (
        f"How the file would be read, its first {SHOWN_ROWS} rows, and why some of its first"
        f" {TRIED_ROWS} would be refused. Send the file, or the beginning of a CSV file, at most"
        f" {PREVIEW_BYTES} bytes. What is true of the beginning only may not be of the file: its"
        " encoding, its decimal mark."
    )
    operation["parameters"] = [
        _MAPPING,
        *_READING,
        _flag(CUT, "Whether this is the beginning of a longer file: a row that breaks off is left"
                   " out."),
    ]  # fmt: skip
    operation["requestBody"] = _file_body(context.manifest)


def _detail_template(operation: Document, context: _Context) -> None:  # noqa: ARG001
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


# By the names of routes: what the table of routes does not say.
_DETAILS: Mapping[str, Callable[[Document, _Context], None]] = {
    "predict": _detail_predict,
    "explain": _detail_explain,
    "predict_file": _detail_file,
    "preview_file": _detail_preview,
    "file_template": _detail_template,
}

_SAME_RECORDS = {"requestBody": "$request.body"}
_NAMED = {"description": "Names, descriptions and actions of the segments that answers name."}
# By the names of routes: what a client asks next, and what it takes along.
_LINKS: Mapping[str, Mapping[str, Document]] = {
    "predict": {
        "segments": _NAMED,
        "explain": _SAME_RECORDS | {"description": "Why the same records are answered so."},
    },
    "explain": {"segments": _NAMED},
    "preview_file": {
        "predict_file": _SAME_RECORDS | {"description": "The answers to the rows of the file."}
    },
    "file_template": {
        "predict_file": {
            "requestBody": "$response.body",
            "description": "The answers to its examples; send it filled in.",
        }
    },
    "schema": {"predict": {"description": "The answer to a form with these questions."}},
    "segments": {"model": {"description": "How the model was trained, and how good it is."}},
}


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


def _body(context: _Context) -> Document:
    spelled = [{"$ref": _REFERENCE.format(model=name)} for name in context.records]
    # No maxItems: too many records are a 413, which tools don't take for a violated schema.
    array = {"type": "array", "items": {"anyOf": spelled}}
    content = {"schema": {"anyOf": [*spelled, array]}, "examples": _examples(context.manifest)}
    return {"required": True, "content": {"application/json": content}}


def _examples(manifest: Manifest) -> Document:
    complete, incomplete = (golden.record for golden in manifest.golden[:2])
    return {
        "complete": {"value": complete},
        "incomplete": {"value": incomplete},
        "array": {"value": [complete, incomplete]},
    }


def _operation(route: Route, path: str, tag: str) -> Document:
    """Return what the table of routes says of an operation."""
    responses = {str(status): _problem(status, reason) for status, reason in route.errors.items()}
    responses["200"] = _answer(route)
    return {
        "summary": route.summary,
        "tags": [tag],
        "responses": responses,
        "operationId": _operation_id(path),
    }


def _operation_id(path: str) -> str:
    return path.removeprefix("/").replace("/", "_")


def _problem(status: int, reason: str) -> Document:
    """Return a refusal."""
    return {
        "description": f"{HTTP_STATUS_CODES[status]}. {reason}",
        "headers": {"X-Request-ID": _REQUEST_ID},
        "content": {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="ProblemDetails")}}},
    }


def _answer(route: Route) -> Document:
    references = [{"$ref": _REFERENCE.format(model=name)} for name in route.answers]
    content: Document = {"text/plain": {"schema": {"type": "string"}}}
    if references:
        schema = references[0] if len(references) == 1 else {"anyOf": references}
        content = {"application/json": {"schema": schema}}
    return {
        "description": f"{route.summary}.",
        "headers": {"X-Request-ID": _REQUEST_ID},
        "content": content,
    }
