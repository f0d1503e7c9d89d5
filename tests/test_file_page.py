"""The page Score a file: a real Chromium, real files, and what the API says of them."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browsing import SIZES, opened
from tests.support.servers import Server, serving
from tests.support.shipped import ROOT, STUDIES

HOSTILE = (
    "<script>alert(1)</script>", "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>", "<svg onload=alert(1)>", "<b onmouseover=alert(1)>x</b>",
    "<iframe src=javascript:alert(1)>", "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "\"><script>alert(1)</script>",
    "' onfocus=alert(1) autofocus='", "`${alert(1)}`", "{{constructor.constructor('alert(1)')()}}",
    "${7*7}", "<%= 7*7 %>", "#{7*7}", "=1+1", "=cmd|' /C calc'!A0", "+A1", "-A1", "@SUM(A1)",
    '=HYPERLINK("http://evil","x")', "\tx", "\uff1d1+1", "__proto__", "constructor", "toString",
    "\u202egnp.exe", "\u2066x\u2069\u200f", "a" * 5_000, "\x01\x1b[31m\x7f", "&lt;b&gt;&amp;",
    "<style>*{display:none}</style>", "--><!--", "]]>", "'; DROP TABLE customers;",
)  # fmt: skip


def table_of(rows: Sequence[Sequence[object]], separator: str = ",") -> bytes:
    """Write a CSV file; None is an empty cell."""
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator).writerows(rows)
    return file.getvalue().encode()


def good_and_bad(study: str) -> bytes:
    """Return some rows of a sample, a short one and one with text where numbers belong."""
    if study == "retail":
        header = ["customer_id", "recency_days", "frequency", "monetary"]
        rows = [[17 + n, 20 * n, 12 - n, 100 + 300 * n] for n in range(9)]
    else:
        with (ROOT / "data" / f"{study}.csv").open(newline="") as file:
            header, *rows = list(csv.reader(file))[:41]
    bad = [rows[0][0], *("x" for _ in rows[0][1:])]
    return table_of([header, *rows[:5], ["x"], *rows[5:], bad, rows[1]])


def answered(server: Server, study: str, body: bytes, **query: str) -> bytes:
    """Return what the API answers to a file."""
    request = f"?{urlencode(query)}" if query else ""
    reply = server.post(body, f"/studies/{study}/predict/file{request}", Content_Type="text/csv")
    assert reply.status == 200, reply.body
    return reply.body


def rows_of(content: bytes, separator: str = ",") -> list[dict[str, str]]:
    """Read an answered file."""
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    return list(csv.DictReader(text, delimiter=separator))


def give(page: Page, body: bytes, name: str = "customers.csv") -> None:
    """Choose a file."""
    page.set_input_files("#file-input", {"name": name, "mimeType": "text/csv", "buffer": body})


def choose(page: Page, body: bytes, name: str = "customers.csv") -> None:
    """Choose a file and wait until it is shown how it is read."""
    give(page, body, name)
    expect(page.locator("#file-preview h2")).to_be_visible()


def score(page: Page) -> None:
    """Score the file that was chosen."""
    page.get_by_role("button", name="Score the file").click()
    page.wait_for_selector("#file-download button")


def downloaded(page: Page) -> bytes:
    """Return what a click on the button saves."""
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download").click()
    assert coming.value.suggested_filename == "customers-segments.csv"
    return Path(coming.value.path()).read_bytes()


def in_grid(page: Page) -> list[dict[str, Any]]:
    """Return the rows that the grid shows, in its order."""
    page.wait_for_selector("#file-rows .ag-row")
    rows: list[dict[str, Any]] = page.evaluate(
        "async () => { const rows = [];"
        " (await dash_ag_grid.getApiAsync('file-rows'))"
        ".forEachNodeAfterFilterAndSort((node) => rows.push(node.data)); return rows; }"
    )
    return rows


@pytest.mark.parametrize("study", STUDIES)
def test_good_rows_are_scored_and_bad_ones_named(
    server: Server, browser: Browser, study: str
) -> None:
    """Row by row what the API says; the download is its answer, byte for byte."""
    body = good_and_bad(study)
    expected = answered(server, study, body)
    rows = rows_of(expected)
    cards: Any = server.get(f"/studies/{study}/segments").json()
    names = {segment["id"]: segment["name"] for segment in cards["segments"]}
    with opened(browser, f"{server.url}/pages/{study}/file") as page:
        choose(page, body)
        score(page)
        assert downloaded(page) == expected
        displayed = in_grid(page)
        good = [(line, row) for line, row in enumerate(rows, start=2) if row["segment"]]
        assert len(displayed) == len(good) > 5
        for (line, row), text in zip(good, displayed, strict=True):
            assert text["line"] == line
            assert text["first"] == next(iter(row.values()))
            assert text["segment"] == row["segment_name"]
            assert f"{text['confidence']:.6f}" == row["confidence"]
            assert text["runner"] == names[row["runner_up"]]
            assert text["unsure"] == ("unsure" if row["unsure"] == "true" else "sure")
            assert text["plausible"] == (
                ", ".join(names[word] for word in row["plausible"].split("|") if word) or "none"
            )
            assert text["reasons"].count(": ") == row["reasons"].count(": ")
            assert bool(text["warnings"]) == bool(row["warnings"])
        _check_counts(page, rows)
        _check_refused(page, rows)


def _check_counts(page: Page, rows: list[dict[str, str]]) -> None:
    counts = Counter(row["segment_name"] for row in rows if row["segment"])
    n_scored = counts.total()
    for row in page.locator("#file-sizes tbody tr").all():
        name = row.locator("th").inner_text()
        size, share = (cell.inner_text() for cell in row.locator("td.figure").all())
        assert size == f"{counts[name]:,}"
        assert share in {f"{counts[name] / n_scored:.0%}", "under 1%", "over 99%"}
    n_unsure = sum(row["unsure"] == "true" for row in rows)
    assert page.locator("#file-figures").inner_text().split("\n\n") == [
        f"{n_scored} rows scored",
        f"{n_unsure} of them unsure",
        f"{len(rows) - n_scored} refused",
    ]


def _check_refused(page: Page, rows: list[dict[str, str]]) -> None:
    """Compare line, field and reason with the column of the download."""
    text: dict[str, list[str]] = {}
    for row in page.locator("#file-refused tbody tr").all():
        line, field, reason = (cell.text_content() or "" for cell in row.locator("th, td").all())
        text.setdefault(line, []).append(reason if field == "the row" else f"{field}: {reason}")
    expected = [row["problem"] for row in rows if row["problem"]]
    assert len(expected) > 1
    for problem, (line, reasons) in zip(expected, text.items(), strict=True):
        assert problem.removeprefix(f"line {line}").lstrip(":, ") == "; ".join(reasons)


@pytest.mark.parametrize(
    ("route_value", "message"),
    [
        ("cp1252 ; ,", "Windows-1252 with semicolons between cells and decimal commas"),
        ("utf-8-sig ; ,", "UTF-8 with semicolons between cells and decimal commas"),
        ("utf-16 \t ,", "UTF-16 with tabs between cells and decimal commas"),
        ("utf-8-sig , .", "UTF-8 with commas between cells and decimal points"),
        ("cp1252 , .", "Windows-1252 with commas between cells and decimal points"),
    ],
    ids=["de-ansi", "fr-utf8", "de-unicode-text", "en-utf8", "en-ansi"],
)
def test_files_as_spreadsheets_save_them(
    server: Server, browser: Browser, route_value: str, message: str
) -> None:
    """In German, French and English: how each was read is said; all are scored alike."""
    codec, separator, mark = route_value.split(" ")
    rows = [["Straße", 4.5, 61], ["Élan", 11.2, 12], ["", "", 95]]
    header = ["Größe", "Screen On Time (hours/day)", "Number of Apps Installed"]
    cells = [[str(cell).replace(".", mark) for cell in row] for row in rows]
    body = table_of([header, *cells], separator).decode().encode(codec)
    with opened(browser, f"{server.url}/pages/mobile/file") as page:
        choose(page, body)
        assert message in page.locator("#file-read").inner_text()
        assert page.locator("#file-columns tbody th").first.inner_text() == "Größe"
        assert page.locator("#file-columns td.cell").first.inner_text() == "Straße"
        score(page)
        content = downloaded(page)
        assert content == answered(server, "mobile", body)
        assert content.startswith(b"\xef\xbb\xbf")
        assert [item["first"] for item in in_grid(page)] == ["Straße", "Élan", ""]
    records = [
        {"screen_on_hours_per_day": hours or None, "apps_installed": n} for _, hours, n in rows
    ]
    answers: Any = server.post(records).json()
    assert [row["segment"] for row in rows_of(content, separator)] == [
        prediction["segment"]["id"] for prediction in answers["predictions"]
    ]


def test_a_table_that_comes_later_than_the_answers_has_them(
    server: Server, browser: Browser
) -> None:
    """Its library is large and a file may be small: rows wait for it on a slow line."""
    with opened(browser, f"{server.url}/pages/mobile/segments") as page:
        held: list[Route] = []
        page.route("**/dash_ag_grid.min.js*", lambda route: held.append(route))  # noqa: PLW0108  # no built-in
        page.goto(f"{server.url}/pages/mobile/file")
        choose(page, b"apps_installed\n64\n70\n")
        score(page)
        assert held
        assert page.locator("#file-rows").count() == 0
        for route in held:
            route.continue_()
        assert [row["first"] for row in in_grid(page)] == ["64", "70"]


def test_the_mapping_that_is_corrected_is_scored(server: Server, browser: Browser) -> None:
    """A column that was not found, one that was taken for another, one in another unit."""
    body = b"Apps: all,apps_installed,Screen,Note\n64,1,366,x\n70,2,480,y\n"
    with opened(browser, f"{server.url}/pages/mobile/file") as page:
        choose(page, body)
        apps, faulty, screen, note = page.locator("#file-columns select").all()
        assert [item.input_value() for item in (apps, screen, note)] == ["", "", ""]
        assert "Screen-on time" in page.locator("#file-missing .warning").inner_text()
        apps.select_option(label="Number of apps")
        expect(faulty).to_have_value("")
        screen.select_option(label="Screen-on time (minutes per day)")
        expect(page.locator("#file-missing .warning")).not_to_contain_text("Screen-on time")
        note.select_option(label="Number of apps")
        expect(apps).to_have_value("")
        apps.select_option(label="Number of apps")
        expect(note).to_have_value("")
        score(page)
        segments = [row["segment"] for row in rows_of(downloaded(page))]
    records = [
        {"apps_installed": 64, "screen_on_hours_per_day": 6.1},
        {"apps_installed": 70, "screen_on_hours_per_day": 8},
    ]
    answers: Any = server.post(records).json()
    assert segments == [prediction["segment"]["id"] for prediction in answers["predictions"]]


def test_columns_that_are_not_known_can_be_mapped(server: Server, browser: Browser) -> None:
    """What the API would say of the file is said, and is gone when it no longer would."""
    body = b"Anzahl\n64\n"
    reply: Any = server.post(body, "/predict/file", Content_Type="text/csv").json()
    with opened(browser, f"{server.url}/pages/mobile/file") as page:
        choose(page, body)
        assert page.locator("#file-problem .error").inner_text() == reply["detail"]
        button = page.get_by_role("button", name="Score the file")
        expect(button).to_be_disabled()
        page.get_by_label("Read Anzahl as").select_option(label="Number of apps")
        expect(button).to_be_enabled()
        expect(page.locator("#file-problem .error")).to_have_count(0)
        score(page)
        assert downloaded(page) == answered(server, "mobile", body, map="Anzahl:apps_installed")


def test_columns_that_may_be_the_missing_ones_are_said(server: Server, browser: Browser) -> None:
    """Before and after scoring, in the page's words; no longer once someone says what they are."""
    body = b"Recencyy,frequency,monetary,average_transaction_value\n300,6,2400,400\n"
    with opened(browser, f"{server.url}/pages/retail/file") as page:
        choose(page, body)
        text = page.locator("#file-problem .warning")
        expect(text).to_contain_text("no column is read as Time since the last order")
        expect(text).to_contain_text("Recencyy (perhaps Time since the last order)")
        score(page)
        expect(page.locator("#file-warnings .warning")).to_contain_text("Recencyy (perhaps ")
        choose(page, body)
        page.get_by_label("Read Recencyy as").select_option(
            label="Time since the last order (days)"
        )
        expect(text).to_have_count(0)
        score(page)
        expect(page.locator("#file-warnings .warning")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("book.xlsx", b"PK\x03\x04\x14\0\x06\0"),
        ("empty.csv", b""),
        ("header.csv", b"age,apps_installed\n"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0"),
        ("broken.csv", b'age\n"33\n34\n'),
    ],
)
def test_a_wrong_file_is_told_in_the_words_of_the_api(
    server: Server, browser: Browser, name: str, body: bytes
) -> None:
    """And another one can be chosen at once."""
    reply: Any = server.post(body, "/predict/file", Content_Type="text/csv").json()
    # The browser notes an answer that is an error.
    with browser.new_context() as profile:
        page = profile.new_page()
        page.goto(f"{server.url}/pages/mobile/file")
        page.wait_for_selector("#file-input", state="attached")
        give(page, body, name)
        page.wait_for_selector("#file-fault .error")
        assert page.locator("#file-fault").inner_text() == reply["detail"]
        expect(page.locator("#file-preview")).to_be_hidden()
        choose(page, b"apps_installed\n64\n")
        assert page.locator("#file-fault").inner_text() == ""


