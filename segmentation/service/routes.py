"""The routes of the API. Each reads, asks the model and writes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
from flask import Blueprint, Response, g, request

from segmentation.runtime import Model
from segmentation.runtime.cards import segment_cards
from segmentation.service.body import read_json
from segmentation.service.metrics import Metrics
from segmentation.service.problems import RequestError
from segmentation.service.settings import Settings
from segmentation.service.slot import ModelSlot


def routes(slot: ModelSlot, metrics: Metrics, settings: Settings) -> Blueprint:
    """Return the API's routes over one model."""
    api = Blueprint("api", __name__)

    @api.post("/predict")
    def predict() -> Response:
        model = slot.get()
        payload = read_json(request, settings.max_body_bytes)
        records = payload if isinstance(payload, list) else [payload]
        g.single_record = records is not payload
        g.n_records = len(records)
        if len(records) > settings.max_records:
            detail = f"An array may hold at most {settings.max_records} records."
            raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        return _json(_answers(model, records, metrics, single=g.single_record))

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
        model.check()
        return _json(orjson.dumps({"status": "ready", "model": model.name}))

    @api.get("/metrics")
    def exposition() -> Response:
        return Response(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")

    return api


def _answers(model: Model, records: list[Any], metrics: Metrics, *, single: bool) -> bytes:
    """Return the encoded answers, made and encoded chunk by chunk."""
    chunks = []
    for answers in model.answer(records):
        metrics.answered(model.name, answers)
        if single:
            return orjson.dumps({**answers[0], "model": model.name})
        chunks.append(orjson.dumps(answers)[1:-1])
    return b'{"model":%b,"predictions":[%b]}' % (orjson.dumps(model.name), b",".join(chunks))


def _json(content: bytes) -> Response:
    return Response(content, content_type="application/json")
