"""Names in other people's tables: what they mean, what they may mean, and what is said of them."""

from __future__ import annotations

import io
import json
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from segmentation.artifact import read_package, write_package
from segmentation.batch import RecordFile, open_record_file, score
from segmentation.errors import InvalidRecordsError, TrainingError
from segmentation.runtime import Model
from segmentation.runtime.unknown_field_warnings import list_address
from segmentation.schema import Alias, Column, HeaderLookup, RecordValidator, Schema
from segmentation.schema.headers import find_clashes, fold_header
from segmentation.schema.unknown_fields import MOST_HINTS, MOST_NAMED, Hints
from segmentation.service.app import create_app
from segmentation.service.route_table import ROUTES
from segmentation.service.settings import Settings
from segmentation.studies import STUDIES
from segmentation.studies.mobile import MOBILE
from segmentation.study.check import check_study
from tests.support.records import COMPLETE
from tests.support.shipped import PACKAGES

LOOKUPS = {name: HeaderLookup(study.schema) for name, study in STUDIES.items()}
TRANSACTIONS = HeaderLookup(STUDIES["retail"].transactions.schema)  # type: ignore[union-attr]


def column_of(study: str, name: str) -> str | None:
    """Return the column that a name means in a study."""
    spelling = LOOKUPS[study].find(name)
    return spelling.column.name if spelling else None


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The shipped packages with the columns as the studies state them now."""
    folder = tmp_path_factory.mktemp("models")
    paths = {}
    for name, path in PACKAGES.items():
        package, study = read_package(path), STUDIES[name]
        facts: dict[str, Any] = {"record": study.schema}
        if package.manifest.aggregation and study.transactions:
            facts["aggregation"] = package.manifest.aggregation.model_copy(
                update={"transactions": study.transactions.schema}
            )
        paths[name] = folder / f"{name}.bin"
        write_package(
            paths[name], replace(package, manifest=package.manifest.model_copy(update=facts))
        )
    return paths


@pytest.fixture(scope="module")
def current_models(current: dict[str, Path]) -> dict[str, Model]:
    """Their models."""
    return {name: Model.load(path) for name, path in current.items()}


@pytest.fixture(scope="module")
def retail_client(current: dict[str, Path]) -> FlaskClient:
    """A client of a service over them."""
    folder = current["mobile"].parent
    return create_app(Settings(model_path=current["mobile"], models_dir=folder)).test_client()


# Folding


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("ONE OFF_PURCHASES", "oneoffpurchases"),
        ("\ufeffCustomer\u00a0ID", "customerid"),
        ("recencyDays", "recencydays"),
        (" Recency (days): ", "recencydays"),
        ("Größe", "grösse"),
        ("GRÖSSE", "grösse"),
        ("Fréquence", "fréquence"),
        ("Fre\u0301quence", "fréquence"),
        ("\uff21\uff27\uff25", "age"),
        ("\uff21\uff50\uff50\u3000\uff35\uff53\uff41\uff47\uff45", "appusage"),
        ("Kundennr.", "kundennr"),
        ("Возраст", "возраст"),
        ("年齢", "年齢"),
        ("m²", "m2"),
        ("zero\u200bwidth\u2060", "zerowidth"),
        ("", ""),
        ("€ - #", ""),
    ],
)
def test_a_name_is_folded_to_its_letters_and_digits(name: str, folded: str) -> None:
    """Case, blanks, signs, width and the form of accents go; accents stay."""
    assert fold_header(name) == folded


@given(st.text())
def test_folding_twice_changes_nothing(name: str) -> None:
    """And only letters and digits are left, whatever is sent."""
    folded = fold_header(name)
    assert fold_header(folded) == folded
    assert all(map(str.isalnum, folded))


NAMES = [
    (study, name) for study, lookup in LOOKUPS.items() for name in STUDIES[study].schema.spellings
]


@given(place=st.sampled_from(NAMES), data=st.data())
def test_a_known_name_is_known_in_every_disguise(
    place: tuple[str, str], data: st.DataObject
) -> None:
    """Whatever is put around and between its letters, in either case and width."""
    study, name = place
    wide = {code: chr(code + 0xFEE0) for code in range(0x21, 0x7F)}
    disguised = data.draw(
        st.sampled_from(
            [
                name.upper(),
                name.lower(),
                name.swapcase(),
                name.translate(wide),
                unicodedata.normalize("NFD", name),
                name.replace(" ", "").replace("_", ""),
                name.replace(" ", "\u00a0").replace("_", "-"),
                name.replace("(", "[").replace(")", "]"),
                f"\ufeff {name} : ",
            ]
        )
    )
    assert column_of(study, disguised) == STUDIES[study].schema.spellings[name].column.name


# What names mean


@pytest.mark.parametrize(
    ("study", "name", "column"),
    [
        ("retail", "CustomerID", "customer_id"),
        ("retail", "customer_no", "customer_id"),
        ("retail", "Recency", "recency_days"),
        ("retail", "RECENCY [DAYS]", "recency_days"),
        ("retail", "Frequency", "frequency"),
        ("retail", "n_orders", "frequency"),
        ("retail", "Monetary", "monetary"),
        ("retail", "MonetaryValue", "monetary"),
        ("retail", "Monetary (£)", "monetary"),
        ("retail", "AvgOrderValue", "average_transaction_value"),
        ("retail", "Number of orders", "frequency"),
        ("credit_card", "ONE OFF_PURCHASES", "oneoff_purchases"),
        ("credit_card", "installment_purchases", "installments_purchases"),
        ("credit_card", "CashAdvanceTrx", "cash_advance_trx"),
        ("credit_card", "Balance owed", "balance"),
        ("mobile", "App usage time", "app_usage_min_per_day"),
        ("mobile", "Screen-on time", "screen_on_hours_per_day"),
        ("mobile", "sex", "gender"),
        ("mobile", "Behaviour Class", "user_behavior_class"),
        ("household", "No..of.Brands", "brands"),
        ("household", "Pur.Vol.No.Promo....", "no_promotion_share"),
        ("household", "Br Cd 57 144", "brand_57_144_share"),
        ("household", "family size", "household_size"),
    ],
)
def test_usual_names_and_near_forms_are_accepted(study: str, name: str, column: str) -> None:
    """As people, spreadsheets, R and the pages write them."""
    assert column_of(study, name) == column


@pytest.mark.parametrize(
    ("study", "name"),
    [
        ("retail", "Recency (weeks)"),
        ("retail", "recency_score"),
        ("retail", "R"),
        ("retail", "log(Monetary)"),
        ("retail", "Monetary (k£)"),
        ("retail", "Frequency.1"),
        ("mobile", "Screen Time"),
        ("mobile", "Data Usage (GB/day)"),
        ("mobile", "App Usage (hours)"),
        ("credit_card", "PRC_FULL_PAYMENT (%)"),
        ("credit_card", "Balance Frequency ‰"),
        ("household", "maxBrCd %"),
        ("household", "Br. Cd. 57"),
        ("household", ""),
    ],
)
def test_another_unit_or_another_column_is_never_taken(study: str, name: str) -> None:
    """A hundredth, a score, a number of weeks: near in letters and not the same."""
    assert column_of(study, name) is None


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("InvoiceNo", "invoice"), ("Invoice", "invoice"), ("order_id", "invoice"),
        ("StockCode", "stock_code"), ("SKU", "stock_code"), ("Product Name", "description"),
        ("qty", "quantity"), ("QUANTITYORDERED", "quantity"), ("order_date", "invoice_time"),
        ("InvoiceDate", "invoice_time"), ("Price", "unit_price"), ("PRICEEACH", "unit_price"),
        ("Customer ID", "customer_id"), ("customer_no", "customer_id"), ("Country", "country"),
    ],
)  # fmt: skip
def test_transactions_are_known_by_usual_names_as_well(name: str, column: str) -> None:
    """Of exports of shops."""
    spelling = TRANSACTIONS.find(name)
    assert spelling is not None
    assert spelling.column.name == column


def test_a_name_in_another_unit_is_converted() -> None:
    """Near forms included; a hint to it names it in that unit."""
    schema = MOBILE.schema
    record = {"SCREEN ON TIME min/day": 90}
    assert RecordValidator(schema).validate([record]) == [{"screen_on_hours_per_day": 1.5}]
    assert LOOKUPS["mobile"].nearest("Screen On Time (mins/day)") == "Screen On Time (min/day)"


@pytest.mark.parametrize(
    ("study", "name", "nearest"),
    [
        ("retail", "Recencyy", "recency_days"),
        ("retail", "frequnecy", "frequency"),
        ("mobile", "gendr", "gender"),
        ("mobile", "Agee", "age"),
        ("credit_card", "PRC_FULL_PAYMENT (%)", "prc_full_payment"),
        ("credit_card", "MINIMUM_PAYMNTS", "minimum_payments"),
        ("household", "afluence_index", "affluence_index"),
        ("household", "Pr Cat 77", None),
        ("retail", "e-mail", None),
        ("retail", "first name", None),
        ("mobile", "mood", None),
        ("mobile", "colour", None),
        ("mobile", "x", None),
        ("mobile", "", None),
        ("mobile", "\U0001f600", None),
    ],
)
def test_the_nearest_name_is_a_hint_and_no_match(
    study: str, name: str, nearest: str | None
) -> None:
    """Only where it is really near, with the same digits."""
    assert column_of(study, name) is None
    assert LOOKUPS[study].nearest(name) == nearest


@given(st.text(max_size=300))
def test_any_text_can_be_looked_up(name: str) -> None:
    """A hint is always a name that is known."""
    lookup = LOOKUPS["credit_card"]
    nearest = lookup.nearest(name)
    assert nearest is None or lookup.find(nearest) is not None


# Two columns with one name


def a_column(name: str, **facts: Any) -> Column:
    """Return a feature."""
    return Column(
        name, **{"title": name, "kind": "number", "role": "feature", "description": ""} | facts
    )


def test_names_that_fold_to_the_same_for_two_columns_are_refused() -> None:
    """A study that has them can't be trained; a name that is nothing but signs, too."""
    first, *_, last = MOBILE.schema.columns
    used = replace(last, also_called=("number of apps installed!",))
    columns = (first, *MOBILE.schema.columns[1:-1], used)
    with pytest.raises(TrainingError, match=r"would mean apps_installed and user_behavior_class"):
        check_study(replace(MOBILE, schema=replace(MOBILE.schema, columns=columns)))
    empty = replace(last, also_called=("—",))
    with pytest.raises(TrainingError, match="has no letter or digit"):
        check_study(replace(MOBILE, schema=replace(MOBILE.schema, columns=(*columns[:-1], empty))))