def test_a_file_that_is_too_long_is_not_sent(browser: Browser, tmp_path: Path) -> None:
    """The page says the limit before, and how much it is."""
    with (
        serving(tmp_path, WEB_CONCURRENCY="1", MAX_FILE_BYTES="1500000") as server,
        opened(browser, f"{server.url}/pages/mobile/file") as page,
    ):
        assert "at most 1.5 MB" in page.locator("main").inner_text()
        give(page, b"apps_installed\n" + b"64\n" * 600_000)
        page.wait_for_selector("#file-fault .error")
        assert page.locator("#file-fault").inner_text() == (
            "The file has 1.8 MB, at most 1.5 MB can be scored."
        )


def test_hostile_cells_are_text(server: Server, browser: Browser) -> None:
    """In the preview, the grid, the list of bad rows and headers; the download is neutralised."""
    assert len(HOSTILE) >= 30
    header = ["<img src=x onerror=alert(1)>", "apps_installed", "=1+1"]
    rows = [[cell, 64, cell] for cell in HOSTILE]
    body = table_of([header, *rows, *([cell, cell, cell] for cell in HOSTILE)])
    with opened(browser, f"{server.url}/pages/mobile/file") as page:
        dialogs: list[str] = []
        page.on("dialog", lambda item: (dialogs.append(item.message), item.dismiss()))
        choose(page, body)
        first = page.locator("#file-columns tbody tr").first
        assert first.locator("th").text_content() == header[0]
        assert [item_value.text_content() for item_value in first.locator("td.cell").all()] == list(
            HOSTILE[:5]
        )
        score(page)
        content = downloaded(page)
        short = [cell if len(cell) <= 100 else f"{cell[:99]}…" for cell in HOSTILE]
        assert [item_entry["first"] for item_entry in in_grid(page)] == short
        heading = page.locator('#file-rows [role=columnheader][col-id="first"]')
        assert (heading.text_content() or "").strip() == header[0]
        for place, cell in enumerate(short):
            assert _cell(page, place, "first") == cell
        assert page.locator("#file-refused tbody tr").count() == len(HOSTILE)
        assert page.locator("main img, main script, main iframe, main svg[onload]").count() == 0
        assert not dialogs
    assert content == answered(server, "mobile", body)
    for row, cell in zip(rows_of(content), HOSTILE * 2, strict=False):
        runs = cell[0] in "=+-@\t\uff1d"
        assert row[header[0]] == ("'" + cell if runs else cell)


