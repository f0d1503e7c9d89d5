"""The routes of the API. Each reads, asks the model and writes."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import orjson
from flask import Blueprint, Response, request

from segmentation.runtime import Model
from segmentation.runtime.cards import segment_cards
from segmentation.service.body import read_json
from segmentation.service.metrics import Metrics
from segmentation.service.observe import N_RECORDS
from segmentation.service.problems import SINGLE, RequestError
from segmentation.service.settings import Settings
from segmentation.service.slot import ModelSlot


def routes(slot: ModelSlot, metrics: Metrics, settings: Settings) -> Blueprint:
    """Return the API's routes over one model."""
    api = Blueprint("api", __name__)

    @api.post("/predict")
    def predict() -> Response:
        model = slot.get()
        environment = request.environ
        payload = read_json(environment, settings.max_body_bytes)
        environment[SINGLE] = single = not isinstance(payload, list)
        records = [payload] if single else payload
        environment[N_RECORDS] = len(records)
        if len(records) > settings.max_records:
            detail = f"An array may hold at most {settings.max_records} records."
            raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        return _json(*_answers(model, records, metrics, single=single))

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


def _answers(model: Model, records: list[Any], metrics: Metrics, *, single: bool) -> list[bytes]:
    """Return the encoded answers in parts, made and encoded chunk by chunk."""
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
    return Response(parts, content_type="application/json")
