"""``train.py --before``: which package's segments go on, wherever that and the new one are."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest

from segmentation.artifact import read_package, write_package
from segmentation.errors import TrainingError
from segmentation.training import command_line
from segmentation.training.identity.predecessor import Predecessor
from tests.support.keys import key_pair
from tests.support.shipped import MODELS_DIR, PACKAGES, ROOT

SHIPPED = MODELS_DIR / "household.bin"
VERSION = read_package(SHIPPED).manifest.version
Predecessors = list[Predecessor | None]


def train(*arguments: object) -> int:
    """Train households on their sample."""
    return command_line.main(["--study", "household", *map(str, arguments)])


@pytest.fixture
def continued_models(monkeypatch: pytest.MonkeyPatch) -> Predecessors:
    """The models that would have been continued, of trainings that stop where the work begins."""
    models: Predecessors = []

    def learn(*_arguments: object, predecessor: Predecessor | None, **_options: object) -> None:
        models.append(predecessor)
        raise TrainingError("far enough")

    monkeypatch.setattr(command_line, "fit_study", learn)
    return models


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on standard error."""
    text = capsys.readouterr().err
    assert text.startswith("train.py: ")
    assert text.count("\n") == 1
    return text


def versions(continued_models: Predecessors) -> list[str | None]:
    """Return which models were continued_models."""
    return [before and before.version for before in continued_models]


