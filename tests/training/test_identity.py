"""Segments that keep their names from one model to the next, and those that can't."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.artifact import Package, write_package
from segmentation.schema import Schema
from segmentation.study import Study, make_record_matrix
from segmentation.training.fitting.clustering import cluster_records, refit_study
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.identity.predecessor import Predecessor, read_predecessor
from segmentation.training.packing.pack import Run, pack
from tests.support.planted import CENTRES, IDS, SPEND, STUDY, draw, source

SEED = 0
X, GROUP = draw()


def trained(records: Any, before: Predecessor | None = None, seed: int = SEED) -> FittedModel:
    """Return what is learned from records."""
    return fit_study(STUDY, source(records), "quick", seed, predecessor=before)


def packed(learned: FittedModel, *, synthetic: bool = False) -> Package:
    """Return the package of what was learned."""
    return pack(Run(STUDY, source(learned.X, synthetic=synthetic), learned, "quick", SEED))


@pytest.fixture(scope="module")
def learned() -> FittedModel:
    """A model of the planted groups."""
    return trained(X)


@pytest.fixture(scope="module")
def before(learned: FittedModel, tmp_path_factory: pytest.TempPathFactory) -> Predecessor:
    """That model, as the next training finds it."""
    path = tmp_path_factory.mktemp("before") / "planted.bin"
    write_package(path, packed(learned), None)
    result, reason = read_predecessor(path, STUDY, synthetic=False)
    assert reason == ""
    assert result is not None
    return result


def names(learned: FittedModel) -> list[str]:
    """Return the segment of each record."""
    return [IDS[label] for label in learned.y]


def test_the_package_says_where_the_model_before_puts_records(
    learned: FittedModel, before: Predecessor
) -> None:
    """Its scorer answers for it, in the order of its segments; nothing is unpickled."""
    assert [before.ids[position] for position in before.label(X)] == names(learned)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_retraining_on_the_same_data_keeps_everything(
    learned: FittedModel, before: Predecessor, seed: int
) -> None:
    """Whatever the seed: each segment kept, nobody moved, no conflict."""
    again = trained(X, before, seed)
    assert names(again) == names(learned)
    assert again.lineage is not None
    assert again.lineage.previous == before.version
    assert again.lineage.conflicts == ()
    transitions = again.lineage.transitions
    assert (transitions.agreement, transitions.unchanged, transitions.records) == (1, 1, len(X))
    assert [(item.segment, item.fate, item.successor) for item in transitions.old] == [
        (name, "kept", name) for name in sorted(IDS)
    ]
    assert [(item_value.segment, item_value.origin) for item_value in transitions.new] == [
        (name, "kept") for name in sorted(IDS)
    ]


def test_without_a_model_before_there_is_no_lineage(learned: FittedModel) -> None:
    """Names are then those of the rules."""
    assert learned.lineage is None


def test_nothing_is_continued_where_there_is_nothing(tmp_path: Path) -> None:
    """The reason is a sentence."""
    predecessor = read_predecessor(tmp_path / "absent.bin", STUDY, synthetic=False)
    assert predecessor == (None, "there is no model before it")


def test_a_damaged_package_is_not_continued(learned: FittedModel, tmp_path: Path) -> None:
    """The reason says that it can't be read, and why."""
    path = tmp_path / "planted.bin"
    write_package(path, packed(learned), None)
    path.write_bytes(path.read_bytes()[:-100])
    result, reason = read_predecessor(path, STUDY, synthetic=False)
    assert result is None
    assert reason.startswith("the model before it cannot be read (")


def renamed_study() -> Study:
    """Return the study under another name."""
    return replace(STUDY, name="other")


def wider_study() -> Study:
    """Return a study of the same name that reads one column less."""
    schema = Schema(STUDY.schema.columns[:-1])
    return replace(STUDY, schema=schema, pipeline=lambda _: make_record_matrix(schema))


@pytest.mark.parametrize("study", [renamed_study(), wider_study()], ids=["study", "schema"])
def test_a_package_of_another_study_or_schema_is_not_continued(
    study: Study, learned: FittedModel, tmp_path: Path
) -> None:
    """Its scorer could not be asked about these records, or its answers would mean nothing."""
    path = tmp_path / "planted.bin"
    write_package(path, packed(learned), None)
    result, reason = read_predecessor(path, study, synthetic=False)
    assert result is None
    assert reason == "the model before it is of another study or reads other columns"


