"""Learning where segments are discovered: names, gaps, held-out records and what figures say."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.artifact.clusters import SegmentStability, Stability
from segmentation.errors import TrainingError
from segmentation.estimators import ColumnSubset
from segmentation.studies.credit_card import CREDIT_CARD
from segmentation.studies.household import HOUSEHOLD
from segmentation.studies.retail import RETAIL
from segmentation.study import Study, make_centroid_classifier, make_record_matrix
from segmentation.training.fitting import clustering
from segmentation.training.fitting.clustering import (
    N_BOOTSTRAPS,
    N_CALIBRATIONS,
    N_COVERAGE,
    N_FOLDS,
    cluster_records,
    refit_study,
)
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.labelled_records import matrix
from segmentation.training.measuring.conditions import INDIRECT, copy_under_conditions
from segmentation.training.measuring.cross_validation import FOLDS, cross_validate_clusters
from segmentation.training.training_data import read_source
from tests.support.filling import fill_gaps
from tests.support.metrics import circular_by_inputs, values_by_name
from tests.support.planted import (
    AGE,
    CHILDREN,
    IDS,
    NAMES,
    SPEND,
    STUDY,
    VISITS,
    draw,
    records,
    source,
)

SEED = 0
X, GROUP = draw()
# Groups that overlap: where the border lies depends on who was clustered.
BLURRED, _ = draw(seed=3, n=40, spread=16.0)


@pytest.fixture(scope="module")
def learned() -> FittedModel:
    """A model of well separated groups."""
    return fit_study(STUDY, source(X), "quick", SEED)


@pytest.mark.parametrize("seed", range(5))
def test_planted_groups_are_found_and_named_whatever_the_seed(seed: int) -> None:
    """Each record gets the name of its group."""
    result = cluster_records(STUDY, X, seed)
    assert result.ids.tolist() == [IDS[item] for item in GROUP]
    assert result.complete.all()
    assert result.Z.shape == (len(X), 2)
    assert refit_study(STUDY, X, seed).predict(X).tolist() == GROUP.tolist()


def test_clusters_are_those_of_complete_records() -> None:
    """A record without a defining answer is not clustered; it gets a segment all the same."""
    gaps = X.copy()
    gaps[:20, VISITS] = np.nan
    gaps[20:40, AGE] = np.nan  # which doesn't define: these records are complete
    result = cluster_records(STUDY, gaps, SEED)
    np.testing.assert_array_equal(result.complete, np.arange(len(X)) >= 20)
    assert result.ids.tolist() == [IDS[item] for item in GROUP[20:]]
    learned = fit_study(STUDY, source(gaps), "quick", SEED)
    assert learned.n_train == len(X) - 20
    assert len(learned.y) == len(X)
    # Spend alone tells the groups of this sample apart.
    np.testing.assert_array_equal(learned.y, GROUP)


def test_what_the_space_fills_in_is_complete() -> None:
    """Where a study says what a gap counts as, every record is clustered."""
    space = Pipeline([("fill", fill_gaps(0.0)), ("scale", StandardScaler())])

    def pipeline(_: int) -> Pipeline:
        schema = STUDY.schema
        return Pipeline(
            [
                ("records", make_record_matrix(schema)),
                ("end", make_centroid_classifier(schema, space)),
            ]
        )

    gaps = X.copy()
    gaps[GROUP == 0, VISITS] = np.nan
    result = cluster_records(replace(STUDY, pipeline=pipeline), gaps, SEED)
    assert result.complete.all()
    assert result.ids.tolist() == [IDS[item] for item in GROUP]


def test_too_few_complete_records_are_refused() -> None:
    """Ten for each segment are needed."""
    gaps = X.copy()
    gaps[29:, SPEND] = np.nan
    with pytest.raises(TrainingError, match=r"^29 complete records are too few .*: at least 30"):
        cluster_records(STUDY, gaps, SEED)


def test_a_segment_too_small_to_be_held_out_is_refused() -> None:
    """Nine customers of a kind can't be measured; the message says how many are needed."""
    few = np.vstack([X[GROUP != 2], X[GROUP == 2][:9]])
    with pytest.raises(
        TrainingError, match=r"at least 10 records; .* High \(high, label 2\) has 9$"
    ):
        fit_study(STUDY, source(few), "quick", SEED)


def test_a_column_without_answers_is_refused() -> None:
    """By its title."""
    gaps = X.copy()
    gaps[:, CHILDREN] = np.nan
    with pytest.raises(TrainingError, match=r"^column 'Children' has no answers to learn from$"):
        fit_study(STUDY, source(gaps), "quick", SEED)


