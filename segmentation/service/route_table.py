"""The table of the API's routes: what each is called, answers, documents and may refuse.

Flask's routes, the OpenAPI document and the table of the documentation are made from it; the
addresses that pages and the proxy know are tested against it. What a route does is in
``api_routes`` and ``file_routes``; how a request body looks to OpenAPI, in ``openapi``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flask import Blueprint

PREDICT = "/predict"
FILE = f"{PREDICT}/file"
PREVIEW = f"{FILE}/preview"
LIVEZ, READYZ = "/livez", "/readyz"
OF_STUDY = "/studies/<study>"

NOT_READY = {503: "No model answers correctly, or too many requests wait; the detail says which."}
BUSY = "Too many requests wait already."
_BAD_RECORDS = {
    400: "Not one JSON text of finite numbers, with unique keys and at most 16 levels.",
    411: "No Content-Length.",
    413: "The body or the array is too long, or holds too many values.",
    415: "Not application/json in UTF-8, or compressed.",
    422: "Values that no record can have; one error for each, with a JSON Pointer.",
    **NOT_READY,
    501: "Explanations or transactions need libraries that are not installed here.",
}
_BAD_FILE = {
    400: "A mapping of a column or to a field that there is not, or a body that breaks off.",
    411: "Neither a Content-Length nor chunks.",
    413: "The file is too long, or has too many rows, or its answer would be too long.",
    415: "Not text/csv, text/plain or application/octet-stream, or compressed.",
    422: "Not text, not CSV, empty, or without a column that is known.",
    501: "Files of orders need libraries that are not installed here.",
    503: f"{NOT_READY[503]} Or there is no room for the file.",
}


@dataclass(frozen=True)
class Route:
    """One route of the API.

    Attributes
    ----------
    name : str
        Of the function that answers, and of the operation in the OpenAPI document.
    method : {"GET", "POST"}
    path : str
        At the root: of the default study, where it is about a study.
    summary : str
        What it does, in a few words, for the OpenAPI document.
    description : str
        What a developer reads in the table of the documentation.
    answers : tuple of str
        Names of the types that it answers with, where that is JSON.
    errors : mapping of int to str
        Status codes that it may refuse with, and why.
    of_study : bool, default=True
        Whether it is also below ``/studies/NAME``.
    """

    name: str
    method: Literal["GET", "POST"]
    path: str
    summary: str
    description: str
    answers: tuple[str, ...]
    errors: Mapping[int, str]
    of_study: bool = True

    def paths(self) -> tuple[str, ...]:
        """Return the rules that Flask knows it by."""
        return (self.path, OF_STUDY + self.path) if self.of_study else (self.path,)


ROUTES = (
    Route(
        "predict", "POST", PREDICT,
        "Answer one record or an array of them",
        "an object gets one answer, an array of at most `MAX_RECORDS` gets"
        ' `{"model": …, "predictions": […]}` in its order; records with `"explain": true` are'
        " explained",
        ("Prediction", "Predictions"), _BAD_RECORDS,
    ),
    Route(
        "explain", "POST", "/explain",
        "Answer and explain",
        "the same, everything explained, at most `MAX_EXPLANATIONS` records",
        ("Prediction", "Predictions"), _BAD_RECORDS,
    ),
    Route(
        "predict_file", "POST", FILE,
        "Score a file",
        "a table (CSV, xlsx, Parquet; also in gzip or zip) comes back as CSV with the answers in"
        " further columns, row by row as they are made; with `Accept: application/x-ndjson` as JSON"
        " lines; lines of orders come back as one row for each customer",
        (), _BAD_FILE,
    ),
    Route(
        "preview_file", "POST", PREVIEW,
        "Look at a file before it is scored",
        "how a file, or with `?cut=true` its beginning, would be read: encoding, marks, the field"
        " of each column, the first rows, and why some would be refused",
        ("Preview",), _BAD_FILE,
    ),
    Route(
        "file_template", "GET", f"{FILE}/template",
        "A CSV file to fill in",
        "a CSV file to fill in, with `?commas=true` one with decimal commas",
        (), {400: "Neither true nor false.", **NOT_READY},
    ),
    Route(
        "segments", "GET", "/segments",
        "The segments and how they differ",
        "names, descriptions, actions, size and profile of each segment against the average",
        ("SegmentCards",), NOT_READY,
    ),
    Route(
        "model_card", "GET", "/model",
        "The model card",
        "the model card: metrics as data, caveats, what is mistaken for what, clusters and their"
        " map, lineage, data, parameters, versions",
        ("Manifest",), NOT_READY,
    ),
    Route(
        "schema", "GET", "/schema",
        "The questions, for forms",
        "the questions with titles, units, ranges and all accepted names: what a form needs",
        ("SchemaCard",), NOT_READY,
    ),
    Route(
        "studies", "GET", "/studies",
        "The studies that are served",
        "the studies that are served, and for those that can't be, why",
        ("StudyList",), {503: BUSY}, of_study=False,
    ),
    Route(
        "live", "GET", LIVEZ,
        "Whether the process answers",
        "the process answers",
        ("Live",), {}, of_study=False,
    ),
    Route(
        "ready", "GET", READYZ,
        "Whether the default model answers correctly",
        "the golden records of the default study come out right (else 503)",
        ("Ready",), NOT_READY, of_study=False,
    ),
    Route(
        "exposition", "GET", "/metrics",
        "Counts, for Prometheus",
        "Prometheus, over all workers",
        (), {503: BUSY}, of_study=False,
    ),
)  # fmt: skip

_BY_NAME = {route.name: route for route in ROUTES}


def add_routes(blueprint: Blueprint, *handlers: Callable[..., Any]) -> None:
    """Register functions for the routes of their names.

    Raises
    ------
    KeyError
        If the table has no route of a function's name.
    """
    for handler in handlers:
        route = _BY_NAME[handler.__name__]
        for path in route.paths():
            blueprint.add_url_rule(
                path, f"{route.name} {path}".replace(".", "_"), handler, methods=[route.method]
            )


def routes_table() -> str:
    """Return the routes as a Markdown table, for the documentation."""
    rows = [f"| `{route.method} {route.path}` | {route.description} |" for route in ROUTES]
    return "\n".join(["| route | answers |", "|---|---|", *rows, ""])


def takes_file(path: bytes) -> bool:
    """Whether the body of a request to a path, as it stands in the request line, is a file."""
    return path.endswith((FILE.encode(), PREVIEW.encode()))
