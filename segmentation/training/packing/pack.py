"""From a calibrated model to a package: convert, prove, describe, write."""

from __future__ import annotations

import hashlib
import pickle  # nosec B403  # it only writes
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from segmentation.artifact.data_remarks import DataRemark
from segmentation.artifact.manifest import (
    DataSheet,
    Golden,
    Manifest,
    PackedImplication,
    PackedOutlook,
    PackedSegment,
    Training,
)
from segmentation.artifact.metrics import Predictor, find_metric
from segmentation.artifact.package import Package, check_contents, digest
from segmentation.artifact.typicality import Typicality
from segmentation.errors import PackageError, TrainingError
from segmentation.schema import Column, Record
from segmentation.study import Study
from segmentation.study.caveats import RunFacts, word_caveats
from segmentation.training.disclosure import publish_lineage, publish_remarks
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.fitting.typicality import learn_typicality
from segmentation.training.measuring.profiles import baseline, profiles
from segmentation.training.packing.onnx_conversion import check_agreement, random_matrix, to_onnx
from segmentation.training.training_data import TrainingData

# Golden records must not be a toss-up that another machine may decide otherwise.
SMALLEST_LEAD = 1e-4
LIBRARIES = ("scikit-learn", "numpy", "skl2onnx", "onnx", "onnxruntime")


@dataclass(frozen=True)
class Run:
    """One training run: what was asked for and what came out; `remarks` are about the table."""

    study: Study
    source: TrainingData
    learned: FittedModel
    grid: str
    seed: int
    remarks: tuple[DataRemark, ...] = ()


def pack(run: Run) -> Package:
    """Return the package of a run.

    Raises
    ------
    TrainingError
        If the ONNX model and the pipeline don't answer alike, on training records, golden
        records and 10,000 random ones; the pipeline can't be pickled for others to load; or the
        service would refuse the package, for a step of its ONNX model, say.
    """
    pipeline, X, y = run.learned.pipeline, run.learned.X, run.learned.y
    onnx, scorer = to_onnx(pipeline, [column.name for column in run.study.schema.features])
    segments = profiles(run.study.schema, run.study.segments, run.source.table.records, y)
    golden = _golden(run, segments)
    golden_matrix = pipeline[0].transform([answer.record for answer in golden])
    check_agreement(pipeline, onnx, X, golden_matrix, random_matrix(X, run.seed))
    content = _pickled(pipeline)
    manifest = _manifest(
        run,
        pipeline=digest(content),
        onnx=digest(onnx),
        scorer=scorer,
        segments=segments,
        golden=golden,
    )
    package = Package(manifest, onnx, content)
    try:
        check_contents(package)
    except PackageError as error:
        raise TrainingError(f"the service would refuse the package, which {error}") from None
    return package


def _manifest(run: Run, **parts: Any) -> Manifest:
    """Describe a run; `parts` are the members that packing has made already."""
    unnamed = Manifest(
        study=run.study.name,
        title=run.study.title,
        description=run.study.description,
        version="",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        record=run.study.schema,
        baseline=baseline(run.study.schema, run.source.table.records),
        implications=[PackedImplication(**asdict(rule)) for rule in run.study.implications],
        conformal=run.learned.conformal,
        questions=run.learned.questions,
        clusters=run.learned.clusters,
        lineage=publish_lineage(run.learned.lineage),
        aggregation=run.source.aggregation,
        outlook=_describe_outlook(run),
        typicality=_learn_typicality(run),
        metrics=list(run.learned.metrics),
        confusions=list(run.learned.confusions),
        caveats=_word_caveats(run),
        training=_training(run),
        **parts,
    )
    return unnamed.model_copy(update={"version": _version(unnamed)})


def _describe_outlook(run: Run) -> PackedOutlook | None:
    conformal = run.learned.outlook_conformal
    if run.study.outlook is None or conformal is None:
        return None
    return PackedOutlook(days=run.study.outlook.days, conformal=conformal)


