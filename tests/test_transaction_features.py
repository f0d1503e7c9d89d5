"""Customers by their transactions: the features of training, or the exact reason why not."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from flask.testing import FlaskClient

from segmentation.datasets.transactions import validate
from segmentation.runtime import Model
from segmentation.runtime.transactions import MOST_REFERENCES, MOST_TRANSACTIONS
from segmentation.schema import Record
from segmentation.studies.retail import TRANSACTION
from tests.support.problems import problem
from tests.support.shipped import PACKAGES, ROOT
from tests.support.shop import TRANSACTIONS

MODEL = Model.load(PACKAGES["retail"])
PACKED = MODEL.manifest.aggregation
REFERENCE = PACKED.reference if PACKED else ""

MUG = {
    "invoice": "400001",
    "description": "RED MUG",
    "quantity": 3,
    "invoice_time": "2024-06-01 10:00:00",
    "unit_price": 1.5,
    "customer_id": "7",
    "country": "Ireland",
}
"""A made-up line: three mugs, 4.50 in all."""
LANTERN = MUG | {
    "invoice": "400002",
    "description": "CANDLE LANTERN",
    "quantity": 1,
    "invoice_time": "2024-06-11 09:00:00",
    "unit_price": 13.5,
}


def bought(*lines: dict[str, Any], **beside: object) -> dict[str, Any]:
    """Return a record made of transactions."""
    return {"transactions": list(lines), **beside}


def ask(client: FlaskClient, record: object) -> Any:
    """POST to retail."""
    return client.post("/studies/retail/predict", json=record)


def errors(client: FlaskClient, record: object) -> list[tuple[str, str]]:
    """Return pointer and code of everything that is wrong with a request."""
    content = problem(ask(client, record), 422)
    return [(error["pointer"], error["code"]) for error in content["errors"]]


def left_out(answer: dict[str, Any]) -> list[str]:
    """Return what an answer says of transactions that were left out."""
    warnings = (warning for warning in answer["warnings"] if warning["code"] == "left_out")
    return [warning["message"] for warning in warnings if warning["field"] == "transactions"]


def test_two_orders_are_counted_by_hand() -> None:
    """Ten days before the reference, 4.50 and 13.50; dates count, hours don't."""
    (record,) = MODEL.check([bought(MUG, LANTERN, as_of="2024-06-21T00:00:00")])
    assert record["recency_days"] == 10
    assert record["frequency"] == 2
    assert record["monetary"] == 18
    assert record["average_transaction_value"] == 9
    shares = {name: value for name, value in record.items() if name.startswith("share_") and value}
    assert shares == {"share_kitchen": 0.25, "share_lighting": 0.75}
    assert (record["customer_id"], record["country"]) == ("7", "Ireland")


def test_a_cancelled_invoice_is_no_purchase(client: FlaskClient) -> None:
    """As in training; where nothing else was bought there is no customer."""
    cancelled = LANTERN | {"invoice": "C400003"}
    (record,) = MODEL.check([bought(MUG, cancelled, as_of="2024-06-21T00:00:00")])
    assert (record["frequency"], record["monetary"]) == (1, 4.5)
    content = problem(ask(client, bought(cancelled)), 422)
    assert "hold no purchase that counts: 1 of 1 cancelled" in content["errors"][0]["detail"]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Record]]:
    """The sample's clean transactions by customer, as JSON has them."""
    path = tmp_path_factory.mktemp("clean") / "clean.parquet"
    validate(ROOT / "data" / "retail.csv", TRANSACTIONS, path)
    names = list(TRANSACTION.by_name)
    with duckdb.connect() as connection:
        rows = connection.read_parquet(str(path)).select(*names).fetchall()
    result: dict[str, list[Record]] = defaultdict(list)
    for row in rows:
        line = dict(zip(names, row, strict=True))
        result[line["customer_id"]].append(line | {"invoice_time": str(line["invoice_time"])})
    return result


def test_a_customers_transactions_give_the_features_of_training(
    lines: dict[str, list[Record]], samples: dict[str, list[Record]]
) -> None:
    """For every customer of the sample, all in one request: names, numbers and country."""
    expected = {str(item["customer_id"]): item for item in samples["retail"]}
    assert expected.keys() == lines.keys()
    records = MODEL.check([bought(*lines[customer]) for customer in expected])
    for record, (customer, trained) in zip(records, expected.items(), strict=True):
        assert str(record["customer_id"]) == customer
        for name, value in trained.items():
            if name != "customer_id":
                assert record[name] == (
                    pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
                )


