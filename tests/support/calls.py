"""A second study of transactions, unlike a shop: telephone calls, and the people who make them."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.estimators import Log1p
from segmentation.schema import Column, Schema
from segmentation.study import (
    NamingRule,
    OutlookModel,
    Segment,
    Study,
    TransactionRoles,
    Transactions,
    make_centroid_classifier,
    make_k_means,
    make_record_matrix,
)

DAYS = 28
HEADER = ["Caller", "Started", "Seconds", "Cost"]
LAST = datetime(2025, 6, 30, 20)

CALL = Schema(
    (
        Column("caller", "Caller", "identifier", "identifier", "Who called."),
        Column("started", "Started", "time", "feature", "When the call began."),
        Column(
            "seconds", "Seconds", "integer", "feature", "How long it took.", unit="s", minimum=0,
            maximum=86_400,
        ),
        Column("cost", "Cost", "number", "context", "What it cost.", minimum=0, maximum=1_000),
    )
)  # fmt: skip

CALLER = Schema(
    (
        Column("caller", "Caller", "identifier", "identifier", "Who calls."),
        *(
            Column(
                name, title, "number", "feature", f"{title}.", minimum=0, maximum=1e9, defines=True
            )
            for name, title in (
                ("calls", "Calls"),
                ("mean_seconds", "Mean seconds"),
                ("spent", "Spent"),
            )
        ),
    )
)

SQL = """
SELECT caller,
    CAST(count(*) AS DOUBLE) AS calls,
    CAST(avg(seconds) AS DOUBLE) AS mean_seconds,
    CAST(coalesce(sum(cost), 0) AS DOUBLE) AS spent
FROM transactions WHERE started > $reference - INTERVAL 84 DAY
GROUP BY caller ORDER BY caller
"""

SEGMENTS = (
    Segment(1, "talkers", "Talkers", "Long and many calls.", "Offer a flat rate."),
    Segment(2, "texters", "Texters", "Hardly any calls.", "Offer data."),
)


def pipeline(random_state: int) -> Pipeline:
    """Return the unfitted pipeline."""
    space = Pipeline([("log", Log1p()), ("scale", StandardScaler())])
    return Pipeline(
        [
            ("records", make_record_matrix(CALLER)),
            ("segments", make_centroid_classifier(CALLER, space)),
        ]
    )


def classifier(random_state: int) -> Pipeline:
    """Return the unfitted classifier of the segment four weeks later."""
    return make_pipeline(SimpleImputer(keep_empty_features=True), LogisticRegression())


TRANSACTIONS = Transactions(
    schema=CALL,
    roles=TransactionRoles(customer="caller", time="started", price="cost"),
    sql=SQL,
)
CALLS = Study(
    name="calls",
    title="Telephone calls",
    description="Who talks and who does not.",
    schema=CALLER,
    segments=SEGMENTS,
    pipeline=pipeline,
    grids={},
    clusterer=make_k_means,
    naming=(NamingRule("talkers", "highest", ("calls",)),),
    transactions=TRANSACTIONS,
    outlook=OutlookModel(DAYS, classifier, min_history_days=28),
    noise=(),
)


def draw_calls(n_callers: int = 60, seed: int = 0) -> list[list[str]]:
    """Return made-up calls of half a year: every second caller talks much, the others hardly."""
    draw = random.Random(seed)
    rows = []
    for caller in range(n_callers):
        talks = caller % 2 == 0
        for day in range(0, 180, 3 if talks else 20):
            seconds = draw.randint(300, 900) if talks else draw.randint(5, 60)
            started = LAST - timedelta(days=day, minutes=draw.randint(0, 600))
            rows.append([f"c{caller:03}", started.isoformat(sep=" "), str(seconds),
                         f"{seconds / 100 * draw.choice((0, 1, 1)):.2f}"])  # fmt: skip
        rows.append([f"c{caller:03}", "2025-01-01 08:00:00", "10", "0"])
    return rows


def write_calls(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write a table of calls."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])
    return path
