"""The guide to one's own study, followed to the letter in a copy of the package."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.artifact import read_package
from segmentation.estimators import CentroidClassifier, ColumnSubset, with_noise
from segmentation.schema import Alias, Column
from segmentation.study import FeatureSet, NamingRule, Segment, Study
from segmentation.training.packing.pack import _possible_answer
from tests.support.servers import Server, serving
from tests.support.shipped import ROOT

GUIDE = (ROOT / "docs" / "new-study.md").read_text(encoding="utf-8")
# A file's name, if there is one, the language and what stands between the fences.
BLOCKS = re.findall(r"(?:^`([^`\n]+)`\n\n)?^```(\w+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
STUDY, GOAL_STUDY = "segmentation/studies/gym.py", "segmentation/studies/gym_goal.py"
COPIED = ("segmentation", "train.py", "predict.py", "gunicorn.conf.py")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed"),
]

Rows = list[list[str]]


@dataclass(frozen=True)
class Followed:
    """What came of following the guide.

    Attributes
    ----------
    folder : Path
        The copy, as the guide leaves it.
    outputs : dict of str to list of str
        What each command printed, each time.
    excerpts : list of (str, str)
        What the guide shows of a report, and the report.
    answers : list of (str, str)
        The guide's answer to a request, and the service's.
    """

    folder: Path
    outputs: dict[str, list[str]] = field(default_factory=dict)
    excerpts: list[tuple[str, str]] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)


def run(command: str, folder: Path, port: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command of the guide in a folder, with our interpreter and our port."""
    arguments = shlex.split(command.replace("localhost:9696", f"127.0.0.1:{port}"))
    if arguments[0] == "python":
        arguments[0] = sys.executable
    environment = os.environ | {"MLFLOW_TRACKING_URI": (folder / "mlruns").as_uri()}
    return subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a user has, but for the shipped data and models, in a folder of ours."""
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "models").mkdir()
    return folder


@pytest.fixture(scope="module")
def followed(copy: Path) -> Iterator[Followed]:
    """Every block of the guide, in its order; what it shows is noted for the tests."""
    result = Followed(copy)
    port, output = 0, ""
    with ExitStack() as stack:
        for file, language, content in BLOCKS:
            if file:
                (copy / file).write_text(content, encoding="utf-8")
            elif language == "text":
                result.excerpts.append((content, output))
            elif content == "$ make serve\n":
                port = stack.enter_context(serving(copy, copy)).port
            else:
                for command, displayed in re.findall(r"^\$ (.*)\n([^$]*)", content, re.MULTILINE):
                    completed = run(command, copy, port)
                    assert completed.returncode == 0, (
                        f"{command}\n{completed.stdout}{completed.stderr}"
                    )
                    output = completed.stdout
                    result.outputs.setdefault(command, []).append(output)
                    if displayed:
                        result.answers.append((displayed, output))
        yield result


@pytest.fixture(scope="module")
def gym(followed: Followed) -> Iterator[Server]:
    """A service of all that the guide has trained, with the gym as the default study."""
    with serving(followed.folder, followed.folder, DEFAULT_STUDY="gym") as server:
        yield server


def study_in(path: Path) -> Study:
    """Return the study that a file defines."""
    spec = spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    (study,) = (value for value in vars(module).values() if isinstance(value, Study))
    return study


def without(answer: Any, *names: str) -> Any:
    """Return decoded JSON without some members, and rounded: machines differ in the last digits."""
    if isinstance(answer, list):
        return [without(item, *names) for item in answer]
    if isinstance(answer, dict):
        return {
            key: without(item_value, *names)
            for key, item_value in answer.items()
            if key not in names
        }
    return round(answer, 3) if isinstance(answer, float) else answer


def test_the_answers_are_those_that_the_guide_shows(followed: Followed) -> None:
    """Segments, figures, warnings, sentences; only versions and request ids may be others."""
    assert len(followed.answers) == 3
    for text, result in followed.answers:
        displayed, answer = json.loads(text), json.loads(result)
        changing = ("version", "request_id")
        answer = {name: answer[name] for name in displayed}  # the guide may leave members out
        assert without(answer, *changing) == without(displayed, *changing)


def test_the_reports_are_those_that_the_guide_shows(followed: Followed) -> None:
    """Line by line: how groups were named, and what became of them at the next training."""
    assert len(followed.excerpts) == 2
    for displayed, report in followed.excerpts:
        assert set(displayed.splitlines()) <= set(report.splitlines())


def test_figures_in_the_text_are_those_of_the_report(followed: Followed) -> None:
    """The prediction from age, and the largest segment beside it."""
    quoted = re.search(r"`accuracy, indirect`[^.]*? is\s(0\.\d+).*?segment\s(0\.\d+)", GUIDE, re.S)
    assert quoted
    first, _ = followed.outputs["python train.py --study gym --data gym.csv"]
    measures = dict(re.findall(r"^│(accuracy, [^│]*?) *│(0\.\d+)", first, re.MULTILINE))
    assert [f"{float(group):.2f}" for group in quoted.groups()] == [
        f"{float(measures[name]):.2f}" for name in ("accuracy, indirect", "accuracy, largest class")
    ]


def test_segments_and_schema_say_what_the_study_says(followed: Followed) -> None:
    """Texts of the file come back; every column is a field under every spelling."""
    study = study_in(followed.folder / STUDY)
    (segments,) = followed.outputs["curl -s localhost:9696/studies/gym/segments"]
    texts = [
        (segment["id"], segment["name"], segment["action"])
        for segment in json.loads(segments)["segments"]
    ]
    assert texts == [
        (item_value.id, item_value.name, item_value.action) for item_value in study.segments
    ]
    (schema,) = followed.outputs["curl -s localhost:9696/studies/gym/schema"]
    fields = {item["name"]: item for item in json.loads(schema)["fields"]}
    assert list(fields) == [column.name for column in study.schema.columns]
    assert "Visits per Year" in fields["visits_per_week"]["spellings"]
    assert [name for name, item_entry in fields.items() if item_entry["fixed"]] == ["age"]


def test_explanations_add_up(followed: Followed) -> None:
    """Base and contributions are the output, as the guide says."""
    explained = [json.loads(result) for _, result in followed.answers if "explanation" in result]
    (explanation,) = (answer["explanation"] for answer in explained)
    parts = [contribution["contribution"] for contribution in explanation["contributions"]]
    assert explanation["base"] + sum(parts) == pytest.approx(explanation["output"], abs=1e-5)
    assert explanation["change"]["field"] != "age"


def test_names_go_on_at_the_next_training(followed: Followed) -> None:
    """The second model knows the first and keeps every segment."""
    lineage = read_package(followed.folder / "models" / "gym.bin").manifest.lineage
    assert lineage
    assert {(fate.segment, fate.successor) for fate in lineage.transitions.old} == {
        (name, name) for name in ("regulars", "class_goers", "daytimers")
    }


def test_new_names_forget_the_model_before(followed: Followed, tmp_path: Path) -> None:
    """With the option nothing is compared."""
    output = tmp_path / "gym.bin"
    shutil.copy(followed.folder / "models" / "gym.bin", output)
    command = f"python train.py --study gym --data gym.csv --output {output} --new-names"
    assert run(command, followed.folder).returncode == 0
    assert read_package(output).manifest.lineage is None


def test_the_default_study_needs_no_model_of_another(gym: Server) -> None:
    """There is no model.bin; the short paths answer for the gym, and it is ready."""
    assert gym.get("/readyz").status == 200
    answer = gym.post({"visits_per_week": 3.5, "class_share": 0.1, "off_peak_share": 0.2}).json()
    assert isinstance(answer, dict)
    assert answer["model"]["study"] == "gym"
    assert (answer["segment"]["id"], answer["basis"]) == ("regulars", "complete")


def test_the_labelled_study_is_served_and_explained(gym: Server) -> None:
    """Its forest answers incomplete records; SHAP values add up to the confidence."""
    record = {"class_share": 0.9, "age": 30, "explain": True}
    url = f"{gym.url}/studies/gym_goal/predict"
    request = ["curl", "-s", url, "-H", "Content-Type: application/json", "-d", json.dumps(record)]
    answer = json.loads(subprocess.run(request, capture_output=True, check=True).stdout)
    assert answer["segment"]["id"] == "company"
    explanation = answer["explanation"]
    assert explanation["scale"] == "probability"
    total = explanation["base"] + sum(
        contribution["contribution"] for contribution in explanation["contributions"]
    )
    assert total == pytest.approx(answer["confidence"], abs=1e-5)


def test_figures_of_the_labelled_study_are_called_predictions(followed: Followed) -> None:
    """Nothing defines the goal; the report says so of every figure."""
    (report,) = followed.outputs["python train.py --study gym_goal --data goals.csv"]
    assert "Prediction, from 4 features" in report
    assert "Agreement" not in report


def renamed(rows: Rows) -> Rows:
    """Return a table with another header."""
    return [[cell.replace("Class Share", "Classes") for cell in rows[0]], *rows[1:]]


def with_text(rows: Rows) -> Rows:
    """Return a table with an age in words, in the third row."""
    return [*rows[:3], [*rows[3][:4], "thirty", *rows[3][5:]], *rows[4:]]


def with_a_member_twice(rows: Rows) -> Rows:
    """Return a table whose ninth row is the fifth."""
    return [*rows[:9], rows[5], *rows[10:]]


def without_ages(rows: Rows) -> Rows:
    """Return a table with an empty column."""
    return [rows[0], *([*row[:4], "", *row[5:]] for row in rows[1:])]


def with_few_of_a_class(rows: Rows) -> Rows:
    """Return a table with seven rows of class 3."""
    rare = [row for row in rows[1:] if row[-1] == "3"]
    return [row for row in rows if row not in rare[7:]]


def with_a_fourth_class(rows: Rows) -> Rows:
    """Return a table whose first twenty rows are of a class that no segment stands for."""
    return [rows[0], *([*row[:-1], "4"] for row in rows[1:21]), *rows[21:]]


REFUSED = [
    ("gym", renamed, "unknown column 'Classes'"),
    ("gym", renamed, "missing column 'Class Share'"),
    (
        "gym",
        with_text,
        "row 3 (line 4), column 'Age': must be a whole number from 14 to 120 (years)",
    ),
    (
        "gym",
        with_a_member_twice,
        "row 9 (line 10), column 'Member ID': the same as in row 5 (line 6)",
    ),
    (
        "gym",
        lambda rows: rows[:25],
        "24 complete records are too few for 3 segments: at least 30 are needed",
    ),
    ("gym", without_ages, "column 'Age' has no answers to learn from"),
    (
        "gym_goal",
        with_few_of_a_class,
        "each segment needs at least 10 records; of 294, Health (health, label 3) has 7",
    ),
    (
        "gym_goal",
        with_a_fourth_class,
        "row 1 (line 2), column 'Goal': must be a whole number from 1 to 3",
    ),
]


# All of them in one process: importing what trains takes longer than refusing.
TRAIN_EACH = """
import contextlib, io, json, sys
from segmentation.training import command_line as cli
for arguments in json.load(sys.stdin):
    complaint = io.StringIO()
    with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(io.StringIO()):
        status = cli.main(arguments)
    print(json.dumps([status, complaint.getvalue()]))
