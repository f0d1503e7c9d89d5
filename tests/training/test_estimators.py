"""Our scikit-learn estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax
from shap import TreeExplainer
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from segmentation.estimators import (
    CentroidClassifier,
    Clip,
    ColumnSubset,
    Log1p,
    TrainedOnCopies,
    WithOutlook,
    missing_patterns,
    with_missing,
    with_noise,
)
from segmentation.estimators.trees import shap_values
from segmentation.schema.relations import Largest
from segmentation.studies.household import HOUSEHOLD
from segmentation.studies.mobile import SCHEMA
from segmentation.study import make_record_matrix
from segmentation.training.comparison.contiguous_labels import ContiguousLabels
from tests.support.filling import fill_gaps
from tests.support.tables import (
    FEATURES,
)


def test_missing_patterns_are_every_subset_but_none_and_all() -> None:
    """Three answers can be missing in six ways, the single gaps first."""
    expected = ["100", "010", "001", "110", "101", "011"]
    patterns = missing_patterns(3)
    assert ["".join(map(str, row)) for row in patterns.astype(int)] == expected


def test_with_missing_takes_out_what_the_pattern_says_of_a_copy() -> None:
    """NaN stands where the pattern is True; the records themselves stay as they are."""
    X = np.array([[1, 2], [3, 4]], dtype=np.float32)
    result = with_missing(X, np.array([True, False]))
    np.testing.assert_array_equal(result, np.array([[np.nan, 2], [np.nan, 4]], dtype=np.float32))
    assert result.dtype == np.float32
    assert X[0, 0] == 1


def test_with_noise_scales_each_answer_and_never_below_zero() -> None:
    """Noise is relative with the stated deviation, keeps gaps and zeros and no sign turns."""
    X = np.full((20_000, 3), 100, dtype=np.float32)
    X[:, 1], X[:, 2] = 0, np.nan
    result = with_noise(X, 0.2, np.random.RandomState(0))
    assert result.dtype == np.float32
    assert result[:, 0].mean() == pytest.approx(100, abs=0.5)
    assert result[:, 0].std() == pytest.approx(20, abs=0.5)
    assert (result[:, 1] == 0).all()
    assert np.isnan(result[:, 2]).all()
    assert with_noise(X[:, :1], 3.0, np.random.RandomState(0)).min() == 0
    np.testing.assert_array_equal(with_noise(X, 0.0, np.random.RandomState(0)), X)


ANSWERS = [30.0, 1.5, 302.0, 10.0, 102.0]
TITLES = [column.title for column in SCHEMA.features]


@pytest.mark.parametrize(
    "records",
    [
        pd.DataFrame([ANSWERS], columns=TITLES),
        pd.DataFrame([ANSWERS], columns=[title.lower().replace(" ", "_") for title in TITLES]),
        pd.DataFrame([ANSWERS], columns=FEATURES)[FEATURES[::-1]].assign(age=40, gender="Male"),
        [dict(zip(FEATURES, ANSWERS, strict=True)) | {"user_id": "a"}],
        [
            dict(zip(TITLES, ANSWERS, strict=True))
            | {TITLES[1]: None, "Screen On Time (min/day)": 90}
        ],
        [
            dict(zip(FEATURES, ANSWERS, strict=True))
            | {FEATURES[1]: None, "screen_on_time_(min/day)": 90}
        ],
        [ANSWERS],
        np.array([ANSWERS]),
    ],
    ids=[
        "original headers",
        "underscored headers",
        "own names, other order, more columns",
        "dictionaries",
        "minutes by header",
        "minutes by underscored header",
        "lists",
        "array",
    ],
)
def test_record_matrix_reads_every_accepted_form(records: Any) -> None:
    """The same answers come out in order, as float32, in hours."""
    matrix = make_record_matrix(SCHEMA).fit_transform(records)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, np.array([ANSWERS], dtype=np.float32))


def test_record_matrix_leaves_gaps_as_nan() -> None:
    """Answers that are absent, None or pandas' NA become NaN."""
    records = pd.DataFrame({"apps_installed": pd.array([10, None], dtype="Int64")})
    for form in (records, [{"apps_installed": 10, "age": 3}, {"apps_installed": None}]):
        matrix = make_record_matrix(SCHEMA).transform(form)
        assert matrix[0, 3] == 10
        assert np.isnan(matrix).sum() == 9


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (np.zeros((2, 4)), r"expected 5 columns, got shape \(2, 4\)"),
        (ANSWERS, r"expected 5 columns, got shape \(5,\)"),
        ([], "expected 5 columns"),
        ([{"age": 40}], "none of the columns is one of app_usage_min_per_day"),
        (pd.DataFrame({"apps_installed": ["many"]}), "could not convert"),
        ([["many"] * 5], "could not convert"),
    ],
)
def test_record_matrix_refuses_what_it_cannot_read(records: Any, message: str) -> None:
    """Other widths, unknown columns and text raise ValueError."""
    with pytest.raises(ValueError, match=message):
        make_record_matrix(SCHEMA).transform(records)


