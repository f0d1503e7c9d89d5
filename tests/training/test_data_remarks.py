"""What training says about a table that it can learn from, but that somebody should look at."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segmentation.artifact import read_package
from segmentation.artifact.data_remarks import DataRemark
from segmentation.datasets import read_table
from segmentation.errors import DataError, TrainingError
from segmentation.schema import Record
from segmentation.studies.credit_card import CREDIT_CARD
from segmentation.studies.mobile import MOBILE, SCHEMA
from segmentation.training.command_line import main
from segmentation.training.fitting.supervised import fit_supervised_study
from segmentation.training.labelled_records import LabelledRecords, leave_out
from segmentation.training.measuring.data_remarks import find_contradicted_labels, find_remarks
from segmentation.training.measuring.profiles import baseline
from segmentation.wording.data_remarks import describe_remark
from tests.support import planted
from tests.support.tables import CLASS, ONE_CANDIDATE, SAMPLE, SEED, as_csv, sample_rows

X, _ = planted.draw()
RECORDS = planted.records(X)


def remarks(records: list[Record], earlier: list[Record] | None = None) -> list[str]:
    """Return what is said about records, maybe after others."""
    before = baseline(planted.SCHEMA, earlier) if earlier else None
    return [
        describe_remark(remark, planted.SCHEMA)
        for remark in find_remarks(planted.SCHEMA, records, before)
    ]


def test_a_good_table_is_not_remarked_on() -> None:
    """Nor is one that is like the table before it, within three per cent of its values."""
    assert remarks(RECORDS) == []
    assert remarks(RECORDS[:90], RECORDS) == []


def test_a_column_of_one_value_is_named() -> None:
    """Also where some do not answer; two values are no constant."""
    constant: list[Record] = [record | {"age": 40} for record in RECORDS]
    del constant[0]["age"]
    assert remarks(constant) == [
        "Column 'Age' has the same value in all its rows: it tells nothing apart."
    ]
    constant[1]["age"] = 41
    assert remarks(constant) == []


def test_rows_that_repeat_others_are_counted_where_they_have_no_identifier() -> None:
    """The second of each is listed, by its number from 1; an id of its own makes another row."""
    unnamed = [{key: value for key, value in record.items() if key != "id"} for record in RECORDS]
    assert remarks([*unnamed, unnamed[0], unnamed[7]]) == [
        "2 rows of 182 without an identifier repeat earlier ones (rows 181 and 182): customers that"
        " are there twice count twice."
    ]
    assert remarks([*RECORDS, RECORDS[0] | {"id": 999}]) == []


@pytest.mark.parametrize(
    ("factor", "ending"),
    [
        (60, "and typical ones 60 times as large: another unit?"),
        (0.01, "and typical ones 100 times as small: another unit?"),
    ],
)
def test_values_unlike_those_before_are_remarked_on(factor: float, ending: str) -> None:
    """With the range of the model before, and how typical values compare."""
    scaled = [record | {"spend": record["spend"] * factor} for record in RECORDS]
    (sentence,) = remarks(scaled, RECORDS)
    spent = np.sort(X[:, planted.SPEND])
    ends = re.search(r"outside the usual ones of the model before \((\S+) to (\S+)\)", sentence)
    assert ends
    assert sentence.startswith("Column 'Spend': ")
    # Of 180 values the third ones, within a hundredth of the range and further inside.
    for end, third, inwards in ((ends[1], spent[2], 1), (ends[2], spent[-3], -1)):
        assert 0 <= (float(end) - third) * inwards <= 0.01 * (spent[-3] - spent[2])
    assert sentence.endswith(f"{ending}.")


def test_a_label_is_contradicted_where_another_segment_is_likely_and_it_is_not() -> None:
    """A toss-up is no fault, nor is a lead of a fifth."""
    P = np.array([[0.7, 0.3], [0.6, 0.4], [0.05, 0.95], [0.5, 0.5]])
    y, classes = np.array([2, 2, 2, 1]), np.array([1, 2])
    assert find_contradicted_labels(y, P, classes) == [
        DataRemark(kind="label", count=1, total=4, rows=(1,))
    ]
    assert find_contradicted_labels(y[1:], P[1:], classes) == []


@pytest.mark.parametrize("n_wrong", [2, 59])
def test_wrong_labels_of_a_survey_are_found(
    n_wrong: int, data: LabelledRecords, tmp_path: Path
) -> None:
    """Every one of those that were moved to another class, and no right one."""
    random = np.random.default_rng(n_wrong)
    rows = np.sort(random.permutation(len(data.y))[:n_wrong])
    table = read_table(SAMPLE, SCHEMA)
    for row in rows:
        label = table.records[row]["user_behavior_class"]
        table.records[row]["user_behavior_class"] = (label + 1) % 5 + 1
    learned = fit_supervised_study(MOBILE, table, ONE_CANDIDATE, SEED, [])
    (remark,) = learned.remarks
    assert (remark.count, remark.total) == (n_wrong, 700)
    assert remark.rows == tuple((rows + 1)[:20].tolist())
    sentence = describe_remark(remark, SCHEMA)
    assert sentence.endswith("look for wrong labels.")
    assert ("39 more" in sentence) is (n_wrong == 59)


def without_class(label: str) -> list[dict[str, str]]:
    """Return rows of the sample without one class."""
    return [row for row in sample_rows(12) if row[CLASS] != label]


def train(text: str, folder: Path, *options: str) -> int:
    """Train on a table and return the exit status; the package is ``m.bin``."""
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return main(["--data", str(path), "--output", str(folder / "m.bin"), *options])


def test_a_segment_without_records_is_refused_unless_it_is_left_out_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that can never answer a segment is made on demand only."""
    assert train(as_csv(without_class("3")), tmp_path) == 1
    complaint = capsys.readouterr().err
    assert "Feature-Oriented Buyer (feature_oriented_buyer, label 3) has 0" in complaint
    assert "at least 10 records" in complaint
    assert "--without ID" in complaint
    assert not (tmp_path / "m.bin").exists()
    without = ("--without", "feature_oriented_buyer")
    assert train(as_csv(without_class("3")), tmp_path, *without) == 0
    ids = [segment.id for segment in read_package(tmp_path / "m.bin").manifest.segments]
    assert len(ids) == 4
    assert "feature_oriented_buyer" not in ids


