"""Records that fit no segment: limits worked out by hand, and what the shipped models say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from segmentation.artifact import Manifest
from segmentation.artifact.typicality import TypicalAnswers, Typicality
from segmentation.runtime import Model
from segmentation.runtime.record_warnings import WarningFinder
from segmentation.schema import Record
from tests.support.shipped import STUDIES

APPS, DATA = "apps_installed", "data_usage_mb_per_day"


def make_manifest(manifest: Manifest, *limits: float | None) -> Manifest:
    """Return a model card whose segments lie around sinh(2) and sinh(5), one apart at most."""
    centres = [(2.0, 2.0), (5.0, 5.0), (5.0, 5.0), (5.0, 5.0), (5.0, 5.0)]
    typicality = Typicality(
        columns=[APPS, DATA],
        segments=[
            TypicalAnswers(segment=segment.id, means=list(centre), deviations=[1.0, 2.0])
            for segment, centre in zip(manifest.segments, centres, strict=True)
        ],
        limits=list(limits),
        false_alarms=0.01,
    )
    return manifest.model_copy(update={"typicality": typicality})


def find_codes(manifest: Manifest, apps: float | None, data: float | None) -> set[str]:
    """Return the codes of the warnings about two answers, given on the scale of comparison."""
    answers = {APPS: apps, DATA: data}
    numbers = [
        None if (value := answers.get(column.name)) is None else math.sinh(value)
        for column in manifest.record.numbers
    ]
    return {doubt["code"] for doubt in WarningFinder(manifest).find({}, numbers, 0, 0)}


@pytest.mark.parametrize(
    ("apps", "data", "is_atypical"),
    [
        (2.0, 2.0, False),
        (3.0, 4.0, False),  # 1 and 1 from the first: 1 in the mean
        (3.6, 2.0, False),  # 1.6² / 2 = 1.28
        (5.0, 2.0, False),  # 0 and 1.5² from the others: 1.125
        (3.5, 2.0, False),  # as far from both: 1.5² / 2 = 1.125
        (5.0, -1.0, True),  # 3² and 1.5² from the first: 5.6; 0 and 3² from the others: 4.5
        (9.0, 9.0, True),
        (4.3, None, False),  # 0.7² = 0.49 from the others
        (3.5, None, False),  # 1.5² = 2.25 from both, and 2.5 is allowed for one answer
        (3.4, None, False),
        (0.3, None, True),  # 1.7² = 2.89
        (None, None, False),
    ],
)
def test_a_record_is_atypical_that_is_too_far_from_every_segment(
    model: Model, apps: float | None, data: float | None, is_atypical: bool
) -> None:
    """The mean squared deviation of the answers that are there, from the nearest segment."""
    manifest = make_manifest(model.manifest, 1.3, 2.5, None)
    assert ("atypical" in find_codes(manifest, apps, data)) is is_atypical


def test_without_limits_no_record_is_atypical(model: Model) -> None:
    """Of too few records to say so, and in packages of before there were limits."""
    manifest = make_manifest(model.manifest, None, None, None)
    assert "atypical" not in find_codes(manifest, 20.0, -20.0)
    older = model.manifest.model_copy(update={"typicality": None})
    assert "atypical" not in find_codes(older, 20.0, -20.0)


@pytest.mark.parametrize("study", sorted({*STUDIES} - {"mobile"}))
def test_about_one_in_a_hundred_records_of_the_sample_is_atypical(
    models: dict[str, Model], samples: dict[str, list[Record]], study: str
) -> None:
    """They were learned from, so it is less than the share that is stated for others."""
    answers = models[study].predict(samples[study])
    alarms = [
        any(warning["code"] == "atypical" for warning in answer["warnings"]) for answer in answers
    ]
    assert np.mean(alarms) <= 0.02


def test_where_segments_are_given_contradictions_say_it(models: dict[str, Model]) -> None:
    """Ranges of all classes are known there, and one warning is enough."""
    assert models["mobile"].manifest.typicality is None


def test_a_record_far_from_all_segments_says_so_in_words(models: dict[str, Model]) -> None:
    """Of a card holder who has all of everything and hardly any of it in a month."""
    record = {
        "balance": 15_000,
        "balance_frequency": 0.1,
        "purchases": 20_000,
        "purchases_frequency": 0.1,
        "cash_advance": 20_000,
        "cash_advance_frequency": 0.1,
        "credit_limit": 500,
        "payments": 5,
    }
    (answer,) = models["credit_card"].predict([record])
    messages = [item["message"] for item in answer["warnings"] if item["code"] == "atypical"]
    assert messages == [
        "fits no segment: its answers together are further from all of them than those of 99% of"
        " records like the training records"
    ]
