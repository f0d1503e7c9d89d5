"""What tests of the pages share: pages opened in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.support.waiting import PATIENCE

SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
"""A desktop's window and a phone's."""


@contextmanager
def opened(browser: Browser, address: str, **context: Any) -> Iterator[Page]:
    """Open a page and wait until it is there; its script must not complain."""
    with browser.new_context(**context) as profile:
        page = profile.new_page()
        page.set_default_timeout(PATIENCE * 1000)  # in milliseconds
        expect.set_options(timeout=PATIENCE * 1000)
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda text: faults.append(text.text) if text.type == "error" else None)
        page.goto(address)
        page.wait_for_selector("main h1")
        yield page
        assert not faults
