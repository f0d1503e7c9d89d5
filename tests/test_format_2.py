"""Packages of format 2, which earlier versions wrote, are still read, answered and explained."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from segmentation.artifact import read_package
from segmentation.artifact.format_2 import upgrade
from segmentation.artifact.manifest import Manifest
from segmentation.artifact.metrics import Condition
from segmentation.runtime import Model
from segmentation.wording.clusters import describe_naming, name_qualities
from segmentation.wording.metrics import describe_evaluation, describe_inputs, name_metric
from tests.support.shipped import ROOT

FOLDER = ROOT / "tests/packages/format_2"
PACKAGES = {path.stem: path for path in sorted(FOLDER.glob("*.bin"))}


def old_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest as it stands in the file."""
    with zipfile.ZipFile(path) as archive:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    assert manifest["format_version"] == 2
    return manifest


@pytest.fixture(params=PACKAGES)
def path(request: pytest.FixtureRequest) -> Path:
    """Each of the packages: one with a prior, one with a projection."""
    return PACKAGES[request.param]


def test_every_figure_is_a_metric_of_the_same_name_value_and_origin(path: Path) -> None:
    """Words made from the data are those that the data was made from."""
    manifest = read_package(path).manifest
    result = [
        (
            name_metric(metric),
            metric.value,
            describe_evaluation(metric),
            describe_inputs(metric, manifest.record),
            metric.circular,
        )
        for metric in manifest.metrics
    ]
    assert result == [
        (figure["name"], figure["value"], figure["on"], figure["inputs"], figure["circular"])
        for figure in old_manifest(path)["figures"]
    ]


def test_clusters_are_the_same(path: Path) -> None:
    """Their quality by its old names, and the reasons for names in the old sentences."""
    manifest, old = read_package(path).manifest, old_manifest(path)["clusters"]
    assert manifest.clusters is not None
    assert name_qualities(manifest.clusters.quality) == old["quality"]
    assert [describe_naming(item, manifest.record) for item in manifest.clusters.naming] == old[
        "naming"
    ]


def test_thresholds_belong_to_conditions(path: Path) -> None:
    """Their names become data, in the same order."""
    measured = read_package(path).manifest.conformal.measured
    old = old_manifest(path)["conformal"]["measured"]
    assert [set(item.thresholds) for item in measured] == [{value} for value in old.values()]
    assert measured[0].condition == Condition(kind="complete")
    assert measured[1].condition == Condition(kind="incomplete", n_missing=1)


def test_the_golden_records_are_answered_and_explained(path: Path) -> None:
    """The pickle names classes that are called otherwise today."""
    model = Model.load(path)
    golden = model.manifest.golden
    records = model.check([item.record for item in golden])
    (answers,) = model.answer(records, range(len(records)))
    for expected, answer in zip(golden, answers, strict=True):
        assert answer["segment"]["id"] == expected.segment
        explanation = answer["explanation"]
        total = explanation["base"] + sum(
            part["contribution"] for part in explanation["contributions"]
        )
        assert total == pytest.approx(explanation["output"], abs=1e-4)


def test_the_pipeline_answers_as_it_did(path: Path) -> None:
    """``joblib.load`` gives a pipeline whose probabilities are those of the golden records."""
    golden = read_package(path).manifest.golden
    pipeline = joblib.load(path)
    result = pipeline.predict_proba([item.record for item in golden])
    np.testing.assert_allclose(
        result, [item_value.probabilities for item_value in golden], atol=1e-12
    )


FIGURE = {"value": 0.5, "circular": False}


@pytest.mark.parametrize(
    ("name", "on", "inputs", "expected"),
    [
        (
            "precision, vip, 91 days ahead",
            "2024-12-14, from what was known 91 days before, retail, part 2.csv",
            "all features at the earlier date",
            {
                "measure": "precision",
                "segment": "vip",
                "horizon_days": 91,
                "features": ["a", "b"],
                "evaluation": {
                    "method": "forward_in_time",
                    "table": "retail, part 2.csv",
                    "n_repetitions": 1,
                    "as_of": "2024-12-14",
                },
            },
        ),
        (
            "macro F1, 30 days ahead, stays the same",
            "2024-12-14, from what was known 30 days before, r.csv",
            "the segment stays",
            {"measure": "macro_f1", "predictor": "no_change", "horizon_days": 30},
        ),
        (
            "accuracy, stratified dummy, 30 days ahead",
            "2024-12-14, from what was known 30 days before, r.csv",
            "none at the earlier date",
            {"predictor": "stratified_draw", "horizon_days": 30, "features": []},
        ),
        (
            "accuracy, 20 % noise",
            "5-fold cross-validation, held-out records of m.csv",
            "2 features",
            {"condition": {"kind": "imprecise", "noise": 0.2}, "features": ["a", "b"]},
        ),
        (
            "accuracy, age, sex and more",
            "5-fold cross-validation with the clusters refitted, m.csv",
            "age, sex and more",
            {"feature_set": "age, sex and more", "features": None, "condition": None},
        ),
        (
            "accuracy, indirect",
            "5-fold cross-validation with the clusters refitted, m.csv",
            "only B",
            {"condition": {"kind": "indirect"}, "features": ["b"]},
        ),
        (
            "accuracy, indirect",
            "5-fold cross-validation with the clusters refitted, m.csv",
            "nothing but the segments' shares",
            {"condition": {"kind": "indirect"}, "features": []},
        ),
    ],
)
def test_a_figure_is_taken_apart(
    name: str, on: str, inputs: str, expected: dict[str, Any], path: Path
) -> None:
    """Whatever feature sets and files are called."""
    manifest = old_manifest(path) | {
        "record": {
            "columns": [
                {"name": "a", "title": "A", "role": "feature", "defines": True},
                {"name": "b", "title": "B", "role": "feature", "defines": False},
                {"name": "c", "title": "C", "role": "context", "defines": False},
            ]
        },
        "figures": [FIGURE | {"name": name, "on": on, "inputs": inputs}],
        "clusters": None,
    }
    (metric,) = upgrade(manifest)["metrics"]
    assert {key: metric[key] for key in expected} == expected
    assert (metric["value"], metric["circular"], metric["n_records"]) == (0.5, False, None)


def test_what_is_written_is_of_the_present_format(path: Path) -> None:
    """An upgraded manifest says so, and is read again as it is."""
    manifest = read_package(path).manifest
    assert manifest.format_version == 6
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
