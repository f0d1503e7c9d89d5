"""Explanations: they add up, are the exact ones, and the change that they propose works."""

from __future__ import annotations

import json
from typing import Any

import joblib
import numpy as np
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from shap import TreeExplainer

from segmentation.artifact.manifest import NumberBaseline
from segmentation.runtime import Model
from segmentation.runtime.answers import Answer
from segmentation.runtime.counterfactuals import Counterfactual
from segmentation.runtime.realistic_changes import RealisticChanges
from segmentation.schema import Column, Record
from segmentation.service.app import create_app
from tests.support.explaining import (
    CENTROIDS,
    columnwise,
    complete_records,
    explained,
    matrix,
    pieces,
    position,
)
from tests.support.problems import problem
from tests.support.records import COMPLETE
from tests.support.shipped import PACKAGES, SHIPPED, STUDIES

LOADED = {study: Model.load(path) for study, path in PACKAGES.items()}
# Rounding of a sum of at most 19 contributions with six decimals each.
ROUNDING = 2e-5


def with_gaps(model: Model, records: list[Record]) -> list[Record]:
    """Leave some features out of each record, others of each, at least one remains."""
    names = [column.name for column in model.manifest.record.features]
    random = np.random.default_rng(0)
    choices = [set(random.choice(names, random.integers(1, len(names)), False)) for _ in records]
    return [
        {name: value for name, value in record.items() if name in item}
        for record, item in zip(records, choices, strict=True)
    ]


def answers_to(column: Column) -> st.SearchStrategy[float]:
    """Return what somebody may answer to a question."""
    low, high = column.minimum or 0, column.maximum or 0
    if column.kind == "integer":
        return st.integers(int(low), int(high))
    return st.floats(low, high)


def sendable(study: str) -> st.SearchStrategy[Record]:
    """Return records of a study: any of its features, complete, incomplete or indirect."""
    features = LOADED[study].manifest.record.features
    every = {column.name: answers_to(column) for column in features}
    indirect = {column.name: every[column.name] for column in features if not column.defines}
    kinds = [st.fixed_dictionaries(every), st.fixed_dictionaries({}, optional=every).filter(bool)]
    if indirect:
        kinds.append(st.fixed_dictionaries({}, optional=indirect).filter(bool))
    return st.one_of(kinds)


@pytest.mark.parametrize("study", STUDIES)
@settings(max_examples=40)
@given(data=st.data())
def test_base_and_contributions_add_up_to_the_output(study: str, data: st.DataObject) -> None:
    """For anything that a record may hold, complete, incomplete or indirect."""
    model = LOADED[study]
    (answer,) = explained(model, [data.draw(sendable(study))])
    values, base, output = pieces(model, answer)
    assert base + values.sum() == pytest.approx(output, abs=ROUNDING, rel=1e-9)
    assert len(values) == len(answer["explanation"]["contributions"])
    if answer["explanation"]["scale"] == "probability":
        assert output == pytest.approx(answer["confidence"], abs=ROUNDING)


@pytest.mark.parametrize("study", CENTROIDS)
def test_log_odds_are_those_of_the_pickled_pipeline(
    study: str, samples: dict[str, list[Record]]
) -> None:
    """The logarithm of how many times as probable the segment is as the one named against it."""
    model, pipeline = LOADED[study], joblib.load(PACKAGES[study])
    records = [*samples[study][::20], *with_gaps(model, samples[study][::20])]
    probabilities = pipeline.predict_proba(matrix(model, records))
    compared = 0
    for answer, row in zip(explained(model, records), probabilities, strict=True):
        explanation = answer["explanation"]
        segment = position(model, answer["segment"]["id"])
        against = position(model, explanation["against"])
        assert explanation["scale"] == "log_odds"
        assert row[against] == max(np.delete(row, segment))
        if row[against] > 1e-300:
            expected = np.log(row[segment] / row[against])
            assert explanation["output"] == pytest.approx(expected, abs=ROUNDING)
            compared += 1
    assert compared > 0.9 * len(records)