def test_record_matrix_names_its_features() -> None:
    """scikit-learn can ask what the columns of the matrix are."""
    assert make_record_matrix(SCHEMA).get_feature_names_out().tolist() == FEATURES


class Remembering(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that keeps what it was fitted on and answers with the first class."""

    def fit(self, X: Any, y: Any) -> Remembering:
        """Keep everything."""
        self.X_, self.y_, self.classes_ = np.asarray(X), np.asarray(y), np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        """Return the first class for every record."""
        return np.full(len(X), self.classes_[0])

    def predict_proba(self, X: Any) -> Any:
        """Return certainty in the first class."""
        return np.tile(np.eye(len(self.classes_))[0], (len(X), 1))


def test_trained_on_copies_learns_from_every_pattern_and_noise() -> None:
    """Two records of three answers become 2 x (1 + 2 x 6 + 4 + 6), the originals first."""
    X = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)
    model = TrainedOnCopies(Remembering(), n_noisy=4, random_state=0).fit(X, np.array([7, 9]))
    inner = model.estimator_
    assert inner.X_.shape == (46, 3)
    assert inner.y_.tolist() == [7, 9] * 23
    np.testing.assert_array_equal(inner.X_[:2], X)
    exact, noisy, noisy_gaps = inner.X_[2:26], inner.X_[26:34], inner.X_[34:]
    assert np.isnan(exact).sum() == 2 * 2 * (3 * 1 + 3 * 2)
    assert not np.isnan(noisy).any()
    assert np.isnan(noisy_gaps).sum() == 2 * (3 * 1 + 3 * 2)
    assert np.isin(exact[~np.isnan(exact)], X).all()
    assert not np.isin(noisy_gaps[~np.isnan(noisy_gaps)], X).any()
    assert model.classes_.tolist() == [7, 9]
    assert model.predict(X).tolist() == [7, 7]
    assert model.predict_proba(X).tolist() == [[1, 0], [1, 0]]
    again = TrainedOnCopies(Remembering(), n_noisy=4, random_state=0).fit(X, [7, 9])
    np.testing.assert_array_equal(again.estimator_.X_, inner.X_)


def test_trained_on_copies_answers_only_when_fitted() -> None:
    """An unfitted model says that it is not fitted."""
    with pytest.raises(NotFittedError):
        TrainedOnCopies(Remembering()).predict(np.zeros((1, 3)))


def test_contiguous_labels_show_the_inner_model_labels_from_zero() -> None:
    """Labels 1 to 5 are 0 to 4 inside and 1 to 5 again outside."""
    X = np.arange(10, dtype=np.float32).reshape(-1, 1)
    y = np.array([1, 2, 3, 4, 5] * 2)
    assert ContiguousLabels(Remembering()).fit(X, y).estimator_.y_.tolist() == [0, 1, 2, 3, 4] * 2
    model = ContiguousLabels(DecisionTreeClassifier(random_state=0)).fit(X, y)
    assert model.classes_.tolist() == [1, 2, 3, 4, 5]
    assert model.predict(X).tolist() == y.tolist()
    assert model.predict_proba(X).argmax(axis=1).tolist() == (y - 1).tolist()


def test_take_gives_the_columns_in_the_order_asked_for() -> None:
    """Two of three columns, the last first; gaps stay."""
    X = [[1, 2, np.nan], [4, 5, 6]]
    np.testing.assert_array_equal(ColumnSubset((2, 0)).fit_transform(X), [[np.nan, 1], [6, 4]])


def test_fill_puts_a_constant_into_gaps_only() -> None:
    """What was answered stays."""
    assert fill_gaps(-1.0).fit_transform([[1, np.nan], [np.nan, 0]]).tolist() == [[1, -1], [-1, 0]]


def test_log1p_takes_the_logarithm_of_one_more() -> None:
    """0 stays 0, e - 1 is 1; less than 0 counts as 0; gaps stay."""
    transform = Log1p().fit_transform([[0, np.e - 1], [-5, np.nan]])
    np.testing.assert_allclose(transform, [[0, 1], [0, np.nan]])


def test_clip_limits_to_quantiles_of_what_was_answered() -> None:
    """Of 0 to 100 the 1st and 99th percentile are 1 and 99; gaps don't count and stay."""
    X = np.column_stack([np.arange(101.0), np.arange(101.0)])
    X = np.vstack([X, [np.nan, 50]])
    clip = Clip().fit(X[:, :1])
    assert (clip.lower_.tolist(), clip.upper_.tolist()) == ([1], [99])
    np.testing.assert_array_equal(
        clip.transform([[-7], [1.5], [99.5], [np.nan]]), [[1], [1.5], [99], [np.nan]]
    )
    half = Clip(0.25, 0.75).fit([[0], [1], [2], [3], [4]])
    assert half.transform([[0], [2], [9]]).ravel().tolist() == [1, 2, 3]


@pytest.mark.parametrize("step", [ColumnSubset((0,)), fill_gaps(), Log1p(), Clip()])
def test_a_transformer_leaves_its_input_alone(step: Any) -> None:
    """Records are read again by the steps beside it."""
    X = np.array([[-5.0], [np.nan], [7.0], [9.0]])
    before = X.copy()
    step.fit_transform(X)
    np.testing.assert_array_equal(X, before)


BRANDS = next(
    relation.shares for relation in HOUSEHOLD.schema.relations if isinstance(relation, Largest)
)
LARGEST = [c.name for c in HOUSEHOLD.schema.features].index("largest_brand_share")
SHARES = st.one_of(st.none(), st.floats(0, 1, width=32))


@given(st.lists(st.dictionaries(st.sampled_from(BRANDS), SHARES), min_size=1), SHARES)
def test_record_matrix_derives_what_the_schema_derives(
    records_given: list[dict[str, Any]], given_share: float | None
) -> None:
    """Whatever brand shares are given, the matrix holds what ``Schema.derive`` fills in."""
    records = [
        record | {"largest_brand_share": given_share, "value": 1.0} for record in records_given
    ]
    expected = [
        HOUSEHOLD.schema.derive(dict(record)).get("largest_brand_share") for record in records
    ]
    matrix = make_record_matrix(HOUSEHOLD.schema).transform(records)
    np.testing.assert_array_equal(matrix[:, LARGEST], np.array(expected, dtype=np.float32))


def test_record_matrix_derives_under_every_accepted_header() -> None:
    """Brand shares under the survey's headers make the largest share where it is one of them.

    Half of the volume is the largest; of an eighth nobody knows, and of a quarter and three
    eighths neither, as three eighths are left.
    """
    titles = ["Br. Cd. 55", "Br. Cd. 24"]
    shares = [[0.25, 0.5], [np.nan, 0.125], [0.25, 0.35], [np.nan, np.nan]]
    frame = pd.DataFrame(shares, columns=titles)
    result = make_record_matrix(HOUSEHOLD.schema).transform(frame)
    np.testing.assert_array_equal(result[:, LARGEST], [0.5, np.nan, np.nan, np.nan])
    assert np.isnan(np.delete(result, LARGEST, axis=1)).all()


def as_it_is(*columns: int) -> Pipeline:
    """Return a space in which columns are what they are."""
    return Pipeline([("take", ColumnSubset(columns))])


# Two groups on a line, 2 wide and 10 apart: centroids 1 and 11, variance 1.
LINE = np.array([[0.0], [2.0], [10.0], [12.0]])
LINE_SEGMENTS = np.array([3, 3, 8, 8])


def test_nearest_centroid_is_sure_as_by_hand() -> None:
    """At 6 both are as probable; at 5.9 the odds are exp((5.1² - 4.9²) / 2) = e."""
    model = CentroidClassifier(as_it_is(0), (0,)).fit(LINE, LINE_SEGMENTS)
    assert model.centroids_.tolist() == [[1], [11]]
    assert model.variance_ == 1
    np.testing.assert_allclose(
        model.predict_proba([[6.0], [5.9]]), [[0.5, 0.5], [np.e / (1 + np.e), 1 / (1 + np.e)]]
    )
    assert model.predict([[-99.0], [5.9], [6.1], [1e6]]).tolist() == [3, 3, 8, 8]


def as_the_mixture_has_it(model: CentroidClassifier) -> None:
    """Take back what was calibrated on copies with gaps."""
    model.score_weights_[:] = 1.0
    model.score_biases_[:] = 0.0


def test_nearest_centroid_leaves_gaps_out_of_the_distance() -> None:
    """With the first answer missing the second alone decides, beside the shares of segments.

    Centroids are (0, 0) and (10, 4) of 3 and 1 records, all at their centroids but for 1 unit in
    each dimension of the first two: the variance is 4 of 8 values.
    """
    X = np.array([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [10.0, 4.0]])
    model = CentroidClassifier(as_it_is(0, 1), (0, 1)).fit(X, [0, 0, 0, 1])
    as_the_mixture_has_it(model)
    assert (model.shares_.tolist(), model.variance_) == ([0.75, 0.25], 0.5)
    gap = np.nan
    odds = model.predict_proba([[gap, 2.0], [gap, 3.0], [gap, gap], [5.0, 2.0]])
    expected = np.exp([(4 - 4) / 1, (1 - 9) / 1]) * 3
    np.testing.assert_allclose(odds[:2, 0] / odds[:2, 1], expected)
    np.testing.assert_allclose(odds[2], [0.75, 0.25])
    # A complete record in the middle is told by distances alone.
    np.testing.assert_allclose(odds[3], [0.5, 0.5])


def spaces(projection: int | None) -> Pipeline:
    """Return a space of scaled columns, or its projection, before which gaps are filled."""
    if projection is None:
        return Pipeline([("clip", Clip(0.02, 0.98)), ("scale", StandardScaler())])
    steps = [("fill", fill_gaps(0.0)), ("scale", StandardScaler())]
    whiten = projection == 2  # either kind is met in every test
    return Pipeline([*steps, ("project", PCA(projection, whiten=whiten, svd_solver="full"))])


def prior_of(*columns: int) -> Pipeline:
    """Return a prior that reads some columns."""
    return Pipeline(
        [
            ("take", ColumnSubset(columns)),
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("logistic", LogisticRegression()),
        ]
    )


def blobs(seed: int, k: int, n: int = 40) -> tuple[Any, Any]:
    """Return records of five answers, of k overlapping groups, and the groups."""
    random = np.random.RandomState(seed)
    y = np.arange(n * k) % k
    X = random.normal(0, 3, (k, 5))[y] + random.normal(0, 1.5, (n * k, 5))
    return X.astype(np.float32), y


def with_gaps(X: Any, seed: int, share: float = 0.3) -> Any:
    """Return records some of whose answers are missing."""
    return np.where(np.random.RandomState(seed).random(X.shape) < share, np.float32(np.nan), X)


@pytest.mark.parametrize("projection", [None, 3])
@pytest.mark.parametrize("seed", range(5))
def test_nearest_centroid_assigns_as_k_means_does(projection: int | None, seed: int) -> None:
    """On the records that were clustered and on new ones, in the same space."""
    X, _ = blobs(seed, 4)
    space = spaces(projection).fit(X)
    means = KMeans(4, n_init=5, tol=0, max_iter=1000, random_state=seed).fit(space.transform(X))
    model = CentroidClassifier(spaces(projection), range(5)).fit(X, means.labels_)
    np.testing.assert_array_equal(model.predict(X), means.labels_)
    new = np.random.RandomState(seed).normal(0, 8, (2_000, 5)).astype(np.float32)
    np.testing.assert_array_equal(model.predict(new), means.predict(space.transform(new)))


def test_a_prior_speaks_only_where_something_is_missing() -> None:
    """It changes no complete record; an empty one gets exactly its probabilities."""
    X, y = blobs(0, 3)
    plain = CentroidClassifier(spaces(None), (0, 1, 2)).fit(X, y)
    model = CentroidClassifier(spaces(None), (0, 1, 2), prior_of(3, 4)).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    gaps = X.copy()
    gaps[:, :3] = np.nan
    np.testing.assert_allclose(model.predict_proba(gaps), model.prior_.predict_proba(X))
    gaps[:, 0] = X[:, 0]
    for item in (model, plain):
        as_the_mixture_has_it(item)
    odds = np.log(model.predict_proba(gaps)) - np.log(plain.predict_proba(gaps))
    expected = model.prior_.predict_log_proba(X) - np.log(plain.shares_)
    np.testing.assert_allclose(odds - odds[:, :1], expected - expected[:, :1], atol=1e-6)


def test_a_prior_is_not_needed_for_what_the_space_fills_in() -> None:
    """Where no gap is left after the space there is nothing to expect beforehand."""
    X, y = blobs(1, 3)
    model = CentroidClassifier(spaces(2), (0, 1, 2), prior_of(3, 4)).fit(X, y)
    gaps = with_gaps(X, 1)
    second = gaps.copy()
    second[:, 3:] = 99
    np.testing.assert_array_equal(model.predict_proba(gaps), model.predict_proba(second))


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    k=st.integers(2, 5),
    projection=st.sampled_from([None, 2, 3]),
    prior=st.booleans(),
    share=st.sampled_from([0.0, 0.3, 0.9]),
)
def test_contributions_of_distances_add_up_exactly(
    seed: int, k: int, projection: int | None, prior: bool, share: float
) -> None:
    """Base and contributions differ between segments as the logarithms of probabilities do.

    Also through a projection, with answers missing and with a prior, which reads other answers.
    """
    X, y = blobs(seed, k)
    model = CentroidClassifier(spaces(projection), (3, 0, 1), prior_of(2, 4) if prior else None)
    model.fit(X, y)
    request = with_gaps(X, seed, share)
    result = model.contributions(request)
    assert result.scale == "log_odds"
    assert result.values.shape == (len(X), k, 5)
    scores = result.base + result.values.sum(axis=2)
    expected = log_softmax(scores, axis=1)
    np.testing.assert_allclose(np.exp(expected), model.predict_proba(request), atol=1e-12)
    differences = np.log(np.maximum(model.predict_proba(request), 1e-300))
    likely = differences > np.log(1e-200)
    np.testing.assert_allclose(expected[likely], differences[likely], atol=1e-6)


