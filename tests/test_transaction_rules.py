"""Which transactions are left out: the same ones in training and in requests, and said."""

from __future__ import annotations

import os
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.aggregation import aggregate_file
from segmentation.datasets.snapshots import MOST_SNAPSHOTS, read_history
from segmentation.datasets.transactions import validate
from segmentation.errors import DataError, InvalidRecordsError
from segmentation.runtime import Model
from segmentation.studies.retail import RETAIL, TRANSACTION
from segmentation.transaction_rules import TransactionRule, find_reasons
from segmentation.transaction_tables.lone_days import find_bulk
from tests.support.shipped import PACKAGES, ROOT
from tests.support.shop import AGGREGATION, CATEGORIES, GOOD, TRANSACTIONS, changed, write_csv

MODEL = Model.load(PACKAGES["retail"])
AS_OF = datetime(2024, 3, 2)
DAY = date(2011, 1, 1)

LINES = st.fixed_dictionaries(
    {
        "invoice": st.sampled_from(["1", "2", "C3", "c4", "Card"]),
        "stock_code": st.sampled_from(["A1", "B2"]),
        "description": st.sampled_from(["RED MUG", "CANDLE LANTERN", "x" * 101, "x" * 1_001, None]),
        "quantity": st.sampled_from([1, 2, 3, 0, -1, 1_000_001, None]),
        "invoice_time": st.sampled_from(
            [
                "2024-03-01 10:00:00",
                "2024-02-01",
                "2024-03-01T10:00",
                "2024-03-03",
                "1970-01-01",
                "2204-01-01",
                "9999-12-31",
                None,
            ]
        ),
        "unit_price": st.sampled_from([1.5, 2.0, 0.0, -3.5, 0.001, None]),
        "customer_id": st.sampled_from(["7", None]),
        "country": st.just("Ireland"),
    }
)


