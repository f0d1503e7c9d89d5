"""The place that deployments are made from and to, and the environment in which they are made."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.cloud import running_cloud
from tests.support.deploying import SMALL, Account, Place, load_program, make_builder, make_checkout
from tests.support.faults import running_proxy
from tests.support.servers import Server


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Return a checkout, and moto's server as it is behind a proxy."""
    folder = tmp_path_factory.mktemp("place")
    with (
        running_cloud(folder) as cloud,
        running_proxy(cloud.environment["AWS_ENDPOINT_URL"]) as proxy,
    ):
        checkout = make_checkout(folder, SMALL)
        yield Place(load_program(), checkout, Account(cloud), proxy, make_builder(folder))


@pytest.fixture(autouse=True)
def environment(place: Place, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program find the account by way of the proxy, and ask the real service."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "SMOKE_"))]:
        monkeypatch.delenv(name)
    settings = {
        "AWS_ENDPOINT_URL": place.proxy.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",  # boto3 repeats nothing: one fault is one failed call
        "BUILDER": str(place.builder),
        "SMOKE_URL": server.url,
        "SMOKE_SECONDS": "0",
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def account(place: Place) -> Account:
    """Return the account, empty again."""
    place.proxy.reset()
    place.account.reset()
    place.forget_builds()
    return place.account