def _learn_typicality(run: Run) -> Typicality | None:
    """Learn it where segments were discovered.

    Where they are given, the ranges of all of them tell which answers contradict each other.
    """
    if not run.study.naming:
        return None
    return learn_typicality(run.study, run.learned.X, run.learned.y, run.seed)


def _pickled(pipeline: Any) -> bytes:
    content = pickle.dumps(pipeline, protocol=5)
    if b"__main__" in content:
        raise TrainingError("the pipeline holds something defined in __main__; move it to a module")
    return content


def _version(manifest: Manifest) -> str:
    """Name a model by what it answers: the same scorer, schema, texts and ranges, the same version.

    The pickle is left out, which other versions of Python write in other bytes.
    """
    about = {"version", "created", "pipeline", "metrics", "caveats", "training", "clusters"}
    about |= {"lineage", "confusions"}
    content = manifest.model_dump_json(exclude=about)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _golden(run: Run, segments: list[PackedSegment]) -> list[Golden]:
    """Make up two records for each segment, its average answers and only one of them.

    Those whose two most probable segments are as good as tied are left out.
    """
    records: list[Record] = []
    for segment in segments:
        average = {
            column.name: _possible_answer(segment.numbers[column.name].mean, column)
            for column in run.study.schema.features
            if column.name in segment.numbers
        }
        for first in list(average)[:1]:  # none in a segment of which nothing may be said
            records += [average, {first: average[first]}]
    pipeline = run.learned.pipeline
    probabilities = pipeline.predict_proba(records)
    leads = np.diff(np.sort(probabilities, axis=1)[:, -2:]).ravel()
    ids = {segment.label: segment.id for segment in segments}
    golden = [
        Golden(record=record, segment=ids[int(label)], probabilities=row)
        for record, label, row, lead in zip(
            records, pipeline.predict(records), probabilities.tolist(), leads, strict=True
        )
        if lead > SMALLEST_LEAD
    ]
    if not golden:
        raise TrainingError("the model cannot tell the average records of the segments apart")
    return golden


def _possible_answer(value: float, column: Column) -> float:
    """Return the nearest answer that the column takes."""
    stepped = column.round_to_step(value)
    low, high = column.minimum, column.maximum
    at_least = stepped if low is None else max(stepped, low)
    return at_least if high is None else min(at_least, high)


def _word_caveats(run: Run) -> list[str]:
    sample = (
        f"Trained on {run.source.table.name}, the synthetic sample; figures are about made-up"
        " records."
    )
    own = word_caveats(run.study.caveats, _state_facts(run))
    return [*([sample] if run.source.synthetic else []), *own]


def _state_facts(run: Run) -> RunFacts:
    clusters = run.learned.clusters
    history = run.source.history
    origin = history.validation if history else None
    return RunFacts(
        table_sha256=origin.sha256 if origin else run.source.table.sha256,
        n_segments=len(run.study.segments),
        silhouettes={point.k: point.silhouette for point in clusters.curve} if clusters else {},
        accuracy_indirect=_accuracy(run, kind="indirect"),
        accuracy_largest_class=_accuracy(run, predictor="largest_class"),
    )


def _accuracy(run: Run, kind: str | None = None, predictor: Predictor = "model") -> float | None:
    metric = find_metric(run.learned.metrics, "accuracy", kind, predictor)
    return metric.value if metric else None


def _training(run: Run) -> Training:
    table = run.source.table
    return Training(
        data=DataSheet(name=table.name, sha256=table.sha256, rows=len(table.records)),
        synthetic=run.source.synthetic,
        grid=run.grid,
        params=run.learned.params,
        random_state=run.seed,
        n_train=run.learned.n_train,
        n_calibration=run.learned.conformal.n_calibration,
        libraries={"python": platform.python_version()}
        | {name: version(name) for name in LIBRARIES},
        remarks=publish_remarks((*run.remarks, *run.learned.remarks)),
    )
