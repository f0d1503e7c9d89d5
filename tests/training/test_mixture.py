"""A Gaussian mixture instead of K-Means is a change of the study's file, and of nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.artifact import write_package
from segmentation.datasets import read_table
from segmentation.estimators import Clip, MixtureClassifier
from segmentation.runtime import Model
from segmentation.studies.credit_card import CREDIT_CARD, SCHEMA
from segmentation.study import (
    Study,
    make_gaussian_mixture,
    make_mixture_classifier,
    make_record_matrix,
)
from segmentation.study.check import check_study
from segmentation.training.fitting import clustering
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.packing.pack import Run, pack
from segmentation.training.training_data import TrainingData
from tests.support.filling import fill_gaps
from tests.support.shipped import ROOT

pytestmark = pytest.mark.long


def pipeline(random_state: int) -> Pipeline:
    """Return the card holders' pipeline with the last step changed."""
    space = Pipeline(
        [
            (
                "fill",
                SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True),
            ),
            ("clip", Clip(0.01, 0.99)),
            ("scale", StandardScaler()),
            ("project", PCA(0.9, svd_solver="full")),
        ]
    )
    return Pipeline(
        [
            ("records", make_record_matrix(SCHEMA)),
            ("segments", make_mixture_classifier(SCHEMA, space)),
        ]
    )


STUDY: Study = replace(CREDIT_CARD, clusterer=make_gaussian_mixture, pipeline=pipeline)


@pytest.fixture(scope="module")
def run() -> Run:
    """Return a training run of the changed study on the shipped sample."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(clustering, "N_STARTS", 2)
    monkeypatch.setattr(clustering, "N_STARTS_AGAIN", 1)
    monkeypatch.setattr(clustering, "N_BOOTSTRAPS", 3)
    monkeypatch.setattr(clustering, "N_CALIBRATIONS", 1)
    monkeypatch.setattr(clustering, "CURVE", range(2, 4))
    try:
        data = TrainingData(read_table(ROOT / "data/credit_card.csv", SCHEMA), synthetic=True)
        return Run(STUDY, data, fit_study(STUDY, data, "quick", 0), "quick", 0)
    finally:
        monkeypatch.undo()


@pytest.fixture(scope="module")
def learned(run: Run) -> FittedModel:
    """Return what was fitted."""
    return run.learned


@pytest.fixture(scope="module")
def model(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Return the packed model: packing proves that ONNX and the pipeline answer the same."""
    path = tmp_path_factory.mktemp("mixture") / "credit_card.bin"
    write_package(path, pack(run))
    return Model.load(path)


def test_the_study_fits_together() -> None:
    """Its clusterer and its pipeline belong together."""
    check_study(STUDY)


def test_probabilities_are_those_of_the_mixture(learned: FittedModel) -> None:
    """Worked out again with scipy: weighted densities of the projected records."""
    classifier: MixtureClassifier = learned.pipeline[-1]
    X = learned.X[:200]
    Z = classifier.space_.transform(np.asarray(X, dtype=np.float64))
    densities = np.column_stack(
        [
            np.log(share) + multivariate_normal.logpdf(Z, mean, np.diag(variance))
            for share, mean, variance in zip(
                classifier.shares_, classifier.means_, classifier.variances_, strict=True
            )
        ]
    )
    densities *= classifier.score_weights_[0]  # calibrated on records of other folds
    expected = np.exp(log_softmax(densities, axis=1))
    complete = ~np.isnan(X).any(axis=1)
    result = learned.pipeline.predict_proba(X)
    np.testing.assert_allclose(result[complete], expected[complete], rtol=1e-9, atol=1e-12)


def test_contributions_add_up_through_the_projection(learned: FittedModel) -> None:
    """Base and parts are the score, but for a constant that all segments share: complete or not."""
    classifier: MixtureClassifier = learned.pipeline[-1]
    X = learned.X[:100].copy()
    X[50:, 3] = np.nan
    contributions = classifier.contributions(X)
    scores = contributions.base + contributions.values.sum(axis=2)
    np.testing.assert_allclose(
        log_softmax(scores, axis=1), np.log(classifier.predict_proba(X)), rtol=1e-8, atol=1e-8
    )


def test_contributions_share_interactions_equally() -> None:
    """The Shapley values, by all orders in which two columns may come, relative to the mean."""
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]])
    y = (X[:, 0] + random.normal(0, 0.3, 60) > 0).astype(int)
    space = Pipeline([("fill", fill_gaps(0.0)), ("project", PCA(2))])
    classifier = MixtureClassifier(space, (0, 1)).fit(X, y)
    mean = classifier.space_[-1].mean_
    record = X[0]

    def score(columns: list[int]) -> np.ndarray:
        """Return the scores where only some columns are the record's, the others the mean."""
        hybrid = mean.copy()
        hybrid[columns] = record[columns]
        z = classifier.space_.transform(hybrid[np.newaxis])
        scores: np.ndarray = classifier._score_space(z)[0]
        return scores

    pair, neither = score([0, 1]), score([])
    first = ((score([0]) - neither) + (pair - score([1]))) / 2
    second = ((score([1]) - neither) + (pair - score([0]))) / 2
    values = classifier.contributions(record[np.newaxis]).values[0]
    np.testing.assert_allclose(values, np.column_stack([first, second]), atol=1e-10)


def test_missing_dimensions_are_left_out_of_the_density() -> None:
    """Where columns stay apart, a gap leaves the density of the other ones."""
    random = np.random.default_rng(1)
    X = np.vstack([random.normal(0, 1, (50, 2)), random.normal(4, 2, (50, 2))])
    y = np.repeat([0, 1], 50)
    classifier = MixtureClassifier(None, (0, 1)).fit(X, y)
    classifier.score_weights_[:], classifier.score_biases_[:] = 1.0, 0.0
    record = np.array([[1.5, np.nan]])
    densities = [
        np.log(0.5) + multivariate_normal.logpdf(1.5, means[0], variances[0])
        for means, variances in zip(classifier.means_, classifier.variances_, strict=True)
    ]
    expected = np.exp(log_softmax(densities))
    np.testing.assert_allclose(classifier.predict_proba(record)[0], expected, rtol=1e-10)


def test_answers_are_explained_and_their_change_leads_elsewhere(model: Model) -> None:
    """As with centroids: contributions add up to the output, and the sentence names segments."""
    record = {"purchases": 4000.0, "cash_advance": 0.0, "credit_limit": 9000.0, "balance": 500.0}
    ((answer,),) = model.answer(model.check([record]), [0])
    explanation = answer["explanation"]
    total = explanation["base"] + sum(part["contribution"] for part in explanation["contributions"])
    assert total == pytest.approx(explanation["output"], abs=1e-4)
    assert answer["segment"]["name"] in explanation["sentence"]


def test_the_report_is_of_the_studys_clusterer(learned: FittedModel) -> None:
    """The curve over k, stability and names are there, whatever made the clusters."""
    assert learned.clusters is not None
    assert [point.k for point in learned.clusters.curve] == [2, 3]
    assert [reason.segment for reason in learned.clusters.naming] == ["vip", "plus", "mid", "low"]
