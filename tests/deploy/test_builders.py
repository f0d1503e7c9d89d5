"""Images are built and pushed: buildah and the registry are real, the program runs as it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.deploying import CIDR, STACK, Place, commit
from tests.support.registry import NAME, Registry, running_registry

MISSING = [tool for tool in ("buildah", "docker-registry") if not shutil.which(tool)]

needs_buildah = [
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="buildah needs root here"),
]


@dataclass(frozen=True)
class Workplace:
    """A place with a builder, a registry, and a shell to run the program from."""

    place: Place
    registry: Registry
    builder: Path

    def deploy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the program from anywhere, as its users do."""
        program = self.place.checkout / "deploy/deploy.py"
        settings = {"BUILDER": str(self.builder), "HTTPS_PROXY": self.registry.proxy}
        return subprocess.run(
            [sys.executable, program, "--minimal", "--stack", STACK, *arguments],
            env=os.environ | settings,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        """Return how buildah was called."""
        return self.builder.with_name("calls").read_text().splitlines()


@pytest.fixture
def workplace(place: Place, tmp_path: Path) -> Iterator[Workplace]:
    """Return a workplace whose buildah keeps everything in a folder and notes how it is called."""
    storage = tmp_path / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{tmp_path}/graph"\nrunroot = "{tmp_path}/run"\n'
    )
    builder = tmp_path / "buildah"
    builder.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n'
        f"export CONTAINERS_STORAGE_CONF={storage} REGISTRY_AUTH_FILE={tmp_path}/auth.json\n"
        f"export BUILDAH_ISOLATION=chroot SSL_CERT_FILE={tmp_path}/registry.crt\n"
        f'exec {shutil.which("buildah")} "$@"\n'
    )
    builder.chmod(0o755)
    with running_registry(tmp_path) as registry:
        yield Workplace(place, registry, builder)


@pytest.fixture
def dockerfile(place: Place) -> Iterator[Path]:
    """Return the checkout's Dockerfile, which a test may break."""
    path = place.checkout / "Dockerfile"
    text = path.read_text()
    yield path
    path.write_text(text)
    commit(place.checkout, "as it was")


class TestBuildah:
    """Everything is real but AWS and what the image holds."""

    pytestmark = needs_buildah

    def test_an_image_is_built_checked_pushed_and_deployed(self, workplace: Workplace) -> None:
        """The password of the registry is in no list of processes."""
        tag = commit(workplace.place.checkout, "pushed") + "-amd64"
        completed = workplace.deploy(CIDR)
        assert completed.returncode == 0, completed.stdout + completed.stderr
        assert workplace.registry.tags(STACK) == [tag]
        assert workplace.place.account.running() == tag
        calls = workplace.calls()
        assert [call.split()[0] for call in calls] == ["build", "inspect", "login", "push"]
        assert calls[2] == f"login --username AWS --password-stdin {NAME}"

    def test_a_push_that_fails_changes_nothing(self, workplace: Workplace) -> None:
        """The registry went away."""
        workplace.registry.process.kill()
        workplace.registry.process.wait()
        completed = workplace.deploy(CIDR)
        assert completed.returncode == 1
        assert "the login to the registry failed" in completed.stderr
        assert workplace.place.account.running() == ""

    def test_a_build_that_fails_says_why_and_keeps_the_log(
        self, workplace: Workplace, dockerfile: Path
    ) -> None:
        """The builder's last lines are shown; the sentence has the one that speaks of an error."""
        dockerfile.write_text("FROM scratch AS full\nCOPY nothing-like-that /\n")
        commit(workplace.place.checkout, "broken")
        completed = workplace.deploy(CIDR)
        assert completed.returncode == 1
        *displayed, sentence = completed.stderr.splitlines()
        assert any("nothing-like-that" in line for line in displayed)
        assert sentence.startswith("deploy: the build failed: ")
        assert "nothing-like-that" in sentence
        log = re.search(r"\(all of it: (.+)\)", sentence)
        assert log
        assert "nothing-like-that" in Path(log[1]).read_text()
        Path(log[1]).unlink()
        assert workplace.place.account.running() == ""


BUILDKIT = """\
#9 [build 2/2] RUN pip install thing
#9 0.51 ERROR: No matching distribution found for thing
#9 ERROR: process "/bin/sh -c pip install thing" did not complete successfully: exit code: 1
------
 > [build 2/2] RUN pip install thing:
0.51 ERROR: No matching distribution found for thing
------
ERROR: failed to build: failed to solve: process "/bin/sh -c pip install thing" failed

View build details: docker-desktop://dashboard/build/default/default/abc
"""


def make_docker(folder: Path, script: str) -> Path:
    """Make a docker that does what a script says."""
    docker = folder / "docker"
    docker.write_text(f"#!/bin/sh\n{script}\n")
    docker.chmod(0o755)
    return docker


def test_a_failing_buildkit_says_more_than_its_last_line(
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Which only advertises."""
    (tmp_path / "printed").write_text(BUILDKIT)
    docker = make_docker(tmp_path, f"cat {tmp_path}/printed; exit 1")
    monkeypatch.setenv("BUILDER", str(docker))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert place.deploy(CIDR) == 1
    *displayed, sentence = capsys.readouterr().err.splitlines()
    assert "  0.51 ERROR: No matching distribution found for thing" in displayed
    assert "failed to solve" in sentence
    (log,) = tmp_path.glob("deploy-*.log")
    assert str(log) in sentence
    assert log.read_text() == BUILDKIT


def test_a_builder_that_ignores_the_platform_is_found_out(
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As one does if the base image is pinned by the digest of one architecture."""
    docker = make_docker(tmp_path, '[ "$1 $2" != "image inspect" ] || echo amd64')
    monkeypatch.setenv("BUILDER", str(docker))
    assert place.deploy(CIDR, "Architecture=ARM64") == 1
    assert "built for amd64 instead of arm64" in capsys.readouterr().err
    assert "GetAuthorizationToken" not in place.proxy.operations()
