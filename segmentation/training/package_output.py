"""Where a new package goes, a local path or an ``s3://`` address, and what is there before it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from segmentation.errors import DataError, MissingError, TrainingError
from segmentation.study import Study
from segmentation.tables.addresses import check_address, is_object, open_local, publish
from segmentation.training.identity.predecessor import NOTHING_BEFORE, Predecessor, read_predecessor


def check_output(output: str) -> None:
    """Find out before the work, not after it, that its result has no place to go.

    Raises
    ------
    DataError
        If an address names no object. Whether it can be written, only writing can tell.
    TrainingError
        If a file can't be written there.
    """
    if is_object(output):
        check_address(output)
        return
    path = Path(output)
    if path.is_dir():
        raise TrainingError(f"--output {path}: is a directory")
    if not path.parent.is_dir():
        raise TrainingError(f"--output {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise TrainingError(f"--output {path}: no permission to write to {path.parent}")


def read_replaced(output: str, study: Study, *, synthetic: bool) -> tuple[Predecessor | None, str]:
    """Read the package that is about to be replaced; see `identity.read_predecessor`.

    Raises
    ------
    DataError
        If nobody can tell whether there is one: an object that may not be read is not a missing
        one.
    """
    if not is_object(output):
        return read_predecessor(Path(output), study, synthetic=synthetic)
    try:
        with open_local(output) as copy:
            return read_predecessor(copy, study, synthetic=synthetic)
    except MissingError:
        return None, NOTHING_BEFORE


@contextmanager
def delivered(output: str) -> Iterator[Path]:
    """Give a path to write a package to; when the block ends, it is where it belongs.

    Parameters
    ----------
    output : str
        A path or an ``s3://`` address. For an address the file is made in a temporary folder, and
        stays there if it can't be uploaded.

    Raises
    ------
    TrainingError
        If it can't be uploaded.
    """
    if not is_object(output):
        yield Path(output)
        return
    folder = Path(mkdtemp(prefix="segmentation-"))
    file = folder / output.rpartition("/")[2]
    try:
        yield file
        publish(file, output)
    except DataError as error:
        raise TrainingError(f"{error}; the package is kept at {file}") from None
    shutil.rmtree(folder, ignore_errors=True)
