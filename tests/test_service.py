"""The Flask app without a network: routes, errors, settings, headers."""

from __future__ import annotations

import json
import logging
import re
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from segmentation.errors import SegmentationError
from segmentation.runtime import Model
from segmentation.service.app import create_app
from segmentation.service.observability.logs import JsonFormatter
from segmentation.service.problem_details import pointer
from segmentation.service.settings import Settings, settings_table
from tests.support.problems import problem
from tests.support.records import COMPLETE, HEADERS, LOWER_CASE
from tests.support.shipped import MODEL, ROOT


def post(client: FlaskClient, body: bytes | str, **options: Any) -> TestResponse:
    """POST a body to /predict."""
    return client.post("/predict", data=body, **({"content_type": "application/json"} | options))


@pytest.mark.parametrize(
    "record", [COMPLETE, HEADERS, LOWER_CASE], ids=["names", "headers", "lower"]
)
def test_an_object_gets_one_answer_whatever_its_spelling(
    client: FlaskClient, model: Model, record: dict[str, Any]
) -> None:
    """The payloads of existing clients are taken unchanged."""
    response = client.post("/predict", json=record)
    (expected,) = model.predict([record])
    assert response.json == {**expected, "model": model.name}
    assert response.json["segment"]["id"] == "brand_loyalist"


def test_an_array_gets_as_many_answers(client: FlaskClient, model: Model) -> None:
    """In the same order, with the model named once."""
    records = [COMPLETE, {"apps_installed": 12}, LOWER_CASE]
    response = client.post("/predict", json=records)
    assert response.json == {"model": model.name, "predictions": model.predict(records)}


def test_an_array_longer_than_a_chunk_is_one_document(client: FlaskClient, model: Model) -> None:
    """Parts that are encoded one by one fit together."""
    records = [COMPLETE | {"user_id": number} for number in range(600)]
    response = client.post("/predict", json=records)
    assert [prediction["id"] for prediction in response.json["predictions"]] == list(range(600))
    assert int(response.headers["Content-Length"]) == len(response.data)


def test_an_empty_array_gets_no_answers(client: FlaskClient, model: Model) -> None:
    """It is a valid question."""
    assert client.post("/predict", json=[]).json == {"model": model.name, "predictions": []}


def test_the_short_way_and_flasks_route_answer_alike(app: Flask, client: FlaskClient) -> None:
    """A parameter of the content type is enough to take the longer one."""
    body = json.dumps([COMPLETE] * 3)
    short = post(client, body)
    long = post(client, body, content_type="application/json; charset=utf-8")
    assert short.data == long.data
    assert short.content_type == long.content_type
    assert short.content_length == long.content_length


def test_the_image_unpickles_only_what_somebody_vouches_for() -> None:
    """Wherever it runs: nothing that is shipped sets it otherwise."""
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "UNPICKLE_UNSIGNED=false" in image
    assert "BUILT_IN_PACKAGES=/app/packages.sha256" in image
    for name in ("compose.yaml", "deploy/ecs.yaml", "deploy/ecs-minimal.yaml"):
        assert "UNPICKLE_UNSIGNED=" not in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{",
        b'{"age": 30,}',
        b"nonsense",
        b'{"apps_installed": NaN}',
        b'{"apps_installed": Infinity}',
        b'{"apps_installed": -Infinity}',
        b'{"apps_installed": 5, "apps_installed": 5}',
        b'{"gender": "\xff", "apps_installed": 5}',
        b'{"gender": "\\ud800", "apps_installed": 5}',
        b'\xef\xbb\xbf{"apps_installed": 5}',
        '{"apps_installed": 5}'.encode("utf-16"),
        b'{"apps_installed": 5} {}',
        b"[" * 17 + b"]" * 17,
        b'{"a":' * 17 + b"1" + b"}" * 17,
        b"[" * 100_000,
        b"[" * 1000 + b"]" * 1000,
        b'{"apps_installed": 05}',
        b"{'apps_installed': 5}",
        b'{"apps_installed": 1' + b"0" * 5000 + b"}",
    ],
)
def test_what_is_not_json_is_a_400(client: FlaskClient, body: bytes) -> None:
    """NaN, duplicate keys, bad UTF-8 and deep nesting included."""
    problem(post(client, body), 400)


def test_sixteen_levels_are_not_too_deep(client: FlaskClient) -> None:
    """They are just not a record."""
    problem(post(client, b"[" * 16 + b"]" * 16), 422)


def test_a_duplicate_key_is_not_quoted(client: FlaskClient) -> None:
    """Only its place is told."""
    content = problem(post(client, b'{"Zaphod": 1, "Zaphod": 2}'), 400)
    assert "Zaphod" not in json.dumps(content)
    assert "duplicate key at line 1" in content["detail"]


