"""The marketing team's pages: a real Chromium against the real service."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from axe_playwright_python.sync_playwright import Axe
from dash import html
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect

from segmentation.artifact import Package, read_package
from segmentation.dashboard import plain_language
from segmentation.dashboard.pages.segments_page import render_one_page, render_page
from segmentation.dashboard.panels.confusion_tables import show_confusions
from segmentation.dashboard.panels.segment_map import render_map_panel
from segmentation.runtime import Manifest, Model
from segmentation.studies.household import HOUSEHOLD
from segmentation.wording.metrics import MEASURE_NAMES
from tests.support.browsing import opened
from tests.support.records import COMPLETE
from tests.support.servers import Server, serving
from tests.support.shipped import ROOT, STUDIES
from tests.support.waiting import PATIENCE

pytestmark = pytest.mark.long

PLACES = [
    "/pages/",
    "/pages/household/segments",
    "/pages/household/segments/promo_shoppers",
    "/pages/credit_card/score",
    "/pages/retail/file",
    "/pages/retail/model",
    "/pages/nowhere/segments",
]


def question(page: Page, field: str) -> Any:
    """Return the input of a question."""
    return page.locator(f'input[id*=\'"field":"{field}"\'][id*=\'"type":"answer"\']')


def say_share(share: float) -> str:
    """Return a probability as pages say it."""
    if 0 < share <= 0.005:
        return "under 1%"
    return "over 99%" if 0.995 <= share < 1 else f"{share:.0%}"


def wait_for_answer(page: Page, answer: Any) -> None:
    """Wait until the page says what the API answered: each probability, and how sure it is."""
    rows = [
        f"{probability['name']} {say_share(probability['probability'])}"
        for probability in answer["probabilities"]
    ]
    page.wait_for_function(
        "(expected) => expected.join() === Array.from("
        "document.querySelectorAll('#details tbody tr'), (row) =>"
        " `${row.querySelector('th').innerText} ${row.querySelector('td').innerText}`).join()",
        arg=rows,
    )
    headline = page.locator("#headline")
    expect(headline).to_contain_text(answer["segment"]["name"])
    expect(headline).to_contain_text(f": {say_share(answer['confidence'])}.")


@pytest.mark.parametrize("study", STUDIES)
def test_segments_are_those_of_the_api(server: Server, browser: Browser, study: str) -> None:
    """With names, shares, sizes, descriptions and actions."""
    cards: Any = server.get(f"/studies/{study}/segments").json()
    with opened(browser, f"{server.url}/pages/{study}/segments") as page:
        displayed = page.locator("article.card").all()
        assert len(displayed) == len(cards["segments"])
        for card, expected in zip(displayed, cards["segments"], strict=True):
            text = card.inner_text()
            assert expected["name"] in text
            assert f"{expected['share']:.0%} {expected['size']:,} records" in text
            assert expected["description"] in text
            assert expected["action"] in text


MAPPED = ["household", "credit_card", "retail"]


@pytest.mark.parametrize("study", MAPPED)
def test_the_firmness_of_each_segment_is_that_of_the_api(
    server: Server, browser: Browser, study: str
) -> None:
    """A row for each segment, and on the card of one that is not firm the reason."""
    cards: Any = server.get(f"/studies/{study}/segments").json()["segments"]
    with opened(browser, f"{server.url}/pages/{study}/segments") as page:
        text = page.get_by_role("region", name="Firmness of each segment").inner_text()
        for card in cards:
            assert card["name"] in text
            assert f"{card['firmness']['jaccard']:.0%}" in text
        displayed = page.locator("article.card").all()
        for place, card in zip(displayed, cards, strict=True):
            assert (card["firmness"]["reason"] in place.inner_text()) is not card["firmness"][
                "firm"
            ]


def test_a_segment_that_is_not_firm_is_warned_of_on_the_page_and_on_its_sheet(
    models: dict[str, Model],
) -> None:
    """Nobody prints a segment for a campaign without reading it."""
    model = models["household"]
    clusters = model.manifest.clusters
    assert clusters is not None
    unfirm, *further = clusters.stability.segments
    stability = clusters.stability.model_copy(
        update={"segments": (unfirm.model_copy(update={"mean": 0.5}), *further)}
    )
    changed = Model(
        Package(
            model.manifest.model_copy(
                update={"clusters": clusters.model_copy(update={"stability": stability})}
            ),
            read_package(ROOT / "models/household.bin").scorer,
            b"",
        )
    )
    warning = "Build no campaign on it alone."
    assert str(render_page(changed)).count(warning) == 1
    assert warning in str(render_one_page(changed, unfirm.segment))
    assert warning not in str(render_one_page(changed, further[0].segment))


def test_the_form_asks_what_decides_most_and_says_when_that_is_enough(
    server: Server, browser: Browser
) -> None:
    """The first question of the page is the first of the order; the answer names the next."""
    url = "/studies/household"
    questions: Any = server.get(f"{url}/model").json()["questions"]
    first = questions[0]["field"]
    cards: Any = server.get(f"{url}/segments").json()
    traits = {trait["field"]: trait for trait in cards["segments"][0]["traits"]}
    average = round(traits[first]["average"])
    with opened(browser, f"{server.url}/pages/household/score") as page:
        ids = page.locator('input[id*=\'"type":"answer"\']').all()
        assert f'"field":"{first}"' in (ids[0].get_attribute("id") or "")
        question(page, first).fill(str(average))
        answer: Any = server.post({first: average}, path=f"{url}/predict").json()
        wait_for_answer(page, answer)
        assert answer["unsure"]
        following = answer["ask_next"]["field"]
        assert following == questions[1]["field"]
        label = plain_language.label_column(HOUSEHOLD.schema.by_name[following])
        expect(page.locator("#ask-next")).to_have_text(f"Ask next: {label}.")


def test_the_forecast_says_what_is_plausible_and_what_it_rests_on(
    server: Server, browser: Browser
) -> None:
    """From category shares alone: unsure, in the segments of the API, with the warning."""
    answer: Any = server.post({"share_seasonal": 0.4}, path="/studies/retail/predict").json()
    with opened(browser, f"{server.url}/pages/retail/score") as page:
        question(page, "share_seasonal").fill("0.4")
        wait_for_answer(page, answer)
        details = page.locator("#details")
        later = answer["outlook"]
        expect(details).to_contain_text(f"Expected {later['days']} days later")
        text = details.inner_text().partition("days later")[2]
        names = {part["id"]: part["name"] for part in later["probabilities"]}
        assert "Unsure: it could be" in text
        assert all(names[segment] in text for segment in later["plausible"])
        assert later["warnings"][0]["message"][1:] in text


@pytest.mark.parametrize("study", STUDIES)
def test_discovered_segments_are_on_a_map(server: Server, browser: Browser, study: str) -> None:
    """An image that says in words what it shows, names beside it; given segments have none."""
    card: Any = server.get(f"/studies/{study}/model").json()
    names = [segment["name"] for segment in card["segments"]]
    with opened(browser, f"{server.url}/pages/{study}/segments") as page:
        image = page.locator(".map img")
        assert image.count() == (study in MAPPED)
        if study not in MAPPED:
            assert card["clusters"] is None
            return
        segment_map = card["clusters"]["map"]
        assert image.evaluate("(image) => image.complete && image.naturalWidth > 0")
        text = image.get_attribute("alt") or ""
        assert f"{segment_map['records']:,} records in {len(names)} segments" in text
        assert all(name in text for name in names)
        share = segment_map["x"]["share"] + segment_map["y"]["share"]
        panel = page.locator("section", has=image)
        assert f"keeps {share:.0%} of the differences" in panel.inner_text()
        assert panel.locator(".map .name").all_inner_texts() == names
        (nearest,) = re.findall(r"\. ([^.]+) and ([^.]+) are nearest to each other", text)
        assert set(nearest) == _nearest(segment_map["places"], card["segments"])


def _nearest(places: Any, segments: Any) -> set[str]:
    """Return the names of the two segments that lie nearest to each other."""
    names = {segment["id"]: segment["name"] for segment in segments}
    pairs = combinations(places, 2)
    nearest = min(pairs, key=lambda two: (two[0]["x"] - two[1]["x"]) ** 2
                                         + (two[0]["y"] - two[1]["y"]) ** 2)  # fmt: skip
    return {names[item["segment"]] for item in nearest}


def test_the_maps_image_is_shapes_alone(models: dict[str, Model]) -> None:
    """Whatever segments are called: no word of theirs is in it, and no script or link."""
    manifest = models["retail"].manifest
    hostile = '"/><script>alert(1)</script>'
    segments = [segment.model_copy(update={"name": hostile}) for segment in manifest.segments]
    (panel,) = render_map_panel(manifest.model_copy(update={"segments": segments}))
    (source,) = (item.src for item in panel._traverse() if isinstance(item, html.Img))
    content = unquote(source.removeprefix("data:image/svg+xml,"))
    image = ElementTree.fromstring(content)  # noqa: S314  # our own
    kinds = {item_value.tag.split("}")[1] for item_value in image.iter()}
    assert kinds == {"svg", "defs", "polygon", "use", "ellipse"}
    assert "alert" not in content
    assert set(re.findall(r'href="([^"]*)"', content)) == {"#h"}


def test_a_package_from_before_maps_shows_none(models: dict[str, Model]) -> None:
    """It is read as it was; its pages are as they were."""
    content = models["retail"].manifest.model_dump()
    del content["clusters"]["map"]
    content["confusions"] = []
    old = Manifest.model_validate(content)
    assert render_map_panel(old) == []
    assert show_confusions(old) == []


@pytest.mark.parametrize("study", STUDIES)
def test_mistakes_are_those_of_the_api(server: Server, browser: Browser, study: str) -> None:
    """Each count in its cell, rows the truth; beside it whether it is a prediction."""
    card: Any = server.get(f"/studies/{study}/model").json()
    with opened(browser, f"{server.url}/pages/{study}/model") as page:
        panel = page.locator("section[aria-labelledby='what-is-mistaken-for-what-title']")
        assert panel.count() == bool(card["confusions"])
        tables = panel.locator("table").all()
        assert len(tables) == len(card["confusions"])
        for table, expected in zip(tables, card["confusions"], strict=True):
            cells = [row.locator("td").all_inner_texts() for row in table.locator("tbody tr").all()]
            counts = [[int(cell.split()[-1].replace(",", "")) for cell in row] for row in cells]
            assert counts == expected["counts"]
        kinds = ["Agreement with the definition" if confusion["circular"] else "Prediction"
                 for confusion in card["confusions"]]  # fmt: skip
        assert panel.locator(".kind").all_inner_texts() == kinds


@pytest.mark.parametrize("study", STUDIES)
def test_every_figure_is_on_the_page(server: Server, browser: Browser, study: str) -> None:
    """Once each, predictions apart from agreement, and every measure in plain words."""
    figures: Any = server.get(f"/studies/{study}/model").json()["metrics"]  # type: ignore[index]
    with opened(browser, f"{server.url}/pages/{study}/model") as page:
        for summary in page.locator("summary").all():
            summary.click()
        for title, circular in (("predictions", False), ("agreement-with-the-definition", True)):
            panel = page.locator(f"section[aria-labelledby='{title}-title']")
            filled = [text for text in panel.locator("td.figure").all_inner_texts() if text]
            expected = [figure for figure in figures if figure["circular"] is circular]
            assert sorted(filled) == sorted(_format_metric(item_entry) for item_entry in expected)
            words = {item.lower() for item in panel.locator("dt").all_inner_texts()}
            assert words == {
                MEASURE_NAMES[item_value["measure"]].lower() for item_value in expected
            }


def _format_metric(metric: Any) -> str:
    plain = metric["measure"] in ("log_loss", "brier_score", "calibration_error", "macro_auc")
    return f"{metric['value']:.3f}" if plain else f"{metric['value']:.1%}"


def test_home_is_the_default_studys_segments(server: Server, browser: Browser) -> None:
    """The root of the service leads to them."""
    with opened(browser, server.url) as page:
        assert page.url == f"{server.url}/pages/"
        assert page.locator("h1").inner_text() == "Mobile device usage survey"
        assert page.locator("#studies a").count() == len(STUDIES)


def test_differences_are_ranked(server: Server, browser: Browser) -> None:
    """Between two segments, by how far their means lie apart in the spread of all records."""
    cards: Any = server.get("/studies/retail/segments").json()["segments"]  # type: ignore[index]
    item, second = cards[0], cards[3]
    defining = ("recency_days", "frequency", "monetary", "average_transaction_value")
    pairs = zip(item["traits"], second["traits"], strict=True)
    gaps = {a["field"]: a["difference"] - b["difference"] for a, b in pairs}
    largest = max(defining, key=lambda field: abs(gaps[field]))
    index = {
        a["field"]: 100 * a["mean"] / b["mean"]
        for a, b in zip(item["traits"], second["traits"], strict=True)
    }
    with opened(browser, f"{server.url}/pages/retail/segments") as page:
        page.get_by_role("textbox", name="Compared with").click()
        page.get_by_role("option", name=second["name"]).click()
        row = page.locator("table.comparison").first.locator("tbody tr").first
        page.wait_for_selector(f"table.comparison th:has-text('{second['name']}')")
        expect(row.locator("td").nth(2)).to_have_text(f"{index[largest]:,.0f}")


@pytest.mark.parametrize("study", STUDIES)
def test_score_one_answers_as_predict_does(server: Server, browser: Browser, study: str) -> None:
    """The same segment, probabilities, action and doubts, for what was typed."""
    fields: Any = server.get(f"/studies/{study}/schema").json()
    cards: Any = server.get(f"/studies/{study}/segments").json()
    means = {trait["field"]: trait["mean"] for trait in cards["segments"][1]["traits"]}
    typed = {
        item["name"]: round(means[item["name"]] * 1.1)
        if item["resolution"] == 1
        else round(means[item["name"]], 2)
        for item in fields["fields"]
        if item["defines"]
    }
    answer: Any = server.post(typed, f"/studies/{study}/predict").json()
    explanation: Any = server.post(typed, f"/studies/{study}/explain").json()
    with opened(browser, f"{server.url}/pages/{study}/score") as page:
        for field, value in typed.items():
            question(page, field).fill(str(value))
        wait_for_answer(page, answer)
        details = page.locator("#details").inner_text()
        assert answer["segment"]["action"] in details
        expect(page.locator("#details .warning")).to_have_count(len(answer["warnings"]))
        sentence = explanation["explanation"]["sentence"].split(". ")[0]
        expect(page.locator("#why")).to_contain_text(sentence)


def test_a_slider_moves_the_answer(server: Server, browser: Browser) -> None:
    """What it says is written beside the question and answered.

    It ends at the last percentile, 98 apps: of 700 customers 5 have more, 12 as many or more.
    """
    with opened(browser, f"{server.url}/pages/mobile/score") as page:
        page.get_by_role("button", name="Brand Loyalist").click()
        page.wait_for_selector("#headline :text('Brand Loyalist')")
        slider = page.get_by_role("slider", name="Try other values: Number of apps")
        slider.focus()
        slider.press("End")
        page.wait_for_function(
            "(box) => box.value === '98'", arg=question(page, "apps_installed").element_handle()
        )
        fields = ("app_usage_min_per_day", "screen_on_hours_per_day", "battery_drain_mah_per_day",
                  "apps_installed", "data_usage_mb_per_day")  # fmt: skip
        record = {field: float(question(page, field).input_value()) for field in fields}
        wait_for_answer(page, server.post(record).json())


def test_other_answers_follow_a_slider(server: Server, browser: Browser) -> None:
    """With twice the orders twice the money is spent: the average order stays."""
    with opened(browser, f"{server.url}/pages/retail/score") as page:
        page.get_by_role("button", name="Champions").click()
        page.wait_for_selector("#headline :text('Champions')")
        boxes = [question(page, field) for field in
                 ("frequency", "average_transaction_value", "monetary")]  # fmt: skip
        spent = boxes[2].input_value()
        slider = page.get_by_role("slider", name="Try other values: Number of orders")
        slider.focus()
        slider.press("End")
        page.wait_for_function(
            "([box, spent]) => box.value !== spent", arg=[boxes[2].element_handle(), spent]
        )
        orders, average, money = (float(box.input_value()) for box in boxes)
        assert money == pytest.approx(orders * average, rel=1e-4)
        expect(page.locator("#details .warning", has_text="go together")).to_have_count(0)


def test_what_follows_stands_in_the_blank_question(server: Server, browser: Browser) -> None:
    """Three orders of 50 cost 150; what is typed changes no other answer."""
    with opened(browser, f"{server.url}/pages/retail/score") as page:
        question(page, "frequency").fill("3")
        question(page, "average_transaction_value").fill("50")
        expect(question(page, "monetary")).to_have_attribute(
            "placeholder", "150, from the other answers"
        )
        question(page, "monetary").fill("5000")
        expect(page.locator("#details .warning", has_text="go together")).to_contain_text(
            "Amount spent does not go together with the number of orders and the average order"
        )
        assert question(page, "frequency").input_value() == "3"


@pytest.mark.parametrize("study", STUDIES)
def test_averages_to_begin_with_do_not_contradict_themselves(
    server: Server, browser: Browser, study: str
) -> None:
    """Whichever segment's they are."""
    segments: Any = server.get(f"/studies/{study}/segments").json()["segments"]
    with opened(browser, f"{server.url}/pages/{study}/score") as page:
        for segment in segments:
            page.get_by_role("button", name=segment["name"]).click()
            page.wait_for_selector(f"#headline :text('{segment['name']}')")
            expect(page.locator("#details .warning", has_text="go together")).to_have_count(0)


