"""The one reader of tables: what a file holds, whatever it is written in, or why it is refused."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.errors import FileError
from segmentation.schema import Column, Schema
from segmentation.tables.dates import DateOrder
from segmentation.tables.open_table import TableOptions
from segmentation.tables.typed_table import TypedTable, open_typed_table
from segmentation.tables.unpacking import UnpackingLimits
from tests.support.workbooks import make_workbook

SCHEMA = Schema(
    (
        Column("customer", "Customer", "identifier", "identifier", "Who."),
        Column("day", "Day", "time", "feature", "When."),
        Column("amount", "Amount", "number", "feature", "How much.", unit="units of money"),
        Column("share", "Share", "number", "feature", "Of all.", minimum=0, maximum=1),
        Column("rate", "Rate", "number", "feature", "Rate.", unit="% of all"),
        Column("visits", "Visits", "integer", "feature", "How often.", unit="visits"),
        Column("shop", "Shop", "category", "context", "Where."),
    )
)
HEADER = ["Customer", "Day", "Amount", "Visits", "Shop"]
ROWS: list[list[Any]] = [
    [17, datetime(2011, 5, 6, 8, 26), 1265.5, 3, "Köln"],
    [18, datetime(2011, 12, 25, 0, 0), 0.25, 12, "Lyon"],
    ["A7", None, None, None, None],
]
VALUES = {
    "customer": [17, 18, "A7"],
    "day": ["2011-05-06T08:26:00", "2011-12-25T00:00:00", None],
    "amount": [1265.5, 0.25, None],
    "visits": [3.0, 12.0, None],
    "shop": ["Köln", "Lyon", None],
}


def read(content: bytes, **options: Any) -> dict[str, list[Any]]:
    """Return the values of a file by field."""
    values: dict[str, list[Any]] = {}
    with open_typed_table(io.BytesIO(content), SCHEMA, TableOptions(**options)) as table:
        for chunk in table.chunks():
            for field, cells in chunk.values.items():
                values.setdefault(field, []).extend(cells)
    return values


def read_column(name: str, cells: Sequence[str], separator: str = ";") -> list[tuple[Any, str]]:
    """Return the value of each cell of a column and the code of its fault, if it has one."""
    header = [name, "Shop", "Rate" if name == "Visits" else "Visits"]
    content = write_csv([header, *([cell, "x", "1"] for cell in cells)], separator)
    with open_typed_table(io.BytesIO(content.encode()), SCHEMA) as table:
        return [pair for chunk in table.chunks() for pair in _pairs(chunk, table)]


def _pairs(chunk: Any, table: TypedTable) -> list[tuple[Any, str]]:
    codes = {position: faults[0][1].code for position, faults in chunk.faults.items()}
    cells = chunk.values[table.columns[0].field]
    return [(cell, codes.get(position, "")) for position, cell in enumerate(cells)]


def write_csv(rows: Sequence[Sequence[Any]], separator: str = ",") -> str:
    """Return CSV; None is an empty cell."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue()


def refusal(content: bytes, **options: Any) -> str:
    """Return why a file is refused."""
    with pytest.raises(FileError) as caught:
        read(content, **options)
    return str(caught.value)