@pytest.mark.parametrize("value", [b"5", b'"text"', b"null", b"true", b"[5]", b"[[]]", b"[null]"])
def test_json_that_is_no_record_is_a_422(client: FlaskClient, value: bytes) -> None:
    """With a pointer to what is not an object."""
    content = problem(post(client, value), 422)
    assert content["errors"][0]["code"] == "type"


def test_errors_point_at_the_fields_that_were_sent(client: FlaskClient) -> None:
    """By the sender's names, escaped as RFC 6901 says."""
    record = {"screen_on_time_(min/day)": 5000, "AGE~/": 1000, "a/b~c": 1}
    content = problem(client.post("/predict", json=record), 422)
    assert {error["pointer"] for error in content["errors"]} == {
        "/screen_on_time_(min~1day)",
        "/AGE~0~1",
    }
    content = problem(client.post("/predict", json=[COMPLETE, record]), 422)
    assert content["errors"][0]["pointer"].startswith("/1/")
    assert content["detail"] == "2 problems found. No record was answered."


def test_values_are_never_repeated(client: FlaskClient) -> None:
    """An error about a value doesn't say it."""
    record = {"gender": "Zaphod" * 20, "age": 4242, "user_id": 4242.5, "apps_installed": "Zaphod"}
    content = problem(client.post("/predict", json=record), 422)
    text = json.dumps([content["errors"], content["detail"]])
    assert "Zaphod" not in text
    assert "4242" not in text
    assert len(content["errors"]) == 4


def test_at_most_a_hundred_errors_are_listed(client: FlaskClient) -> None:
    """And it is said that there are more."""
    content = problem(client.post("/predict", json=[{"age": 300}] * 250), 422)
    assert len(content["errors"]) == 100
    assert content["detail"].startswith("250 problems found; the first 100 are listed")


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/xml", "application/json; charset=latin-1", "json", "a/b/c;;="],
)
def test_another_content_type_is_a_415(client: FlaskClient, content_type: str) -> None:
    """Only JSON in UTF-8 is read."""
    problem(post(client, json.dumps(COMPLETE), content_type=content_type), 415)


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", "Application/JSON"])
def test_the_same_content_type_in_other_words_is_taken(
    client: FlaskClient, content_type: str
) -> None:
    """Case and the usual parameter don't matter."""
    assert post(client, json.dumps(COMPLETE), content_type=content_type).status_code == 200


def test_a_compressed_body_is_a_415(client: FlaskClient) -> None:
    """With the encoding that is accepted."""
    response = post(client, b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    problem(response, 415)
    assert response.headers["Accept-Encoding"] == "identity"


def test_more_records_than_allowed_are_a_413() -> None:
    """The limit is a setting and is said."""
    client = create_app(Settings(model_path=MODEL, max_records=2)).test_client()
    assert client.post("/predict", json=[COMPLETE] * 2).status_code == 200
    content = problem(client.post("/predict", json=[COMPLETE] * 3), 413)
    assert "at most 2 records" in content["detail"]


def test_a_body_of_unknown_length_is_a_411(client: FlaskClient) -> None:
    """Neither a Content-Length nor chunks."""
    problem(client.post("/predict", content_type="application/json"), 411)


def test_a_longer_body_than_allowed_is_a_413() -> None:
    """Whether or not it would be valid."""
    client = create_app(Settings(model_path=MODEL, max_body_bytes=1024)).test_client()
    body = json.dumps(COMPLETE)
    assert post(client, body + " " * (1024 - len(body))).status_code == 200
    problem(post(client, body + " " * (1025 - len(body))), 413)


@pytest.mark.parametrize(
    "path", ["/predict/", "/predict//", "/Predict", "/x", "/%00", "/../model.bin"]
)
def test_other_paths_are_a_404(client: FlaskClient, path: str) -> None:
    """Without a redirect."""
    problem(client.get(path), 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "HEAD", "BREW"])
def test_other_methods_are_a_405(client: FlaskClient, method: str) -> None:
    """With those that are allowed."""
    response = client.open("/predict", method=method)
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


