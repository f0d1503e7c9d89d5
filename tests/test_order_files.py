"""Files of orders: lines of a shop in, one row for each customer out, by the rules of training."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import zipfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import duckdb
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.aggregation import aggregate_file
from segmentation.batch import open_any_file, order_customers, write
from segmentation.batch.any_file import score
from segmentation.batch.order_file import OrderFile
from segmentation.datasets.transactions import validate
from segmentation.errors import DataError, FileError
from segmentation.runtime import Model
from segmentation.schema import Schema
from segmentation.service.app import create_app
from segmentation.tables.open_table import TableOptions
from segmentation.tables.typed_table import TypedTable
from tests.support.shipped import PACKAGES, ROOT, SHIPPED
from tests.support.shop import AGGREGATION, GOOD, HEADER, SAMPLE, TRANSACTIONS, changed
from tests.support.workbooks import make_workbook

MODEL = Model.load(PACKAGES["retail"])
PATH = "/studies/retail/predict/file"
LINES = "application/x-ndjson"
FEATURES = ("recency_days", "frequency", "monetary", "average_transaction_value")


def table_of(
    rows: Sequence[Sequence[object]], header: Sequence[str] = HEADER, separator: str = ","
) -> bytes:
    """Write a CSV file of orders."""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator).writerows([header, *rows])
    return file.getvalue().encode()


# Two orders of customer 7, one of 008, and lines that training leaves out.
ORDERS = [
    changed(),  # 2 at 1.50 on 1 March
    changed(),  # a duplicate
    changed(invoice="C1", quantity="-2"),
    changed(invoice="2", invoice_time="2024-03-05 09:30:00", quantity="4", unit_price="2.25"),
    changed(invoice="3", customer_id="008", invoice_time="2024-03-03 23:59:00", unit_price="10"),
    changed(customer_id=""),
    changed(invoice="4", unit_price="0"),
    changed(invoice="5", quantity="many"),
    changed(invoice="6", quantity="1000001"),
]
# Recency counts days, not hours: 3 March, 23:59, is two days before the 5th.
CUSTOMERS = [("7", 0.0, 2.0, 12.0, 6.0), ("008", 2.0, 1.0, 20.0, 20.0)]
LEFT_OUT = {
    "duplicate": (1, [3]), "cancelled": (1, [4]), "missing_customer": (1, [7]),
    "price_not_positive": (1, [8]), "unreadable": (1, [9]), "out_of_range": (1, [10]),
}  # fmt: skip


def post(client: FlaskClient, body: bytes, query: str = "", accept: str = "text/csv") -> Any:
    """Send a file of orders."""
    headers = {"Accept": accept}
    return client.post(
        PATH + query, data=body, content_type="text/csv", headers=headers, buffered=True
    )


def read_rows(response: Any, separator: str = ",") -> list[dict[str, str]]:
    """Return the rows of an answer."""
    assert response.status_code == 200, response.text
    text = io.StringIO(response.data.decode("utf-8-sig"), newline="")
    return list(csv.DictReader(text, delimiter=separator))


def list_customers(rows: Sequence[dict[str, str]]) -> list[tuple[Any, ...]]:
    """Return customers with their features."""
    return [(row["customer_id"], *(float(row[name]) for name in FEATURES)) for row in rows]


def detail(response: Any, status: int) -> str:
    """Return why something was refused."""
    assert response.status_code == status, response.text
    text: str = response.json["detail"]
    return text


def test_lines_become_customers_by_hand(client: FlaskClient) -> None:
    """One row for each, in the order in which they appear, with what JSON answers to the same."""
    response = post(client, table_of(ORDERS))
    rows = read_rows(response)
    assert list_customers(rows) == CUSTOMERS
    for row in rows:
        features = {name: float(row[name]) for name in row if name in FEATURES or "share_" in name}
        record = features | {"country": row["country"]}
        answer: Any = client.post("/studies/retail/predict", json=record).json
        assert row["segment"] == answer["segment"]["id"]
        assert float(row["confidence"]) == answer["confidence"]
        assert row["plausible"] == "|".join(answer["plausible"])
        assert (row["country"], row["problem"]) == ("Ireland", "")
    assert response.headers["X-As-Of"] == "2024-03-05T09:30:00"
    assert response.headers["X-Order-Lines"] == "9"
    assert dict(item.split("=") for item in response.headers["X-Left-Out"].split(",")) == {
        reason: str(count) for reason, (count, _) in LEFT_OUT.items()
    }


def test_json_lines_say_what_became_of_the_lines(client: FlaskClient) -> None:
    """In the first line and in the summary: counts by reason, and where the first of them stand."""
    response = post(client, table_of(ORDERS), accept=LINES)
    first, *further, last = map(json.loads, response.data.splitlines())
    orders = first["orders"]
    counted = {
        item["reason"]: (item["n_lines"], item["first_lines"]) for item in orders["left_out"]
    }
    assert counted == LEFT_OUT
    assert last["summary"]["left_out"] == orders["left_out"]
    assert last["summary"]["n_rows"] == first["n_rows"] == orders["n_customers"] == 2
    assert (orders["n_lines"], orders["n_kept"], orders["as_of_given"]) == (9, 3, False)
    assert (orders["first"], orders["last"]) == ("2024-03-01T10:00:00", "2024-03-05T09:30:00")
    rows = [row for line in further for row in line["rows"]]
    assert [(row["line"], row["cells"][0]) for row in rows] == [(2, "7"), (6, "008")]
    text = "".join(line["csv"] for line in (first, *further))
    assert text.encode() == post(client, table_of(ORDERS)).data


def test_a_reason_names_few_lines_however_many_there_are(client: FlaskClient) -> None:
    """An answer is not longer than its file because of bad lines."""
    body = table_of([GOOD, *(changed(invoice=f"C{n}") for n in range(5_000))])
    response = post(client, body, accept=LINES)
    (left_out,) = json.loads(response.data.splitlines()[0])["orders"]["left_out"]
    assert (left_out["n_lines"], left_out["first_lines"]) == (5_000, [3, 4, 5, 6, 7])
    assert len(response.data) < 10_000


@pytest.mark.parametrize(
    ("as_of", "recency", "left_out"),
    [
        ("2024-03-05T09:30", 0.0, 0),
        ("2024-03-15", 10.0, 0),
        ("2024-03-05", 4.0, 1),  # a date is its beginning: the order of that day is later
    ],
)
def test_recency_is_relative_to_as_of(
    client: FlaskClient, as_of: str, recency: float, left_out: int
) -> None:
    """Later lines are left out and counted, as JSON has it; the answer says which time it was."""
    response = post(client, table_of(ORDERS), f"?as_of={as_of}")
    assert float(read_rows(response)[0]["recency_days"]) == recency
    assert response.headers["X-As-Of"] == datetime.fromisoformat(as_of).isoformat()
    assert ("later=1" in response.headers["X-Left-Out"]) == bool(left_out)


@pytest.mark.parametrize("as_of", ["yesterday", "2024-13-01", "2024-03-05T09:30:00+01:00", ""])
def test_an_as_of_that_is_no_local_time_is_a_400(client: FlaskClient, as_of: str) -> None:
    """It is not guessed."""
    response = client.post(
        PATH, data=table_of(ORDERS), content_type="text/csv", query_string={"as_of": as_of}
    )
    assert detail(response, 400).startswith("as_of must be a date")


def test_as_of_is_refused_where_rows_are_customers(client: FlaskClient) -> None:
    """Their recency is in the file already; nothing is ignored silently."""
    body = b"recency_days,frequency,monetary\n3,4,500\n"
    assert "as_of is about orders" in detail(post(client, body, "?as_of=2024-01-01"), 422)


def test_a_lone_date_decides_nothing(client: FlaskClient) -> None:
    """One customer in more than a thousand, dated years before, is left out, as in training."""
    rows = [changed(invoice=f"{n}", customer_id=f"C{n}") for n in range(1_100)]
    body = table_of([*rows, changed(customer_id="9", invoice_time="2015-01-01")])
    response = post(client, body, accept=LINES)
    orders = json.loads(response.data.splitlines()[0])["orders"]
    assert (orders["n_alone"], orders["n_customers"]) == (1, 1_100)
    assert orders["left_out"][0]["first_lines"] == [1_102]


def write_german() -> bytes:
    """Return the orders with decimal commas, semicolons and dates with points."""
    swapped = [
        [*row[:4], f"{row[4][8:10]}.{row[4][5:7]}.{row[4][:4]}{row[4][10:]}",
         row[5].replace(".", ","), *row[6:]]
        for row in ORDERS
    ]  # fmt: skip
    return table_of(swapped, separator=";")


def zip_up(body: bytes) -> bytes:
    """Return a zip archive with one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("orders.csv", body)
    return file.getvalue()


