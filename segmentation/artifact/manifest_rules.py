"""Whether a manifest that has the right types also makes sense: lengths, ranges and references.

What answers, explains and shows a model relies on these; nothing there looks again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from segmentation.artifact.clusters import ClusterReport
from segmentation.artifact.manifest import Baseline, Conformal, Manifest, PackedAggregation
from segmentation.artifact.typicality import Typicality
from segmentation.errors import PackageError
from segmentation.schema.schema_rules import (
    find_column_faults,
    find_repeated,
    find_schema_faults,
    find_unknown,
)

# Files, addresses and the names of metrics carry these.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_N_DECILES = 9
_MOST_COLUMNS, _MOST_SEGMENTS, _MOST_GOLDEN = 1_000, 1_000, 1_000
_FEWEST_SEGMENTS = 2
# RFC 8259, section 6: beyond it readers of JSON don't agree on the number.
_LARGEST = 2**53 - 1
_SLACK = 1e-6
# On the scale of `scale_answer` the largest float is 710; squares of quotients must stay finite.
_FURTHEST, _LEAST_DEVIATION = 1_000, 1e-9


def check_manifest(manifest: Manifest) -> None:
    """Refuse a manifest whose parts don't fit together.

    Raises
    ------
    PackageError
        With the first fault.
    """
    fault = next(_find_faults(manifest), None)
    if fault:
        raise PackageError(f"has a manifest that does not fit together: {fault[:300]}")


def _find_faults(manifest: Manifest) -> Iterator[str]:
    yield from _about_numbers(manifest.model_dump())
    yield from _about_record(manifest)
    yield from find_schema_faults(manifest.record)
    yield from _about_segments(manifest)
    yield from _about_columns(manifest.baseline, manifest)
    yield from _about_sets(manifest.conformal, manifest)
    yield from _about_golden(manifest)
    if manifest.clusters:
        yield from _about_clusters(manifest.clusters, manifest)
    if manifest.typicality:
        yield from _about_typicality(manifest.typicality, manifest)
    if manifest.aggregation:
        yield from _about_aggregation(manifest.aggregation)
    if manifest.outlook:
        yield from _about_outlook(manifest)


def _about_numbers(value: Any) -> Iterator[str]:
    """Look for what JSON doesn't have but its readers take: NaN, infinity, endless digits."""
    if isinstance(value, int | float):
        if not math.isfinite(value):
            yield "a number is not finite"
        elif isinstance(value, int) and abs(value) > _LARGEST:
            yield "a whole number is larger than its readers take"
    elif isinstance(value, dict):
        for part in value.values():
            yield from _about_numbers(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _about_numbers(part)


def _about_record(manifest: Manifest) -> Iterator[str]:
    schema = manifest.record
    if not _NAME.fullmatch(manifest.study) or not _NAME.fullmatch(manifest.version):
        yield "its study or version is no name"
    if not _is_time(manifest.created):
        yield "it was created at no time"
    if len(schema.columns) > _MOST_COLUMNS:
        yield f"it has more than {_MOST_COLUMNS} columns"
    if manifest.scorer.features != [column.name for column in schema.features]:
        yield "its scorer reads other columns than its features"
    for rule in manifest.implications:
        yield from find_unknown("an implication", (rule.column, rule.other), schema.by_name)
    questions = [question.field for question in manifest.questions]
    yield from find_unknown("a question", questions, schema.decisive_names)
    yield from find_repeated("question", questions)


def _about_segments(manifest: Manifest) -> Iterator[str]:
    segments = manifest.segments
    if not _FEWEST_SEGMENTS <= len(segments) <= _MOST_SEGMENTS:
        yield f"it has {len(segments)} segments"
    yield from find_repeated("segment", (segment.id for segment in segments))
    yield from find_repeated("label", (str(segment.label) for segment in segments))
    for segment in segments:
        if not _NAME.fullmatch(segment.id) or not segment.name.strip():
            yield "a segment has no name"
        if segment.size < 0 or not _are_shares([segment.share]):
            yield f"the size of {segment.id} is no number of records"
        yield from find_unknown("a profile", segment.numbers, manifest.baseline.numbers)
        for name, choices in segment.categories.items():
            described = manifest.baseline.categories.get(name)
            values = [choice.value for choice in choices]
            yield from find_unknown(
                f"a choice of {name}", values, described.shares if described else (), "answer"
            )
    ids = [segment.id for segment in segments]
    named = [metric.segment for metric in manifest.metrics if metric.segment]
    yield from find_unknown("a metric", named, ids, "segment")


def _about_columns(baseline: Baseline, manifest: Manifest) -> Iterator[str]:
    numbers = [column.name for column in manifest.record.numbers]
    categories = [column.name for column in manifest.record.categories]
    # Numbers that few answered are not described.
    yield from find_unknown("a profile", baseline.numbers, numbers)
    yield from find_unknown("a profile", baseline.categories, categories)
    yield from find_unknown("a category", categories, baseline.categories)
    for name, column in baseline.numbers.items():
        places = [column.low, *column.deciles, column.high]
        if len(column.deciles) != _N_DECILES or places != sorted(places):
            yield f"the deciles of {name} are not nine numbers in order"
        if not _are_shares([column.missing]):
            yield f"the share of missing {name} is none"
    for name, answers in baseline.categories.items():
        if not _are_shares([answers.missing, *answers.shares.values()]):
            yield f"the shares of {name} are none"


def _about_sets(conformal: Conformal, manifest: Manifest) -> Iterator[str]:
    """Check thresholds: a row for each number of missing answers, a column for each segment."""
    n_rows, n_segments = len(manifest.record.decisive) + 1, len(manifest.segments)
    rows = [*conformal.thresholds, *(part.thresholds for part in conformal.measured)]
    rows += [part.thresholds for part in conformal.patterns]
    if len(conformal.thresholds) != n_rows:
        yield f"there are thresholds for {len(conformal.thresholds)} numbers of missing answers"
    if any(len(row) != n_segments or not _are_shares(row) for row in rows):
        yield "thresholds are not a share for each segment"
    if not 0 < conformal.coverage < 1 or conformal.n_calibration < 1:
        yield "the coverage that is aimed at is none"
    for part in conformal.patterns:
        yield from find_unknown("thresholds", part.missing, manifest.record.decisive_names)


def _about_golden(manifest: Manifest) -> Iterator[str]:
    if not 1 <= len(manifest.golden) <= _MOST_GOLDEN:
        yield f"it has {len(manifest.golden)} golden records"
    ids = [segment.id for segment in manifest.segments]
    yield from find_unknown(
        "a golden record", (example.segment for example in manifest.golden), ids, "segment"
    )
    for example in manifest.golden:
        if len(example.probabilities) != len(ids) or not _are_shares(example.probabilities):
            yield "a golden record has no probability for each segment"


def _about_clusters(clusters: ClusterReport, manifest: Manifest) -> Iterator[str]:
    ids = [segment.id for segment in manifest.segments]
    yield from find_unknown("clusters", clusters.columns, manifest.record.by_name)
    named = [reason.segment for reason in clusters.naming]
    named += [part.segment for part in clusters.stability.segments]
    yield from find_unknown("clusters", named, ids, "segment")
    for reason in clusters.naming:
        yield from find_unknown("a reason", reason.columns, manifest.record.by_name)
    if clusters.map is None:
        return
    places = [place.segment for place in clusters.map.places]
    yield from find_unknown("the map", places, ids, "segment")
    for axis in (clusters.map.x, clusters.map.y):
        yield from find_unknown("the map", axis.loadings, manifest.record.by_name)
    if any(
        len(cell.counts) != len(places) or min(cell.counts, default=0) < 0
        for cell in clusters.map.cells
    ):
        yield "a place of the map has no number of records for each segment"
    if clusters.map.width <= 0:
        yield "the map has no width"


def _about_typicality(typicality: Typicality, manifest: Manifest) -> Iterator[str]:
    names, n_columns = [column.name for column in manifest.record.numbers], len(typicality.columns)
    yield from find_unknown("typicality", typicality.columns, names)
    yield from find_repeated("column of typicality", typicality.columns)
    if [part.segment for part in typicality.segments] != [part.id for part in manifest.segments]:
        yield "typicality is about other segments"
    if len(typicality.limits) != n_columns + 1:
        yield "typicality has no limit for each number of missing answers"
    for part in typicality.segments:
        if len(part.means) != n_columns or len(part.deviations) != n_columns:
            yield "typicality has no mean and deviation for each column"
        if max(map(abs, part.means), default=0.0) > _FURTHEST:
            yield "typicality has a mean that no answer has"
        if min(part.deviations, default=1.0) < _LEAST_DEVIATION:
            yield "typicality has a deviation that is not above 0"


def _about_aggregation(packed: PackedAggregation) -> Iterator[str]:
    columns = packed.transactions.by_name
    yield from (f"transactions: {fault}" for fault in find_column_faults(packed.transactions))
    roles = [packed.customer, packed.time]
    if packed.roles:
        further = (packed.roles.order, packed.roles.quantity, packed.roles.price, packed.roles.text)
        roles += [packed.roles.customer, packed.roles.time, *filter(None, further)]
    yield from find_unknown("a role", roles, columns)
    if columns.get(packed.time) and columns[packed.time].kind != "time":
        yield f"{packed.time} is no time"
    if not (_is_time(packed.reference) and _is_time(packed.earliest)):
        yield "transactions are relative to no time"


def _about_outlook(manifest: Manifest) -> Iterator[str]:
    outlook = manifest.outlook
    if outlook is None:
        return
    if outlook.days < 1 or manifest.scorer.outlook is None:
        yield "its outlook is not of a later day, or of no output"
    if outlook.conformal:
        yield from _about_sets(outlook.conformal, manifest)


def _are_shares(values: Sequence[float]) -> bool:
    return all(-_SLACK <= value <= 1 + _SLACK for value in values)


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