def make_zip(members: dict[str, bytes]) -> bytes:
    """Return an archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return content.getvalue()


AMERICAN = write_csv(
    [
        HEADER,
        ["17", "5/6/2011 8:26", "1,265.50", "3", "Köln"],
        ["18", "12/25/2011 0:00", "0.25", "12", "Lyon"],
        ["A7", "", "", "", ""],
    ]
)
GERMAN = write_csv(
    [
        HEADER,
        ["17", "06.05.2011 08:26", "1.265,50 €", "3", "Köln"],
        ["18", "25.12.2011", "0,25", "12", "Lyon"],
        ["A7", "-", "k.A.", "NA", "n/a"],
    ],
    ";",
).replace("k.A.", "?")
ISO = write_csv(
    [
        HEADER,
        ["17", "2011-05-06T08:26:00Z", "1265.5", "3", "Köln"],
        ["18", "2011-12-25", ".25", "12.0", "Lyon"],
        ["A7", "NaT", "NaN", "NULL", "None"],
    ]
)
EXPORT = 'sep=;\r\n"Report of May";;;;\r\n\r\n' + GERMAN + ";;;;\r\n" + GERMAN.splitlines()[0]


@pytest.mark.parametrize(
    "content",
    [
        *(text.encode() for text in (AMERICAN, GERMAN, ISO, EXPORT)),
        GERMAN.encode("cp1252"),
        GERMAN.encode("utf-16"),
        GERMAN.encode("utf-16-le"),
        GERMAN.encode("utf-32"),
        ("\ufeff" + ISO).encode(),
        ISO.replace("\r\n", "\r").encode(),
        ISO.replace(",", "|").encode(),
        ISO.replace(",", "\t").encode("utf-16"),
        gzip.compress(GERMAN.encode("cp1252")),
        make_zip({"a/": b"", "a/table.csv": AMERICAN.encode(), "__MACOSX/._table.csv": b"x"}),
        make_workbook({"Data": [HEADER, *ROWS]}),
        make_workbook({"Notes": [["Read me"]], "Data": [["Report"], [], HEADER, *ROWS, [None]]}),
        make_zip({"book.bin": ISO.encode("utf-16")}),
    ],
    ids=range(17),
)
def test_one_table_is_read_alike_in_every_form(content: bytes) -> None:
    """Separators, encodings, marks, orders of dates, titles, blanks, archives and workbooks."""
    assert read(content) == VALUES


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    """Decimals, whole numbers with gaps as floats, times with and without a zone."""
    path = tmp_path / "table.parquet"
    duckdb.sql(
        "SELECT * FROM (VALUES ('17', TIMESTAMP '2011-05-06 08:26:00', 1265.5::DECIMAL(9, 2),"
        " 3.0::DOUBLE, 'Köln'), ('18', '2011-12-25', 0.25, 12, 'Lyon'), ('A7', NULL, NULL, NULL,"
        ' NULL)) AS t("Customer", "Day", "Amount", "Visits", "Shop")'
    ).write_parquet(str(path))
    assert read(path.read_bytes()) == VALUES
    with path.open("rb") as file, open_typed_table(file, SCHEMA) as table:
        assert (table.n_rows, table.layout.kind) == (3, "parquet")


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,265.00", "12", "7.5"], [1265.0, 12.0, 7.5]),
        (["1.265,00", "12", "7,5"], [1265.0, 12.0, 7.5]),
        (["1 265,00", "1\u00a0265,5", "1\u202f265"], [1265.0, 1265.5, 1265.0]),
        (["1'265.00", "1\u2019265"], [1265.0, 1265.0]),
        (["12,34,567.5", "1,00,000"], [1234567.5, 100000.0]),
        (["1.265", "0,5"], [1265.0, 0.5]),
        (["1,265", "0.5"], [1265.0, 0.5]),
        (["1.265.000", "1.265"], [1265000.0, 1265.0]),
        (["1,265,000", "1,265"], [1265000.0, 1265.0]),
        (["$1,265.50", "$ 3", "-$2.5", "($4.50)"], [1265.5, 3.0, -2.5, -4.5]),
        (["1.265,50 €", "3 €", "12,5-"], [1265.5, 3.0, -12.5]),
        (["\u22124,5", "+3"], [-4.5, 3.0]),
        (["1E+05", "2.5e-3"], [100000.0, 0.0025]),
        (["4.5", "NA", "-", "?", "#N/A", "null"], [4.5, None, None, None, None, None]),
    ],
)
def test_numbers_are_read_by_what_their_column_proves(
    cells: list[str], values: list[float | None]
) -> None:
    """Marks of decimals and of thousands, signs of currencies, words for what is missing."""
    assert read_column("Amount", cells) == [(value, "") for value in values]


@pytest.mark.parametrize(
    ("cells", "separator", "codes"),
    [
        (["1.265", "7"], ";", ["ambiguous", ""]),
        (["1,265", "7"], ",", ["ambiguous", ""]),
        (["1,265", "4.5", "4,5"], ";", ["ambiguous", "", ""]),
        (["1.265", "7"], ",", ["", ""]),
    ],
)
def test_a_number_that_is_two_is_refused(
    cells: list[str], separator: str, codes: list[str]
) -> None:
    """Unless commas separate cells and it has only a point."""
    assert [code for _, code in read_column("Amount", cells, separator)] == codes


def test_another_column_proves_the_mark_where_a_column_does_not() -> None:
    """A file is written by one program."""
    rows = [["Amount", "Share"], ["1.265", "0,5"], ["2.500", "0,25"]]
    assert read(write_csv(rows, ";").encode())["amount"] == [1265.0, 2500.0]


@pytest.mark.parametrize("text", ["1.2.3", "1,2,3", "12,3456,789", "1..5", "5 000 00", "--5", "1e"])
def test_what_is_no_number_stays_text(text: str) -> None:
    """The schema refuses it, in its own words."""
    assert read_column("Amount", ["4.5", text])[1] == (text, "")


def test_a_per_cent_is_a_hundredth_where_the_column_is_a_share() -> None:
    """And itself where the column is in per cent; elsewhere it is no number."""
    assert [value for value, _ in read_column("Share", ["85 %", "5,5%", "0,25"])] == [
        0.85, 0.055, 0.25
    ]  # fmt: skip
    assert [value for value, _ in read_column("Rate", ["85 %", "7"])] == [85.0, 7.0]
    assert [value for value, _ in read_column("Amount", ["85 %", "7"])] == ["85 %", 7.0]
    assert [value for value, _ in read_column("Visits", ["$ 3", "7"])] == ["$ 3", 7.0]


CONVENTIONS = {
    "American": (",", "."),
    "German": (".", ","),
    "French": ("\u202f", ","),
    "Swiss": ("\u2019", "."),
    "plain": ("", "."),
    "plain comma": ("", ","),
}


@given(
    numbers=st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=30),
    convention=st.sampled_from(list(CONVENTIONS)),
)
def test_any_amounts_in_one_convention_are_read_back(numbers: list[int], convention: str) -> None:
    """With two decimals each, as programs for shops write them."""
    thousands, decimal = CONVENTIONS[convention]
    marks = str.maketrans({",": thousands, ".": decimal})
    cells = [f"{number / 100:,.2f}".translate(marks) for number in numbers]
    assert read_column("Amount", cells) == [(float(f"{n / 100:.2f}"), "") for n in numbers]


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["05/06/2011", "25/06/2011"], ["2011-06-05", "2011-06-25"]),
        (["05/06/2011", "06/25/2011"], ["2011-05-06", "2011-06-25"]),
        (["12/1/10", "12/25/10"], ["2010-12-01", "2010-12-25"]),
        (["01-Dec-2010", "2-jan-11"], ["2010-12-01", "2011-01-02"]),
        (["01.12.2010", "1.2.11"], ["2010-12-01", "2011-02-01"]),
        (["Dec 1, 2010", "1 December 2010"], ["2010-12-01", "2010-12-01"]),
        (["2010/12/1", "20101202"], ["2010-12-01", "2010-12-02"]),
        (["31-12-99", "01-02-98"], ["1999-12-31", "1998-02-01"]),
    ],
)
def test_dates_are_read_in_the_order_that_their_column_proves(
    cells: list[str], days: list[str]
) -> None:
    """Day or month first, years of two digits, names of months."""
    assert read_column("Day", cells) == [(f"{day}T00:00:00", "") for day in days]


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("12/25/2010 8:26 AM", "08:26:00"),
        ("12/25/2010 8:26:30 pm", "20:26:30"),
        ("12/25/2010 12:00 AM", "00:00:00"),
        ("12/25/2010 12:00 p.m.", "12:00:00"),
        ("12/25/10 8 PM", "20:00:00"),
        ("2010-12-25T08:26:00+01:00", "08:26:00"),
        ("2010-12-25 08:26:00 UTC", "08:26:00"),
        ("2010-12-25 08:26:00.000", "08:26:00"),
        ("25.12.2010, 08:26", "08:26:00"),
    ],
)
def test_a_clock_is_read_as_it_stands(cell: str, time: str) -> None:
    """A zone is left out: shops record local time."""
    assert read_column("Day", [cell]) == [(f"2010-12-25T{time}", "")]


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ("40537.35", "serial number"),
        ("1291191960", "since 1970"),
        ("1291191960000", "since 1970"),
        ("31/02/2011", "not a date"),
        ("25/12/2010 13:00 PM", "not a date"),
        ("yesterday", "not a date"),
    ],
)
def test_what_is_no_date_is_refused_by_its_form(cell: str, form: str) -> None:
    """Without the cell itself."""
    content = write_csv([["Day"], ["25/12/2010"], [cell]])
    with open_typed_table(io.BytesIO(content.encode()), SCHEMA) as table:
        ((_, fault),) = next(table.chunks()).faults[1]
    assert form in fault.message
    assert cell not in fault.message


def test_dates_that_prove_no_order_are_asked_for() -> None:
    """And read as the caller says; a caller who is wrong is told the line."""
    content = write_csv([["Day"], ["05/06/2011"], ["07/08/2011"]]).encode()
    assert "'Day' holds dates that are day-first or month-first" in refusal(content)
    assert read(content, dates=DateOrder.DAY_FIRST)["day"][0] == "2011-06-05T00:00:00"
    assert read(content, dates=DateOrder.MONTH_FIRST)["day"][0] == "2011-05-06T00:00:00"
    proved = write_csv([["Day"], ["05/06/2011"], ["25/08/2011"]]).encode()
    assert "line 3 has the day first" in refusal(proved, dates=DateOrder.MONTH_FIRST)


def test_dates_of_two_orders_are_refused_with_a_line_of_each() -> None:
    """Nothing says then what the others are."""
    content = write_csv([["Day"], ["25/06/2011"], ["05/06/2011"], ["06/25/2011"]]).encode()
    assert "line 2 has the day first and line 4 has the month first" in refusal(content)


FORMATS = {
    "%d/%m/%Y %H:%M": None,
    "%m/%d/%Y %I:%M %p": None,
    "%d.%m.%y": None,
    "%Y-%m-%d %H:%M:%S": None,
    "%d-%b-%Y": None,
    "%m/%d/%y %H:%M": None,
}


@given(
    days=st.lists(st.dates(date(1970, 1, 1), date(2068, 12, 31)), max_size=20),
    written=st.sampled_from(list(FORMATS)),
)
def test_any_days_in_one_format_are_read_back(days: list[date], written: str) -> None:
    """Where one of them lies behind the twelfth of its month."""
    days = [*days, date(2011, 8, 31)]
    cells = [datetime(day.year, day.month, day.day).strftime(written) for day in days]
    assert [value for value, _ in read_column("Day", cells)] == [f"{day}T00:00:00" for day in days]


@pytest.mark.parametrize(
    ("cells", "pairs"),
    [
        (["17850.0", "12346.0"], [(17850, ""), (12346, "")]),
        (["1.5", "17850.0"], [("1.5", ""), ("17850.0", "")]),
        (['="00123"', "00124"], [("00123", ""), ("00124", "")]),
        (["1E+05", "17"], [("1E+05", "rounded"), (17, "")]),
        (["2.251E+04"], [("2.251E+04", "rounded")]),
        (["2,251E+14"], [("2,251E+14", "rounded")]),
        (["1234567890123450000", "1234567890987650000"], [(..., "rounded"), (..., "rounded")]),
        (["1234567890123456789", "1234567890987650000"], [(..., ""), (..., "")]),
        (["NA", "null", "x"], [(None, ""), (None, ""), ("x", "")]),
        (["1E5", "E+05"], [("1E5", ""), ("E+05", "")]),
    ],
)
def test_identifiers_stay_themselves(cells: list[str], pairs: list[tuple[Any, str]]) -> None:
    """What pandas and spreadsheets have done to them is undone, or refused where it can't be."""
    results = read_column("Customer", cells)
    assert [code for _, code in results] == [code for _, code in pairs]
    for (value, _), (expected, _) in zip(results, pairs, strict=True):
        assert expected is ... or value == expected