def _cell(page: Page, place: int, column: str) -> str | None:
    """Return what a cell of the grid shows."""
    page.evaluate(
        "async (place) => (await dash_ag_grid.getApiAsync('file-rows')).ensureIndexVisible(place)",
        place,
    )
    cell = page.locator(f'#file-rows [row-index="{place}"] [col-id="{column}"]')
    cell.wait_for(state="attached")
    return cell.text_content()


def test_rows_are_sorted_and_filtered(server: Server, browser: Browser) -> None:
    """By a heading, by what is typed below it; it is said how many are left."""
    body = b"User ID,apps_installed\n" + b"".join(b"%d,%d\n" % (n, n + 10) for n in range(90))
    rows = rows_of(answered(server, "mobile", body))
    with opened(browser, f"{server.url}/pages/mobile/file") as page:
        choose(page, body)
        score(page)
        page.locator('#file-rows [role=columnheader][col-id="confidence"]').click()
        page.wait_for_selector(
            '#file-rows [role=columnheader][col-id="confidence"][aria-sort=ascending]'
        )
        values = [item["confidence"] for item in in_grid(page)]
        assert values == sorted(float(row["confidence"]) for row in rows)
        page.get_by_role("spinbutton", name="Confidence Filter Input").fill("90")
        n = sum(float(row["confidence"]) < 0.9 for row in rows)
        expect(page.locator("#file-shown")).to_have_text(f"{n} of 90 rows shown")
        page.get_by_role("spinbutton", name="Confidence Filter Input").fill("")
        name = rows[0]["segment_name"]
        page.get_by_label("Segment Filter Input").fill(name)
        n = sum(row["segment_name"] == name for row in rows)
        expect(page.locator("#file-shown")).to_have_text(f"{n} of 90 rows shown")
        assert {item_value["segment"] for item_value in in_grid(page)} == {name}