def train(folder: Path, lines: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Return the features that training makes of lines, and what it has dropped."""
    clean = folder / "clean.parquet"
    cells = [
        [None if line[n] is None else str(line[n]) for n in TRANSACTION.by_name] for line in lines
    ]
    try:
        validation = validate(
            write_csv(folder / "shop.csv", [[c or "" for c in row] for row in cells]),
            TRANSACTIONS,
            clean,
        )
    except DataError:
        return [], Counter()
    dropped = Counter({reason: n for reason, n in validation.dropped.items() if n})
    return aggregate_file(AGGREGATION, clean, AS_OF), dropped


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(LINES, min_size=1, max_size=12))
def test_requests_count_what_training_counts(
    tmp_path_factory: pytest.TempPathFactory, lines: list[dict[str, Any]]
) -> None:
    """The same features of the same lines, and as many left out for each reason."""
    expected, dropped = train(tmp_path_factory.mktemp("rules"), lines)
    record = {"transactions": lines, "as_of": AS_OF.isoformat()}
    if not expected:
        with pytest.raises(InvalidRecordsError, match="1 problem"):
            MODEL.check([record])
        return
    (features,) = expected
    checked = MODEL.check([record])
    assert dict(checked[0]) == {name: v for name, v in features.items() if v is not None}
    unread = checked.unknown.get(0)
    left_out = Counter(dict(unread.left_out)) if unread else Counter()
    del left_out["later"]  # a snapshot does not look at those
    assert left_out == dropped


def test_what_a_shop_takes_back_or_gives_away_does_not_refuse_a_history() -> None:
    """A cancellation, a gift and a line that was sent twice, said by reason."""
    mug = {
        "InvoiceNo": "1", "Quantity": 2, "InvoiceDate": "2024-03-01", "UnitPrice": 1.5,
        "CustomerID": 7,
    }  # fmt: skip
    history = [mug, mug, mug | {"InvoiceNo": "C2", "Quantity": -1}, mug | {"UnitPrice": 0}]
    (answer,) = MODEL.predict([{"transactions": history, "as_of": "2024-03-02"}])
    (plain,) = MODEL.predict([{"transactions": [mug], "as_of": "2024-03-02"}])
    messages = [w["message"] for w in answer["warnings"] if w["code"] == "left_out"]
    assert sorted(messages) == [
        "1 of 4 was left out, as in training: cancelled, or with a quantity below the least one",
        "1 of 4 was left out, as in training: the same as an earlier one",
        "1 of 4 was left out, as in training: with a price below the least one, such as a gift",
    ]
    assert answer["probabilities"] == plain["probabilities"]
    assert answer["id"] == 7


def test_a_transaction_is_left_out_for_the_first_reason_that_fits() -> None:
    """In the order of the list, whatever the order of the rules."""
    rules = (
        TransactionRule("out_of_range", "quantity", "above", 5),
        TransactionRule("cancelled", "invoice", "begins", "c"),
    )
    transactions = [{"invoice": "C1", "quantity": 9}, {"invoice": "1", "quantity": 9}, {}, {}]
    assert find_reasons(rules, transactions) == ["cancelled", "out_of_range", None, "duplicate"]


@pytest.mark.parametrize(
    "time", ["0001-01-01", "1900-01-01", "1970-01-01", "2204-01-01", "9999-12-31 23:59:59"]
)
def test_one_impossible_time_does_not_decide_for_all(tmp_path: Path, time: str) -> None:
    """It is out of range; the last order is what recency is relative to."""
    path = write_csv(tmp_path / "shop.csv", [GOOD, changed(invoice_time=time)])
    validation = validate(path, TRANSACTIONS, tmp_path / "clean.parquet")
    assert validation.dropped["out_of_range"] == 1
    assert validation.first == validation.last == "2024-03-01T10:00:00"


def test_tomorrow_is_possible_and_next_week_is_not(tmp_path: Path) -> None:
    """Clocks of shops may be some hours ahead."""
    soon, later = (datetime.now() + timedelta(hours=hours) for hours in (10, 24 * 7))
    rows = [changed(invoice_time=f"{time:%Y-%m-%d %H:%M:%S}") for time in (soon, later)]
    validation = validate(write_csv(tmp_path / "t.csv", rows), TRANSACTIONS, tmp_path / "c.parquet")
    assert validation.dropped["out_of_range"] == 1


@pytest.mark.parametrize(
    ("days", "bulk"),
    [
        ([(0, 900), (90, 1_099), (900, 1)], (0, 90)),
        ([(0, 900), (90, 1_099), (900, 1), (901, 1)], (0, 90)),
        ([(0, 900), (90, 1_097), (900, 1), (901, 2)], (0, 901)),
        ([(0, 1), (400, 1_500), (600, 1_500)], (400, 600)),
        ([(0, 1), (900, 1)], (0, 900)),
        ([(0, 3), (200, 1), (600, 2)], (0, 600)),
        ([(0, 5_000), (170, 1)], (0, 170)),
        # Small tables: one visit in twenty, at most two.
        ([(n, 1) for n in range(20)] + [(900, 1)], (0, 19)),
        ([(n, 1) for n in range(19)] + [(900, 1)], (0, 18)),
        ([(n, 1) for n in range(18)] + [(900, 1)], (0, 900)),
        ([(n, 3) for n in range(20)] + [(900, 1), (1_800, 1)], (0, 19)),
        ([(n, 3) for n in range(20)] + [(900, 2)], (0, 19)),
        ([(n, 3) for n in range(20)] + [(900, 3)], (0, 900)),
        ([(0, 1)] + [(500 + n, 3) for n in range(100)] + [(1_100, 1)], (500, 599)),
        # A shop that opens for some days of each year is closed for the rest.
        (
            [(365 * year + day, 9) for year in range(4) for day in range(9)] + [(1_460, 1)],
            (0, 1_460),
        ),
        ([(0, 1)] + [(365 * year + day, 9) for year in (1, 2, 3) for day in range(9)], (0, 1_103)),
        # Honest pauses of half a year and more.
        ([(400 * n, 5) for n in range(10)], (0, 3_600)),
    ],
)
def test_a_time_that_stands_alone_is_found(
    days: list[tuple[int, int]], bulk: tuple[int, int]
) -> None:
    """Few visits, half a year from all others and further than the shop's own pauses."""
    rows = [(DAY + timedelta(day), n_rows) for day, n_rows in days]
    assert find_bulk(rows) == tuple(DAY + timedelta(day) for day in bulk)


def test_a_time_that_stands_alone_is_left_out_and_said(tmp_path: Path) -> None:
    """One order three years after everything else does not move everybody's recency."""
    rows = [
        changed(invoice=str(n), invoice_time=f"{DAY + timedelta(n % 300)} 10:00:00")
        for n in range(1_200)
    ]
    rows.append(changed(invoice="x", invoice_time="2014-01-01 10:00:00"))
    validation = validate(write_csv(tmp_path / "t.csv", rows), TRANSACTIONS, tmp_path / "c.parquet")
    assert (validation.lone_rows, validation.last[:10]) == (1, "2011-10-27")
    assert validation.rows_read == validation.rows_kept + sum(validation.dropped.values())
    assert validation.remarks[0].startswith("1 row was left out that")


def test_a_customer_that_stands_for_many_is_said(tmp_path: Path) -> None:
    """With its share of the rows and of the amount; in a shop of few it is a customer."""
    rows = [changed(invoice=str(n), customer_id=str(100 + n)) for n in range(60)]
    rows += [changed(invoice=str(n), customer_id="guest") for n in range(60, 90)]
    path = write_csv(tmp_path / "t.csv", rows)
    validation = validate(path, TRANSACTIONS, tmp_path / "c.parquet")
    assert validation.largest_customer == {"share_of_rows": 0.333333, "share_of_amount": 0.333333}
    assert "One customer has 33% of all rows" in validation.remarks[0]
    few = write_csv(tmp_path / "few.csv", [*rows[:20], *rows[60:]])
    assert validate(few, TRANSACTIONS, tmp_path / "f.parquet").remarks == ()


def test_snapshots_are_bounded(tmp_path: Path) -> None:
    """Thirty years of orders make ten years of snapshots."""
    rows = [
        changed(invoice=str(n), invoice_time=f"{date(1991, 1, 1) + timedelta(90 * n)} 10:00:00")
        for n in range(120)
    ]
    history = read_history(write_csv(tmp_path / "t.csv", rows), RETAIL, TRANSACTIONS, CATEGORIES)
    assert len(history.snapshots) == MOST_SNAPSHOTS


@pytest.mark.real
def test_customers_of_the_original_can_be_posted_as_they_are(tmp_path: Path) -> None:
    """All rows of a customer, cancellations and gifts included: the features of training."""
    folder = Path(os.environ.get("SEGMENTATION_REAL_DATA", ROOT.parent / "shared/data"))
    source = folder / "retail" / "online_retail_to_2011-08.parquet"
    if not source.is_file():
        pytest.skip(f"{source} is not there")
    clean = tmp_path / "clean.parquet"
    validation = validate(source, TRANSACTIONS, clean)
    end = datetime.fromisoformat(validation.last)
    expected = {row["customer_id"]: row for row in aggregate_file(AGGREGATION, clean, end)}
    with duckdb.connect() as connection:
        frame = connection.execute(
            "SELECT * FROM read_parquet($1) WHERE CustomerID IS NOT NULL", [str(source)]
        ).df()
    frame["InvoiceDate"] = frame["InvoiceDate"].astype(str)
    groups = dict(list(frame.groupby("CustomerID")))
    chosen = list(groups)[::40]
    assert len(chosen) > 50
    for number in chosen:
        lines = groups[number].astype(object).where(groups[number].notna(), None)
        records = [{"transactions": lines.to_dict("records"), "as_of": end.isoformat()}]
        features = expected.get(str(int(float(number))))
        if features is None:
            with pytest.raises(InvalidRecordsError):
                MODEL.check(records)
            continue
        own = {name: value for name, value in features.items() if value is not None}
        (record,) = MODEL.check(records)
        assert {n: record[n] for n in own if n != "customer_id"} == {
            n: own[n] for n in own if n != "customer_id"
        }
