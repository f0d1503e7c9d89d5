"""The archive behind a package's pipeline: a few members, read within limits.

Its directory is looked at before ``zipfile`` sees it, and no member may unpack to more than is
stated: an archive can be made that costs a hundred times its length. What members hold is for
``package``.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping

from segmentation.errors import PackageError

# Zip stores times; a fixed one keeps equal contents equal files. 1980 is the earliest it can say.
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What zipfile raises on archives that someone built to break it: RuntimeError is for encryption.
_NOT_AN_ARCHIVE = (
    zipfile.BadZipFile, zlib.error, struct.error, RuntimeError, ValueError, EOFError,
)  # fmt: skip
# The end of the central directory (APPNOTE 6.3.10, section 4.3.16): signature, two numbers of
# disks, members on this disk, members, length and place of the directory, length of the comment.
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\5\6"
# Section 4.3.15.
_LOCATOR_SIGNATURE, _LOCATOR_LENGTH = b"PK\6\7", 20
_LONGEST_DIRECTORY = 1_024
# Text of numbers shrinks to a tenth; a thousandth is what nothing but repetition does.
_LARGEST_RATIO = 200
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def pack(pipeline: bytes, members: Mapping[str, bytes]) -> bytes:
    """Return a pickle with an archive of the members behind it, which has no comment."""
    file = io.BytesIO(pipeline)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, date_time=_EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
    return file.getvalue()


class PackageArchive:
    """The members of a whole file.

    Parameters
    ----------
    content : bytes
        Of the file.
    n_comment : int
        Number of bytes of its seal.

    Attributes
    ----------
    pipeline : bytes
        What lies before the archive.
    names : list of str
        The members, in order.

    Raises
    ------
    PackageError
        If that is no archive of a few members.
    """

    def __init__(self, content: bytes, n_comment: int) -> None:
        _check_directory(content, n_comment)
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except _NOT_AN_ARCHIVE as error:
            raise PackageError(f"is not a model package: {error}") from None
        self._entries = {entry.filename: entry for entry in self._archive.infolist()}
        self.names = [entry.filename for entry in self._archive.infolist()]
        offsets = [entry.header_offset for entry in self._archive.infolist()]
        self.pipeline = content[: min(offsets, default=0)]

    def check_names(self, needed: Collection[str], further: Collection[str] = ()) -> None:
        """Refuse an archive that lacks a member, or has others, or one twice."""
        if not {*needed} <= {*self.names} <= {*needed, *further} or len(self._entries) < len(
            self.names
        ):
            listed = " and ".join(needed)
            raise PackageError(f"does not hold exactly {listed}, and perhaps {', '.join(further)}")

    def read(self, name: str, most: int) -> bytes:
        """Return a member, stored or deflated, of at most so many bytes.

        Raises
        ------
        PackageError
            If it is longer, or packed in another way, or damaged.
        """
        entry = self._entries[name]
        if entry.compress_type not in _METHODS:
            raise PackageError(f"has a {name} that is neither stored nor deflated")
        if entry.file_size > min(most, _LARGEST_RATIO * (entry.compress_size + 1)):
            raise PackageError(f"has a {name} that unpacks to more than is allowed")
        try:
            with self._archive.open(entry) as member:
                content = member.read(entry.file_size + 1)
        except _NOT_AN_ARCHIVE as error:
            raise PackageError(f"is not a model package: {error}") from None
        if len(content) != entry.file_size:
            raise PackageError(f"has a {name} of another length than it says")
        return content


def _check_directory(content: bytes, n_comment: int) -> None:
    """Refuse a directory that is long: reading it would cost more than the file."""
    start = len(content) - n_comment - _END.size
    if start < 0:
        raise PackageError("is not a model package")
    signature, _, _, _, _, length, _, n_said = _END.unpack_from(content, start)
    if signature != _END_SIGNATURE or n_said != n_comment:
        raise PackageError("is not a model package: its end is not that of an archive")
    # A locator of the kind for large archives would say that the directory is elsewhere.
    has_locator = content.startswith(_LOCATOR_SIGNATURE, max(0, start - _LOCATOR_LENGTH))
    if length > _LONGEST_DIRECTORY or has_locator:
        raise PackageError("is not a model package: its directory is too long")
