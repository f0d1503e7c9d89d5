"""Fixtures of the build side: the sample, a model of it, a small table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from segmentation.datasets import RecordTable, read_table
from segmentation.studies.mobile import MOBILE, SCHEMA
from segmentation.training import command_line
from segmentation.training.fitting.supervised import Fitted, cross_validate, label_records, search
from segmentation.training.labelled_records import LabelledRecords
from segmentation.training.mlflow_tracking import URI
from tests.support.metrics import measured_by_name
from tests.support.tables import (
    ONE_CANDIDATE,
    SAMPLE,
    SEED,
    SMALL,
    as_csv,
)


@pytest.fixture(scope="session", autouse=True)
def tracking_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the runs that training tracks out of the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(URI, (tmp_path_factory.mktemp("tracking") / "mlruns").as_uri())
        yield


@pytest.fixture(scope="session")
def sample() -> RecordTable:
    """The shipped sample."""
    return read_table(SAMPLE, SCHEMA)


@pytest.fixture(scope="session")
def data(sample: RecordTable) -> LabelledRecords:
    """The shipped sample as numbers."""
    return label_records(MOBILE, sample)


@pytest.fixture(scope="session")
def fitted(data: LabelledRecords) -> Fitted:
    """A model of the shipped sample, of the parameters that the quick grid chooses."""
    return search(MOBILE, data, ONE_CANDIDATE, SEED, [])


@pytest.fixture(scope="session")
def figures(data: LabelledRecords, fitted: Fitted) -> dict[str, float]:
    """Its five-fold figures."""
    return measured_by_name(cross_validate(MOBILE, data, fitted.params, SEED))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A file of 60 rows, 12 of each class: enough to train on, and fast."""
    path = tmp_path / "small.csv"
    path.write_text(as_csv(SMALL), encoding="utf-8")
    return path


@pytest.fixture
def one_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line search a grid of one candidate."""
    monkeypatch.setitem(
        command_line.STUDIES, "mobile", replace(MOBILE, grids={"quick": ONE_CANDIDATE})
    )


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a server that speaks S3 on this machine, and let AWS's variables point to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield address
    server.stop()