def test_a_workbook_cannot_keep_more_than_fifteen_digits_of_an_identifier() -> None:
    """So a longer one is refused, and a shorter one is whole."""
    rows = [["Customer", "Visits"], [1234567890123456.0, 1], [17.0, 1]]
    content = make_workbook({"A": rows})
    with open_typed_table(io.BytesIO(content), SCHEMA) as table:
        chunk = next(table.chunks())
    assert list(chunk.faults) == [0]
    assert chunk.values["customer"][1] == 17


def test_one_stray_byte_does_not_turn_a_file_into_another_encoding() -> None:
    """Its line is named; Windows-1252 is read where it is meant."""
    text = "Shop,Amount\r\n" + "Françoise,1\r\nCafé,2\r\n" * 3
    content = text.encode() + b"Mal\xe9,3\r\n"
    assert refusal(content).startswith("Line 8 is not text in UTF-8")
    assert read("Shop,Amount\r\n5 € … neu,1\r\n".encode("cp1252"))["shop"] == ["5 € … neu"]


@pytest.mark.parametrize("encoding", ["cp1250", "shift_jis", "cp1251", "latin-1", "utf-8"])
def test_an_encoding_is_read_as_the_caller_says(encoding: str) -> None:
    """Where bytes prove nothing."""
    shop = {"cp1250": "Łódź", "shift_jis": "東京", "cp1251": "Москва"}.get(encoding, "Köln")
    content = f"Shop,Amount\r\n{shop},1\r\n".encode(encoding)
    assert read(content, encoding=encoding)["shop"] == [shop]