def test_contributions_of_trees_are_the_shap_values(samples: dict[str, list[Record]]) -> None:
    """Computed here by shap from the unpickled forest, on rows that are imputed by hand."""
    model, pipeline = LOADED["mobile"], joblib.load(PACKAGES["mobile"])
    records = [*samples["mobile"][::10], *with_gaps(model, samples["mobile"][::10])]
    imputed = np.nan_to_num(matrix(model, records), nan=-1.0)
    explainer = TreeExplainer(pipeline[-1].estimator_.named_steps["forest"])
    expected = explainer.shap_values(imputed)
    for row, answer in enumerate(explained(model, records)):
        values, base, _ = pieces(model, answer)
        segment = position(model, answer["segment"]["id"])
        np.testing.assert_allclose(values, expected[row, :, segment], rtol=0, atol=1e-6)
        assert base == pytest.approx(explainer.expected_value[segment], abs=1e-6)


@pytest.mark.parametrize("study", CENTROIDS)
def test_contributions_to_centroids_are_those_of_a_linear_model(
    study: str, samples: dict[str, list[Record]]
) -> None:
    """Log-odds of two centroids are linear in the scaled answers, whose mean is 0.

    The linear SHAP value is coefficient times distance from the mean, and the output at the mean
    is half the difference of the squared distances of the two centroids from it.
    """
    model = LOADED[study]
    records = complete_records(model, samples[study])[::25]
    Z, centroids, variance = columnwise(study, matrix(model, records))
    for z, answer in zip(Z, explained(model, records), strict=True):
        values, base, output = pieces(model, answer)
        local = centroids[position(model, answer["segment"]["id"])]
        remote = centroids[position(model, answer["explanation"]["against"])]
        expected = z * (local - remote) / variance
        defining = list(model.manifest.record.defining)
        np.testing.assert_allclose(values[defining], expected, rtol=0, atol=1e-5)
        assert not np.delete(values, defining).any()
        assert base == pytest.approx((remote @ remote - local @ local) / (2 * variance), abs=1e-5)
        closer = ((z - remote) ** 2).sum() - ((z - local) ** 2).sum()
        assert output == pytest.approx(closer / (2 * variance), abs=1e-4)


def test_indirect_contributions_are_those_of_the_logistic_regression(
    samples: dict[str, list[Record]],
) -> None:
    """Coefficient times scaled answer; what is missing counts as the median."""
    model = LOADED["household"]
    names = [column.name for column in model.manifest.record.features if not column.defines]
    records = [{name: item[name] for name in names[::2]} for item in samples["household"][::50]]
    prior = joblib.load(PACKAGES["household"])[-1].prior_
    steps = prior.named_steps
    X = matrix(model, records)[:, : len(names)]
    X = np.where(np.isnan(X), steps["impute"].statistics_, X)
    Z = (X - steps["scale"].mean_) / steps["scale"].scale_
    for z, answer in zip(Z, explained(model, records), strict=True):
        values, _, _ = pieces(model, answer)
        local = steps["logistic"].coef_[position(model, answer["segment"]["id"])]
        remote = steps["logistic"].coef_[position(model, answer["explanation"]["against"])]
        np.testing.assert_allclose(values[: len(names)], z * (local - remote), rtol=0, atol=1e-5)
        assert not values[len(names) :].any()


@pytest.mark.parametrize("study", STUDIES)
def test_an_explanation_shows_the_answers_as_they_were_sent(
    study: str, samples: dict[str, list[Record]]
) -> None:
    """Not as the float32 numbers that the model reads; what is missing is null."""
    model = LOADED[study]
    (incomplete,) = with_gaps(model, samples[study][:1])
    (record,) = model.check([incomplete])  # with what follows from the answers
    (answer,) = explained(model, [incomplete])
    for contribution in answer["explanation"]["contributions"]:
        response = record.get(contribution["field"])
        assert contribution["value"] == (
            None if response is None else pytest.approx(response, rel=1e-6)
        )
        assert len(str(contribution["value"])) <= 14


def test_money_is_shown_with_its_two_decimals() -> None:
    """6681.36 is no float32 number; the nearest one has nine more digits."""
    (answer,) = explained(LOADED["credit_card"], [{"purchases": 6681.36}])
    (value,) = (
        contribution["value"]
        for contribution in answer["explanation"]["contributions"]
        if contribution["value"]
    )
    assert value == 6681.36


