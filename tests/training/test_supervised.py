"""Learning where segments are given: held-out figures, on the sample and on the original."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from segmentation.datasets import RecordTable, read_table
from segmentation.studies.mobile import MOBILE, SCHEMA
from segmentation.training.fitting.supervised import Fitted, cross_validate, label_records
from segmentation.training.labelled_records import LabelledRecords
from tests.support.metrics import measured_by_name
from tests.support.shipped import ROOT
from tests.support.tables import FEATURES, FOREST, ONE_CANDIDATE, REAL_FLOORS, SAMPLE_FLOORS, SEED


def test_labelled_gives_numbers_in_the_order_of_the_features(
    sample: RecordTable, data: LabelledRecords
) -> None:
    """The matrix of the sample has 700 rows of five answers, and the labels beside them."""
    assert data.X.shape == (700, 5)
    assert np.bincount(data.y).tolist() == [0, 136, 146, 143, 139, 136]
    first = sample.records[0]
    np.testing.assert_array_equal(data.X[0], np.float32([first[name] for name in FEATURES]))


def test_search_holds_a_fifth_of_the_records_back_for_calibration(fitted: Fitted) -> None:
    """Of 700 records 560 are fitted on; the chosen parameters are those of the pipeline."""
    assert fitted.n_train == 560
    assert fitted.conformal.n_calibration == 140
    assert fitted.params == {name: values[0] for name, values in ONE_CANDIDATE.items()}
    assert fitted.pipeline.get_params()[FOREST + "max_leaf_nodes"] == 400
    thresholds = fitted.conformal.thresholds
    assert len(thresholds) == len(FEATURES) + 1
    assert all(len(of_segments) == 5 for of_segments in thresholds)
    assert thresholds == sorted(thresholds)


@pytest.mark.parametrize("name", SAMPLE_FLOORS)
def test_the_model_answers_held_out_records_of_the_sample(
    figures: dict[str, float], name: str
) -> None:
    """Each five-fold figure on the shipped sample reaches its floor."""
    assert figures[name] >= SAMPLE_FLOORS[name]


@pytest.fixture(scope="session")
def real_folder() -> Path:
    """The folder of the public data sets, if it is there."""
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("SEGMENTATION_REAL_DATA", default)) / "mobile"
    if not (folder / "user_behavior_dataset.csv").is_file():
        pytest.skip("there is no mobile/user_behavior_dataset.csv under SEGMENTATION_REAL_DATA")
    return folder


@pytest.mark.real
def test_the_model_answers_held_out_records_of_the_real_survey(real_folder: Path) -> None:
    """Each five-fold figure on the original survey reaches its floor."""
    survey = label_records(MOBILE, read_table(real_folder / "user_behavior_dataset.csv", SCHEMA))
    params = {name: values[0] for name, values in ONE_CANDIDATE.items()}
    result = measured_by_name(cross_validate(MOBILE, survey, params, SEED))
    assert {name: result[name] for name in REAL_FLOORS if result[name] < REAL_FLOORS[name]} == {}


@pytest.mark.real
def test_the_two_files_of_the_real_survey_hold_the_same_records(real_folder: Path) -> None:
    """The original with commas and its variant with semicolons are read alike."""
    second = real_folder / "user_behaviour_dataset.csv"
    if not second.is_file():
        pytest.skip("there is no mobile/user_behaviour_dataset.csv under SEGMENTATION_REAL_DATA")
    comma = read_table(real_folder / "user_behavior_dataset.csv", SCHEMA)
    semicolon = read_table(second, SCHEMA)
    assert len(comma.records) == 700
    assert comma.records == semicolon.records