@pytest.mark.parametrize(
    ("was", "will_be", "continued"),
    [(True, False, False), (True, True, True), (False, True, True), (False, False, True)],
)
def test_real_segments_do_not_continue_made_up_ones(
    was: bool, will_be: bool, continued: bool, learned: FittedModel, tmp_path: Path
) -> None:
    """Only a model of the synthetic sample before one of real records is left behind."""
    path = tmp_path / "planted.bin"
    write_package(path, packed(learned, synthetic=was), None)
    result, reason = read_predecessor(path, STUDY, synthetic=will_be)
    assert (result is not None) is continued
    assert reason == ("" if continued else "the model before it learned from the synthetic sample")


# Mid has moved up and high down, so that the rules would call each by the other's name; in the
# scaled plane of spend and visits both are still nearest to where they were.
SWAPPED = np.array([[10.0, 5.0, 30.0], [72.0, 25.0, 45.0], [66.0, 5.0, 60.0]])


@pytest.fixture(scope="module")
def moved() -> tuple[Any, Any]:
    """Records of groups of which two have changed places in the rules' order."""
    return draw(seed=1, spread=2.0, centres=SWAPPED)


@pytest.fixture(scope="module")
def after(moved: tuple[Any, Any], before: Predecessor) -> FittedModel:
    """A model of the moved groups that goes on from the one before."""
    return trained(moved[0], before)


def test_a_segment_keeps_its_name_against_the_rules(
    moved: tuple[Any, Any], before: Predecessor, after: FittedModel
) -> None:
    """What continues mid stays mid, though it spends the most; the conflict is reported."""
    records, group = moved
    by_rules = cluster_records(STUDY, records, SEED)
    assert by_rules.ids.tolist() == [("low", "high", "mid")[item] for item in group]
    assert names(after) == [IDS[item_value] for item_value in group]
    assert after.lineage is not None
    assert after.lineage.conflicts == (
        "the rules call high what continues mid; it stays mid",
        "the rules call mid what continues high; it stays high",
    )
    result = cluster_records(STUDY, records, SEED, predecessor=before)
    assert result.names.renamed == {"high": "mid", "mid": "high"}
    # The reasons are those of the rules: they say what the rules saw.
    assert after.clusters is not None
    assert after.clusters.naming == list(by_rules.names.reasons)


def test_refits_carry_the_names_that_identity_gave(
    moved: tuple[Any, Any], after: FittedModel
) -> None:
    """Models of bootstrap samples and folds call segments as the model does.

    If they used the rules' names, every held-out mid would count as high: the threshold of
    complete records would be 1.
    """
    records, group = moved
    assert (refit_study(STUDY, records, 3).predict(records) != group).any()
    again = refit_study(STUDY, records, 3, group)
    np.testing.assert_array_equal(again.predict(records), group)
    assert max(after.conformal.measured[0].thresholds) < 0.01


def test_identity_and_retraining_agree_on_the_second_time(
    moved: tuple[Any, Any], after: FittedModel, tmp_path: Path
) -> None:
    """From the package of a model with swapped names the next one goes on with them."""
    path = tmp_path / "planted.bin"
    write_package(path, packed(after), None)
    result, _ = read_predecessor(path, STUDY, synthetic=False)
    assert names(trained(moved[0], result)) == names(after)


@pytest.fixture(scope="module")
def without_high(before: Predecessor) -> FittedModel:
    """A model of records among which nobody spends much and the low ones are of two kinds."""
    centres = np.array([[5.0, 2.0, 30.0], [50.0, 25.0, 45.0], [22.0, 8.0, 30.0]])
    records, _ = draw(seed=2, spread=1.0, centres=centres)
    assert "high" not in {before.ids[position] for position in before.label(records)}
    return trained(records, before)


def test_a_segment_that_vanished_is_listed(without_high: FittedModel) -> None:
    """The old model puts nobody there: no members, no successor, nothing that stayed."""
    assert without_high.lineage is not None
    transitions = without_high.lineage.transitions
    assert [item.segment for item in transitions.old] == ["low", "mid", "high"]
    removed = transitions.old[2]
    assert (removed.fate, removed.members, removed.successor, removed.stayed) == (
        "vanished",
        0,
        None,
        None,
    )
    assert removed.into == ()
    assert sum(item_value.members for item_value in transitions.old) == transitions.records


def test_every_name_is_used_after_a_segment_vanished(without_high: FittedModel) -> None:
    """Mid goes on; what low was split into shares the names that are left."""
    assert sorted(set(names(without_high))) == sorted(IDS)
    assert without_high.lineage is not None
    fates = {item.segment: item.fate for item in without_high.lineage.transitions.old}
    assert fates["mid"] == "kept"
    assert fates["low"] == "split"
    mid = without_high.X[without_high.y == IDS.index("mid"), SPEND]
    assert mid.mean() == pytest.approx(CENTRES[1, SPEND], abs=1)