def test_the_named_package_goes_on_wherever_the_new_one_goes(
    tmp_path: Path, continued_models: Predecessors, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where another one would be replaced; by default it is that one."""
    second, output = tmp_path / "other.bin", tmp_path / "new.bin"
    package = read_package(SHIPPED)
    manifest = package.manifest.model_copy(update={"version": "other"})
    write_package(second, type(package)(manifest, package.scorer, package.pipeline))
    shutil.copy(SHIPPED, output)
    train("--before", second, "--output", output)
    train("--output", output)
    train("--before", second, "--output", tmp_path / "absent.bin")
    train("--output", tmp_path / "absent.bin")
    assert versions(continued_models) == ["other", VERSION, "other", None]
    assert "there is no model before it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such file"),
        (b"", "is empty"),
        (b"PK nonsense", "is not a model package"),
        (SHIPPED.read_bytes()[:-1], "is not a model package"),
        (SHIPPED.read_bytes()[:-1] + b"x", "is damaged"),
        (b"\0" + SHIPPED.read_bytes()[1:], "is damaged"),
        (PACKAGES["mobile"].read_bytes(), "of another study"),
        (PACKAGES["credit_card"].read_bytes(), "of another study"),
    ],
    ids=["absent", "empty", "other", "short", "digest", "changed", "mobile", "credit_card"],
)
def test_a_named_package_that_cannot_be_continued_is_refused(
    *,
    content: bytes | None,
    reason: str,
    tmp_path: Path,
    continued_models: Predecessors,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is learned, nothing written: names by the rules are not what was asked for."""
    before, output = tmp_path / "before.bin", tmp_path / "new.bin"
    if content is not None:
        before.write_bytes(content)
    assert train("--before", before, "--output", output) == 1
    text = complaint(capsys)
    assert reason in text
    assert str(before) in text
    assert not continued_models
    assert not output.exists()


def test_customers_do_not_continue_made_up_ones(
    tmp_path: Path, continued_models: Predecessors, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped packages learned from samples."""
    lines = (ROOT / "data" / "household.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "panel.csv").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    arguments = ("--data", tmp_path / "panel.csv", "--output", tmp_path / "new.bin")
    assert train("--before", SHIPPED, *arguments) == 1
    assert "learned from the synthetic sample" in complaint(capsys)
    assert not continued_models


def test_segments_that_come_with_the_data_have_nothing_before_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mobile's are the survey's."""
    arguments = ["--before", str(PACKAGES["mobile"]), "--output", str(tmp_path / "new.bin")]
    assert command_line.main(["--study", "mobile", *arguments]) == 1
    assert "the segments of mobile come with its data" in complaint(capsys)


@pytest.mark.parametrize("more", [["--new-names"], ["--study", "all"]])
def test_what_contradicts_is_a_usage_error(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """No package can be continued and forgotten, nor by every study."""
    with pytest.raises(SystemExit) as caught:
        train("--before", SHIPPED, *more)
    assert caught.value.code == 2
    assert "--before" in capsys.readouterr().err


def test_where_a_key_is_demanded_the_package_must_be_signed_with_it(
    tmp_path: Path,
    continued_models: Predecessors,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By MODEL_PUBLIC_KEY, as for serving: a foreign package would give its names to ours."""
    private, public = key_pair(tmp_path, "signing")
    signed, output = tmp_path / "signed.bin", tmp_path / "new.bin"
    write_package(signed, read_package(SHIPPED), private)
    monkeypatch.setenv("MODEL_PUBLIC_KEY", public)
    assert train("--before", SHIPPED, "--output", output) == 1
    assert "is not signed" in complaint(capsys)
    assert not continued_models
    train("--before", signed, "--output", output)
    assert versions(continued_models) == [VERSION]
    capsys.readouterr()
    monkeypatch.setenv("MODEL_PUBLIC_KEY", "")
    assert train("--before", signed, "--output", output) == 1
    assert "MODEL_PUBLIC_KEY cannot be used" in complaint(capsys)


@pytest.mark.usefixtures("s3")
def test_both_may_be_objects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package before is read from S3, the new one is there when the command has ended."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    client = boto3.client("s3")
    client.create_bucket(Bucket="shop")
    client.upload_file(str(SHIPPED), "shop", "models/old.bin")
    address = "s3://shop/models/household.bin"
    assert train("--before", "s3://shop/models/old.bin", "--output", address) == 0
    client.download_file("shop", "models/household.bin", str(tmp_path / "new.bin"))
    lineage = read_package(tmp_path / "new.bin").manifest.lineage
    assert lineage is not None
    assert lineage.previous == VERSION
    assert [path.name for path in tmp_path.iterdir()] == ["new.bin"]


@pytest.mark.usefixtures("s3")
def test_the_object_that_is_replaced_goes_on(
    continued_models: Predecessors, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a file is; where there is none, segments are named by the rules."""
    client = boto3.client("s3")
    client.create_bucket(Bucket="store")
    train("--output", "s3://store/models/household.bin")
    client.upload_file(str(SHIPPED), "store", "models/household.bin")
    train("--output", "s3://store/models/household.bin")
    assert versions(continued_models) == [None, VERSION]
    assert "there is no model before it" in capsys.readouterr().out


@pytest.mark.usefixtures("s3")
def test_a_named_object_that_is_not_there_is_refused(
    tmp_path: Path, continued_models: Predecessors, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor one in a bucket that isn't."""
    boto3.client("s3").create_bucket(Bucket="empty")
    for address in ("s3://empty/none.bin", "s3://nobody/none.bin"):
        assert train("--before", address, "--output", tmp_path / "new.bin") == 1
        assert complaint(capsys) == f"train.py: {address}: there is no such object\n"
    assert not continued_models


@pytest.mark.parametrize(
    "address", ["s3://", "s3://shop", "s3://shop/", "s3://shop/models/", "s3:///x"]
)
def test_an_output_that_names_no_object_is_refused_before_training(
    address: str, continued_models: Predecessors, capsys: pytest.CaptureFixture[str]
) -> None:
    """It takes a bucket and a key."""
    assert train("--output", address) == 1
    assert "must be s3://BUCKET/KEY" in complaint(capsys)
    assert not continued_models


class Forbidding(BaseHTTPRequestHandler):
    """Gives nobody anything."""

    def do_GET(self) -> None:
        """Refuse."""
        content = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_PUT = do_POST = do_GET  # noqa: N815  # the names that the class looks for

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def forbidding(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store of objects in which nothing may be read or written."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Forbidding) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("forbidding")
def test_an_object_that_may_not_be_read_is_not_a_missing_one(
    continued_models: Predecessors, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody knows whose names would be lost; ``--new-names`` does not ask."""
    address = "s3://shop/models/household.bin"
    assert train("--output", address) == 1
    assert complaint(capsys) == f"train.py: {address}: no permission to read it\n"
    assert train("--before", address, "--output", os.devnull + ".bin") == 1
    assert "train.py: " in capsys.readouterr().err
    assert not continued_models
    train("--output", address, "--new-names")
    assert versions(continued_models) == [None]


@pytest.mark.usefixtures("forbidding")
def test_a_package_that_cannot_be_uploaded_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is done: one line says where it is."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert train("--output", "s3://shop/models/household.bin", "--new-names") == 1
    text = complaint(capsys)
    assert "no permission to write it; the package is kept at " in text
    (stored,) = tmp_path.rglob("*.bin")
    assert text.rstrip().endswith(str(stored))
    assert read_package(stored).manifest.study == "household"
