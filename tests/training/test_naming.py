"""Names for clusters: by the rules that a study states, whatever the clusters' numbers."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.errors import TrainingError
from segmentation.study import NamingRule, Study
from segmentation.training.identity.cluster_naming import check_names, name_clusters
from segmentation.wording.clusters import describe_naming
from tests.support.planted import IDS, STUDY

# Three records of each of three clusters; medians of spend 2, 20 and 30, of visits 9, 5 and 1.
X = np.array(
    [
        [1, 8, 30, 0], [2, 9, 30, 0], [3, 10, 30, 0],
        [10, 4, 30, 0], [20, 5, 30, 0], [30, 6, 30, 0],
        [25, 1, 30, 0], [30, 1, 30, 0], [35, 1, 30, 0],
    ],
    dtype=np.float32,
)  # fmt: skip
CLUSTERS = np.repeat(np.arange(3, dtype=np.int32), 3)


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
    """By the median of one column, or of sums of several; what is left gets the last name."""
    study = ruled(*(NamingRule(*pick) for pick in picks))
    assert name_clusters(study, X, CLUSTERS).ids == tuple(expected.split())


def test_reasons_name_columns_and_medians() -> None:
    """One sentence for each rule, with the titles of its columns, and one for what is left."""
    study = ruled(
        NamingRule("high", "highest", ("spend", "visits")), NamingRule("low", "lowest", ("visits",))
    )
    reasons = name_clusters(study, X, CLUSTERS).reasons
    # Sums: 9, 11, 13; 14, 25, 36; 26, 31, 36: one record at 36 brings the second median up to 36.
    # Visits: 8, 9, 10 and 4, 5, 6: two records, such as two that go down, let the medians meet.
    assert tuple(describe_naming(reason, study.schema) for reason in reasons) == (
        "high: highest median of Spend + Visits among the clusters without a name"
        " (31; the others 25, 11); 11.1% of the records would have to be otherwise for another"
        " name",
        "low: lowest median of Visits among the clusters without a name (5; the others 9);"
        " 22.2% of the records would have to be otherwise for another name",
        "mid: the cluster that is left",
    )


def test_gaps_do_not_count() -> None:
    """A median is that of the answers that are there."""
    gap = X.copy()
    gap[3:5, 0] = np.nan  # the median of the second cluster becomes 31, the highest
    gap[5, 0] = 31
    assert name_clusters(STUDY, gap, CLUSTERS).ids == ("low", "high", "mid")


def spread(*middles: float, n: int = 200) -> tuple[Any, Any]:
    """Return `n` records of spend about each of these, one apart, and their clusters."""
    spend = np.concatenate([middle + np.arange(n) - n / 2 for middle in middles])
    drawn = np.zeros((len(spend), 4), dtype=np.float32)
    drawn[:, 0] = spend
    return drawn, np.repeat(np.arange(len(middles), dtype=np.int32), n)


@pytest.mark.parametrize("value", [1e8, -1e8])
@pytest.mark.parametrize("n_poisoned", [1, 5])
@pytest.mark.parametrize("cluster", [0, 1, 2])
def test_a_few_extreme_values_move_no_name(value: float, n_poisoned: int, cluster: int) -> None:
    """Just under one per cent of the records, all in one cluster, whatever they hold."""
    drawn, clusters = spread(1000, 2000, 3000)
    names = name_clusters(STUDY, drawn, clusters).ids
    drawn[np.flatnonzero(clusters == cluster)[:n_poisoned], 0] = value
    poisoned = name_clusters(STUDY, drawn, clusters)
    assert poisoned.ids == names == ("low", "mid", "high")
    assert poisoned.fault == ""


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.floats(0, 30))
def test_the_margin_is_the_fewest_records_that_turn_two_medians(
    seed: int, n: int, apart: float
) -> None:
    """With one fewer no choice of records does; so many, the nearest to the middle, do."""
    random = np.random.default_rng(seed)
    drawn = np.zeros((3 * n, 4), dtype=np.float32)
    drawn[:, 0] = random.normal(0, 10, 3 * n).round(1)
    clusters = np.arange(3 * n, dtype=np.int32) % 3
    drawn[:, 0] += np.asarray([0, 1000, 1000 + apart], dtype=np.float32)[clusters]
    reason = name_clusters(STUDY, drawn, clusters).reasons[0]
    assert reason.margin is not None
    n_deciding = round(reason.margin * 3 * n)
    ordered = sorted((drawn[clusters == cluster, 0] for cluster in (1, 2)), key=np.median)
    assert meet(*ordered, n_deciding)
    assert n_deciding == 0 or not meet(*ordered, n_deciding - 1)


def poison(values: Any, n: int, value: float) -> Any:
    """Return values of which the `n` farthest on the other side are replaced."""
    ordered = np.sort(values)
    if n:
        ordered[slice(-n, None) if value < 0 else slice(0, n)] = value
    return ordered


def meet(lower: Any, upper: Any, n: int) -> bool:
    """Say whether some choice of `n` records of both brings the medians together."""
    return any(
        np.median(poison(upper, i, -1e6)) <= np.median(poison(lower, n - i, 1e6))
        for i in range(n + 1)
        if i <= len(upper) and n - i <= len(lower)
    )


@pytest.mark.parametrize(
    ("middles", "fault"),
    [
        (
            (0, 500, 500),
            "two clusters have the same median of spend, the highest of which is to be",
        ),
        ((0, 500, 500.5), "1 of 600 records decide which cluster has the highest spend"),
    ],
)
def test_names_that_hang_on_a_record_are_refused(middles: Any, fault: str) -> None:
    """A tie is, and so is what one record more or less decides."""
    drawn, clusters = spread(*middles)
    names = name_clusters(STUDY, drawn, clusters)
    assert names.fault.startswith(fault)
    with pytest.raises(TrainingError, match=fault):
        check_names(names)


def test_a_cluster_of_one_record_gets_no_name() -> None:
    """It is its own median: an extreme value that made a cluster would make a segment."""
    drawn, clusters = spread(1000, 2000)
    drawn, clusters = np.vstack([drawn, [[1e8, 0, 0, 0]]]), np.append(clusters, np.int32(2))
    assert "1 of 401 records decide" in name_clusters(STUDY, drawn, clusters).fault


def test_a_name_that_few_records_decide_is_told_of() -> None:
    """Three of six hundred are enough not to be refused, and too few not to be mentioned."""
    drawn, clusters = spread(0, 500, 503)
    names = name_clusters(STUDY, drawn, clusters)
    assert names.fault == ""
    sentence = describe_naming(names.reasons[0], STUDY.schema)
    assert sentence.endswith(". Mind: only 0.5% of the records decide this name")


@pytest.mark.parametrize("numbers", list(permutations(range(3))))
def test_cluster_numbers_change_nothing(numbers: tuple[int, ...]) -> None:
    """Each record gets the same name for the same reason, whatever the number of its cluster."""
    first = name_clusters(STUDY, X, CLUSTERS)
    clusters = np.array(numbers, dtype=np.int32)[CLUSTERS]
    again = name_clusters(STUDY, X, clusters)
    assert [again.ids[i] for i in clusters] == [first.ids[i] for i in CLUSTERS]
    assert again.reasons == first.reasons


@given(st.integers(0, 100_000), st.permutations(range(3)))
def test_cluster_numbers_change_nothing_whatever_the_medians(seed: int, numbers: list[int]) -> None:
    """Nor do they on drawn records; and every name is used once."""
    random = np.random.default_rng(seed)
    drawn = random.random((30, 4), dtype=np.float32)
    clusters = np.arange(30, dtype=np.int32) % 3
    further = np.array(numbers, dtype=np.int32)[clusters]
    item, second = (name_clusters(STUDY, drawn, which).ids for which in (clusters, further))
    assert sorted(item) == sorted(IDS)
    assert [second[numbers[cluster]] for cluster in range(3)] == list(item)