@pytest.mark.parametrize("study", STUDIES)
def test_the_sentence_names_the_segment_and_the_change(
    study: str, samples: dict[str, list[Record]]
) -> None:
    """It begins with the segment's name and ends with where the change leads."""
    model = LOADED[study]
    for answer in explained(model, samples[study][:20]):
        explanation = answer["explanation"]
        change = explanation["change"]
        assert explanation["sentence"].startswith(f"{answer['segment']['name']} rather than ")
        end = f"it would be {change['name']}." if change else "leads to another segment."
        assert explanation["sentence"].endswith(end)
        assert "nan" not in explanation["sentence"]


def between(start: float, end: float, described: NumberBaseline, column: Column) -> list[float]:
    """Return answers from `end` back to `start`: the last hundred steps, and a hundred others.

    A column without steps is looked at in thousandths of its training range.
    """
    step = column.resolution or (described.high - described.low) / 1000
    route = np.arange(1, abs(end - start) / step)
    route = np.unique(np.concatenate([route[:100], route[:: max(1, len(route) // 100)]]))
    answers = [round(end - float(np.sign(end - start) * step * count), 9) for count in route]
    return [answer for answer in answers if (answer - start) * (answer - end) < 0]


def check_change(model: Model, record: Record, answer: Answer, change: Counterfactual) -> None:
    """Check that a change is possible, works, and is the smallest in its direction."""
    column = model.manifest.record.by_name[change["field"]]
    described = model.manifest.baseline.numbers[column.name]
    start, value = record[column.name], change["value"]
    assert start is not None
    assert not column.fixed
    assert not column.only_follows
    assert described.low <= value <= described.high
    if column.resolution:
        assert value / column.resolution == pytest.approx(round(value / column.resolution))
    answers = {changed["field"]: changed["value"] for changed in [change, *change["along"]]}
    check_possible(model, record, answers)
    (changed,) = model.predict([record | answers])
    assert changed["segment"]["id"] == change["segment"] != answer["segment"]["id"]
    assert changed["segment"]["name"] == change["name"]
    assert change["segment"] in changed["plausible"]
    assert codes(changed) <= codes(answer)
    realistic = RealisticChanges(model.manifest)
    nearer = [
        record | changes
        for item in between(start, value, described, column)
        if (changes := realistic.change(record, column, item))
    ]
    assert not [
        further["segment"]["id"]
        for further in model.predict(nearer)
        if further["segment"]["id"] != answer["segment"]["id"]
        and further["segment"]["id"] in further["plausible"]
        and "contradiction" not in codes(further)
        and "atypical" not in codes(further) - codes(answer)
    ]


def codes(answer: Answer) -> set[str]:
    """Return the kinds of warnings of an answer."""
    return {warning["code"] for warning in answer["warnings"]}


def check_possible(model: Model, record: Record, answers: dict[str, float]) -> None:
    """Check that nothing changes back that can't, and that only what was answered changes."""
    columns = model.manifest.record.by_name
    for name, answer in answers.items():
        assert record[name] is not None
        assert not columns[name].fixed
        restarts = columns[name].restarts_with in answers
        if columns[name].only_grows and not restarts:
            assert answer >= record[name]
        if restarts:
            assert answer == columns[name].minimum


@pytest.mark.parametrize("study", STUDIES)
def test_the_proposed_change_leads_to_the_named_segment_and_no_smaller_one_does(
    study: str, samples: dict[str, list[Record]]
) -> None:
    """Of an answer that was given and can change, in its steps, within the training range."""
    model = LOADED[study]
    few = samples[study][:: len(samples[study]) // 60]
    records = model.check([*few, *with_gaps(model, few)])
    n_changes = 0
    for record, answer in zip(records, explained(model, records), strict=True):
        change = answer["explanation"]["change"]
        if change:
            check_change(model, record, answer, change)
            n_changes += 1
    assert n_changes > len(records) / 3


def test_a_household_that_gave_only_what_is_fixed_gets_no_change(
    samples: dict[str, list[Record]],
) -> None:
    """Nobody is told to become younger."""
    model = LOADED["household"]
    fixed = [column.name for column in model.manifest.record.features if column.fixed]
    records = [{name: item[name] for name in fixed} for item in samples["household"][:50]]
    assert {
        str(item_value["explanation"]["change"]) for item_value in explained(model, records)
    } == {"None"}


def test_the_runner_up_is_the_next_nearest_centroid_however_far(
    samples: dict[str, list[Record]],
) -> None:
    """Where the probabilities of all other segments are 0 in float32, one still is the next."""
    model = LOADED["household"]
    record = samples["household"][0] | {"brands": 100, "brand_runs": 1000, "transactions": 1000}
    (answer,) = explained(model, [record])
    Z, centroids, _ = columnwise("household", matrix(model, [record]))
    order = ((Z[0] - centroids) ** 2).sum(axis=1).argsort()
    assert sorted(probability["probability"] for probability in answer["probabilities"]) == [
        0,
        0,
        1,
    ]
    assert position(model, answer["segment"]["id"]) == order[0]
    assert position(model, answer["explanation"]["against"]) == order[1]


def test_explain_answers_like_predict_with_an_explanation(client: FlaskClient) -> None:
    """One record or an array; the rest of the answer is the same."""
    plain = client.post("/predict", json=COMPLETE).json
    answer = client.post("/explain", json=COMPLETE).json
    explanation = answer.pop("explanation")
    assert answer == plain
    assert explanation["scale"] == "probability"
    content = client.post("/explain", json=[COMPLETE, {"apps_installed": 12}]).json
    assert [bool(prediction["explanation"]) for prediction in content["predictions"]] == [
        True,
        True,
    ]
    assert content["predictions"][0]["explanation"] == explanation
    assert client.post("/explain", json=[]).json["predictions"] == []


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_explains_at_its_own_route(client: FlaskClient, study: str) -> None:
    """And at predict, where it is asked for: the same answer."""
    record = LOADED[study].manifest.golden[0].record
    answer = client.post(f"/studies/{study}/explain", json=record).json
    content = client.post(f"/studies/{study}/predict", json=record | {"explain": True}).json
    assert answer == content
    assert answer["explanation"]["contributions"]
    assert answer["model"]["study"] == study


def test_only_the_records_that_ask_get_an_explanation(client: FlaskClient) -> None:
    """The others are answered as ever, in their places, also behind a chunk of 256."""
    records: list[dict[str, Any]] = [COMPLETE | {"user_id": number} for number in range(300)]
    records[1]["explain"] = records[280]["explain"] = True
    records[2]["explain"] = False
    answers = client.post("/predict", json=records).json["predictions"]
    assert [row for row, item in enumerate(answers) if "explanation" in item] == [1, 280]
    assert [answer["id"] for answer in answers] == list(range(300))


@pytest.mark.parametrize("value", [1, 0, "true", None, [], {}])
def test_explain_is_true_or_false(client: FlaskClient, value: object) -> None:
    """Anything else is a 422 that points at it, of one record or of the one in an array."""
    content = problem(client.post("/predict", json=COMPLETE | {"explain": value}), 422)
    assert [error["pointer"] for error in content["errors"]] == ["/explain"]
    records = [COMPLETE, COMPLETE | {"explain": value}]
    content = problem(client.post("/predict", json=records), 422)
    assert [item["pointer"] for item in content["errors"]] == ["/1/explain"]
    problem(client.post("/explain", json=records), 422)


def test_more_explanations_than_allowed_are_a_413() -> None:
    """The limit is a setting and is said; plain answers beside them don't count."""
    settings = SHIPPED.model_copy(update={"max_explanations": 2})
    client = create_app(settings).test_client()
    asking = COMPLETE | {"explain": True}
    assert client.post("/predict", json=[asking, asking, COMPLETE]).status_code == 200
    assert client.post("/explain", json=[COMPLETE] * 2).status_code == 200
    for path, records in (("/predict", [asking] * 3), ("/explain", [COMPLETE] * 3)):
        content = problem(client.post(path, json=records), 413)
        assert "At most 2 records" in content["detail"]


def test_a_bad_record_is_refused_before_anything_is_explained(client: FlaskClient) -> None:
    """As at predict, and its values are not repeated."""
    record = {"gender": "Zaphod" * 20, "age": 4242, "apps_installed": "Zaphod", "explain": True}
    for path in ("/predict", "/explain"):
        content = problem(client.post(path, json=record), 422)
        text = json.dumps([content["errors"], content["detail"]])
        assert len(content["errors"]) == 3
        assert "Zaphod" not in text
        assert "4242" not in text
