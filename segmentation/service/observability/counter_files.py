"""The files in which processes keep their counts for Prometheus: room for them, and their end.

Each process has one of each type, which it maps into its memory. What is counted is in
``counters``; the folder is made by gunicorn.conf.py.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

logger = logging.getLogger(__name__)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# prometheus_client's names for the types of what `counters` has, as its files begin.
_SUMMED = ("counter", "histogram")
_TYPES = (*_SUMMED, "gauge_livemax")
# Stands where files have their process; prometheus_client reads it as one that counts on.
_ENDED = "ended"
# Bytes for some 1,500 values. Files grow beyond, then without knowing that there is room.
_SIZE = 262_144


def reserve(folder: Path, process: int) -> bool:
    """Make the files of a process, with room on the disk or in the memory that they are in.

    A mapped file has room only where something has been written. Without any left, writing a
    count would end the process by SIGBUS, and the next one, and so on.

    Parameters
    ----------
    folder : Path
    process : int

    Returns
    -------
    bool
        False if there is no room, or nothing can be written; no file is left then.
    """
    paths = [folder / f"{kind}_{process}.db" for kind in _TYPES]
    try:
        for path in paths:
            with path.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, _SIZE)
    except OSError as error:
        logger.error("no room for counters: this process counts nothing (%s)", error.strerror)  # noqa: TRY400  # where, is known
        for path in paths:
            path.unlink(missing_ok=True)
        return False
    return True


def count_where_there_is_room() -> None:
    """Reserve the files of this process; without room it counts for itself, and nobody reads it."""
    from prometheus_client import values

    folder = os.environ.get(FOLDER)
    if folder and not reserve(Path(folder), os.getpid()):
        values.ValueClass = values.MutexValue


@contextmanager
def locked(folder: Path, kind: int) -> Iterator[None]:
    """Hold the folder's lock, one of `fcntl`'s, until the block ends.

    Raises
    ------
    BlockingIOError
        If others hold it, and `kind` says not to wait.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def merge_ended(folder: Path) -> None:
    """Put the counts of processes that have ended together: one file of each type.

    Their gauges go. While the counts are being read nothing happens; the next end makes up for it.
    """
    with suppress(BlockingIOError), locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
        ended = [path for path in folder.glob("*.db") if _has_ended(path)]
        for kind in _SUMMED:
            _merge(folder, kind, [path for path in ended if path.name.startswith(f"{kind}_")])
        for path in ended:
            path.unlink(missing_ok=True)


def _has_ended(path: Path) -> bool:
    process = path.stem.rpartition("_")[2]
    return process.isdecimal() and not _is_running(int(process))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _merge(folder: Path, kind: str, paths: list[Path]) -> None:
    from prometheus_client.mmap_dict import MmapedDict

    if not paths:
        return
    target, draft = folder / f"{kind}_{_ENDED}.db", folder / f"{kind}_{_ENDED}.draft"
    sums: dict[str, float] = defaultdict(float)
    for path in [*paths, *([target] if target.exists() else [])]:
        values = MmapedDict.read_all_values_from_file(path)  # type: ignore[no-untyped-call]
        for key, value, *_ in values:
            sums[key] += value
    draft.unlink(missing_ok=True)
    merged = MmapedDict(str(draft))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        merged.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    merged.close()  # type: ignore[no-untyped-call]
    draft.replace(target)
