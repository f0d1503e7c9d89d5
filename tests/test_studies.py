"""Four studies behind one service: what each answers, and that none takes another down."""

from __future__ import annotations

import json
import logging
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from segmentation.artifact import read_package, write_package
from segmentation.artifact.package import digest
from segmentation.runtime import Model
from segmentation.schema import Record
from segmentation.schema.relations import Largest
from segmentation.service.app import create_app
from segmentation.service.settings import Settings
from tests.support.explaining import (
    CENTROIDS,
    columnwise,
    complete_records,
    explained,
    matrix,
    position,
)
from tests.support.keys import key_pair
from tests.support.metrics import values_by_name
from tests.support.problems import problem
from tests.support.records import COMPLETE
from tests.support.servers import Server, serving
from tests.support.shipped import MODEL, MODELS_DIR, PACKAGES, SHIPPED, STUDIES
from tests.support.waiting import wait_until

GOLDEN = {
    study: [item.record for item in read_package(path).manifest.golden]
    for study, path in PACKAGES.items()
}


@pytest.fixture
def loaded(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return the studies whose models were loaded, by the log, up to now."""
    caplog.set_level(logging.INFO, logger="segmentation")

    def list_faults() -> list[str]:
        lines = [record.getMessage() for record in caplog.records]
        return [line.split()[2] for line in lines if line.startswith("model loaded: ")]

    return list_faults


def served(**changes: Any) -> FlaskClient:
    """Return a client of an app under changed settings."""
    return create_app(SHIPPED.model_copy(update=changes)).test_client()


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("study", CENTROIDS)
def test_complete_records_go_to_the_nearest_centroid(
    study: str, models: dict[str, Model], samples: dict[str, list[Record]]
) -> None:
    """Exactly, for every one of the sample; distances are taken here with numpy."""
    model = models[study]
    records = complete_records(model, samples[study])
    assert len(records) > 0.9 * len(samples[study])
    Z, centroids, _ = columnwise(study, matrix(model, records))
    nearest = ((Z[:, np.newaxis] - centroids) ** 2).sum(axis=2).argmin(axis=1)
    answers = model.predict(records)
    assert [position(model, answer["segment"]["id"]) for answer in answers] == nearest.tolist()
    assert {item["basis"] for item in answers} == {"complete"}


def demographics(models: dict[str, Model], records: list[Record]) -> list[Record]:
    """Leave only what is known about a household that has bought nothing yet."""
    features = models["household"].manifest.record.features
    names = [column.name for column in features if not column.defines]
    assert len(names) == 10
    return [{name: record[name] for name in names} for record in records]


def test_a_household_without_purchases_is_answered_with_honest_doubts(
    models: dict[str, Model], samples: dict[str, list[Record]]
) -> None:
    """Indirectly, most often unsure, and with a warning that names both accuracies."""
    model = models["household"]
    values = values_by_name(model.manifest.metrics)
    answers = model.predict(demographics(models, samples["household"]))
    assert {item["basis"] for item in answers} == {"indirect"}
    assert np.mean([item_entry["unsure"] for item_entry in answers]) > 0.5
    for answer in answers:
        (warning,) = (
            item_value for item_value in answer["warnings"] if item_value["code"] == "indirect"
        )
        assert warning["field"] is None
        for name in ("accuracy, indirect", "accuracy, largest class"):
            assert f"{100 * values[name]:.0f}%" in warning["message"]


def test_a_household_with_one_purchase_answer_is_incomplete(models: dict[str, Model]) -> None:
    """No longer indirect, not yet complete, and without the warning."""
    (answer,) = models["household"].predict([{"age_group": 2, "brands": 3}])
    assert answer["basis"] == "incomplete"
    assert answer["warnings"] == []


def test_the_largest_brand_share_may_be_left_to_the_service(
    models: dict[str, Model], client: FlaskClient, samples: dict[str, list[Record]]
) -> None:
    """Eight brand shares instead of their maximum: the same answer, on both ways."""
    schema = models["household"].manifest.record
    (rule,) = (rule for rule in schema.relations if isinstance(rule, Largest))
    for record in samples["household"][:50]:
        without = {name: value for name, value in record.items() if name != rule.column}
        with_it = without | {rule.column: max(record[name] for name in rule.shares)}
        answers = [
            client.post("/studies/household/predict", json=payload, content_type=content_type).data
            for payload in (without, with_it)
            for content_type in ("application/json", "application/json; charset=utf-8")
        ]
        assert set(answers) == {answers[0]}
        assert json.loads(answers[0])["basis"] == "complete"


def test_the_originals_own_name_of_the_largest_brand_share_is_taken(
    models: dict[str, Model],
) -> None:
    """Published analyses call it maxBrCd."""
    answers = models["household"].predict([{"maxBrCd": 0.5}, {"largest_brand_share": 0.5}])
    assert answers[0] == answers[1]


def test_only_retail_has_an_outlook(
    models: dict[str, Model], samples: dict[str, list[Record]]
) -> None:
    """For every record, 91 days ahead; its probabilities add up to one."""
    for study, model in models.items():
        answers = model.predict(samples[study][:100])
        assert [item for item in answers if ("outlook" in item) != (study == "retail")] == []
    for answer in models["retail"].predict(samples["retail"]):
        outlook = answer["outlook"]
        probabilities = {
            probability["id"]: probability["probability"]
            for probability in outlook["probabilities"]
        }
        assert outlook["days"] == 91
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert probabilities[outlook["segment"]] == max(probabilities.values())
        assert outlook["segment"] in outlook["plausible"]
        assert outlook["unsure"] is (len(outlook["plausible"]) != 1)
        assert outlook["basis"] == answer["basis"]


def test_a_forecast_from_category_shares_alone_says_that_it_is_a_guess(
    models: dict[str, Model],
) -> None:
    """It is as unsure as the segment, in its own words, and not nearly certain."""
    (answer,) = models["retail"].predict([{"share_seasonal": 0.4}])
    outlook = answer["outlook"]
    assert (outlook["basis"], outlook["unsure"]) == ("indirect", True)
    assert max(part["probability"] for part in outlook["probabilities"]) < 0.6
    (warning,) = outlook["warnings"]
    assert warning["code"] == "indirect"
    assert "such answers were right for" in warning["message"]
    (complete,) = models["retail"].predict([{"recency_days": 5, "frequency": 20, "monetary": 9000}])
    assert complete["outlook"]["warnings"] == []


@pytest.mark.parametrize("study", STUDIES)
def test_probabilities_add_up_and_plausible_is_by_the_threshold(
    study: str, models: dict[str, Model]
) -> None:
    """Of each study's golden records, by the number of decisive answers that are missing."""
    manifest = models[study].manifest
    decisive = [manifest.record.features[i].name for i in manifest.record.decisive]
    for record, answer in zip(GOLDEN[study], models[study].predict(GOLDEN[study]), strict=True):
        probabilities = {item["id"]: item["probability"] for item in answer["probabilities"]}
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        missing = tuple(name for name in decisive if record.get(name) is None)
        n_missing = len(missing)
        of_patterns = {part.missing: part.thresholds for part in manifest.conformal.patterns}
        thresholds = of_patterns.get(missing, manifest.conformal.thresholds[n_missing])
        above = {
            name
            for (name, probability), threshold in zip(
                probabilities.items(), thresholds, strict=True
            )
            if probability >= 1 - threshold
        }
        assert answer["segment"]["id"] in answer["plausible"]
        if above:
            assert set(answer["plausible"]) == above | {answer["segment"]["id"]}
        bases = {0: "complete", len(decisive): "indirect"}
        assert answer["basis"] == bases.get(n_missing, "incomplete")


def short_and_long(client: FlaskClient, path: str, payload_value: object) -> tuple[bytes, bytes]:
    """Return the answers of the short way and of Flask's route, which a parameter asks for."""
    short = client.post(path, data=json.dumps(payload_value), content_type="application/json")
    long = client.post(
        path, data=json.dumps(payload_value), content_type="application/json; charset=utf-8"
    )
    assert short.status_code == long.status_code == 200
    assert short.content_type == long.content_type
    return short.data, long.data


@pytest.mark.parametrize("study", STUDIES)
def test_the_short_way_and_flasks_route_answer_alike(
    client: FlaskClient, app: Flask, study: str, samples: dict[str, list[Record]]
) -> None:
    """Byte by byte, one record or many, complete or not; and as the model itself does."""
    path = f"/studies/{study}/predict"
    model = app.extensions["models"].find(study).get()
    for payload in (*GOLDEN[study], GOLDEN[study], samples[study][:60]):
        short, long = short_and_long(client, path, payload)
        assert short == long
        single = isinstance(payload, dict)
        answers = json.loads(short) if single else json.loads(short)["predictions"]
        expected = json.loads(json.dumps(model.predict([payload] if single else payload)))
        assert answers == ({**expected[0], "model": model.name} if single else expected)


def test_all_studies_are_listed_the_default_one_first(
    client: FlaskClient, models: dict[str, Model]
) -> None:
    """With what they are about and their segments."""
    listed = client.get("/studies").json["studies"]
    assert [item["name"] for item in listed] == list(STUDIES)
    assert [item_value["default"] for item_value in listed] == [True, False, False, False]
    for card in listed:
        manifest = models[card["name"]].manifest
        assert card["ready"] is True
        assert (card["title"], card["version"]) == (manifest.title, manifest.version)
        assert [segment["id"] for segment in card["segments"]] == [
            item_entry.id for item_entry in manifest.segments
        ]
        assert "reason" not in card


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_has_its_own_cards(
    client: FlaskClient, models: dict[str, Model], study: str
) -> None:
    """Segments, model card and questions."""
    manifest = models[study].manifest
    root = f"/studies/{study}"
    segments = client.get(f"{root}/segments").json
    assert segments["study"] == study
    assert [segment["id"] for segment in segments["segments"]] == [
        item.id for item in manifest.segments
    ]
    assert sum(item_entry["share"] for item_entry in segments["segments"]) == pytest.approx(
        1, abs=1e-5
    )
    assert client.get(f"{root}/model").json == json.loads(manifest.model_dump_json())
    schema = client.get(f"{root}/schema").json
    assert [item_value["name"] for item_value in schema["fields"]] == [
        column.name for column in manifest.record.sendable
    ]
    assert bool(schema["transactions"]) == (study == "retail")
    for field in schema["fields"]:
        assert field["name"] in field["spellings"]
        assert field["title"] in field["spellings"]


@pytest.mark.parametrize("path", ["predict", "explain"])
def test_an_unknown_study_is_a_404_that_names_the_others(client: FlaskClient, path: str) -> None:
    """But not the name that was asked for."""
    content = problem(client.post(f"/studies/Zaphod/{path}", json=COMPLETE), 404)
    assert all(study in content["detail"] for study in STUDIES)
    assert "Zaphod" not in json.dumps(content)


@pytest.mark.parametrize("path", ["segments", "model", "schema"])
def test_an_unknown_studys_cards_are_a_404(client: FlaskClient, path: str) -> None:
    """As its answers are."""
    problem(client.get(f"/studies/zaphod/{path}"), 404)
    problem(client.get(f"/studies/{path}"), 404)


def test_a_damaged_package_takes_only_its_own_study_down(models_dir: Path) -> None:
    """It says why; the default study is ready and the others answer."""
    flip(models_dir / "retail.bin")
    client = served(models_dir=models_dir)
    listed = {item["name"]: item for item in client.get("/studies").json["studies"]}
    assert [name for name, item_value in listed.items() if not item_value["ready"]] == ["retail"]
    assert "retail.bin: is damaged" in listed["retail"]["reason"]
    response = client.post("/studies/retail/predict", json=GOLDEN["retail"][0])
    assert "No model of retail is served. " in problem(response, 503)["detail"]
    assert "is damaged" in problem(response, 503)["detail"]
    assert response.headers["Retry-After"]
    problem(client.post("/studies/retail/explain", json=GOLDEN["retail"][0]), 503)
    for path in ("segments", "model", "schema"):
        problem(client.get(f"/studies/retail/{path}"), 503)
    assert client.get("/readyz").status_code == 200
    for study in ("mobile", "credit_card", "household"):
        path = f"/studies/{study}/predict"
        assert client.post(path, json=GOLDEN[study][0]).status_code == 200
    paths = client.get("/openapi.json").json["paths"]
    assert "/studies/household/predict" in paths
    assert "/studies/retail/predict" not in paths


def test_a_package_that_was_half_copied_serves_once_it_is_whole(models_dir: Path) -> None:
    """Without a restart; a file that stays as it was is read once."""
    path = models_dir / "retail.bin"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    client = served(models_dir=models_dir)
    problem(client.post("/studies/retail/predict", json=GOLDEN["retail"][0]), 503)
    path.write_bytes(content)
    assert client.post("/studies/retail/predict", json=GOLDEN["retail"][0]).status_code == 200


def test_a_package_that_comes_later_is_served(models_dir: Path) -> None:
    """Its study had a file when the service started, which was gone for a while."""
    path = models_dir / "retail.bin"
    client = served(models_dir=models_dir)
    path.rename(models_dir / "retail.bak")
    problem(client.post("/studies/retail/predict", json=GOLDEN["retail"][0]), 503)
    (models_dir / "retail.bak").rename(path)
    assert client.post("/studies/retail/predict", json=GOLDEN["retail"][0]).status_code == 200


def test_whatever_loading_meets_takes_only_its_study_down(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What ONNX Runtime raises has no common base; the log has where, the client what kind."""
    load = Model.load

    def fail(path: Path, public_key: str | None = None) -> Model:
        if path.name == "retail.bin":
            raise RuntimeError(path.name)
        return load(path, public_key)

    monkeypatch.setattr(Model, "load", fail)
    client = served(models_dir=models_dir)
    content = problem(client.post("/studies/retail/predict", json=GOLDEN["retail"][0]), 503)
    assert content["detail"].endswith("retail.bin: cannot be loaded: RuntimeError")
    assert "RuntimeError: retail.bin" in caplog.text
    listed = {item["name"]: item["ready"] for item in client.get("/studies").json["studies"]}
    assert listed.pop("retail") is False
    assert all(listed.values())


def test_a_package_under_another_studys_name_is_refused(models_dir: Path) -> None:
    """Its answers would be taken for another study's."""
    shutil.copy(models_dir / "household.bin", models_dir / "retail.bin")
    client = served(models_dir=models_dir)
    content = problem(client.post("/studies/retail/predict", json=GOLDEN["retail"][0]), 503)
    assert content["detail"].endswith("retail.bin: holds the study household, not retail")
    assert client.post("/studies/household/predict", json=GOLDEN["household"][0]).status_code == 200


def test_another_study_can_be_the_default() -> None:
    """It answers at /predict, and model.bin's study at its own path."""
    client = served(default_study="household")
    assert (
        client.post("/predict", json=GOLDEN["household"][0]).json["model"]["study"] == "household"
    )
    assert client.post("/studies/mobile/predict", json=COMPLETE).json["model"]["study"] == "mobile"
    assert client.get("/segments").json["study"] == "household"
    assert client.get("/readyz").json["model"]["study"] == "household"
    listed = client.get("/studies").json["studies"]
    assert listed[0]["name"] == "household"
    assert listed[0]["default"] is True
    assert len(listed) == 4


def test_model_path_is_the_default_study_where_no_folder_has_it(tmp_path: Path) -> None:
    """A single file is a service of one study, whatever its name."""
    path = Path(shutil.copy(PACKAGES["retail"], tmp_path / "any.bin"))
    client = served(model_path=path, default_study="retail", models_dir=tmp_path / "none")
    assert [item["name"] for item in client.get("/studies").json["studies"]] == ["retail"]
    assert client.post("/predict", json=GOLDEN["retail"][0]).json["model"]["study"] == "retail"
    problem(client.post("/studies/household/predict", json=GOLDEN["household"][0]), 404)


def test_the_folder_of_models_is_a_setting(tmp_path: Path) -> None:
    """What is in it is served; files of another kind are not looked at."""
    shutil.copy(PACKAGES["household"], tmp_path)
    (tmp_path / "notes.txt").write_text("")
    settings = Settings.from_environment({"MODELS_DIR": str(tmp_path), "MODEL_PATH": str(MODEL)})
    listed = create_app(settings).test_client().get("/studies").json["studies"]
    assert [item["name"] for item in listed] == ["mobile", "household"]
    assert all(item_value["ready"] for item_value in listed)


def test_each_study_is_loaded_on_its_first_use(loaded: Callable[[], list[str]]) -> None:
    """And only once."""
    client = served()
    assert loaded() == []
    for _ in range(2):
        client.post("/studies/household/predict", json=GOLDEN["household"][0])
    assert loaded() == ["household"]
    client.get("/readyz")
    assert loaded() == ["household", "mobile"]
    client.get("/studies")
    assert sorted(loaded()) == sorted(STUDIES)


def test_a_worker_starts_with_the_default_study_only(tmp_path: Path) -> None:
    """By the log of a real one: others follow when they are asked for."""
    path = "/studies/household/predict"
    with serving(tmp_path, WEB_CONCURRENCY="1") as server:

        def names_loaded() -> list[str]:
            """Each name once: a worker and its Flask process have their own."""
            lines = [str(line.get("message")) for line in server.log_lines()]
            names = [line.split()[2] for line in lines if line.startswith("model loaded: ")]
            return list(dict.fromkeys(names))

        assert server.post(COMPLETE).status == 200
        wait_until(lambda: "/predict" in routes_of(server))
        assert names_loaded() == ["mobile"]
        assert server.post(GOLDEN["household"][0], path).status == 200
        wait_until(lambda: "/studies/<study>/predict" in routes_of(server))
        assert names_loaded() == ["mobile", "household"]


def routes_of(server: Server) -> list[object]:
    """Return the routes in the access log; a line follows its answer, and earlier lines precede."""
    return [line.get("route") for line in server.log_lines()]


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (self.path, os.O_CREAT)


@pytest.mark.parametrize("study", STUDIES)
def test_no_pickle_is_read_before_an_explanation_is_asked_for(study: str, tmp_path: Path) -> None:
    """A pickle that would do harm lies there, rightly digested, while everything else answers.

    An explanation does read it: who can write packages is trusted, or has to sign them.
    """
    marker = tmp_path / "was-run"
    evil = pickle.dumps(_Touch(str(marker)))
    package = read_package(PACKAGES[study])
    manifest = package.manifest.model_copy(update={"pipeline": digest(evil)})
    path = tmp_path / "evil.bin"
    write_package(path, replace(package, manifest=manifest, pipeline=evil))
    client = served(model_path=path, default_study=study, models_dir=tmp_path / "none")
    for payload in (GOLDEN[study][0], GOLDEN[study], GOLDEN[study][0] | {"explain": False}):
        assert client.post("/predict", json=payload).status_code == 200
    for route in ("/readyz", "/studies", "/segments", "/model", "/schema", "/openapi.json"):
        assert client.get(route).status_code == 200
    problem(client.post("/explain", json={"nothing": 1}), 422)
    assert not marker.exists()
    problem(client.post("/explain", json=GOLDEN[study][0]), 500)
    assert marker.exists()


def test_where_a_key_is_set_unsigned_packages_of_all_studies_are_refused(tmp_path: Path) -> None:
    """A signed one among them is served."""
    private, public = key_pair(tmp_path, "ours")
    client = served(model_public_key=public)
    listed = client.get("/studies").json["studies"]
    assert [item["ready"] for item in listed] == [False] * 4
    assert all("is not signed" in item_value["reason"] for item_value in listed)
    for study in STUDIES:
        for route in ("predict", "explain"):
            problem(client.post(f"/studies/{study}/{route}", json=GOLDEN[study][0]), 503)
    shutil.copytree(MODELS_DIR, tmp_path / "models")
    signed = tmp_path / "models" / "household.bin"
    write_package(signed, read_package(signed), private)
    client = served(model_public_key=public, models_dir=tmp_path / "models")
    listed = client.get("/studies").json["studies"]
    assert [item_entry["name"] for item_entry in listed if item_entry["ready"]] == ["household"]
    assert client.post("/studies/household/explain", json=GOLDEN["household"][0]).status_code == 200


@pytest.mark.parametrize("study", STUDIES)
def test_errors_never_repeat_a_value(client: FlaskClient, study: str, app: Flask) -> None:
    """Of any field of any study: out of range or of another type; unknown ones do no harm."""
    schema = app.extensions["models"].find(study).get().manifest.record
    faulty: dict[str, object] = {"unknown": "Zaphod"}
    for column in schema.sendable:
        faulty[column.name] = -42.4242 if column.kind == "number" else ["Zaphod", 42.4242]
    content = problem(client.post(f"/studies/{study}/predict", json=faulty), 422)
    text = json.dumps([content["errors"], content["detail"]])
    assert len(content["errors"]) == len(faulty) - 1
    assert "Zaphod" not in text
    assert "42.42" not in text


@pytest.mark.parametrize("study", STUDIES)
def test_explanations_and_warnings_of_a_study_speak_of_its_own_fields(
    study: str, models: dict[str, Model]
) -> None:
    """Every field that is named can be sent."""
    model = models[study]
    for answer in explained(model, GOLDEN[study]):
        contributions = answer["explanation"]["contributions"]
        assert {contribution["field"] for contribution in contributions} == set(
            model.manifest.scorer.features
        )
        for warning in answer["warnings"]:
            assert warning["field"] is None or warning["field"] in model.manifest.record.spellings
