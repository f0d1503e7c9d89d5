"""The image, built and run as a person would: with Docker, else with a stand-in for it.

Docker runs it as the deployment instructions say, with a read-only root. The stand-in cannot; it
shows that the image's user has no place to write but the folders for temporary files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from segmentation.runtime import Model

pytestmark = pytest.mark.container

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = Path(os.environ.get("CONTAINER_TOOL", ROOT / "../shared/tools/container"))
TAG = "segmentation-test"
SECONDS_TO_BUILD = 1800
SECONDS_TO_START = 60
SECONDS_TO_STOP = 25

# What the image says about itself from within.
PROBE = """
import json, os, stat
def below(top):
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in (
            "/proc", "/sys", "/dev")]
        yield folder
        yield from (os.path.join(folder, name) for name in names)
def writable_by_others(path):
    status = os.lstat(path)
    return not stat.S_ISLNK(status.st_mode) and (
        status.st_uid == os.getuid() or bool(status.st_mode & 0o022))
ours = [*below("/app"), *below("/opt/venv")]
print(json.dumps({
    "user": f"{os.getuid()}:{os.getgid()}",
    "ours": ours,
    "changeable": [path for path in ours if writable_by_others(path)],
    "writable": [path for path in below("/")
        if not os.path.islink(path) and os.access(path, os.W_OK)],
}))
"""
TEMPORARY = ("/tmp", "/var/tmp", "/run/lock", "/dev/shm")


@dataclass
class Container:
    """A running container, seen from outside.

    Attributes
    ----------
    process : Popen
        Ends when the container does, with its exit code, and passes SIGTERM on to it.
    """

    name: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def call(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request; return status and decoded JSON."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            if body is None:
                connection.request("GET", path)
            else:
                headers = {"Content-Type": "application/json"}
                connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def wait_until(self, path: str) -> None:
        """Wait until `path` is answered with 200."""
        deadline = time.monotonic() + SECONDS_TO_START
        status: object = None
        while status != 200:
            try:
                status, _ = self.call(path)
            except (OSError, HTTPException) as error:
                status = error
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{path}: {status}\n{self.log.read_text()}")
            time.sleep(0.05)


class Docker:
    """Containers of a Docker engine."""

    def build(self) -> None:
        """Build the image."""
        _run_or_fail(["docker", "build", "--tag", TAG, str(ROOT)])

    def command(self, name: str, port: int, environment: Sequence[str]) -> list[str]:
        """Return the command line that runs the image in the foreground."""
        options = ["--rm", "--name", name, "--publish", f"127.0.0.1:{port}:{port}"]
        options += ["--read-only", "--tmpfs", "/tmp"]
        variables = [f"--env={one}" for one in (f"PORT={port}", *environment)]
        return ["docker", "run", *options, *variables, TAG]

    def inside(self, container: Container, command: Sequence[str]) -> list[str]:
        """Return the command line that runs `command` in a container, as its user."""
        return ["docker", "exec", container.name, *command]

    def remove(self, name: str) -> None:
        """Remove what may be left of a container."""
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)


class StandIn:
    """Containers of a script around buildah: on the host's network, without a read-only root."""

    def build(self) -> None:
        """Build the image, or skip where what it is based on cannot be had."""
        base = _run([str(STAND_IN), "base"])
        if base.returncode:
            pytest.skip(f"no Docker engine, and no base image to stand in: {_end(base)}")
        _run_or_fail([str(STAND_IN), "build", str(ROOT), TAG])

    def command(self, name: str, port: int, environment: Sequence[str]) -> list[str]:  # noqa: ARG002  # as Docker's
        """Return the command line that runs the image in the foreground."""
        return [str(STAND_IN), "run", TAG, f"PORT={port}", *environment]

    def inside(self, container: Container, command: Sequence[str]) -> list[str]:
        """Return the command line that runs `command` beside a container, on the same network."""
        return [str(STAND_IN), "run", TAG, f"PORT={container.port}", "--", *command]

    def remove(self, name: str) -> None:
        """Do nothing: the script has cleaned up."""


Start = Callable[..., Container]


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS_TO_BUILD, check=False
    )


def _run_or_fail(command: Sequence[str]) -> str:
    done = _run(command)
    if done.returncode:
        pytest.fail(f"{' '.join(command[:3])}…: exit status {done.returncode}\n{_end(done)}")
    return done.stdout


def _end(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stdout + done.stderr)[-3000:] or f"exit status {done.returncode}"


