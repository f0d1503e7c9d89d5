"""The discovered studies on the public data sets: names, sizes and the figures they are held to.

How the samples stand in for them is in ``test_samples`` and ``test_retail``.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from segmentation.schema import RecordValidator
from segmentation.studies.credit_card import CREDIT_CARD
from segmentation.studies.household import HOUSEHOLD
from segmentation.studies.retail import RETAIL
from segmentation.study import Study
from segmentation.training.fitting.clustering import cluster_records
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.labelled_records import matrix
from segmentation.training.training_data import TrainingData, read_source
from segmentation.wording.metrics import name_metric
from tests.support.metrics import circular_by_inputs, values_by_name
from tests.support.shipped import ROOT
from tests.support.tables import SEED

pytestmark = [pytest.mark.long, pytest.mark.real]

SEEDS = range(20)
FILES = {
    "household": "household/BathSoapHousehold.csv.gz",
    "credit_card": "credit_card/CC GENERAL.csv",
    "retail": "retail/online_retail_to_2011-08.parquet",
}


def real(study: Study) -> TrainingData:
    """Return the original records of a study, if they are there."""
    default = ROOT.parent / "shared" / "data"
    path = Path(os.environ.get("SEGMENTATION_REAL_DATA", default)) / FILES[study.name]
    if not path.is_file():
        pytest.skip(f"there is no {FILES[study.name]} under SEGMENTATION_REAL_DATA")
    return read_source(study, str(path))[1]


@pytest.fixture(scope="module")
def households() -> TrainingData:
    """The original household panel."""
    return real(HOUSEHOLD)


@pytest.fixture(scope="module")
def holders() -> TrainingData:
    """The original credit card holders."""
    return real(CREDIT_CARD)


@pytest.fixture(scope="module")
def customers() -> TrainingData:
    """The customers of the original shop, at several dates."""
    return real(RETAIL)


@pytest.fixture(scope="module")
def household(households: TrainingData) -> FittedModel:
    """What ``train.py`` learns about households."""
    return fit_study(HOUSEHOLD, households, "quick", SEED)


@pytest.fixture(scope="module")
def credit_card(holders: TrainingData) -> FittedModel:
    """What ``train.py`` learns about card holders."""
    return fit_study(CREDIT_CARD, holders, "quick", SEED)


@pytest.fixture(scope="module")
def retail(customers: TrainingData) -> FittedModel:
    """What ``train.py`` learns about customers, today and 91 days later."""
    return fit_study(RETAIL, customers, "quick", SEED)


def sizes(study: Study, source: TrainingData, seed: int) -> Counter[str]:
    """Return how many records each named segment has, with K-Means from one seed."""
    result = cluster_records(study, matrix(study, source.table.records), seed)
    assert result.complete.all()
    return Counter(result.ids.tolist())


@pytest.mark.parametrize("seed", SEEDS)
def test_households_are_named_right_whatever_the_seed(seed: int, households: TrainingData) -> None:
    """65 Promo Shoppers, 314 Loyalists and 221 Variety Seekers, give or take 3."""
    result = sizes(HOUSEHOLD, households, seed)
    expected = {"promo_shoppers": 65, "loyalists": 314, "variety_seekers": 221}
    assert result == pytest.approx(expected, abs=3)


@pytest.mark.parametrize("seed", SEEDS)
def test_card_holders_are_named_right_whatever_the_seed(seed: int, holders: TrainingData) -> None:
    """709, 1,281, 3,087 and 3,873 holders, give or take 1.5 %."""
    result = sizes(CREDIT_CARD, holders, seed)
    assert result == pytest.approx({"vip": 709, "plus": 1281, "mid": 3087, "low": 3873}, rel=0.015)


@pytest.mark.parametrize("seed", SEEDS)
def test_customers_are_named_right_whatever_the_seed(seed: int, customers: TrainingData) -> None:
    """At the latest date 533, 963, 842 and 979 customers, give or take 3 %."""
    result = sizes(RETAIL, customers, seed)
    expected = {
        "champions": 533,
        "big_baskets": 963,
        "active_small_baskets": 842,
        "lapsed_small_baskets": 979,
    }
    assert result == pytest.approx(expected, rel=0.03)


def quality(learned: FittedModel, name: str) -> float:
    """Return a measure of the clusters."""
    assert learned.clusters is not None
    return float(getattr(learned.clusters.quality, name))


def test_clusters_of_households_are_there(household: FittedModel) -> None:
    """Measured before: 0.223 in the clustered space, which is that of the scaled columns."""
    assert quality(household, "silhouette") >= 0.22
    assert quality(household, "silhouette_columns") == pytest.approx(
        quality(household, "silhouette"), abs=1e-6
    )


def test_demographics_alone_say_little_about_a_household(household: FittedModel) -> None:
    """Barely more than the largest segment, of 0.52: a prediction, and the only one.

    As the model answers it, and as a logistic regression of the same ten columns.
    """
    values = values_by_name(household.metrics)
    assert values["accuracy, largest class"] == pytest.approx(0.523, abs=0.01)
    for inputs in ("demographics only", "indirect"):
        assert 0.52 <= values[f"accuracy, {inputs}"] <= 0.60
        assert values[f"macro AUC, {inputs}"] >= 0.65


def test_the_published_way_is_agreement(household: FittedModel) -> None:
    """Twelve features, of which seven define the segments: 0.84 to 0.90, and marked as such."""
    (metric,) = (
        metric
        for metric in household.metrics
        if name_metric(metric) == "accuracy, 12 features (the published way)"
    )
    assert 0.84 <= metric.value <= 0.90
    assert metric.circular


def test_only_figures_of_demographics_are_predictions(household: FittedModel) -> None:
    """All others read columns that define the segments, or none."""
    inputs = circular_by_inputs(household.metrics, HOUSEHOLD.schema)
    predicting = {name for name, is_circular in inputs.items() if not is_circular}
    further = [
        feature.title.strip() for feature in HOUSEHOLD.schema.features if not feature.defines
    ]
    assert predicting == {"demographics only", f"only {', '.join(further)}", "none"}


def test_clusters_of_card_holders_are_there(credit_card: FittedModel) -> None:
    """Measured before: 0.218 in nine dimensions; in the scaled columns it is lower."""
    assert quality(credit_card, "silhouette") >= 0.215
    assert quality(credit_card, "silhouette_columns") >= 0.18
    assert quality(credit_card, "n_silhouette_records") == 8950
    assert credit_card.clusters is not None
    assert credit_card.clusters.n_dimensions == 9


def test_clusters_of_card_holders_are_stable(credit_card: FittedModel) -> None:
    """The pipeline refitted on 20 bootstrap samples finds nearly the same tiers.

    0.97 on average and 0.94 at worst were hoped for. Over different sets of 20 samples means from
    0.962 to 0.974 and worst cases from 0.92 to 0.957 were measured: what one set gives depends on
    its samples, so these floors lie below what any set gave.
    """
    assert credit_card.clusters is not None
    stability = credit_card.clusters.stability
    assert stability.n == 20
    assert stability.mean >= 0.955
    assert stability.worst >= 0.90


def test_no_figure_of_card_holders_is_a_prediction(credit_card: FittedModel) -> None:
    """Every column defines the tiers; only the baselines read none."""
    inputs = circular_by_inputs(credit_card.metrics, CREDIT_CARD.schema)
    assert [name for name, is_circular in inputs.items() if not is_circular] == ["none"]


def test_values_of_the_original_are_accepted(holders: TrainingData) -> None:
    """A frequency of cash advances of 1.5 is there, though documented as at most 1."""
    frequencies = holders.table.column("cash_advance_frequency")
    assert max(frequencies) == 1.5
    made_up = {"CASH_ADVANCE_FREQUENCY": 1.5, "CASH_ADVANCE": 900, "CASH_ADVANCE_TRX": 9}
    (record,) = RecordValidator(CREDIT_CARD.schema).validate([made_up])
    assert record["cash_advance_frequency"] == 1.5


@pytest.mark.parametrize("name", ["household", "credit_card", "retail"])
def test_sets_cover_held_out_records(name: str, request: pytest.FixtureRequest) -> None:
    """Of records that neither the model nor the thresholds have seen, about 95 % or more."""
    learned: FittedModel = request.getfixturevalue(name)
    covered = [metric for metric in learned.metrics if metric.measure == "coverage"]
    kinds = {metric.condition.kind for metric in covered if metric.condition}
    assert kinds >= {"complete", "incomplete"}
    assert all(item.value >= 0.93 for item in covered)


def test_the_forecast_beats_staying(retail: FittedModel) -> None:
    """Forward in time: accuracy 0.73 against 0.68, macro F1 0.68 against 0.65."""
    values = values_by_name(retail.metrics)
    for measure in ("accuracy", "macro F1"):
        forecast = values[f"{measure}, 91 days ahead"]
        assert forecast > values[f"{measure}, 91 days ahead, stays the same"] + 0.01
    assert values["accuracy, 91 days ahead"] > 0.70


def test_forecasts_are_predictions_and_the_rest_is_not(retail: FittedModel) -> None:
    """What reads recency, orders and amounts of the same day re-derives the definition."""
    inputs = circular_by_inputs(retail.metrics, RETAIL.schema)
    assert {name for name, is_circular in inputs.items() if is_circular} == {
        "complete and incomplete records",
        "some of the defining answers and all others",
        "everything",
    }
    ahead = [metric for metric in retail.metrics if metric.horizon_days == 91]
    assert ahead
    assert not any(item.circular for item in ahead)
    assert np.isfinite([item_value.value for item_value in ahead]).all()


def test_clusters_of_customers_are_there(retail: FittedModel) -> None:
    """Measured before: 0.289 in the clustered space."""
    assert quality(retail, "silhouette") >= 0.28
