"""Training runs in a real MLflow store, read back through MLflow's own client."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from segmentation.artifact import Manifest, read_package
from segmentation.artifact.clusters import (
    ClusterQuality,
    ClusterReport,
    CurvePoint,
    SegmentStability,
    Stability,
)
from segmentation.artifact.lineage import Lineage, Transitions
from segmentation.training.mlflow_tracking import clean_names, track
from tests.support.metrics import make_metric, values_by_name
from tests.support.servers import free_port
from tests.support.shipped import MODEL, ROOT

tracking = pytest.importorskip("mlflow.tracking", reason="the extra 'tracking' is not installed")


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    """The shipped model's manifest."""
    return read_package(MODEL).manifest


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default store of an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return tmp_path / "mlruns"


def runs(store: Path, study: str) -> list[Any]:
    """Return the runs of a study, the youngest first."""
    client = tracking.MlflowClient(tracking_uri=str(store))
    experiment = client.get_experiment_by_name(study)
    return list(client.search_runs([experiment.experiment_id]))


def values(manifest: Manifest) -> dict[str, float]:
    """Return the metrics' values by the names that they have in MLflow."""
    by_name = values_by_name(manifest.metrics)
    return dict(zip(clean_names(list(by_name)), by_name.values(), strict=True))


def test_a_run_is_read_back_as_it_was_packed(manifest: Manifest, store: Path) -> None:
    """Experiment, parameters, metrics and tags in the default store are those of the manifest."""
    assert track(manifest, MODEL, {}) is None
    (run,) = runs(store, "mobile")
    assert run.info.status == "FINISHED"
    assert run.info.run_name == manifest.version
    metrics = run.data.metrics
    assert {name: metrics[name] for name in values(manifest)} == values(manifest)
    training = manifest.training
    assert run.data.params["data.sha256"] == training.data.sha256
    assert run.data.params["data.rows"] == str(training.data.rows)
    assert run.data.params["random_state"] == str(training.random_state)
    assert run.data.params["grid"] == training.grid
    for name, value in training.params.items():
        assert run.data.params[f"params.{name}"] == str(value)
    for name, value in training.libraries.items():
        assert run.data.params[f"libraries.{name}"] == value
    tags = run.data.tags
    assert (tags["study"], tags["version"]) == ("mobile", manifest.version)
    assert tags["synthetic"] == "true"
    assert manifest.caveats[0] in tags["mlflow.note.content"]


def test_the_package_and_the_manifest_are_artifacts(manifest: Manifest, store: Path) -> None:
    """What is downloaded is the package, byte for byte, and a manifest that can be read."""
    assert track(manifest, MODEL, {}) is None
    (run,) = runs(store, "mobile")
    folder = store / run.info.experiment_id / run.info.run_id / "artifacts"
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "model.bin"]
    assert (folder / "model.bin").read_bytes() == MODEL.read_bytes()
    result = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    assert result == manifest


def test_runs_of_one_study_share_an_experiment_in_the_store_that_was_named(
    manifest: Manifest, store: Path, tmp_path: Path
) -> None:
    """MLFLOW_TRACKING_URI says where; an empty one is none; studies don't mix."""
    elsewhere = tmp_path / "elsewhere"
    environment = {"MLFLOW_TRACKING_URI": elsewhere.as_uri()}
    assert track(manifest, MODEL, environment) is None
    assert track(manifest, MODEL, environment) is None
    assert not store.exists()
    second = manifest.model_copy(update={"study": "other"})
    assert track(second, MODEL, {"MLFLOW_TRACKING_URI": ""}) is None
    assert len(runs(elsewhere, "mobile")) == 2
    assert len(runs(store, "other")) == 1