def write_parquet() -> bytes:
    """Return the orders as Parquet, all cells as text."""
    with TemporaryDirectory() as place, duckdb.connect() as connection:
        source, target = Path(place) / "orders.csv", Path(place) / "orders.parquet"
        source.write_bytes(table_of(ORDERS))
        connection.execute(
            f"COPY (FROM read_csv('{source}', all_varchar = true)) TO '{target}' (FORMAT parquet)"
        )
        return target.read_bytes()


@pytest.mark.parametrize(
    ("body", "query"),
    [
        (table_of(ORDERS, separator="\t"), ""),
        (b"sep=|\n" + table_of(ORDERS, separator="|"), ""),
        (b"Orders of March\n\n" + table_of(ORDERS), ""),
        (table_of(ORDERS).decode().encode("utf-16"), ""),
        (table_of(ORDERS).decode().encode("cp1250"), "?encoding=cp1250"),
        (write_parquet(), ""),
        (gzip.compress(table_of(ORDERS)), ""),
        (zip_up(table_of(ORDERS)), ""),
        (make_workbook({"Orders": [HEADER, *ORDERS]}), ""),
        (make_workbook({"May": [HEADER, ORDERS[4]], "March": [HEADER, *ORDERS]}), "?sheet=March"),
        (table_of(ORDERS, [*HEADER[:6], "Buyer", "Country"]), "?map=Buyer:customer_id"),
        (table_of(ORDERS, ["order id", "sku", "item", "qty", "order date", "item price",
                           "customer no", "country"]), ""),
        (table_of([[*row, "x"] for row in ORDERS], [*HEADER, "Channel"]), ""),
    ],
    ids=["tabs", "bars", "title", "utf-16", "encoding", "parquet", "gzip", "zip", "xlsx", "sheet",
         "map", "usual names", "unknown column"],
)  # fmt: skip
def test_orders_are_read_in_every_form_that_tables_have(
    client: FlaskClient, body: bytes, query: str
) -> None:
    """The customers are the same whatever a shop has saved its orders as."""
    separator = (
        "\t" if body.startswith(b"InvoiceNo\t") else "|" if body.startswith(b"sep=") else ","
    )
    assert list_customers(read_rows(post(client, body, query), separator)) == CUSTOMERS