def test_rules_of_naming_need_centroids() -> None:
    """A pipeline that ends in anything else is refused in one sentence."""

    def pipeline(_: int) -> Pipeline:
        return Pipeline(
            [("records", make_record_matrix(STUDY.schema)), ("end", LogisticRegression())]
        )

    with pytest.raises(TrainingError, match=r"^the study planted has rules .* such as centroids$"):
        fit_study(replace(STUDY, pipeline=pipeline), source(X), "quick", SEED)


def test_the_report_says_what_was_clustered_and_why_names_are_what_they_are(
    learned: FittedModel,
) -> None:
    """Columns, dimensions, a curve over k that prefers three, agreement 1, a reason for each."""
    assert learned.clusters is not None
    report = learned.clusters
    assert (report.columns, report.n_dimensions) == (["spend", "visits"], 2)
    assert max(report.curve, key=lambda point: point.silhouette).k == 3
    assert report.stability == Stability(
        mean=1.0,
        deviation=0.0,
        worst=1.0,
        n=N_BOOTSTRAPS,
        quartiles=(1.0, 1.0, 1.0),
        segments=tuple(SegmentStability(segment=name, mean=1.0, worst=1.0) for name in IDS),
    )
    assert [reason.segment for reason in report.naming] == ["high", "low", "mid"]


def test_thresholds_grow_with_what_is_missing(learned: FittedModel) -> None:
    """None for complete records of planted groups, more for one gap, most for both."""
    complete, incomplete, indirect = (
        max(of_segments) for of_segments in learned.conformal.thresholds
    )
    assert complete < 0.001 < incomplete < indirect < 1
    assert learned.conformal.n_calibration == N_CALIBRATIONS * len(X)


Fits = list[tuple[Any, Any]]


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Fits:
    """The records of each refit and the model that came of them, in order, as they happen."""
    result: Fits = []

    def remembering(study: Study, X: Any, seed: int, y: Any = None) -> Pipeline:
        model = refit_study(study, X, seed, y)
        result.append((X, model))
        return model

    monkeypatch.setattr(clustering, "refit_study", remembering)
    return result


def numbered(X: Any) -> Any:
    """Return records that can be told apart by their ages, which differ a little more or less."""
    X = X.copy()
    X[:, AGE] += np.arange(len(X)) * 1e-3
    assert len(np.unique(X[:, AGE])) == len(X)
    return X


def test_refits_do_not_see_the_records_they_are_asked_about(fits: Fits) -> None:
    """Each fold clusters four fifths, and each record is left out by exactly one of five."""
    data = numbered(BLURRED)
    fit_study(STUDY, source(data), "quick", SEED)
    samples, folded = fits[:N_BOOTSTRAPS], fits[N_BOOTSTRAPS:]
    assert len(folded) == N_FOLDS * (N_CALIBRATIONS + N_COVERAGE) + FOLDS
    for start in range(0, len(folded), N_FOLDS):
        folds = folded[start : start + N_FOLDS]
        left_out = [set(data[:, AGE].tolist()) - set(seen[:, AGE].tolist()) for seen, _ in folds]
        assert sorted(age for fold in left_out for age in fold) == sorted(data[:, AGE].tolist())
        for seen, _ in folds:
            assert len(np.unique(seen[:, AGE])) == len(seen)
    for seen, _ in samples:
        assert len(seen) == len(data)
        assert 0.5 < len(np.unique(seen[:, AGE])) / len(data) < 0.75


def test_a_group_only_among_held_out_records_is_unknown_to_the_fold(fits: Fits) -> None:
    """Nine records far away, all in one fold: its clusters are those of the other groups.

    Clustered together with them, the nine would make a cluster of their own.
    """
    learned = fit_study(STUDY, source(numbered(X)), "quick", SEED)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    inside, outside = next(iter(folds.split(X, learned.y)))
    strangers = outside[GROUP[outside] == 2][:9]
    far = X.copy()
    far[strangers, SPEND], far[strangers, VISITS] = 900, 5
    assert (cluster_records(STUDY, far, SEED).ids == "high").sum() == 9
    fits.clear()
    again = partial(clustering.refit_study, STUDY)
    data = clustering.LabelledRecords(far, learned.y)
    cross_validate_clusters(STUDY, again, data, SEED, "here")
    seen, model = fits[0]
    np.testing.assert_array_equal(seen, far[inside])
    assert seen[:, SPEND].max() < 110
    assert model.predict(far[outside]).tolist() == GROUP[outside].tolist()


