"""Other kinds of model: on labelled records, and on each set of features that a study names."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shap
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from segmentation.datasets import read_table
from segmentation.estimators import Floats
from segmentation.studies.household import HOUSEHOLD
from segmentation.training import terminal_report
from segmentation.training.comparison import model_comparison as comparison
from segmentation.training.comparison.contiguous_labels import ContiguousLabels
from segmentation.training.comparison.model_comparison import (
    FeatureSetScores,
    ModelScores,
    compare,
    compare_feature_sets,
    shap_values,
)
from segmentation.training.fitting.clustering import refit_study
from segmentation.training.labelled_records import LabelledRecords, matrix
from tests.support.shipped import ROOT
from tests.support.tables import SEED

KINDS = ["Logistic Regression", "Random Forest", "XGBoost"]
NAMES = [column.name for column in HOUSEHOLD.schema.features]

# shap makes its colours with what matplotlib, if it is there, is about to deprecate.
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings(
        "ignore:The set_(bad|over|under) function:PendingDeprecationWarning"
    ),
]


# Keras's variables don't know NumPy 2's "copy" yet; that shows when the network is pickled.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
def test_compare_measures_every_kind_of_model(
    data: LabelledRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind gets one line of plausible figures from 150 records, the network included."""
    rows = np.concatenate([np.flatnonzero(data.y == label)[:30] for label in range(1, 6)])
    monkeypatch.setattr(comparison, "SEARCH_FOLDS", 2)
    result = compare(data.X[rows], data.y[rows], SEED)
    assert [row.name for row in result] == [
        "Decision Tree",
        "Random Forest",
        "Gradient Boosted Trees",
        "SVC",
        "Logistic Regression",
        "HistGradientBoosting",
        "XGBoost",
        "1-D CNN",
    ]
    for row in result:
        assert 0.85 <= row.accuracy <= 1
        assert 0.85 <= row.recall <= 1
        assert 0.85 <= row.precision <= 1
        assert 0.8 <= row.robust <= 1
        assert row.fit_seconds > 0
        assert row.record_ms > 0
        assert 1_000 < row.size < 10_000_000


def test_the_comparison_is_printed_whole_in_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No figure is cut where output is not a terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    name = "Gradient Boosted Trees"
    terminal_report.print_comparison(
        [ModelScores(name, 0.9881, 0.9882, 0.9883, 0.9884, 12.34, 1_234_567, 56.78)]
    )
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for text in (name, "0.9881", "0.9882", "0.9883", "0.9884", "12.3", "1,235", "56.78"):
        assert text in lines[-2]


@pytest.fixture(scope="module")
def households() -> Floats:
    """The shipped sample of households as numbers."""
    table = read_table(ROOT / "data" / "household.csv", HOUSEHOLD.schema)
    return matrix(HOUSEHOLD, table.records)


@pytest.fixture(scope="module")
def read(households: Floats) -> list[FeatureSetScores]:
    """What three kinds of model make of the three readings of the sample."""
    return compare_feature_sets(HOUSEHOLD, households, SEED)


def test_each_reading_is_given_to_three_kinds_of_model(read: list[FeatureSetScores]) -> None:
    """Lines come in the order of the study's readings; those with defining columns say so."""
    assert [(row.reading, row.model) for row in read] == [
        (reading.name, kind) for reading in HOUSEHOLD.feature_sets for kind in KINDS
    ]
    assert [row.circular for row in read] == [False] * 3 + [True] * 6


def test_what_defines_the_segments_tells_them_and_demographics_hardly_do(
    read: list[FeatureSetScores],
) -> None:
    """The more of the defining columns are read, the better is the agreement, in every figure."""
    demographics, few, everything = read[:3], read[3:6], read[6:]
    for demographic, two, three in zip(demographics, few, everything, strict=True):
        assert demographic.accuracy < 0.75 < two.accuracy < three.accuracy <= 1
        assert demographic.balanced_accuracy < two.balanced_accuracy < three.balanced_accuracy <= 1
        assert demographic.macro_f1 < two.macro_f1 < three.macro_f1 <= 1
        assert 0.5 < demographic.auc < two.auc < three.auc <= 1
        assert demographic.log_loss > two.log_loss > three.log_loss > 0


def test_the_clusters_are_found_again_in_each_fold(
    households: Floats, read: list[FeatureSetScores]
) -> None:
    """The accuracy is that of a plain loop whose truth is what each fold's own clusters say."""
    correct = []
    y = refit_study(HOUSEHOLD, households, SEED).predict(households)
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    columns = [NAMES.index(name) for name in HOUSEHOLD.feature_sets[1].columns]
    for inside, outside in folds.split(households, y):
        segments = refit_study(HOUSEHOLD, households[inside], SEED)
        X = households[:, columns].astype(float)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        model.fit(X[inside], segments.predict(households[inside]))
        truth = segments.predict(households[outside])
        correct.append((model.predict(X[outside]) == truth).mean())
    assert read[3].accuracy == pytest.approx(np.mean(correct), abs=1e-9)


