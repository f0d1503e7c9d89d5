"""deploy/deploy.sh, run as it is: git, buildah, a registry, the AWS CLI and the service are real.

AWS is moto's server. Its names for the registry and the load balancer lead here through a proxy, so
the script needs no switch for tests: HTTPS goes to Debian's docker-registry, HTTP to the service.
The image is a file; what is asked is the service of this checkout.
"""

from __future__ import annotations

import datetime
import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cloud import Cloud, running_cloud
from tests.support.servers import Server, free_port, serving
from tests.support.shipped import ROOT
from tests.support.waiting import wait_until

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
STACK = "segmentation"
NEEDED = [tool for tool in ("buildah", "docker-registry", "git", "curl") if not shutil.which(tool)]

pytestmark = [
    pytest.mark.skipif(bool(NEEDED), reason=f"not installed: {', '.join(NEEDED)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="buildah needs root here"),
]


class Proxy(socketserver.ThreadingTCPServer):
    """Leads every HTTPS connection to one port, and every other to another."""

    daemon_threads = True

    def __init__(self, secure: int, plain: int) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.secure, self.plain = secure, plain


class _Relay(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        head = self.request.recv(65536)
        tunnel = head.startswith(b"CONNECT ")
        with suppress(OSError):
            port = self.server.secure if tunnel else self.server.plain
            with socket.create_connection(("127.0.0.1", port)) as there:
                if tunnel:
                    self.request.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                else:
                    there.sendall(head)
                back = threading.Thread(target=_copy, args=(there, self.request), daemon=True)
                back.start()
                _copy(self.request, there)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def write_certificate(folder: Path) -> Path:
    """Make a key and a certificate of the registry that signs itself; return the latter."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(REGISTRY)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "registry.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path = folder / "registry.crt"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def running_registry(folder: Path) -> Iterator[int]:
    """Run a registry until the block ends; return its port."""
    port, certificate = free_port(), write_certificate(folder)
    configuration = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "tls": {"certificate": str(certificate), "key": str(folder / "registry.key")},
        },
    }
    (folder / "registry.json").write_text(json.dumps(configuration))
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", folder / "registry.json"], stdout=log, stderr=log
        )

    def answers() -> bool:
        assert process.poll() is None, (folder / "registry.log").read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    try:
        wait_until(answers)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@dataclass(frozen=True)
class Workplace:
    """A checkout to deploy from, an account to deploy to, and whatever lies between."""

    cloud: Cloud
    folder: Path
    registry: int
    environment: dict[str, str]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        return subprocess.run(
            [self.folder / "checkout/deploy/deploy.sh", *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def commit(self, text: str) -> str:
        """Change the image; return the tag that the revision has."""
        checkout = self.folder / "checkout"
        (checkout / "hello").write_text(text)
        git(checkout, "add", "--all")
        git(checkout, "commit", "--quiet", "--message", text)
        return git(checkout, "rev-parse", "--short=12", "HEAD").strip()

    def parameters(self) -> dict[str, str]:
        """Return what the stack was deployed with."""
        described = self.cloud.client("cloudformation").describe_stacks(StackName=STACK)
        parameters = described["Stacks"][0]["Parameters"]
        return {one["ParameterKey"]: one["ParameterValue"] for one in parameters}

    def tags(self) -> list[str]:
        """Return what the registry has."""
        trust = ssl.create_default_context(cafile=str(self.folder / "registry.crt"))
        trust.check_hostname = False  # asked by its address
        address = f"https://127.0.0.1:{self.registry}/v2/{STACK}/tags/list"
        with urllib.request.urlopen(address, context=trust, timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return list(found["tags"])

    def builder_calls(self) -> list[str]:
        """Return how the builder was called."""
        return (self.folder / "calls").read_text().splitlines()


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular."""
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout


def make_checkout(folder: Path) -> None:
    """Make a repository with the project's deploy folder and an image of one file."""
    checkout = folder / "checkout"
    shutil.copytree(ROOT / "deploy", checkout / "deploy")
    (checkout / "Dockerfile").write_text("FROM scratch\nARG REVISION\nARG VERSION\nCOPY hello /\n")
    (checkout / "hello").write_text("hello")
    git(checkout, "init", "--quiet")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "first")


def make_builder(folder: Path) -> Path:
    """Make a buildah that keeps everything in the folder and writes down how it was called."""
    storage = folder / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    builder = folder / "builder"
    builder.write_text(
        f'#!/bin/sh\necho "$@" >>{folder}/calls\n'
        f"export CONTAINERS_STORAGE_CONF={storage} REGISTRY_AUTH_FILE={folder}/auth.json\n"
        f'export BUILDAH_ISOLATION=chroot SSL_CERT_FILE={folder}/registry.crt\nexec buildah "$@"\n'
    )
    builder.chmod(0o755)
    return builder


@pytest.fixture
def workplace(tmp_path: Path, server: Server) -> Iterator[Workplace]:
    """Return a checkout and an empty account, in which the service answers at every address."""
    with ExitStack() as stack:
        cloud = stack.enter_context(running_cloud(tmp_path))
        registry = stack.enter_context(running_registry(tmp_path))
        yield stack.enter_context(arranged(tmp_path, cloud, registry, server.port))


@contextmanager
def arranged(folder: Path, cloud: Cloud, registry: int, service: int) -> Iterator[Workplace]:
    """Let the account's names lead to a registry and a service until the block ends."""
    make_checkout(folder)
    with Proxy(registry, service) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{proxy.server_address[1]}"
        environment = cloud.environment | {
            "BUILDER": str(make_builder(folder)),
            "HTTPS_PROXY": address,
            "http_proxy": address,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        yield Workplace(cloud, folder, registry, environment)
        proxy.shutdown()


CIDR = "AllowedCidr=203.0.113.7/32"


def assert_failed(done: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    """Check exit status and that all that is said about it is one line."""
    assert done.returncode == status, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("deploy: ")
    for word in words:
        assert word in line


def test_a_revision_is_built_pushed_deployed_and_asked(workplace: Workplace) -> None:
    """Then the next one, then the first again by its tag; what is there is not built again."""
    first = workplace.commit("one")
    done = workplace.run(CIDR, "Cpu=1024")
    assert done.returncode == 0, done.stdout + done.stderr
    assert workplace.tags() == [first]
    assert workplace.parameters() | {"ImageTag": first, "Cpu": "1024"} == workplace.parameters()
    policy = workplace.cloud.client("cloudformation").get_stack_policy(StackName=STACK)
    assert json.loads(policy["StackPolicyBody"]) == json.loads(
        (ROOT / "deploy/stack-policy.json").read_text()
    )

    second = workplace.commit("two")
    assert workplace.run().returncode == 0
    assert sorted(workplace.tags()) == sorted([first, second])
    assert workplace.parameters() | {"ImageTag": second, "Cpu": "1024"} == workplace.parameters()

    assert_failed(workplace.run("--tag", first), 2, "no image", first)
    put_image(workplace.cloud, first)  # moto's own registry doesn't see what ours was sent
    built = len(workplace.builder_calls())
    assert workplace.run("--tag", first).returncode == 0
    assert workplace.parameters()["ImageTag"] == first
    assert len(workplace.builder_calls()) == built


def put_image(cloud: Cloud, tag: str) -> None:
    """Tell the account's registry of an image."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": "sha256:" + "0" * 64, "size": 1},
        "layers": [],
    }
    cloud.client("ecr").put_image(
        repositoryName=STACK, imageManifest=json.dumps(manifest), imageTag=tag
    )


def test_the_password_is_in_no_list_of_processes(workplace: Workplace) -> None:
    """The builder reads it from a pipe."""
    assert workplace.run(CIDR).returncode == 0
    (login,) = (call for call in workplace.builder_calls() if call.startswith("login"))
    assert login == f"login --username AWS --password-stdin {REGISTRY}"


def test_a_wrong_answer_brings_back_what_ran_before(workplace: Workplace) -> None:
    """Image, template and parameters; after a first deployment, that is nothing."""
    wrong = {"SMOKE_SEGMENT": "power_user"}
    assert_failed(workplace.run(CIDR, **wrong), 4, "does not answer power_user", "nothing runs")
    assert workplace.parameters()["ImageTag"] == ""

    first = workplace.commit("one")
    assert workplace.run("MaxTasks=4").returncode == 0
    workplace.commit("two")
    done = workplace.run("MaxTasks=9", **wrong)
    assert_failed(done, 4, "does not answer power_user", "what ran before runs again")
    assert workplace.parameters() | {"ImageTag": first, "MaxTasks": "4"} == workplace.parameters()


def test_a_service_that_does_not_get_ready_is_taken_back(tmp_path: Path) -> None:
    """It is live, but its model can't be used."""
    with ExitStack() as stack:
        cloud = stack.enter_context(running_cloud(tmp_path))
        registry = stack.enter_context(running_registry(tmp_path))
        service = stack.enter_context(serving(tmp_path, MODEL_PATH="/nonexistent"))
        workplace = stack.enter_context(arranged(tmp_path, cloud, registry, service.port))
        done = workplace.run(CIDR, SMOKE_SECONDS="1")
        assert_failed(done, 4, "not ready after 1 s", "503", "nothing runs")
        assert workplace.parameters()["ImageTag"] == ""


def test_a_push_that_fails_changes_nothing(tmp_path: Path, server: Server) -> None:
    """The registry went away after the first deployment."""
    with running_cloud(tmp_path) as cloud:
        with (
            running_registry(tmp_path) as registry,
            arranged(tmp_path, cloud, registry, server.port) as workplace,
        ):
            first = workplace.commit("one")
            assert workplace.run(CIDR).returncode == 0
        shutil.rmtree(tmp_path / "checkout")
        with arranged(tmp_path, cloud, free_port(), server.port) as workplace:
            workplace.commit("two")
            assert_failed(workplace.run(), 1, "registry")
            assert workplace.parameters()["ImageTag"] == first


def test_a_build_that_fails_changes_nothing(workplace: Workplace) -> None:
    """The stack is there by then, without a service."""
    (workplace.folder / "checkout/Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")
    workplace.commit("broken")
    assert_failed(workplace.run(CIDR), 1, "the build failed", "nothing")
    assert workplace.parameters()["ImageTag"] == ""


def test_a_deployment_that_fails_says_why(workplace: Workplace) -> None:
    """In one line."""
    done = workplace.run(CIDR, "VpcId=vpc-0", "Subnets=subnet-0")
    assert_failed(done, 3, "making the stack failed", "subnet-0")


def test_the_minimal_template_is_deployed_alike(workplace: Workplace) -> None:
    """What is asked there is at the task's own address, which moto has not."""
    tag = workplace.commit("one")
    done = workplace.run("--minimal", "--no-smoke", CIDR, "Capacity=FARGATE_SPOT")
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = {"ImageTag": tag, "Capacity": "FARGATE_SPOT"}
    assert workplace.parameters() | wanted == workplace.parameters()


def test_a_dry_run_changes_nothing(workplace: Workplace) -> None:
    """It says what would be run."""
    tag = workplace.commit("one")
    done = workplace.run(CIDR, "--dry-run")
    assert done.returncode == 0, done.stderr
    commands = [line for line in done.stdout.splitlines() if line.startswith("+ ")]
    assert [line.split()[1].rpartition("/")[2] for line in commands] == [
        "aws", "aws", "builder", "aws", "builder", "aws",
    ]  # fmt: skip
    assert f"ImageTag={tag}" in commands[-1]
    assert workplace.cloud.client("cloudformation").list_stacks()["StackSummaries"] == []
    assert not (workplace.folder / "calls").exists()


def test_what_is_not_committed_is_not_deployed(workplace: Workplace) -> None:
    """Unless it is allowed; then the tag says so."""
    (workplace.folder / "checkout/hello").write_text("changed")
    assert_failed(workplace.run(CIDR), 2, "not committed")
    assert workplace.run(CIDR, "--allow-dirty").returncode == 0
    assert "-dirty-" in workplace.parameters()["ImageTag"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--fast"], "--fast"),
        (["--tag"], "--tag"),
        (["ImageTag=1"], "--tag"),
        (["--stack", "Capitals"], "lower-case"),
        ([], "AllowedCidr"),
    ],
    ids=["unknown option", "no value", "tag as parameter", "name", "nobody may connect"],
)
def test_wrong_arguments_are_refused(workplace: Workplace, arguments: list[str], word: str) -> None:
    """Before anything is changed."""
    assert_failed(workplace.run(*arguments), 2, word)
