"""Studies whose parts don't fit together are refused before anything is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from segmentation.errors import TrainingError
from segmentation.schema import Schema
from segmentation.studies import STUDIES
from segmentation.studies.credit_card import CREDIT_CARD
from segmentation.studies.mobile import MOBILE
from segmentation.study import FeatureSet, NamingRule, Study
from segmentation.study.check import check_study


def columns_with(study: Study, column_name: str, /, **changes: Any) -> Study:
    """Return a study one of whose columns is another."""
    columns = [
        replace(column, **changes) if column.name == column_name else column
        for column in study.schema.columns
    ]
    return replace(study, schema=Schema(tuple(columns)))


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_shipped_studies_fit_together(study: Study) -> None:
    """None of them is refused."""
    check_study(study)


FIRST, *REST = CREDIT_CARD.naming


@pytest.mark.parametrize(
    ("study", "reason"),
    [
        (replace(MOBILE, name="My Study"), "lower-case letters"),
        (columns_with(MOBILE, "gender", role="feature"), "gender must be a number"),
        (columns_with(MOBILE, "user_behavior_class", kind="category"), "of the kind integer"),
        (columns_with(MOBILE, "age", name="gender"), "the column gender stands there 2 times"),
        (columns_with(MOBILE, "age", title="Gender"), "the header Gender stands there 2 times"),
        (replace(MOBILE, segments=(MOBILE.segments[0],) * 2), "the label 1 stands there 2 times"),
        (replace(MOBILE, feature_sets=(FeatureSet("x", ("agee",)),)), "there is no column agee"),
        (replace(CREDIT_CARD, naming=(FIRST,)), "4 segments need 3 rules of naming, not 1"),
        (replace(CREDIT_CARD, naming=(FIRST, FIRST, FIRST)), "the rule vip stands there 3 times"),
        (
            replace(CREDIT_CARD, naming=(NamingRule("vi", "highest", ("tenure",)), *REST)),
            "there is no segment vi",
        ),
    ],
)
def test_what_does_not_fit_is_named(study: Study, reason: str) -> None:
    """The sentence names the study and what is wrong with it."""
    with pytest.raises(TrainingError, match=reason) as caught:
        check_study(study)
    assert f"the study {study.name} can't be trained" in str(caught.value)
