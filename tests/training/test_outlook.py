"""Forward in time: what a forecast learns from, what it is compared with, what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.artifact.metrics import Metric
from segmentation.datasets import History, Snapshot
from segmentation.errors import TrainingError
from segmentation.estimators import WithOutlook
from segmentation.schema import Schema
from segmentation.study import OutlookModel, Study
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.fitting.outlook import rehearse
from segmentation.wording.metrics import describe_evaluation, describe_inputs, name_metric
from tests.support.filling import fill_gaps
from tests.support.planted import CENTRES, IDS, SPEND, STUDY, VISITS, draw, records, source

SEED = 0
DAYS = 91
LATEST = datetime(2024, 9, 1)
# 60 customers, 20 of each group.
X, GROUP = draw(n=20)


def classifier(random_state: int) -> Pipeline:
    """Return a classifier that takes NaN."""
    logistic = LogisticRegression(random_state=random_state)
    return Pipeline(
        [("fill", fill_gaps(-1.0)), ("scale", StandardScaler()), ("logistic", logistic)]
    )


def moved(X: Any, rows: Any, to: int) -> Any:
    """Return the records with some customers moved into another group."""
    X = X.copy()
    X[rows, SPEND], X[rows, VISITS] = CENTRES[to, :2]
    return X


def of(*matrices: Any) -> tuple[Snapshot, ...]:
    """Return snapshots 91 days apart, the latest first; customers have the same numbers."""
    return tuple(
        Snapshot(LATEST - timedelta(DAYS * i), records(matrix)) for i, matrix in enumerate(matrices)
    )


LOW, MID, HIGH = (np.flatnonzero(item == GROUP) for item in range(3))
# Before the latest date six low customers become high ones; before that two mid ones low ones.
BEFORE = moved(X, LOW[:2], 1)
THEN = X
NOW = moved(X, LOW[:6], 2)
SNAPSHOTS = of(NOW, THEN, BEFORE)


def forecast(
    snapshots: tuple[Snapshot, ...], make: Callable[[int], Any] = classifier
) -> dict[str, Metric]:
    """Return the figures of a rehearsal by their names."""
    result, _ = rehearse(STUDY, OutlookModel(DAYS, make), snapshots, SEED, "planted.csv")
    assert len({name_metric(metric) for metric in result}) == len(result)
    return {name_metric(metric): metric for metric in result}


def test_staying_is_measured_as_by_hand() -> None:
    """Of 60 customers 54 are where they were; six of 26 high ones were low.

    Recalls are 14/14, 20/20 and 20/26; precisions 14/20, 20/20 and 20/20.
    """
    result = forecast(SNAPSHOTS)
    values = {
        metric.measure: metric.value
        for metric in result.values()
        if metric.predictor == "no_change"
    }
    f1 = [2 * 14 / (14 + 20), 1.0, 2 * 20 / (20 + 26)]
    assert values == pytest.approx(
        {
            "accuracy": 54 / 60,
            "balanced_accuracy": (1 + 1 + 20 / 26) / 3,
            "macro_f1": sum(f1) / 3,
        },
        abs=1e-6,
    )


def test_the_largest_class_is_that_of_the_past() -> None:
    """From BEFORE to THEN customers became low, mid and high in equal parts: the first is said."""
    result = forecast(SNAPSHOTS)
    assert result["accuracy, largest class, 91 days ahead"].value == pytest.approx(
        14 / 60, abs=1e-6
    )


def test_figures_say_when_and_from_what() -> None:
    """None is agreement with a definition; the date, the way ahead and the source stand there."""
    result = forecast(SNAPSHOTS)
    assert not any(metric.circular for metric in result.values())
    assert {metric.horizon_days for metric in result.values()} == {DAYS}
    assert {metric.n_records for metric in result.values()} == {60}
    assert {describe_evaluation(metric) for metric in result.values()} == {
        "2024-09-01, from what was known 91 days before, planted.csv"
    }
    assert {describe_inputs(metric, STUDY.schema) for metric in result.values()} == {
        "all features at the earlier date",
        "the segment stays",
        "none at the earlier date",
    }
    forecast_features = result["accuracy, 91 days ahead"].features
    assert forecast_features == [column.name for column in STUDY.schema.features]


class Remembered:
    """Classifiers as they are made, with the records that they learn from."""

    def __init__(self) -> None:
        self.models: list[Pipeline] = []

    def __call__(self, random_state: int) -> Pipeline:
        """Return another one."""
        self.models.append(classifier(random_state))
        return self.models[-1]


def wild(X: Any) -> Any:
    """Return records of a day on which everything is another."""
    random = np.random.default_rng(1)
    return (random.permuted(X, axis=0) * [9, 9, 1, 1]).astype(np.float32)


def test_nothing_of_the_latest_date_reaches_the_rehearsal() -> None:
    """However the latest snapshot changes, what was learned answers the same."""
    item, second = Remembered(), Remembered()
    text = forecast(SNAPSHOTS, item)
    told_otherwise = forecast(of(wild(NOW), THEN, BEFORE), second)
    np.testing.assert_array_equal(
        item.models[0].predict_proba(X), second.models[0].predict_proba(X)
    )
    name = "accuracy, 91 days ahead"
    assert text[name].value > 0.8 > told_otherwise[name].value


def test_what_was_known_before_does_reach_it() -> None:
    """The same change of the second latest snapshot makes another classifier."""
    item, second = Remembered(), Remembered()
    forecast(SNAPSHOTS, item)
    forecast(of(NOW, moved(THEN, MID[:8], 2), BEFORE), second)
    assert np.abs(item.models[0].predict_proba(X) - second.models[0].predict_proba(X)).max() > 0.01


def test_customers_who_came_later_are_not_asked_about() -> None:
    """Only those who were there on the earlier date count."""
    late = np.vstack([NOW, draw(seed=5, n=10)[0]])
    assert forecast(of(late, THEN, BEFORE)) == forecast(SNAPSHOTS)


def history(snapshots: tuple[Snapshot, ...]) -> History:
    """Return a history of these snapshots."""
    return History("planted.csv", "0" * 64, snapshots)


WITH_OUTLOOK = replace(STUDY, outlook=OutlookModel(DAYS, classifier))


def learned(snapshots: tuple[Snapshot, ...], study: Study = WITH_OUTLOOK) -> Any:
    """Return what is learned from a history."""
    created = replace(source(NOW), history=history(snapshots))
    return fit_study(study, created, "quick", SEED)


def test_the_model_learns_from_all_pairs_of_dates() -> None:
    """Two pairs of 60 customers, with today's segments of the later date as the truth."""
    created = Remembered()
    result = learned(SNAPSHOTS, replace(STUDY, outlook=OutlookModel(DAYS, created)))
    last = result.pipeline[-1]
    assert isinstance(last, WithOutlook)
    packed, rehearsed = created.models
    assert last.classifier_ is packed
    expected = classifier(SEED).fit(
        np.vstack([THEN, BEFORE]).astype(np.float64),
        np.concatenate([last.predict(NOW), last.predict(THEN)]),
    )
    doubles = X.astype(np.float64)
    np.testing.assert_allclose(last.predict_outlook(X), expected.predict_proba(doubles))
    assert (rehearsed.predict_proba(X) != packed.predict_proba(X)).any()