def test_transactions_and_their_features_are_answered_alike(
    client: FlaskClient, lines: dict[str, list[Record]]
) -> None:
    """The answer is about the same customer, and explained alike."""
    for customer in list(lines)[:20]:
        payload = bought(*lines[customer], explain=True)
        (features,) = MODEL.check([bought(*lines[customer])])
        assert ask(client, payload).json == ask(client, features | {"explain": True}).json


def test_an_array_of_customers_is_answered_in_its_order(client: FlaskClient) -> None:
    """Each as if it were alone, also beside records of features and other references."""
    records = [
        bought(MUG | {"customer_id": f"A{number}", "quantity": number + 1})
        | ({"as_of": f"2024-0{7 + number % 3}-01"} if number % 2 else {})
        for number in range(20)
    ]
    records.insert(5, {"customer_id": "features", "recency_days": 3, "frequency": 2})
    together = ask(client, records).json["predictions"]
    alone = [ask(client, record).json for record in records]
    assert [item_value["id"] for item_value in together][3:7] == ["A3", "A4", "features", "A5"]
    for item, second in zip(together, alone, strict=True):
        assert item == {name: value for name, value in second.items() if name != "model"}


def test_the_same_customer_may_come_twice(client: FlaskClient) -> None:
    """As of two dates or one, each record is a customer of its own."""
    records = [bought(MUG), bought(MUG, LANTERN), bought(LANTERN)]
    result = MODEL.check(records)
    assert [item["frequency"] for item in result] == [1, 2, 1]
    assert [item_value["monetary"] for item_value in result] == [4.5, 18, 13.5]


@pytest.mark.parametrize("spelling", ["InvoiceDate", "invoicedate"])
def test_the_shops_own_headers_are_taken(client: FlaskClient, spelling: str) -> None:
    """Those of the original's table, as they are or in lower case."""
    spelled = {
        "InvoiceNo": 400001,
        "StockCode": "85123A",
        "Description": "RED MUG",
        "Quantity": 3,
        "InvoiceDate": "2024-06-01 10:00:00",
        "UnitPrice": 1.5,
        "CustomerID": 7,
        "Country": "Ireland",
    }
    line = {
        name if spelling == "InvoiceDate" else name.lower(): value
        for name, value in spelled.items()
    }
    assert MODEL.check([bought(line)]) == MODEL.check([bought(MUG | {"customer_id": 7})])
    renamed = {"Invoice": 400001, "Price": 1.5, "Customer ID": 7}
    line = {
        name: value
        for name, value in (spelled | renamed).items()
        if name not in ("InvoiceNo", "UnitPrice", "CustomerID")
    }
    assert ask(client, bought(line)).json == ask(client, bought(MUG | {"customer_id": 7})).json


def test_a_customer_may_go_without_a_name_or_under_another(client: FlaskClient) -> None:
    """An own key beside the transactions is the one that is returned."""
    nameless = {name: value for name, value in MUG.items() if name != "customer_id"}
    assert ask(client, bought(nameless)).json["id"] is None
    assert ask(client, bought(nameless, customer_id=12)).json["id"] == 12
    assert ask(client, bought(MUG)).json["id"] == "7"
    assert ask(client, bought(MUG | {"customer_id": 7})).json["id"] == 7
    for name in ("customer_id", "Customer ID", "customer_id"):
        assert ask(client, bought(MUG, **{name: "own key"})).json["id"] == "own key"


def test_a_customers_name_may_hold_anything() -> None:
    """Spaces and digits included: it is text."""
    for name in ("12 monkeys", " 7", "7 ", "é", "'; DROP TABLE transactions"):
        (record,) = MODEL.check([bought(MUG | {"customer_id": name})])
        assert record["customer_id"] == name


def test_recency_is_relative_to_the_models_own_reference(client: FlaskClient) -> None:
    """The latest time in its training data, not the clock; or to the time that is sent."""
    days = (datetime.fromisoformat(REFERENCE).date() - datetime(2024, 6, 1).date()).days
    (record,) = MODEL.check([bought(MUG)])
    assert record["recency_days"] == days
    for as_of, expected in (("2024-06-01T10:00:00", 0), ("2024-06-02", 1), (None, days)):
        (record,) = MODEL.check([bought(MUG, as_of=as_of)])
        assert record["recency_days"] == expected
    late = ask(client, bought(MUG, as_of="2026-06-01")).json
    early = ask(client, bought(MUG, as_of="2024-06-01 10:00:00")).json
    assert late["segment"]["id"] == "lapsed_small_baskets"
    assert early["segment"]["id"] == "active_small_baskets"


