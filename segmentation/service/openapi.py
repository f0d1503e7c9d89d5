"""The OpenAPI 3.1 document, made from the model's schema and the types of the answers.

Written here rather than by a framework's decorators: what a record is comes from the model that
is served, and errors are documented as they are (docs/decisions/0004). Imported on first use.
"""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from typing_extensions import TypedDict
from werkzeug.http import HTTP_STATUS_CODES

import segmentation
from segmentation.runtime import Manifest
from segmentation.runtime.answers import ModelName, Prediction, Predictions
from segmentation.runtime.cards import SegmentCards
from segmentation.schema.documents import record_schemas
from segmentation.service.problems import MEDIA_TYPE
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


class ProblemError(TypedDict):
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


class Problem(_ProblemBase, total=False):
    """An error, as RFC 9457 has it."""

    errors: list[ProblemError]


class Live(TypedDict):
    """The process answers."""

    status: str


class Ready(TypedDict):
    """The model answers its golden records as it did when it was packed."""

    status: str
    model: ModelName


def document(manifest: Manifest, settings: Settings) -> Document:
    """Return the document of the service that serves a model.

    Parameters
    ----------
    manifest : Manifest
    settings : Settings
        Its limits are documented.
    """
    schemas: Document = dict(record_schemas(manifest.record))
    spelled = [{"$ref": _REFERENCE.format(model=name)} for name in schemas]
    for model in (Prediction, Predictions, SegmentCards, Manifest, Live, Ready, Problem):
        _add(schemas, model)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Segmentation",
            "version": segmentation.__version__,
            "description": f"{manifest.title}. {manifest.description}",
        },
        "paths": _paths(manifest, settings, spelled),
        "components": {
            "schemas": schemas,
            "headers": {"X-Request-ID": {"schema": {"type": "string"},
                                         "description": "Sent by you, or made up."}},
        },
    }  # fmt: skip


def _add(schemas: Document, model: Any) -> None:
    """Add the schema of a type, and of what it is made of, to the components."""
    schema = TypeAdapter(model).json_schema(ref_template=_REFERENCE, mode="serialization")
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema


def _paths(manifest: Manifest, settings: Settings, spelled: list[Document]) -> Document:
    record = {"anyOf": spelled}
    # No maxItems: too many records are a 413, which tools don't take for a violated schema.
    records = {"type": "array", "items": record}
    predict = {
        **_operation("predict", "Answer one record or an array of them", "scoring", _WHY),
        "description": "An array is answered in its order, or not at all. At most "
        f"{settings.max_records} records and {settings.max_body_bytes} bytes.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"anyOf": [*spelled, records]},
                                             "examples": _examples(manifest)}},
        },
    }  # fmt: skip
    predict["responses"]["200"] = _json("The answers.", "Prediction", "Predictions")
    return {
        "/predict": {"post": predict},
        "/segments": _get("segments", "The segments and how they differ", "model", "SegmentCards"),
        "/model": _get("model", "The model card", "model", "Manifest"),
        "/metrics": {"get": _metrics()},
        "/livez": _get("live", "Whether the process answers", "operation", "Live", {}),
        "/readyz": _get("ready", "Whether the model answers correctly", "operation", "Ready"),
    }


def _examples(manifest: Manifest) -> Document:
    complete, incomplete = (golden.record for golden in manifest.golden[:2])
    return {
        "complete": {"value": complete},
        "incomplete": {"value": incomplete},
        "array": {"value": [complete, incomplete]},
    }


def _metrics() -> Document:
    operation = _operation("metrics", "Counts, for Prometheus", "operation", {})
    operation["responses"]["200"] = {
        "description": "Counts of all workers.",
        "headers": {"X-Request-ID": _REQUEST_ID},
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    return operation


def _get(
    name: str, summary: str, tag: str, schema: str, errors: dict[int, str] | None = None
) -> Document:
    operation = _operation(name, summary, tag, _NOT_READY if errors is None else errors)
    operation["responses"]["200"] = _json(f"{summary}.", schema)
    return {"get": operation}


def _operation(name: str, summary: str, tag: str, errors: dict[int, str]) -> Document:
    problem = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    responses = {
        str(status): {
            "description": f"{HTTP_STATUS_CODES[status]}. {why}",
            "headers": {"X-Request-ID": _REQUEST_ID},
            "content": problem,
        }
        for status, why in errors.items()
    }
    return {"operationId": name, "summary": summary, "tags": [tag], "responses": responses}


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
