"""``train.py`` as its users run it: packages, complaints, exit statuses."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from segmentation.artifact import Trust, read_package
from segmentation.artifact.package import Package
from segmentation.errors import PackageError, TrainingError
from segmentation.studies.household import HOUSEHOLD
from segmentation.studies.mobile import MOBILE
from segmentation.study import Study
from segmentation.training import command_line
from segmentation.training.comparison import model_comparison
from segmentation.training.labelled_records import LabelledRecords
from tests.support.keys import key_pair
from tests.support.metrics import values_by_name
from tests.support.shipped import ROOT
from tests.support.tables import (
    ANSWERS,
    CLASS,
    NOBODY,
    ONE_CANDIDATE,
    SAMPLE,
    SAMPLE_FLOORS,
    SMALL,
    TITLES,
    as_csv,
    changed,
    renamed,
    without,
)

pytestmark = pytest.mark.long


def train(*arguments: object) -> int:
    """Run ``train.py`` in this process."""
    return command_line.main([str(argument) for argument in arguments])


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on standard error."""
    text = capsys.readouterr().err
    assert text.startswith("train.py: ")
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return text


@dataclass(frozen=True)
class Trained:
    """Two packages that one command line made."""

    first: Package
    second: Package


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The small table, trained on twice with one seed."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "small.csv").write_text(as_csv(SMALL), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            command_line.STUDIES, "mobile", replace(MOBILE, grids={"quick": ONE_CANDIDATE})
        )
        for name in ("first.bin", "second.bin"):
            assert train("--data", folder / "small.csv", "--output", folder / name) == 0
    return Trained(read_package(folder / "first.bin"), read_package(folder / "second.bin"))


def test_one_seed_makes_one_model(trained: Trained, data: LabelledRecords) -> None:
    """Training twice gives the same version, the same scorer and the same answers."""
    first, second = trained.first, trained.second
    assert first.manifest.version == second.manifest.version
    assert first.scorer == second.scorer
    item, second_value = (pickle.loads(package.pipeline) for package in (first, second))
    np.testing.assert_array_equal(item.predict_proba(data.X), second_value.predict_proba(data.X))


@pytest.mark.usefixtures("one_candidate")
def test_another_seed_makes_another_model(small: Path, tmp_path: Path, trained: Trained) -> None:
    """The seed is in the manifest and decides what comes out."""
    assert train("--data", small, "--output", tmp_path / "m.bin", "--seed", 7) == 0
    manifest = read_package(tmp_path / "m.bin").manifest
    assert manifest.training.random_state == 7
    assert manifest.version != trained.first.manifest.version


def test_the_package_says_what_it_was_trained_on(trained: Trained) -> None:
    """The manifest names table, rows, parameters and figures, and is not called synthetic."""
    manifest = trained.first.manifest
    assert (manifest.training.data.name, manifest.training.data.rows) == ("small.csv", 60)
    assert (manifest.training.n_train, manifest.training.n_calibration) == (48, 12)
    assert manifest.training.params == {name: values[0] for name, values in ONE_CANDIDATE.items()}
    assert [segment.size for segment in manifest.segments] == [12] * 5
    assert values_by_name(manifest.metrics).keys() >= SAMPLE_FLOORS.keys()
    assert manifest.caveats == [caveat for caveat in MOBILE.caveats if isinstance(caveat, str)]


def test_the_pickle_answers_records_under_the_original_headers(trained: Trained) -> None:
    """Whoever unpickles the pipeline can hand it a data frame as Kaggle has it."""
    pipeline = pickle.loads(trained.first.pipeline)
    table = pd.read_csv(SAMPLE)
    assert (pipeline.predict(table) == table["User Behavior Class"]).mean() > 0.95


