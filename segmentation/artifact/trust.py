"""Which packages are used, and which pipelines are unpickled: what an operator decides.

Without a key every whole package is used. What is checked is in ``package``; how signatures are
made and verified, in ``signature``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from segmentation.artifact.seal import Seal
from segmentation.artifact.signature import verify
from segmentation.errors import PackageError


@dataclass(frozen=True)
class Trust:
    """What is asked of a package.

    Attributes
    ----------
    public_key : str or None
        Ed25519 public key, as PEM text or a path to it. With one, only packages that are signed
        with its private key are used.
    least_sequence : int
        With a key, packages of a smaller sequence are refused: they are older.
    unpickles_unsigned : bool
        Whether the pipeline of a package may be unpickled that nobody vouches for: whoever can
        write such a file can run code here.
    built_in : frozenset of str
        SHA-256 of files that somebody vouches for in another way than by signing, in hexadecimal.
    """

    public_key: str | None = None
    least_sequence: int = 0
    unpickles_unsigned: bool = True
    built_in: frozenset[str] = frozenset()

    def check(self, content: bytes, seal: Seal) -> None:
        """Check the signature of a whole file, of which nothing has been unpacked.

        Raises
        ------
        PackageError
            If it is missing, by another key, or older than it may be; or the key can't be used.
        """
        if self.public_key is None:
            return
        verify(memoryview(content)[: seal.n_signed], seal.signature, self.public_key)
        if (seal.sequence or 0) < self.least_sequence:
            raise PackageError(
                f"is older than the package before: its sequence is {seal.sequence}, and "
                f"{self.least_sequence} the least; to go back to it, sign it again"
            )

    def may_unpickle(self, content: bytes) -> bool:
        """Whether the pipeline of a checked file may be unpickled."""
        if self.unpickles_unsigned or self.public_key is not None:
            return True
        return bool(self.built_in) and hashlib.sha256(content).hexdigest() in self.built_in

    def not_before(self, sequence: int | None) -> Trust:
        """Return the same for what comes after a package of that sequence."""
        return replace(self, least_sequence=max(self.least_sequence, sequence or 0))


ANYTHING = Trust()
