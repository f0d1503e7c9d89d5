"""Whether the page Score a file stays responsive: ``python -m benchmarks.file_page [ROWS]``.

The system's Chromium against one worker. What holds the page up is what the browser calls long
tasks: those of more than 50 ms, in which nobody's key or click is answered. On a busy machine they
take longer than the work in them, so the processor time of the page's thread stands beside them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.chromium import CHROMIUM, MISSING, launched
from benchmarks.files import file_of
from benchmarks.serving import OURS, running

PATIENCE = 300_000  # milliseconds for the largest file on a busy machine
URL = f"http://127.0.0.1:{OURS.port}"
WATCH = (
    "() => { window.longTasks = []; new PerformanceObserver((list) => "
    "list.getEntries().forEach((entry) => longTasks.push(entry.duration)))"
    ".observe({ type: 'longtask' }); }"
)
SETTLED = "() => new Promise((done) => setTimeout(done, 1500))"


class Watch:
    """Prints what has held a page up since the last time.

    Parameters
    ----------
    page : Page
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        page.evaluate(WATCH)
        self._browser = page.context.new_cdp_session(page)
        self._browser.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._begin()

    def _begin(self) -> None:
        self._started, self._before = time.perf_counter(), self._worked()

    def _worked(self) -> float:
        """Return the processor seconds of the page's thread so far."""
        metrics = self._browser.send("Performance.getMetrics")["metrics"]
        return next(
            float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration"
        )

    def report(self, action: str) -> None:
        """Print it, and begin anew."""
        seconds = time.perf_counter() - self._started
        self._page.evaluate(SETTLED)
        tasks = self._page.evaluate("() => longTasks.splice(0)")
        longest = f"{len(tasks)} long tasks, the longest {max(tasks, default=0):.0f} ms"
        worked = self._worked() - self._before
        print(f"  {action}: {seconds:.1f} s; {longest}; {worked:.2f} s of the processor")
        self._begin()


def measure(page: Page, study: str, file: Path) -> None:
    """Print what one file does to the page."""
    page.set_default_timeout(PATIENCE)
    page.goto(f"{URL}/pages/{study}/file")
    page.wait_for_selector("#file-rows", state="attached")
    watch = Watch(page)
    page.set_input_files("#file-input", file)
    page.wait_for_selector("#file-columns select")
    watch.report("preview")
    page.get_by_role("button", name="Score the file").click()
    page.wait_for_selector("#file-rows .ag-row")
    watch.report("scored, in the grid")
    page.locator('#file-rows [role=columnheader][col-id="confidence"]').click()
    watch.report("sorted")
    page.get_by_role("textbox", name="Segment Filter Input").fill("o")
    watch.report("filtered")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download").click()
    size = Path(coming.value.path()).stat().st_size
    watch.report(f"downloaded, {size / 1e6:.1f} MB")
    heap = page.evaluate("() => performance.memory.usedJSHeapSize")
    print(f"  the page's heap: {heap / 1e6:.0f} MB")


def main() -> None:
    """Measure both studies."""
    if CHROMIUM is None:
        sys.exit(f"file_page: {MISSING}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with (
        tempfile.TemporaryDirectory() as folder,
        running(OURS, WEB_CONCURRENCY="1"),
        launched("--enable-precise-memory-info") as browser,
    ):
        file = Path(folder) / "customers.csv"
        for study in ("mobile", "household"):
            file.write_bytes(file_of(study, n_rows))
            print(f"\n{study}: {n_rows:,} rows, {file.stat().st_size / 1e6:.1f} MB")
            measure(browser.new_page(), study, file)


if __name__ == "__main__":
    main()
