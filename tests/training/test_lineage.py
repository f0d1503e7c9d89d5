"""Which new cluster continues which old one, what it is called and what became of the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from segmentation.artifact.lineage import Fate, NameConflict, Origin, Transitions
from segmentation.errors import TrainingError
from segmentation.training.identity.lineage import Pair, RenamedClusters, match, rename, transitions
from segmentation.wording.identity import describe_conflict


def on_a_line(*positions: float) -> NDArray[np.float64]:
    """Return centroids in one dimension."""
    return np.array(positions, dtype=float)[:, np.newaxis]


def accepted(*pairs: tuple[int, int]) -> list[Pair]:
    """Return pairs that are the same cluster, at no distance."""
    return [Pair(old, new, 0.0, 0.0, accepted=True) for old, new in pairs]


def flow(counts: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return old and new labels of as many records as a table of both says."""
    table = np.array(counts)
    old, new = np.indices(table.shape)
    return np.repeat(old.ravel(), table.ravel()), np.repeat(new.ravel(), table.ravel())


def fate_of(
    segment: str, fate: Any, members: int, stayed: float | None, *into: str, successor: str = ""
) -> Fate:
    """Return a fate; its successor has its name and lies where it was, but for "-": none."""
    name = None if successor == "-" else successor or segment
    return Fate(
        segment=segment,
        fate=fate,
        members=members,
        successor=name,
        stayed=stayed,
        distance=None if name is None else 0.0,
        into=into,
    )


def origin_of(
    segment: str, origin: Any, members: int, *sources: str, predecessor: str | None = None
) -> Origin:
    """Return an origin."""
    return Origin(
        segment=segment, origin=origin, members=members, predecessor=predecessor, sources=sources
    )


def fates(transitions_value: Transitions) -> dict[str, str]:
    """Return what became of each old segment."""
    return {fate.segment: fate.fate for fate in transitions_value.old}


def origins(transitions_value: Transitions) -> dict[str, str]:
    """Return where each new segment comes from."""
    return {origin.segment: origin.origin for origin in transitions_value.new}


def test_match_finds_the_same_clusters_under_other_numbers() -> None:
    """Each old centroid gets the new one nearest to it, with the distance in both measures."""
    old = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 20.0]])
    new = np.array([[10.0, 16.0], [0.0, 0.0], [10.0, 3.0]])
    assert match(old, new) == [
        Pair(0, 1, 0.0, 0.0, accepted=True),
        Pair(1, 2, 3.0, 0.3, accepted=True),
        Pair(2, 0, 4.0, 0.2, accepted=True),
    ]


@pytest.mark.parametrize(("position", "expected"), [(4.9, True), (5.0, False), (-4.9, True)])
def test_match_accepts_less_than_half_the_way_to_the_nearest_other(
    position: float, expected: bool
) -> None:
    """In the middle between two old centroids a new one continues neither."""
    first, _ = match(on_a_line(0, 10), on_a_line(position, 10))
    assert first.accepted is expected


def test_match_does_not_shift_a_row_of_clusters_by_one() -> None:
    """Where 0 goes and 31 comes, 10 and 20 stay who they are, though 11 + 11 + 11 is less."""
    result = match(on_a_line(0, 10, 20), on_a_line(11, 21, 31))
    assert [(pair.old, pair.new) for pair in result if pair.accepted] == [(1, 0), (2, 1)]
    assert [(pair.old, pair.new) for pair in result if not pair.accepted] == [(0, 2)]


def test_match_takes_the_nearest_of_two_that_could_continue_one() -> None:
    """One old cluster has one successor; what is left over is not forced on another one."""
    result = match(on_a_line(0, 10), on_a_line(-2, 1, 10))
    assert [(pair.old, pair.new) for pair in result if pair.accepted] == [(0, 1), (1, 2)]


def test_match_copes_with_fewer_new_clusters() -> None:
    """The old cluster that is gone gets no pair that is accepted."""
    result = match(on_a_line(0, 10, 20), on_a_line(20, 0))
    assert [(pair.old, pair.new) for pair in result] == [(0, 1), (2, 0)]
    assert match(on_a_line(0), on_a_line(3)) == [Pair(0, 0, 3.0, 0.0, accepted=True)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ([[0, 0], [1, 1]], [[0], [1]], "^old centroids have 2 columns and new ones 1"),
        ([[0], [np.nan]], [[0], [1]], "not finite"),
        ([[0], [1]], [[0], [np.inf]], "not finite"),
        ([[0], [0], [1]], [[0], [1]], "two of the old centroids are the same"),
    ],
)
def test_match_refuses_centroids_that_cannot_be_compared(old: Any, new: Any, message: str) -> None:
    """Other columns, gaps and centroids in one place are errors, not wrong names."""
    with pytest.raises(TrainingError, match=message):
        match(np.array(old), np.array(new))


