"""The retail study: its names whatever the seed, its categories, its sample and its forecast."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics import accuracy_score, f1_score

from segmentation.aggregation import aggregate_file
from segmentation.datasets import History, read_history
from segmentation.datasets.transactions import validate
from segmentation.errors import DataError
from segmentation.estimators import Floats
from segmentation.schema import RecordValidator
from segmentation.studies.retail import CATEGORIES, NAMING, RETAIL, SEGMENTS, retail
from tests.support.shipped import ROOT
from tests.support.shop import AGGREGATION, SAMPLE, TRANSACTIONS
from tests.support.shop import CATEGORIES as PAIRS

IDS = [segment.id for segment in SEGMENTS]
FEATURES = [column.name for column in RETAIL.schema.features]
DEFINING = list(RETAIL.schema.defining)
RECENCY, FREQUENCY, MONETARY, AVERAGE = range(4)
SEEDS = 20


def named(X: Floats, seed: int) -> NDArray[np.int64]:
    """Return the segment of each record: K-Means with one seed, then the rules of naming.

    One start for each seed and not the best of 50: names have to hold for worse clusters, too.
    """
    space = clone(RETAIL.pipeline(seed)[-1].space)
    clusters = KMeans(4, n_init=5, tol=0, random_state=seed).fit(
        space.fit_transform(X[:, DEFINING])
    )
    means = {k: X[clusters.labels_ == k].mean(axis=0) for k in range(4)}
    names = {}
    for pick in NAMING:
        positions = [FEATURES.index(name) for name in pick.columns]
        sign = 1 if pick.extreme == "highest" else -1
        chosen = max(means, key=lambda k: sign * means[k][positions].sum())
        names[chosen] = IDS.index(pick.segment)
        del means[chosen]
    (left,) = means
    (name,) = set(range(4)) - set(names.values())
    return np.array([(names | {left: name})[label] for label in clusters.labels_])


def assert_true_to_the_texts(X: Floats, labels: NDArray[np.int64]) -> None:
    """Compare means with what the descriptions of the segments say."""
    champions, big, active, lapsed = (X[labels == label].mean(axis=0) for label in range(4))
    further = (big, active, lapsed)
    assert all(champions[FREQUENCY] > 2 * item[FREQUENCY] for item in further)
    assert all(champions[MONETARY] > 2 * item_value[MONETARY] for item_value in further)
    assert champions[RECENCY] < min(big[RECENCY], lapsed[RECENCY])
    assert all(big[AVERAGE] > 1.8 * item_entry[AVERAGE] for item_entry in (active, lapsed))
    assert big[FREQUENCY] < 2
    assert active[RECENCY] < 0.5 * min(big[RECENCY], lapsed[RECENCY])
    assert lapsed[FREQUENCY] < 1.5
    assert lapsed[MONETARY] < min(item_data[MONETARY] for item_data in (champions, big, active))


def assert_names_hold(X: Floats) -> None:
    """Twenty seeds give nearly everyone the same name, and all of them true ones."""
    first = named(X, 0)
    for seed in range(SEEDS):
        labels = named(X, seed)
        assert (labels == first).mean() > 0.9
        assert_true_to_the_texts(X, labels)


def numbers(path: Path, reference: datetime) -> Floats:
    """Return the features of a file as they were at some time."""
    result: Floats = RETAIL.pipeline(0)[0].transform(aggregate_file(AGGREGATION, path, reference))
    return result


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """The customers of the sample."""
    path = tmp_path_factory.mktemp("clean") / "clean.parquet"
    validate(SAMPLE, TRANSACTIONS, path)
    return read_history(path, RETAIL, TRANSACTIONS, PAIRS)


@pytest.fixture(scope="module")
def real_clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public data set without its dirt."""
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("SEGMENTATION_REAL_DATA", default)) / "retail"
    source = folder / "online_retail_to_2011-08.parquet"
    if not source.is_file():
        pytest.skip("there is no retail/online_retail_to_2011-08.parquet under the real data")
    path = tmp_path_factory.mktemp("real") / "clean.parquet"
    validate(source, TRANSACTIONS, path)
    return path


def test_the_categories_are_those_of_the_table() -> None:
    """The study's columns and the shipped table name the same categories, in the same order."""
    assert tuple(dict.fromkeys(category for _, category in PAIRS)) == CATEGORIES


def test_no_keyword_stands_twice() -> None:
    """The second would never be reached."""
    keywords = [keyword for keyword, _ in PAIRS]
    assert len(set(keywords)) == len(keywords)


@pytest.mark.parametrize("categories", [("Home",), ("a b",), ("x'; DROP",), ("other",), ("a", "a")])
def test_a_category_that_cannot_be_a_column_is_refused(categories: tuple[str, ...]) -> None:
    """Names become part of the SQL text, so they are words and nothing else."""
    with pytest.raises(DataError, match="categor"):
        retail(categories)


