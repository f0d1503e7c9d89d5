"""What ``make mutation`` prints of what mutmut did."""

from __future__ import annotations

import tomllib
from collections import Counter

from scripts.mutation_score import make_rows
from tests.support.shipped import ROOT


def test_the_score_is_the_share_that_was_noticed() -> None:
    """Of what was tried: what no test runs counts as not noticed, what took too long as noticed."""
    ends = {
        "segmentation.errors": Counter({"killed": 5, "timeout": 1, "survived": 1, "no tests": 1}),
        "segmentation.artifact": Counter({"killed": 2}),
    }
    assert [row.split() for row in make_rows(ends)] == [
        ["segmentation.artifact", "2", "2", "100", "%"],
        ["segmentation.errors", "8", "6", "75", "%"],
        ["all", "10", "8", "80", "%"],
    ]


def test_nothing_tried_has_no_score() -> None:
    """Rather than a division by zero."""
    assert [row.split() for row in make_rows({})] == [["all", "0", "0", "-"]]


def test_what_is_changed_and_the_tests_of_it_are_there() -> None:
    """A file that is renamed would be left out in silence."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    mutmut = settings["tool"]["mutmut"]
    for path in mutmut["only_mutate"]:
        assert (ROOT / path.removesuffix("/*")).exists(), path
    for path in mutmut["pytest_add_cli_args_test_selection"] + mutmut["also_copy"]:
        assert (ROOT / path).exists(), path