def test_clusters_and_lineage_become_metrics(manifest: Manifest, store: Path) -> None:
    """Quality, stability and lineage are numbers; the curve over k is a row with k as step."""
    clusters = ClusterReport(
        columns=["a"],
        n_dimensions=1,
        quality=ClusterQuality(
            silhouette=0.25,
            silhouette_columns=0.2,
            n_silhouette_records=8,
            davies_bouldin=1.5,
            calinski_harabasz=6,
        ),
        stability=Stability(
            mean=0.9,
            deviation=0.05,
            worst=0.8,
            n=10,
            quartiles=(0.85, 0.9, 0.95),
            segments=(SegmentStability(segment="power_user", mean=0.7, worst=0.6),),
        ),
        curve=[
            CurvePoint(k=2, inertia=9, silhouette=0.5, davies_bouldin=1, calinski_harabasz=7),
            CurvePoint(k=3, inertia=4, silhouette=0.4, davies_bouldin=2, calinski_harabasz=8),
        ],
        naming=[],
    )
    changes = Transitions(old=(), new=(), agreement=0.75, unchanged=0.875, records=8)
    lineage = Lineage(previous="abc", transitions=changes, conflicts=())
    described = manifest.model_copy(update={"clusters": clusters, "lineage": lineage})
    assert track(described, MODEL, {}) is None
    (run,) = runs(store, "mobile")
    metrics = run.data.metrics
    assert metrics["clusters silhouette clustered space"] == 0.25
    assert metrics["bootstrap agreement worst"] == 0.8
    assert metrics["bootstrap Jaccard power_user"] == 0.7
    assert (metrics["lineage agreement"], metrics["lineage unchanged"]) == (0.75, 0.875)
    client = tracking.MlflowClient(tracking_uri=str(store))
    history = client.get_metric_history(run.info.run_id, "curve over k silhouette")
    assert [(point.step, point.value) for point in history] == [(2, 0.5), (3, 0.4)]


def test_figures_of_one_name_are_told_apart_by_their_inputs(
    manifest: Manifest, store: Path
) -> None:
    """The same measure from other columns is another metric, and the note says from which."""
    indirect = {"kind": "indirect"}
    metrics = [
        make_metric(value=0.5, condition=indirect, features=["age"]),
        make_metric(value=0.9, condition=indirect, features=[], circular=True),
    ]
    assert track(manifest.model_copy(update={"metrics": metrics}), MODEL, {}) is None
    (run,) = runs(store, "mobile")
    assert run.data.metrics == {
        "accuracy indirect only Age": 0.5,
        "accuracy indirect nothing but the segments shares": 0.9,
    }
    note = run.data.tags["mlflow.note.content"]
    assert "| accuracy, indirect, only Age | 5-fold cross-validation, held-out records of" in note
    assert "nothing but the segments' shares, which define segments |" in note


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["accuracy, 10 % noise"], ["accuracy 10 percent noise"]),
        (["recall, Größe/Wert"], ["recall Gr e Wert"]),
        (["a, b", "a b", "A (b)"], ["a b", "a b 2", "A b 3"]),
        (["a 2", "a", "a"], ["a 2", "a", "a 3"]),
        (["..", "%", "…", "/x/../y"], ["unnamed", "percent", "unnamed 2", "x .. y"]),
        (["x" * 300, "x" * 250], ["x" * 200, "x" * 200 + " 2"]),
    ],
)
def test_names_are_cleaned_and_never_collide(
    names: list[str], expected: list[str], manifest: Manifest, store: Path
) -> None:
    """Names that MLflow refuses are replaced; those that would be the same get a number."""
    assert clean_names(names) == expected
    metrics = [
        make_metric(value=i, feature_set=name) for i, name in enumerate(dict.fromkeys(names))
    ]
    assert track(manifest.model_copy(update={"metrics": metrics}), MODEL, {}) is None
    (run,) = runs(store, "mobile")
    assert sorted(run.data.metrics.values()) == list(range(len(metrics)))


def failure(manifest: Manifest, environment: Mapping[str, str], package: Path = MODEL) -> str:
    """Return the sentence of a run that could not be tracked; there is one, of one line."""
    start = time.monotonic()
    sentence = track(manifest, package, environment)
    assert time.monotonic() - start < 60  # MLflow itself tries for minutes
    assert sentence is not None
    assert "\n" not in sentence
    return sentence