def _free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _instruction(name: str) -> str:
    """Return what the Dockerfile says after the last `name`, its lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    found: list[str] = re.findall(rf"^{name}\s+(.*)$", text, re.MULTILINE)
    return found[-1]


@pytest.fixture(scope="session")
def engine() -> Docker | StandIn:
    """Return what builds and runs images here; the image is built."""
    found: Docker | StandIn
    if shutil.which("docker") and _run(["docker", "info"]).returncode == 0:
        found = Docker()
    elif not STAND_IN.is_file():
        pytest.skip("no Docker engine answers, and there is no stand-in for it")
    elif os.geteuid() != 0:
        pytest.skip("no Docker engine answers, and its stand-in needs root")
    else:
        found = StandIn()
    found.build()
    return found


@pytest.fixture(scope="session")
def start(engine: Docker | StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Return a function that starts the image; whatever still runs is stopped at the end."""
    started: list[Container] = []

    def start(*environment: str) -> Container:
        name, port = f"{TAG}-{uuid4().hex[:8]}", _free_port()
        log = tmp_path_factory.mktemp("container") / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                engine.command(name, port, environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(Container(name, port, log, process))
        return started[-1]

    yield start
    for container in started:
        container.process.terminate()
    for container in started:
        try:
            container.process.wait(SECONDS_TO_STOP + 5)
        except subprocess.TimeoutExpired:
            os.killpg(container.process.pid, signal.SIGKILL)
            container.process.wait()
        engine.remove(container.name)


@pytest.fixture(scope="session")
def service(start: Start) -> Container:
    """Return a ready container."""
    container = start()
    container.wait_until("/readyz")
    return container


@pytest.fixture(scope="session")
def facts(engine: Docker | StandIn, service: Container) -> dict[str, Any]:
    """Return what can be seen from within, by the image's own user."""
    output = _run_or_fail(engine.inside(service, ["python", "-c", PROBE]))
    found: dict[str, Any] = json.loads(output)
    return found


def test_answers_as_the_model_here_does(service: Container) -> None:
    """The image serves the checked-out model: every answer is what that model answers here."""
    model = Model.load(ROOT / "model.bin")
    records = [one.record for one in model.manifest.golden]
    status, content = service.call("/predict", records)
    assert status == 200
    assert content["model"] == model.name
    assert content["predictions"] == json.loads(json.dumps(model.predict(records)))


def test_user_owns_nothing(facts: dict[str, Any]) -> None:
    """The image runs as a numbered user other than root, who can change none of its files."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", _instruction("USER"))
    assert facts["user"] == _instruction("USER")
    assert "/app/model.bin" in facts["ours"]
    assert facts["changeable"] == []


def test_needs_no_writable_root(service: Container, facts: dict[str, Any]) -> None:
    """The service answers although its user can write nothing but temporary files."""
    assert service.call("/readyz")[0] == 200
    elsewhere = [path for path in facts["writable"] if not path.startswith(TEMPORARY)]
    assert elsewhere == []


def test_holds_only_what_it_runs(facts: dict[str, Any]) -> None:
    """No tests, repository, environment or key gets into the image, only what it runs."""
    files = [Path(path) for path in facts["ours"]]
    app = [path.relative_to("/app") for path in files if path.is_relative_to("/app")]
    assert {path.parts[0] for path in app if path.parts} == {
        "__pycache__", "data", "gunicorn.conf.py", "model.bin", "models", "predict.py",
        "segmentation", "train.py",
    }  # fmt: skip
    samples = {path.name for path in app if path.parent.name == "data"}
    shipped = {path.name for path in (ROOT / "data").iterdir() if path.suffix in (".csv", ".py")}
    assert samples - {"__pycache__"} == shipped
    packages = {path.name for path in app if path.parent.name == "models"}
    assert packages == {path.name for path in (ROOT / "models").glob("*.bin")}
    assert [path for path in app if path.name.startswith((".", "test"))] == []
    secret = [path for path in files if path.suffix in (".pem", ".key") or path.name == ".git"]
    # Public certificates, for S3.
    assert [path for path in secret if path.name != "cacert.pem"] == []


@pytest.mark.parametrize("path", ["/nonexistent", "predict.py"], ids=["missing", "not a package"])
def test_lives_without_a_model(start: Start, path: str) -> None:
    """A model that cannot be used leaves the service live, for people to see why, but not ready."""
    container = start(f"MODEL_PATH={path}")
    container.wait_until("/livez")
    assert container.call("/readyz")[0] == 503
    status, problem = container.call("/predict", {})
    assert status == 503
    assert path in problem["detail"]


def test_health_check_says_whether_it_is_ready(
    engine: Docker | StandIn, service: Container, start: Start
) -> None:
    """The health check passes where the service is ready, and fails where it is only live."""
    command = json.loads(_instruction("HEALTHCHECK").partition("CMD ")[2])
    without_model = start("MODEL_PATH=/nonexistent")
    without_model.wait_until("/livez")
    assert _run(engine.inside(service, command)).returncode == 0
    assert _run(engine.inside(without_model, command)).returncode == 1


def test_stops_when_told_to(start: Start) -> None:
    """SIGTERM ends the image with exit status 0, though a client keeps a connection open."""
    container = start()
    container.wait_until("/readyz")
    with closing(HTTPConnection("127.0.0.1", container.port, timeout=10)) as idle:
        idle.request("GET", "/livez")
        idle.getresponse().read()
        container.process.send_signal(signal.SIGTERM)
        assert container.process.wait(SECONDS_TO_STOP) == 0


def test_logs_nothing_but_json(service: Container) -> None:
    """Every line that the image writes is a JSON object, also what libraries have to say."""
    service.call("/livez")
    lines = service.log.read_text().splitlines()
    assert lines
    assert all(isinstance(json.loads(line), dict) for line in lines)