def test_the_studies_have_no_such_names() -> None:
    """Of customers and of transactions."""
    for study in STUDIES.values():
        assert list(find_clashes(study.schema)) == []
        if study.transactions:
            assert list(find_clashes(study.transactions.schema)) == []


def test_a_form_of_two_columns_or_two_units_means_neither() -> None:
    """Where an older package has it; the names themselves are still told apart."""
    columns = (
        a_column("a_b"), a_column("ab"),
        a_column("kg", aliases=(Alias("k.g.", "g", 1000),)),
    )  # fmt: skip
    lookup = HeaderLookup(Schema(columns))
    assert lookup.find("A B") is None
    assert lookup.find("K G") is None
    for name in ("a_b", "ab", "kg", "k.g."):
        assert lookup.find(name) is not None


# Records in JSON


def about(answer: Any, code: str) -> list[Any]:
    """Return the warnings of a code."""
    return [warning for warning in answer["warnings"] if warning["code"] == code]


def test_the_usual_rfm_table_is_read_whole(current_models: dict[str, Model]) -> None:
    """In JSON and as a file, and it is the same as under the project's names."""
    model = current_models["retail"]
    (expected,) = model.predict(
        [{"customer_id": 1, "recency_days": 300, "frequency": 6, "monetary": 2400}]
    )
    (answer,) = model.predict([{"CustomerID": 1, "Recency": 300, "Frequency": 6, "Monetary": 2400}])
    assert answer == expected
    file, (row,) = scored(model, b"CustomerID,Recency,Frequency,Monetary\n1,300,6,2400\n")
    assert row.answer == expected
    assert file.ignored == []
    assert file.warnings == []