def test_rename_lets_the_rules_name_what_continues_nothing() -> None:
    """Without accepted pairs, or where both agree, the rules' names stay, without a conflict."""
    rejected = [Pair(0, 0, 9.0, 0.9, accepted=False)]
    assert rename(["low", "vip"], rejected, ["vip", "low"]) == RenamedClusters(
        ("low", "vip"), (), (False, False)
    )
    assert rename(["low", "vip"], accepted((0, 1)), ["vip", "low"]) == RenamedClusters(
        ("low", "vip"), (), (False, True)
    )


def test_rename_lets_identity_win_and_reports_each_conflict() -> None:
    """Two clusters that the rules would swap keep their names."""
    result = rename(["low", "mid", "vip"], accepted((0, 0), (1, 1), (2, 2)), ["mid", "low", "vip"])
    assert result == RenamedClusters(
        ("mid", "low", "vip"),
        (
            NameConflict(kind="continues", segment="low", rule="mid"),
            NameConflict(kind="continues", segment="mid", rule="low"),
        ),
        (True, True, True),
    )


def test_rename_gives_what_is_left_to_a_cluster_whose_name_is_taken() -> None:
    """Mid goes on in the first cluster, so the second gets the name that the first gave up."""
    result = rename(["low", "mid", "vip"], accepted((0, 0), (1, 2)), ["mid", "vip"])
    assert result == RenamedClusters(
        ("mid", "low", "vip"),
        (
            NameConflict(kind="left_over", segment="low", rule="mid"),
            NameConflict(kind="continues", segment="mid", rule="low"),
        ),
        (True, False, True),
    )
    assert [describe_conflict(conflict) for conflict in result.conflicts] == [
        "the rules call mid a segment without a predecessor, but mid goes on in another one; it"
        " becomes low, the name that is left, so look at its profile before using it",
        "the rules call low what continues mid; it stays mid",
    ]


def test_rename_does_not_keep_a_name_that_the_study_gave_up() -> None:
    """The texts of a segment come from the study; without them there is no such segment."""
    result = rename(["low", "high"], accepted((0, 0), (1, 1)), ["low", "vip"])
    assert result == RenamedClusters(
        ("low", "high"),
        (NameConflict(kind="unknown", segment="high", rule="high", lost="vip"),),
        (True, False),
    )
    (conflict,) = result.conflicts
    assert describe_conflict(conflict) == "the rules know no vip; what continues it is now high"


@given(st.data())
def test_rename_uses_every_name_of_the_rules_once(data: st.DataObject) -> None:
    """However identity and rules disagree, no two clusters share a name and none goes without."""
    names = ["low", "mid", "plus", "vip"]
    rules = data.draw(st.permutations(names))
    old_ids = data.draw(st.permutations([*names, "former"]))
    new = data.draw(st.lists(st.integers(0, 3), unique=True))
    old = data.draw(st.permutations(range(5)))
    pairs = accepted(*zip(old, new, strict=False))
    result = rename(rules, pairs, old_ids)
    assert sorted(result.ids) == names
    for pair in pairs:
        assert old_ids[pair.old] in ("former", result.ids[pair.new])


def test_identical_models_keep_everything() -> None:
    """The same centroids and labels: each segment kept, agreement 1, nobody moved."""
    labels = flow([[3, 0], [0, 5]])
    pairs = match(on_a_line(0, 10), on_a_line(0, 10))
    assert transitions(*labels, pairs, ["a", "b"], ["a", "b"]) == Transitions(
        old=(fate_of("a", "kept", 3, 1.0, "a"), fate_of("b", "kept", 5, 1.0, "b")),
        new=(
            origin_of("a", "kept", 3, "a", predecessor="a"),
            origin_of("b", "kept", 5, "b", predecessor="b"),
        ),
        agreement=1.0,
        unchanged=1.0,
        records=8,
    )


def test_a_split_segment_is_reported_even_where_one_part_continues_it() -> None:
    """Of ten members six stay and four make another segment: a quarter would have been enough."""
    result = transitions(
        *flow([[6, 0, 4], [0, 10, 0]]), accepted((0, 0), (1, 1)), ["a", "b"], ["a", "b", "c"]
    )
    assert result.old == (
        fate_of("a", "split", 10, 0.6, "a", "c"),
        fate_of("b", "kept", 10, 1.0, "b"),
    )
    assert result.new == (
        origin_of("a", "split", 6, "a", predecessor="a"),
        origin_of("b", "kept", 10, "b", predecessor="b"),
        origin_of("c", "split", 4, "a"),
    )
    assert (result.unchanged, result.records) == (0.8, 20)


@pytest.mark.parametrize(("part", "expected"), [(24, "kept"), (25, "split")])
def test_a_split_begins_with_a_quarter(part: int, expected: str) -> None:
    """Of a hundred members 24 that leave are a loss, 25 a split."""
    labels = flow([[100 - part, part], [0, 100]])
    result = transitions(*labels, accepted((0, 0), (1, 1)), ["a", "b"], ["a", "b"])
    assert fates(result) == {"a": expected, "b": "kept"}