def test_scores_are_calibrated_on_copies_with_gaps() -> None:
    """Not for complete records; where all is filled in, the shares are the answer.

    With every gap filled with 0, an empty record lies at the first group, of a quarter only.
    """
    X = np.repeat([[0.0, 0.0], [4.0, 4.0]], [50, 150], axis=0)
    X += np.random.RandomState(0).normal(0, 1, X.shape)
    y = np.repeat([0, 1], [50, 150])
    model = CentroidClassifier(Pipeline([("fill", fill_gaps(0.0))]), (0, 1)).fit(X, y)
    assert model.score_weights_[0] == 1
    assert not model.score_biases_[0].any()
    assert 0 < model.score_weights_[1] <= 1
    empty = np.full((1, 2), np.nan)
    np.testing.assert_allclose(model.predict_proba(empty), [[0.25, 0.75]], atol=1e-3)
    assert model.predict(empty).tolist() == [1]
    incomplete = np.vstack([np.where([i == 0, i == 1], np.nan, X) for i in range(2)])
    twice = np.tile(y, 2)
    text = np.log(model.predict_proba(incomplete)[np.arange(400), twice]).mean()
    as_the_mixture_has_it(model)
    assert text > np.log(model.predict_proba(incomplete)[np.arange(400), twice]).mean()
    assert text > np.log([0.25, 0.75])[twice].mean()


