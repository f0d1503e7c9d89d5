"""Model cards say nothing about one or two customers: every number against the training records."""

from __future__ import annotations

import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from segmentation.artifact import read_package
from segmentation.runtime import Model
from segmentation.schema import Record
from segmentation.studies import STUDIES as ALL_STUDIES
from tests.support.disclosures import Customers, find_disclosures, list_numbers, name_kind
from tests.support.shipped import PACKAGES, ROOT, STUDIES


def read_card(path: Path) -> dict[str, Any]:
    """Return the manifest as it stands in the file."""
    with zipfile.ZipFile(path) as archive:
        card: dict[str, Any] = json.loads(archive.read("manifest.json"))
    return card


def find_customers(model: Model, records: list[Record]) -> Customers:
    """Return training records with the segments that the model gives them.

    Of complete records these are the ones that they were trained with.
    """
    answers = model.predict(model.check(records))
    return Customers(records, [answer["segment"]["id"] for answer in answers])


@pytest.fixture(scope="module")
def customers(models: dict[str, Model], samples: dict[str, list[Record]]) -> dict[str, Customers]:
    """The customers of every study's sample."""
    return {study: find_customers(models[study], samples[study]) for study in STUDIES}


@pytest.mark.parametrize("study", STUDIES)
def test_segments_are_those_of_the_training(study: str, customers: dict[str, Customers]) -> None:
    """So that what is counted again is what was counted."""
    sizes = {item["id"]: item["size"] for item in read_card(PACKAGES[study])["segments"]}
    assert sizes == {name: customers[study].segments.count(name) for name in sizes}


@pytest.mark.parametrize("study", STUDIES)
def test_no_number_is_about_one_or_two_customers(
    study: str, customers: dict[str, Customers]
) -> None:
    """Counts, shares, means and ends of columns; and no number equals an extreme of one of them."""
    card = read_card(PACKAGES[study])
    assert len(list(list_numbers(card))) > 500
    assert find_disclosures(card, customers[study]) == []


def test_what_earlier_packages_told_is_found(
    models: dict[str, Model], samples: dict[str, list[Record]]
) -> None:
    """Format 5 published 39 ends of columns, many of segments, and counts in four cells."""
    card = read_card(ROOT / "tests/packages/format_5/household.bin")
    text = json.dumps(card).replace('"minimum": ', '"low": ').replace('"maximum": ', '"high": ')
    card = json.loads(text) | {"record": {}}
    customers = find_customers(models["household"], samples["household"])
    paths = [fault.partition(":")[0] for fault in find_disclosures(card, customers)]
    of_baseline = [path for path in paths if path.startswith("baseline/")]
    assert len(of_baseline) == 39
    assert {path.rpartition("/")[2] for path in of_baseline} == {"low", "high"}
    cells = {path.split("/")[3] for path in paths if path.startswith("clusters/map/cells/")}
    assert len(cells) == 4
    assert {path.split("/")[1] for path in paths if path.startswith("segments/")} == {"0", "1", "2"}


def test_a_number_that_nobody_has_thought_of_is_refused() -> None:
    """Its kind is to be said before it is published."""
    with pytest.raises(LookupError, match="segments/0/oldest: no kind of number"):
        name_kind("segments/0/oldest")


@pytest.mark.parametrize("study", STUDIES)
def test_what_is_said_of_columns_is_the_studys(study: str) -> None:
    """Limits and steps of questions are stated, not learned; nor are the rules of transactions."""
    manifest = read_package(PACKAGES[study]).manifest
    assert manifest.record == ALL_STUDIES[study].schema
    transactions = ALL_STUDIES[study].transactions
    if transactions is not None:
        assert manifest.aggregation is not None
        assert manifest.aggregation.transactions == transactions.schema


def test_no_time_is_that_of_one_purchase() -> None:
    """Recency counts from the end of the last day."""
    aggregation = read_package(PACKAGES["retail"]).manifest.aggregation
    assert aggregation is not None
    reference = datetime.fromisoformat(aggregation.reference)
    assert (reference.hour, reference.minute, reference.second) == (23, 59, 59)
    lines = (ROOT / "data/retail.csv").read_text(encoding="utf-8")
    assert f"{reference:%Y-%m-%d}" in lines
    assert f"{reference:%Y-%m-%d %H:%M}" not in lines


@pytest.mark.parametrize("study", STUDIES)
def test_what_was_left_out_does_not_follow_from_the_sums(
    study: str, customers: dict[str, Customers]
) -> None:
    """The answers that no share is about are three or more, in a segment and over all segments."""
    card = read_card(PACKAGES[study])
    people = customers[study]
    for column, described in card["baseline"]["categories"].items():
        published = {
            (segment["id"], choice["value"])
            for segment in card["segments"]
            for choice in segment["categories"][column]
        }
        ids = [segment["id"] for segment in card["segments"]]
        counts = {
            (name, value): people.answers(column, name).count(value)
            for name in ids
            for value in set(people.answers(column))
        }
        left_out = {key: count for key, count in counts.items() if key not in published}
        for name in ids:
            assert sum(n for (own, _), n in left_out.items() if own == name) not in (1, 2)
        for value in described["shares"]:
            assert sum(n for (_, own), n in left_out.items() if own == value) not in (1, 2)