def test_a_segment_that_has_records_cannot_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows would have no segment."""
    assert train(as_csv(sample_rows(12)), tmp_path, "--without", "power_user") == 1
    assert "class 5 is the label of no segment of mobile" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("study", "names", "message"),
    [
        (MOBILE, ["loyalists"], "--without loyalists: no segment of mobile; it has cost_conscious"),
        (CREDIT_CARD, ["vip"], "the segments of credit_card are discovered, all of them"),
        (MOBILE, [segment.id for segment in MOBILE.segments[1:]], "at least 2 segments"),
    ],
)
def test_what_cannot_be_left_out_is_refused(study: Any, names: list[str], message: str) -> None:
    """With the names that there are."""
    with pytest.raises(TrainingError, match=message):
        leave_out(study, names)


def table_with(folder: Path, title: str, factor: float) -> Path:
    """Return the path of the sample with one column in another unit."""
    rows = [row | {title: f"{float(row[title]) * factor:.6g}"} for row in sample_rows(20)]
    path = folder / "units.csv"
    path.write_text(as_csv(rows), encoding="utf-8")
    return path


def test_minutes_under_a_header_of_hours_are_explained(tmp_path: Path) -> None:
    """Before the cells that are refused: the header under which they would be read."""
    path = table_with(tmp_path, "Screen On Time (hours/day)", 60)
    with pytest.raises(DataError) as refusal:
        read_table(path, SCHEMA)
    assert refusal.value.reasons[0] == (
        "column 'Screen On Time (hours/day)': the values look like minutes per day; call the column"
        " 'Screen On Time (min/day)' to have them read so"
    )
    path.write_text(
        path.read_text().replace("Screen On Time (hours/day)", "Screen On Time (min/day)")
    )
    assert len(read_table(path, SCHEMA).records) == 100


def test_a_single_impossible_value_is_not_taken_for_a_unit(tmp_path: Path) -> None:
    """One typing error among many right values says nothing about the column."""
    rows = sample_rows(20)
    rows[0] |= {"Screen On Time (hours/day)": "300"}
    path = tmp_path / "typo.csv"
    path.write_text(as_csv(rows), encoding="utf-8")
    with pytest.raises(DataError) as refusal:
        read_table(path, SCHEMA)
    assert [reason.partition(",")[0] for reason in refusal.value.reasons] == ["row 1 (line 2)"]


def test_per_cent_in_a_column_of_shares_is_explained(tmp_path: Path) -> None:
    """As a unit without a header of its own."""
    columns = [column.title.strip() for column in CREDIT_CARD.schema.features]
    cells = ["85" if title == "PURCHASES_FREQUENCY" else "0.5" for title in columns]
    path = tmp_path / "cards.csv"
    path.write_text("\n".join([",".join(columns), *[",".join(cells)] * 12]))
    with pytest.raises(DataError) as refusal:
        read_table(path, CREDIT_CARD.schema)
    assert refusal.value.reasons[0] == (
        "column 'PURCHASES_FREQUENCY': the values look like per cent; write them as shares from 0"
        " to 1, or with a per cent sign"
    )


def test_remarks_are_packed_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the model card, for the page and the API, and in the terminal."""
    rows = [row | {"Number of Apps Installed": "40"} for row in sample_rows(12)]
    assert train(as_csv(rows), tmp_path) == 0
    (remark,) = read_package(tmp_path / "m.bin").manifest.training.remarks
    assert (remark.kind, remark.column) == ("constant", "apps_installed")
    assert f"Mind: {describe_remark(remark, SCHEMA)}" in capsys.readouterr().out


def test_remarks_are_printed_also_where_training_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They may be why: before anything is fitted, in the terminal."""
    rows = [row | {"Number of Apps Installed": "40"} for row in without_class("3")]
    assert train(as_csv(rows), tmp_path) == 1
    captured = capsys.readouterr()
    assert "Mind: Column 'Number of Apps Installed' has the same value" in captured.out
    assert "Feature-Oriented Buyer" in captured.err
