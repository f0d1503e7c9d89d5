"""ONNX graphs built node by node: the same answers as scikit-learn, for every composition."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from segmentation.artifact import open_session
from segmentation.errors import TrainingError
from segmentation.estimators import (
    CentroidClassifier,
    Clip,
    ColumnSubset,
    Log1p,
    MeanImputer,
    TrainedOnCopies,
    WithOutlook,
)
from segmentation.training.packing.onnx_graph import INPUT, OUTLOOK, OUTPUT, convert_classifier
from tests.support.filling import fill_gaps

N_FEATURES = 6
TOLERANCE = 1e-6


def drawn(seed: int, k: int) -> tuple[Any, Any]:
    """Return 30 records, some below 0 and some far out, of each of k groups."""
    random = np.random.RandomState(seed)
    y = np.arange(30 * k) % k
    X = random.normal(2, 3, (k, N_FEATURES))[y] + random.normal(0, 1, (30 * k, N_FEATURES))
    X[random.random(X.shape) < 0.02] *= 20
    return X.astype(np.float32), y + 1


def with_gaps(X: Any, seed: int) -> Any:
    """Return records with a third of the answers missing, all of them in the first."""
    gaps = np.random.RandomState(seed).random(X.shape) < 1 / 3
    gaps[0] = True
    return np.where(gaps, np.float32(np.nan), X)


SPACES = {
    "scaled": [("scale", StandardScaler())],
    "logarithms": [("log", Log1p()), ("clip", Clip()), ("scale", StandardScaler())],
    "means": [("fill", MeanImputer((1,))), ("scale", StandardScaler())],
    "projected": [
        ("fill", fill_gaps(0.0)),
        ("clip", Clip()),
        ("scale", StandardScaler()),
        ("project", PCA(2, svd_solver="full")),
    ],
    "whitened": [("impute", SimpleImputer()), ("project", PCA(2, whiten=True))],
    "imputed": [("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())],
}
OUTLOOKS: dict[str, Any] = {
    "none": None,
    "linear": Pipeline(
        [("fill", fill_gaps(-1.0)), ("scale", StandardScaler()), ("logistic", LogisticRegression())]
    ),
    "forest": Pipeline(
        [("fill", fill_gaps(-1.0)), ("forest", RandomForestClassifier(4, random_state=0))]
    ),
}


def prior() -> Pipeline:
    """Return a prior that reads the last two answers."""
    return Pipeline(
        [
            ("take", ColumnSubset((5, 4))),
            ("impute", SimpleImputer(strategy="median")),
            ("scale", StandardScaler()),
            ("logistic", LogisticRegression()),
        ]
    )


def answers(estimator: Any, X: Any) -> dict[str, Any]:
    """Return what ONNX Runtime answers, by output."""
    session = open_session(convert_classifier(estimator, N_FEATURES))
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {INPUT: X}), strict=True))


def same(result_value: Any, expected: Any) -> None:
    """Check probabilities, of single precision, against scikit-learn's."""
    assert result_value.dtype == np.float32
    np.testing.assert_allclose(result_value, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("parts", list(product(SPACES, ["", "prior"], OUTLOOKS)), ids="-".join)
@settings(max_examples=6)
@given(seed=st.integers(0, 100_000), k=st.integers(2, 5), data=st.data())
def test_centroids_answer_alike(
    parts: tuple[str, str, str], seed: int, k: int, data: st.DataObject
) -> None:
    """Any space, with and without prior and outlook: gaps, 2 to 5 segments, some of them later."""
    X, y = drawn(seed, k)
    model = CentroidClassifier(Pipeline(SPACES[parts[0]]), (3, 0, 4), prior() if parts[1] else None)
    model.fit(X, y)
    request = np.vstack([X, with_gaps(X, seed)])
    later = OUTLOOKS[parts[2]]
    if later is None:
        assert list(answers(model, request)) == [OUTPUT]
        same(answers(model, request)[OUTPUT], model.predict_proba(request))
        return
    labels = st.lists(st.integers(1, k), min_size=2, max_size=k, unique=True)
    reached = np.array(data.draw(labels))
    became = reached[np.arange(len(y)) % len(reached)]
    pair = WithOutlook(model, later).fit(X, y, later=(X, became))
    result = answers(pair, request)
    assert list(result) == [OUTPUT, OUTLOOK]
    same(result[OUTPUT], pair.predict_proba(request))
    same(result[OUTLOOK], pair.predict_outlook(request))
    missing = np.setdiff1d(model.classes_, reached) - 1
    assert not result[OUTLOOK][:, missing].any()


@settings(max_examples=8)
@given(seed=st.integers(0, 100_000), k=st.integers(2, 5))
def test_classifiers_of_labels_answer_alike(seed: int, k: int) -> None:
    """A forest that learned from copies, as a whole; and a linear model of two or more classes."""
    X, y = drawn(seed, k)
    steps = [("impute", SimpleImputer(strategy="constant", fill_value=-1.0))]
    forest = RandomForestClassifier(3, max_leaf_nodes=16, random_state=0)
    copies = TrainedOnCopies(Pipeline([*steps, ("forest", forest)]), n_noisy=1, random_state=0)
    linear = Pipeline([*steps, ("scale", StandardScaler()), ("logistic", LogisticRegression())])
    request = np.vstack([X, with_gaps(X, seed)])
    for model in (copies, linear):
        model.fit(X, y)
        same(answers(model, request)[OUTPUT], model.predict_proba(request))


@pytest.mark.parametrize(
    "step",
    [
        ColumnSubset((4, 1)),
        fill_gaps(7.0),
        Log1p(),
        Clip(0.1, 0.9),
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        SimpleImputer(strategy="mean"),
    ],
    ids=str,
)
def test_each_step_keeps_or_fills_gaps_as_in_scikit_learn(step: Any) -> None:
    """One step before the centroids, which show what it made of every answer and gap."""
    X, y = drawn(1, 3)
    model = CentroidClassifier(Pipeline([("step", step)]), range(N_FEATURES)).fit(
        with_gaps(X, 1), y
    )
    request = with_gaps(X, 2)
    same(answers(model, request)[OUTPUT], model.predict_proba(request))


@pytest.mark.parametrize("step", [MinMaxScaler(), RobustScaler()], ids=str)
def test_a_step_without_a_graph_of_ours_is_left_to_skl2onnx(step: Any) -> None:
    """A study may use other transformers; they compute in single precision."""
    X, y = drawn(1, 3)
    model = CentroidClassifier(Pipeline([("step", step)]), range(N_FEATURES)).fit(X, y)
    request = with_gaps(X, 2)
    result = answers(model, request)[OUTPUT]
    np.testing.assert_allclose(result, model.predict_proba(request), rtol=0, atol=1e-5)


class Stranger(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped library
    """A classifier that skl2onnx has never heard of."""

    def fit(self, X: Any, y: Any) -> Stranger:
        """Learn nothing."""
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        return self

    def predict_proba(self, X: Any) -> Any:
        """Return certainty in the first class."""
        return np.tile(np.eye(len(self.classes_))[0], (len(X), 1))

    def predict(self, X: Any) -> Any:
        """Return the first class."""
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize("inside", ["alone", "in a pipeline", "as outlook"])
def test_a_strange_estimator_cannot_be_converted(inside: str) -> None:
    """The error is one sentence that names it."""
    X, y = drawn(0, 3)
    model: Any = Stranger()
    if inside == "in a pipeline":
        model = Pipeline([("fill", fill_gaps()), ("model", Stranger())])
    if inside == "as outlook":
        segmenter = CentroidClassifier(Pipeline(SPACES["scaled"]), (0, 1))
        model = WithOutlook(segmenter, Stranger()).fit(X, y, later=(X, y))
    else:
        model.fit(X, y)
    with pytest.raises(TrainingError, match=r"^Stranger cannot be converted to ONNX$"):
        convert_classifier(model, N_FEATURES)
