"""The end of a package's file, which vouches for every byte before it: digest, signature, sequence.

It is the comment of the archive, so that nothing has to be unpacked to read it. The digest finds
damage; only a signature finds an attacker, who can write a new digest. The sequence, which is
signed, tells an older package from the present one. Keys are for ``signature``.

    sequence:00000000001764331200;ed25519:<128 hexadecimal digits>;sha256:<64 hexadecimal digits>

The signature is over all bytes before its own digits, the digest over all before its own. An
unsigned package has the digest alone.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from segmentation.errors import PackageError

_DIGEST = b"sha256:"
_N_DIGEST, _N_SIGNATURE, _N_SEQUENCE = 64, 128, 20
_SIGNED = b"sequence:%020d;ed25519:"
_SIGNED_PATTERN = re.compile(rb"sequence:([0-9]{20});ed25519:([0-9a-f]{128});\Z")
_DIGITS = re.compile(rb"[0-9a-f]{64}")
_LONGEST = len(_SIGNED % 0) + _N_SIGNATURE + len(b";") + len(_DIGEST) + _N_DIGEST
# The last field of an archive's end (APPNOTE 6.3.10, section 4.3.16): the length of its comment.
_N_COMMENT = struct.Struct("<H")


@dataclass(frozen=True)
class Seal:
    """What stands at the end of a whole file.

    Attributes
    ----------
    sha256 : str
        Of all bytes before it: what tells one file from another.
    start : int
        Where the end begins: the number of bytes of the archive without its comment.
    sequence : int or None
        Of a signed package: it grows from each to the next of a study.
    signature : bytes or None
    n_signed : int
        How many bytes the signature is over.
    """

    sha256: str
    start: int
    sequence: int | None = None
    signature: bytes | None = None
    n_signed: int = 0


def read_seal(content: bytes) -> Seal:
    """Return the end of a file, once its digest is that of all bytes before.

    Raises
    ------
    PackageError
        If the file is not whole, or no package.
    """
    end = len(content) - _N_DIGEST - len(_DIGEST)
    if end < 0 or not content.startswith(_DIGEST, end):
        raise PackageError("is not a model package, or its end is damaged")
    actual = hashlib.sha256(memoryview(content)[:-_N_DIGEST]).hexdigest()
    if not hmac.compare_digest(actual.encode(), content[-_N_DIGEST:]):
        raise PackageError("is damaged: its SHA-256 is not the one written at its end")
    signed = _SIGNED_PATTERN.search(content, max(0, end - _LONGEST), end)
    if signed is None:
        return Seal(actual, end)
    sequence, signature = int(signed[1]), bytes.fromhex(signed[2].decode())
    return Seal(actual, signed.start(), sequence, signature, signed.start(2))


def read_claim(path: Path) -> str | None:
    """Return the SHA-256 that a file says it has, without looking whether that is so."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            file.seek(-_N_DIGEST, os.SEEK_END)
            digits = file.read(_N_DIGEST)
    except OSError:
        return None
    return digits.decode() if _DIGITS.fullmatch(digits) else None


def close(archive: bytes, sign: Callable[[bytes], bytes] | None = None, sequence: int = 0) -> bytes:
    """Return a file: an archive that has no comment yet, and its seal.

    Parameters
    ----------
    archive : bytes
        Its last two bytes are the length of its comment, 0.
    sign : callable, optional
        Returns the signature of bytes, 64 bytes; without it the package is not signed.
    sequence : int
        More than that of the signed package of the study before.
    """
    n_comment = _LONGEST if sign else len(_DIGEST) + _N_DIGEST
    covered = archive[: -_N_COMMENT.size] + _N_COMMENT.pack(n_comment)
    if sign:
        covered += _SIGNED % sequence
        covered += sign(covered).hex().encode() + b";"
    covered += _DIGEST
    return covered + hashlib.sha256(covered).hexdigest().encode()


def reopen(content: bytes, seal: Seal) -> bytes:
    """Return the archive of a file as it was before it was closed."""
    return content[: seal.start - _N_COMMENT.size] + _N_COMMENT.pack(0)
