"""Files of records over HTTP: CSV in, CSV out, while the rest of it is still being answered.

What a file is and how it is answered is in ``batch``, which is imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Blueprint, Response, request

from segmentation.runtime.answers import ModelName
from segmentation.service.catalogue import Catalogue
from segmentation.service.environment import N_RECORDS
from segmentation.service.metrics import Metrics
from segmentation.service.problems import RequestError
from segmentation.service.routes import OF_STUDY, PREDICT
from segmentation.service.settings import Settings
from segmentation.service.spool import spooled

if TYPE_CHECKING:
    from segmentation.batch import RecordFile, ScoredRow

FILE = PREDICT + "/file"
CSV = "text/csv"
# What browsers and programs call a CSV file as well.
TYPES = (CSV, "text/plain", "application/octet-stream")
MAP = "map"
# Proxies refuse long headers.
_LONGEST_HEADER = 2_000


def file_routes(catalogue: Catalogue, metrics: Metrics, settings: Settings) -> Blueprint:
    """Return the routes that score files."""
    files = Blueprint("files", __name__)

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
            answered = _counted(batch.score(model, file), model.name, metrics)
            response = Response(batch.write(file, answered), headers=_headers(file))
            response.call_on_close(stack.pop_all().close)
        return response

    return files


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
    scored: Iterable[list[ScoredRow]], model: ModelName, metrics: Metrics
) -> Iterator[list[ScoredRow]]:
    for rows in scored:
        metrics.answered(model, [row.answer for row in rows if row.answer])
        yield rows


def _headers(file: RecordFile) -> dict[str, str]:
    """Return the headers of an answer: how the file was read, and what of it wasn't."""
    return {
        "Content-Type": f"{CSV}; charset=utf-8; header=present",
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
