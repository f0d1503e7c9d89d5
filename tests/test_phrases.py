"""Phrases that pages, the terminal and the browser share, from cases worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from segmentation.wording.phrases import (
    capitalize_first,
    count_noun,
    format_percent,
    join_parts,
)
from tests.support.shipped import ROOT

SCRIPT = ROOT / "segmentation/dashboard/assets/phrases.js"

# Halves round to the even neighbour, as Python's formats do.
PERCENTAGES = [
    (0.0, "0%"),
    (1e-9, "under 1%"),
    (0.004, "under 1%"),
    (0.00499999, "under 1%"),
    (0.005, "under 1%"),
    (0.0051, "1%"),
    (0.015, "2%"),
    (0.025, "2%"),
    (0.125, "12%"),
    (0.135, "14%"),
    (0.245, "24%"),
    (0.29, "29%"),
    (0.333333, "33%"),
    (0.5, "50%"),
    (0.565, "56%"),
    (0.575, "57%"),
    (0.58, "58%"),
    (0.994, "99%"),
    (0.9949, "99%"),
    (0.995, "over 99%"),
    (0.999999, "over 99%"),
    (1.0, "100%"),
]
COUNTS = [
    (0, "row", "0 rows"),
    (1, "row", "1 row"),
    (2, "row", "2 rows"),
    (999, "row", "999 rows"),
    (1_000, "row", "1,000 rows"),
    (1_234_567, "more question", "1,234,567 more questions"),
]


@pytest.mark.parametrize(("share", "expected"), PERCENTAGES)
def test_a_share_is_written_as_a_percentage(share: float, expected: str) -> None:
    """What is not quite nothing or all is not written as if it were."""
    assert format_percent(share) == expected


@pytest.mark.parametrize(("n", "noun", "expected"), COUNTS)
def test_a_number_has_its_noun_in_the_right_form(n: int, noun: str, expected: str) -> None:
    """Only 1 is singular; thousands have a comma."""
    assert count_noun(n, noun) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_parts_are_joined_as_a_sentence_lists_them(parts: list[str], expected: str) -> None:
    """Commas between, a conjunction before the last."""
    assert join_parts(parts) == expected


def test_only_the_first_letter_becomes_a_capital() -> None:
    """Names within a sentence keep theirs."""
    assert capitalize_first("always naming iOS") == "Always naming iOS"
    assert capitalize_first("") == ""


@pytest.mark.long
def test_the_browser_writes_the_same(browser: Browser) -> None:
    """Its functions give what Python's give, for the same cases."""
    page = browser.new_page()
    try:
        page.evaluate(Path(SCRIPT).read_text(encoding="utf-8"))
        shares = json.dumps([share for share, _ in PERCENTAGES])
        assert page.evaluate(f"{shares}.map(window.phrases.formatPercent)") == [
            expected for _, expected in PERCENTAGES
        ]
        counts = json.dumps([[n, noun] for n, noun, _ in COUNTS])
        assert page.evaluate(f"{counts}.map(([n, noun]) => window.phrases.countNoun(n, noun))") == [
            expected for _, _, expected in COUNTS
        ]
    finally:
        page.close()
