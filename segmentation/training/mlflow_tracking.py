"""Every training run in MLflow: what was asked for, what came out and the package itself.

Reads the manifest and nothing else, so that a tracked figure is the packed one. Needs the extra
``tracking``. A run that cannot be tracked costs a sentence, never the model.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentation.artifact import Manifest
from segmentation.artifact.clusters import ClusterReport, CurvePoint
from segmentation.wording.clusters import name_qualities
from segmentation.wording.metrics import describe_evaluation, describe_inputs, name_metric

URI = "MLFLOW_TRACKING_URI"
# A folder in the working directory. SQLite would need SQLAlchemy, which mlflow-skinny leaves out.
LOCAL_STORE = "mlruns"

# What the environment may set otherwise. MLflow itself retries for minutes.
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "3",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
# MLflow 3 asks for leave to use the folder, and reports to its makers unless told not to.
_FIXED = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}
# MLflow's limits; a slash, though allowed, is a folder in a file store.
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_. :-]+")
_LONGEST_NAME = 200
_LONGEST_PARAMETER = 6000
_LONGEST_TAG = 8000
_LONGEST_REASON = 200


@dataclass(frozen=True)
class _Measure:
    """A number, or a row of numbers by step, on which records and from which inputs."""

    name: str
    on: str
    values: Mapping[int, float]


def track(manifest: Manifest, package: Path, environment: Mapping[str, str]) -> str | None:
    """Record a run under the experiment that is named after its study.

    Parameters
    ----------
    manifest : Manifest
        Its training becomes parameters, its figures metrics (see `clean_names` for their names),
        the curve over k a metric with k as step.
    package : Path
        The written ``model.bin``; it and ``manifest.json`` become artifacts.
    environment : mapping of str to str
        ``MLFLOW_TRACKING_URI`` is where to, a folder ``mlruns`` by default; MLflow's other
        variables are MLflow's.

    Returns
    -------
    str or None
        None, or one sentence that says why the run was not, or only partly, tracked.
    """
    # MLflow keeps stores by address, so the address must not depend on the working directory.
    uri = environment.get(URI) or Path(LOCAL_STORE).absolute().as_uri()
    with _settings(environment):
        try:
            _record(manifest, package, uri)
        except Exception as error:  # noqa: BLE001  # any store, plugin or proxy; the model is safe
            return _sentence(error, uri)
    return None


def clean_names(names: Sequence[str]) -> list[str]:
    """Return names that MLflow accepts, in order, no two alike in any store.

    ``accuracy, 10 % noise`` becomes ``accuracy 10 percent noise``. Where two would be the same but
    for case, which some stores don't tell apart, the later one gets a number.
    """
    names_in_order: list[str] = []
    used: set[str] = set()
    for name in names:
        plain = _NOT_IN_NAMES.sub(" ", name.replace("%", " percent "))
        plain = " ".join(plain.split())[:_LONGEST_NAME].strip(". ") or "unnamed"
        cleaned, count = plain, 1
        while cleaned.casefold() in used:
            count += 1
            cleaned = f"{plain} {count}"
        used.add(cleaned.casefold())
        names_in_order.append(cleaned)
    return names_in_order


@contextmanager
def _settings(environment: Mapping[str, str]) -> Iterator[None]:
    """Set what MLflow reads from the process's environment, and take it back afterwards."""
    own_settings = {
        name: value for name, value in environment.items() if name.startswith("MLFLOW_")
    }
    settings = _DEFAULTS | own_settings | _FIXED
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _record(manifest: Manifest, package: Path, uri: str) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    existing = client.get_experiment_by_name(manifest.study)
    experiment = existing.experiment_id if existing else client.create_experiment(manifest.study)
    run = client.create_run(experiment, run_name=manifest.version).info.run_id
    try:
        _fill(client, run, manifest)
        client.log_text(run, manifest.model_dump_json(indent=1), "manifest.json")
        client.log_artifact(run, str(package))
        client.set_terminated(run)
    except BaseException:
        # Half a run must not look like one that still goes on.
        with suppress(Exception):
            client.set_terminated(run, "FAILED")
        raise


