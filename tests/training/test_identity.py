"""Segments that keep their names from one model to the next, and those that can't."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.artifact import Package, write_package
from segmentation.artifact.lineage import NameConflict
from segmentation.errors import TrainingError
from segmentation.schema import Schema
from segmentation.study import Study, make_record_matrix
from segmentation.training.fitting.clustering import cluster_records, refit_study
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.identity.predecessor import Predecessor, read_predecessor
from segmentation.training.packing.pack import Run, pack
from tests.support.planted import IDS, SPEND, STUDY, VISITS, draw, source

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
        NameConflict(kind="continues", segment="high", rule="mid"),
        NameConflict(kind="continues", segment="mid", rule="high"),
    )
    result = cluster_records(STUDY, records, SEED, predecessor=before)
    assert result.names.renamed == {"high": "mid", "mid": "high"}
    # A rule's reason is told of the cluster that it means, so of neither of these two.
    assert after.clusters is not None
    reasons = {reason.segment: reason for reason in after.clusters.naming}
    assert {name: reason.named_by for name, reason in reasons.items()} == dict.fromkeys(
        IDS, "predecessor"
    )
    assert (reasons["mid"].value, reasons["high"].value) == (None, None)
    rule = next(reason for reason in by_rules.names.reasons if reason.segment == "low")
    assert reasons["low"] == rule.model_copy(update={"named_by": "predecessor"})


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


# Spend in another unit: the model before puts nobody into mid any more.
OTHER_UNITS = X * np.array([10, 1, 1, 1], dtype=np.float32)


@pytest.fixture(scope="module")
def in_other_units(before: Predecessor) -> FittedModel:
    """A model of the same customers, whose spend is counted otherwise."""
    return trained(OTHER_UNITS, before)


def test_the_rules_name_what_the_model_before_cannot(
    learned: FittedModel, in_other_units: FittedModel
) -> None:
    """Every customer keeps the right name, and what made the old names useless is said."""
    assert names(in_other_units) == names(learned)
    lineage = in_other_units.lineage
    assert lineage is not None
    measures = [item.measure for item in lineage.discontinuities]
    assert set(measures) == {"agreement", "unchanged", "empty"}
    assert "mid" in [item.segment for item in lineage.discontinuities]
    assert lineage.conflicts == ()
    assert in_other_units.clusters is not None
    named_by = [reason.named_by for reason in in_other_units.clusters.naming]
    assert named_by == ["rule", "rule", "elimination"]


def test_nothing_continues_a_model_that_lends_no_names(
    before: Predecessor, in_other_units: FittedModel
) -> None:
    """No old segment has a successor; one with nobody of today has no members either."""
    assert in_other_units.lineage is not None
    transitions = in_other_units.lineage.transitions
    assert [item.successor for item in transitions.old] == [None] * 3
    assert [origin.predecessor for origin in transitions.new] == [None] * 3
    present = {before.ids[position] for position in before.label(OTHER_UNITS)}
    members = {item.segment: item.members for item in transitions.old}
    assert {name for name in IDS if members[name]} == present
    assert sum(members.values()) == transitions.records == len(X)


def test_rules_against_the_likeness_of_segments_are_refused(before: Predecessor) -> None:
    """Nobody spends much any more: by the rules mid would become high, which it is not like."""
    centres = np.array([[5.0, 2.0, 30.0], [50.0, 25.0, 45.0], [22.0, 8.0, 30.0]])
    records, _ = draw(seed=2, spread=1.0, centres=centres)
    with pytest.raises(TrainingError) as refusal:
        trained(records, before)
    sentence = str(refusal.value)
    assert f"the model before, {before.version}, cannot name these clusters" in sentence
    assert "it puts no record of today into high" in sentence
    assert "high is most like what was mid" in sentence
    assert "--new-names" in sentence
    assert trained(records).lineage is None


@pytest.mark.parametrize("unit", [0.01, 100.0])
@pytest.mark.parametrize("columns", [(SPEND,), (VISITS,), (SPEND, VISITS)])
def test_units_never_permute_names(
    unit: float, columns: tuple[int, ...], learned: FittedModel, before: Predecessor
) -> None:
    """Whichever column changes its unit: the right name for everybody, or a refusal."""
    changed = X.copy()
    changed[:, columns] *= unit
    result, refusal = learned, ""
    try:
        result = trained(changed, before)
    except TrainingError as error:
        refusal = str(error)
    assert refusal == "" or "cannot name these clusters" in refusal
    same = np.mean([old == new for old, new in zip(names(learned), names(result), strict=True)])
    assert same > 0.95
