"""Warnings, against ranges that are worked out by hand: half as much again as a segment's own."""

from __future__ import annotations

from typing import Any

import pytest

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import Baseline, NumberBaseline, NumberProfile
from segmentation.runtime import Model
from segmentation.runtime.record_warnings import WarningFinder
from tests.support.metrics import make_metric

APPS, AGE = "apps_installed", "age"
TRAINED = NumberBaseline(low=-90, high=120, mean=0, deciles=[0.0] * 9, missing=0)


def learned(manifest: Manifest, column: str, *ranges: tuple[float, float]) -> Manifest:
    """Return a model card of as many segments, with their lowest and highest answers to one."""
    segments = [
        segment.model_copy(
            update={
                "numbers": {column: NumberProfile(mean=0, low=low, high=high, index=None)},
            }
        )
        for segment, (low, high) in zip(manifest.segments, ranges, strict=False)
    ]
    baseline = Baseline(numbers={column: TRAINED}, categories=manifest.baseline.categories)
    changed = {"segments": segments, "baseline": baseline, "typicality": None}
    return manifest.model_copy(update=changed)


def doubted(manifest: Manifest, column: str, value: float, segment: int) -> list[tuple[str, str]]:
    """Return fields and codes of the warnings about one answer, in a record of a segment."""
    numbers = [value if number.name == column else None for number in manifest.record.numbers]
    result = WarningFinder(manifest).find({}, numbers, segment, 0)
    return [(str(doubt["field"]), doubt["code"]) for doubt in result]


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (-60, True),  # the lowest segment is open below, and ends at -60 / 1.5
        (-40, True),
        (-39.9, False),
        (-30.1, False),
        (-30, True),  # the second one: -20 * 1.5 to -15 / 1.5
        (-10, True),
        (-9.9, False),
        (7.9, False),
        (8, True),  # the third one: 12 / 1.5 to 20 * 1.5
        (30, True),
        (30.1, False),
        (39.9, False),
        (40, True),  # the highest one begins at 60 / 1.5 and is open above
        (119, True),
    ],
)
def test_a_range_is_half_as_wide_again_on_either_side_of_zero(
    model: Model, value: float, fits: bool
) -> None:
    """Away from zero a limit is multiplied, towards it divided; outer segments have one limit."""
    manifest = learned(model.manifest, APPS, (-80, -60), (-20, -15), (12, 20), (60, 90))
    assert doubted(manifest, APPS, value, 3 if value < 0 else 0) == (
        [] if fits else [(APPS, "contradiction")]
    )


def test_an_answer_that_fits_the_segment_is_not_the_one_that_contradicts(model: Model) -> None:
    """Where two answers fit no segment together, the one that the answer ignored is named."""
    manifest = learned(model.manifest, APPS, (0, 10), (60, 90))
    second = {"battery_drain_mah_per_day": manifest.segments[0].numbers[APPS]}
    segments = [
        segment.model_copy(update={"numbers": segment.numbers | profile})
        for segment, profile in zip(
            manifest.segments,
            [second, {"battery_drain_mah_per_day": manifest.segments[1].numbers[APPS]}],
            strict=True,
        )
    ]
    baseline = manifest.baseline.model_copy(
        update={"numbers": dict.fromkeys([APPS, *second], TRAINED)}
    )
    manifest = manifest.model_copy(update={"segments": segments, "baseline": baseline})
    answers = {APPS: 70.0, "battery_drain_mah_per_day": 5.0}
    numbers = [answers.get(column.name) for column in manifest.record.numbers]
    for segment, field in ((0, APPS), (1, "battery_drain_mah_per_day")):
        (doubt,) = WarningFinder(manifest).find({}, numbers, segment, 0)
        assert (doubt["field"], doubt["code"]) == (field, "contradiction")


@pytest.mark.parametrize(
    ("value", "outside"), [(-195, False), (-195.1, True), (225, False), (225.1, True)]
)
def test_an_answer_may_lie_half_the_range_beyond_it(
    model: Model, value: float, outside: bool
) -> None:
    """From -90 to 120 are 210, half of which 105; and context, as age is, contradicts nothing."""
    manifest = learned(model.manifest, AGE, (20, 30), (60, 70))
    assert doubted(manifest, AGE, value, 0) == ([(AGE, "outside_training")] if outside else [])


def test_the_warning_says_what_is_usual(model: Model) -> None:
    """The ends of the column, which are no customer's own."""
    manifest = learned(model.manifest, AGE, (20, 30), (60, 70))
    numbers = [300.0 if number.name == AGE else None for number in manifest.record.numbers]
    (warning,) = WarningFinder(manifest).find({}, numbers, 0, 0)
    assert warning["message"] == (
        "is far outside the usual answers that the model was trained on: -90 to 120 years"
    )


def test_what_was_never_answered_in_training_is_not_outside(model: Model) -> None:
    """There is no range that it could be outside of."""
    manifest = learned(model.manifest, AGE, (20, 30), (60, 70))
    assert doubted(manifest, APPS, 1e6, 0) == []


