"""Files of records over HTTP: CSV in, CSV or JSON lines out, while the rest is being answered.

What a file is and how it is answered is in ``batch``, which is imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
from flask import Blueprint, Response, request

from segmentation.runtime.answers import ModelName
from segmentation.service.api_routes import OF_STUDY, PREDICT
from segmentation.service.catalogue import ServedModels
from segmentation.service.observability.counters import ServiceCounters
from segmentation.service.observability.request_observer import note_answers
from segmentation.service.problem_details import RequestError
from segmentation.service.request_body import JSON
from segmentation.service.settings import MEBIBYTE, Settings
from segmentation.service.spool import spooled
from segmentation.service.wsgi_environment import N_RECORDS, Environment

if TYPE_CHECKING:
    from segmentation.batch import RecordFile, ScoredRow

FILE = PREDICT + "/file"
PREVIEW = FILE + "/preview"
TEMPLATE = FILE + "/template"
CSV = "text/csv"
LINES = "application/x-ndjson"
# What browsers and programs call a CSV file as well.
TYPES = (CSV, "text/plain", "application/octet-stream")
MAP = "map"
CUT, COMMAS = "cut", "commas"
# Most of a file that is looked at before it is scored.
PREVIEW_BYTES = MEBIBYTE
# Proxies refuse long headers.
_LONGEST_HEADER = 2_000


def file_routes(catalogue: ServedModels, metrics: ServiceCounters, settings: Settings) -> Blueprint:
    """Return the routes that score files, and those beside them."""
    files = Blueprint("files", __name__)
    _scoring(files, catalogue, metrics, settings)
    _beside(files, catalogue)
    return files


def _scoring(
    files: Blueprint, catalogue: ServedModels, metrics: ServiceCounters, settings: Settings
) -> None:
    @files.post(FILE)
    @files.post(OF_STUDY + FILE)
    def predict_file(study: str | None = None) -> Response:
        from segmentation import batch

        model = catalogue.slot(study).get()
        wanted = _wanted(request.args.getlist(MAP))
        with ExitStack() as stack:
            body = stack.enter_context(spooled(request.environ, TYPES, settings.max_file_bytes))
            file = batch.RecordFile(body, model.manifest.record, wanted)
            request.environ[N_RECORDS] = file.n_rows
            answered = _counted(batch.score(model, file), model.name, metrics, request.environ)
            lines = request.accept_mimetypes.best_match((CSV, LINES), CSV) == LINES
            write = batch.write_lines if lines else batch.write
            headers = _headers(file, LINES if lines else f"{CSV}; charset=utf-8; header=present")
            response = Response(write(file, answered), headers=headers)
            response.call_on_close(stack.pop_all().close)
        return response


def _beside(files: Blueprint, catalogue: ServedModels) -> None:
    @files.post(PREVIEW)
    @files.post(OF_STUDY + PREVIEW)
    def preview_file(study: str | None = None) -> Response:
        from segmentation import batch

        schema = catalogue.slot(study).get().manifest.record
        wanted, cut = _wanted(request.args.getlist(MAP)), _flag(CUT)
        with spooled(request.environ, TYPES, PREVIEW_BYTES) as body:
            found = batch.preview(body, schema, wanted, cut=cut)
        return Response(orjson.dumps(found), content_type=JSON)

    @files.get(TEMPLATE)
    @files.get(OF_STUDY + TEMPLATE)
    def file_template(study: str | None = None) -> Response:
        from segmentation import batch

        content = batch.template(catalogue.slot(study).get().manifest, commas=_flag(COMMAS))
        headers = {
            "Content-Type": f"{CSV}; charset=utf-8; header=present",
            "Content-Disposition": 'attachment; filename="template.csv"',
        }
        return Response(content, headers=headers)


def _flag(name: str) -> bool:
    """Read a yes or no of the query."""
    value = request.args.get(name, "false")
    if value not in ("true", "false"):
        raise RequestError(HTTPStatus.BAD_REQUEST, f"{name} must be true or false.")
    return value == "true"


def _wanted(mappings: Sequence[str]) -> dict[str, str]:
    """Read ``header:field``; the field is what follows the last colon."""
    wanted: dict[str, str] = {}
    for number, mapping in enumerate(mappings, start=1):
        header, colon, field = mapping.rpartition(":")
        if not colon or header.strip() in wanted:
            reason = "is of a column that has one already" if colon else "has no colon"
            raise RequestError(HTTPStatus.BAD_REQUEST, f"Mapping {number} {reason}.")
        wanted[header.strip()] = field.strip()
    return wanted


def _counted(
    scored: Iterable[list[ScoredRow]],
    model: ModelName,
    metrics: ServiceCounters,
    environment: Environment,
) -> Iterator[list[ScoredRow]]:
    for rows in scored:
        answers = [row.answer for row in rows if row.answer]
        note_answers(environment, metrics, model, answers)
        yield rows


def _headers(file: RecordFile, content_type: str) -> dict[str, str]:
    """Return the headers of an answer: how the file was read, and what of it wasn't."""
    return {
        "Content-Type": content_type,
        "Vary": "Accept",
        "Content-Disposition": 'attachment; filename="segments.csv"',
        "X-File-Encoding": file.encoding,
        "X-Ignored-Columns": _listed(file.ignored),
    }


def _listed(names: Sequence[str]) -> str:
    """Return percent-encoded names, as many as a proxy lets pass."""
    listed = ",".join(quote(name.strip(), safe="") for name in names)
    if len(listed) <= _LONGEST_HEADER:
        return listed
    return f"{listed[:_LONGEST_HEADER].rpartition(',')[0]},..."