"""


@pytest.fixture(scope="module")
def refusals(followed: Followed, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """Exit status and complaint of the guide's command for each table with a mistake."""
    folder = tmp_path_factory.mktemp("refused")
    commands = []
    for number, (study, change, _) in enumerate(REFUSED):
        table = followed.folder / ("gym.csv" if study == "gym" else "goals.csv")
        rows = [line.split(",") for line in table.read_text().splitlines()]
        faulty = folder / f"{number}.csv"
        faulty.write_text("\n".join(map(",".join, change(rows))))
        output = str(faulty.with_suffix(".bin"))
        commands.append(["--study", study, "--data", str(faulty), "--output", output])
    completed = subprocess.run(
        [sys.executable, "-c", TRAIN_EACH], cwd=followed.folder, input=json.dumps(commands),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert completed.returncode == 0, completed.stderr
    assert list(folder.glob("*.bin")) == []
    return [tuple(json.loads(line)) for line in completed.stdout.splitlines()]


@pytest.mark.parametrize(
    ("number", "message"), [(number, message) for number, (*_, message) in enumerate(REFUSED)]
)
def test_refusals_read_as_the_guide_says(
    number: int, message: str, refusals: list[tuple[int, str]]
) -> None:
    """A table with a mistake is refused with the sentence of the guide, and nothing is written."""
    status, complaint = refusals[number]
    assert status == 1
    assert message in complaint
    assert f"`{message}`" in GUIDE


def test_every_field_is_explained() -> None:
    """A field that is new in the package needs a line in the guide."""
    explained = set(re.findall(r"`([a-z_]+)`", GUIDE[GUIDE.index("## 9. ") :]))
    explained |= set(re.findall(r"`(?:NamingRule|FeatureSet)\.([a-z_]+)`", GUIDE))
    for about in (Column, Segment, NamingRule, FeatureSet, Study):
        names = {item.name for item in dataclasses.fields(about)}
        assert names <= explained, about
    assert "Alias(title, unit, divisor)" in GUIDE
    assert [item_value.name for item_value in dataclasses.fields(Alias)] == [
        "title",
        "unit",
        "divisor",
    ]


def test_two_segments_with_a_prior_are_explained_exactly() -> None:
    """Of two classes scikit-learn keeps one row of weights; sums are still the log-odds."""
    random = np.random.default_rng(0)
    y = np.repeat([1, 2], 30)
    X = random.normal(y[:, np.newaxis], 1.0, (60, 2))
    prior = Pipeline([("take", ColumnSubset((1,))), ("logistic", LogisticRegression())])
    model = CentroidClassifier(Pipeline([("scale", StandardScaler())]), (0,), prior).fit(X, y)
    X[:30, 0] = np.nan
    result = model.contributions(X)
    scores = result.base + result.values.sum(axis=2)
    P = model.predict_proba(X)
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], np.log(P[:, 1] / P[:, 0]))


