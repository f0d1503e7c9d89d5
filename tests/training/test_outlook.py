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
from segmentation.runtime import Model
from segmentation.schema import Schema
from segmentation.study import NamingRule, OutlookModel, Study
from segmentation.training.fitting.clustering import refit_study
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.fitting.outlook_rehearsal import rehearse
from segmentation.training.packing.pack import Run, pack
from segmentation.wording.data_remarks import describe_remark
from segmentation.wording.metrics import describe_evaluation, describe_inputs, name_metric
from tests.support.filling import fill_gaps
from tests.support.planted import (
    AGE,
    CENTRES,
    CHILDREN,
    IDS,
    SPEND,
    STUDY,
    VISITS,
    draw,
    records,
    source,
)

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
    result = rehearse(STUDY, OutlookModel(DAYS, make), history(snapshots), SEED).metrics
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
    for model, model_again in zip(item.models, second.models, strict=True):
        np.testing.assert_array_equal(model.predict_proba(X), model_again.predict_proba(X))
    name = "accuracy, 91 days ahead"
    assert text[name].value > 0.8 > told_otherwise[name].value


def test_what_was_known_before_does_reach_it() -> None:
    """The same change of the second latest snapshot makes another classifier."""
    item, second = Remembered(), Remembered()
    forecast(SNAPSHOTS, item)
    forecast(of(NOW, moved(THEN, MID[:8], 2), BEFORE), second)
    difference = item.models[-1].predict_proba(X) - second.models[-1].predict_proba(X)
    assert np.abs(difference).max() > 0.01


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


def gaps(X: Any) -> list[Any]:
    """Return records without spend, visits or both, each with age and children and without them."""
    copies = []
    for missing in ([], [SPEND], [VISITS], [SPEND, VISITS]):
        for further in ([], [AGE, CHILDREN]):
            copy = X.copy()
            copy[:, [*missing, *further]] = np.nan
            copies.append(copy)
    return copies[:-1]  # the last has nothing left


def test_the_model_learns_from_all_pairs_of_dates_also_with_gaps() -> None:
    """Two pairs of 60 customers, with today's segments of the later date as the truth."""
    created = Remembered()
    result = learned(SNAPSHOTS, replace(STUDY, outlook=OutlookModel(DAYS, created)))
    last = result.pipeline[-1]
    assert isinstance(last, WithOutlook)
    # For the model and for its rehearsal: one of all records, and one without each of five folds.
    assert len(created.models) == 12
    packed, rehearsed = created.models[5], created.models[11]
    assert last.classifier_ is packed
    records = np.vstack([THEN, BEFORE])
    copies = [*gaps(records), *[records] * 60]
    truth = np.concatenate([last.predict(NOW), last.predict(THEN)])
    expected = classifier(SEED).fit(
        np.vstack(copies).astype(np.float64), np.tile(truth, len(copies))
    )
    doubles = X.astype(np.float64)
    np.testing.assert_allclose(last.predict_outlook(X), expected.predict_proba(doubles), atol=1e-6)
    assert (rehearsed.predict_proba(X) != packed.predict_proba(X)).any()


def test_a_forecast_from_little_is_less_sure() -> None:
    """Without the answers that define the segments it says little more than how large they are."""
    last = learned(SNAPSHOTS).pipeline[-1]
    bare = X.copy()
    bare[:, [SPEND, VISITS]] = np.nan
    complete, guessed = (last.predict_outlook(part).max(axis=1).mean() for part in (X, bare))
    assert guessed < complete - 0.05


def test_sets_of_the_later_day_are_calibrated_and_measured_forward_in_time() -> None:
    """With thresholds by what is missing; no answer narrows them, and a later date widens them."""
    result = learned(SNAPSHOTS)
    assert result.outlook_conformal is not None
    thresholds = np.array(result.outlook_conformal.thresholds)
    assert thresholds.shape == (3, 3)
    assert (np.diff(thresholds, axis=0) >= 0).all()
    rehearsal = rehearse(STUDY, WITH_OUTLOOK.outlook, history(SNAPSHOTS), SEED)
    assert (thresholds >= np.array(rehearsal.conformal.thresholds)).all()
    coverage = {
        metric.condition.kind: metric
        for metric in result.metrics
        if metric.measure == "coverage" and metric.condition and metric.horizon_days
    }
    assert set(coverage) == {"complete", "incomplete", "indirect"}
    assert {metric.evaluation.as_of for metric in coverage.values()} == {"2024-09-01"}


