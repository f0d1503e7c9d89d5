"""Both images, built and run as a person would: with Docker, else with a stand-in for it.

Either way the root is read-only, and the image's user has no place to write but the folders for
temporary files.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from scripts.image_size import base_digests
from scripts.image_size import layers as layers_of
from scripts.images import opened
from scripts.sbom.document import document
from segmentation.runtime import Model
from tests.support.load import Load
from tests.support.records import ORDERS
from tests.support.servers import free_port
from tests.support.shipped import PACKAGES
from tests.support.waiting import PATIENCE

pytestmark = [pytest.mark.long, pytest.mark.container]

ROOT = Path(__file__).resolve().parents[1]
STAND_IN = Path(os.environ.get("CONTAINER_TOOL", ROOT / "../shared/tools/container"))
TAGS = {"full": "segmentation-test", "serve": "segmentation-test-serve"}
LIMITS = {"full": 450, "serve": 150}
SECONDS_TO_BUILD = 1800
SECONDS_TO_START = 2 * PATIENCE  # without a cache of pages, on a busy machine
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
# Every package and distribution, by the image's own tools.
INVENTORY = """
import importlib.metadata, json, os, pathlib, platform, subprocess
query = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\\n"]
lines = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
distributions, wheels = set(), []
for folder, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in (
        "/proc", "/sys", "/dev")]
    wheels += [name for name in names if name.endswith(".whl")]
    for name in folders + names:
        if name.endswith((".dist-info", ".egg-info")):
            found = importlib.metadata.PathDistribution(pathlib.Path(folder, name))
            distributions.add((found.metadata["Name"], found.version))