def test_errors_stand_beside_the_question(server: Server, browser: Browser) -> None:
    """In the words of the API, and gone with the fault."""
    refused: Any = server.post({"apps_installed": 4000}).json()
    with opened(browser, f"{server.url}/pages/mobile/score") as page:
        box = question(page, "apps_installed")
        box.fill("4000")
        page.wait_for_selector(".question .mantine-InputWrapper-error")
        assert page.locator(".question .mantine-InputWrapper-error").inner_text() == (
            f"It {refused['errors'][0]['detail']}."
        )
        assert box.get_attribute("aria-invalid") == "true"
        expect(page.locator("#headline")).to_contain_text("No answer")
        box.fill("40")
        wait_for_answer(page, server.post({"apps_installed": 40}).json())
        expect(page.locator(".question .mantine-InputWrapper-error")).to_have_count(0)


def test_typed_text_is_text(server: Server, browser: Browser) -> None:
    """Markup and scripts stay what somebody typed."""
    hostile = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"
    with opened(browser, f"{server.url}/pages/mobile/score") as page:
        dialogs: list[str] = []
        page.on("dialog", lambda item: (dialogs.append(item.message), item.dismiss()))
        page.locator("details summary").click()
        question(page, "apps_installed").fill("40")
        wait_for_answer(page, server.post({"apps_installed": 40}).json())
        question(page, "device_model").fill(hostile)
        page.wait_for_selector("#details .warning")
        assert not dialogs
        assert page.locator("main img, main script").count() == 0


