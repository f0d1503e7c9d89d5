"""Files of records over HTTP: a table in, CSV or JSON lines out, while the rest is being answered.

What a file is and how it is answered is in ``batch``, which is imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson
from flask import Blueprint, Response, request

from segmentation.runtime.answers import ModelName
from segmentation.service.file_limits import CountedRows, check_rows, limit_answer
from segmentation.service.loading.served_models import ServedModels
from segmentation.service.observability.counters import ServiceCounters
from segmentation.service.observability.request_observer import note_answers
from segmentation.service.problem_details import RequestError
from segmentation.service.request_body import JSON, open_file
from segmentation.service.route_table import add_routes
from segmentation.service.settings import MEBIBYTE, Settings
from segmentation.service.wsgi_environment import N_RECORDS, Environment

if TYPE_CHECKING:
    from segmentation.batch import RecordFile, ScoredRow
    from segmentation.batch.order_card import OrderCard
    from segmentation.tables.open_table import TableOptions

CSV = "text/csv"
LINES = "application/x-ndjson"
# What browsers and programs call tables: what a file is, its bytes say. Windows calls CSV a
# workbook where Excel is installed.
TYPES = (
    CSV,
    *("text/plain", "text/tab-separated-values", "application/csv", "application/octet-stream"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.ms-excel",
    *("application/gzip", "application/x-gzip", "application/zip", "application/x-zip-compressed"),
    *("application/vnd.apache.parquet", "application/x-parquet"),
)
MAP = "map"
CUT, COMMAS = "cut", "commas"
ENCODING, SHEET, DATES = "encoding", "sheet", "dates"
AS_OF = "as_of"
# Most of the beginning of a file that is looked at before it is scored.
PREVIEW_BYTES = MEBIBYTE
# Proxies refuse long headers.
_LONGEST_HEADER = 2_000


def make_file_api(models: ServedModels, counters: ServiceCounters, settings: Settings) -> Blueprint:
    """Return the routes that score files, and those beside them."""
    files = Blueprint("files", __name__)
    _add_scoring(files, models, counters, settings)
    _add_helpers(files, models, settings)
    return files


def _add_scoring(
    files: Blueprint, models: ServedModels, counters: ServiceCounters, settings: Settings
) -> None:
    def predict_file(study: str | None = None) -> Response:
        from segmentation import batch

        model = models.find(study).get()
        options = _read_options()
        with ExitStack() as stack:
            body = stack.enter_context(open_file(request.environ, TYPES, settings.max_file_bytes))
            tables = models.known_tables(model.manifest)
            file = stack.enter_context(
                batch.open_any_file(body, model.manifest, options, tables, _read_as_of())
            )
            check_rows(file.n_answers, settings.max_file_rows)
            request.environ[N_RECORDS] = file.n_answers
            counted = CountedRows(stack.enter_context(closing(batch.score(model, file))))
            scored = _note(counted, model.name, counters, request.environ)
            lines = request.accept_mimetypes.best_match((CSV, LINES), CSV) == LINES
            write = batch.write_lines if lines else batch.write
            headers = _make_headers(
                file, LINES if lines else f"{CSV}; charset=utf-8; header=present"
            )
            parts = write(file, scored)
            most = settings.max_answer_bytes
            response = Response(limit_answer(parts, counted, file.n_answers, most), headers=headers)
            response.call_on_close(stack.pop_all().close)
        return response

    add_routes(files, predict_file)


def _add_helpers(files: Blueprint, models: ServedModels, settings: Settings) -> None:
    def preview_file(study: str | None = None) -> Response:
        from segmentation import batch

        model = models.find(study).get()
        options, cut = _read_options(), _read_flag(CUT)
        longest = min(PREVIEW_BYTES, settings.max_file_bytes) if cut else settings.max_file_bytes
        with open_file(request.environ, TYPES, longest) as body:
            tables = models.known_tables(model.manifest)
            preview = batch.preview(body, model, options, tables, cut=cut)
        return Response(orjson.dumps(preview), content_type=JSON)

    def file_template(study: str | None = None) -> Response:
        from segmentation import batch

        content = batch.template(models.find(study).get().manifest, commas=_read_flag(COMMAS))
        headers = {
            "Content-Type": f"{CSV}; charset=utf-8; header=present",
            "Content-Disposition": 'attachment; filename="template.csv"',
        }
        return Response(content, headers=headers)

    add_routes(files, preview_file, file_template)


def _read_flag(name: str) -> bool:
    """Read a yes or no of the query."""
    value = request.args.get(name, "false")
    if value not in ("true", "false"):
        raise RequestError(HTTPStatus.BAD_REQUEST, f"{name} must be true or false.")
    return value == "true"


def _read_as_of() -> datetime | None:
    """Read what the recency of orders is relative to."""
    text = request.args.get(AS_OF)
    if text is None:
        return None
    try:
        as_of = datetime.fromisoformat(text)
    except ValueError:
        as_of = None
    if as_of is None or as_of.tzinfo is not None:
        message = f"{AS_OF} must be a date, or a local date and time, in ISO 8601."
        raise RequestError(HTTPStatus.BAD_REQUEST, message)
    return as_of


def _read_options() -> TableOptions:
    """Read what the query says about the file that the file does not prove itself."""
    from segmentation.tables.column_mapping import parse_mappings
    from segmentation.tables.dates import DateOrder
    from segmentation.tables.open_table import TableOptions

    order = request.args.get(DATES)
    if order is not None and order not in list(DateOrder):
        orders = ", ".join(DateOrder)
        raise RequestError(HTTPStatus.BAD_REQUEST, f"{DATES} must be one of {orders}.")
    return TableOptions(
        mapping=parse_mappings(request.args.getlist(MAP)),
        encoding=request.args.get(ENCODING),
        sheet=request.args.get(SHEET),
        dates=DateOrder(order) if order else None,
    )


def _note(
    scored: Iterable[list[ScoredRow]],
    model: ModelName,
    counters: ServiceCounters,
    environment: Environment,
) -> Iterator[list[ScoredRow]]:
    for rows in scored:
        answers = [row.answer for row in rows if row.answer]
        note_answers(environment, counters, model, answers)
        yield rows


def _make_headers(file: RecordFile, content_type: str) -> dict[str, str]:
    """Return the headers of an answer: how the file was read, and what of it wasn't."""
    return {
        "Content-Type": content_type,
        "Vary": "Accept",
        "Content-Disposition": 'attachment; filename="segments.csv"',
        "X-File-Encoding": file.table.layout.encoding,
        "X-Ignored-Columns": _encode_names(file.ignored),
        "X-Missing-Columns": _encode_names([column.name for column in file.missing]),
        **(_describe_orders(file.orders) if file.orders else {}),
    }


def _describe_orders(orders: OrderCard) -> dict[str, str]:
    """Return the headers about lines of orders: how many, as of when, and what was left out."""
    left_out = [f"{item['reason']}={item['n_lines']}" for item in orders["left_out"]]
    return {
        "X-As-Of": orders["as_of"],
        "X-Order-Lines": str(orders["n_lines"]),
        "X-Left-Out": ",".join(left_out),
    }


def _encode_names(names: Sequence[str]) -> str:
    """Return percent-encoded names, as many as a proxy lets pass."""
    encoded = ",".join(quote(name.strip(), safe="") for name in names)
    if len(encoded) <= _LONGEST_HEADER:
        return encoded
    return f"{encoded[:_LONGEST_HEADER].rpartition(',')[0]},..."
