"""The loaded model: the same answers as the pipeline, honest sets, warnings."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.artifact import Package, read_package, write_package
from segmentation.datasets import read_table
from segmentation.errors import InvalidRecordsError, NotReadyError, PackageError
from segmentation.runtime import Model
from segmentation.runtime.cards import segment_cards
from segmentation.studies.mobile import MOBILE
from tests.support.records import COMPLETE, USAGE, without_some_usage
from tests.support.shipped import MODEL, ROOT, sample_records

SAMPLE = read_table(ROOT / "data" / "mobile.csv", MOBILE.schema).records
RECORDS = sample_records("mobile")


@pytest.mark.parametrize(
    "records", [RECORDS, without_some_usage(RECORDS)], ids=["complete", "incomplete"]
)
def test_answers_are_those_of_the_pickled_pipeline(
    model: Model, records: list[dict[str, Any]]
) -> None:
    """Label by label and, within 1e-5, probability by probability."""
    pipeline = joblib.load(MODEL)
    ids = {segment.label: segment.id for segment in MOBILE.segments}
    answers = model.predict(records)
    expected = pipeline.predict(records)
    assert [answer["segment"]["id"] for answer in answers] == [ids[label] for label in expected]
    result = [
        [probability["probability"] for probability in answer["probabilities"]]
        for answer in answers
    ]
    np.testing.assert_allclose(result, pipeline.predict_proba(records), rtol=0, atol=1e-5)


def test_a_batch_is_answered_in_its_order(model: Model) -> None:
    """Chunk borders change nothing, and every record keeps its id."""
    records = RECORDS * 2
    assert model.predict(records) == [model.predict([record])[0] for record in records]


def test_no_records_get_no_answers(model: Model) -> None:
    """An empty array is not an error."""
    assert model.predict([]) == []


def test_an_answer_says_segment_confidence_and_what_else_is_plausible(model: Model) -> None:
    """The record lies in the ranges of class 4 with every answer."""
    (answer,) = model.predict([COMPLETE])
    segment = MOBILE.segments[3]
    assert answer["segment"] == {"id": segment.id, "name": segment.name, "action": segment.action}
    assert answer["confidence"] == max(item["probability"] for item in answer["probabilities"])
    assert [probability["name"] for probability in answer["probabilities"]] == [
        "Cost-Conscious Customer",
        "Practical User",
        "Feature-Oriented Buyer",
        "Brand Loyalist",
        "Power User",
    ]
    assert answer["plausible"] == ["brand_loyalist"]
    assert answer["unsure"] is False
    assert answer["basis"] == "complete"
    assert answer["warnings"] == []
    assert answer["id"] == 1


@pytest.mark.parametrize("identifier", ["A-7", 0, None])
def test_the_records_own_id_is_returned(model: Model, identifier: object) -> None:
    """As it was sent, or null."""
    (answer,) = model.predict([{"apps_installed": 15, "user_id": identifier}])
    assert answer["id"] == identifier


NUMBERS = {
    column.name: st.floats(column.minimum, column.maximum)
    for column in MOBILE.schema.features
    if column.minimum is not None and column.maximum is not None
}


@settings(max_examples=300)
@given(st.fixed_dictionaries({}, optional=NUMBERS).filter(bool))
def test_every_answer_keeps_its_promises(record: dict[str, float]) -> None:
    """Probabilities add up; plausible is by the thresholds; unsure is not exactly one."""
    model = SHIPPED
    (answer,) = model.predict([record])
    probabilities = {item["id"]: item["probability"] for item in answer["probabilities"]}
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert answer["confidence"] == probabilities[answer["segment"]["id"]]
    missing = tuple(name for name in USAGE if name not in record)
    conformal = model.manifest.conformal
    of_patterns = {part.missing: part.thresholds for part in conformal.patterns}
    thresholds = of_patterns.get(missing, conformal.thresholds[len(missing)])
    assert ("ask_next" in answer) is bool(missing)
    above = {
        name
        for (name, probability), threshold in zip(probabilities.items(), thresholds, strict=True)
        if probability >= 1 - threshold
    }
    assert answer["segment"]["id"] in answer["plausible"]
    if above:
        assert set(answer["plausible"]) == above | {answer["segment"]["id"]}
    assert answer["unsure"] == (len(answer["plausible"]) != 1)


SHIPPED = Model.load(MODEL)


def test_a_record_between_two_segments_is_unsure(model: Model) -> None:
    """One answer typical of one class, one of the next: no single segment is plausible."""
    low, high = model.manifest.segments[1].numbers, model.manifest.segments[2].numbers
    record = {
        "app_usage_min_per_day": low["app_usage_min_per_day"].mean,
        "data_usage_mb_per_day": high["data_usage_mb_per_day"].mean,
    }
    (answer,) = model.predict([record])
    assert answer["unsure"]


def codes(model: Model, **changes: object) -> set[tuple[str, str]]:
    """Return the warnings about the complete record with some answers changed."""
    (answer,) = model.predict([COMPLETE | changes])
    return {(warning["field"], warning["code"]) for warning in answer["warnings"]}


def test_answers_outside_the_training_range_are_warned_about(model: Model) -> None:
    """Ages from 18 to 59, and 20.5 more; a heavier user than any is still a heavy user."""
    assert codes(model, age=79) == set()
    assert codes(model, age=80) == {("age", "outside_training")}
    heavy = {"app_usage_min_per_day": 900, "screen_on_hours_per_day": 18.0,
             "battery_drain_mah_per_day": 5000, "apps_installed": 150,
             "data_usage_mb_per_day": 4000}  # fmt: skip
    assert codes(model, **heavy) == {(name, "outside_training") for name in heavy}


def test_unknown_categories_are_warned_about_and_known_spellings_are_not(model: Model) -> None:
    """A phone that the training records don't have may exist; iphone_12 is an iPhone 12."""
    assert codes(model, device_model="Fairphone 5") == {("device_model", "unknown_category")}
    assert codes(model, device_model="oneplus_9", gender="female") == set()
    assert codes(model, gender="diverse") == {("gender", "unknown_category")}