def test_contributions_are_those_worked_out_by_hand() -> None:
    """At 5.9 the answer adds z c / v, the base takes c² / 2 v: 5.9 - 0.5 and 64.9 - 60.5."""
    model = CentroidClassifier(as_it_is(0), (0,)).fit(LINE, LINE_SEGMENTS)
    result = model.contributions(np.array([[5.9]]))
    np.testing.assert_allclose(result.base, [[-0.5, -60.5]])
    np.testing.assert_allclose(result.values[:, :, 0], [[5.9, 64.9]])


def test_missing_answers_and_unread_columns_contribute_nothing() -> None:
    """What isn't there can't speak; without a prior nor can what doesn't define."""
    X, y = blobs(2, 3)
    request = X.copy()
    request[:, 1] = np.nan
    result = CentroidClassifier(spaces(None), (0, 1, 2)).fit(X, y).contributions(request)
    assert not result.values[:, :, [1, 3, 4]].any()
    assert result.values[:, :, [0, 2]].all()


def test_contributions_of_trees_add_up_to_the_probabilities() -> None:
    """Base and SHAP values are the forest's probability, gaps filled or not."""
    X, y = blobs(3, 3)
    forest = RandomForestClassifier(5, max_leaf_nodes=8, random_state=0)
    filled = Pipeline([("fill", fill_gaps(-9.0)), ("forest", forest)])
    model = TrainedOnCopies(filled, n_noisy=1, random_state=0).fit(X, y)
    request = with_gaps(X, 3)
    result = model.contributions(request)
    assert result.scale == "probability"
    np.testing.assert_allclose(
        result.base + result.values.sum(axis=2), model.predict_proba(request), atol=1e-6
    )


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
@pytest.mark.parametrize("weights", [None, "balanced"])
def test_shap_values_of_forests_are_those_of_shap(kind: type, weights: str | None) -> None:
    """Also of deep trees that ask the same column again, and with weighted records."""
    random = np.random.default_rng(5)
    X = random.normal(size=(300, 7)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] + X[:, 2] > 0.7).astype(int) + (X[:, 3] > 1)
    forest = kind(8, class_weight=weights, random_state=0).fit(X, y)
    explainer = TreeExplainer(forest)
    base, values = shap_values(forest, X[:50])
    np.testing.assert_allclose(base, explainer.expected_value, rtol=0, atol=1e-12)
    np.testing.assert_allclose(values, explainer.shap_values(X[:50]), rtol=0, atol=1e-12)


