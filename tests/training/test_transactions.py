"""Transactions: what is read, what is dropped and counted, and the customers that come of it."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.aggregation import aggregate, aggregate_file
from segmentation.datasets import History, read_categories, read_history
from segmentation.datasets.snapshots import write_history
from segmentation.datasets.transactions import REASONS, validate
from segmentation.errors import DataError, InvalidRecordsError, PackageError
from segmentation.schema import RecordValidator
from segmentation.studies.retail import RETAIL, TRANSACTION
from segmentation.training import prepare_transactions
from segmentation.training.training_data import read_source
from tests.support.shipped import ROOT
from tests.support.shop import (
    AGGREGATION,
    CATEGORIES,
    GOOD,
    HEADER,
    SAMPLE,
    TRANSACTIONS,
    changed,
    write_csv,
)

DIRTY = [
    GOOD,
    changed(customer_id=""),
    changed(customer_id="nan", quantity="-3"),
    changed(invoice="C2", quantity="-2"),
    changed(invoice="3", quantity="-1"),
    changed(invoice="4", quantity="0"),
    changed(invoice="5", unit_price="0"),
    changed(invoice="6", unit_price="-1.5"),
    GOOD,
    changed(invoice="7", invoice_time="yesterday"),
    changed(invoice="8", quantity="many"),
    changed(invoice="9", quantity="1.5"),
    changed(invoice="", stock_code="B"),
    changed(invoice="10", unit_price="1e9"),
    changed(invoice="11", description="x" * 1_001),
    changed(invoice="12", customer_id="8.0", description=""),
]
"""Two good lines and fourteen with a fault."""

DIRTY_COUNTS = {
    "missing_customer": 2,
    "cancelled": 3,
    "price_not_positive": 2,
    "duplicate": 1,
    "unreadable": 4,
    "out_of_range": 2,
}


def rows_of(path: Path) -> list[tuple[object, ...]]:
    """Return the rows of a Parquet file."""
    with duckdb.connect() as connection:
        return connection.execute("SELECT * FROM read_parquet($1)", [str(path)]).fetchall()


def history(path: Path | str) -> History:
    """Read the history of a shop."""
    return read_history(path, RETAIL, TRANSACTIONS, CATEGORIES)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample without its dirt."""
    path = tmp_path_factory.mktemp("clean") / "clean.parquet"
    validate(SAMPLE, TRANSACTIONS, path)
    return path


@pytest.fixture(scope="module")
def sample_history(clean: Path) -> History:
    """The customers of the sample."""
    return history(clean)


def test_every_dropped_row_is_counted_under_its_first_reason(tmp_path: Path) -> None:
    """Counts worked out by hand; a cancellation without a customer has no customer."""
    validation = validate(
        write_csv(tmp_path / "shop.csv", DIRTY), TRANSACTIONS, tmp_path / "clean.parquet"
    )
    assert validation.dropped == DIRTY_COUNTS
    assert list(validation.dropped) == list(REASONS)
    assert (validation.rows_read, validation.rows_kept, validation.customers) == (16, 2, 2)
    assert validation.amount == 6.0
    assert (validation.first, validation.last) == ("2024-03-01T10:00:00", "2024-03-01T10:00:00")


def test_clean_rows_have_types_and_own_names(tmp_path: Path) -> None:
    """A customer that pandas wrote as 8.0 is customer 8; an empty description is missing."""
    output = tmp_path / "clean.parquet"
    validate(write_csv(tmp_path / "shop.csv", DIRTY), TRANSACTIONS, output)
    time = datetime(2024, 3, 1, 10)
    assert rows_of(output) == [
        ("1", "A1", "RED MUG", 2, time, 1.5, "7", "Ireland"),
        ("12", "A1", None, 2, time, 1.5, "8", "Ireland"),
    ]


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path: Path) -> None:
    """DVC sees no change where there is none; only the name and digest of the source differ."""
    rows = [changed(invoice=str(n), quantity=str(n)) for n in range(1, 60)]
    for name, order in (("one", rows), ("two", rows[::-1])):
        write_csv(tmp_path / f"{name}.csv", order)
        validate(tmp_path / f"{name}.csv", TRANSACTIONS, tmp_path / f"{name}.parquet")
    assert rows_of(tmp_path / "one.parquet") == rows_of(tmp_path / "two.parquet")
    validate(tmp_path / "one.csv", TRANSACTIONS, tmp_path / "again.parquet")
    again = (tmp_path / "again.parquet").read_bytes()
    assert again == (tmp_path / "one.parquet").read_bytes()