def test_only_a_record_without_any_defining_answer_is_indirect(model: Model) -> None:
    """With one of the five it rests on something."""
    doubts = WarningFinder(model.manifest)
    numbers = [None] * len(model.manifest.record.numbers)
    assert [doubt["code"] for doubt in doubts.find({}, numbers, 0, 5)] == ["indirect"]
    assert doubts.find({}, numbers, 0, 4) == []


@pytest.mark.parametrize("limit", [-195, 225])
def test_a_limit_is_inside_whatever_else_is_outside(model: Model, limit: float) -> None:
    """Of two answers only the one beyond its range is named."""
    manifest = learned(model.manifest, AGE, (20, 30), (60, 70))
    numbers_of_both = {AGE: TRAINED, APPS: TRAINED}
    baseline = manifest.baseline.model_copy(update={"numbers": numbers_of_both})
    doubts = WarningFinder(manifest.model_copy(update={"baseline": baseline}))
    answers = {AGE: limit, APPS: 1e6}
    numbers = [answers.get(column.name) for column in manifest.record.numbers]
    (doubt,) = doubts.find({}, numbers, 0, 0)
    assert (doubt["field"], doubt["code"]) == (APPS, "outside_training")


MEMBERS: dict[str, dict[str, Any]] = {
    "accuracy, indirect": {"condition": {"kind": "indirect"}},
    "accuracy, largest class": {"predictor": "largest_class"},
}


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["accuracy, indirect", "accuracy, largest class"], "right for 75% of held-out records"),
        (["accuracy, indirect"], "rests on none of the answers that define the segments"),
        (["accuracy, largest class"], "rests on none of the answers that define the segments"),
    ],
)
def test_how_often_indirect_answers_are_right_is_said_where_it_was_measured(
    model: Model, names: list[str], sentence: str
) -> None:
    """Both shares or neither: one of them alone says nothing."""
    metrics = [make_metric(**MEMBERS[name]) for name in names]
    doubts = WarningFinder(model.manifest.model_copy(update={"metrics": metrics}))
    numbers = [None] * len(model.manifest.record.numbers)
    (doubt,) = doubts.find({}, numbers, 0, 5)
    assert sentence in doubt["message"]
    assert ("%" in doubt["message"]) == (len(names) == 2)


CONTRADICTIONS = [
    (
        "credit_card",
        {"purchases": 5000, "purchases_trx": 0},
        ["purchases", "purchases_trx"],
        "does not go together with the number of purchases: they are zero together or not at all",
    ),
    (
        "credit_card",
        {"purchases": 100, "installments_purchases": 900},
        ["purchases", "installments_purchases"],
        "does not go together with the amount paid in instalments: it is their sum",
    ),
    (
        "household",
        {"no_promotion_share": 0.9, "promotion_6_share": 0.4},
        ["no_promotion_share", "promotion_6_share"],
        "does not go together with the share bought on promotion 6: together they are one whole",
    ),
    (
        "household",
        {"brand_runs": 30, "transactions": 20},
        ["brand_runs", "transactions"],
        "does not go together with the number of purchases: it is never greater",
    ),
    (
        "household",
        {"largest_brand_share": 0.2, "brand_55_share": 0.7},
        ["largest_brand_share", "brand_55_share"],
        "does not go together with the share of brand 55: it is the largest of them",
    ),
    (
        "retail",
        {"frequency": 3, "monetary": 500, "average_transaction_value": 1666.67},
        ["monetary", "frequency", "average_transaction_value"],
        "does not go together with the number of orders and the average order value:"
        " it follows from them",
    ),
]


@pytest.mark.parametrize(("study", "record", "fields", "message"), CONTRADICTIONS)
def test_a_broken_relation_names_the_answers_in_the_words_of_the_study(
    models: dict[str, Model], study: str, record: dict[str, float], fields: list[str], message: str
) -> None:
    """As a sentence about the first of them, and as a list for programs."""
    (answer,) = models[study].predict([record])
    contradictions = [
        warning for warning in answer["warnings"] if warning["code"] == "contradiction"
    ]
    assert contradictions[0] == {
        "field": fields[0],
        "code": "contradiction",
        "message": message,
        "fields": fields,
    }


def test_many_answers_are_counted_rather_than_named(models: dict[str, Model]) -> None:
    """Ten shares that add up to 1.6 are one warning, whose list is complete."""
    schema = models["retail"].manifest.record
    shares = [column.name for column in schema.features if column.name.startswith("share_")]
    (answer,) = models["retail"].predict([dict.fromkeys(shares, 0.16)])
    (warning,) = (item for item in answer["warnings"] if item["code"] == "contradiction")
    assert warning["fields"] == shares
    assert warning["message"].startswith("does not go together with the share spent on accessories")
    assert "and 6 more: together they are one whole" in warning["message"]


def test_answers_of_no_segment_name_each_other(model: Model) -> None:
    """Where segments are given, what fits none of them together contradicts itself."""
    (answer,) = model.predict([{"apps_installed": 95, "data_usage_mb_per_day": 110}])
    warnings = {item["field"]: item for item in answer["warnings"]}
    assert len(warnings) == 1
    ((field, warning),) = warnings.items()
    assert set(warning["fields"]) == {"apps_installed", "data_usage_mb_per_day"}
    words = {"apps_installed": "data usage", "data_usage_mb_per_day": "the number of apps"}
    assert warning["message"] == f"does not go together with {words[field]}"