def test_the_request_id_is_the_clients_or_made_up(client: FlaskClient) -> None:
    """It is returned on answers and on errors."""
    parameters = {"X-Request-ID": "order-17/a"}
    assert client.get("/livez", headers=parameters).headers["X-Request-ID"] == "order-17/a"
    assert problem(client.get("/x", headers=parameters), 404)["request_id"] == "order-17/a"
    made_up = [client.get("/livez").headers["X-Request-ID"] for _ in range(2)]
    assert made_up[0] != made_up[1]
    assert all(re.fullmatch("[0-9a-f]{32}", item) for item in made_up)


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 129, "<script>", "é"])
def test_a_request_id_that_could_do_harm_is_replaced(client: FlaskClient, request_id: str) -> None:
    """It ends up in logs."""
    response = client.get("/livez", headers={"X-Request-ID": request_id})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


def test_ready_means_that_the_golden_records_come_out(client: FlaskClient, model: Model) -> None:
    """And says which model answers them."""
    assert client.get("/readyz").json == {"status": "ready", "model": model.name}


def test_without_a_model_the_service_lives_but_is_not_ready(tmp_path: Path) -> None:
    """It says why, and answers 503 where a model is needed."""
    client = create_app(Settings(model_path=tmp_path / "none.bin")).test_client()
    assert client.get("/livez").status_code == 200
    for path in ("/readyz", "/segments", "/model", "/openapi.json"):
        response = client.get(path)
        assert "none.bin: No such file" in problem(response, 503)["detail"]
        assert response.headers["Retry-After"]
    problem(client.post("/predict", json=COMPLETE), 503)
    assert client.get("/metrics").status_code == 200


