"""Ed25519 signatures over files. Keys are PEM text or paths to it; none is ever packed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from segmentation.errors import PackageError, TrainingError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

# cryptography is imported where a key is used: a service without one does not pay for it.


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key in a file (PKCS #8 PEM).

    Raises
    ------
    TrainingError
        If there is no such key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise TrainingError(f"cannot use the signing key {path}: {_first(error)}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise TrainingError(f"the signing key {path} is not an Ed25519 private key")
    return key


def public_pem(key: Ed25519PrivateKey) -> str:
    """Return the public key of a private one, as PEM text."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    encoded = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


def sign(key: Ed25519PrivateKey, message: bytes) -> bytes:
    """Return the 64-byte signature of `message`."""
    return key.sign(message)


def verify(message: bytes | memoryview, signature: bytes | None, public_key: str) -> None:
    """Check that `signature` is one of `message` by `public_key`, PEM text or a path to it.

    Raises
    ------
    PackageError
        If it is missing or by another key, or the public key cannot be used.
    """
    from cryptography.exceptions import InvalidSignature

    key = _public_key(public_key)
    if signature is None:
        raise PackageError("is not signed, and MODEL_PUBLIC_KEY asks for a signature")
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise PackageError("is not signed by the key in MODEL_PUBLIC_KEY") from None


def _public_key(text: str) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        pem = text.encode() if text.lstrip().startswith("-----BEGIN") else Path(text).read_bytes()
        key = load_pem_public_key(pem)
    except (OSError, ValueError) as error:
        raise PackageError(f"MODEL_PUBLIC_KEY cannot be used: {_first(error)}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise PackageError("MODEL_PUBLIC_KEY is not an Ed25519 public key")
    return key


def _first(error: Exception) -> str:
    return error.strerror or "" if isinstance(error, OSError) else "not a PEM key that can be read"