def test_todays_answers_do_not_change_with_an_outlook() -> None:
    """The segments, their probabilities and their figures are those of a study without one."""
    plain, pair = learned(SNAPSHOTS, STUDY), learned(SNAPSHOTS)
    np.testing.assert_array_equal(pair.pipeline.predict_proba(X), plain.pipeline.predict_proba(X))
    assert pair.metrics[: len(plain.metrics)] == plain.metrics
    assert len(pair.metrics) > len(plain.metrics)
    assert sorted({IDS[label] for label in pair.y}) == sorted(IDS)


@pytest.mark.parametrize("n", [1, 2])
def test_too_short_a_history_makes_a_model_without_a_forecast(n: int) -> None:
    """One pair of dates to ask about and one to learn from are three dates; the segments are there.

    The model says so, and its package has no outlook.
    """
    result, plain = learned(SNAPSHOTS[:n]), learned(SNAPSHOTS[:n], STUDY)
    assert not isinstance(result.pipeline[-1], WithOutlook)
    np.testing.assert_array_equal(result.pipeline.predict_proba(X), plain.pipeline.predict_proba(X))
    (remark,) = result.remarks
    dates = "1 date" if n == 1 else "2 dates"
    assert describe_remark(remark, STUDY.schema) == (
        f"The transactions reach back to {dates}, 91 days apart; a forecast needs 3, so this model"
        " makes none."
    )
    created = replace(source(NOW), history=history(SNAPSHOTS[:n]))
    package = pack(Run(WITH_OUTLOOK, created, result, "quick", SEED))
    assert package.manifest.outlook is None
    assert "outlook" not in Model(package).predict(records(X[:1]))[0]


def test_customers_can_only_be_followed_by_an_identifier() -> None:
    """Without one there is no outlook."""
    schema = Schema(STUDY.schema.columns[1:])
    with pytest.raises(TrainingError, match=r"^the study planted has no identifier to follow"):
        learned(SNAPSHOTS, replace(WITH_OUTLOOK, schema=schema))


def test_an_earlier_date_at_which_rules_tie_is_named_as_the_latest_one() -> None:
    """Nobody has children here, so the rule knows no highest; what is measured is as with rules."""
    matrices = [matrix.copy() for matrix in (NOW, THEN, BEFORE)]
    for matrix in matrices:
        matrix[:, CHILDREN] = 0
    dates, outlook = history(of(*matrices)), OutlookModel(DAYS, classifier)
    tie = (NamingRule("high", "highest", ("children",)), *STUDY.naming[1:])
    tied = replace(STUDY, naming=tie)
    with pytest.raises(TrainingError):
        rehearse(tied, outlook, dates, SEED)
    latest = refit_study(STUDY, matrices[0], SEED)[-1]
    result = rehearse(tied, outlook, dates, SEED, latest)
    assert result == rehearse(STUDY, outlook, dates, SEED)


def test_a_customer_who_is_gone_at_the_later_date_is_refused() -> None:
    """A table that was edited by hand is met with a sentence, not with a lookup that fails."""
    message = r"^1 of 60 customers of 2024-06-02 are not among those of 2024-09-01, so what became"
    with pytest.raises(TrainingError, match=message):
        forecast(of(NOW[:-1], THEN, BEFORE))


def test_mistakes_ahead_are_counted() -> None:
    """Rows are the segments of the latest date: 14 low, 20 mid, 26 high ones."""
    rehearsal = rehearse(STUDY, OutlookModel(DAYS, classifier), history(SNAPSHOTS), SEED)
    result = rehearsal.confusion
    accuracy = next(
        metric for metric in rehearsal.metrics if name_metric(metric) == "accuracy, 91 days ahead"
    )
    assert [sum(row) for row in result.counts] == [14, 20, 26]
    assert sum(result.counts[i][i] for i in range(3)) / 60 == pytest.approx(
        accuracy.value, abs=1e-6
    )
    assert (result.evaluation, result.features) == (accuracy.evaluation, accuracy.features)