def test_what_a_table_takes_json_takes(current_models: dict[str, Model]) -> None:
    """Near headers, a coded gender, blanks and the class: the same answer, the same doubts."""
    model = current_models["mobile"]
    header = ["app usage time", "Screen-on time", "NUMBER_OF_APPS_INSTALLED", "battery drain",
              "Data usage", "Sex", "Age", "User Behavior Class"]  # fmt: skip
    values = [352, 6.9, 71, 2033, 1267, 1, "", 4]
    (answer,) = model.predict([dict(zip(header, values, strict=True))])
    content = f"{','.join(header)}\n{','.join(map(str, values))}\n".encode()
    _, (row,) = scored(model, content)
    target = about(answer, "target_field")
    assert [(item["field"], item["message"]) for item in target] == [
        ("User Behavior Class", "is what the model answers and was not read")
    ]
    assert row.answer is not None
    assert [warning for warning in answer["warnings"] if warning not in target] == row.answer[
        "warnings"
    ]
    assert [item_value["code"] for item_value in row.answer["warnings"]] == ["unknown_category"]
    assert answer | {"warnings": []} == row.answer | {"warnings": []}


def test_an_unknown_field_is_said_with_the_nearest_and_where_the_list_is(
    client: FlaskClient,
) -> None:
    """The record is answered; its value is not repeated."""
    plain = client.post("/predict", json=COMPLETE).json
    answer = client.post("/predict", json=COMPLETE | {"agee": 4242, "mood": {"deep": [4242]}}).json
    first, second = about(answer, "unknown_field")
    assert (first["field"], second["field"]) == ("agee", "mood")
    assert "did you mean age?" in first["message"]
    assert "did you mean" not in second["message"]
    assert "/studies/mobile/schema" in first["message"]
    assert client.get("/studies/mobile/schema").status_code == 200
    assert "4242" not in json.dumps(answer)
    assert answer | {"warnings": []} == plain | {"warnings": []}