def test_the_keyboard_is_enough(server: Server, browser: Browser) -> None:
    """From the address bar to an answer."""
    with opened(browser, f"{server.url}/pages/") as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.innerText") == "Skip to the content"
        _tab_to(page, "document.activeElement.innerText === 'Score one'")
        page.keyboard.press("Enter")
        page.wait_for_selector("main .form")
        page.wait_for_function("() => document.activeElement.tagName === 'H1'")
        _tab_to(page, "document.activeElement.id.includes('apps_installed')")
        page.keyboard.type("64")
        wait_for_answer(page, server.post({"apps_installed": 64}).json())
        _tab_to(page, "document.activeElement.getAttribute('role') === 'slider'")
        page.keyboard.press("ArrowRight")
        wait_for_answer(page, server.post({"apps_installed": 65}).json())


def _tab_to(page: Page, condition: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(condition):
            return
    pytest.fail(f"no way by Tab to where {condition}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", PLACES)
def test_axe_finds_nothing(server: Server, browser: Browser, place: str, scheme: str) -> None:
    """No violation of any severity, with an answer shown and everything unfolded."""
    with opened(browser, server.url + place, color_scheme=scheme) as page:
        if place.endswith("score"):
            page.locator(".beginnings button").first.click()
            page.wait_for_selector("#why table")
            page.wait_for_selector("#why:not([data-dash-is-loading])")
        for summary in page.locator("summary").all():
            summary.click()
        page.wait_for_function("() => !document.querySelector('[id*=unfolded]:empty')")
        violations = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [(item["id"], item["nodes"][0]["html"]) for item in violations] == []


@pytest.mark.parametrize("place", PLACES)
def test_a_phone_needs_no_scrolling_sideways(server: Server, browser: Browser, place: str) -> None:
    """At 390 pixels."""
    with opened(browser, server.url + place, viewport={"width": 390, "height": 844}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("study", STUDIES)
def test_an_answer_fits_a_phone(server: Server, browser: Browser, study: str) -> None:
    """With everything that belongs to it."""
    phone = {"width": 390, "height": 844}
    with opened(browser, f"{server.url}/pages/{study}/score", viewport=phone) as page:
        page.locator(".beginnings button").first.click()
        page.wait_for_selector("#why table")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("place", PLACES)
def test_cells_stand_below_their_headings(server: Server, browser: Browser, place: str) -> None:
    """In every table of every page."""
    with opened(browser, server.url + place) as page:
        lefts = page.evaluate(
            "() => Array.from(document.querySelectorAll('table'), (table) =>"
            " ['thead', 'tbody'].map((part) => Array.from("
            "table.querySelector(`${part} tr`)?.children ?? [],"
            " (cell) => Math.round(cell.getBoundingClientRect().left))))"
        )
        for head, body in lefts:
            assert not body or head == body


def test_the_colour_scheme_can_be_switched(server: Server, browser: Browser) -> None:
    """It begins as the system has it, and the choice stays."""
    scheme = "document.documentElement.dataset.mantineColorScheme"
    with opened(browser, f"{server.url}/pages/", color_scheme="dark") as page:
        assert page.evaluate(scheme) == "dark"
        page.get_by_role("button", name="Switch between light and dark").click()
        page.wait_for_function(f"() => {scheme} === 'light'")
        page.reload()
        page.wait_for_selector("main h1")
        assert page.evaluate(scheme) == "light"


@pytest.mark.parametrize("study", STUDIES)
def test_a_segments_card_is_one_sheet(server: Server, browser: Browser, study: str) -> None:
    """Printed on A4, without what is only for the screen."""
    cards: Any = server.get(f"/studies/{study}/segments").json()
    segment = cards["segments"][0]
    with opened(browser, f"{server.url}/pages/{study}/segments/{segment['id']}") as page:
        assert page.locator("h1").inner_text() == segment["name"]
        assert b"/Count 1\n" in page.pdf(format="A4")
        page.emulate_media(media="print")
        assert not page.locator(".top").is_visible()


def test_no_request_leaves_the_host(server: Server, browser: Browser) -> None:
    """Scripts, styles and fonts included; the policy allows nothing else."""
    with browser.new_context() as profile:
        page = profile.new_page()
        request_value: list[str] = []
        page.on("request", lambda request: request_value.append(request.url))
        for place in PLACES:
            page.goto(server.url + place)
            page.wait_for_selector("main h1")
        assert {url.split("/")[2] for url in request_value if not url.startswith("data:")} == {
            f"127.0.0.1:{server.port}"
        }


def test_pages_have_a_strict_policy(server: Server) -> None:
    """No script that is not ours, none from a text, and no frame around them."""
    for path in ("/pages/", "/pages/retail/score", "/pages/_dash-layout"):
        headers = server.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"].startswith("'self' 'sha256-")
        assert "unsafe" not in policy["script-src"]
        assert policy["frame-ancestors"] == "'none'"
        assert not any("http" in value or "*" in value for value in policy.values())
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Request-ID"]


def test_a_study_that_is_broken_leaves_the_others(
    browser: Browser, tmp_path: Path, models_dir: Path
) -> None:
    """Its page says why; the choice of studies marks it."""
    package = models_dir / "retail.bin"
    package.write_bytes(package.read_bytes()[:1000])
    with serving(tmp_path, MODELS_DIR=str(models_dir), WEB_CONCURRENCY="1") as server:
        reason: Any = server.get("/studies/retail/segments").json()
        with opened(browser, f"{server.url}/pages/retail/segments") as page:
            assert page.locator("main .error").inner_text() == reason["detail"]
            assert "not available" in page.locator("#studies").inner_text()
            page.get_by_role("main").get_by_role("link", name="Credit card holders").click()
            page.wait_for_selector("article.card")
            assert page.url == f"{server.url}/pages/credit_card/segments"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"output": "a.b"}', 400),
        (b'{"output": {}}', 400),
    ],
)
def test_what_no_page_asks_is_refused(client: FlaskClient, body: bytes, status: int) -> None:
    """With a problem document, as everywhere."""
    answer = client.post(
        "/pages/_dash-update-component", data=body, content_type="application/json"
    )
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"


