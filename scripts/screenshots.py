"""Makes docs/screenshots from the service as it is: ``python -m scripts.screenshots``.

It starts the service, opens two pages in the system's Chromium and writes a picture of each.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.conftest import ROOT, Server, serving

FOLDER = ROOT / "docs" / "screenshots"
SIZE = ViewportSize(width=1280, height=900)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def main() -> None:
    """Start the service and write both pictures."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("screenshots: Chromium is not installed; scripts/install-test-tools installs it")
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        segments(page, server)
        score(page, server)
        browser.close()


def segments(page: Page, server: Server) -> None:
    """Show the segments of the household panel."""
    page.goto(f"{server.url}/pages/household/segments")
    page.wait_for_selector("article.card")
    page.screenshot(path=FOLDER / "segments.png")


def score(page: Page, server: Server) -> None:
    """Show the answer to a survey, with one answer moved by its slider."""
    page.goto(f"{server.url}/pages/mobile/score")
    page.get_by_role("button", name="Brand Loyalist").click()
    page.wait_for_selector("#why table")
    page.get_by_role("slider", name="Screen-on time").press("ArrowRight")
    page.wait_for_selector("#why:not([data-dash-is-loading]) table")
    page.screenshot(path=FOLDER / "score.png")


if __name__ == "__main__":
    main()