def test_answers_that_contradict_each_other_are_warned_about(model: Model) -> None:
    """A tenth of the data of everyone who uses the phone that much; and iOS on a OnePlus."""
    assert codes(model, data_usage_mb_per_day=110) == {("data_usage_mb_per_day", "contradiction")}
    assert codes(model, operating_system="iOS") == {("device_model", "contradiction")}
    assert codes(model, device_model="iPhone 12") == {("operating_system", "contradiction")}
    assert codes(model, operating_system="iOS", device_model="iPhone 15") == {
        ("device_model", "unknown_category")
    }


def test_the_training_records_raise_no_warning(model: Model) -> None:
    """What the model was trained on is neither outside nor contradictory."""
    assert [answer["warnings"] for answer in model.predict(RECORDS) if answer["warnings"]] == []


def test_warnings_do_not_repeat_what_was_sent(model: Model) -> None:
    """A message names the field and the limit only."""
    (answer,) = model.predict([COMPLETE | {"gender": "Zaphod", "age": 117}])
    assert "Zaphod" not in str(answer["warnings"])
    assert "117" not in str(answer["warnings"])


def test_made_up_categories_are_not_remembered_without_end(model: Model) -> None:
    """Memory stays bounded whatever is sent."""
    for number in range(1500):
        model.predict([COMPLETE | {"gender": f"g{number}"}])
    assert len(model._warnings._combinations) <= 1024


def test_one_bad_record_refuses_the_whole_batch(model: Model) -> None:
    """Rows in are rows out, or an error."""
    with pytest.raises(InvalidRecordsError):
        model.predict([COMPLETE, {"age": 3}])


def test_a_model_that_answers_differently_than_when_packed_is_refused(tmp_path: Path) -> None:
    """Its golden records don't come out: a scorer of another training, say."""
    package = read_package(MODEL)
    golden = [item.model_copy(update={"segment": "power_user"}) for item in package.manifest.golden]
    changed = package.manifest.model_copy(update={"golden": golden})
    path = tmp_path / "model.bin"
    write_package(path, replace(package, manifest=changed))
    with pytest.raises(PackageError, match="golden records"):
        Model.load(path)
    with pytest.raises(NotReadyError):
        Model(read_package(path)).check_golden()


