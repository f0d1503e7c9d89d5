"""How often records are called contradictory: real ones hardly ever, mistakes nearly always.

``benchmarks.contradictions`` plants the mistakes and prints the shares.
"""

from __future__ import annotations

import pytest

from benchmarks.contradictions import REAL, TABLES, measure_contradictions
from segmentation.studies import STUDIES

MOST_FALSE = 0.01
DISCOVERED = ["household", "credit_card", "retail"]


@pytest.mark.parametrize("study", DISCOVERED)
def test_planted_mistakes_in_samples_are_caught(study: str) -> None:
    """Shares that add up to more, amounts in no purchase, values in another unit.

    A tenth of the made-up households bought next to nothing of the brands that have a column:
    half of such a share differs from it by less than rounding.
    """
    false_alarms, caught = measure_contradictions(STUDIES[study])
    assert false_alarms < MOST_FALSE
    assert {name: share for name, share in caught.items() if share < 0.9} == {}


@pytest.mark.real
@pytest.mark.parametrize("study", DISCOVERED)
def test_planted_mistakes_in_real_records_are_caught(study: str) -> None:
    """And fewer than one in a hundred real records is called contradictory."""
    path = REAL / TABLES[study]
    if not path.is_file():
        pytest.skip(f"there is no {TABLES[study]} under SEGMENTATION_REAL_DATA")
    false_alarms, caught = measure_contradictions(STUDIES[study], path)
    assert false_alarms < MOST_FALSE
    assert {name: share for name, share in caught.items() if share < 0.95} == {}


def test_held_out_answers_of_the_survey_do_not_contradict_themselves() -> None:
    """Ranges come from other records; an answer of a class three away is caught."""
    false_alarms, caught = measure_contradictions(STUDIES["mobile"])
    assert false_alarms < MOST_FALSE
    assert caught["an answer of a class 3 away"] > 0.95
    assert caught["an answer of a class 4 away"] > 0.95
