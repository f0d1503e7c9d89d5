"""Where files are: local paths and ``s3://`` addresses. What is in them is read elsewhere.

An object is copied to a temporary file first: one reader for both, and a digest of what was read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from segmentation.errors import DataError, MissingError

OBJECT = "s3://"


def is_object(source: str | Path) -> bool:
    """Whether `source` is the address of an object rather than a local path."""
    return str(source).startswith(OBJECT)


@contextmanager
def open_local(source: str | Path) -> Iterator[Path]:
    """Give a readable local file with the content of `source` until the block ends.

    Parameters
    ----------
    source : str or Path
        A path, or an address like ``s3://bucket/key``; the usual AWS variables say where and with
        which rights, ``AWS_ENDPOINT_URL`` included.

    Raises
    ------
    MissingError
        If there is no such file or object.
    DataError
        If it can't be read.
    """
    if not is_object(source):
        check_readable(Path(source))
        yield Path(source)
        return
    with TemporaryDirectory(prefix="segmentation-") as folder:
        copy = Path(folder) / Path(str(source)).name
        _copy_object(str(source), copy)
        yield copy


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_readable(path: Path) -> None:
    """Find out whether a file can be read and has something in it.

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If it is something else, is empty or can't be read.
    """
    with explain_file_errors(path), path.open("rb") as file:
        is_empty = not file.read(1)
    if is_empty:
        raise DataError(str(path), ["is empty"])


@contextmanager
def explain_file_errors(path: Path) -> Iterator[None]:
    """Say in our own words why a local file cannot be read.

    Raises
    ------
    MissingError
        If there is no such file.
    DataError
        If it is something else or can't be read.
    """
    try:
        yield
    except FileNotFoundError:
        raise MissingError(str(path), ["there is no such file"]) from None
    except IsADirectoryError:
        raise DataError(str(path), ["is a directory, not a file"]) from None
    except PermissionError:
        raise DataError(str(path), ["no permission to read it"]) from None
    except OSError as error:
        raise DataError(str(path), [f"cannot be read: {error.strerror}"]) from None


def _copy_object(address: str, copy: Path) -> None:
    with _store_errors(address, "read"):
        _store().get_file(address, str(copy))
    check_readable(copy)


def publish(file: Path, address: str) -> None:
    """Copy a local file to an ``s3://`` address: the object is there whole or, as before, not.

    Raises
    ------
    DataError
        If it can't be written.
    """
    with _store_errors(address, "written"):
        _store().put_file(str(file), address)


def check_address(address: str) -> None:
    """Refuse an ``s3://`` address that names no object.

    Raises
    ------
    DataError
        If it has no bucket or no key.
    """
    bucket, _, key = address.removeprefix(OBJECT).partition("/")
    if not bucket or not key or key.endswith("/"):
        raise DataError(address, ["must be s3://BUCKET/KEY"])


def _store() -> Any:
    import s3fs  # type: ignore[import-untyped]

    return s3fs.S3FileSystem(skip_instance_cache=True)


@contextmanager
def _store_errors(address: str, action: str) -> Iterator[None]:
    """Say what is wrong with an object that cannot be read, or written, in our own words."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except FileNotFoundError:
        missing = "object" if action == "read" else "bucket"
        raise MissingError(address, [f"there is no such {missing}"]) from None
    except PermissionError:
        permission = "read" if action == "read" else "write"
        raise DataError(address, [f"no permission to {permission} it"]) from None
    except (BotoCoreError, ClientError, OSError) as error:
        raise DataError(address, [f"cannot be {action}: {type(error).__name__}"]) from None
