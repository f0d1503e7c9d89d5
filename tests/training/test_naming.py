"""Names for clusters: by the rules that a study states, whatever the clusters' numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.study import NamingRule, Study
from segmentation.training.identity.cluster_naming import name_clusters
from segmentation.wording.clusters import describe_naming
from tests.support.planted import IDS, STUDY

# Two records of each of three clusters; means of spend 2, 20 and 30, of visits 9, 5 and 1.
X = np.array(
    [[1, 8, 30, 0], [3, 10, 30, 0], [10, 4, 30, 0], [30, 6, 30, 0], [25, 1, 30, 0], [35, 1, 30, 0]],
    dtype=np.float32,
)
CLUSTERS = np.array([0, 0, 1, 1, 2, 2], dtype=np.int32)


def ruled(*picks: NamingRule) -> Study:
    """Return the planted study with other rules."""
    return replace(STUDY, naming=picks)


@pytest.mark.parametrize(
    ("picks", "expected"),
    [
        ([("high", "highest", ("spend",)), ("low", "lowest", ("spend",))], "low mid high"),
        ([("high", "highest", ("visits",)), ("low", "lowest", ("visits",))], "high mid low"),
        # Sums: 11, 25 and 31; of the rest the lowest.
        ([("mid", "highest", ("spend", "visits")), ("high", "lowest", ("spend",))], "high low mid"),
        # The second highest is the highest of those that are left.
        ([("high", "highest", ("spend",)), ("mid", "highest", ("spend",))], "low mid high"),
        ([("low", "highest", ("spend",)), ("high", "highest", ("visits",))], "high mid low"),
    ],
)
def test_rules_name_the_extreme_of_what_has_no_name(picks: Any, expected: str) -> None:
    """By the mean of one column, or the sum of several; what is left gets the last name."""
    study = ruled(*(NamingRule(*pick) for pick in picks))
    assert name_clusters(study, X, CLUSTERS).ids == tuple(expected.split())


def test_reasons_name_columns_and_means() -> None:
    """One sentence for each rule, with the titles of its columns, and one for what is left."""
    study = ruled(
        NamingRule("high", "highest", ("spend", "visits")), NamingRule("low", "lowest", ("visits",))
    )
    reasons = name_clusters(study, X, CLUSTERS).reasons
    assert tuple(describe_naming(reason, study.schema) for reason in reasons) == (
        "high: highest mean of Spend + Visits among the clusters without a name"
        " (31; the others 25, 11)",
        "low: lowest mean of Visits among the clusters without a name (5; the others 9)",
        "mid: the cluster that is left",
    )


def test_gaps_do_not_count() -> None:
    """A mean is that of the answers that are there."""
    gap = X.copy()
    gap[2, 0] = np.nan  # the mean of the second cluster becomes 30, and it wins no tie
    gap[3, 0] = 31
    assert name_clusters(STUDY, gap, CLUSTERS).ids == ("low", "high", "mid")


@pytest.mark.parametrize("numbers", list(permutations(range(3))))
def test_cluster_numbers_change_nothing(numbers: tuple[int, ...]) -> None:
    """Each record gets the same name for the same reason, whatever the number of its cluster."""
    first = name_clusters(STUDY, X, CLUSTERS)
    clusters = np.array(numbers, dtype=np.int32)[CLUSTERS]
    again = name_clusters(STUDY, X, clusters)
    assert [again.ids[i] for i in clusters] == [first.ids[i] for i in CLUSTERS]
    assert again.reasons == first.reasons


@given(st.integers(0, 100_000), st.permutations(range(3)))
def test_cluster_numbers_change_nothing_whatever_the_means(seed: int, numbers: list[int]) -> None:
    """Nor do they on drawn records; and every name is used once."""
    random = np.random.default_rng(seed)
    drawn = random.random((30, 4), dtype=np.float32)
    clusters = np.arange(30, dtype=np.int32) % 3
    further = np.array(numbers, dtype=np.int32)[clusters]
    item, second = (name_clusters(STUDY, drawn, which).ids for which in (clusters, further))
    assert sorted(item) == sorted(IDS)
    assert [second[numbers[cluster]] for cluster in range(3)] == list(item)