def _fill(client: Any, run: str, manifest: Manifest) -> None:
    from mlflow.entities import Metric, Param, RunTag

    now = time.time_ns() // 1_000_000
    measures = _measures(manifest)
    names = clean_names([measure.name for measure in measures])
    params = _flat(manifest.training.model_dump(mode="json"))
    client.log_batch(
        run,
        metrics=[
            Metric(name, value, now, step)
            for name, measure in zip(names, measures, strict=True)
            for step, value in measure.values.items()
        ],
        params=[
            Param(name, str(value)[:_LONGEST_PARAMETER])
            for name, value in zip(clean_names(list(params)), params.values(), strict=True)
        ],
        tags=[RunTag(name, value) for name, value in _tags(manifest, names, measures).items()],
    )


def _measures(manifest: Manifest) -> list[_Measure]:
    """Return all that was measured; metrics of one name are told apart by what they read."""
    counts = Counter(name_metric(metric) for metric in manifest.metrics)
    measures = []
    for metric in manifest.metrics:
        name, inputs = name_metric(metric), describe_inputs(metric, manifest.record)
        circular = ", which define segments" * metric.circular
        measures.append(
            _Measure(
                name if counts[name] == 1 else f"{name}, {inputs}",
                f"{describe_evaluation(metric)}; {inputs}{circular}",
                {0: metric.value},
            )
        )
    if manifest.clusters:
        measures += _cluster_measures(manifest.clusters)
    if manifest.lineage:
        on = f"all training records, against model {manifest.lineage.previous}"
        measures.append(
            _Measure("lineage, agreement", on, {0: manifest.lineage.transitions.agreement})
        )
        measures.append(
            _Measure("lineage, unchanged", on, {0: manifest.lineage.transitions.unchanged})
        )
    return measures


def _cluster_measures(clusters: ClusterReport) -> list[_Measure]:
    single = {
        f"clusters, {name}": value for name, value in name_qualities(clusters.quality).items()
    }
    stability = clusters.stability.model_dump(exclude={"quartiles", "segments"})
    single |= {f"bootstrap agreement, {name}": value for name, value in stability.items()}
    single |= {
        f"bootstrap Jaccard, {part.segment}": part.mean for part in clusters.stability.segments
    }
    curve = [point.model_dump() for point in clusters.curve]
    names = [name for name in CurvePoint.model_fields if name != "k"]
    return [
        *(_Measure(name, "all training records", {0: value}) for name, value in single.items()),
        *(
            _Measure(
                f"curve over k, {name}",
                "all training records; the step is k",
                {point["k"]: point[name] for point in curve},
            )
            for name in names
        ),
    ]


def _tags(manifest: Manifest, names: Sequence[str], measures: Sequence[_Measure]) -> dict[str, str]:
    """Return what to find a run by, and a note with what the metrics' names no longer tell."""
    rows = [
        f"| {name} | {measure.name} | {measure.on} |"
        for name, measure in zip(names, measures, strict=True)
    ]
    note = [
        f"{manifest.title}: {manifest.description}",
        *(f"- {caveat}" for caveat in manifest.caveats),
        "",
        "| metric | measure | on |",
        "|---|---|---|",
        *rows,
    ]
    return {
        "study": manifest.study,
        "version": manifest.version,
        "created": manifest.created,
        "synthetic": str(manifest.training.synthetic).lower(),
        "mlflow.note.content": "\n".join(note)[:_LONGEST_TAG],
    }


def _flat(members: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested members under one name each: ``data.rows``."""
    flat: dict[str, Any] = {}
    for name, value in members.items():
        flat |= (
            _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
        )
    return flat


def _sentence(error: Exception, uri: str) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"the run was not tracked: {error.name} is not installed (pip install mlflow-skinny)"
    return f"the run was not tracked at {_without_secrets(uri)}: {_reason(error)}"


def _reason(error: BaseException) -> str:
    """Return the operating system's word at the bottom of an error, or the error's own first."""
    if type(error).__name__ == "UnsupportedModelRegistryStoreURIException":
        return "mlflow-skinny alone has no such store; databases need SQLAlchemy as well"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, TimeoutError):
            return "no answer in time"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    first = re.split(r"\.\s|\n", str(error).strip())[0]
    return _without_secrets(first)[:_LONGEST_REASON] or type(error).__name__


def _without_secrets(text: str) -> str:
    """Return text without the user names and passwords that addresses may hold."""
    return re.sub(r"//[^/\s]*@", "//", text).partition("?")[0]