def test_only_forests_have_such_values() -> None:
    """Of what isn't averaged over trees they would be others."""
    X, y = blobs(2, 2)
    with pytest.raises(TypeError, match="GradientBoostingClassifier"):
        shap_values(GradientBoostingClassifier(n_estimators=2).fit(X, y), X)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "contributions"])
def test_an_unfitted_centroid_says_so(method: str) -> None:
    """Neither segments, probabilities nor contributions come from nothing."""
    with pytest.raises(NotFittedError):
        getattr(CentroidClassifier(as_it_is(0), (0,)), method)(np.zeros((1, 2)))


def test_an_outlook_is_told_by_the_other_estimator() -> None:
    """Today is the segmenter's; later is the classifier's, 0 for what became of nobody."""
    X, y = blobs(4, 3)
    segmenter = CentroidClassifier(spaces(None), (0, 1, 2))
    later = np.where(y == 1, 2, 0)
    filled = Pipeline([("fill", fill_gaps()), ("logistic", LogisticRegression())])
    model = WithOutlook(segmenter, filled).fit(X, y, later=(X, later))
    alone = clone(segmenter).fit(X, y)
    request = with_gaps(X, 4)
    np.testing.assert_array_equal(model.predict(request), alone.predict(request))
    np.testing.assert_array_equal(model.predict_proba(request), alone.predict_proba(request))
    result = model.contributions(request)
    np.testing.assert_array_equal(result.values, alone.contributions(request).values)
    text = model.predict_outlook(request)
    np.testing.assert_array_equal(text[:, 1], 0)
    expected = clone(filled).fit(X.astype(np.float64), later).predict_proba(request)
    np.testing.assert_allclose(text[:, [0, 2]], expected)
    of_fitted = WithOutlook.of_fitted(model.segmenter_, model.classifier_)
    np.testing.assert_array_equal(of_fitted.predict_outlook(request), text)