print(json.dumps({
    "debian": [line.split()[1:] for line in lines if line.startswith("installed ")],
    "python": [*distributions, *(wheel.split("-")[:2] for wheel in wheels)],
    "cpython": platform.python_version(),
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

    target: str
    name: str
    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def call(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Send a request; return status and decoded JSON."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            if body is None:
                connection.request("GET", path)
            else:
                headers = {"Content-Type": "application/json"}
                connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def read(self, path: str) -> bytes:
        """Return what is at a path; it must be there."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200, path
            return response.read()

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

    def build(self, target: str) -> None:
        """Build a target of the Dockerfile."""
        _run_or_fail(["docker", "build", "--target", target, "--tag", TAGS[target], str(ROOT)])

    def command(self, target: str, name: str, port: int, environment: Sequence[str]) -> list[str]:
        """Return the command line that runs an image in the foreground."""
        options = ["--rm", "--name", name, "--publish", f"127.0.0.1:{port}:{port}"]
        options += ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]
        options += ["--security-opt", "no-new-privileges"]
        variables = [f"--env={item}" for item in (f"PORT={port}", *environment)]
        return ["docker", "run", *options, *variables, TAGS[target]]

    def inside(self, container: Container, command: Sequence[str]) -> list[str]:
        """Return the command line that runs `command` in a container, as its user."""
        return ["docker", "exec", container.name, *command]

    def remove(self, name: str) -> None:
        """Remove what may be left of a container."""
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)

    def close(self) -> None:
        """Do nothing: containers are removed as they end."""


# What an engine does with --read-only and --tmpfs, in a mount namespace that ends with the command.
MOUNTED = """
set -eu
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777,nosuid,nodev,noexec tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
done
mount -o remount,ro,bind "$root"
exec "$@"
"""


class StandIn:
    """Images of buildah's, on the host's network; the root is read-only, as an engine makes it."""

    def __init__(self) -> None:
        self._environment = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
        self._roots: dict[str, tuple[str, str]] = {}

    def build(self, target: str) -> None:
        """Build a target, or skip where what it is based on cannot be had."""
        base = _run([str(STAND_IN), "base"])
        if base.returncode:
            pytest.skip(f"no Docker engine, and no base image to stand in: {_end(base)}")
        tag = TAGS[target]
        certificates = ["-v", "/etc/ssl/certs:/etc/ssl/certs:ro"]
        options = ["--pull-never", "--layers", *certificates, "--target", target, "-t", tag]
        self._buildah("bud", *options, str(ROOT))
        container = self._buildah("from", "--pull-never", tag).strip()
        self._roots[target] = container, self._buildah("mount", container).strip()

    def command(
        self,
        target: str,
        name: str,  # noqa: ARG002  # as Docker's
        port: int,
        environment: Sequence[str],
    ) -> list[str]:
        """Return the command line that runs an image in the foreground."""
        return self._rooted(target, [f"PORT={port}", *environment], self._config(target)["Cmd"])

    def inside(self, container: Container, command: Sequence[str]) -> list[str]:
        """Return the command line that runs `command` beside a container, on the same network."""
        return self._rooted(container.target, [f"PORT={container.port}"], command)

    def remove(self, name: str) -> None:
        """Do nothing: nothing is left."""

    def close(self) -> None:
        """Remove the roots."""
        for container, _ in self._roots.values():
            self._buildah("rm", container)

    def _rooted(self, target: str, environment: Sequence[str], command: Sequence[str]) -> list[str]:
        config, root = self._config(target), self._roots[target][1]
        outside = [
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            MOUNTED,
            "sh",
            root,
        ]
        user = f"--userspec={config['User']}"
        variables = [*config["Env"], *environment]
        within = ["env", "-i", "-C", config["WorkingDir"], *variables, *command]
        return [*outside, "chroot", user, "--groups=", root, *within]

    def _config(self, target: str) -> dict[str, Any]:
        inspected = json.loads(self._buildah("inspect", "--type", "image", TAGS[target]))
        config: dict[str, Any] = inspected["OCIv1"]["config"]
        return config

    def _buildah(self, *arguments: str) -> str:
        command = ["buildah", *arguments]
        return _run_or_fail(command, self._environment)


Start = Callable[..., Container]


def _run(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS_TO_BUILD, check=False,
        env=environment,
    )  # fmt: skip


def _run_or_fail(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    completed = _run(command, environment)
    if completed.returncode:
        pytest.fail(
            f"{' '.join(command[:3])}…: exit status {completed.returncode}\n{_end(completed)}"
        )
    return completed.stdout


def _end(completed_value: subprocess.CompletedProcess[str]) -> str:
    return (completed_value.stdout + completed_value.stderr)[
        -3000:
    ] or f"exit status {completed_value.returncode}"


def _instruction(name: str) -> str:
    """Return what the Dockerfile says after the last `name`, its lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    result: list[str] = re.findall(rf"^{name}\s+(.*)$", text, re.MULTILINE)
    return result[-1]


@pytest.fixture(scope="session")
def engine() -> Iterator[Docker | StandIn]:
    """Return what builds and runs images here; they are built."""
    result: Docker | StandIn
    if shutil.which("docker") and _run(["docker", "info"]).returncode == 0:
        result = Docker()
    elif not STAND_IN.is_file():
        pytest.skip("no Docker engine answers, and there is no stand-in for it")
    elif os.geteuid() != 0:
        pytest.skip("no Docker engine answers, and its stand-in needs root")
    else:
        result = StandIn()
    for target in TAGS:
        result.build(target)
    yield result
    result.close()


@pytest.fixture(scope="session")
def start(engine: Docker | StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Return a function that starts the image; whatever still runs is stopped at the end."""
    started: list[Container] = []

    def start(*environment: str, target: str = "full") -> Container:
        name, port = f"{TAGS[target]}-{uuid4().hex[:8]}", free_port()
        log = tmp_path_factory.mktemp("container") / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                engine.command(target, name, port, environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(Container(target, name, port, log, process))
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
    content: dict[str, Any] = json.loads(output)
    return content


@pytest.fixture(scope="session")
def serve(start: Start) -> Container:
    """Return a ready container of the image with the API alone."""
    container = start(target="serve")
    container.wait_until("/readyz")
    return container


@pytest.fixture(params=["full", "serve"])
def either(request: pytest.FixtureRequest) -> Container:
    """Return a ready container of either image."""
    result: Container = request.getfixturevalue({"full": "service"}.get(request.param, "serve"))
    return result


@pytest.mark.parametrize("study", PACKAGES)
def test_answers_as_the_model_here_does(either: Container, study: str) -> None:
    """The image serves the checked-out models: every answer is what that model answers here."""
    model = Model.load(PACKAGES[study])
    records = [item.record for item in model.manifest.golden]
    status, content = either.call(f"/studies/{study}/predict", records)
    assert status == 200
    assert content["model"] == model.name
    assert content["predictions"] == json.loads(json.dumps(model.predict(records)))


def test_scores_a_file(either: Container) -> None:
    """Each of its rows, in a body that is kept in a temporary file meanwhile."""
    header, *rows = (ROOT / "data/mobile.csv").read_text().splitlines()
    n_times = 2_000_000 // len("\n".join(rows))
    body = "\n".join([header, *rows * n_times]).encode()
    with closing(HTTPConnection("127.0.0.1", either.port, timeout=PATIENCE)) as connection:
        connection.request("POST", "/predict/file", body, {"Content-Type": "text/csv"})
        response = connection.getresponse()
        assert response.status == 200
        text = response.read().decode()
    assert text.count("\n") == len(rows) * n_times + 1


@pytest.mark.parametrize("study", PACKAGES)
def test_the_full_image_explains(service: Container, study: str) -> None:
    """Every study, from the pickle in its package; contributions add up."""
    record = Model.load(PACKAGES[study]).manifest.golden[0].record
    status, content = service.call(f"/studies/{study}/explain", record)
    assert status == 200
    explanation = content["explanation"]
    total = explanation["base"] + sum(
        contribution["contribution"] for contribution in explanation["contributions"]
    )
    assert total == pytest.approx(explanation["output"], abs=2e-5)


def test_the_full_image_takes_transactions(service: Container) -> None:
    """They become the features that the model reads."""
    status, content = service.call("/studies/retail/predict", ORDERS)
    assert status == 200
    assert content["segment"]["id"]


def test_the_full_image_serves_pages(service: Container) -> None:
    """The document, and every script and style that it names."""
    document = service.read("/pages/")
    paths = re.findall(r'(?:src|href)="(/pages/[^"]+)"', document.decode())
    assert len(paths) > 8
    assert all(service.read(path) for path in paths)


def test_the_full_image_trains(engine: Docker | StandIn, service: Container) -> None:
    """From the sample in it, through the checks of the transactions, to a package in /tmp."""
    train = "python train.py --study retail --output /tmp/m.bin && python -m zipfile -l /tmp/m.bin"
    printed = _run_or_fail(engine.inside(service, ["sh", "-c", train]))
    assert "manifest.json" in printed
    assert "scorer.onnx" in printed


def test_the_full_image_can_read_s3(engine: Docker | StandIn, service: Container) -> None:
    """The descriptions of S3, and of where credentials may come from, are among its files."""
    program = (
        "import s3fs, botocore.session\n"
        "session = botocore.session.get_session()\n"
        "for name in 's3', 'sts', 'sso', 'sso-oidc':\n"
        "    session.create_client(name, region_name='eu-west-1')\n"
    )
    _run_or_fail(engine.inside(service, ["python", "-c", program]))


def test_the_serve_image_says_what_it_lacks(serve: Container) -> None:
    """Pages, explanations and transactions are a 501, and the root leads to the documentation."""
    record = Model.load(PACKAGES["mobile"]).manifest.golden[0].record
    for path, body in (
        ("/pages/", None),
        ("/explain", record),
        ("/studies/retail/predict", ORDERS),
    ):
        status, content = serve.call(path, body)
        assert status == 501
        assert "The full image has them" in content["detail"]
    with closing(HTTPConnection("127.0.0.1", serve.port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/")
        assert connection.getresponse().headers["Location"] == "docs"


def test_what_the_service_imports_is_compiled(engine: Docker | StandIn, either: Container) -> None:
    """A read-only root would have it compiled again in every process."""
    program = (
        "import importlib, importlib.util, os, sys\n"
        "import segmentation.service.app, segmentation.service.event_loop_worker\n"
        "if importlib.util.find_spec('dash'):\n"
        "    import segmentation.dashboard.app, segmentation.estimators, duckdb\n"
        "print([name for name, module in sys.modules.items()\n"
        "    if '/opt/venv' in (getattr(module, '__file__', None) or '')\n"
        "    and getattr(module, '__cached__', None) and not os.path.exists(module.__cached__)])\n"
    )
    assert _run_or_fail(engine.inside(either, ["python", "-c", program])).strip() == "[]"


@pytest.mark.parametrize("target", TAGS)
def test_it_is_small_enough(engine: Docker | StandIn, target: str) -> None:
    """In layers: a new model changes the last, which is small; new code the one below."""
    base = base_digests()
    layers = [layer for digest, layer in layers_of(TAGS[target]).items() if digest not in base]
    *_, code, models = layers
    assert set(models.packages) <= {"app", "app/model.bin", "app/models", "app/packages.sha256"}
    assert "app/segmentation" in code.packages
    assert sum(layer.n_bytes for layer in (code, models)) < 10e6
    assert sum(layer.n_bytes for layer in layers) <= LIMITS[target] * 1e6


def test_the_bill_of_materials_is_what_is_in_it(
    engine: Docker | StandIn, either: Container
) -> None:
    """Every package of Debian, every distribution and CPython; each says its licence."""
    inside = json.loads(_run_or_fail(engine.inside(either, ["python", "-c", INVENTORY])))
    with opened(TAGS[either.target]) as image:
        components = json.loads(document(image))["components"]

    def listed(kind: str) -> list[dict[str, Any]]:
        return [part for part in components if part.get("purl", "").startswith(f"pkg:{kind}/")]

    def versions(kind: str) -> list[tuple[str, str]]:
        return sorted((part["name"], part["version"]) for part in listed(kind))

    assert versions("deb") == sorted(map(tuple, inside["debian"]))
    assert versions("pypi") == sorted(set(map(tuple, inside["python"])))
    assert versions("generic") == [("CPython", inside["cpython"])]
    packages = [*listed("deb"), *listed("pypi"), *listed("generic")]
    assert [part["name"] for part in packages if not part.get("licenses")] == []
    (ours,) = [part for part in components if part["type"] == "application"]
    assert ours["version"] == "dev"
    assert "/app/model.bin" in {part["name"] for part in ours["components"]}


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
        "__pycache__", "data", "gunicorn.conf.py", "model.bin", "models", "packages.sha256",
        "predict.py", "segmentation", "train.py",
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


@pytest.mark.parametrize("target", TAGS)
def test_stops_under_load_without_dropping_a_request(start: Start, target: str) -> None:
    """Whatever it has accepted, it answers in full; then it ends with exit status 0."""
    container = start(target=target)
    container.wait_until("/readyz")
    load = Load(container.port)
    with load.running():
        container.process.send_signal(signal.SIGTERM)
        assert container.process.wait(SECONDS_TO_STOP) == 0
    assert set(load.ends) == {"answered", "refused"}


def test_stops_when_told_to(start: Start) -> None:
    """SIGTERM ends the image with exit status 0, though a client keeps a connection open."""
    container = start()
    container.wait_until("/readyz")
    with closing(HTTPConnection("127.0.0.1", container.port, timeout=PATIENCE)) as idle:
        idle.request("GET", "/livez")
        idle.getresponse().read()
        container.process.send_signal(signal.SIGTERM)
        assert container.process.wait(SECONDS_TO_STOP) == 0


def test_logs_nothing_but_json(service: Container) -> None:
    """Every line that the image writes is a JSON object, also what libraries have to say."""
    service.call("/livez")
    complete, _, _ = service.log.read_text().rpartition("\n")
    lines = complete.splitlines()
    assert lines
    assert all(isinstance(json.loads(line), dict) for line in lines)
