"""All that is measured, one after the other, and on which machine."""

from __future__ import annotations

import platform
import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.capacity import arrangements
from benchmarks.capacity.calibration import calibrate
from benchmarks.capacity.measuring import SETUPS, check, costs
from benchmarks.capacity.rig import CORES, prioritised


def machine() -> dict[str, Any]:
    """Describe where this is measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    with prioritised() as realtime:
        return {
            "cpu": name or platform.machine(),
            "cores": len(CORES),
            "python": platform.python_version(),
            "date": datetime.now(UTC).date().isoformat(),
            "realtime": realtime,
        }


def measure(n_rounds: int, seconds: float) -> dict[str, Any]:
    """Measure everything: about two minutes for each round."""
    measured: dict[str, Any] = {"rounds": n_rounds, "seconds": seconds}
    steps: dict[str, Callable[[], Any]] = {
        "kinds": lambda: costs(n_rounds),
        **{setup.name: lambda s=setup: check(s, n_rounds, seconds) for setup in SETUPS},
        "sticking": lambda: arrangements.sticking(n_rounds, seconds),
        "splits": lambda: arrangements.splits(4 * n_rounds),
        "shapes": lambda: arrangements.shapes(n_rounds),
    }
    pieces, had = [], []
    for name, step in steps.items():
        piece, share = calibrate()
        pieces.append(piece)
        had.append(share)
        measured[name] = step()
        print(f"{name}: done", file=sys.stderr)
    speed = {"piece_ms": [min(pieces), statistics.median(pieces), max(pieces)], "core_had": had}
    measured["machine"] = machine() | speed
    return measured | {"checks": [measured.pop(setup.name) for setup in SETUPS]}
