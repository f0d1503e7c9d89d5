"""Whether a study fits together: what its author may have mistyped, said before work begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict

from segmentation.errors import TrainingError
from segmentation.estimators import SegmentClassifier
from segmentation.schema.schema_rules import (
    find_column_faults,
    find_repeated,
    find_schema_faults,
    find_unknown,
)
from segmentation.study.definition import Study, Transactions

# A command line, a path and a file carry it.
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Columns of transactions stand in SQL beside those that validation and snapshots add.
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = ("row", "repeated", "as_of")


def check_study(study: Study) -> None:
    """Refuse a study whose parts don't fit together.

    Raises
    ------
    TrainingError
        With everything that was found.
    """
    faults = [
        *find_schema_faults(study.schema),
        *_about_segments(study),
        *_about_rules(study),
        *_about_outlook(study),
        *_about_transactions(study),
    ]
    last = study.pipeline(0)[-1]
    if not hasattr(last, "contributions"):
        faults.append(
            "its pipeline must end in centroids or TrainedOnCopies, which explain answers"
        )
    elif study.naming and not isinstance(last, SegmentClassifier):
        faults.append(
            "its segments are discovered, so its pipeline must end in centroids or the like"
        )
    if bool(study.naming) != (study.clusterer is not None):
        faults.append("rules of naming and a clusterer belong together")
    if not _NAME.fullmatch(study.name) or study.name == "all":
        faults.insert(0, "its name must be lower-case letters, digits and _, and not all")
    if faults:
        raise TrainingError(f"the study {study.name} can't be trained: {'; '.join(faults)}")


def _about_segments(study: Study) -> Iterator[str]:
    yield from find_repeated("segment", (segment.id for segment in study.segments))
    yield from find_repeated("label", (str(segment.label) for segment in study.segments))
    if len(study.segments) < 2:  # noqa: PLR2004  # nothing can be told apart in one
        yield "it needs two segments or more"


def _about_rules(study: Study) -> Iterator[str]:
    features = [column.name for column in study.schema.features]
    for reading in study.feature_sets:
        yield from find_unknown(f"the reading {reading.name!r}", reading.columns, features)
    for rule in study.implications:
        yield from find_unknown("Implication", (rule.column, rule.other), study.schema.by_name)
    if not study.naming:
        return
    ids = [segment.id for segment in study.segments]
    for pick in study.naming:
        yield from find_unknown(f"the rule of {pick.segment}", pick.columns, features)
    picked = [pick.segment for pick in study.naming]
    yield from find_repeated("rule", picked)
    yield from find_unknown("naming", picked, ids, "segment")
    if len(picked) != len(ids) - 1:
        yield f"{len(ids)} segments need {len(ids) - 1} rules of naming, not {len(picked)}"
    if not study.schema.defining:
        yield "no feature is marked defines"


def _about_outlook(study: Study) -> Iterator[str]:
    if study.outlook is None:
        return
    if study.transactions is None:
        yield "its outlook needs transactions, which tell earlier days from later ones"
    if study.outlook.days < 1:
        yield "its outlook must be one day ahead or more"


def _about_transactions(study: Study) -> Iterator[str]:
    if study.transactions is None:
        return
    for name in study.transactions.schema.by_name:
        if not _COLUMN.fullmatch(name) or name in _RESERVED:
            yield f"a column of transactions can't be called {name}"
    yield from (f"transactions: {fault}" for fault in find_column_faults(study.transactions.schema))
    if study.transactions.cancellation_prefix and study.transactions.roles.order is None:
        yield "cancellations are told by their order, but no column has the role order"
    yield from _about_roles(study.transactions)


def _about_roles(transactions: Transactions) -> Iterator[str]:
    columns = transactions.schema.by_name
    for role, name in asdict(transactions.roles).items():
        if name is None:
            continue
        yield from find_unknown(f"the role {role}", [name], columns)
        if name not in columns:
            continue
        if role == "time" and columns[name].kind != "time":
            yield f"the role time: {name} must be of the kind time"
        if role in ("quantity", "price") and not columns[name].numeric:
            yield f"the role {role}: {name} must be a number"
