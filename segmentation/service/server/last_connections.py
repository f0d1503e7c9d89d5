"""Ends listening without a loss: no new connection begins, those that have begun are still taken.

A listening socket that is closed resets what waits in it. Between a look that finds nothing waiting
and the close, new connections come in, on a busy machine always some. So the kernel is first told
to begin no more of them. Whoever tries then is refused a second later, when the socket is closed.
When to stop is decided in ``event_loop_worker``.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python has no name for it
_SYN = 0x02
# Classic BPF, linux/filter.h; the packet begins with TCP's header, whose byte 13 has the flags.
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load that byte
    (0x45, 0, 1, _SYN),  # is it a beginning? else skip one
    (0x06, 0, 0, 0),  # keep nothing of it
    (0x06, 0, 0, 0xFFFFFFFF),  # keep all of it
)


def is_held_elsewhere(listener: socket.socket, master: int) -> bool:
    """Whether anybody but the workers of one master has the socket, and so goes on with it.

    gunicorn's master closes it before it stops all its workers, and keeps it when it replaces them.
    After an upgrade of gunicorn in place a second master and its workers have it, too.

    Parameters
    ----------
    listener : socket
    master : int
        The master's process id.

    Returns
    -------
    bool
        True as well where it can't be found out, as in a ``/proc`` that shows nothing of the
        master, and where systemd listens.
    """
    if "LISTEN_FDS" in os.environ:
        return True
    name = f"socket:[{os.fstat(listener.fileno()).st_ino}]"
    files_of_master = _open_files(Path(f"/proc/{master}"))
    if not files_of_master or name in files_of_master:
        return True
    processes = [path for path in Path("/proc").glob("[0-9]*") if name in _open_files(path)]
    return any(_parent(path) not in {master, None} for path in processes)


def _open_files(process: Path) -> set[str]:
    files = set()
    with suppress(OSError):  # it has ended, or is somebody else's
        for link in (process / "fd").iterdir():
            with suppress(OSError):
                files.add(str(link.readlink()))
    return files


def _parent(process: Path) -> int | None:
    try:
        # After the name, in brackets, come the state and the parent: proc(5).
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def begin_no_more(listener: socket.socket) -> None:
    """Let the kernel drop what would begin a connection; where it can't, nothing changes."""
    if sys.platform != "linux" or listener.family not in (socket.AF_INET, socket.AF_INET6):
        return
    program = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_SYN)
    buffer = ctypes.create_string_buffer(program, len(program))
    filter_program = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(buffer))
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_program)