def test_the_list_of_fields_is_a_route() -> None:
    """Of the default study as well."""
    paths = {path for route in ROUTES for path in route.paths()}
    assert list_address("<study>") in paths
    assert list_address(None) in paths


def test_a_missing_defining_field_beside_unknown_ones_is_said(client: FlaskClient) -> None:
    """By its name, with what was not known and what that may mean; without them it isn't."""
    path = "/studies/retail/predict"
    record = {"frequency": 6, "monetary": 2400, "average_transaction_value": 400}
    (doubt,) = about(client.post(path, json=record | {"Recencyy": 300}).json, "missing_field")
    assert doubt["field"] is None
    assert doubt["message"].startswith(
        "lacks recency_days, which defines the segments; not known: Recencyy (did you mean"
        " recency_days?); "
    )
    assert not about(client.post(path, json=record).json, "missing_field")
    assert not about(client.post(path, json=record | {"recency_days": None, "x": 1}).json,
                     "missing_field")  # fmt: skip
    assert not about(client.post(path, json=record | {"recency_days": 3, "x": 1}).json,
                     "missing_field")  # fmt: skip


def test_what_follows_from_other_fields_is_not_missing(client: FlaskClient) -> None:
    """The largest brand's share is that of the brands."""
    record = {
        "brands": 3, "brand_runs": 9, "transactions": 12, "value": 800, "average_price": 10,
        "no_promotion_share": 0.9, "promotion_6_share": 0.1, "other_promotion_share": 0,
        "Br. Cd. 55": 0.6, "nonsense": 1,
    }  # fmt: skip
    path = "/studies/household/predict"
    assert not about(client.post(path, json=record).json, "missing_field")
    del record["Br. Cd. 55"]
    (doubt,) = about(client.post(path, json=record).json, "missing_field")
    assert "largest_brand_share" in doubt["message"]


def test_an_array_has_each_records_own_warnings(client: FlaskClient) -> None:
    """Whichever of its chunks a record is in, and others have none."""
    records = [dict(COMPLETE) for _ in range(600)]
    records[0] |= {"mood": 1}
    records[599] |= {"agee": 1}
    answers = client.post("/predict", json=records).json["predictions"]
    fields = {
        row: [warning["field"] for warning in answer["warnings"]]
        for row, answer in enumerate(answers)
        if answer["warnings"]
    }
    assert fields == {0: ["mood"], 599: ["agee"]}
    explained = client.post("/explain", json=COMPLETE | {"mood": 1}).json
    assert [item["field"] for item in explained["warnings"]] == ["mood"]


def test_a_thousand_unknown_fields_are_few_warnings(client: FlaskClient) -> None:
    """The first ones by name, of which none is long, and the number of the others."""
    record = COMPLETE | {f"unknown field {number}": number for number in range(1000)}
    answer = client.post("/predict", json=record).json
    warnings = about(answer, "unknown_field")
    assert len(warnings) == MOST_NAMED + 1
    assert "990 more fields" in warnings[-1]["message"]
    long = client.post("/predict", json=COMPLETE | {"x" * 10_000: 1})
    assert len(long.data) < 2_000


