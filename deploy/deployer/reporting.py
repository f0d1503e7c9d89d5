"""What a deployment says while it runs: lines on standard output, each begins with ``deploy:``."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence


def say(text: str) -> None:
    """Print what is done. A reader that has gone away (``| head``) must not end a deployment."""
    _print(f"deploy: {text}")


def would(step: str | Sequence[str]) -> None:
    """Print what a dry run leaves out: a sentence, or a command."""
    _print("+ " + (step if isinstance(step, str) else shlex.join(step)))


def _print(line: str) -> None:
    try:
        print(line, flush=True)  # noqa: T201  # the program's own output
    except BrokenPipeError:
        _discard_output()
    except (OSError, ValueError):  # closed, or not made for such letters
        pass


def _discard_output() -> None:
    """Send what is still to be printed nowhere: Python complains of it at its end otherwise."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