def test_a_damaged_model_is_never_used(model_file: Path) -> None:
    """One flipped bit is enough, and the reason is told."""
    content = bytearray(model_file.read_bytes())
    content[len(content) // 2] ^= 1
    model_file.write_bytes(content)
    client = create_app(Settings(model_path=model_file)).test_client()
    assert "is damaged" in problem(client.get("/readyz"), 503)["detail"]


def test_an_unsigned_model_is_not_served_where_a_key_is_set(tmp_path: Path) -> None:
    """And a key that can't be read refuses every model, rather than none."""
    key = Ed25519PrivateKey.generate().public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for public_key, reason in ((pem, "is not signed"), (str(tmp_path / "none"), "cannot be used")):
        settings = Settings(model_path=MODEL, model_public_key=public_key)
        client = create_app(settings).test_client()
        assert reason in problem(client.get("/readyz"), 503)["detail"]
        problem(client.post("/predict", json=COMPLETE), 503)


@pytest.mark.parametrize("record", [COMPLETE, LOWER_CASE], ids=["short way", "long way"])
def test_an_unexpected_error_tells_nothing(
    record: dict[str, Any],
    app: Flask,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither the client nor the log sees the text of an exception, which may hold a value."""

    secret = "Zap" + "hod"

    def fail(*_: object) -> None:
        raise ValueError(secret)

    monkeypatch.setattr(app.extensions["models"].find().get(), "answer", fail)
    response = client.post("/predict", json=record)
    assert secret not in problem(response, 500)["detail"]
    assert "unexpected ValueError" in caplog.text
    assert secret not in caplog.text


def test_the_log_never_holds_the_text_of_an_exception() -> None:
    """Also of those that libraries log: type and place are enough."""
    try:
        int("Zap" + "hod")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", None, sys.exc_info())
    line = json.loads(JsonFormatter().format(record))
    assert line["exception"] == "ValueError"
    assert "test_service.py" in line["traceback"]
    assert "Zaphod" not in json.dumps(line)


def test_segments_are_described_with_their_profiles(client: FlaskClient) -> None:
    """Names, actions, sizes, and how they differ."""
    content = client.get("/segments").json
    assert [card["name"] for card in content["segments"]][0::4] == [
        "Cost-Conscious Customer",
        "Power User",
    ]
    assert all(card["action"] and card["description"] for card in content["segments"])


@pytest.mark.parametrize("study", ["household", "credit_card", "retail"])
def test_discovered_segments_say_how_they_were_named_and_how_firm_they_are(
    client: FlaskClient, study: str
) -> None:
    """All but the one that is left by a rule or its past; firm from a Jaccard index of 0.75."""
    cards = client.get(f"/studies/{study}/segments").json["segments"]
    assert [card["naming"]["named_by"] for card in cards].count("elimination") <= 1
    for card in cards:
        assert card["naming"]["reason"].startswith(f"{card['id']}: ")
        firmness = card["firmness"]
        assert 0 <= firmness["worst"] <= firmness["jaccard"] <= 1
        assert firmness["firm"] is (firmness["jaccard"] >= 0.75)
        assert firmness["reason"].startswith("Firm: " if firmness["firm"] else "Not firm: ")


def test_given_segments_have_neither_reasons_for_names_nor_firmness(client: FlaskClient) -> None:
    """The classes of a survey come with its data."""
    assert not {"naming", "firmness"} & set(client.get("/segments").json["segments"][0])


def test_the_model_card_is_the_manifest(client: FlaskClient, model: Model) -> None:
    """Nothing is left out, and it says that the sample is synthetic."""
    content = client.get("/model").json
    assert content == json.loads(model.manifest.model_dump_json())
    assert "synthetic" in content["caveats"][0]


def test_docs_load_everything_from_this_host(client: FlaskClient) -> None:
    """The page and each file that it names are served, and nothing else is."""
    page = client.get("/docs")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(files) == 3
    for file in files:
        with client.get(f"/{file}") as response:
            assert response.status_code == 200
    assert "http" not in page.text
    problem(client.get("/docs/js/other.js"), 404)


def test_metrics_count_answers_by_segment(tmp_path: Path) -> None:
    """Also what was unsure and warned about, and every request by its route."""
    client = create_app(Settings(model_path=MODEL)).test_client()
    client.post("/predict", json=[COMPLETE | {"age": 80}, COMPLETE])
    client.get("/no/such/path/4242")
    text = client.get("/metrics").text
    assert 'segmentation_answers_total{segment="brand_loyalist",study="mobile"} 2.0' in text
    assert 'segmentation_warnings_total{code="outside_training",study="mobile"} 1.0' in text
    assert 'route="/predict",status="200"} 1.0' in text
    assert 'route="unmatched",status="404"} 1.0' in text
    assert "4242" not in text
    assert "segmentation_model_info{" in text


def test_json_pointers_are_escaped() -> None:
    """RFC 6901, section 3."""
    assert pointer() == ""
    assert pointer(3, "a/b", None) == "/3/a~1b"
    assert pointer("m~n") == "/m~0n"


def test_settings_come_from_the_environment() -> None:
    """Names in capitals; what isn't there has its default."""
    settings = Settings.from_environment({"PORT": "80", "MODEL_PATH": "/m.bin", "HOME": "/"})
    assert (settings.port, settings.model_path) == (80, Path("/m.bin"))
    assert settings.max_records == 10_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "0"),
        ("WEB_CONCURRENCY", "-1"),
        ("MAX_RECORDS", ""),
        ("LOG_LEVEL", "loud"),
        ("MODEL_PUBLIC_KEY", " "),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    """Rather than replaced by a default."""
    with pytest.raises(SegmentationError, match=f"^{name}: "):
        Settings.from_environment({name: value})


def test_every_setting_is_documented() -> None:
    """With its name, its default and its meaning."""
    rows = settings_table().splitlines()[2:]
    assert len(rows) == len(Settings.model_fields)
    for row, (name, field) in zip(rows, Settings.model_fields.items(), strict=True):
        default = "" if field.default is None else f"`{field.default}`"
        assert row == f"| `{name.upper()}` | {default} | {field.description} |"


def test_compose_passes_every_setting_on() -> None:
    """A new one can be set there, too; where the service listens and its models are is fixed."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    entries = compose["services"]["segmentation"]["environment"]
    passed = {entry.partition("=")[0] for entry in entries}
    assert passed == {name.upper() for name in Settings.model_fields}
    fixed = {entry.partition("=")[0] for entry in entries if "=" in entry}
    assert fixed == {"MODEL_PATH", "MODELS_DIR", "PORT"}
    limits = set(compose["services"]["proxy"]["environment"])
    assert {"MAX_BODY_BYTES", "MAX_FILE_BYTES", "READ_TIMEOUT", "KEEP_ALIVE"} <= limits


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * 5_000_000 + b"[]]",
        b"[" + b"{}," * 5_000_000 + b"{}]",
        b"[" + b"1," * 8_000_000 + b"1]",
        b'{"age":[' + b"[]," * 5_000_000 + b"[]]}",
        b'{"transactions":[' + b"{}," * 5_000_000 + b"{}]}",
    ],
    ids=["arrays", "objects", "numbers", "arrays in a field", "transactions"],
)
@pytest.mark.parametrize("route", ["predict", "studies/retail/predict", "explain"])
def test_what_fills_memory_is_counted_before_it_is_decoded(
    client: FlaskClient, body: bytes, route: str
) -> None:
    """Within the limit of bytes, and far beyond what any request needs."""
    tracemalloc.start()
    try:
        answer = client.post(f"/{route}", data=body, content_type="application/json")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 413
    assert peak < 4 * len(body)


def test_as_many_values_as_a_full_body_of_records_has_are_read(client: FlaskClient) -> None:
    """10,000 records of all columns stay below what is counted."""
    assert client.post("/predict", json=[COMPLETE] * 10_000).status_code == 200