def test_every_segment_is_named_and_has_an_action() -> None:
    """Three rules name three segments; the fourth is what is left."""
    assert [pick.segment for pick in NAMING] == IDS[:3]
    assert [segment.label for segment in SEGMENTS] == [0, 1, 2, 3]
    assert all(segment.action and segment.description for segment in SEGMENTS)


def test_the_sample_is_what_its_generator_writes() -> None:
    """Byte for byte, on any day."""
    completed = subprocess.run(
        [sys.executable, "data/make_retail.py"], cwd=ROOT, capture_output=True, check=True
    )
    assert completed.stdout == SAMPLE.read_bytes()


def test_the_sample_has_the_dirt_of_the_original(history: History) -> None:
    """About 20,000 rows: a quarter without a customer, 2 % cancelled, 1 % twice."""
    validation = history.validation
    assert validation is not None
    assert SAMPLE.stat().st_size <= 2_000_000
    assert 18_000 <= validation.rows_read <= 22_000
    shares = {reason: count / validation.rows_read for reason, count in validation.dropped.items()}
    assert shares["missing_customer"] == pytest.approx(0.25, abs=0.02)
    assert shares["cancelled"] == pytest.approx(0.02, abs=0.005)
    assert shares["duplicate"] == pytest.approx(0.0075, abs=0.0025)
    assert validation.dropped["price_not_positive"] > 0
    assert validation.customers == 710


def test_records_of_the_sample_are_valid(history: History) -> None:
    """What aggregation makes, the schema accepts: shares from 0 to 1 that add up to 1."""
    records = RecordValidator(RETAIL.schema).validate(history.snapshots[0].records)
    for record in records:
        shares = [record[name] for name in FEATURES if name.startswith("share_")]
        assert sum(shares) == pytest.approx(1)


def test_names_of_the_sample_hold_for_any_seed_and_date(history: History) -> None:
    """Twenty seeds on the customers at the end of the data and three months before."""
    for snapshot in history.snapshots[:2]:
        assert_names_hold(RETAIL.pipeline(0)[0].transform(snapshot.records))


def forward(history: History) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return truth, forecast and today's segment of the latest pair of dates.

    Clusters are those of the date of the forecast, and the classifier knows only pairs of dates
    that end by then.
    """
    X = {shot.as_of: RETAIL.pipeline(0)[0].transform(shot.records) for shot in history.snapshots}
    dates = list(X)
    today = RETAIL.pipeline(0)[-1].fit(X[dates[1]], named(X[dates[1]], 0))
    became = {}
    for later, earlier in pairwise(history.snapshots):
        labels = dict(
            zip(
                [record["customer_id"] for record in later.records],
                today.predict(X[later.as_of]),
                strict=True,
            )
        )
        became[earlier.as_of] = np.array([labels[r["customer_id"]] for r in earlier.records])
    known_names = dates[2:]
    assert RETAIL.outlook is not None
    classifier = RETAIL.outlook.classifier(0).fit(
        np.vstack([X[date] for date in known_names]),
        np.concatenate([became[date] for date in known_names]),
    )
    return became[dates[1]], classifier.predict(X[dates[1]]), today.predict(X[dates[1]])


def test_the_forecast_of_the_sample_beats_staying(history: History) -> None:
    """Forward in time, nothing known that came to be later."""
    truth, text, same = forward(history)
    assert accuracy_score(truth, text) > accuracy_score(truth, same)
    assert f1_score(truth, text, average="macro") > f1_score(truth, same, average="macro")


@pytest.mark.real
@pytest.mark.parametrize("month", [3, 4, 5, 6, 7, 8])
def test_names_of_the_original_hold(month: int, real_clean: Path) -> None:
    """Twenty seeds on the data up to the end of each month."""
    assert_names_hold(
        numbers(real_clean, datetime(2011, month, 31 if month in (3, 5, 7, 8) else 30))
    )


@pytest.mark.real
def test_the_forecast_of_the_original_beats_staying(real_clean: Path) -> None:
    """Measured: accuracy 0.74 against 0.68, macro F1 0.69 against 0.65."""
    result = read_history(real_clean, RETAIL, TRANSACTIONS, PAIRS)
    truth, text, same = forward(result)
    assert accuracy_score(truth, text) > accuracy_score(truth, same) + 0.04
    assert f1_score(truth, text, average="macro") > f1_score(truth, same, average="macro")


@pytest.mark.real
def test_categories_cover_the_original(real_clean: Path) -> None:
    """Nine categories hold 92 % of the amount; what is left is ``other``."""
    X = numbers(real_clean, datetime(2011, 9, 1))
    second = X[:, FEATURES.index("share_other")] @ X[:, MONETARY] / X[:, MONETARY].sum()
    assert second < 0.08