def test_a_line_names_the_five_columns_that_weigh_most(read: list[FeatureSetScores]) -> None:
    """They are columns of the reading, the heaviest first."""
    columns = {reading.name: reading.columns for reading in HOUSEHOLD.feature_sets}
    for row in read:
        names, weights = zip(*row.shap, strict=True)
        assert len(set(names)) == 5
        assert set(names) <= set(columns[row.reading])
        assert list(weights) == sorted(weights, reverse=True)
        assert weights[-1] > 0


def test_of_many_records_some_are_explained(
    households: Floats, read: list[FeatureSetScores], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third of the records says nearly the same about what weighs as all of them do."""
    monkeypatch.setattr(comparison, "MOST_EXPLAINED", 200)
    few = compare_feature_sets(
        replace(HOUSEHOLD, feature_sets=HOUSEHOLD.feature_sets[:1]), households, SEED
    )
    for row, second in zip(read[:3], few, strict=True):
        assert row.accuracy == second.accuracy
        heaviest, weight = row.shap[0]
        assert dict(second.shap)[heaviest] == pytest.approx(weight, rel=0.15)
    assert [row.shap for row in few] != [row.shap for row in read[:3]]


def made_up(n_classes: int) -> tuple[Floats, np.ndarray]:
    """Return 150 records of four columns, of which the first tells the class."""
    random = np.random.default_rng(SEED)
    Z = random.normal(size=(150, 4))
    return Z, np.digitize(Z[:, 0], np.linspace(-0.5, 0.5, n_classes - 1)) + 3


def test_shap_values_are_those_of_shap() -> None:
    """For a linear model relative to the mean of all records, for trees along their paths."""
    Z, y = made_up(3)
    linear = LogisticRegression().fit(Z, y)
    forest = RandomForestClassifier(10, random_state=0).fit(Z, y)
    boosted = ContiguousLabels(XGBClassifier(n_estimators=5, n_jobs=1)).fit(Z, y)
    mean = shap.maskers.Independent(Z, max_samples=len(Z))
    for model, explainer in (
        (linear, shap.LinearExplainer(linear, mean)),
        (forest, shap.TreeExplainer(forest)),
        (boosted, shap.TreeExplainer(boosted.estimator_)),
    ):
        values = shap_values(model, Z)
        assert values.shape == (150, 4, 3)
        np.testing.assert_allclose(values, explainer.shap_values(Z), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "n_scores"),
    [
        (LogisticRegression(), 1),
        (RandomForestClassifier(10, random_state=0), 2),
        (ContiguousLabels(XGBClassifier(n_estimators=5, n_jobs=1)), 1),
    ],
    ids=KINDS,
)
def test_shap_values_of_two_classes_have_the_same_form(model: object, n_scores: int) -> None:
    """One score or two, there is an axis for it, and the telling column weighs most."""
    Z, y = made_up(2)
    values = shap_values(model.fit(Z, y), Z)  # type: ignore[attr-defined]
    assert values.shape == (150, 4, n_scores)
    assert np.abs(values).mean(axis=(0, 2)).argmax() == 0


def test_the_readings_are_printed_whole_in_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each reading says whether it is a prediction; no figure is cut, no column left out."""
    monkeypatch.setenv("COLUMNS", "80")
    weights = (("first", 0.5), ("second", 0.25))
    figures = (0.9881, 0.9882, 0.9883, 0.9884, 1.2345)
    name = "a reading whose name is a long one, in parentheses (so to say)"
    terminal_report.print_feature_sets(
        [
            FeatureSetScores("some", KINDS[0], False, *figures, weights),
            FeatureSetScores("some", KINDS[1], False, *figures, weights),
            FeatureSetScores(name, KINDS[0], True, *figures, weights),
        ]
    )
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("Prediction, from some;") for line in lines) == 1
    assert sum(line.startswith(f"Agreement with a definition, from {name};") for line in lines) == 1
    tables = [line for line in lines if line.startswith("│")]
    assert [line.split()[0] for line in tables] == ["│Logistic", "│Random", "│Logistic"]
    for line in tables:
        assert len(line) <= 80
        for text in ("0.9881", "0.9882", "0.9883", "0.9884", "1.2345"):
            assert text in line
    assert lines.count("  mean |SHAP|, Logistic Regression: first 0.500, second 0.250") == 2


@pytest.mark.real
def test_the_real_panel_is_read_as_it_was_measured_before(tmp_path: Path) -> None:
    """Demographics are barely above the largest segment's 0.52; the others re-derive the label."""
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("SEGMENTATION_REAL_DATA", default)) / "household"
    if not (folder / "BathSoapHousehold.csv.gz").is_file():
        pytest.skip("there is no household/BathSoapHousehold.csv.gz under SEGMENTATION_REAL_DATA")
    panel = tmp_path / "panel.csv"
    panel.write_bytes(gzip.decompress((folder / "BathSoapHousehold.csv.gz").read_bytes()))
    X = matrix(HOUSEHOLD, read_table(panel, HOUSEHOLD.schema).records)
    for row in compare_feature_sets(HOUSEHOLD, X, SEED):
        low, high = {
            "demographics only": (0.50, 0.58),
            "12 features (the published way)": (0.82, 0.90),
            "all features": (0.90, 0.98),
        }[row.reading]
        assert low <= row.accuracy <= high
        assert row.auc >= 0.6
