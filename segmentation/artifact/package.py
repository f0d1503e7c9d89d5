"""``model.bin`` as a file: a pickle and a zip archive in one, verified before anything is used.

Layout: the fitted pipeline as a plain pickle, then a zip archive of ``manifest.json`` and
``scorer.onnx``, whose comment, the last bytes of the file, is the ``seal``. So ``joblib.load`` and
``unzip -l`` both read it, and no byte can change unnoticed. `_verify` shows the order in which a
file is looked at: each step costs little, and has no need to trust what the next one reads.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from segmentation.artifact import format_2, format_3, format_4, format_5
from segmentation.artifact.manifest import FORMAT_VERSION, Digest, Manifest
from segmentation.artifact.manifest_rules import check_manifest
from segmentation.artifact.onnx_rules import check_onnx
from segmentation.artifact.package_archive import PackageArchive, pack
from segmentation.artifact.seal import Seal, close, read_seal
from segmentation.artifact.signature import load_private_key, public_pem, sign
from segmentation.artifact.trust import ANYTHING, Trust
from segmentation.errors import PackageError

MANIFEST, SCORER = "manifest.json", "scorer.onnx"
# Of packages that were signed in an earlier way: nobody reads it.
_EARLIER_SIGNATURE = "manifest.sig"
_MEBIBYTE = 2**20
# A hundred times what our largest package takes.
MOST_BYTES = 256 * _MEBIBYTE
_MOST_OF_MANIFEST, _MOST_OF_SCORER = 16 * _MEBIBYTE, 256 * _MEBIBYTE


@dataclass(frozen=True)
class Package:
    """A verified model package.

    Attributes
    ----------
    manifest : Manifest
    scorer : bytes
        The ONNX model.
    pipeline : bytes
        The pickled pipeline. Unpickle it only from here, where `may_unpickle`: these bytes have
        been verified.
    seal : Seal or None
        Of the file that it was read from.
    may_unpickle : bool
        Whether somebody vouches for the pipeline, or nobody has to.
    """

    manifest: Manifest
    scorer: bytes
    pipeline: bytes
    seal: Seal | None = field(default=None, compare=False)
    may_unpickle: bool = field(default=True, compare=False)


def digest(content: bytes) -> Digest:
    """Return length and SHA-256 of `content`."""
    return Digest(length=len(content), sha256=hashlib.sha256(content).hexdigest())


def write_package(path: Path, package: Package, key_path: Path | None = None) -> None:
    """Publish a package: readers of `path` see the old file or the new one, never half of one.

    Parameters
    ----------
    path : Path
    package : Package
        Its manifest must hold the digests of its payloads.
    key_path : Path, optional
        Private key to sign the file with. Its sequence is the present time in seconds, or one more
        than that of the package that it replaces.

    Raises
    ------
    TrainingError
        If the signing key cannot be used.
    OSError
        If the file cannot be written; `path` is then as it was.
    """
    manifest = package.manifest.model_dump_json(indent=1).encode()
    archive = pack(package.pipeline, {MANIFEST: manifest, SCORER: package.scorer})
    publish(path, seal_archive(archive, path, key_path))


def seal_archive(archive: bytes, path: Path, key_path: Path | None) -> bytes:
    """Return a file that is to be at `path`, signed where there is a key."""
    if key_path is None:
        return close(archive)
    key = load_private_key(key_path)
    sequence = max(int(time.time()), read_sequence(path, Trust(public_pem(key))) + 1)
    return close(archive, partial(sign, key), sequence)


def read_sequence(path: Path, trust: Trust) -> int:
    """Return the sequence of a package, 0 if there is none that is whole and trusted."""
    try:
        content = read_file(path)
        seal = read_seal(content)
        trust.check(content, seal)
    except (OSError, PackageError):
        return 0
    return seal.sequence or 0


def publish(path: Path, content: bytes) -> None:
    """Write beside `path`, then rename: the steps that POSIX makes atomic and lasting."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_package(path: Path, trust: Trust = ANYTHING) -> Package:
    """Read a package and verify every byte of it. Nothing is unpickled.

    Parameters
    ----------
    path : Path
    trust : Trust
        What is asked of it.

    Returns
    -------
    Package

    Raises
    ------
    PackageError
        With the reason, if the file can't be read or isn't such a package, whole and trusted.
    """
    try:
        return _verify(read_file(path), trust)
    except OSError as error:
        raise PackageError(f"{path}: {error.strerror}") from None
    except PackageError as error:
        raise PackageError(f"{path}: {error}") from None


def read_file(path: Path) -> bytes:
    """Return the bytes of a regular file of at most `MOST_BYTES`; of a pipe none would come."""
    # Opening a pipe waits for someone who writes.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise PackageError("is not a file")
        # It may grow meanwhile.
        content = file.read(MOST_BYTES + 1) if status.st_size <= MOST_BYTES else b""
    if max(status.st_size, len(content)) > MOST_BYTES:
        raise PackageError(f"is longer than {MOST_BYTES // _MEBIBYTE} MiB")
    return content


def _verify(content: bytes, trust: Trust) -> Package:
    """Return what a file holds, once each step has found nothing against the next."""
    seal = read_seal(content)
    trust.check(content, seal)
    archive = PackageArchive(content, len(content) - seal.start)
    archive.check_names((MANIFEST, SCORER), (_EARLIER_SIGNATURE,))
    manifest = _read_manifest(archive.read(MANIFEST, _MOST_OF_MANIFEST))
    scorer = archive.read(SCORER, _MOST_OF_SCORER)
    package = Package(manifest, scorer, archive.pipeline, seal, trust.may_unpickle(content))
    _check_digest("pipeline", package.pipeline, manifest.pipeline)
    _check_digest("scorer", package.scorer, manifest.onnx)
    check_contents(package)
    return package


def check_contents(package: Package) -> None:
    """Check that the parts of a package fit together, and do no more than answer.

    Raises
    ------
    PackageError
        With the first reason.
    """
    manifest = package.manifest
    check_manifest(manifest)
    scorer, columns = manifest.scorer, len(manifest.segments)
    outputs = {name: columns for name in (scorer.output, scorer.outlook) if name}
    check_onnx(package.scorer, {scorer.input: len(scorer.features)}, outputs)


def _read_manifest(content: bytes) -> Manifest:
    try:
        manifest = from_json(content)
        version = manifest.get("format_version")
        if version == FORMAT_VERSION:
            return Manifest.model_validate_json(content)
        upgrades = _find_upgrades(version)
        for upgrade in upgrades:
            manifest = upgrade(manifest)
        return Manifest.model_validate_json(to_json(manifest))
    except (ValueError, AttributeError, LookupError, TypeError, StopIteration) as error:
        where = error.errors()[0]["loc"] if isinstance(error, ValidationError) else "JSON"
        raise PackageError(f"has a manifest that cannot be read: {where}") from None


def _find_upgrades(version: Any) -> list[Callable[[Mapping[str, Any]], dict[str, Any]]]:
    """Return what turns a manifest of an earlier format into one of the present, step by step."""
    steps = (format_2, format_3, format_4, format_5)
    versions = [step.FORMAT_VERSION for step in steps]
    if version not in versions:
        raise PackageError(
            f"has format version {version!r}; this program reads {versions[0]} to {FORMAT_VERSION}"
        )
    return [step.upgrade for step in steps[versions.index(version) :]]


def _check_digest(name: str, content: bytes, expected: Digest) -> None:
    actual = digest(content)
    if actual.length != expected.length or not hmac.compare_digest(
        actual.sha256.encode(), expected.sha256.encode()
    ):
        raise PackageError(f"has another {name} than its manifest says")