def test_only_score_a_file_loads_the_grid(server: Server, browser: Browser) -> None:
    """It weighs more than everything else together."""
    with opened(browser, f"{server.url}/pages/") as page:
        request_value: list[str] = []
        page.on("request", lambda request: request_value.append(request.url))
        page.reload()
        page.wait_for_selector("article.card")
        assert not any("dash_ag_grid" in url for url in request_value)
        page.get_by_role("link", name="Score a file").click()
        page.wait_for_selector("#file-rows", state="attached")
        assert any("dash_ag_grid" in url for url in request_value)


def test_a_script_that_is_not_ours_is_a_404(client: FlaskClient) -> None:
    """Packages hold more than what pages use."""
    for name in ("dash/dash.py", "os/environ.js", "dash/../secret.js"):
        assert client.get(f"/pages/_dash-component-suites/{name}").status_code == 404


def test_pages_are_counted_by_route(client: FlaskClient) -> None:
    """Not by path, which anybody can make up."""
    client.get("/pages/made-up-by-anybody/segments")
    exposed = client.get("/metrics").text
    assert 'route="/pages/<path:path>"' in exposed
    assert "made-up-by-anybody" not in exposed


def test_the_root_leads_to_the_pages(client: FlaskClient) -> None:
    """And so does their address without the last slash."""
    for path in ("/", "/pages"):
        assert client.get(path).headers["Location"] == "pages/"


def test_only_a_page_loads_dash() -> None:
    """A process that answers the API alone spends nothing on it."""
    program = (
        "import sys\n"
        "from segmentation.service.app import create_app\n"
        "libraries = {'dash', 'plotly', 'dash_mantine_components'}\n"
        "client = create_app().test_client()\n"
        f"assert client.post('/predict', json={COMPLETE!r}).status_code == 200\n"
        "for path in '/segments', '/docs', '/openapi.json', '/':\n"
        "    assert client.get(path).status_code in (200, 302)\n"
        "assert not libraries & set(sys.modules)\n"
        "assert client.get('/pages/').status_code == 200\n"
        "assert libraries <= set(sys.modules)\n"
        "assert not {'pandas', 'sklearn', 'scipy', 'shap'} & set(sys.modules)\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stderr


def test_the_first_page_is_little_work_for_a_browser(server: Server, browser: Browser) -> None:
    """By the processor time of the page's thread, in a browser that has nothing of it yet."""
    with browser.new_context() as profile:
        page = profile.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        session = profile.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.goto(f"{server.url}/pages/")
        page.wait_for_selector("article.card")
        metrics = session.send("Performance.getMetrics")["metrics"]
    (seconds,) = (metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
    assert 0 < seconds < 5