def test_the_keyboard_is_enough_to_score_a_file(server: Server, browser: Browser) -> None:
    """From the file to the download; reading goes on where something new is."""
    body = b"apps_installed\n64\n12\n"
    with opened(browser, f"{server.url}/pages/mobile/file") as page:
        page.wait_for_selector("#file-rows", state="attached")
        with page.expect_file_chooser() as coming:
            _tab_to(page, "document.activeElement.id === 'file-input'")
            page.keyboard.press("Enter")
        coming.value.set_files({"name": "customers.csv", "mimeType": "text/csv", "buffer": body})
        page.wait_for_function("() => document.activeElement.id === 'file-preview-title'")
        _tab_to(page, "document.activeElement.innerText === 'Score the file'")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.activeElement.id === 'file-results-title'")
        assert page.locator("#file-said").inner_text() == "Done. 2 rows scored, 0 refused."
        _tab_to(page, "document.activeElement.innerText.startsWith('Download')")
        with page.expect_download() as saved:
            page.keyboard.press("Enter")
        assert Path(saved.value.path()).read_bytes() == answered(server, "mobile", body)


def _tab_to(page: Page, condition: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(condition):
            return
    pytest.fail(f"no way by Tab to where {condition}")


@pytest.fixture
def long_file() -> bytes:
    """Rows that are scored for some seconds."""
    return b"apps_installed,Note\n" + b"64,some text\n" * 60_000


def test_scoring_can_be_cancelled(server: Server, browser: Browser, long_file: bytes) -> None:
    """What was answered until then is gone, the file is still there, and can be scored."""
    with opened(browser, f"{server.url}/pages/mobile/file") as page:
        choose(page, long_file)
        assert "MB, read as UTF-8" in page.locator("#file-read").inner_text()
        page.get_by_role("button", name="Score the file").click()
        page.wait_for_function("() => document.querySelector('#file-bar progress')?.value > 0")
        page.get_by_role("button", name="Cancel").click()
        page.wait_for_selector("#file-fault .info")
        assert "nothing was kept" in page.locator("#file-fault").inner_text()
        expect(page.locator("#file-results")).to_be_hidden()
        choose(page, b"apps_installed\n64\n")
        score(page)
        assert len(in_grid(page)) == 1


def test_other_pages_end_what_is_scored(server: Server, browser: Browser, long_file: bytes) -> None:
    """Another page or study begins anew."""
    with opened(browser, f"{server.url}/pages/mobile/file") as page:
        choose(page, long_file)
        page.get_by_role("button", name="Score the file").click()
        page.wait_for_function("() => document.querySelector('#file-bar progress')?.value > 0")
        page.get_by_role("link", name="Credit card holders").click()
        expect(page.locator("#file-results")).to_be_hidden()
        expect(page.locator("#file-preview")).to_be_hidden()
        body = good_and_bad("credit_card")
        choose(page, body)
        score(page)
        assert downloaded(page) == answered(server, "credit_card", body)
        choose(page, long_file.replace(b"apps_installed", b"BALANCE"))
        page.get_by_role("button", name="Score the file").click()
        page.get_by_role("link", name="Model").click()
        page.wait_for_selector("main h1:text('Model')")


@pytest.mark.parametrize("study", STUDIES)
def test_the_template_can_be_dropped(server: Server, browser: Browser, study: str) -> None:
    """As it comes from the page, on the zone that is there for it."""
    with opened(browser, f"{server.url}/pages/{study}/file") as page:
        with page.expect_download() as coming:
            page.get_by_role("link", name="one with decimal commas").click()
        text = Path(coming.value.path()).read_text()
        page.wait_for_selector("#file-input", state="attached")
        page.evaluate(
            "(text) => { const data = new DataTransfer();"
            " data.items.add(new File([text], 'customers.csv', {type: 'text/csv'}));"
            " document.getElementById('file-drop').dispatchEvent("
            "new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true})); }",
            text,
        )
        expect(page.locator("#file-preview h2")).to_be_visible()
        assert page.locator("#file-missing .warning").count() == 0
        score(page)
        assert len(in_grid(page)) == 2


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Iterator[str]:
    """A colour scheme."""
    return request.param  # type: ignore[no-any-return]


@pytest.mark.parametrize("size", SIZES)
def test_every_state_is_accessible_and_fits(
    server: Server, browser: Browser, size: str, scheme: str
) -> None:
    """Axe finds nothing, and nothing is wider than the window."""
    address = f"{server.url}/pages/mobile/file"
    with opened(browser, address, viewport=SIZES[size], color_scheme=scheme) as page:
        page.wait_for_selector("#file-rows", state="attached")
        _look(page)
        choose(page, good_and_bad("mobile").replace(b"Screen On Time (hours/day)", b"Screen"))
        for summary in page.locator("summary").all():
            summary.click()
        _look(page)
        score(page)
        in_grid(page)
        _look(page)


def _look(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    assert [(item["id"], item["nodes"][0]["html"]) for item in violations] == []


ORDER_HEADER = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice",
                "CustomerID", "Country"]  # fmt: skip


def orders_of(dates: Sequence[str], header: Sequence[str] = ORDER_HEADER) -> bytes:
    """Return an order of 20 for customer 7 at each date, and two lines that don't count."""
    rows = [[number, "A1", "RED MUG", 2, date, 10, 7, "Ireland"]
            for number, date in enumerate(dates, start=1)]  # fmt: skip
    return table_of([header, *rows, ["C9", *rows[0][1:]], [*rows[0][:5], 0, *rows[0][6:]]])


def test_lines_of_orders_are_scored_as_customers(server: Server, browser: Browser) -> None:
    """What becomes of them is said before, and above the answers after; they are the API's."""
    body = orders_of(["2024-03-01 10:00:00", "2024-03-05 09:30:00"])
    expected = answered(server, "retail", body)
    with opened(browser, f"{server.url}/pages/retail/file") as page:
        choose(page, body)
        expect(page.locator("#file-problem")).to_contain_text(
            "The first 4 lines of orders become 1 customer. 2 lines are left out, as in training:"
        )
        expect(page.locator("#file-problem li")).to_have_count(2)
        expect(page.locator("#file-missing")).to_be_empty()
        score(page)
        assert downloaded(page) == expected
        (row,) = in_grid(page)
        assert (row["first"], row["second"], row["third"]) == ("7", "0", "2")
        warnings = page.locator("#file-warnings")
        expect(warnings).to_contain_text("4 lines of orders become 1 customer.")
        expect(warnings).to_contain_text("2024-03-05 09:30, the last order of the file")
        expect(warnings).to_contain_text("(line 4)")
        expect(warnings).to_contain_text("(line 5)")


def test_what_orders_leave_open_is_chosen(server: Server, browser: Browser) -> None:
    """The order of dates that no cell proves, and the day whose end recency is counted to."""
    body = orders_of(["05/06/2011", "07/08/2011"])
    expected = answered(server, "retail", body, dates="day-first", as_of="2011-08-17T23:59:59")
    assert rows_of(expected)[0]["recency_days"] == "10"
    with opened(browser, f"{server.url}/pages/retail/file") as page:
        choose(page, body)
        expect(page.get_by_role("button", name="Score the file")).to_be_disabled()
        page.get_by_label("Dates are written").select_option("day first")
        expect(page.get_by_role("button", name="Score the file")).to_be_enabled()
        page.get_by_label("Count recency to the end of").fill("2011-08-17")
        score(page)
        assert downloaded(page) == expected
        expect(page.locator("#file-warnings")).to_contain_text("the day that was chosen")


def test_dates_are_proved_by_the_whole_of_a_long_file(server: Server, browser: Browser) -> None:
    """Orders begin in the first days of a month, and the beginning proves nothing."""
    body = orders_of([*["12/1/2010 8:26"] * 8_000, "12/13/2010 9:00"])
    assert len(body) > 256 * 1024
    with opened(browser, f"{server.url}/pages/retail/file") as page:
        choose(page, body)
        expect(page.get_by_role("button", name="Score the file")).to_be_enabled()
        score(page)
        (row,) = in_grid(page)
        assert row["third"] == "8001"


def test_orders_with_unusual_names_are_mapped_by_hand(server: Server, browser: Browser) -> None:
    """The first field that only orders have offers the others; the keyboard stays at its column."""
    names = ["Beleg", "Nr", "Ware", "Stück", "Wann", "Je", "Wer", "Wo"]
    body = orders_of(["2024-03-01"], names)
    with opened(browser, f"{server.url}/pages/retail/file") as page:
        choose(page, body)
        chosen = {"Beleg": "invoice", "Stück": "quantity", "Wann": "invoice_time",
                  "Je": "unit_price", "Wer": "customer_id"}  # fmt: skip
        for name, field in chosen.items():
            select = page.get_by_label(f"Read {name} as")
            select.select_option(field)
            expect(page.locator("tr:not(.unread)", has=select)).to_be_visible()
        expect(page.get_by_role("button", name="Score the file")).to_be_enabled()
        score(page)
        assert in_grid(page)[0]["first"] == "7"


def test_every_state_of_orders_is_accessible_and_fits(
    server: Server, browser: Browser, scheme: str
) -> None:
    """On a phone as well."""
    address = f"{server.url}/pages/retail/file"
    with opened(browser, address, viewport=SIZES["phone"], color_scheme=scheme) as page:
        choose(page, orders_of(["2024-03-01"]))
        _look(page)
        score(page)
        in_grid(page)
        _look(page)
