"""The routes of the API, but for files. Each reads, asks the model of a study and writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import orjson
from flask import Blueprint, Response, request

from segmentation.runtime import Model
from segmentation.runtime.answers import Answer, ModelName
from segmentation.runtime.cards import schema_card, segment_cards
from segmentation.schema import Record
from segmentation.service.loading.served_models import ServedModels
from segmentation.service.observability.counters import ServiceCounters
from segmentation.service.observability.request_observer import note_answers
from segmentation.service.request_body import (
    JSON,
    check_explanations,
    decode_records,
    is_object,
    read_body,
    split_explain,
)
from segmentation.service.route_table import add_routes
from segmentation.service.settings import Settings
from segmentation.service.wsgi_environment import N_RECORDS, NOT_PLAIN, SINGLE

LIVE = b'{"status":"live"}'


def make_api(models: ServedModels, counters: ServiceCounters, settings: Settings) -> Blueprint:
    """Return the API's routes over the served models."""
    api = Blueprint("api", __name__)
    _add_scoring(api, models, counters, settings)
    _add_cards(api, models)
    _add_operation(api, models, counters)
    return api


def _add_scoring(
    api: Blueprint, models: ServedModels, counters: ServiceCounters, settings: Settings
) -> None:
    def predict(study: str | None = None) -> Response:
        model, records, decoded = _read(study, plainly=NOT_PLAIN not in request.environ)
        explained: list[int] = []
        if records is None:
            plain, explained = split_explain(decoded, settings.max_explanations)
            records = model.check(plain)
            decoded.clear()
        return _write(model, records, explained)

    def explain(study: str | None = None) -> Response:
        model, _, decoded = _read(study, plainly=False)
        decoded, _ = split_explain(decoded, settings.max_records)
        check_explanations(len(decoded), settings.max_explanations)
        return _write(model, model.check(decoded), range(len(decoded)))

    def _read(study: str | None, *, plainly: bool) -> tuple[Model, list[Record] | None, list[Any]]:
        """Return canonical records, or decoded ones; the body, as large as both, is not kept.

        Where the front has left word that it is not plain, it is not read that way again.
        """
        model = models.find(study).get()
        body = read_body(request.environ, settings.max_body_bytes)
        request.environ[SINGLE] = is_object(body)
        records = model.read_plain(body, settings.max_records) if plainly else None
        if records is not None:
            return model, records, []
        return model, None, decode_records(body, settings.max_records)

    def _write(model: Model, records: list[Record], explained: Sequence[int]) -> Response:
        request.environ[N_RECORDS] = len(records)
        note = partial(note_answers, request.environ, counters)
        single = request.environ[SINGLE]
        return _json(*encode_answers(model, records, note, single=single, explained=explained))

    add_routes(api, predict, explain)


def _add_cards(api: Blueprint, models: ServedModels) -> None:
    def studies() -> Response:
        described = [served.describe(models.default) for served in models]
        return _json(orjson.dumps({"studies": described}))

    def segments(study: str | None = None) -> Response:
        return _json(orjson.dumps(segment_cards(models.find(study).get().manifest)))

    def model_card(study: str | None = None) -> Response:
        return _json(models.find(study).get().manifest.model_dump_json().encode())

    def schema(study: str | None = None) -> Response:
        return _json(orjson.dumps(schema_card(models.find(study).get().manifest)))

    add_routes(api, studies, segments, model_card, schema)


def _add_operation(api: Blueprint, models: ServedModels, counters: ServiceCounters) -> None:
    def live() -> Response:
        return _json(LIVE)

    def ready() -> Response:
        return _json(encode_ready(models))

    def exposition() -> Response:
        content_type = "text/plain; version=0.0.4; charset=utf-8"
        return Response(counters.exposition(), content_type=content_type)

    add_routes(api, live, ready, exposition)


def encode_ready(models: ServedModels) -> bytes:
    """Return the JSON that says that the default model answers correctly.

    Raises
    ------
    SegmentationError
        If it does not.
    """
    model = models.find().get()
    model.check_golden()
    return orjson.dumps({"status": "ready", "model": model.name})


def encode_answers(
    model: Model,
    records: list[Record],
    note: Callable[[ModelName, Sequence[Answer]], None],
    *,
    single: bool,
    explained: Sequence[int] = (),
) -> list[bytes]:
    """Return the JSON of the answers to canonical records, in parts, made chunk by chunk.

    Parameters
    ----------
    model : Model
    records : list of dict
    note : callable
        Told what was answered.
    single : bool
        Whether the request was one record rather than an array.
    explained : sequence of int
        Positions of the records whose answers get an explanation.
    """
    parts: list[bytes] = []
    beginning = b'{"model":%b,"predictions":[' % orjson.dumps(model.name)
    for answers in model.answer(records, explained):
        note(model.name, answers)
        if single:
            return [orjson.dumps({**answers[0], "model": model.name})]
        # Without its brackets, with what stands before it: one buffer for each write.
        parts.append((b"," if parts else beginning) + orjson.dumps(answers)[1:-1])
    return [*(parts or [beginning]), b"]}"]


def _json(*parts: bytes) -> Response:
    return Response(parts, content_type=JSON)