def test_a_purchase_after_the_models_reference_asks_for_as_of(client: FlaskClient) -> None:
    """With a pointer to what was sent; with it, what is later still is left out and said."""
    late = [MUG, MUG, LANTERN, MUG | {"invoice_time": "2025-01-01"}]
    assert errors(client, bought(*late)) == [("/transactions/3/invoice_time", "range")]
    assert errors(client, [bought(MUG), bought(*late)]) == [
        ("/1/transactions/3/invoice_time", "range")
    ]
    (error,) = problem(ask(client, bought(*late)), 422)["errors"]
    assert REFERENCE in error["detail"]
    assert "send as_of" in error["detail"]
    spelled = {name: value for name, value in late[3].items() if name != "invoice_time"}
    spelled["InvoiceDate"] = "2025-01-01"
    assert errors(client, bought(spelled)) == [("/transactions/0/InvoiceDate", "range")]
    answer = ask(client, bought(MUG, LANTERN, as_of="2024-06-05")).json
    assert left_out(answer) == ["1 of 2 was left out, as in training: later than as_of"]
    answer["warnings"] = [w for w in answer["warnings"] if w["code"] != "left_out"]
    assert answer == ask(client, bought(MUG, as_of="2024-06-05")).json
    assert errors(client, bought(MUG, as_of="2024-05-31")) == [("/transactions", "customers")]


@pytest.mark.parametrize(
    "as_of", ["2023", "yesterday", "", 20240601, [], {}, True, "2024-06-01T00:00:00Z", "2024-02-31"]
)
def test_a_reference_that_is_no_time_is_refused(client: FlaskClient, as_of: object) -> None:
    """A time zone included: shops record local time."""
    assert errors(client, bought(MUG, as_of=as_of)) == [("/as_of", "type")]


def test_two_customers_in_one_record_are_refused(client: FlaskClient) -> None:
    """An answer is about one of them."""
    second = MUG | {"customer_id": "8"}
    assert errors(client, bought(MUG, second)) == [("/transactions", "customers")]
    assert errors(client, [bought(MUG), bought(MUG, second)]) == [("/1/transactions", "customers")]


@pytest.mark.parametrize("name", ["recency_days", "Recency (days)", "recency_(days)", "share_toys"])
def test_features_beside_transactions_are_refused(client: FlaskClient, name: str) -> None:
    """They follow from them; the pointer is the name that was sent. Missing ones don't matter."""
    assert errors(client, bought(MUG, **{name: 0.5})) == [
        (f"/{name.replace('/', '~1')}", "disagreement")
    ]
    assert ask(client, bought(MUG, **{name: None})).status_code == 200


def test_the_country_may_come_from_either(client: FlaskClient) -> None:
    """But not from both."""
    nowhere = MUG | {"country": None}
    assert ask(client, bought(nowhere, country="Ireland")).status_code == 200
    assert ask(client, bought(nowhere)).status_code == 200
    assert errors(client, bought(MUG, country="Ireland")) == [("/country", "disagreement")]


@pytest.mark.parametrize("payload_value", [None, {}, "transactions", 5, True, []])
def test_what_is_no_list_of_transactions_is_refused(
    client: FlaskClient, payload_value: object
) -> None:
    """An empty one, too: a customer has bought something."""
    assert errors(client, {"transactions": payload_value}) == [("/transactions", "type")]
    assert errors(client, [{"transactions": payload_value, "frequency": 1}]) == [
        ("/0/transactions", "type")
    ]


def test_more_transactions_than_allowed_are_refused(client: FlaskClient) -> None:
    """As many as that are taken."""
    assert ask(client, bought(*[MUG] * MOST_TRANSACTIONS)).status_code == 200
    assert errors(client, bought(*[MUG] * (MOST_TRANSACTIONS + 1))) == [("/transactions", "type")]


def test_more_references_than_allowed_are_refused(client: FlaskClient) -> None:
    """Each takes a query; a hostile sender must not keep a worker busy for minutes."""
    records = [bought(MUG, as_of=f"2024-07-01T00:{n // 60:02}:{n % 60:02}") for n in range(105)]
    assert ask(client, records[:MOST_REFERENCES] * 2).status_code == 200
    assert errors(client, records) == [(f"/{row}/as_of", "number") for row in range(100, 105)]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("quantity", 1.5, "type"),
        ("quantity", "six", "type"),
        ("unit_price", "4.2", "type"),
        ("invoice_time", "2024-02-31", "type"),
        ("invoice_time", "2024-06-01T10:00:00Z", "type"),
        ("invoice_time", 20240601, "type"),
        ("customer_id", [], "type"),
    ],
)
def test_what_is_wrong_with_one_transaction_is_pointed_at(
    client: FlaskClient, name: str, value: object, code: str
) -> None:
    """By its place and the field's name."""
    record = bought(MUG, MUG | {name: value})
    assert errors(client, record) == [(f"/transactions/1/{name}", code)]
    assert errors(client, [bought(MUG), record]) == [(f"/1/transactions/1/{name}", code)]