CELLS = {
    "invoice": ["1", "2", "C3", "c4", "", " "],
    "description": ["MUG", "", "x" * 1_001, "Kaffee-Häferl"],
    "quantity": ["1", "-1", "0", "1.5", "many", "", "1e7", "inf", "9007199254740993"],
    "invoice_time": ["2024-03-01 10:00:00", "3/21/2024 10:00", "2024-02-31", "", "soon"],
    "unit_price": ["1.5", "0", "-2", "free", "", "nan", "1e9"],
    "customer_id": ["7", "8.0", "", "NaN", "anna", "x" * 101],
}


@settings(max_examples=40)
@given(st.lists(st.fixed_dictionaries({n: st.sampled_from(c) for n, c in CELLS.items()})))
def test_counts_add_up_whatever_the_dirt(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    """Rows read are the kept ones and the dropped ones, and the kept ones are in the file."""
    folder = tmp_path_factory.mktemp("dirt")
    table = [GOOD, *(changed(**cells) for cells in rows)]
    validation = validate(write_csv(folder / "t.csv", table), TRANSACTIONS, folder / "c.parquet")
    assert validation.rows_read == len(table)
    assert validation.rows_read == validation.rows_kept + sum(validation.dropped.values())
    assert validation.rows_kept == len(rows_of(folder / "c.parquet"))


def test_kept_rows_are_valid_transactions(clean: Path) -> None:
    """What validation keeps, the service would accept: one schema, two readers."""
    with duckdb.connect() as connection:
        frame = connection.execute("SELECT * FROM read_parquet($1)", [str(clean)]).df()
    frame["invoice_time"] = frame["invoice_time"].map(pd.Timestamp.isoformat)
    records = frame.head(500).replace({np.nan: None}).to_dict("records")
    assert len(RecordValidator(TRANSACTION).validate(records)) == 500


@pytest.mark.parametrize(
    ("header", "time"),
    [
        (HEADER, "2024-03-01 10:00:00"),
        (
            ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price",
             "Customer ID", "Country"],
            "2024-03-01T10:00:00",
        ),
        ([column.name for column in TRANSACTION.columns], "3/21/2024 10:00"),
    ],
    ids=["2010", "2009-2011", "own names"],
)  # fmt: skip
def test_both_editions_of_the_original_are_read(
    header: list[str], time: str, tmp_path: Path
) -> None:
    """Headers and times as they are in the files that go around."""
    path = write_csv(tmp_path / "shop.csv", [changed(invoice_time=time)], header)
    validation = validate(path, TRANSACTIONS, tmp_path / "clean.parquet")
    assert validation.first == ("2024-03-21T10:00:00" if "/" in time else "2024-03-01T10:00:00")


def test_parquet_and_csv_give_the_same(tmp_path: Path) -> None:
    """Types of the file don't matter: customers as floats with gaps are whole again."""
    write_csv(tmp_path / "shop.csv", DIRTY[:9])
    with duckdb.connect() as connection:
        connection.read_csv(str(tmp_path / "shop.csv"), all_varchar=True).project(
            "* REPLACE (CAST(nullif(CustomerID, 'nan') AS DOUBLE) AS CustomerID)"
        ).write_parquet(str(tmp_path / "shop.parquet"))
    for kind in ("csv", "parquet"):
        validation = validate(
            tmp_path / f"shop.{kind}", TRANSACTIONS, tmp_path / f"{kind}.clean.parquet"
        )
        assert (validation.rows_read, validation.rows_kept) == (9, 1)
    assert rows_of(tmp_path / "csv.clean.parquet") == rows_of(tmp_path / "parquet.clean.parquet")


