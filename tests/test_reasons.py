"""Reasons of a file's rows, on segments whose averages and spreads are given by hand."""

from __future__ import annotations

from typing import Any

import pytest

from segmentation.artifact import Manifest
from segmentation.artifact.manifest import NumberBaseline, NumberProfile
from segmentation.runtime import Model
from segmentation.runtime.reasons import Reason, Reasons

USAGE = (
    "app_usage_min_per_day",
    "screen_on_hours_per_day",
    "battery_drain_mah_per_day",
    "apps_installed",
    "data_usage_mb_per_day",
)
# From the second lowest to the second highest tenth: a spread of 16, exact in binary.
DECILES = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]


def described(deciles: list[float], low: float = 2, high: float = 20) -> NumberBaseline:
    """Return what the training records say about a question."""
    return NumberBaseline(low=low, high=high, mean=8, deciles=deciles, missing=0)


def two_segments(model: Model, apart: list[float], **questions: NumberBaseline) -> Manifest:
    """Return a model card of two segments, whose averages are 0 and, by question, so far away."""
    means = [dict.fromkeys(USAGE, 0.0), dict(zip(USAGE, apart, strict=True))]
    segments = [
        segment.model_copy(
            update={
                "numbers": {
                    name: NumberProfile(mean=value, low=0, high=20, index=None)
                    for name, value in by_name.items()
                }
            }
        )
        for segment, by_name in zip(model.manifest.segments, means, strict=False)
    ]
    numbers = {name: questions.get(name, described(DECILES)) for name in USAGE}
    baseline = model.manifest.baseline.model_copy(update={"numbers": numbers})
    return model.manifest.model_copy(update={"segments": segments, "baseline": baseline})


def find_reasons(manifest: Manifest, record: dict[str, float], basis: str) -> list[Reason]:
    """Return the reasons that speak for the first segment against the second."""
    own, second = (segment.id for segment in manifest.segments)
    answer: Any = {
        "segment": {"id": own},
        "basis": basis,
        "probabilities": [{"id": own, "probability": 0.6}, {"id": second, "probability": 0.4}],
    }
    return Reasons(manifest).find(record, answer)


def reasons(manifest: Manifest, record: dict[str, float]) -> list[str]:
    """Return the fields of the reasons for a complete record, the best first."""
    return [reason["field"] for reason in find_reasons(manifest, record, "complete")]


AT_THE_AVERAGE = dict.fromkeys(USAGE, 0.0)


def test_a_reason_speaks_more_than_a_fifth_as_much_as_the_first(model: Model) -> None:
    """Of 10, 5, 2.5, 2 and 1 spreads the third is worth saying, exactly a fifth is not."""
    manifest = two_segments(model, [32, 80, 16, 160, 40])
    assert reasons(manifest, AT_THE_AVERAGE) == [
        "apps_installed", "screen_on_hours_per_day", "data_usage_mb_per_day",
    ]  # fmt: skip
    without = {name: value for name, value in AT_THE_AVERAGE.items() if not name.startswith("data")}
    assert reasons(manifest, without) == ["apps_installed", "screen_on_hours_per_day"]


def test_three_reasons_are_enough(model: Model) -> None:
    """The best of five that are all worth saying."""
    manifest = two_segments(model, [32, 48, 40, 64, 56])
    assert reasons(manifest, AT_THE_AVERAGE) == [
        "apps_installed", "data_usage_mb_per_day", "screen_on_hours_per_day",
    ]  # fmt: skip


def test_an_answer_in_the_middle_speaks_for_neither(model: Model) -> None:
    """Only what lies nearer to the segment's average is a reason for it."""
    manifest = two_segments(model, [10, 10, 10, 10, 10])
    record = AT_THE_AVERAGE | {"apps_installed": 5.0, "app_usage_min_per_day": 6.0}
    assert reasons(manifest, record) == [
        "screen_on_hours_per_day", "battery_drain_mah_per_day", "data_usage_mb_per_day",
    ]  # fmt: skip
    assert reasons(manifest, {"apps_installed": 5.0}) == []
    assert reasons(manifest, {"apps_installed": 4.75}) == ["apps_installed"]


@pytest.mark.parametrize(
    ("answers", "spread"),
    [(described(DECILES), 16.0), (described([3.0] * 9), 18.0), (described([3.0] * 9, 3, 3), 1.0)],
    ids=["between the outer deciles", "between the extremes", "of one answer only"],
)
def test_gains_are_counted_in_spreads(model: Model, answers: NumberBaseline, spread: float) -> None:
    """Of a question whose answers are nearly all the same, the spread is that of all answers."""
    just_more, just_less = 2.25, 1.75  # than two spreads of the other question, which are 32
    for factor, first in ((just_more, "apps_installed"), (just_less, "data_usage_mb_per_day")):
        manifest = two_segments(model, [0, 0, 0, factor * spread, 32], apps_installed=answers)
        assert reasons(manifest, AT_THE_AVERAGE)[0] == first


def test_what_nobody_can_change_is_not_called_high_or_low(
    model: Model, models: dict[str, Model]
) -> None:
    """A level of education would read as a grade; of the number of apps it is what matters."""
    manifest = two_segments(model, [32, 32, 32, 32, 32])
    (reason,) = find_reasons(manifest, {"apps_installed": 0.0}, "complete")
    assert reason == {"field": "apps_installed", "level": "very low"}
    manifest = models["household"].manifest
    average = manifest.segments[0].numbers["education"].mean
    manifest = manifest.model_copy(update={"segments": manifest.segments[:2]})
    (reason,) = find_reasons(manifest, {"education": average}, "indirect")
    assert reason == {"field": "education", "level": "as given"}
