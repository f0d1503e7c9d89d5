"""Makes docs/screenshots from the service as it is: ``python -m scripts.screenshots``.

It starts the service, opens two pages in the system's Chromium and writes a picture of each.
"""

from __future__ import annotations

import sys

from playwright.sync_api import Page, ViewportSize

from benchmarks.chromium import CHROMIUM, MISSING, launched
from benchmarks.serving import OURS, ROOT, running

FOLDER = ROOT / "docs" / "screenshots"
PAGES = f"http://127.0.0.1:{OURS.port}/pages"
SIZE = ViewportSize(width=1280, height=900)


def main() -> None:
    """Start the service and write both pictures."""
    if CHROMIUM is None:
        sys.exit(f"screenshots: {MISSING}")
    FOLDER.mkdir(exist_ok=True)
    with running(OURS), launched() as browser:
        page = browser.new_page(viewport=SIZE)
        segments(page)
        file(page)


def segments(page: Page) -> None:
    """Show the segments of the household panel."""
    page.goto(f"{PAGES}/household/segments")
    page.wait_for_selector("article.card")
    page.screenshot(path=FOLDER / "segments.png")


def file(page: Page) -> None:
    """Show a file that was scored: the panel's sample, with one line broken off."""
    page.goto(f"{PAGES}/household/file")
    page.wait_for_selector("#file-rows", state="attached")
    content = (ROOT / "data" / "household.csv").read_bytes()
    place = content.index(b"\n", len(content) // 2)
    broken = content[:place] + b"\n1010010,4,3" + content[place:]
    page.set_input_files(
        "#file-input", {"name": "customers.csv", "mimeType": "text/csv", "buffer": broken}
    )
    page.get_by_role("button", name="Score the file").click()
    page.wait_for_selector("#file-rows .ag-row")
    page.evaluate("document.getElementById('file-results').scrollIntoView()")
    page.screenshot(path=FOLDER / "file.png")


if __name__ == "__main__":
    main()
