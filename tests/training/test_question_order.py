"""In which order questions decide most, and sets that know which answers are missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from segmentation.artifact.manifest import Conformal, PatternThresholds
from segmentation.runtime import Model
from segmentation.schema import Column, Schema
from segmentation.schema.relations import Shares
from segmentation.study import Study
from segmentation.training.fitting.conformal_calibration import measure_coverage
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.fitting.question_order import (
    find_missing,
    index_patterns,
    learn_question_order,
)
from segmentation.training.labelled_records import LabelledRecords
from segmentation.training.measuring.conditions import COMPLETE, ConditionedRecords
from segmentation.training.packing.pack import Run, pack
from tests.support.planted import IDS, SPEND, STUDY, VISITS, draw, records, source

SEED = 0
X, GROUP = draw()
# As where segments are discovered: nobody guesses.
EXACT = replace(STUDY, noise=())


@pytest.fixture(scope="module")
def learned() -> FittedModel:
    """A model of the planted groups: low and high differ in spend alone, mid in both."""
    return fit_study(EXACT, source(X), "quick", SEED)


def test_the_question_that_tells_most_comes_first(learned: FittedModel) -> None:
    """Spend tells all three groups apart; visits only mid from the others."""
    assert [question.field for question in learned.questions] == ["spend", "visits"]
    first, second = learned.questions
    assert first.gain > 0.3
    # Nothing is left to tell.
    assert second.gain == pytest.approx(0, abs=0.01)


def test_gains_add_up_to_what_all_answers_are_worth(learned: FittedModel) -> None:
    """From what is right without any of the answers to what is right with all."""
    indirect = next(
        metric.value
        for metric in learned.metrics
        if metric.measure == "accuracy" and metric.condition and metric.condition.kind == "indirect"
    )
    total = sum(question.gain for question in learned.questions)
    assert indirect + total == pytest.approx(1.0, abs=0.06)


def test_sets_know_which_answer_is_missing(learned: FittedModel) -> None:
    """Without visits everything is still told by spend; without spend low and high are not."""
    patterns = index_patterns(STUDY, learned.conformal)
    assert set(patterns) == {(SPEND,), (VISITS,)}
    assert max(patterns[VISITS,]) < 0.2
    assert max(patterns[SPEND,]) > 0.5
    # A threshold by number alone has to do for both.
    assert max(learned.conformal.thresholds[1]) > 0.5


def test_the_service_uses_them_and_says_what_to_ask(learned: FittedModel) -> None:
    """One plausible segment where spend is known, two and a question where it is not."""
    model = Model(pack(Run(EXACT, source(X), learned, "quick", SEED)))
    low = records(X[GROUP == 0][:1])[0]
    with_spend, with_visits, complete = model.predict(
        [{"spend": low["spend"]}, {"visits": low["visits"], "age": 45, "children": 1}, low]
    )
    assert with_spend["plausible"] == ["low"]
    assert with_spend["ask_next"]["field"] == "visits"
    assert set(with_visits["plausible"]) == {"low", "high"}
    question = learned.questions[0]
    assert with_visits["ask_next"] == {
        "field": "spend", "title": "Spend", "expected_gain": question.gain,
    }  # fmt: skip
    assert "ask_next" not in complete


def shared_study() -> Study:
    """Return a study of three shares of one whole."""
    columns = [
        Column(name=name, title=name, kind="number", role="feature", description="A share.",
               minimum=0, maximum=1, defines=True)
        for name in ("first", "second", "third")
    ]  # fmt: skip
    schema = Schema(tuple(columns), relations=(Shares(("first", "second", "third")),))
    return replace(STUDY, schema=schema)


@pytest.mark.parametrize(
    ("fields", "missing"),
    [([], (0, 1, 2)), (["first"], (1, 2)), (["first", "third"], ()), (["second", "third"], ())],
)
def test_what_follows_is_not_missing(fields: list[str], missing: tuple[int, ...]) -> None:
    """Of shares of one whole the last follows, whatever they are."""
    assert find_missing(shared_study(), fields) == missing


class Certain:
    """A classifier that knows two segments from the first answer and none without it."""

    classes_ = np.array([0, 1])

    def predict_proba(self, X: Any) -> Any:
        """Return 0.9 for the segment that the first answer says, or half and half."""
        P = np.where(X[:, :1] > 0, [0.1, 0.9], [0.9, 0.1])
        return np.where(np.isnan(X[:, :1]), 0.5, P)


def test_questions_that_tell_nothing_come_last() -> None:
    """Whatever their place in the table."""
    columns = tuple(
        Column(name=name, title=name, kind="number", role="feature", description="A number.",
               defines=True)
        for name in ("decisive", "idle", "idler")
    )  # fmt: skip
    random = np.random.default_rng(0)
    numbers = random.normal(size=(200, 3)).astype(np.float32)
    y = (numbers[:, 0] > 0).astype(np.int64)
    for order in ([0, 1, 2], [1, 2, 0]):
        schema = Schema(tuple(columns[i] for i in order))
        study = replace(STUDY, schema=schema, noise=())

        class Reordered(Certain):
            """The same, of columns in another order."""

            place = order.index(0)

            def predict_proba(self, X: Any) -> Any:
                """Return what the decisive answer says."""
                return super().predict_proba(X[:, [self.place]])

        held_out = [(Reordered(), LabelledRecords(numbers[:, order], y))]
        questions = learn_question_order(study, held_out, SEED).questions
        assert questions[0].field == "decisive"
        assert [question.gain for question in questions] == [
            pytest.approx(0.5, abs=0.1), 0.0, 0.0,
        ]  # fmt: skip


def test_coverage_is_measured_with_the_thresholds_of_the_pattern() -> None:
    """Each copy lacks one answer; thresholds of its own make the set of the first hold both."""
    numbers = np.ones((4, 3), dtype=np.float32)
    copies = np.stack([numbers, numbers])
    copies[0, :, 1] = np.nan
    copies[1, :, 0] = np.nan
    conditioned = [ConditionedRecords(COMPLETE, 1, copies)]
    y = np.zeros(4, dtype=np.int64)
    rows, patterns = [[0.0] * 2, [0.2] * 2], {(1,): [0.95] * 2}
    alone = {item.measure: item.value for item in measure_coverage(Certain(), conditioned, y, rows)}
    known_patterns = {
        item.measure: item.value
        for item in measure_coverage(Certain(), conditioned, y, rows, patterns)
    }
    assert (alone["unsure"], alone["coverage"]) == (0.5, 0.5)
    assert (known_patterns["unsure"], known_patterns["coverage"]) == (1.0, 1.0)


def test_every_single_gap_of_the_shipped_studies_has_thresholds(
    models: dict[str, Model],
) -> None:
    """And every step of the order of questions, by names of defining columns in their order."""
    for model in models.values():
        manifest = model.manifest
        decisive = [column.name for column in manifest.record.decisive_columns]
        missing = {part.missing for part in manifest.conformal.patterns}
        assert {(name,) for name in decisive} <= missing
        for names in missing:
            assert list(names) == [name for name in decisive if name in names]
        assert {question.field for question in manifest.questions} <= set(decisive)


def test_a_conformal_without_patterns_is_read() -> None:
    """Packages of format 4 have none."""
    plain = Conformal(
        coverage=0.95, thresholds=[[0.5]], measured=[], n_calibration=9, truth="what it is"
    )
    assert plain.patterns == ()
    part = PatternThresholds(missing=("spend",), thresholds=[0.5] * len(IDS))
    changed = plain.model_copy(update={"patterns": (part,)})
    assert index_patterns(STUDY, changed) == {(SPEND,): [0.5] * 3}