def test_latin_1_is_read(tmp_path: Path) -> None:
    """The best known copy of the original is not UTF-8."""
    path = write_csv(tmp_path / "shop.csv", [changed(description="POT à LAIT")])
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    validate(path, TRANSACTIONS, tmp_path / "clean.parquet")
    assert rows_of(tmp_path / "clean.parquet")[0][2] == "POT à LAIT"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("t.csv", "", "is empty"),
        ("t.xlsx", "x", "has a header but no rows"),
        ("t.parquet", "no Parquet", "has a header but no rows"),
        ("t.parquet", "PAR1", "not a whole Parquet file|not a Parquet file"),
        ("t.csv", "InvoiceNo,Shoe\n1,2\n", "missing column 'CustomerID'"),
        ("t.csv", "InvoiceNo,Quantity\n1,2\n", "missing column 'CustomerID'"),
        ("t.csv", ",".join([*HEADER, "Invoice"]) + "\n1,2,3,4,5,6,7,8,9\n", "2 columns are read"),
        ("t.csv", ",".join(HEADER) + "\n", "has a header but no rows"),
        ("t.csv", ",".join(HEADER) + "\n1,2,secret\n", "line 2: has 3 cells, the header has 8"),
    ],
)
def test_a_bad_table_is_refused_in_one_sentence(
    name: str, text: str, expected: str, tmp_path: Path
) -> None:
    """The sentence never holds a cell, and nothing is left behind."""
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=expected) as caught:
        validate(tmp_path / name, TRANSACTIONS, tmp_path / "clean.parquet")
    assert "secret" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def by_pandas(clean: Path, reference: datetime) -> pd.DataFrame:
    """Work the defining numbers and one share out again, without SQL."""
    with duckdb.connect() as connection:
        frame = connection.execute("SELECT * FROM read_parquet($1)", [str(clean)]).df()
    frame = frame[frame["invoice_time"] <= reference]
    frame["amount"] = frame["quantity"] * frame["unit_price"]
    words = frame["description"].str.lower().str.split()
    keywords = [(keyword.split(), category) for keyword, category in CATEGORIES]

    def category(words_value: list[str]) -> str:
        for keyword, name in keywords:
            for at in range(len(words_value) - len(keyword) + 1):
                part = " ".join(words_value[at:])
                if part.startswith(" ".join(keyword)):
                    return name
        return "other"

    frame["category"] = words.map(category)
    groups = frame.groupby("customer_id")
    days = pd.Timestamp(reference).normalize() - groups["invoice_time"].max().dt.normalize()
    result = pd.DataFrame({"recency_days": days.dt.days, "frequency": groups["invoice"].nunique()})
    result["monetary"] = groups["amount"].sum()
    result["average_transaction_value"] = result["monetary"] / result["frequency"]
    for name in ("kitchen", "other", "seasonal"):
        part = frame[frame["category"] == name].groupby("customer_id")["amount"].sum()
        result[f"share_{name}"] = part.reindex(result.index).fillna(0) / result["monetary"]
    return result


@pytest.mark.parametrize("reference", [datetime(2024, 12, 14, 18), datetime(2024, 6, 1, 12)])
def test_the_sql_agrees_with_pandas(clean: Path, reference: datetime) -> None:
    """Two independent ways to the same numbers, at the end of the data and before."""
    expected = by_pandas(clean, reference)
    result = pd.DataFrame(aggregate_file(AGGREGATION, clean, reference)).set_index("customer_id")
    assert sorted(result.index) == sorted(expected.index)
    pd.testing.assert_frame_equal(
        result.loc[expected.index, expected.columns].astype(float),
        expected.astype(float),
        check_names=False,
        rtol=1e-9,
    )


def test_a_customer_worked_out_by_hand() -> None:
    """Two orders of 12.00 and 4.00, the last two dates before the reference; first keyword wins."""
    lines = [
        {"invoice": 1, "description": "Christmas MUG", "quantity": 3, "unit_price": 2.0},
        {"invoice": "1", "description": "mug", "quantity": 4, "unit_price": 1.5},
        {"invoice": 2.0, "description": None, "quantity": 1, "unit_price": 4.0},
    ]
    times = ["2024-03-01T10:00:00", "2024-03-01T10:00:00", "2024-03-08T23:00:00"]
    transactions = [
        line | {"invoice_time": time, "country": country}
        for line, time, country in zip(lines, times, ["Spain", None, "Ireland"], strict=True)
    ]
    (record,) = aggregate(AGGREGATION, transactions, datetime(2024, 3, 10, 1))
    shares = {name: value for name, value in record.items() if name.startswith("share") and value}
    assert shares == {"share_seasonal": 6 / 16, "share_kitchen": 6 / 16, "share_other": 4 / 16}
    assert record["recency_days"] == 2
    assert record["frequency"] == 2
    assert record["monetary"] == 16
    assert record["average_transaction_value"] == 8
    assert record["country"] == "Ireland"
    assert record["customer_id"] is None