@pytest.mark.parametrize("encoding", ["zlib", "hex", "idna", "unicode_escape", "nonsense", ""])
def test_what_is_no_encoding_is_refused(encoding: str) -> None:
    """Python has codecs that are none."""
    assert refusal(b"Amount\n1\n", encoding=encoding).startswith("There is no such encoding")


def test_the_sheet_is_asked_for_where_two_may_be_meant() -> None:
    """And found where only one has known headers."""
    table = [["Amount"], [4.5]]
    two = make_workbook({"May": table, "June": [["Amount"], [7.5]]})
    assert "'May', 'June'" in refusal(two)
    assert read(two, sheet="June") == {"amount": [7.5]}
    assert "no such sheet" in refusal(two, sheet="July")


BOMB_ROW = "<row r='1'><c r='A1' t='inlineStr'><is><t>Amount</t></is></c></row>"


@pytest.mark.parametrize("last", ["XFD1048576", "A1048576", "XFD2"])
def test_a_cell_far_away_does_not_take_the_memory(last: str) -> None:
    """Calamine would make a rectangle of 17 billion cells."""
    content = make_workbook({"A": [["Amount"], [4.5]]})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"].decode()
    row = "".join(letter for letter in last if letter.isdigit())
    far = f'<row r="{row}"><c r="{last}"><v>1</v></c></row><row r="{row}"><c r="CV{row}"/></row>'
    members["xl/worksheets/sheet1.xml"] = sheet.replace(
        "</sheetData>", far + "</sheetData>"
    ).encode()
    before = psutil.Process().memory_info().rss
    limits = UnpackingLimits(n_cells=30_000)
    assert "spans more than 30,000 cells" in refusal(make_zip(members), limits=limits)
    assert psutil.Process().memory_info().rss - before < 100 << 20


