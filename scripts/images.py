"""Images as archives: saved by Docker, Podman or buildah, opened, their layers in order.

What is in the layers is the business of ``image_size`` and ``sbom``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess  # nosec B404  # programs of the project, without a shell
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any


class ImageError(Exception):
    """An image could not be looked at; the text is one sentence."""


@dataclass(frozen=True)
class Image:
    """An image in an open archive.

    Attributes
    ----------
    identifier : str
        Digest of its configuration, which engines call the image's ID.
    config : dict
        Its configuration, as the OCI image specification describes it.
    """

    identifier: str
    config: dict[str, Any]
    _tar: tarfile.TarFile
    _names: list[str]

    def layers(self) -> Iterator[IO[bytes]]:
        """Yield the archives of its layers, the lowest first."""
        for name in self._names:
            yield _opened(self._tar, name)


@contextmanager
def opened(image: str) -> Iterator[Image]:
    """Open an image by its tag, or an archive of it by its path, until the block ends."""
    if Path(image).is_file():
        with _read(Path(image)) as read:
            yield read
        return
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        _save(image, archive)
        with _read(archive) as read:
            yield read


def has_engine(name: str) -> bool:
    """Return whether an engine is installed and answers."""
    if not shutil.which(name):
        return False
    return subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0  # nosec B603  # programs of the project, without a shell


def run(*command: str) -> str:
    """Run a command and return what it prints."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)  # nosec B603  # programs of the project, without a shell
    except OSError as error:
        raise ImageError(f"{command[0]}: {error.strerror}") from error
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"exit status {ended.returncode}"]
        raise ImageError(f"{' '.join(command[:2])}: {lines[-1]}")
    return ended.stdout


def _save(image: str, archive: Path) -> None:
    if has_engine("docker"):
        run("docker", "save", "--output", str(archive), image)
    elif has_engine("podman"):
        run("podman", "save", "--quiet", "--output", str(archive), image)
    elif has_engine("buildah"):
        run("buildah", "push", "--quiet", image, f"docker-archive:{archive}")
    else:
        raise ImageError("neither docker nor podman nor buildah answers here")


@contextmanager
def _read(archive: Path) -> Iterator[Image]:
    try:
        with tarfile.open(archive) as tar:
            config_name, layers = _contents(tar)
            config = _opened(tar, config_name).read()
            digest = hashlib.sha256(config).hexdigest()
            yield Image(f"sha256:{digest}", json.loads(config), tar, layers)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ImageError(f"{archive.name} is not a whole archive of an image") from error


def _contents(tar: tarfile.TarFile) -> tuple[str, list[str]]:
    """Return the names of the configuration and of the layers, in either format of archives."""
    try:
        if "manifest.json" in tar.getnames():
            (described,) = json.load(_opened(tar, "manifest.json"))
            return described["Config"], described["Layers"]
        manifest = json.load(_opened(tar, "index.json"))
        while "manifests" in manifest:
            (entry,) = filter(_is_image, manifest["manifests"])
            manifest = json.load(_opened(tar, _blob(entry)))
        return _blob(manifest["config"]), [_blob(layer) for layer in manifest["layers"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ImageError("the archive does not describe one image") from error


def _is_image(descriptor: dict[str, Any]) -> bool:
    """Return whether a manifest is an image's; BuildKit puts attestations beside it."""
    return bool(descriptor.get("platform", {}).get("os") != "unknown")


def _blob(descriptor: dict[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _opened(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        file = tar.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise ImageError(f"the archive of the image has no {name}")
    return file
