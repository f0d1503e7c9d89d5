"""Packages of format 4, which the version before wrote, are still read, answered and worded."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import pytest

from segmentation.artifact import read_package
from segmentation.artifact.format_4 import upgrade
from segmentation.artifact.lineage import Lineage
from segmentation.runtime import Model
from segmentation.runtime.cards import segment_cards
from segmentation.wording.clusters import describe_naming
from segmentation.wording.identity import describe_conflict
from tests.support.shipped import ROOT

PACKAGE = ROOT / "tests/packages/format_4/household.bin"


def old_manifest() -> dict[str, Any]:
    """Return the manifest as it stands in the file."""
    with zipfile.ZipFile(PACKAGE) as archive:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    assert manifest["format_version"] == 4
    return manifest


def test_the_package_answers_as_it_did() -> None:
    """The golden records have the segments and probabilities that were packed with them."""
    model = Model.load(PACKAGE)
    model.check_golden()
    golden = model.manifest.golden
    (answers,) = model.answer(model.check([item.record for item in golden]))
    assert [answer["segment"]["id"] for answer in answers] == [item.segment for item in golden]


def test_its_names_go_by_means_and_have_no_margin() -> None:
    """Format 4 compared means; what it did not measure is not made up."""
    manifest = read_package(PACKAGE).manifest
    assert manifest.clusters is not None
    reason, *_, last = manifest.clusters.naming
    assert (reason.named_by, reason.statistic, reason.margin) == ("rule", "mean", None)
    assert "lowest mean of" in describe_naming(reason, manifest.record)
    assert last.named_by == "elimination"
    cards = segment_cards(manifest)["segments"]
    assert [card["naming"]["remarks"] for card in cards] == [[], [], []]
    assert all("firmness" not in card for card in cards)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            "the rules call low what continues mid; it stays mid",
            {"kind": "continues", "segment": "mid", "rule": "low"},
        ),
        (
            "the rules call mid a segment without a predecessor, but mid goes on in another one;"
            " it becomes low, the name that is left",
            {"kind": "left_over", "segment": "low", "rule": "mid"},
        ),
        (
            "the rules know no vip; what continues it is now high",
            {"kind": "unknown", "segment": "high", "rule": "high", "lost": "vip"},
        ),
    ],
)
def test_conflicts_become_data_that_is_worded_as_before(
    sentence: str, expected: dict[str, str]
) -> None:
    """Each of the three sentences that format 4 knew."""
    changes = {"old": [], "new": [], "agreement": 1.0, "unchanged": 1.0, "records": 1}
    lineage = {"previous": "abc", "transitions": changes, "conflicts": [sentence]}
    upgraded = upgrade(old_manifest() | {"lineage": lineage})["lineage"]
    assert upgraded["conflicts"] == [expected]
    (conflict,) = Lineage.model_validate_json(json.dumps(upgraded)).conflicts
    assert describe_conflict(conflict).startswith(sentence)