def test_a_scorer_that_onnx_runtime_cannot_load_is_refused() -> None:
    """Whatever that raises becomes one reason."""
    package = read_package(MODEL)
    with pytest.raises(PackageError, match="scorer that cannot be loaded"):
        Model(Package(package.manifest, b"nonsense", package.pipeline))


def test_the_segments_profiles_add_up(model: Model) -> None:
    """Sizes sum to the sample, shares to one, and size-weighted means to the average."""
    cards = segment_cards(model.manifest)
    assert cards["records"] == len(RECORDS) == sum(card["size"] for card in cards["segments"])
    assert sum(card["share"] for card in cards["segments"]) == pytest.approx(1, abs=1e-5)
    for position, trait in enumerate(cards["segments"][0]["traits"]):
        traits = [(card["size"], card["traits"][position]) for card in cards["segments"]]
        mean = sum(size * item["mean"] for size, item in traits) / cards["records"]
        assert mean == pytest.approx(trait["average"], rel=1e-4)
        assert trait["index"] == pytest.approx(100 * trait["mean"] / trait["average"], abs=0.06)


def test_differences_are_measured_in_spreads(model: Model) -> None:
    """In distances from the first to the ninth decile of all records, so that they compare."""
    for card in segment_cards(model.manifest)["segments"]:
        for trait in card["traits"]:
            values = [record[trait["field"]] for record in SAMPLE]
            low, high = np.quantile(values, [0.1, 0.9])
            expected = (trait["mean"] - np.mean(values)) / (high - low)
            assert trait["difference"] == pytest.approx(expected, abs=1e-5)


def test_a_segments_profile_is_that_of_its_rows(model: Model) -> None:
    """Counted here from the sample."""
    members = [record for record in SAMPLE if record["user_behavior_class"] == 5]
    card = segment_cards(model.manifest)["segments"][4]
    assert card["size"] == len(members)
    apps = next(trait for trait in card["traits"] if trait["field"] == "apps_installed")
    assert apps["mean"] == pytest.approx(np.mean([member["apps_installed"] for member in members]))
    ios = next(choice for choice in card["choices"] if choice["value"] == "iOS")
    assert ios["share"] == pytest.approx(
        np.mean([item["operating_system"] == "iOS" for item in members]), abs=1e-6
    )


HEAVY = {
    *("pandas", "sklearn", "scipy", "joblib", "onnx", "skl2onnx"),
    *("shap", "numba", "xgboost", "matplotlib", "pandera", "mlflow"),
}


def test_answering_imports_neither_pandas_nor_scikit_learn() -> None:
    """The run side stays light: it scores with ONNX Runtime alone, whichever the study.

    DuckDB comes with the first transactions, and nothing else with it.
    """
    transaction = {
        "invoice": 1,
        "quantity": 1,
        "unit_price": 5,
        "invoice_time": "2024-01-01",
        "description": "RED MUG",
    }
    program = (
        "import sys; from pathlib import Path\n"
        "from segmentation.artifact import read_package\n"
        "from segmentation.service.app import create_app\n"
        f"record, heavy = {COMPLETE!r}, {HEAVY!r}\n"
        "client = create_app().test_client()\n"
        "for path in '/segments', '/model', '/openapi.json', '/readyz', '/metrics', '/studies':\n"
        "    assert client.get(path).status_code == 200, path\n"
        "assert client.post('/predict', json=record).status_code == 200\n"
        "assert client.post('/predict', json=[record] * 3).status_code == 200\n"
        "for path in Path('models').glob('*.bin'):\n"
        "    records = [one.record for one in read_package(path).manifest.golden]\n"
        "    way = f'/studies/{path.stem}/predict'\n"
        "    assert client.post(way, json=records).status_code == 200\n"
        "found = heavy & set(sys.modules) | {'duckdb'} & set(sys.modules)\n"
        "assert not found, found\n"
        f"bought = {{'transactions': [{transaction!r}]}}\n"
        "assert client.post('/studies/retail/predict', json=bought).status_code == 200\n"
        "found = heavy & set(sys.modules)\n"
        "assert not found and 'duckdb' in sys.modules, found"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
