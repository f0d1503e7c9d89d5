"""Proves a package where it can harm nothing: in a process with a deadline and limited memory.

Such a process reads the file, checks it, opens its ONNX model and asks it its golden records, and
reports. Only what it has proved is loaded by a process that answers. Processes are forked from one
that was forked before there were threads and does nothing else: ONNX Runtime has threads, and a
process that is forked from one with threads may wait for ever.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import orjson

from segmentation.artifact import Trust
from segmentation.artifact.package import MOST_BYTES, publish
from segmentation.artifact.seal import read_claim
from segmentation.errors import PackageError
from segmentation.runtime import Model

logger = logging.getLogger(__name__)

# Seconds. Ours take less than one; a worker that is not ready after 60 is ended by gunicorn.
DEADLINE = 15
_MEBIBYTE = 2**20
# Memory beyond what the process has from the start: for libraries, and for each byte of the file.
_MEMORY, _MEMORY_PER_BYTE = 256 * _MEBIBYTE, 8
_LONGEST_MESSAGE = 65_536
# Descriptors of a worker that has just begun; a container need not have a list of them.
_MOST_FILES = 1_024


class Proof(NamedTuple):
    """What a package was proved to be.

    Attributes
    ----------
    sha256 : str
        Of the file, as its seal has it.
    study, version : str
    sequence : int or None
    """

    sha256: str
    study: str
    version: str
    sequence: int | None


class NoProofError(PackageError):
    """A package was not tried to its end, which another time may succeed."""


Prove = Callable[[Path, Trust], Proof]


def prove_here(path: Path, trust: Trust) -> Proof:
    """Prove a package in this process, where there is no other one.

    Raises
    ------
    PackageError
        With the reason, if it must not be served.
    """
    return _describe(Model.load(path, trust))


def prove_wholly(path: Path, trust: Trust) -> Proof:
    """Prove a package, and try what answers may need beside it, which takes further libraries.

    Raises
    ------
    PackageError
        With the reason, if it must not be served.
    """
    model = Model.load(path, trust)
    try:
        model.try_out()
    except PackageError as error:
        raise PackageError(f"{path}: {error}") from None
    return _describe(model)


def _describe(model: Model) -> Proof:
    return Proof(model.sha256, **model.name, sequence=model.sequence)


class Prover:
    """Has packages proved elsewhere; several threads and processes may use it.

    Parameters
    ----------
    control : socket
        Of the process that forks others, which ends when nobody has this any more.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def __call__(self, path: Path, trust: Trust) -> Proof:
        """Prove a package like `prove_wholly`.

        Raises
        ------
        PackageError
            With the reason, if it must not be served.
        NoProofError
            If proving it took too long or too much memory, or ended its process.
        """
        return _ask(self._control, path, trust)

    def close(self) -> None:
        """Ask no more."""
        self._control.close()


def fork_prover() -> Prover:
    """Start the process from which others are forked; call it before there are threads."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not os.fork():
        try:  # never returns
            _let_go(theirs)
            _fork_for_each(theirs)
        except BaseException:
            logger.exception("the process that proves packages has failed")
        finally:
            os._exit(0)
    theirs.close()
    return Prover(ours)


def _let_go(control: socket.socket) -> None:
    """Let go of what the worker has open: a listener that somebody holds goes on listening.

    Nothing takes the places: whoever still writes to one would write to something else.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _MOST_FILES)
    for descriptor in range(sys.stderr.fileno() + 1, most):
        with suppress(OSError):  # it is none
            if descriptor not in (control.fileno(), nothing):
                os.fstat(descriptor)
                os.dup2(nothing, descriptor, inheritable=False)


def _ask(control: socket.socket, path: Path, trust: Trust) -> Proof:
    """Have a package proved, and wait for the outcome."""
    message = orjson.dumps([str(path.absolute()), *_list(trust)])
    reply, theirs = socket.socketpair()
    reply.settimeout(DEADLINE + 1)
    with reply:
        try:
            with theirs:
                socket.send_fds(control, [message], [theirs.fileno()])
            outcome = b"".join(iter(lambda: reply.recv(_LONGEST_MESSAGE), b""))
        except OSError:
            outcome = b""
    try:
        kind, *parts = orjson.loads(outcome)
    except ValueError:  # nothing, or not all of it
        raise NoProofError(
            f"{path}: could not be tried: it ended the process that did, or took more than"
            f" {DEADLINE} s, or too much memory"
        ) from None
    if kind == "refused":
        raise PackageError(parts[0])
    return Proof(*parts)


def _list(trust: Trust) -> list[object]:
    return [
        trust.public_key,
        trust.least_sequence,
        trust.unpickles_unsigned,
        list(trust.built_in),
    ]


def _fork_for_each(control: socket.socket) -> None:
    """Fork a process for each package, until nobody asks any more."""
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(name, signal.SIG_IGN)  # the worker decides what they mean
    signal.set_wakeup_fd(-1)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    while True:
        message, files, _, _ = socket.recv_fds(control, _LONGEST_MESSAGE, 1)
        if not message:
            return
        with socket.socket(fileno=files[0]) as reply, suppress(OSError):
            if not os.fork():
                control.close()
                _prove(message, reply)


def _prove(message: bytes, reply: socket.socket) -> None:
    """Prove a package within limits, say what came of it, and end."""
    name, public_key, least_sequence, unpickles_unsigned, built_in = orjson.loads(message)
    path = Path(name)
    try:
        _limit(path)
        trust = Trust(public_key, least_sequence, unpickles_unsigned, frozenset(built_in))
        outcome: list[object] = ["proved", *prove_wholly(path, trust)]
    except PackageError as error:
        outcome = ["refused", str(error)]
    except MemoryError:
        os._exit(1)
    except BaseException as error:  # it is the package's fault, whatever it is
        logger.exception("proof of %s", path)
        outcome = ["refused", f"{path}: cannot be loaded: {type(error).__name__}"]
    reply.sendall(orjson.dumps(outcome))
    os._exit(0)


def _limit(path: Path) -> None:
    """Bound time and memory, and be the first to go where the machine has too little."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(DEADLINE)
    resource.setrlimit(resource.RLIMIT_CPU, (DEADLINE, DEADLINE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):  # Linux alone has this file
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
        most = pages * resource.getpagesize() + _MEMORY
        if path.exists():
            most += _MEMORY_PER_BYTE * min(path.stat().st_size, MOST_BYTES)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


class Proofs:
    """Remembers what was proved, for all processes of a service: one proof for each file.

    Parameters
    ----------
    prove : callable
        Proves a package; see `prove_here`.
    folder : Path or None
        Of this run of this program, since another one may prove otherwise. None remembers nothing.
    """

    def __init__(self, prove: Prove, folder: Path | None) -> None:
        self._prove = prove
        self._folder = folder

    def prove(self, path: Path, trust: Trust) -> Proof:
        """Return what a package was proved to be, now or before.

        Where the file only claims the digest of one that was proved, reading it will show that.

        Raises
        ------
        PackageError
            With the reason, if it must not be served.
        """
        claim = read_claim(path)
        mark = self._folder / claim if self._folder and claim else None
        with suppress(OSError, ValueError, TypeError):
            if mark:
                return Proof(*orjson.loads(mark.read_bytes()))
        proof = self._prove(path, trust)
        if self._folder:
            with suppress(OSError):  # without room it will be proved again
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                publish(self._folder / proof.sha256, orjson.dumps([*proof]))
        return proof