def test_the_answer_has_the_files_own_decimal_mark(client: FlaskClient) -> None:
    """A spreadsheet that writes commas reads them back."""
    rows = read_rows(post(client, write_german()), ";")
    assert [row["customer_id"] for row in rows] == ["7", "008"]
    assert rows[0]["confidence"][1] == ","
    points = [{name: cell.replace(",", ".") for name, cell in row.items()} for row in rows]
    assert list_customers(points) == CUSTOMERS


def test_dates_whose_order_is_not_proved_are_refused_or_asked_for(client: FlaskClient) -> None:
    """In the words of training, by the route and by the preview; the caller's order is taken."""
    body = table_of([changed(invoice_time="05/06/2011"), changed(invoice_time="07/08/2011")])
    reason = detail(post(client, body), 422)
    with pytest.raises(DataError) as refusal:
        validate_bytes(body)
    assert reason in str(refusal.value)
    preview: Any = client.post(f"{PATH}/preview", data=body, content_type="text/csv").json
    assert preview["problem"] == reason
    response = post(client, body, "?dates=month-first")
    assert response.headers["X-As-Of"] == "2011-07-08T00:00:00"
    assert read_rows(response)[0]["recency_days"] == "0"


def validate_bytes(body: bytes) -> Any:
    """Check a file of orders as training does."""
    with TemporaryDirectory() as place:
        source = Path(place) / "orders.csv"
        source.write_bytes(body)
        return validate(source, TRANSACTIONS, Path(place) / "clean.parquet")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([changed(customer_id="1.265E+09")], "has rounded"),
        ([GOOD[:5]], "line 2: has 5 cells, the header has 8"),
        ([changed(invoice="C9")], "1 cancelled"),
        ([changed(customer_id="NA"), changed(invoice="C1")], "1 without a customer"),
    ],
)
def test_a_file_whose_orders_mean_nothing_is_a_422(
    client: FlaskClient, rows: list[list[str]], reason: str
) -> None:
    """Cells in wrong columns and rounded identifiers as in training; a file with no order left."""
    assert reason in detail(post(client, table_of(rows)), 422)