def test_both_sides_give_the_same_record(clean: Path, sample_history: History) -> None:
    """A customer's transactions in a request come to what training made of them, bit for bit."""
    snapshot = sample_history.snapshots[0]
    with duckdb.connect() as connection:
        frame = connection.execute("SELECT * FROM read_parquet($1)", [str(clean)]).df()
    frame["invoice_time"] = frame["invoice_time"].map(pd.Timestamp.isoformat)
    for record in snapshot.records[::70]:
        mine = frame[frame["customer_id"] == str(record["customer_id"])].replace({np.nan: None})
        (result,) = aggregate(AGGREGATION, mine.to_dict("records"), snapshot.as_of)
        assert result | {"customer_id": record["customer_id"]} == record


def test_transactions_after_the_reference_are_refused() -> None:
    """They would make recency negative; the field is named, the value isn't."""
    line = {"invoice": "1", "quantity": 1, "unit_price": 1.0, "invoice_time": "2024-03-02T00:00:01"}
    with pytest.raises(InvalidRecordsError) as caught:
        aggregate(AGGREGATION, [line], datetime(2024, 3, 2))
    (problem,) = caught.value.problems
    assert (problem.row, problem.field, problem.code) == (0, "invoice_time", "range")


def test_transactions_without_what_is_needed_are_refused() -> None:
    """By row and field, all at once."""
    lines = [{"invoice": "1", "quantity": 1, "unit_price": 1.0}, {"invoice_time": "2024-03-02"}]
    with pytest.raises(InvalidRecordsError) as caught:
        aggregate(AGGREGATION, lines, datetime(2024, 3, 2))
    assert [(problem.row, problem.field) for problem in caught.value.problems] == [
        (0, "invoice_time"), (1, "invoice"), (1, "quantity"), (1, "unit_price"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT content FROM read_text('/etc/hostname')",
        "SELECT 1); COPY (SELECT 1) TO '/tmp/x'; SELECT (1",
    ],
)
def test_a_packed_statement_reaches_no_file(sql: str) -> None:
    """The SQL text of somebody else's package reads nothing but what it is given."""
    line = {"invoice": "1", "quantity": 1, "unit_price": 1.0, "invoice_time": "2024-03-01"}
    with pytest.raises((duckdb.Error, PackageError)):
        aggregate(replace(AGGREGATION, sql=sql), [line], datetime(2024, 3, 2))


def test_little_memory_is_enough(tmp_path: Path) -> None:
    """A million transactions are aggregated within 64 MB: what is more goes to a folder."""
    path = tmp_path / "big.parquet"
    with duckdb.connect() as connection:
        connection.sql(
            "SELECT i::VARCHAR AS invoice, 'A' AS stock_code, 'RED MUG ' || (i % 1000) AS"
            " description, 1::BIGINT AS quantity, TIMESTAMP '2024-01-01' AS invoice_time, 1.0 AS"
            " unit_price, (i % 5000)::VARCHAR AS customer_id, 'Spain' AS country"
            " FROM range(1000000) t(i)"
        ).write_parquet(str(path))
    result = aggregate_file(AGGREGATION, path, datetime(2024, 1, 1), memory_limit="64MB")
    assert len(result) == 5000
    assert {record["frequency"] for record in result} == {200.0}


def test_snapshots_know_nothing_later(sample_history: History) -> None:
    """Every 91 days back while 90 days lie before; who hadn't bought yet isn't there."""
    dates = [shot.as_of.date().isoformat() for shot in sample_history.snapshots]
    assert dates == ["2024-12-14", "2024-09-14", "2024-06-15", "2024-03-16"]
    latest, *earlier = (
        {record["customer_id"]: record for record in shot.records}
        for shot in sample_history.snapshots
    )
    for known_names in earlier:
        assert known_names.keys() < latest.keys()
        assert all(known_names[key]["monetary"] <= latest[key]["monetary"] for key in known_names)
        assert min(record["recency_days"] for record in known_names.values()) >= 0


def test_a_history_survives_its_file(sample_history: History, tmp_path: Path) -> None:
    """Features that the DVC stage wrote are the same records, with the report of their origin."""
    write_history(sample_history, RETAIL.schema, tmp_path / "features.parquet")
    result = history(tmp_path / "features.parquet")
    assert result.snapshots == sample_history.snapshots
    assert result.validation == sample_history.validation
    assert result.validation is not None
    assert result.validation.name == "retail.csv"
    write_history(sample_history, RETAIL.schema, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "features.parquet").read_bytes()