def test_todays_answers_do_not_change_with_an_outlook() -> None:
    """The segments, their probabilities and their figures are those of a study without one."""
    plain, pair = learned(SNAPSHOTS, STUDY), learned(SNAPSHOTS)
    np.testing.assert_array_equal(pair.pipeline.predict_proba(X), plain.pipeline.predict_proba(X))
    assert pair.metrics[: len(plain.metrics)] == plain.metrics
    assert len(pair.metrics) > len(plain.metrics)
    assert sorted({IDS[label] for label in pair.y}) == sorted(IDS)


@pytest.mark.parametrize("n", [1, 2])
def test_too_short_a_history_is_refused(n: int) -> None:
    """One pair of dates to ask about and one to learn from are three dates."""
    message = (
        r"^an outlook of 91 days needs 3 dates so far apart;"
        rf" the transactions reach back to {n}$"
    )
    with pytest.raises(TrainingError, match=message):
        learned(SNAPSHOTS[:n])


def test_customers_can_only_be_followed_by_an_identifier() -> None:
    """Without one there is no outlook."""
    schema = Schema(STUDY.schema.columns[1:])
    with pytest.raises(TrainingError, match=r"^the study planted has no identifier to follow"):
        learned(SNAPSHOTS, replace(WITH_OUTLOOK, schema=schema))


def test_a_customer_who_is_gone_at_the_later_date_is_refused() -> None:
    """A table that was edited by hand is met with a sentence, not with a lookup that fails."""
    message = r"^1 of 60 customers of 2024-06-02 are not among those of 2024-09-01, so what became"
    with pytest.raises(TrainingError, match=message):
        forecast(of(NOW[:-1], THEN, BEFORE))


def test_mistakes_ahead_are_counted() -> None:
    """Rows are the segments of the latest date: 14 low, 20 mid, 26 high ones."""
    metrics, result = rehearse(
        STUDY, OutlookModel(DAYS, classifier), SNAPSHOTS, SEED, "planted.csv"
    )
    accuracy = next(
        metric for metric in metrics if name_metric(metric) == "accuracy, 91 days ahead"
    )
    assert [sum(row) for row in result.counts] == [14, 20, 26]
    assert sum(result.counts[i][i] for i in range(3)) / 60 == pytest.approx(
        accuracy.value, abs=1e-6
    )
    assert (result.evaluation, result.features) == (accuracy.evaluation, accuracy.features)
