"""The one way to wait in tests: for a condition, with a limit that a busy machine meets."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0
"""Seconds after which something will not happen any more; how long it took is nobody's business."""


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Ask until it is so; fail after some seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)  # between two looks, not instead of one