def test_the_truth_of_held_out_records_is_that_of_the_folds_own_clusters() -> None:
    """The figure of a reading, worked out again fold by fold from scikit-learn's parts."""
    learned = fit_study(STUDY, source(BLURRED), "quick", SEED)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    own, of_all = [], []
    for inside, outside in folds.split(BLURRED, learned.y):
        model = refit_study(STUDY, BLURRED[inside], SEED, learned.y[inside])
        reader = make_pipeline(ColumnSubset((SPEND, AGE)), StandardScaler(), LogisticRegression())
        reader.fit(BLURRED[inside], model.predict(BLURRED[inside]))
        answers = reader.predict(BLURRED[outside])
        own.append(np.mean(answers == model.predict(BLURRED[outside])))
        of_all.append(np.mean(answers == learned.y[outside]))
    values = values_by_name(learned.metrics)
    assert values["accuracy, spend and age"] == pytest.approx(np.mean(own), abs=1e-6)
    assert np.mean(own) != pytest.approx(np.mean(of_all), abs=1e-3)


def test_indirect_figures_are_of_the_demographics_alone() -> None:
    """What held-out records bought changes no answer to a record that doesn't say it."""
    model = refit_study(STUDY, X, SEED)
    second = X.copy()
    second[:, [SPEND, VISITS]] = second[::-1, [SPEND, VISITS]]
    (item,), (second_value,) = (
        [
            c.stacked
            for c in copy_under_conditions(request, 0, 1, STUDY.schema.decisive)
            if c.condition == INDIRECT
        ]
        for request in (X, second)
    )
    assert np.isnan(item[:, [SPEND, VISITS]]).all()
    np.testing.assert_array_equal(item[:, AGE], X[:, AGE])
    np.testing.assert_array_equal(model.predict_proba(item), model.predict_proba(second_value))
    prior = model[-1].prior_
    np.testing.assert_allclose(model.predict_proba(item), prior.predict_proba(X))


def test_figures_say_whether_their_inputs_define_the_segments(learned: FittedModel) -> None:
    """Spend defines, so a reading with it is agreement; ages and no inputs at all predict."""
    assert circular_by_inputs(learned.metrics, STUDY.schema) == {
        "complete and incomplete records": True,
        "some of the defining answers and all others": True,
        "only Age, Children": False,
        "none": False,
        "demographics only": False,
        "spend and age": True,
    }


def test_figures_are_named_by_their_inputs(learned: FittedModel) -> None:
    """Each stands for itself; no two of one name."""
    names = values_by_name(learned.metrics).keys()
    assert {"accuracy, 1 missing", "accuracy, indirect", "accuracy, demographics only"} <= names


DEMOGRAPHICS = [
    feature.title.strip() for feature in HOUSEHOLD.schema.features if not feature.defines
]
# What each study's report says of its feature sets; on the samples, and so on whatever data.
INPUTS = {
    "household": {
        "complete and incomplete records": True,
        "some of the defining answers and all others": True,
        f"only {', '.join(DEMOGRAPHICS)}": False,
        "none": False,
        "demographics only": False,
        "12 features (the published way)": True,
        "all features": True,
    },
    "credit_card": {
        "complete and incomplete records": True,
        "some of the defining answers and all others": True,
        "none": False,
    },
    "retail": {
        "complete and incomplete records": True,
        "some of the defining answers and all others": True,
        "none": False,
        "nothing but the segments' shares": False,
        "category shares only": False,
        "everything": True,
        "all features at the earlier date": False,
        "the segment stays": False,
        "none at the earlier date": False,
    },
}


@pytest.mark.parametrize("study", [HOUSEHOLD, CREDIT_CARD, RETAIL], ids=lambda item: item.name)
def test_each_study_says_which_of_its_figures_are_predictions(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On its sample; so is what is told from the ten demographics, or from shares alone."""
    monkeypatch.setattr(clustering, "N_STARTS", 5)
    monkeypatch.setattr(clustering, "N_STARTS_AGAIN", 1)
    monkeypatch.setattr(clustering, "N_BOOTSTRAPS", 2)
    monkeypatch.setattr(clustering, "N_CALIBRATIONS", 1)
    monkeypatch.setattr(clustering, "N_COVERAGE", 1)
    monkeypatch.setattr(clustering, "CURVE", range(2, 4))
    study, result = read_source(study)
    text = circular_by_inputs(fit_study(study, result, "quick", SEED).metrics, study.schema)
    assert text == INPUTS[study.name]


def test_the_matrix_is_in_the_order_of_the_features() -> None:
    """Records come back as the numbers they were made of."""
    np.testing.assert_array_equal(matrix(STUDY, records(X)), X)
    assert tuple(column.name for column in STUDY.schema.features) == NAMES
