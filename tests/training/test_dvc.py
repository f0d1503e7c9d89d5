"""Data versions: the stages of ``dvc.yaml`` in a fresh copy, and a remote in S3."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
import yaml

from tests.support.shipped import ROOT
from tests.support.shop import SAMPLE

pytestmark = pytest.mark.long

NEEDED = ("segmentation", "data", "train.py", "dvc.yaml", ".dvc/config", ".dvcignore", ".gitignore")
OUTPUTS = ("transactions.csv", "clean.parquet", "features.parquet")


def dvc(folder: Path, *arguments: str) -> str:
    """Run DVC in a folder with this environment's programs, and return what it prints."""
    programs = Path(sys.executable).parent
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder / "site"),
    }
    completed = subprocess.run(
        [str(programs / "dvc"), *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh copy of what is under version control, its first three stages run."""
    folder = tmp_path_factory.mktemp("repository")
    for name in NEEDED:
        (folder / name).parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.pyc"))
        else:
            shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    dvc(folder, "repro", "features")
    return folder


def test_the_stages_lead_from_the_sample_to_features(repository: Path) -> None:
    """Each output is there, the first is the shipped sample, and counts add up."""
    built = repository / "build" / "retail"
    assert (built / "transactions.csv").read_bytes() == SAMPLE.read_bytes()
    assert all((built / name).is_file() for name in OUTPUTS)
    counts = json.loads((built / "validation.json").read_text())
    assert counts["rows_read"] == counts["rows_kept"] + sum(counts["dropped"].values())


def test_nothing_is_done_twice(repository: Path) -> None:
    """A second run finds that nothing has changed."""
    assert "Data and pipelines are up to date" in dvc(repository, "repro", "features")


def test_the_stages_are_stated_in_order() -> None:
    """From the sample to a measured model."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert list(stages) == ["sample", "validate", "features", "train", "evaluate"]


def test_data_go_to_s3_and_come_back(repository: Path, s3: str) -> None:
    """After a push, a copy without any data pulls the same bytes."""
    boto3.client("s3").create_bucket(Bucket="versions")
    dvc(repository, "remote", "add", "--force", "--default", "store", "s3://versions/retail")
    dvc(repository, "remote", "modify", "store", "endpointurl", s3)
    before = {name: (repository / "build/retail" / name).read_bytes() for name in OUTPUTS}
    dvc(repository, "push", "--with-deps", "features")
    shutil.rmtree(repository / ".dvc" / "cache")
    shutil.rmtree(repository / "build")
    dvc(repository, "pull", "--with-deps", "features")
    for name, content in before.items():
        assert (repository / "build/retail" / name).read_bytes() == content


def test_the_whole_pipeline_measures_a_package(repository: Path) -> None:
    """``dvc repro`` trains and packs; ``dvc metrics show`` prints what the package answers."""
    dvc(repository, "repro")
    content = json.loads(dvc(repository, "metrics", "show", "--json"))
    metrics = content[""]["data"]["build/retail/metrics.json"]["data"]
    assert metrics["customers"] == 710
    assert sum(metrics["shares"].values()) == pytest.approx(1, abs=1e-5)
    dates = ["2024-09-14", "2024-06-15", "2024-03-16"]
    seen = metrics["seen"]
    assert list(seen["stays"]) == list(seen["outlook"]) == dates
    for date in dates:
        assert seen["outlook"][date]["accuracy"] > seen["stays"][date]["accuracy"]
