"""Packages of format 5, which the version before wrote, are still read and answered."""

from __future__ import annotations

import json
import zipfile

from segmentation.artifact import read_package
from segmentation.runtime import Model
from tests.support.shipped import ROOT

PACKAGE = ROOT / "tests/packages/format_5/household.bin"


def test_the_package_answers_as_it_did() -> None:
    """The golden records have the segments and probabilities that were packed with them."""
    model = Model.load(PACKAGE)
    model.check_golden()
    golden = model.manifest.golden
    (answers,) = model.answer(model.check([item.record for item in golden]))
    assert [answer["segment"]["id"] for answer in answers] == [item.segment for item in golden]


def test_the_ends_of_its_columns_are_its_extremes() -> None:
    """Under the names of today, for each column and each segment."""
    with zipfile.ZipFile(PACKAGE) as archive:
        card = json.loads(archive.read("manifest.json"))
    assert card["format_version"] == 5
    manifest = read_package(PACKAGE).manifest
    pairs = [(manifest.baseline.numbers, card["baseline"]["numbers"])]
    pairs += [
        (segment.numbers, old["numbers"])
        for segment, old in zip(manifest.segments, card["segments"], strict=True)
    ]
    for numbers, old_numbers in pairs:
        assert numbers.keys() == old_numbers.keys()
        for name, described in numbers.items():
            ends = old_numbers[name]["minimum"], old_numbers[name]["maximum"]
            assert (described.low, described.high) == ends