def test_a_missing_column_is_named_in_the_words_of_training(client: FlaskClient) -> None:
    """With the unknown one that may stand for it; the preview says the same."""
    header = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "Cost",
              "CustomerID", "Country"]  # fmt: skip
    body = table_of([GOOD], header)
    reason = detail(post(client, body), 422)
    assert "missing column 'UnitPrice'" in reason
    preview: Any = client.post(f"{PATH}/preview", data=body, content_type="text/csv").json
    assert (preview["problem"], preview["missing"]) == (reason, ["unit_price"])


def test_columns_with_unusual_names_are_mapped_one_after_the_other(client: FlaskClient) -> None:
    """The first that only orders have makes the file one of orders; what lacks yet is said."""
    body = table_of([GOOD], [f"Feld {n}" for n in range(8)])
    fields = ["invoice", "stock_code", "description", "quantity", "invoice_time", "unit_price",
              "customer_id", "country"]  # fmt: skip
    mappings = [f"map=Feld {n}:{field}" for n, field in enumerate(fields)]
    query = f"?{mappings[0]}"
    preview: Any = client.post(f"{PATH}/preview{query}", data=body, content_type="text/csv").json
    assert preview["of_orders"]
    assert "missing column 'Quantity'" in preview["problem"]
    rows = read_rows(post(client, body, f"?{'&'.join(mappings)}"))
    assert list_customers(rows) == [("7", 0.0, 1.0, 3.0, 3.0)]


def test_rows_of_customers_stay_rows_of_customers(client: FlaskClient) -> None:
    """Also beside a date: what the model reads decides."""
    body = b"customer_id,recency_days,frequency,monetary,order_date\n7,3,4,500,2024-01-01\n"
    response = post(client, body)
    assert "X-As-Of" not in response.headers
    assert read_rows(response)[0]["order_date"] == "2024-01-01"


def test_a_preview_says_how_many_lines_become_how_many_customers(client: FlaskClient) -> None:
    """Of the first lines; its columns are those of the file, for correcting them."""
    preview: Any = client.post(
        f"{PATH}/preview", data=table_of(ORDERS), content_type="text/csv"
    ).json
    assert preview["problem"] is None
    assert (preview["n_rows"], preview["missing"]) == (9, [])
    orders = preview["orders"]
    assert (orders["n_lines"], orders["n_kept"], orders["n_customers"]) == (9, 3, 2)
    assert preview["tried"] == {"n_rows": 2, "n_refused": 0, "reasons": []}
    assert [column["field"] for column in preview["columns"]][:2] == ["invoice", "stock_code"]
    assert preview["rows"][0]["cells"] == GOOD


def test_a_preview_of_lines_of_nobody_refuses_nothing(client: FlaskClient) -> None:
    """A sorted export begins with lines without a customer, and is good further down."""
    rows = [changed(invoice=f"{n}", customer_id="") for n in range(3_000)]
    body = table_of([*rows, GOOD])
    preview: Any = client.post(f"{PATH}/preview", data=body, content_type="text/csv").json
    assert (preview["problem"], preview["orders"]) == (None, None)
    (reason,) = preview["tried"]["reasons"]
    assert reason["message"].startswith("is left out: without a customer")
    assert len(read_rows(post(client, body))) == 1


CELLS = {
    "invoice": ["1", "2", "C3", "c4", "Card", ""],
    "stock_code": ["A1", "B2", ""],
    "description": ["RED MUG", "CHRISTMAS CANDLE", ""],
    "quantity": ["1", "2", "3", "0", "-1", "1000001", "x", "1.5", ""],
    "invoice_time": ["2024-03-01 10:00:00", "2024-02-01", "1970-01-01", "2030-01-01", "soon", ""],
    "unit_price": ["1.5", "2.255", "0", "-3.5", "0.0001", "free", ""],
    "customer_id": ["7", "007", "x" * 300, "NA", "17.0", ""],
    "country": ["Ireland", "France", ""],
}


