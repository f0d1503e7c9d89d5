"""``model.bin`` as a file: a pickle and a zip archive in one, verified before anything is used.

Layout: the fitted pipeline as a plain pickle, then a zip archive of ``manifest.json``,
``scorer.onnx`` and, where signed, ``manifest.sig``. The archive's comment, the last bytes of the
file, is the SHA-256 of every byte before the digest. So ``joblib.load`` and ``unzip -l`` both
read it, and no byte can change unnoticed. The digest finds damage; only a signature finds an
attacker, who can write a new digest.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from segmentation.artifact import format_2, format_3, format_4
from segmentation.artifact.manifest import FORMAT_VERSION, Digest, Manifest
from segmentation.artifact.signature import sign, verify
from segmentation.errors import PackageError

MANIFEST, SCORER, SIGNATURE = "manifest.json", "scorer.onnx", "manifest.sig"
_COMMENT = b"sha256:"
_DIGEST_LENGTH = 64
# Zip stores times; a fixed one keeps equal contents equal files. 1980 is the earliest it can say.
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What zipfile raises on archives that someone built to break it: RuntimeError is for encryption.
_NOT_AN_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, ValueError, EOFError,
)  # fmt: skip


@dataclass(frozen=True)
class Package:
    """A verified model package.

    Attributes
    ----------
    manifest : Manifest
    scorer : bytes
        The ONNX model.
    pipeline : bytes
        The pickled pipeline. Unpickle it only from here: these bytes have been verified.
    """

    manifest: Manifest
    scorer: bytes
    pipeline: bytes


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
        Private key to sign the manifest with.

    Raises
    ------
    TrainingError
        If the signing key cannot be used.
    OSError
        If the file cannot be written; `path` is then as it was.
    """
    manifest = package.manifest.model_dump_json(indent=1).encode()
    members = {MANIFEST: manifest, SCORER: package.scorer}
    if key_path is not None:
        members[SIGNATURE] = sign(manifest, key_path)
    _publish(path, _packed(package.pipeline, members))


def _packed(pipeline: bytes, members: dict[str, bytes]) -> bytes:
    file = io.BytesIO(pipeline)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, date_time=_EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
        archive.comment = _COMMENT + b"0" * _DIGEST_LENGTH
    covered = file.getvalue()[:-_DIGEST_LENGTH]
    return covered + hashlib.sha256(covered).hexdigest().encode()


def _publish(path: Path, content: bytes) -> None:
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


def read_package(path: Path, public_key: str | None = None) -> Package:
    """Read a package and verify every byte of it. Nothing is unpickled.

    Parameters
    ----------
    path : Path
    public_key : str, optional
        Ed25519 public key, as PEM text or a path to it. If given, only packages signed with its
        private key are accepted.

    Returns
    -------
    Package

    Raises
    ------
    PackageError
        With the reason, if the file can't be read or isn't such a package, whole and trusted.
    """
    try:
        return _verified(path.read_bytes(), public_key)
    except OSError as error:
        raise PackageError(f"{path}: {error.strerror}") from None
    except PackageError as error:
        raise PackageError(f"{path}: {error}") from None


def _verified(content: bytes, public_key: str | None) -> Package:
    _check_whole(content)
    members, pipeline_length = _members(content)
    if public_key is not None:
        verify(members[MANIFEST], members.get(SIGNATURE), public_key)
    manifest = _read_manifest(members[MANIFEST])
    package = Package(manifest, members[SCORER], content[:pipeline_length])
    _check_digest("scorer", package.scorer, manifest.onnx)
    _check_digest("pipeline", package.pipeline, manifest.pipeline)
    return package


def _check_whole(content: bytes) -> None:
    covered, expected = content[:-_DIGEST_LENGTH], content[-_DIGEST_LENGTH:]
    if not covered.endswith(_COMMENT):
        raise PackageError("is not a model package, or its end is damaged")
    if not hmac.compare_digest(hashlib.sha256(covered).hexdigest().encode(), expected):
        raise PackageError("is damaged: its SHA-256 is not the one written at its end")


def _members(content: bytes) -> tuple[dict[str, bytes], int]:
    """Return the archive's members and where the archive begins."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
            start = min(entry.header_offset for entry in archive.infolist())
            n_entries = len(archive.infolist())
    except _NOT_AN_ARCHIVE as error:
        raise PackageError(f"is not a model package: {error}") from None
    if n_entries != len(members) or not {MANIFEST, SCORER} <= members.keys() <= {
        MANIFEST,
        SCORER,
        SIGNATURE,
    }:
        raise PackageError(f"does not hold exactly {MANIFEST}, {SCORER} and perhaps {SIGNATURE}")
    return members, start


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
    steps = (format_2, format_3, format_4)
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