def test_hints_are_not_worked_out_without_end() -> None:
    """A hostile request gets a hundred; what was asked before is remembered."""
    hints = Hints(LOOKUPS["mobile"])
    described = [
        hints.describe([f"gendr{'x' * (number % 2)}", f"q{number}z"]) for number in range(200)
    ]
    assert hints.exhausted
    assert described[0].named[0].nearest == "gender"
    assert described[199].named[1].nearest is None
    assert len(hints._nearest) == MOST_HINTS
    assert Hints(LOOKUPS["mobile"]).describe(["gendr"]).named[0].nearest == "gender"


@pytest.mark.parametrize("record", [{"gendr": "x", "App Useage": 3}, {"": 1}, {"x" * 200: 1}])
def test_a_record_without_a_known_field_is_one_problem(
    client: FlaskClient, record: dict[str, Any]
) -> None:
    """It names what is needed, what was not known and what that may mean."""
    response = client.post("/predict", json=[COMPLETE, record])
    assert response.status_code == 422
    (error,) = response.json["errors"]
    assert (error["pointer"], error["code"]) == ("/1", "unknown_field")
    assert error["detail"].startswith("needs at least one of: app_usage_min_per_day, ")
    assert "/studies/mobile/schema" in error["detail"]
    assert len(error["detail"]) < 500
    if "gendr" in record:
        assert "gendr (did you mean gender?)" in error["detail"]


def test_known_fields_without_an_answer_name_the_unknown_ones(client: FlaskClient) -> None:
    """They may be where the answers are."""
    (error,) = client.post("/predict", json={"age": 3, "apps_instaled": 4}).json["errors"]
    assert error["code"] == "no_answers"
    assert "apps_instaled (did you mean apps_installed?)" in error["detail"]


def test_two_names_of_one_column_must_agree() -> None:
    """Near ones as exact ones."""
    validator = RecordValidator(MOBILE.schema)
    assert validator.validate([{"Apps": 3, "APPS_INSTALLED": 3}]) == [{"apps_installed": 3}]
    with pytest.raises(InvalidRecordsError) as caught:
        validator.validate([{"Apps": 3, "APPS_INSTALLED": 4}])
    (problem,) = caught.value.problems
    assert (problem.field, problem.code) == ("APPS_INSTALLED", "disagreement")


PARTS = st.sampled_from(["age", "AGE", "Age ", "apps", "apps_installed", "agee", "", "é", "class"])
VALUES = st.none() | st.integers(-5, 200) | st.sampled_from(["", " ", "x"])


@given(st.lists(st.dictionaries(PARTS, VALUES), max_size=5))
def test_every_field_is_read_said_or_refused(records: list[dict[str, Any]]) -> None:
    """Nothing is dropped without a word."""
    validator = RecordValidator(MOBILE.schema)
    try:
        checked = validator.validate(records)
    except InvalidRecordsError:
        return
    lookup = LOOKUPS["mobile"]
    for row, record in enumerate(records):
        unknown = checked.unknown.get(row)
        n_said = len(unknown.named) + (unknown.target is not None) if unknown else 0
        n_read = sum(
            spelling is not None and spelling.column.role != "target"
            for spelling in map(lookup.find, record)
        )
        assert n_said + n_read == len(record) or (unknown and unknown.target is not None)


# Files


def scored(model: Model, content: bytes) -> tuple[RecordFile, list[Any]]:
    """Return a file and its rows."""
    with open_record_file(io.BytesIO(content), model.manifest.record) as file:
        return file, [row for rows in score(model, file) for row in rows]


def test_a_file_that_lacks_a_defining_column_beside_unknown_ones_says_so(
    retail_client: FlaskClient,
) -> None:
    """With every answer, in a header and in what is said of the file as a whole."""
    path = "/studies/retail/predict/file"
    body = b"Customer No;Recencyy;frequency;Monetary;ATV\r\n7;300;6;2400;400\r\n"
    response = retail_client.post(path, data=body, content_type="text/csv")
    assert response.headers["X-Missing-Columns"] == "recency_days"
    assert response.headers["X-Ignored-Columns"] == "Recencyy"
    assert ";missing_field;" in response.text.splitlines()[1]
    preview = retail_client.post(f"{path}/preview", data=body, content_type="text/csv").json
    assert preview["missing_defining"] == ["recency_days"]
    (warning,) = preview["warnings"]
    assert "Recencyy (did you mean recency_days?)" in warning["message"]
    assert [column["nearest"] for column in preview["columns"]] == [
        None,
        "recency_days",
        None,
        None,
        None,
    ]
    lines = retail_client.post(
        path, data=body, content_type="text/csv", headers={"Accept": "application/x-ndjson"}
    )
    first, second, _ = map(json.loads, lines.data.splitlines())
    assert first["warnings"] == [warning]
    assert second["rows"][0]["warnings"][0] == warning


