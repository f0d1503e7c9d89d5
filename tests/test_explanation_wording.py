"""An explanation is data, and its words are made from the data: whatever names hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from dash import html

from segmentation.dashboard.panels.answer_panel import render_reasons
from segmentation.runtime import Manifest, Model
from segmentation.runtime.explanation import Explanation, Lead, WeighedReason
from segmentation.runtime.explanation_wording import word_change, word_reasons
from segmentation.schema import Record
from tests.support.explaining import explained
from tests.support.shipped import PACKAGES, STUDIES

NAMES = ["St. Moritz regulars", "vs. the rest. Really", "A. B. and C.", "Dr. No", "e.g. nobody"]


def with_names(manifest: Manifest, names: list[str]) -> Manifest:
    """Return a model card whose segments have other names."""
    segments = [
        segment.model_copy(update={"name": name})
        for segment, name in zip(manifest.segments, names, strict=False)
    ]
    return manifest.model_copy(update={"segments": segments})


def with_label(manifest: Manifest, field: str, label: str) -> Manifest:
    """Return a model card in which a question has another label."""
    columns = tuple(
        replace(column, label=label) if column.name == field else column
        for column in manifest.record.columns
    )
    return manifest.model_copy(update={"record": replace(manifest.record, columns=columns)})


def paragraphs(manifest: Manifest, explanation: Explanation) -> list[str]:
    """Return the two sentences that the page shows: why, and what would change it."""
    parts = render_reasons(manifest, explanation)
    return [str(part.children) for part in parts if isinstance(part, html.P)]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    """The shipped models."""
    return {study: Model.load(path) for study, path in PACKAGES.items()}


LEAD: Lead = {"segment": "power_user", "over": "brand_loyalist", "small": False}


def reason(field: str, direction: Any, level: str) -> WeighedReason:
    """Return a reason."""
    return {"field": field, "direction": direction, "level": level}


def test_reasons_for_and_against_are_listed_after_the_lead(models: dict[str, Model]) -> None:
    """The heaviest first; what speaks against comes last, and a gap is said to be one."""
    manifest = models["mobile"].manifest
    reasons = [
        reason("apps_installed", "for", "very high"),
        reason("data_usage_mb_per_day", "for", "high"),
        reason("screen_on_hours_per_day", "against", "missing"),
    ]
    assert word_reasons(manifest, LEAD, reasons) == (
        "Power User rather than Brand Loyalist, mostly because the number of apps is very high and"
        " data usage is high; against it speaks that screen-on time is not known."
    )


def test_a_small_lead_is_said(models: dict[str, Model]) -> None:
    """Also where nothing weighs enough to be a reason."""
    small: Lead = {"segment": "power_user", "over": "brand_loyalist", "small": True}
    words = word_reasons(models["mobile"].manifest, small, [])
    assert words == "Power User rather than Brand Loyalist, by a small lead."


def test_a_change_names_question_answer_unit_and_segment(models: dict[str, Model]) -> None:
    """And where there is none, that no single answer would do."""
    manifest = models["mobile"].manifest
    change = {
        "field": "apps_installed",
        "title": "Number of Apps Installed",
        "unit": "apps",
        "value": 12.0,
        "along": [],
        "segment": "practical_user",
        "name": "St. Moritz regulars",
    }
    words = word_change(manifest, change)  # type: ignore[arg-type]
    assert words == "With the number of apps at 12 apps it would be St. Moritz regulars."
    screen = {"field": "screen_on_hours_per_day", "title": "", "unit": "hours per day"}
    data = {"field": "data_usage_mb_per_day", "title": "", "unit": "MB per day", "value": 300.0}
    along = [screen | {"value": 4.5}, data, data, data, data]
    words = word_change(manifest, change | {"along": along})  # type: ignore[arg-type]
    assert words == (
        "With the number of apps at 12 apps, and along with it screen-on time at 4.5 hours per day,"
        " data usage at 300 MB per day, data usage at 300 MB per day and 2 more answers, it would"
        " be St. Moritz regulars."
    )
    assert word_change(manifest, None).startswith("No realistic change of a single answer")


@pytest.mark.parametrize("study", STUDIES)
def test_the_page_shows_whole_sentences_whatever_segments_are_called(
    models: dict[str, Model], samples: dict[str, list[Record]], study: str
) -> None:
    """A full stop in a name ends no sentence: both paragraphs together are the API's sentence."""
    model = models[study]
    for answer in explained(model, samples[study][:5]):
        explanation = answer["explanation"]
        assert " ".join(paragraphs(model.manifest, explanation)) == explanation["sentence"]
        manifest = with_names(model.manifest, NAMES)
        ids = [segment.id for segment in manifest.segments]
        lead = explanation["lead"]
        names = NAMES[ids.index(lead["segment"])], NAMES[ids.index(lead["over"])]
        first, _ = paragraphs(manifest, explanation)
        assert first.startswith(f"{names[0]} rather than {names[1]}")


def test_a_label_with_a_full_stop_stays_whole(models: dict[str, Model]) -> None:
    """The reason is one sentence, the change another."""
    manifest = with_label(models["mobile"].manifest, "apps_installed", "no. of apps. All phones")
    words = word_reasons(manifest, LEAD, [reason("apps_installed", "for", "high")])
    assert words.endswith(", mostly because no. of apps. All phones is high.")


@pytest.mark.parametrize("study", STUDIES)
def test_reasons_are_the_heaviest_contributions(
    models: dict[str, Model], samples: dict[str, list[Record]], study: str
) -> None:
    """At most three in each direction, none of less than a fifth of the heaviest."""
    for answer in explained(models[study], samples[study][:20]):
        explanation = answer["explanation"]
        contributions = {
            contribution["field"]: contribution["contribution"]
            for contribution in explanation["contributions"]
        }
        heaviest = max(map(abs, contributions.values()))
        for direction, sign in (("for", 1), ("against", -1)):
            fields = [
                item["field"] for item in explanation["reasons"] if item["direction"] == direction
            ]
            heavy = sorted(
                (field for field, value in contributions.items() if sign * value > heaviest / 5),
                key=lambda field: -abs(contributions[field]),
            )
            assert [contributions[field] for field in fields] == [
                contributions[field] for field in heavy[:3]
            ]


@pytest.mark.parametrize("study", STUDIES)
def test_the_lead_is_between_the_segment_and_the_runner_up(
    models: dict[str, Model], samples: dict[str, list[Record]], study: str
) -> None:
    """It is small where the runner-up is more than half as probable."""
    for answer in explained(models[study], samples[study][:20]):
        lead = answer["explanation"]["lead"]
        probabilities = {
            probability["id"]: probability["probability"] for probability in answer["probabilities"]
        }
        assert lead["segment"] == answer["segment"]["id"]
        assert lead["over"] != lead["segment"]
        if probabilities[lead["over"]] > 0:
            ratio = probabilities[lead["segment"]] / probabilities[lead["over"]]
            assert lead["small"] == (ratio < 2)