def test_raw_and_clean_transactions_make_the_same_history(sample_history: History) -> None:
    """The stage in between saves time and changes nothing."""
    result = history(SAMPLE)
    assert result.snapshots == sample_history.snapshots
    assert result.validation == sample_history.validation


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mug,kitchen\n", "must begin with the line keyword,category"),
        ("keyword,category\nmug\n", "row 1: must be a keyword and a category"),
        ("keyword,category\n", "has a header but no rows"),
        ("", "is empty"),
    ],
)
def test_a_bad_table_of_categories_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    """In one sentence with the row."""
    path = tmp_path / "categories.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=expected):
        read_categories(path)


def test_the_command_line_validates_and_makes_features(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two commands from raw lines to features, and a report in JSON whose counts add up."""
    clean, features, report = (tmp_path / n for n in ("c.parquet", "f.parquet", "r.json"))
    assert (
        prepare_transactions.main(["validate", str(SAMPLE), str(clean), "--report", str(report)])
        == 0
    )
    counts = json.loads(report.read_text())
    assert counts["rows_read"] == counts["rows_kept"] + sum(counts["dropped"].values())
    assert prepare_transactions.main(["features", str(clean), str(features)]) == 0
    assert "2024-12-14T16:37:00: 710 customers" in capsys.readouterr().out
    assert prepare_transactions.main(["features", str(tmp_path / "none.csv"), str(features)]) == 1
    assert "there is no such file" in capsys.readouterr().err


def test_own_categories_make_own_columns(tmp_path: Path) -> None:
    """Another table of categories gives other shares, and a study that has them."""
    table = tmp_path / "categories.csv"
    table.write_text("keyword,category\nmug,cups\nbird feeder,wildlife\n")
    study, source = read_source(RETAIL, str(SAMPLE), table)
    names = [column.name for column in study.schema.features if not column.defines]
    assert names == ["share_cups", "share_wildlife", "share_other"]
    for record in source.table.records:
        assert sum(record[name] for name in names) == pytest.approx(1)


@pytest.fixture(scope="module")
def real_table() -> Path:
    """The public data set."""
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("SEGMENTATION_REAL_DATA", default)) / "retail"
    path = folder / "online_retail_to_2011-08.parquet"
    if not path.is_file():
        pytest.skip("there is no retail/online_retail_to_2011-08.parquet under the real data")
    return path


@pytest.mark.real
def test_the_original_is_cleaned(real_table: Path, tmp_path: Path) -> None:
    """Counted independently: with pandas, on the public data set."""
    validation = validate(real_table, TRANSACTIONS, tmp_path / "clean.parquet")
    with duckdb.connect() as connection:
        frame = connection.execute("SELECT * FROM read_parquet($1)", [str(real_table)]).df()
    nobody = frame["CustomerID"].isna()
    cancelled = frame["InvoiceNo"].str.startswith("C") | (frame["Quantity"] <= 0)
    free = frame["UnitPrice"] <= 0
    remainder = frame[~(nobody | cancelled | free)]
    assert validation.dropped == {
        "missing_customer": nobody.sum(),
        "cancelled": (cancelled & ~nobody).sum(),
        "price_not_positive": (free & ~cancelled & ~nobody).sum(),
        "duplicate": remainder.duplicated().sum(),
        "unreadable": 0,
        "out_of_range": 0,
    }
    assert validation.customers == remainder["CustomerID"].nunique() == 3317
    assert validation.rows_kept == len(remainder.drop_duplicates())


@pytest.mark.usefixtures("s3")
def test_transactions_are_read_from_s3(tmp_path: Path) -> None:
    """``s3://`` gives what the file gives; an object that isn't there is said to be missing."""
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket="shop")
    client.upload_file(str(write_csv(tmp_path / "shop.csv", DIRTY)), "shop", "2024/shop.csv")
    validation = validate("s3://shop/2024/shop.csv", TRANSACTIONS, tmp_path / "clean.parquet")
    assert validation.name == "shop.csv"
    assert validation.dropped == DIRTY_COUNTS
    with pytest.raises(DataError, match="there is no such object"):
        validate("s3://shop/none.csv", TRANSACTIONS, tmp_path / "clean.parquet")