@pytest.mark.parametrize("pack", [gzip.compress, lambda text: make_zip({"t.csv": text})])
def test_a_bomb_is_refused_before_it_fills_the_disk(pack: Any) -> None:
    """By its ratio, and by its length."""
    bomb = pack(b"Amount\n" + b"1\n" * 8_000_000)
    assert "times as much" in refusal(bomb)
    small = pack(b"Amount\n" + b"1\n" * 1_000_000)
    assert "more than 1 MiB" in refusal(small, limits=UnpackingLimits(n_bytes=1 << 20))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (make_zip({"a.csv": b"Amount\n1\n", "b.csv": b"Amount\n1\n"}), "holds 2 files"),
        (make_zip({}), "not text|not a whole"),
        (make_zip({"a.zip": make_zip({"a.csv": b"x"})}), "an archive in an archive"),
        (gzip.compress(b"Amount\n1\n")[:-6], "not a whole gzip file"),
        (make_zip({"a.csv": b"Amount\n1\n"})[:40], "not a whole zip archive"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "not a whole workbook"),
        (b"PAR1", "not a whole Parquet file"),
    ],
    ids=range(8),
)
def test_a_file_that_is_no_table_is_refused_by_its_kind(content: bytes, reason: str) -> None:
    """In one sentence."""
    text = refusal(content)
    assert any(part in text for part in reason.split("|")), text


@given(content=st.binary(max_size=300))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    """They are a table, or a file of which the reason says why it is none."""
    starts = (b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"PAR1", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    for start in starts:
        try:
            read(start + content)
        except FileError as error:
            assert str(error)  # noqa: PT017  # most bytes are refused, some are a table


def test_an_appended_export_has_its_header_once() -> None:
    """Rows that repeat it are counted, and are no customers."""
    once = write_csv([["Customer", "Amount"], [1, 2.5]])
    with open_typed_table(io.BytesIO((once * 3).encode()), SCHEMA) as table:
        assert table.n_rows == 3
        assert table.layout.n_repeated == 2


def test_a_workbook_says_the_time_to_the_second() -> None:
    """A day's fraction of two to the power of minus 33 is no millisecond."""
    times = [datetime(2011, 1, 1) + timedelta(seconds=7 * n) for n in range(2_000)]
    content = make_workbook({"A": [["Day"], *([time] for time in times)]})
    assert read(content)["day"] == [time.isoformat() for time in times]