def test_a_file_without_unknown_columns_has_no_such_warning(retail_client: FlaskClient) -> None:
    """Who leaves a column out knows it; so does who maps one to nothing."""
    path = "/studies/retail/predict/file"
    response = retail_client.post(
        path, data=b"frequency,monetary\n6,2400\n", content_type="text/csv"
    )
    assert "missing_field" not in response.text
    assert response.headers["X-Missing-Columns"] == "recency_days"  # the average follows
    body = b"frequency,monetary,Recencyy\n6,2400,4\n"
    mapped = retail_client.post(f"{path}?map=Recencyy:", data=body, content_type="text/csv")
    assert "missing_field" not in mapped.text
    body = b"recency_days,frequency,monetary,average_transaction_value,name\n1,6,2400,400,x\n"
    complete = retail_client.post(path, data=body, content_type="text/csv")
    assert "missing_field" not in complete.text
    assert complete.headers["X-Missing-Columns"] == ""


ORDERS = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


@pytest.mark.parametrize(
    ("study", "header", "advice"),
    [
        ("mobile", ORDERS, "transactions of the study retail"),
        ("credit_card", "Recency,Frequency,Monetary", "study retail: send them to /studies/retail"),
        ("retail", "BALANCE,ONEOFF_PURCHASES,CASH_ADVANCE,TENURE", "of the study credit_card"),
        ("retail", "App usage time,Data usage,Age", "of the study mobile"),
        ("mobile", "Recencyy,Nothing", ""),
        ("mobile", "gendr,Nothing", "column 1 may be gender"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("route_value", ["", "/preview"])
def test_a_file_without_a_column_that_the_model_reads_is_one_problem(
    retail_client: FlaskClient, study: str, header: str, advice: str, route_value: str
) -> None:
    """However long it is; it says where the columns belong, and repeats none of them."""
    n_cells = header.count(",")
    body = (header + "\n" + ("4242" + ",4242" * n_cells + "\n") * 5000).encode()
    response = retail_client.post(
        f"/studies/{study}/predict/file{route_value}", data=body, content_type="text/csv"
    )
    content = response.json
    assert response.status_code == (200 if route_value else 422)
    problem = content["problem"] if route_value else content["detail"]
    assert problem.startswith("No column of the file ")
    assert advice in problem
    assert "4242" not in problem
    assert "Nothing" not in problem
    if not route_value:
        assert len(response.data) < 1500


def test_columns_of_another_study_are_recognised_where_some_are_read(
    retail_client: FlaskClient,
) -> None:
    """A phone survey has an age and a gender as the household panel has, and is no panel."""
    body = b"App usage time,Data usage,Battery drain,Age\n300,500,900,3\n"
    response = retail_client.post(
        "/studies/household/predict/file/preview", data=body, content_type="text/csv"
    )
    (warning,) = response.json["warnings"]
    assert "These are columns of the study mobile" in warning["message"]


def test_the_spelling_itself_goes_before_near_and_usual_names(
    current_models: dict[str, Model],
) -> None:
    """A file with all of them is read; two that are only near can't be told apart."""
    model = current_models["retail"]
    file, _ = scored(model, b"REVENUE,Monetary,monetary,MONETARY VALUE\n1,2,3,4\n")
    assert file.table.fields == [None, None, "monetary", None]
    file, _ = scored(model, b"Revenue,Monetary Value\n1,2\n")
    assert file.table.fields == [None, "monetary"]
    with pytest.raises(Exception, match="2 columns are read as monetary"):
        scored(model, b"Revenue,Turnover\n1,2\n")


def test_columns_that_answers_added_are_not_unknown(current_models: dict[str, Model]) -> None:
    """A scored file may be scored again without a word about them."""
    names = (
        "segment,segment_name,confidence,runner_up,plausible,unsure,basis,warnings,reasons,problem"
    )
    model = current_models["mobile"]
    file, _ = scored(model, f"apps_installed,{names}\n64{',x' * 10}\n".encode())
    assert file.warnings == []
    file, _ = scored(model, b"apps_installed,segment\n64,x\n")
    assert len(file.warnings) == 1
