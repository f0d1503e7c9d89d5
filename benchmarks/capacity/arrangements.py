"""What the model leaves out: connections that stick to workers, numbers of threads."""

from __future__ import annotations

import math
import os
import random
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.capacity.load import connected
from benchmarks.capacity.measuring import (
    N_BATCHES,
    N_CONNECTIONS,
    PAUSE,
    SETUPS,
    TRY_SECONDS,
    described,
    kinds,
    loaded,
    loaded_to,
    medians,
    prepared,
    sent,
)
from benchmarks.capacity.rig import CORES, Rig, on, rig

STICKING = ((32, 32), (48, 16), (64, 0), (2, 2))
STICKING_LEVEL = 0.45
OPENINGS = {"all at once": 0.0, "5 ms apart": 0.005}
SHAPES = ((1, 1), (1, 4), (2, 4))
SHAPES_RATE = 1_000


def sticking(n_rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Load two workers alike, of which each has so many of the connections."""
    seen: dict[tuple[int, int], list[dict[str, float]]] = {case: [] for case in STICKING}
    with prepared(SETUPS[1], for_each=max(map(max, STICKING))) as (running, divided):
        for number in range(n_rounds):
            even = [one for part in divided for one in part[:32]]
            rate = loaded_to(STICKING_LEVEL, running, even, TRY_SECONDS, number).rate
            for case in random.Random(number).sample(STICKING, len(STICKING)):
                chosen = [one for n, part in zip(case, divided, strict=True) for one in part[:n]]
                load = loaded(running, chosen, rate, round(rate * seconds), number)
                seen[case].append(described(load.outcome.latencies))
            print(f"connections that stick: round {number + 1}", file=sys.stderr)
    return [{"connections": list(case)} | medians(rows) for case, rows in seen.items()]


def splits(n_times: int) -> list[dict[str, Any]]:
    """Measure how connections come to be divided among two workers, as this machine schedules."""
    found = []
    for reuse in (False, True):
        options = ["--reuse-port"] if reuse else []
        with rig(CORES, Path(os.devnull), *options, WEB_CONCURRENCY="2") as running:
            running.give_way()
            for opening, pause in OPENINGS.items():
                for number in (4, 16, 64):
                    shares = [_busiest(running, number, pause) for _ in range(n_times)]
                    found.append(
                        {
                            "reuse_port": reuse,
                            "opening": opening,
                            "connections": number,
                            "median": statistics.median(shares),
                            "most": max(shares),
                        }
                    )
    return found


def _busiest(running: Rig, number: int, pause: float) -> float:
    deadline = time.monotonic() + 5
    with connected(running.port, number, pause) as connections:
        while sum(map(len, parts := running.divided(connections))) < number:
            if time.monotonic() > deadline:
                sys.exit("the service doesn't accept connections")
            time.sleep(0.02)
    return max(map(len, parts)) / number


def shapes(n_rounds: int) -> list[dict[str, Any]]:
    """Compare numbers of workers and threads on one core, at one rate, in turns."""
    kind, seen = kinds()["one record"], {shape: [] for shape in SHAPES}
    with ExitStack() as stack:
        stack.enter_context(on(CORES[-1:]))
        all_of = {}
        for workers, threads in SHAPES:
            settings = {"WEB_CONCURRENCY": str(workers), "THREADS": str(threads)}
            running = stack.enter_context(rig(CORES[:1], **settings))
            all_of[workers, threads] = stack.enter_context(
                connected(running.port, N_CONNECTIONS, PAUSE)
            )
        for number in range(n_rounds):
            batch = kind.n // N_BATCHES
            for shape, connections in all_of.items():
                most = [
                    batch / sent(kind.asked, connections, math.inf, batch).seconds
                    for _ in range(N_BATCHES)
                ]
                outcome = sent(kind.asked, connections, SHAPES_RATE, kind.n, number)
                seen[shape].append(
                    {"most_per_second": statistics.median(most)} | described(outcome.latencies)
                )
    return [
        {"workers": workers, "threads": threads} | medians(rounds)
        for (workers, threads), rounds in seen.items()
    ]