@pytest.mark.parametrize("line", [None, 5, "mug", [], [MUG]])
def test_a_transaction_is_an_object(client: FlaskClient, line: Any) -> None:
    """The pointer ends at it."""
    assert errors(client, bought(MUG, line)) == [("/transactions/1", "type")]


def test_every_record_with_a_problem_is_named_in_order(client: FlaskClient) -> None:
    """Whichever kind it is of; none is answered."""
    records = [
        bought(MUG, as_of="never"),
        bought(MUG),
        bought(MUG | {"quantity": "0"}),
        bought(MUG, MUG | {"customer_id": 8}, as_of="2024-07-01"),
        bought(MUG, frequency=2, as_of="2024-08-01"),
    ]
    assert errors(client, records) == [
        ("/0/as_of", "type"),
        ("/2/transactions/0/quantity", "type"),
        ("/3/transactions", "customers"),
        ("/4/frequency", "disagreement"),
    ]


@pytest.mark.parametrize("study", ["mobile", "household", "credit_card"])
def test_other_studies_know_no_transactions(client: FlaskClient, study: str) -> None:
    """They are an unknown field there, or a number."""
    response = client.post(f"/studies/{study}/predict", json=bought(MUG))
    (error,) = problem(response, 422)["errors"]
    assert error["pointer"] == ("/transactions" if study == "household" else "")
    assert error["code"] == ("type" if study == "household" else "unknown_field")


def test_an_unknown_field_of_a_transaction_is_said(client: FlaskClient) -> None:
    """Once for each name, however many transactions have it; the others are read."""
    plain = ask(client, bought(MUG, MUG)).json
    answer = ask(client, bought(MUG | {"colour": "red"}, MUG | {"colour": 4, "Qantity": 3})).json
    about = [warning for warning in answer["warnings"] if warning["code"] == "unknown_field"]
    assert [item["field"] for item in about] == ["colour", "Qantity"]
    assert "did you mean quantity?" in about[1]["message"]
    assert answer["segment"] == plain["segment"]
    assert [item_value for item_value in answer["warnings"] if item_value not in about] == plain[
        "warnings"
    ]


@pytest.mark.parametrize("name", ["invoice", "quantity", "invoice_time", "unit_price"])
@pytest.mark.parametrize("value", [None, "", " ", "NA", "null", "-", "#N/A"])
def test_a_line_without_a_value_that_is_needed_is_left_out(
    client: FlaskClient, name: str, value: object
) -> None:
    """As training leaves it out; the others count, and the answer says so."""
    answer = ask(client, bought(MUG, LANTERN, MUG | {name: value}, as_of="2024-07-01")).json
    plain = ask(client, bought(MUG, LANTERN, as_of="2024-07-01")).json
    (warning,) = (item for item in answer["warnings"] if item["code"] == "left_out")
    assert warning == {
        "field": "transactions",
        "code": "left_out",
        "message": "1 of 3 was left out, as in training: without a value that is needed",
        "reason": "unreadable",
        "count": 1,
        "total": 3,
    }
    assert answer["probabilities"] == plain["probabilities"]


@pytest.mark.parametrize("name", ["invoice", "quantity", "invoice_time", "unit_price"])
def test_a_column_that_no_transaction_has_is_asked_for(client: FlaskClient, name: str) -> None:
    """It has another name, or the export lacks it: nothing would be left."""
    lines = [{key: value for key, value in MUG.items() if key != name}] * 3
    assert errors(client, bought(*lines)) == [(f"/transactions/0/{name}", "missing")]
    assert errors(client, [bought(MUG), bought(*lines)]) == [
        (f"/1/transactions/0/{name}", "missing")
    ]
    assert errors(client, bought(MUG | {name: "NA"})) == [(f"/transactions/0/{name}", "missing")]


def test_a_line_without_a_customer_is_left_out_beside_others(client: FlaskClient) -> None:
    """Where none names one they are all the record's own."""
    nameless = LANTERN | {"customer_id": None}
    answer = ask(client, bought(MUG, nameless, as_of="2024-07-01")).json
    assert left_out(answer) == [
        "1 of 2 was left out, as in training: without a customer, beside others that name one"
    ]
    (record,) = MODEL.check([bought(nameless, nameless | {"invoice": "9"}, as_of="2024-07-01")])
    assert record["frequency"] == 2


