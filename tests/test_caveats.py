"""Caveats are said where they are true: of the method, of one table, or of the run at hand."""

from __future__ import annotations

import hashlib
import re

import pytest

from segmentation.artifact import read_package
from segmentation.studies import STUDIES as ALL_STUDIES
from segmentation.studies import credit_card, household, mobile
from segmentation.study.caveats import (
    RunFacts,
    TableFact,
    compare_fewer_clusters,
    compare_indirect_answers,
    word_caveats,
)
from tests.support.shipped import PACKAGES, ROOT, STUDIES

RUN = RunFacts(table_sha256="0" * 64, n_segments=4)


def run(silhouettes: dict[int, float]) -> RunFacts:
    """Return a run with four segments."""
    return RunFacts("0" * 64, 4, silhouettes)


@pytest.mark.parametrize(
    ("silhouettes", "expected"),
    [
        (
            {2: 0.43, 3: 0.32, 4: 0.276},
            "Two clusters are better separated than four (silhouette 0.43 to 0.28).",
        ),
        (
            {2: 0.2, 3: 0.31, 4: 0.3},
            "Three clusters are better separated than four (silhouette 0.31 to 0.30).",
        ),
        ({2: 0.2, 3: 0.25, 4: 0.3}, None),
        ({2: 0.447, 3: 0.4, 4: 0.446}, None),
        ({2: 0.2, 4: 0.3, 5: 0.9}, None),
        ({4: 0.3}, None),
        ({}, None),
    ],
)
def test_fewer_clusters_are_only_called_better_if_they_are(
    silhouettes: dict[int, float], expected: str | None
) -> None:
    """By the run's own curve, and only by what two decimals show."""
    assert compare_fewer_clusters(run(silhouettes)) == expected


def test_indirect_answers_are_said_to_be_as_good_as_they_were() -> None:
    """With the run's own shares; nothing where they were not measured."""
    facts = RunFacts("0" * 64, 3, {}, accuracy_indirect=0.558, accuracy_largest_class=0.517)
    sentence = compare_indirect_answers(facts)
    assert sentence is not None
    assert "right for 56% of held-out records" in sentence
    assert "largest segment is right for 52%" in sentence
    assert compare_indirect_answers(RUN) is None


def test_a_fact_about_a_table_is_said_of_no_other() -> None:
    """A model of somebody's own data does not repeat what is true of a public data set."""
    caveats = ("Always.", TableFact("Of that table.", ("a" * 64, "b" * 64)))
    assert word_caveats(caveats, RUN) == ["Always."]
    assert word_caveats(caveats, RunFacts("b" * 64, 4)) == ["Always.", "Of that table."]


@pytest.mark.parametrize("study", STUDIES)
def test_no_method_caveat_speaks_of_the_original(study: str) -> None:
    """Nor has one a figure of it."""
    sentences = [caveat for caveat in ALL_STUDIES[study].caveats if isinstance(caveat, str)]
    assert sentences
    for sentence in sentences:
        assert "original" not in sentence
        assert not re.search(r"\d\.\d", sentence)


@pytest.mark.parametrize(
    ("study", "tables"),
    [
        ("mobile", mobile.TABLES),
        ("household", household.TABLES),
        ("credit_card", credit_card.TABLES),
    ],
)
def test_the_sample_is_one_of_the_tables(study: str, tables: tuple[str, ...]) -> None:
    """Its digest is that of the file that is shipped."""
    content = (ROOT / f"data/{study}.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest() in tables


@pytest.mark.parametrize("study", STUDIES)
def test_silhouettes_in_caveats_are_those_of_the_packed_curve(study: str) -> None:
    """What a package says about its clusters is what it measured."""
    manifest = read_package(PACKAGES[study]).manifest
    for caveat in manifest.caveats:
        if "silhouette" in caveat and " to 0." in caveat:
            assert manifest.clusters is not None
            facts = run({point.k: point.silhouette for point in manifest.clusters.curve})
            assert caveat == compare_fewer_clusters(facts)


def test_the_sample_bears_out_what_is_said_of_its_plus_tier() -> None:
    """Most cash advances and the highest balance."""
    segments = {
        item.id: item.numbers for item in read_package(PACKAGES["credit_card"]).manifest.segments
    }
    for name in ("cash_advance", "balance"):
        means = {segment: numbers[name].mean for segment, numbers in segments.items()}
        assert max(means, key=lambda segment: means[segment]) == "plus"
