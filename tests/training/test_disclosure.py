"""What may be published about few customers, by tables that are worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.artifact.data_remarks import DataRemark
from segmentation.artifact.lineage import Fate, Lineage, Transitions
from segmentation.training.disclosure import (
    choose_counts,
    find_ends,
    has_enough,
    leave_out_few,
    publish_lineage,
    publish_remarks,
    share_without,
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (range(1001), (10, 990)),  # the percentiles themselves
        (range(101), (2, 98)),  # two lie beyond the third ones
        ([5] * 6, (5, 5)),
        ([0, 0, 0, 7, 8, 9], (0, 7)),  # three are 0; of the others the third highest is 7
        ([1, 2, 3, 4, 5, 6], (3, 4)),
        ([-9.87654, *[-1.23456] * 6, 3.45678, 8.0, 9.0], (-1.23, 3.45)),  # in steps of a hundredth
        ([1e9, *[2e9] * 4, 3e9, 3e9 + 1, 3e9 + 2], (2e9, 3e9)),
    ],
)
def test_ends_are_percentiles_or_the_third_answers(values: Any, expected: Any) -> None:
    """Rounded inwards, to steps of which the range holds some hundred; gaps don't count."""
    answers = np.array([*values, np.nan, np.nan], dtype=np.float64)
    assert find_ends(answers) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=6, max_size=400))
def test_three_customers_lie_at_or_beyond_each_end(values: list[float]) -> None:
    """Whatever they answered."""
    low, high = find_ends(np.array(values, dtype=np.float64))
    slack = 1e-9 * (1 + abs(low) + abs(high))
    assert sum(value <= low + slack for value in values) >= 3
    assert sum(value >= high - slack for value in values) >= 3
    assert low <= high


def test_a_column_of_five_answers_has_no_ends() -> None:
    """There are no three on either side."""
    assert has_enough(np.array([1.0] * 6 + [np.nan]))
    assert not has_enough(np.array([1.0] * 5 + [np.nan]))


@pytest.mark.parametrize(
    ("n_without", "expected"), [(0, 0), (1, 0), (2, 0), (3, 0.3), (7, 0.7), (8, 1), (10, 1)]
)
def test_gaps_of_one_or_two_are_not_said(n_without: int, expected: float) -> None:
    """Nor who alone did answer."""
    assert share_without(n_without, 10) == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([[9, 5, 3]], [[1, 1, 1]]),
        ([[9, 5, 2]], [[1, 0, 0]]),  # the 2 would be what is missing from 16
        ([[9, 5, 2, 1]], [[1, 1, 0, 0]]),  # 3 are missing: one, two or three answers
        ([[9, 2], [8, 7]], [[0, 0], [0, 0]]),  # its row takes the 9, its column the 7, those the 8
        ([[9, 2, 1], [8, 7, 5]], [[1, 0, 0], [1, 0, 0]]),  # two are left out of rows and columns
        ([[9, 3, 2], [8, 7, 6]], [[1, 0, 0], [1, 0, 0]]),
        ([[9, 0], [0, 8]], [[1, 0], [0, 1]]),
        ([[2]], [[0]]),
    ],
)
def test_small_counts_do_not_follow_from_the_sums(counts: Any, expected: Any) -> None:
    """The next smallest of the row or the column goes with them."""
    assert choose_counts(np.array(counts)).astype(int).tolist() == expected


@given(st.lists(st.lists(st.integers(0, 12), min_size=4, max_size=4), min_size=1, max_size=6))
def test_no_row_or_column_lacks_one_or_two(counts: list[list[int]]) -> None:
    """Unless nothing of it is said."""
    table = np.array(counts)
    published = choose_counts(table)
    assert (table[published] >= 3).all()
    for lines, chosen in ((table, published), (table.T, published.T)):
        for line, is_chosen in zip(lines, chosen, strict=True):
            left_out = line[~is_chosen]
            safe = not left_out.any() or (left_out.sum() >= 3 and len(left_out) >= 2)
            assert safe or not is_chosen.any()


def test_places_of_one_or_two_are_empty() -> None:
    """Three are shown."""
    assert leave_out_few(np.array([[0, 1, 2], [3, 4, 1]])).tolist() == [[0, 0, 0], [3, 4, 0]]


def test_remarks_name_no_rows_and_none_is_about_one_or_two() -> None:
    """A column stays remarked on for its typical values, without the count of two outside."""
    outside = DataRemark(kind="outside", column="x", count=2, total=9, low=0, high=1, ratio=60)
    remarks = [
        DataRemark(kind="label", count=2, total=9, rows=(1, 5)),
        DataRemark(kind="duplicate", count=3, total=9, rows=(1, 5, 7)),
        DataRemark(kind="short_history", count=1, total=3, days=91),
        outside,
    ]
    assert publish_remarks(remarks) == (
        DataRemark(kind="duplicate", count=3, total=9),
        remarks[2],
        outside.model_copy(update={"count": 0}),
    )


def test_a_lineage_does_not_say_where_two_customers_are() -> None:
    """An old segment of which two records are left."""
    fates = [
        Fate(segment=name, fate="kept", members=members, successor=name, stayed=0.5, distance=0.1,
             into=(name,))
        for name, members in (("few", 2), ("many", 3))
    ]  # fmt: skip
    transitions = Transitions(old=tuple(fates), new=(), agreement=1, unchanged=1, records=5)
    published = publish_lineage(Lineage(previous="abc", transitions=transitions))
    assert published is not None
    of_two, of_three = published.transitions.old
    assert (of_two.members, of_two.stayed, of_two.into, of_two.successor) == (0, None, (), "few")
    assert of_three == fates[1]
    assert publish_lineage(None) is None
