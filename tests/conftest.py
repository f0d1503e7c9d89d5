"""Fixtures that several test files use: the shipped models, an app over them, a real server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

# Before scikit-learn is loaded: threads that wait for busy cores make small fits many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings

from segmentation.runtime import Model
from segmentation.schema import Record
from segmentation.service.app import create_app
from tests.support.servers import Server, serving
from tests.support.shipped import MODEL, MODELS_DIR, PACKAGES, SHIPPED, STUDIES, sample_records

if TYPE_CHECKING:
    from playwright.sync_api import Browser


# The same code gets the same verdict, however busy the machine is. To look for new examples:
# ``pytest --hypothesis-profile=explore``.
settings.register_profile(
    "steady",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", settings.get_profile("steady"), derandomize=False)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest-xdist keep our order of files; its own begins with those of the most tests."""
    config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that none of them is left over at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


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
    return {study: sample_records(study) for study in STUDIES}


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
    from benchmarks.chromium import CHROMIUM, MISSING, launched

    if CHROMIUM is None:
        pytest.skip(MISSING)
    with launched() as chromium:
        yield chromium


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A copy of the shipped model that a test may damage."""
    return Path(shutil.copy(MODEL, tmp_path / "model.bin"))


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """A copy of the folder of further models, in which a test may damage one."""
    return Path(shutil.copytree(MODELS_DIR, tmp_path / "models"))
