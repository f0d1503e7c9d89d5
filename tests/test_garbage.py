"""What a request leaves behind: nothing that waits for the collector, which seldom looks.

Until it does, a body or an answer that hangs on such garbage is memory that nobody uses.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.mixed_requests import GOOD, RUBBISH, Client, MixedRequest, build
from tests.support.servers import Server, serving
from tests.support.waiting import wait_until

pytestmark = pytest.mark.long

N_REQUESTS = 5
COMMAND = ("-m", "gunicorn", "--config", "tests/support/garbage_conf.py", "predict:app")
# werkzeug leaves a function that refers to itself for each route that it looks up.
OF_A_LOOKUP = {f"builtins.{name}" for name in ("function", "cell", "set", "tuple")}
MISUSED = [
    (1, build("DELETE", "/predict", b"x" * 90_000)),
    (1, build("POST", "/segments", b"x" * 90_000, "Content-Type: application/json")),
]


class Garbage:
    """What the processes of a server's only worker would leave to the collector."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._folder = folder
        self._processes = psutil.Process(server.process.pid).children(recursive=True)

    def collect(self) -> set[str]:
        """Return the types of what has been left since it was last collected."""
        return {name for process in self._processes for name in self._collect(process.pid)}

    def _collect(self, pid: int) -> list[str]:
        file = self._folder / str(pid)
        os.kill(pid, signal.SIGRTMIN)
        wait_until(file.exists)
        names: list[str] = json.loads(file.read_text())
        file.unlink()
        return names


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose collector only looks when it is asked to."""
    folder = tmp_path_factory.mktemp("garbage")
    settings = {"WEB_CONCURRENCY": "1", "GARBAGE_FOLDER": str(folder)}
    with serving(folder, command=COMMAND, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def garbage(server: Server) -> Garbage:
    """What it leaves."""
    return Garbage(server, server.log.parent)


def ask(server: Server, request: MixedRequest) -> None:
    """Send a request several times, and end its connections."""
    client = Client(server.port)
    for _ in range(N_REQUESTS):
        client.exchange(request)
    client.close()
    (worker,) = psutil.Process(server.process.pid).children()
    listening = {psutil.CONN_LISTEN}
    wait_until(lambda: {end.status for end in worker.net_connections("tcp")} == listening)


@pytest.mark.parametrize(
    "request_", [request for _, request in GOOD + RUBBISH + MISUSED], ids=lambda _: "request"
)
def test_a_request_leaves_nothing_to_the_collector(
    server: Server, garbage: Garbage, request_: MixedRequest
) -> None:
    """But for a few small objects of werkzeug's."""
    ask(server, request_)
    garbage.collect()  # what is made once and replaced
    ask(server, request_)
    assert garbage.collect() <= OF_A_LOOKUP
