"""The measured figures as tables; docs/capacity.md has them as they are printed here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.capacity.arrangements import SHAPES_RATE, STICKING_LEVEL


def machine(measured: dict[str, Any]) -> Iterator[str]:
    """Yield where and how it was measured."""
    found = measured["machine"]
    priority = "real-time priority" if found["realtime"] else "ordinary priority"
    yield (
        f"{found['date']}, {found['cores']} virtual cores ({found['cpu']}), CPython "
        f"{found['python']}, {priority}, {measured['rounds']} rounds"
    )
    least, piece, most = found["piece_ms"]
    yield (
        f"a calibration piece took {piece:.3f} ms of CPU time, meanwhile {least:.3f} to {most:.3f}"
    )
    yield (
        f"others left an ordinary process of one thread {min(found['core_had']):.0%} to "
        f"{max(found['core_had']):.0%} of a core"
    )


def costs(measured: dict[str, Any]) -> Iterator[str]:
    """Yield what each kind of request costs on a busy worker."""
    columns = ("CPU ms", "most/s", "alone ms", "bytes in", "out", "log")
    yield f"{'':18}" + "".join(f"{name:>10}" for name in columns)
    for kind, one in measured["kinds"].items():
        yield (
            f"{kind:18}{one['cpu_ms']:10.2f}{one['per_second']:10,.0f}{one['alone_ms']:10.2f}"
            f"{one['bytes_in']:10,}{one['bytes_out']:10,}{one['bytes_logged']:10,}"
        )


def checks(measured: dict[str, Any]) -> Iterator[str]:
    """Yield what was measured under load beside what was predicted."""
    for check in measured["checks"]:
        yield check["setup"]
        yield (
            f"{'use %':>6}{'req/s':>7}{'CPU ms':>8}  {'measured':28}{'Welch, simulated':28}"
            f"{'plain M/G/1':28}{'p99, measured : Welch'}"
        )
        yield " " * 23 + f"{'mean':>4}{'p50':>7}{'p95':>7}{'p99':>7}   " * 3
        for one in check["levels"]:
            yield (
                f"{100 * one['utilisation']:6.0f}{one['per_second']:7,.0f}{one['cost_ms']:8.2f}"
                + "".join(
                    "".join(f"{time:7.2f}" for time in one[name].values())
                    for name in ("measured", "predicted", "plain")
                )
                + "   {:.2f} ({:.2f} to {:.2f})".format(*(one["p99_ratio"][n] for n in (1, 0, 2)))
            )


def connections(measured: dict[str, Any]) -> Iterator[str]:
    """Yield how connections come to be divided among two workers, and what that does."""
    yield f"{'connections':12}{'opened':12}{'':12}{'busier worker: median':>22}{'most':>7}"
    for one in measured["splits"]:
        how = "reuse_port" if one["reuse_port"] else "as shipped"
        yield (
            f"{one['connections']:<12}{one['opening']:12}{how:12}{one['median']:22.0%}"
            f"{one['most']:7.0%}"
        )
    yield f"two workers with a core each, {STICKING_LEVEL:.0%} used"
    for one in measured["sticking"]:
        a, b = one["connections"]
        yield f"{a} and {b} connections: mean {one['mean']:.2f} ms, p99 {one['p99']:.2f} ms"


def shapes(measured: dict[str, Any]) -> Iterator[str]:
    """Yield workers and threads on one core."""
    for one in measured["shapes"]:
        yield (
            f"{one['workers']} worker(s) of {one['threads']} thread(s) on one core: at most "
            f"{one['most_per_second']:,.0f}/s; at {SHAPES_RATE:,}/s mean {one['mean']:.2f} ms, "
            f"p99 {one['p99']:.2f} ms"
        )


PARTS = {
    "machine": machine,
    "costs": costs,
    "checks": checks,
    "connections": connections,
    "shapes": shapes,
}
