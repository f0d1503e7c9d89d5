"""The routes of the API. Each reads, asks the model and writes."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response, request

from segmentation.runtime import Model
from segmentation.runtime.cards import segment_cards
from segmentation.schema import Record
from segmentation.service.body import JSON, decoded_records, is_object, read_body
from segmentation.service.environment import N_RECORDS, SINGLE
from segmentation.service.metrics import Metrics
from segmentation.service.settings import Settings
from segmentation.service.slot import ModelSlot

PREDICT = "/predict"


def routes(slot: ModelSlot, metrics: Metrics, settings: Settings) -> Blueprint:
    """Return the API's routes over one model."""
    api = Blueprint("api", __name__)

    @api.post(PREDICT)
    def predict() -> Response:
        model = slot.get()
        body = read_body(request.environ, settings.max_body_bytes)
        single = request.environ[SINGLE] = is_object(body)
        records = model.read_plain(body, settings.max_records)
        if records is None:
            records = model.check(decoded_records(body, settings.max_records))
        request.environ[N_RECORDS] = len(records)
        return _json(*encoded_answers(model, records, metrics, single=single))

    @api.get("/segments")
    def segments() -> Response:
        return _json(orjson.dumps(segment_cards(slot.get().manifest)))

    @api.get("/model")
    def model_card() -> Response:
        return _json(slot.get().manifest.model_dump_json().encode())

    @api.get("/livez")
    def live() -> Response:
        return _json(b'{"status":"live"}')

    @api.get("/readyz")
    def ready() -> Response:
        model = slot.get()
        model.check_golden()
        return _json(orjson.dumps({"status": "ready", "model": model.name}))

    @api.get("/metrics")
    def exposition() -> Response:
        return Response(
            metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8"
        )

    return api


def encoded_answers(
    model: Model, records: list[Record], metrics: Metrics, *, single: bool
) -> list[bytes]:
    """Return the JSON of the answers to canonical records, in parts, made chunk by chunk."""
    parts: list[bytes] = []
    beginning = b'{"model":%b,"predictions":[' % orjson.dumps(model.name)
    for answers in model.answer(records):
        metrics.answered(model.name, answers)
        if single:
            return [orjson.dumps({**answers[0], "model": model.name})]
        # Without its brackets, with what stands before it: one buffer for each write.
        parts.append((b"," if parts else beginning) + orjson.dumps(answers)[1:-1])
    return [*(parts or [beginning]), b"]}"]


def _json(*parts: bytes) -> Response:
    return Response(parts, content_type=JSON)