@settings(max_examples=40)
@given(st.lists(st.fixed_dictionaries({n: st.sampled_from(c) for n, c in CELLS.items()}),
                min_size=1, max_size=25))  # fmt: skip
def test_any_orders_have_the_counts_and_features_of_training(rows: list[dict[str, str]]) -> None:
    """What training drops is left out, for the same first reason, and nothing else."""
    check_against_training(table_of([list(row.values()) for row in rows]))


def check_against_training(body: bytes) -> None:
    """Compare a file of orders with what training makes of it, bit by bit."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "orders").write_bytes(body)
        compare_with_training(folder / "orders", folder)


def compare_with_training(source: Path, folder: Path) -> None:
    """Compare the customers of a file of orders with those that training makes of it."""
    clean = folder / "clean.parquet"
    try:
        validation = validate(source, TRANSACTIONS, clean)
    except DataError:
        with source.open("rb") as stream, pytest.raises(FileError):  # noqa: SIM117
            with open_any_file(stream, MODEL.manifest):
                pass
        return
    reference = datetime.fromisoformat(validation.last)
    expected = {row["customer_id"]: row for row in aggregate_file(AGGREGATION, clean, reference)}
    with source.open("rb") as stream, open_any_file(stream, MODEL.manifest) as file:
        assert isinstance(file, OrderFile)
        assert file.orders is not None
        actual = [features for chunk in file.customers(100) for _, features in chunk]
        counts = {item["reason"]: item["n_lines"] for item in file.orders["left_out"]}
        assert file.orders["as_of"] == validation.last
        assert file.orders["n_lines"] == validation.rows_read
        assert file.orders["n_alone"] == validation.lone_rows
    assert counts == {reason: count for reason, count in validation.dropped.items() if count}
    assert {row["customer_id"]: row for row in actual} == expected
    assert len(actual) == len(expected) == validation.customers


def test_the_sample_has_the_counts_and_features_of_training(tmp_path: Path) -> None:
    """All customers, bit by bit."""
    compare_with_training(SAMPLE, tmp_path)


@pytest.mark.real
def test_the_original_has_the_counts_and_features_of_training(tmp_path: Path) -> None:
    """All customers of the public data, bit by bit."""
    folder = Path(os.environ.get("SEGMENTATION_REAL_DATA", ROOT.parent / "shared/data"))
    source = folder / "retail" / "online_retail_to_2011-08.parquet"
    if not source.is_file():
        pytest.skip(f"{source} is not there")
    compare_with_training(source, tmp_path)


def test_long_files_are_answered_in_pieces() -> None:
    """No answer waits for all; the options of tables are taken by those who call without HTTP."""
    rows = [changed(invoice=f"{n}", customer_id=f"{n}") for n in range(600)]
    stream = io.BytesIO(table_of(rows))
    with open_any_file(stream, MODEL.manifest, TableOptions()) as file:
        pieces = list(write(file, score(MODEL, file)))
    assert len(pieces) > 3  # the header, and rows
    assert b"".join(pieces).count(b"\r\n") == 601


def test_other_studies_send_orders_to_where_they_are_read() -> None:
    """By the name of the route that takes the file."""
    client = create_app(SHIPPED).test_client()
    response = client.post("/predict/file", data=table_of(ORDERS), content_type="text/csv")
    assert "send them as a file to /studies/retail/predict/file" in detail(response, 422)


def test_what_a_package_says_reaches_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before its first word, the names of its columns, whatever the rules for names let through."""
    copied = tmp_path / "copied"

    def create_tables(connection: duckdb.DuckDBPyConnection, _: Schema) -> None:
        connection.execute(f"COPY (SELECT 1) TO '{copied}'")

    monkeypatch.setattr(order_customers, "create_tables", create_tables)
    packed = MODEL.manifest.aggregation
    assert packed
    customers = order_customers.gather_customers(cast(TypedTable, None), packed, "customer_id")
    with pytest.raises(duckdb.PermissionException), customers:
        pytest.fail("the file was written")
    assert not copied.exists()