def test_noise_keeps_negative_answers() -> None:
    """A balance below zero may be wrong by a quarter, but doesn't become 0."""
    noisy = with_noise(np.array([[-100.0, 0.0, 100.0]]), 0.01, np.random.RandomState(0))
    np.testing.assert_allclose(noisy, [[-100, 0, 100]], rtol=0.1)


@pytest.mark.parametrize(
    ("minimum", "maximum", "expected"),
    [
        (None, None, "must be a number"),
        (1, None, "must be a number from 1"),
        (None, 5, "must be a number to 5"),
        (0, 5, "must be a number from 0 to 5"),
    ],
)
def test_a_bound_that_is_not_stated_is_not_asked_for(
    minimum: float | None, maximum: float | None, expected: str
) -> None:
    """A column may leave out what is possible."""
    column = Column("x", "X", "number", "feature", "X.", minimum=minimum, maximum=maximum)
    assert column.expectation() == expected


def test_average_records_are_answers_that_the_study_takes() -> None:
    """Whole where the column asks for it, also without a resolution, and between its bounds."""
    complete = Column("x", "X", "integer", "feature", "X.", minimum=14, maximum=20)
    tens = dataclasses.replace(complete, resolution=10)
    assert [_possible_answer(value, complete) for value in (15.2, 19.9)] == [15, 20]
    assert [_possible_answer(value, tens) for value in (14.2, 19.9)] == [14, 20]
