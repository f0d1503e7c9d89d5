"""The service as its users run it: a gunicorn on a port of its own, asked over HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.shipped import ROOT
from tests.support.waiting import PATIENCE, wait_until


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
        payload = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self._send(urllib.request.Request(self.url + path, body, payload))

    def _send(self, request: urllib.request.Request) -> Reply:
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())

    def log_lines(self) -> list[dict[str, object]]:
        """Return what it has logged so far, whole lines only."""
        complete, _, _ = self.log.read_text().rpartition("\n")
        return [json.loads(line) for line in complete.splitlines()]


def flask_process(worker: psutil.Process) -> psutil.Process:
    """Return the process in which Flask answers for a worker: the one that lets others go first."""
    (process,) = [child for child in worker.children() if child.nice() > worker.nice()]
    return process


def free_port() -> int:
    """Return a port that nobody listens on, and that nobody else is given for a minute.

    A connection that its server closed first keeps the port: the system hands it to no one who
    asks for any port, while a server that names it can listen on it at once.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            connection, _ = server.accept()
            connection.close()
            client.recv(1)  # until it is closed
    return port


@contextmanager
def serving(
    folder: Path,
    root: Path = ROOT,
    command: Sequence[str] = ("predict.py",),
    **settings: str,
) -> Iterator[Server]:
    """Run the service that lies in `root`, until the block ends; its log is in `folder`.

    It is started as its users start it, or as `command` says: what Python is told to run.
    """
    port, log = free_port(), folder / "service.log"
    environment = os.environ | {"PORT": str(port)} | settings
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=root, env=environment, stdout=output, stderr=output
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
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
