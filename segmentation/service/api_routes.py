"""The routes of the API. Each reads, asks the model of a study and writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import orjson
from flask import Blueprint, Response, request

from segmentation.runtime import Model
from segmentation.runtime.answers import Answer, ModelName
from segmentation.runtime.cards import schema_card, segment_cards
from segmentation.schema import Record
from segmentation.service.asking import check_asked, take_asked
from segmentation.service.catalogue import ServedModels
from segmentation.service.observability.counters import ServiceCounters
from segmentation.service.observability.request_observer import note_answers
from segmentation.service.request_body import JSON, decoded_records, is_object, read_body
from segmentation.service.settings import Settings
from segmentation.service.wsgi_environment import N_RECORDS, SINGLE

PREDICT = "/predict"
OF_STUDY = "/studies/<study>"


def routes(catalogue: ServedModels, metrics: ServiceCounters, settings: Settings) -> Blueprint:
    """Return the API's routes over the studies of a catalogue."""
    api = Blueprint("api", __name__)
    _scoring(api, catalogue, metrics, settings)
    _cards(api, catalogue)
    _operation(api, catalogue, metrics)
    return api


def _scoring(
    api: Blueprint, catalogue: ServedModels, metrics: ServiceCounters, settings: Settings
) -> None:
    @api.post(PREDICT)
    @api.post(OF_STUDY + PREDICT)
    def predict(study: str | None = None) -> Response:
        model, body = _asked(study)
        records, asked = model.read_plain(body, settings.max_records), list[int]()
        if records is None:
            sent = decoded_records(body, settings.max_records)
            sent, asked = take_asked(sent, settings.max_explanations)
            records = model.check(sent)
        return _answers(model, records, asked)

    @api.post("/explain")
    @api.post(OF_STUDY + "/explain")
    def explain(study: str | None = None) -> Response:
        model, body = _asked(study)
        sent, _ = take_asked(decoded_records(body, settings.max_records), settings.max_records)
        check_asked(len(sent), settings.max_explanations)
        return _answers(model, model.check(sent), range(len(sent)))

    def _asked(study: str | None) -> tuple[Model, bytes]:
        model = catalogue.slot(study).get()
        body = read_body(request.environ, settings.max_body_bytes)
        request.environ[SINGLE] = is_object(body)
        return model, body

    def _answers(model: Model, records: list[Record], explained: Sequence[int]) -> Response:
        request.environ[N_RECORDS] = len(records)
        single = request.environ[SINGLE]
        return _json(
            *encoded_answers(
                model,
                records,
                partial(note_answers, request.environ, metrics),
                single=single,
                explained=explained,
            )
        )


def _cards(api: Blueprint, catalogue: ServedModels) -> None:
    @api.get("/studies")
    def studies() -> Response:
        return _json(orjson.dumps({"studies": [one.card(catalogue.default) for one in catalogue]}))

    @api.get("/segments")
    @api.get(OF_STUDY + "/segments")
    def segments(study: str | None = None) -> Response:
        return _json(orjson.dumps(segment_cards(catalogue.slot(study).get().manifest)))

    @api.get("/model")
    @api.get(OF_STUDY + "/model")
    def model_card(study: str | None = None) -> Response:
        return _json(catalogue.slot(study).get().manifest.model_dump_json().encode())

    @api.get("/schema")
    @api.get(OF_STUDY + "/schema")
    def schema(study: str | None = None) -> Response:
        return _json(orjson.dumps(schema_card(catalogue.slot(study).get().manifest)))


def _operation(api: Blueprint, catalogue: ServedModels, metrics: ServiceCounters) -> None:
    @api.get("/livez")
    def live() -> Response:
        return _json(b'{"status":"live"}')

    @api.get("/readyz")
    def ready() -> Response:
        model = catalogue.slot().get()
        model.check_golden()
        return _json(orjson.dumps({"status": "ready", "model": model.name}))

    @api.get("/metrics")
    def exposition() -> Response:
        return Response(
            metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8"
        )


def encoded_answers(
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
