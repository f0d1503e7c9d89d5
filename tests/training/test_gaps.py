"""What a missing answer means in credit_card: what agrees best with complete answers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gaps import compare_fills
from segmentation.datasets import read_table
from segmentation.estimators import MeanImputer
from segmentation.runtime import Model
from segmentation.schema import Record
from segmentation.studies.credit_card import CREDIT_CARD, SCHEMA
from tests.support.shipped import ROOT


def test_a_gap_is_filled_with_its_columns_mean_or_with_zero() -> None:
    """By hand: (1 + 3) / 2, and zero where a gap means none."""
    X = [[1.0, 5.0], [3.0, np.nan], [np.nan, 7.0]]
    assert MeanImputer((1,)).fit_transform(X).tolist() == [[1, 5], [3, 0], [2, 7]]


def test_only_a_missing_minimum_payment_is_zero() -> None:
    """Who paid nothing had none to pay; a missing balance is no balance of nothing."""
    fill = CREDIT_CARD.pipeline(0)[-1].space.named_steps["fill"]
    names = [SCHEMA.features[position].name for position in fill.zero_columns]
    assert names == ["minimum_payments"]


def test_the_mean_agrees_better_with_complete_answers_than_zero() -> None:
    """On the sample, over all columns, and by far where zero is the extreme."""
    table = read_table(ROOT / "data" / "credit_card.csv", SCHEMA)
    shares = compare_fills(table.records, SCHEMA)
    zero, mean = (np.mean([share[fill] for share in shares.values()]) for fill in ("zero", "mean"))
    assert mean > zero + 0.01
    assert mean > 0.97
    assert shares["purchases_frequency"]["mean"] > shares["purchases_frequency"]["zero"] + 0.03


@pytest.mark.parametrize("fill", [MeanImputer(), MeanImputer((0,))])
def test_a_column_without_any_answer_is_filled_with_zero(fill: MeanImputer) -> None:
    """It has no mean."""
    assert fill.fit_transform([[np.nan, 1.0], [np.nan, 3.0]])[:, 0].tolist() == [0, 0]


def test_a_missing_answer_contributes_nothing_to_an_explanation(
    models: dict[str, Model], samples: dict[str, list[Record]]
) -> None:
    """It is the mean of what the model was fitted on; a minimum payment of nothing is an answer."""
    model = models["credit_card"]
    names = {column.name for column in model.manifest.record.features}
    record = {name: value for name, value in samples["credit_card"][0].items() if name in names}
    for name in sorted(names - {"minimum_payments"}):
        (checked,) = model.check([{key: record[key] for key in names - {name}}])
        if checked.get(name) is None:  # else it follows from the others
            ((answer,),) = model.answer([checked], [0])
            (contribution,) = (
                part for part in answer["explanation"]["contributions"] if part["field"] == name
            )
            assert contribution["contribution"] == 0