def test_a_long_description_is_read_to_its_end(client: FlaskClient) -> None:
    """Marketplaces write whole sentences; only a text beyond all measure is left out."""
    words = "x" * 500 + " lantern"
    (record,) = MODEL.check([bought(MUG | {"description": words}, as_of="2024-07-01")])
    assert record["share_lighting"] == 1
    answer = ask(client, bought(MUG, MUG | {"description": "x" * 2_000})).json
    assert left_out(answer) == [
        "1 of 2 was left out, as in training: not within the limits of its values"
    ]


@pytest.mark.parametrize("time", ["2204-01-01", "9999-12-31T23:59:59", "1900-01-01", "0001-01-01"])
def test_an_impossible_time_is_left_out_without_as_of(client: FlaskClient, time: str) -> None:
    """It is no reason to ask for as_of, as it would be left out with it."""
    answer = ask(client, bought(MUG, MUG | {"invoice_time": time})).json
    assert left_out(answer) == [
        "1 of 2 was left out, as in training: not within the limits of its values"
    ]


@pytest.mark.parametrize("as_of", ["9999-12-31", "2204-01-01", "1900-01-01", "0001-01-01"])
def test_an_impossible_reference_is_pointed_at(client: FlaskClient, as_of: str) -> None:
    """Rather than what would be made of it."""
    assert errors(client, bought(MUG, as_of=as_of)) == [("/as_of", "range")]
    assert errors(client, [bought(MUG), bought(MUG, as_of=as_of)]) == [("/1/as_of", "range")]


def test_an_impossible_amount_is_pointed_at_where_it_was_sent(client: FlaskClient) -> None:
    """A million pieces at a million each are more than a customer can spend."""
    large = MUG | {"quantity": 1_000_000, "unit_price": 1_000_000}
    faults = problem(ask(client, bought(large)), 422)["errors"]
    assert [(fault["pointer"], fault["code"]) for fault in faults] == [
        ("/transactions", "range")
    ] * 2
    limit = "that can't be: it must be a number from 0 to 1000000000 (units of money)"
    assert {fault["detail"] for fault in faults} == {
        f"lead to {name} {limit}" for name in ("monetary", "average_transaction_value")
    }


def test_a_needed_field_that_is_missing_beside_an_unknown_one_names_it(
    client: FlaskClient,
) -> None:
    """By its place, with what it is called where it was taken for unknown."""
    line = {("Qantity" if name == "quantity" else name): value for name, value in MUG.items()}
    (error,) = problem(ask(client, bought(MUG, line)), 422)["errors"]
    assert (error["pointer"], error["code"]) == ("/transactions/1/quantity", "missing")
    assert error["detail"] == "is needed; not known: Qantity (did you mean quantity?)"


def test_lines_of_orders_sent_as_a_customer_are_recognised(client: FlaskClient) -> None:
    """One problem, which says where they belong."""
    (error,) = problem(ask(client, MUG), 422)["errors"]
    assert error["pointer"] == ""
    assert "These are columns of transactions of the study retail" in error["detail"]


def test_values_of_transactions_are_never_repeated(client: FlaskClient) -> None:
    """Nor are those that senders spell unlike any field."""
    secret = dict.fromkeys(TRANSACTION.by_name, "Zaphod" * 20)
    late = MUG | {"customer_id": "Zaphod", "invoice_time": "2025-03-03"}
    for payload in (
        bought(secret, as_of="Zaphod"),
        bought(secret),
        bought(MUG, late),
        bought(MUG, MUG | {"customer_id": "Zaphod"}),
        bought(MUG | {"customer_id": "Zaphod", "quantity": 1_000_000, "unit_price": 424_242}),
        bought(MUG, frequency="Zaphod"),
    ):
        content = problem(ask(client, payload), 422)
        text = json.dumps([content["errors"], content["detail"]])
        assert "Zaphod" not in text
        assert "4242" not in text
        assert "2025-03-03" not in text


def test_the_sql_of_a_package_can_read_no_file(tmp_path: Path) -> None:
    """A package may be someone else's: its statement sees the transactions and nothing else."""
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    assert PACKED is not None
    sql = f"SELECT a AS frequency, $reference FROM '{secret}'"  # noqa: S608  # that's the point
    packed = MODEL.manifest.model_copy(
        update={"aggregation": PACKED.model_copy(update={"sql": sql})}
    )
    model = Model.load(PACKAGES["retail"])
    model._transactions = type(model._transactions)(packed)
    with pytest.raises(duckdb.PermissionException, match="disabled"):
        model.check([bought(MUG)])