def test_a_server_that_is_not_there_costs_one_sentence(manifest: Manifest, store: Path) -> None:
    """Where nobody listens the sentence says so at once, without the address's password."""
    port = free_port()
    uri = f"http://someone:secret@127.0.0.1:{port}"
    sentence = failure(manifest, {"MLFLOW_TRACKING_URI": uri})
    expected = f"the run was not tracked at http://127.0.0.1:{port}: Connection refused"
    assert sentence == expected
    assert not store.exists()


def test_a_server_that_never_answers_costs_some_seconds(manifest: Manifest, store: Path) -> None:
    """A host that takes the connection and stays silent doesn't hold the training up."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environment = {"MLFLOW_TRACKING_URI": uri, "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}
        expected = f"the run was not tracked at {uri}: no answer in time"
        assert failure(manifest, environment) == expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("nonsense://user:secret@host/x", "nonsense://host/x: mlflow-skinny alone has no such"),
        ("http://", "http://: "),
        ("/dev/null/x", "/dev/null/x: Not a directory"),
    ],
)
def test_a_wrong_address_costs_one_sentence(
    manifest: Manifest, store: Path, uri: str, expected: str
) -> None:
    """Schemes, hosts and folders that don't exist are said, and no secret with them."""
    sentence = failure(manifest, {"MLFLOW_TRACKING_URI": uri})
    assert sentence.startswith(f"the run was not tracked at {expected}")
    assert "secret" not in sentence


def test_half_a_run_is_marked_as_failed(manifest: Manifest, store: Path, tmp_path: Path) -> None:
    """Where the package can't be read the run is there, but nobody takes it for a good one."""
    sentence = failure(manifest, {}, tmp_path / "absent.bin")
    assert sentence.startswith(f"the run was not tracked at {store.as_uri()}: ")
    (run,) = runs(store, "mobile")
    assert run.info.status == "FAILED"


def test_without_the_package_the_sentence_says_what_to_install(
    manifest: Manifest, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tracking is optional."""
    for name in ("mlflow", "mlflow.tracking"):
        monkeypatch.setitem(sys.modules, name, None)
    sentence = failure(manifest, {})
    assert sentence.startswith("the run was not tracked: mlflow")
    assert "pip install mlflow-skinny" in sentence


def test_the_environment_is_as_it_was_afterwards(
    manifest: Manifest, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings for MLflow last as long as the call, whether it succeeds or not."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    before = dict(os.environ)
    assert track(manifest, MODEL, {}) is None
    assert dict(os.environ) == before
    failure(manifest, {"MLFLOW_TRACKING_URI": "nonsense://"})
    assert dict(os.environ) == before


PROGRAM = """
import os, socket, sys
from pathlib import Path
from segmentation.artifact import read_package
from segmentation.training.mlflow_tracking import track

def refuse(*arguments, **options):
    raise AssertionError("something asked for a name")

socket.getaddrinfo = refuse
model = Path(sys.argv[1])
print(track(read_package(model).manifest, model, os.environ))
from mlflow.telemetry import get_telemetry_client
print(get_telemetry_client())
"""


def test_tracking_locally_is_silent_and_leaves_the_host_alone(tmp_path: Path) -> None:
    """No warning, no progress bar, no host looked up, and MLflow's telemetry isn't even there."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "PYTEST_", "GIT_", "DO_NOT_"))
    }
    deprecated = "ignore:codecs.open() is deprecated:DeprecationWarning"  # MLflow, Python 3.14
    completed = subprocess.run(
        [sys.executable, "-W", "error", "-W", deprecated, "-c", PROGRAM, str(MODEL)],
        cwd=tmp_path,
        env=clean | {"PYTHONPATH": str(ROOT), "CI": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.stderr == ""
    assert completed.stdout.split() == ["None", "None"]