def test_merged_segments_give_most_of_their_members_to_one() -> None:
    """Nine of ten and eight of ten go to one new segment, whoever it continues."""
    labels = flow([[9, 1], [8, 2], [0, 10]])
    result = transitions(*labels, accepted((0, 0), (2, 1)), ["a", "b", "c"], ["a", "c"])
    assert result.old == (
        fate_of("a", "merged", 10, 0.9, "a"),
        fate_of("b", "merged", 10, None, "a", successor="-"),
        fate_of("c", "kept", 10, 1.0, "c"),
    )
    assert result.new == (
        origin_of("a", "merged", 17, "a", "b", predecessor="a"),
        origin_of("c", "kept", 13, "c", predecessor="c"),
    )
    assert result.unchanged == pytest.approx(19 / 30)


def test_a_small_segment_that_is_swallowed_has_vanished_not_merged() -> None:
    """Ten members among a hundred don't make the segment another one."""
    labels = flow([[90, 0], [10, 0], [0, 50]])
    result = transitions(*labels, accepted((0, 0), (2, 1)), ["a", "b", "c"], ["a", "c"])
    assert fates(result) == {"a": "kept", "b": "vanished", "c": "kept"}
    assert origins(result) == {"a": "kept", "c": "kept"}
    assert result.old[1] == fate_of("b", "vanished", 10, None, "a", successor="-")


def test_vanished_and_new_segments_are_told_apart_under_one_name() -> None:
    """A cluster that the rules call b continues nothing, though there was a b before."""
    labels = flow([[10, 0], [0, 8]])
    result = transitions(*labels, accepted((0, 0)), ["a", "b"], ["a", "b"])
    assert fates(result) == {"a": "kept", "b": "vanished"}
    assert origins(result) == {"a": "kept", "b": "new"}
    assert result.agreement == 1.0
    assert result.unchanged == pytest.approx(10 / 18)


def test_a_segment_without_members_has_no_share_that_stays() -> None:
    """Nobody in the new records was in b: its centroid goes on, its share isn't a number."""
    labels = flow([[5, 5], [0, 0]])
    result = transitions(*labels, accepted((0, 0), (1, 1)), ["a", "b"], ["a", "b"])
    assert result.old[1] == fate_of("b", "kept", 0, None)
    nobody = np.empty(0, dtype=np.int64)
    with pytest.raises(TrainingError, match=r"^there are no records"):
        transitions(nobody, nobody, [], ["a"], ["a"])


def test_agreement_is_the_adjusted_rand_index() -> None:
    """Halves that cross share no pair of records: (0 - 2/3) / (2 - 2/3) = -1/2."""
    labels = flow([[1, 1], [1, 1]])
    result = transitions(*labels, accepted((0, 0), (1, 1)), ["a", "b"], ["a", "b"])
    assert result.agreement == pytest.approx(-0.5)
    assert result.unchanged == 0.5
    assert fates(result) == {"a": "split", "b": "split"}


@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 5).flatmap(lambda n: st.permutations(range(n))),
    st.integers(1, 5).flatmap(lambda n: st.permutations(range(n))),
)
def test_cluster_numbers_change_nothing(seed: int, old: list[int], new: list[int]) -> None:
    """Whatever the order of old and new clusters, the report and the names are the same."""
    random = np.random.RandomState(seed)
    old_centroids = random.normal(0, 1, (len(old), 3))
    new_centroids = random.normal(0, 1, (len(new), 3))
    common = min(len(old), len(new))
    new_centroids[:common] += old_centroids[:common] - 0.9 * new_centroids[:common]
    old_labels, new_labels = random.randint(len(old), size=40), random.randint(len(new), size=40)
    old_ids = [f"s{i}" for i in range(len(old))]
    rules = [f"s{i}" for i in random.permutation(len(new))]

    def report(old: list[int], new: list[int]) -> tuple[Any, ...]:
        names, called = [old_ids[i] for i in old], [rules[j] for j in new]
        pairs = match(old_centroids[old], new_centroids[new])
        ids = rename(called, pairs, names)
        labels = np.argsort(old)[old_labels], np.argsort(new)[new_labels]
        by_cluster = dict(zip(new, ids.ids, strict=True))
        return transitions(*labels, pairs, names, ids.ids), ids.conflicts, by_cluster

    assert report(old, new) == report(list(range(len(old))), list(range(len(new))))


@pytest.mark.parametrize("seed", range(20))
def test_a_retrained_model_keeps_its_segments_whatever_the_seed(seed: int) -> None:
    """K-Means on other draws of four overlapping groups: each is kept, with most of its members."""
    centres = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [6.0, 6.0]])

    def draw(random_state: int) -> NDArray[np.float64]:
        noise = np.random.RandomState(random_state).normal(0, 1.2, (400, 2))
        return np.repeat(centres, 100, axis=0) + noise

    old = KMeans(4, n_init=3, random_state=0).fit(draw(100))
    records = draw(seed)
    new = KMeans(4, n_init=3, random_state=seed).fit(records)
    pairs = match(old.cluster_centers_, new.cluster_centers_)
    names = rename(list("abcd"), pairs, list("abcd"))
    result = transitions(old.predict(records), new.labels_, pairs, list("abcd"), names.ids)
    assert fates(result) == dict.fromkeys("abcd", "kept")
    assert result.agreement > 0.8
    assert result.unchanged > 0.9