@pytest.mark.usefixtures("one_candidate")
def test_without_arguments_the_sample_becomes_model_bin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The default trains on the shipped sample and makes the scorer that is shipped, too."""
    monkeypatch.chdir(tmp_path)
    assert train() == 0
    package, shipped = read_package(tmp_path / "model.bin"), read_package(ROOT / "model.bin")
    manifest = package.manifest
    assert package.scorer == shipped.scorer
    assert manifest.training.params == shipped.manifest.training.params
    assert manifest.training.data == shipped.manifest.training.data
    assert "synthetic sample" in manifest.caveats[0]
    output = capsys.readouterr().out
    assert f"model.bin: model {manifest.version}" in output
    assert manifest.caveats[0] in output.replace("\n", " ")
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


@pytest.mark.usefixtures("one_candidate")
def test_a_byte_order_mark_and_semicolons_change_nothing(tmp_path: Path, trained: Trained) -> None:
    """The same records make the same model, whatever program saved the table."""
    path = tmp_path / "saved.csv"
    path.write_text(as_csv(SMALL, ";").replace("\n", "\r\n"), encoding="utf-8-sig", newline="")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 0
    assert read_package(tmp_path / "m.bin").manifest.version == trained.first.manifest.version


@pytest.mark.usefixtures("one_candidate")
def test_tabs_and_the_features_alone_are_enough(tmp_path: Path) -> None:
    """Columns that only describe may be left out."""
    path = tmp_path / "features.csv"
    path.write_text(as_csv(SMALL, "\t", [*ANSWERS, CLASS]), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 0
    assert read_package(tmp_path / "m.bin").manifest.baseline.categories["gender"].missing == 1


@pytest.mark.usefixtures("one_candidate")
def test_a_table_with_gaps_can_be_trained_on(tmp_path: Path) -> None:
    """Also where a column has one answer only, which most folds don't see."""
    rows = [dict(row) for row in SMALL]
    for row in rows[1:]:
        row["Screen On Time (hours/day)"] = ""
    for number, row in enumerate(rows):
        row[ANSWERS[2 + number % 3]] = ""
    path = tmp_path / "gaps.csv"
    path.write_text(as_csv(rows), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 0
    numbers = read_package(tmp_path / "m.bin").manifest.baseline.numbers
    assert "screen_on_hours_per_day" not in numbers  # one customer's answer is not published
    assert numbers["apps_installed"].missing == pytest.approx(20 / 60, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            as_csv(SMALL, titles=without("App Usage Time (min/day)")),
            "missing column 'App Usage Time (min/day)'",
        ),
        (as_csv(SMALL, titles=without(CLASS)), "missing column 'User Behavior Class'"),
        (renamed("Age", "Gender"), "2 columns are read as gender; "),
        (
            changed(3, "App Usage Time (min/day)", "many"),
            "row 3 (line 4), column 'App Usage Time (min/day)': must be a number from 0 to 1440",
        ),
        (
            changed(3, "Screen On Time (hours/day)", "25"),
            "row 3 (line 4), column 'Screen On Time (hours/day)': must be a number from 0 to 24",
        ),
        (
            changed(3, "Battery Drain (mAh/day)", "inf"),
            "row 3 (line 4), column 'Battery Drain (mAh/day)': must be a number",
        ),
        (
            changed(3, "Number of Apps Installed", "1_0"),
            "row 3 (line 4), column 'Number of Apps Installed': must be a num",
        ),
        (
            changed(3, "Data Usage (MB/day)", "-1"),
            "row 3 (line 4), column 'Data Usage (MB/day)': must be a number from",
        ),
        (
            changed(3, "Age", "4.5"),
            "row 3 (line 4), column 'Age': must be a whole number from 0 to 120",
        ),
        (
            changed(3, "Gender", "x" * 101),
            "row 3 (line 4), column 'Gender': must be text of 1 to 100",
        ),
        (changed(3, CLASS, "6"), "row 3 (line 4), column 'User Behavior Class': must be a whole"),
        (changed(3, CLASS, ""), "row 3 (line 4), column 'User Behavior Class': is missing"),
        (
            changed(3, "User ID", SMALL[0]["User ID"]),
            "row 3 (line 4), column 'User ID': the same as in row 1 (line 2)",
        ),
        (
            as_csv([*SMALL[:2], SMALL[2] | dict.fromkeys(ANSWERS, ""), *SMALL[3:]]),
            "row 3 (line 4): needs at least one of: app_usage_min_per_day",
        ),
        (
            as_csv(SMALL[:3]).rpartition(",")[0],
            f"row 3 (line 4): has {len(TITLES) - 1} cells, the header has {len(TITLES)}",
        ),
        (as_csv(SMALL[:12]), "column 'User Behavior Class' has fewer than 2 classes"),
        (as_csv(SMALL[3:]), "Cost-Conscious Customer (cost_conscious_customer, label 1) has 9"),
        (
            as_csv([row | {"Screen On Time (hours/day)": ""} for row in SMALL]),
            "column 'Screen On Time (hours/day)' has no answers to learn from",
        ),
        (as_csv([]), "has a header but no rows"),
        (as_csv(SMALL) + '"61', "The row that begins in line 62 is not CSV: "),
        ("", "is empty"),
        (" \n\n", "is empty"),
    ],
)
def test_a_bad_table_is_refused_by_row_line_and_column(
    text: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1, and the first thing wrong in words that lead to the cell."""
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    assert expected in complaint(capsys)
    assert [item.name for item in tmp_path.iterdir()] == ["bad.csv"]


def test_one_reason_takes_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A single fault is said in a line that begins with the program and the file."""
    path = tmp_path / "bad.csv"
    path.write_text(changed(3, "App Usage Time (min/day)", "1441"), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    assert complaint(capsys) == (
        f"train.py: {path}: row 3 (line 4), column 'App Usage Time (min/day)': "
        "must be a number from 0 to 1440 (minutes per day)\n"
    )


def test_a_table_without_a_header_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No name in it is known then."""
    path = tmp_path / "bad.csv"
    path.write_text(as_csv(SMALL).partition("\n")[2], encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    assert "No column of the file has a name that is known" in capsys.readouterr().err


def test_many_reasons_are_cut_at_twenty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sixty faults are said as twenty lines and the number of the others."""
    path = tmp_path / "bad.csv"
    path.write_text(as_csv([row | {"Age": "old"} for row in SMALL]), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert "row 20 (line 21), column 'Age'" in lines[19]
    assert lines[20].strip() == "and 40 more"


def test_lines_are_counted_where_cells_hold_line_breaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row after a cell of two lines is named by the line that an editor shows."""
    rows = [dict(row) for row in SMALL]
    rows[0]["Device Model"] = "two\nlines"
    rows[2]["App Usage Time (min/day)"] = "many"
    path = tmp_path / "bad.csv"
    path.write_text(as_csv(rows), encoding="utf-8")
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    assert "row 3 (line 5)" in complaint(capsys)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: path.parent, "there is no such file"),
        (lambda path: path.mkdir(), "is a directory, not a file"),
        (lambda path: path.touch(), "is empty"),
        (lambda path: path.write_bytes(b"User ID,Age\n1,\x81\n"), "line 2 is in none of them"),
        (lambda path: path.write_bytes(b"%PDF-1.7"), "is a PDF document"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
    ids=["none", "directory", "empty", "no encoding", "PDF", "loop"],
)
def test_a_file_that_is_no_table_is_refused(
    make: Callable[[Path], object],
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit status 1 and one line that says what the file is instead."""
    path = tmp_path / "table.csv"
    make(path)
    assert train("--data", path, "--output", tmp_path / "m.bin") == 1
    result = complaint(capsys)
    assert str(path) in result
    assert expected in result


@contextmanager
def public_folder() -> Iterator[Path]:
    """Make a folder that every user may enter and write to, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


@contextmanager
def without_rights() -> Iterator[None]:
    """Be a user without rights for a while: root may read and write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_table_without_permission_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1 and one line where the user may not read the table."""
    with public_folder() as folder:
        path = folder / "secret.csv"
        path.write_text(as_csv(SMALL), encoding="utf-8")
        path.chmod(0)
        with without_rights():
            assert train("--data", path, "--output", folder / "m.bin") == 1
        assert [item.name for item in folder.iterdir()] == ["secret.csv"]
    assert complaint(capsys) == f"train.py: {path}: no permission to read it\n"


def test_a_folder_without_permission_is_refused_before_training(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 1 and one line where the user may not write the package."""
    monkeypatch.setattr(command_line, "read_source", lambda *_: pytest.fail("it went on"))
    with public_folder() as folder:
        folder.chmod(0o555)
        output = folder / "m.bin"
        with without_rights():
            assert train("--output", output) == 1
    expected = f"train.py: --output {output}: no permission to write to {folder}\n"
    assert complaint(capsys) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [("absent/m.bin", "there is no folder"), (".", "is a directory")],
)
def test_an_output_that_cannot_be_written_is_refused_before_training(
    output: str,
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody waits for a model that has no place to go."""
    monkeypatch.setattr(command_line, "read_source", lambda *_: pytest.fail("it went on"))
    assert train("--output", tmp_path / output) == 1
    assert expected in complaint(capsys)


def raising(error: BaseException) -> Callable[..., Any]:
    """Return a function that raises `error`."""

    def function(*_: Any, **__: Any) -> Any:
        raise error

    return function


@pytest.mark.parametrize(
    ("step", "error", "status", "expected"),
    [
        ("fit_study", TrainingError("no model"), 1, "no model"),
        ("pack", TrainingError("they disagree"), 1, "they disagree"),
        ("write_package", OSError(28, "No space left on device", "m.tmp"), 1, "m.tmp: No space"),
        ("fit_study", KeyboardInterrupt(), 130, "interrupted; nothing was written"),
    ],
)
@pytest.mark.usefixtures("one_candidate")
def test_the_old_package_stays_when_training_fails(
    *,
    step: str,
    error: BaseException,
    status: int,
    expected: str,
    small: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever breaks and whenever, the file that is there is left byte for byte alone."""
    output = small.with_name("model.bin")
    output.write_bytes(b"the old package")
    monkeypatch.setattr(command_line, step, raising(error))
    assert train("--data", small, "--output", output) == status
    assert output.read_bytes() == b"the old package"
    assert expected in complaint(capsys)
    assert sorted(path.name for path in small.parent.iterdir()) == ["model.bin", "small.csv"]


def test_the_old_package_stays_when_the_table_is_bad(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that is refused leaves the file that is there byte for byte alone."""
    small.write_text(changed(3, "App Usage Time (min/day)", "many"), encoding="utf-8")
    output = small.with_name("model.bin")
    output.write_bytes(b"the old package")
    assert train("--data", small, "--output", output) == 1
    assert output.read_bytes() == b"the old package"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--seed", "-1"],
        ["--seed", "4294967296"],
        ["--seed", "1.5"],
        ["--seed", "many"],
        ["--seed", ""],
        ["--grid", "huge"],
        ["--unknown"],
        ["--study", "weather"],
        ["--study", "all", "--data", "table.csv"],
        ["--study", "all", "--output", "m.bin"],
        ["--study", "all", "--categories", "categories.csv"],
    ],
)
def test_a_bad_argument_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2 and the usage."""
    with pytest.raises(SystemExit) as exit_:
        command_line.main(arguments)
    assert exit_.value.code == 2
    result = capsys.readouterr().err
    assert "usage: train.py" in result
    assert ("need one --study, not all" in result) == ("all" in arguments)


@dataclass(frozen=True)
class Retrained:
    """Packages of the household sample: the first, its successor, and one that forgets both."""

    folder: Path
    first: Package
    second: Package
    renamed: Package


@pytest.fixture(scope="session")
def households(tmp_path_factory: pytest.TempPathFactory) -> Retrained:
    """The household sample, trained on three times with one seed."""
    folder = tmp_path_factory.mktemp("households")
    output = folder / "models" / "household.bin"
    output.parent.mkdir()
    result = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for arguments in ([], [], ["--new-names"]):
            assert train("--study", "household", *arguments) == 0
            result.append(read_package(output))
    return Retrained(folder, *result)


def test_another_study_is_trained_on_its_sample(households: Retrained) -> None:
    """``--study`` alone finds the sample, discovers the segments and says what they are worth."""
    manifest = households.first.manifest
    assert (manifest.study, manifest.training.data.name) == ("household", "household.csv")
    assert manifest.training.data.rows == 600
    assert "synthetic sample" in manifest.caveats[0]
    assert {segment.id for segment in manifest.segments} == {
        "loyalists",
        "variety_seekers",
        "promo_shoppers",
    }
    assert manifest.clusters is not None
    assert manifest.clusters.columns == [
        column.name for column in HOUSEHOLD.schema.features if column.defines
    ]
    assert manifest.training.params == {}


def test_other_studies_go_to_the_folder_models(households: Retrained) -> None:
    """The package is models/NAME.bin, where the service looks for it; model.bin is mobile's."""
    relative_tos = [path.relative_to(households.folder) for path in households.folder.rglob("*.*")]
    assert relative_tos == [Path("models/household.bin")]
    assert command_line.default_output(HOUSEHOLD) == relative_tos[0]
    assert command_line.default_output(MOBILE) == Path("model.bin")


def test_segments_go_on_from_the_package_that_is_replaced(households: Retrained) -> None:
    """The second package continues the first: on the same records every segment is kept."""
    assert households.first.manifest.lineage is None
    lineage = households.second.manifest.lineage
    assert lineage is not None
    assert lineage.previous == households.first.manifest.version
    assert lineage.conflicts == ()
    assert [(fate.fate, fate.successor) for fate in lineage.transitions.old] == [
        ("kept", fate.segment) for fate in lineage.transitions.old
    ]
    assert len(lineage.transitions.old) == 3
    assert (lineage.transitions.unchanged, lineage.transitions.agreement) == (1, 1)


def test_new_names_take_no_notice_of_the_package_before(households: Retrained) -> None:
    """``--new-names`` makes the model that there would be without one before it."""
    assert households.renamed.manifest.lineage is None
    assert households.renamed.manifest.version == households.first.manifest.version
    assert households.renamed.scorer == households.first.scorer


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (None, "there is no model before it"),
        (b"damaged", "the model before it cannot be read"),
        ("household", "the model before it learned from the synthetic sample"),
    ],
)
def test_why_names_begin_anew_is_said(
    *,
    before: bytes | str | None,
    reason: str,
    tmp_path: Path,
    households: Retrained,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without a package, over a damaged one, and over one of made-up households: one sentence."""
    output = tmp_path / "m.bin"
    if isinstance(before, bytes):
        output.write_bytes(before)
    elif before:
        shutil.copy(households.folder / "models" / "household.bin", output)
    monkeypatch.setattr(command_line, "fit_study", raising(TrainingError("far enough")))
    lines = (ROOT / "data" / "household.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    data = tmp_path / "panel.csv"
    data.write_text("".join(lines[:-1]), encoding="utf-8")
    assert train("--study", "household", "--data", data, "--output", output) == 1
    assert f"Segments are named by the rules: {reason}" in capsys.readouterr().out


def test_a_study_without_the_grid_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A grid that only another study has costs one line."""
    monkeypatch.setattr(command_line, "read_source", lambda *_: pytest.fail("it went on"))
    output = tmp_path / "m.bin"
    assert train("--study", "household", "--grid", "full", "--output", output) == 1
    assert complaint(capsys) == "train.py: the study household has no grid full\n"


def test_without_the_folder_models_nothing_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the default package of a study has no place to go, one line says so."""
    monkeypatch.setattr(command_line, "read_source", lambda *_: pytest.fail("it went on"))
    monkeypatch.chdir(tmp_path)
    assert train("--study", "household") == 1
    assert "there is no folder models" in complaint(capsys)


def test_categories_are_for_studies_of_transactions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of categories for a study that has none is refused."""
    assert train("--categories", tmp_path / "any.csv", "--output", tmp_path / "m.bin") == 1
    assert complaint(capsys) == "train.py: --categories: the study mobile has no transactions\n"


def test_of_all_studies_one_that_fails_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--study all`` trains what it can and ends with status 1, naming what went wrong."""
    for name in command_line.STUDIES.keys() - {"mobile", "household"}:
        monkeypatch.delitem(command_line.STUDIES, name)
    real = command_line.fit_study

    def learn(study: Study, *arguments: Any, **options: Any) -> Any:
        if study.name == "mobile":
            raise TrainingError("no model")
        return real(study, *arguments, **options)

    monkeypatch.setattr(command_line, "fit_study", learn)
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    assert train("--study", "all") == 1
    assert complaint(capsys) == "train.py: no model\n"
    assert [path.name for path in tmp_path.rglob("*.bin")] == ["household.bin"]


def test_compare_prints_other_kinds_of_model(
    small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where segments are given, ``--compare`` adds a line for each kind; here there is one."""
    first = next(model_comparison.candidates())
    monkeypatch.setattr(model_comparison, "candidates", lambda: iter([first]))
    monkeypatch.setitem(
        command_line.STUDIES, "mobile", replace(MOBILE, grids={"quick": ONE_CANDIDATE})
    )
    output = small.with_name("m.bin")
    assert train("--data", small, "--output", output, "--compare") == 0
    result = capsys.readouterr().out
    assert "Other kinds of model, on one held-out quarter" in result
    assert "Decision Tree" in result
    assert read_package(output).manifest.study == "mobile"


def test_compare_prints_what_each_reading_is_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where segments are discovered, it fits three kinds of model on each set of features."""
    feature_sets = HOUSEHOLD.feature_sets[:1]
    monkeypatch.setitem(
        command_line.STUDIES, "household", replace(HOUSEHOLD, feature_sets=feature_sets)
    )
    assert train("--study", "household", "--output", tmp_path / "m.bin", "--compare") == 0
    output = capsys.readouterr().out
    assert "Prediction, from demographics only; clusters refitted in each fold" in output
    for kind in ("Logistic Regression", "Random Forest", "XGBoost"):
        assert output.count(f"mean |SHAP|, {kind}: ") == 1


@pytest.mark.usefixtures("one_candidate")
def test_a_signed_package_is_accepted_with_its_key_only(small: Path) -> None:
    """``--sign`` makes a package that the public key opens and another one doesn't."""
    key, public = key_pair(small.parent, "ours")
    _, second = key_pair(small.parent, "theirs")
    output = small.with_name("model.bin")
    assert train("--data", small, "--output", output, "--sign", key) == 0
    assert read_package(output, Trust(public)).manifest.study == "mobile"
    assert read_package(output).manifest.study == "mobile"
    with pytest.raises(PackageError, match="not signed by the key"):
        read_package(output, Trust(second))
    content = output.read_bytes()
    assert key.read_bytes() not in content


@pytest.mark.usefixtures("one_candidate")
def test_an_unsigned_package_is_refused_where_a_key_is_asked_for(small: Path) -> None:
    """Leaving the signature out is no way around it."""
    _, public = key_pair(small.parent, "ours")
    output = small.with_name("model.bin")
    assert train("--data", small, "--output", output) == 0
    with pytest.raises(PackageError, match="is not signed"):
        read_package(output, Trust(public))


def test_a_signing_key_that_cannot_be_used_is_refused_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No key, no PEM and a key of another kind each cost one line and no training."""
    monkeypatch.setattr(command_line, "read_source", lambda *_: pytest.fail("it went on"))
    (tmp_path / "text.pem").write_text("not a key")
    (tmp_path / "other.pem").write_bytes(
        X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    for name in ("absent.pem", "text.pem", "other.pem"):
        assert train("--output", tmp_path / "m.bin", "--sign", tmp_path / name) == 1
        assert name in complaint(capsys)


def test_the_script_trains_as_its_users_run_it(small: Path) -> None:
    """``python train.py`` searches the quick grid from any folder, and complains of nothing."""
    completed = subprocess.run(
        [sys.executable, str(ROOT / "train.py"), "--data", small.name, "--output", "m.bin"],
        cwd=small.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.stderr == ""
    assert completed.returncode == 0
    manifest = read_package(small.with_name("m.bin")).manifest
    assert f"m.bin: model {manifest.version}" in completed.stdout
    assert manifest.training.grid == "quick"
    assert manifest.training.params.keys() == MOBILE.grids["quick"].keys()
