"""Which image is deployed: its tag, and for which processors an image in the repository is.

A tag means one image for ever, so it says all that tells images of a revision apart:
``3c18f06ee672-amd64``, ``3c18f06ee672-serve-arm64``, ``3c18f06ee672-dirty-20260401120000-amd64``.
"""

from __future__ import annotations

import datetime
import json
import platform
import re
import subprocess  # nosec B404  # programs of the project, without a shell
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.aws import Aws, asking
from deployer.errors import ArgumentsError, QuestionError
from deployer.reporting import say
from deployer.smoke import trust

TARGETS = ("full", "serve")
"""Targets of the Dockerfile; the first is the one that a new stack gets."""

PROCESSORS = {"X86_64": "amd64", "ARM64": "arm64"}
"""What images call the values of the template's Architecture."""

_TAG = re.compile(r"[0-9a-f]{12}(-dirty-[0-9]+)?(?P<serve>-serve)?-(?P<processor>amd64|arm64)")
_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_LARGEST_CONFIGURATION = 4_000_000


@dataclass(frozen=True)
class Revision:
    """What is built: a commit, perhaps with changes on top.

    Attributes
    ----------
    commit, suffix : str
    """

    commit: str
    suffix: str = ""

    def tag(self, target: str, architecture: str) -> str:
        """Return the tag of the image that is built from it."""
        kind = "" if target == TARGETS[0] else f"-{target}"
        return f"{self.commit[:12]}{self.suffix}{kind}-{PROCESSORS[architecture]}"


def find_revision(root: Path, *, allow_dirty: bool) -> Revision:
    """Return what the work tree has, and refuse what is not committed unless it is allowed."""
    commit = _git(root, "rev-parse", "HEAD")
    if not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        raise ArgumentsError("git does not say which revision this is")
    if not _git(root, "status", "--porcelain"):
        return Revision(commit)
    if not allow_dirty:
        raise ArgumentsError("there are changes that are not committed; commit, or --allow-dirty")
    now = datetime.datetime.now(datetime.UTC)
    return Revision(commit, now.strftime("-dirty-%Y%m%d%H%M%S"))


def _git(root: Path, *arguments: str) -> str:
    try:
        process = subprocess.run(  # nosec B603, B607  # git, without a shell
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        raise ArgumentsError("git is not installed") from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["it says nothing"]
        raise ArgumentsError(f"git: {lines[-1]}") from None
    return process.stdout.strip()


def architecture_here() -> str:
    """Return the template's word for the processors of this machine."""
    return "ARM64" if platform.machine().lower() in ("arm64", "aarch64") else "X86_64"


def target_of(tag: str) -> str:
    """Return the target that an image was built from; the first, where its tag does not say."""
    match = _TAG.fullmatch(tag)
    return "serve" if match and match["serve"] else TARGETS[0]


def find_manifest(aws: Aws, repository: str, tag: str) -> dict[str, Any] | None:
    """Return the manifest of an image, or None if ECR says that there is none of that tag."""
    with asking(f"the image {tag}"):
        answer = aws.ecr.batch_get_image(
            repositoryName=repository,
            imageIds=[{"imageTag": tag}],
            acceptedMediaTypes=[*_MANIFESTS, *_INDEXES],
        )
        codes = [failure["failureCode"] for failure in answer["failures"]]
        if not answer["images"] and codes == ["ImageNotFound"]:
            return None
        (image,) = answer["images"]
        manifest: dict[str, Any] = json.loads(image["imageManifest"])
        return dict(manifest)


def check_processors(
    aws: Aws, repository: str, tag: str, manifest: Mapping[str, Any], architecture: str
) -> None:
    """Refuse an image that cannot run on the processors asked for.

    Raises
    ------
    ArgumentsError
        If it was built for others.
    QuestionError
        If nothing says for which it was built.
    """
    processors = _processors(aws, repository, tag, manifest)
    if PROCESSORS[architecture] not in processors:
        raise ArgumentsError(
            f"the image {tag} is for {' and '.join(sorted(processors))}, and the stack's "
            f"Architecture is {architecture}: it could not run"
        )


def _processors(aws: Aws, repository: str, tag: str, manifest: Mapping[str, Any]) -> set[str]:
    match = _TAG.fullmatch(tag)
    with asking(f"the processors of {tag}"):
        if "manifests" in manifest:
            platforms = [entry["platform"]["architecture"] for entry in manifest["manifests"]]
            # Attestations stand in the same list, as images for "unknown".
            return {str(name) for name in platforms if name != "unknown"}
    try:
        return {_read_configuration(aws, repository, tag, manifest)}
    except QuestionError as error:
        if not match:
            raise
        say(f"{error}; its tag says {match['processor']}")
        return {match["processor"]}


def _read_configuration(aws: Aws, repository: str, tag: str, manifest: Mapping[str, Any]) -> str:
    """Return the architecture that an image's configuration states."""
    with asking(f"the processors of {tag}"):
        address = aws.ecr.get_download_url_for_layer(
            repositoryName=repository, layerDigest=manifest["config"]["digest"]
        )["downloadUrl"]
        if not address.startswith(("https://", "http://")):
            raise ValueError(address.partition(":")[0])
        with urllib.request.urlopen(address, timeout=30, context=trust()) as answer:  # nosec B310  # its address is checked to be of HTTP
            configuration = json.loads(answer.read(_LARGEST_CONFIGURATION))
        return str(configuration["architecture"])
