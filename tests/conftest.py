"""Fixtures that several test files use: the shipped models, an app over them, a real server."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

# Before scikit-learn is loaded: threads that wait for busy cores make small fits many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from flask import Flask
from flask.testing import FlaskClient

from segmentation.datasets import read_categories, read_history, read_table
from segmentation.runtime import Model
from segmentation.schema import Record
from segmentation.service.app import create_app
from segmentation.service.settings import Settings
from segmentation.studies import STUDIES as ALL_STUDIES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "model.bin"
MODELS_DIR = ROOT / "models"
PACKAGES = {"mobile": MODEL} | {
    study: MODELS_DIR / f"{study}.bin" for study in ("credit_card", "household", "retail")
}
"""The shipped package of each study, in the order in which the service lists them."""
STUDIES = tuple(PACKAGES)

COMPLETE = {
    "user_id": 1,
    "device_model": "Google Pixel 5",
    "operating_system": "Android",
    "app_usage_min_per_day": 352,
    "screen_on_hours_per_day": 6.9,
    "battery_drain_mah_per_day": 2033,
    "apps_installed": 71,
    "data_usage_mb_per_day": 1267,
    "age": 33,
    "gender": "Male",
}
"""A made-up record whose usage answers all lie in the ranges of class 4."""

SHIPPED = Settings(model_path=MODEL, models_dir=MODELS_DIR)
"""Settings under which the shipped models are served from wherever tests are run."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> object:
        """Return the decoded body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A running gunicorn."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Reply:
        """GET a path."""
        return self._send(urllib.request.Request(self.url + path))

    def post(self, content: object, path: str = "/predict", **headers: str) -> Reply:
        """POST JSON to a path."""
        sent = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self._send(urllib.request.Request(self.url + path, body, sent))

    def _send(self, request: urllib.request.Request) -> Reply:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())

    def log_lines(self) -> list[dict[str, object]]:
        """Return what it has logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Ask until it is so; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)  # between two looks, not instead of one


@contextmanager
def serving(
    folder: Path, command: Sequence[str] = ("predict.py",), **settings: str
) -> Iterator[Server]:
    """Run the service, as its users do or as `command` says, until the block ends."""
    port, log = free_port(), folder / "service.log"
    environment = os.environ | {"PORT": str(port)} | settings
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    server = Server(process, port, log)

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return server.get("/livez").status == 200
        except OSError:
            return False

    try:
        wait_until(answers)
        yield server
    finally:
        process.terminate()
        process.wait(40)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Number tests of one id, as those of schemathesis are: pytest-xdist runs an id only once."""
    counts: Counter[str] = Counter()
    for item in items:
        counts[item.nodeid] += 1
        if counts[item.nodeid] > 1:
            item._nodeid = f"{item.nodeid}[{counts[item.nodeid]}]"


@pytest.fixture(scope="session")
def model() -> Model:
    """The shipped model of the default study."""
    return Model.load(MODEL)


@pytest.fixture(scope="session")
def models() -> dict[str, Model]:
    """The shipped model of every study."""
    return {study: Model.load(path) for study, path in PACKAGES.items()}


@pytest.fixture(scope="session")
def samples() -> dict[str, list[Record]]:
    """The records of every study's shipped sample, without the target."""
    return {study: _sample(study) for study in STUDIES}


def _sample(name: str) -> list[Record]:
    study, path = ALL_STUDIES[name], ROOT / "data" / f"{name}.csv"
    if study.transactions is None:
        records = read_table(path, study.schema).records
    else:
        categories = read_categories(ROOT / "data" / study.transactions.categories)
        transactions = study.transactions
        history = read_history(
            path, transactions.schema, transactions.sql, categories, study.schema
        )
        records = history.snapshots[0].records
    target = study.schema.target
    return [
        {key: value for key, value in record.items() if not target or key != target.name}
        for record in records
    ]


@pytest.fixture(scope="session")
def app() -> Flask:
    """An app over the shipped models."""
    return create_app(SHIPPED)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of that app, without a network in between."""
    return app.test_client()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gunicorn with two workers over the shipped models."""
    with ExitStack() as stack:
        yield stack.enter_context(serving(tmp_path_factory.mktemp("server")))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium; of a module, as its loop is in the way of others."""
    from playwright.sync_api import sync_playwright

    from tests.browsing import CHROMIUM, FLAGS

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed; scripts/install-test-tools installs it")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A copy of the shipped model that a test may damage."""
    return Path(shutil.copy(MODEL, tmp_path / "model.bin"))


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """A copy of the folder of further models, in which a test may damage one."""
    return Path(shutil.copytree(MODELS_DIR, tmp_path / "models"))
