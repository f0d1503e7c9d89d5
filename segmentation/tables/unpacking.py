"""What kind of file a table came in, told by its bytes, and the table out of gzip or zip.

What is unpacked is bounded, so that a small request cannot fill the disk or the memory of the
service. Reading the table itself is left to ``csv_rows``, ``workbooks`` and ``parquet_rows``.
"""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from tempfile import SpooledTemporaryFile
from typing import IO

from segmentation.errors import FileError

_PIECE = 1 << 16
_MOST_IN_MEMORY = 1 << 20
# Parts of an archive that systems add beside what people pack.
_BESIDE = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_ENCRYPTED = 1


class FileKind(StrEnum):
    """What a table is written in."""

    CSV = "csv"
    XLSX = "xlsx"
    XLS = "xls"
    PARQUET = "parquet"


@dataclass(frozen=True)
class UnpackingLimits:
    """How much may come out of a packed file.

    Attributes
    ----------
    n_bytes : int
        Most bytes of an unpacked table, or of all parts of a workbook.
    ratio : int
        How many times as long as the packed file; what is shorter than `least_bytes` may be more.
        Text packs 5 to 20 times; a table of equal rows some 200 to 1,000 times, as bombs do.
    least_bytes : int
    n_cells : int
        Most cells of a sheet, empty ones within its used area included: each takes 32 bytes
        while it is read.
    """

    n_bytes: int = 1 << 30
    ratio: int = 200
    least_bytes: int = 10 << 20
    n_cells: int = 6_000_000

    def check(self, n_unpacked: int, n_packed: int) -> None:
        """Refuse more than the limits allow.

        Raises
        ------
        FileError
        """
        if n_unpacked > self.n_bytes:
            raise FileError(f"The file holds more than {self.n_bytes >> 20} MiB when unpacked.")
        if n_unpacked > self.least_bytes and n_unpacked > self.ratio * n_packed:
            raise FileError(
                f"The file holds more than {self.ratio} times as much when unpacked; send it"
                " unpacked."
            )


@contextmanager
def unpack(stream: IO[bytes], limits: UnpackingLimits) -> Iterator[tuple[IO[bytes], FileKind]]:
    """Give the table in a file and what it is written in, until the block ends.

    Parameters
    ----------
    stream : binary file
        A table, or gzip or a zip archive with one table inside.
    limits : UnpackingLimits

    Raises
    ------
    FileError
        If it is packed in another way, damaged, holds several files, or unpacks to too much.
    """
    beginning = _read_beginning(stream)
    if beginning.startswith(b"\x1f\x8b"):
        with _copied(_gzip_pieces(stream, limits)) as table:
            yield table, _find_unpacked_kind(table)
    elif beginning.startswith(b"PK\x03\x04"):
        with _unpack_archive(stream, limits) as unpacked:
            yield unpacked
    else:
        yield stream, _find_unpacked_kind(stream)


def _read_beginning(stream: IO[bytes]) -> bytes:
    stream.seek(0)
    beginning = stream.read(8)
    stream.seek(0)
    return beginning


def _find_unpacked_kind(stream: IO[bytes]) -> FileKind:
    beginning = _read_beginning(stream)
    if beginning.startswith(b"PAR1"):
        return FileKind.PARQUET
    if beginning.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return FileKind.XLS
    for start, noun in _OTHERS:
        if beginning.startswith(start):
            raise FileError(f"The file is {noun}: send a table as CSV, xlsx or Parquet.")
    return FileKind.CSV


_OTHERS = (
    (b"PK\x03\x04", "an archive in an archive"),
    (b"\x1f\x8b", "packed twice"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "packed by Zstandard"),
    (b"BZh", "packed by bzip2"),
    (b"\xfd7zXZ", "packed by xz"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a text document"),
    (b"\x89PNG", "a picture"),
    (b"SQLite f", "a database"),
)


def _gzip_pieces(stream: IO[bytes], limits: UnpackingLimits) -> Iterator[bytes]:
    n_packed = stream.seek(0, 2)
    stream.seek(0)
    n_unpacked = 0
    try:
        with gzip.GzipFile(fileobj=stream, mode="rb") as packed:
            while piece := packed.read(_PIECE):
                n_unpacked += len(piece)
                limits.check(n_unpacked, n_packed)
                yield piece
    except (OSError, EOFError, zlib.error):
        raise FileError("The file is not a whole gzip file.") from None


@contextmanager
def _unpack_archive(
    stream: IO[bytes], limits: UnpackingLimits
) -> Iterator[tuple[IO[bytes], FileKind]]:
    try:
        with zipfile.ZipFile(stream) as archive:
            if "[Content_Types].xml" in archive.namelist():
                _check_workbook(archive, stream, limits)
                yield stream, FileKind.XLSX
                return
            member = _find_table(archive)
            with _copied(_member_pieces(archive, member, limits)) as table:
                yield table, _find_unpacked_kind(table)
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError):
        raise FileError("The file is not a whole zip archive.") from None


def _find_table(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one file of an archive that holds a table."""
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not any(part in member.filename for part in _BESIDE)
    ]
    if len(members) != 1:
        raise FileError(f"The archive holds {len(members)} files; send one table in it.")
    return members[0]


def _member_pieces(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: UnpackingLimits
) -> Iterator[bytes]:
    """Yield what a member of an archive holds, whatever its entry says of its length."""
    if member.flag_bits & _ENCRYPTED:
        raise FileError("The archive is encrypted; send the table without a password.")
    n_unpacked = 0
    with archive.open(member) as packed:
        while piece := packed.read(_PIECE):
            n_unpacked += len(piece)
            limits.check(n_unpacked, member.compress_size)
            yield piece


def _check_workbook(archive: zipfile.ZipFile, stream: IO[bytes], limits: UnpackingLimits) -> None:
    """Refuse a workbook whose parts unpack to more than the limits, by unpacking them."""
    if not any(name.startswith("xl/") for name in archive.namelist()):
        raise FileError("The file is an office document without a sheet.")
    n_packed = sum(member.compress_size for member in archive.infolist())
    n_unpacked = 0
    for member in archive.infolist():
        for piece in _member_pieces(archive, member, limits):
            n_unpacked += len(piece)
            limits.check(n_unpacked, n_packed)
    stream.seek(0)


@contextmanager
def _copied(pieces: Iterator[bytes]) -> Iterator[IO[bytes]]:
    with SpooledTemporaryFile(max_size=_MOST_IN_MEMORY) as copy:
        for piece in pieces:
            copy.write(piece)
        copy.seek(0)
        yield copy
