"""Images are built and pushed by docker, podman or buildah, which are called without a shell.

What they print goes to a log, which is kept if they fail.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess  # nosec B404  # programs of the project, without a shell
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deployer.aws import Aws, asking
from deployer.errors import ArgumentsError, NotStartedError
from deployer.images import PROCESSORS, Revision
from deployer.reporting import say, would

BUILDERS = ("docker", "podman", "buildah")
LAST_LINES = 20

_INSPECTIONS = {
    "docker": ["image", "inspect", "--format", "{{.Architecture}}"],
    "podman": ["image", "inspect", "--format", "{{.Architecture}}"],
    "buildah": ["inspect", "--type", "image", "--format", "{{.OCIv1.Architecture}}"],
}


def find_builder(environment: Mapping[str, str]) -> str:
    """Return the program that builds: ``BUILDER``, or the first that is installed."""
    chosen = environment.get("BUILDER")
    for name in [chosen] if chosen else BUILDERS:
        path = shutil.which(name)
        if path:
            return path
    raise ArgumentsError(f"{chosen or 'docker, podman or buildah'} is not installed")


class Builder:
    """A program that builds images.

    Parameters
    ----------
    program : str
    dry_run : bool
        Whether commands are only printed.
    """

    def __init__(self, program: str, *, dry_run: bool) -> None:
        self._program, self._dry_run = program, dry_run
        self._kind = Path(program).stem

    def build(
        self, root: Path, image: str, revision: Revision, target: str, architecture: str
    ) -> None:
        """Build an image, and refuse it if it is for other processors than asked for."""
        processor = PROCESSORS[architecture]
        tag = image.rpartition(":")[2]
        say(f"building {tag} for linux/{processor} with {self._kind}")
        self._run(
            "build",
            ["build", "--platform", f"linux/{processor}", "--target", target,
             "--build-arg", f"REVISION={revision.commit}", "--build-arg", f"VERSION={tag}",
             "--tag", image, str(root)],
        )  # fmt: skip
        self._check_processor(image, processor)

    def push(self, aws: Aws, image: str) -> None:
        """Log in to the registry, and push an image."""
        registry = image.partition("/")[0]
        say(f"pushing to {image.rpartition(':')[0]}")
        password = "" if self._dry_run else _registry_password(aws)
        # By standard input: the password is in no list of processes.
        login = ["login", "--username", "AWS", "--password-stdin", registry]
        self._run("login to the registry", login, password)
        self._run("push", ["push", image])

    def _check_processor(self, image: str, processor: str) -> None:
        """Believe the image: a base that is pinned by its digest overrules ``--platform``."""
        if self._dry_run or self._kind not in _INSPECTIONS:
            return
        built_for = self._run("inspection", [*_INSPECTIONS[self._kind], image]).strip()
        if built_for not in ("", processor):
            raise NotStartedError(f"the image was built for {built_for} instead of {processor}")

    def _run(self, step: str, arguments: Sequence[str], text: str = "") -> str:
        command = [self._program, *arguments]
        if self._dry_run:
            would(command)
            return ""
        handle, log = tempfile.mkstemp(prefix="deploy-", suffix=".log")
        with os.fdopen(handle, "wb") as output:
            try:
                status = subprocess.run(  # nosec B603  # programs of the project, without a shell
                    command,
                    input=text.encode(),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    check=False,
                ).returncode
            except OSError as error:
                raise NotStartedError(f"the {step} failed: {error.strerror}") from error
        printed = Path(log).read_text(encoding="utf-8", errors="replace")
        if status:
            _show_end(printed)
            raise NotStartedError(f"the {step} failed: {_main_line(printed)} (all of it: {log})")
        Path(log).unlink()
        return printed


def _registry_password(aws: Aws) -> str:
    with asking("a password of the registry"):
        (authorization,) = aws.ecr.get_authorization_token()["authorizationData"]
        token = base64.b64decode(authorization["authorizationToken"]).decode()
        name, _, password = token.partition(":")
        if name != "AWS" or not password:
            raise ValueError("authorizationToken")
    return password


def _show_end(printed: str) -> None:
    lines = [line for line in printed.splitlines() if line.strip()]
    for line in lines[-LAST_LINES:]:
        print(f"  {line}", file=sys.stderr)  # noqa: T201  # the program's own output


def _main_line(printed: str) -> str:
    """Return the last line that speaks of an error, or else the last."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [
        line for line in lines if re.search(r"error|denied|fail|no such", line, re.IGNORECASE)
    ]
    return ([*lines[-1:], *errors[-1:]] or ["it says nothing"])[-1][:400]
