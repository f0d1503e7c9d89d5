"""The command line: measure what one core answers here; plan how many tasks a rate needs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from benchmarks.capacity.formula import Assumptions, plan


def main() -> None:
    """Run a command; an error is one line and an exit status of 2."""
    options = _parser().parse_args()
    try:
        for line in options.lines(options):
            print(line, flush=True)
    except (ValueError, OSError) as error:
        print(f"capacity: {error}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    measuring = commands.add_parser("measure", help="print what one core answers (on Linux)")
    measuring.add_argument("--kind", default="one record", help="kind of request (one record)")
    measuring.add_argument("--seconds", type=_seconds, default=5.0, help="length of a load (5)")
    measuring.set_defaults(lines=_measurement)
    planning = commands.add_parser("plan", help="print how many tasks a rate needs")
    planning.add_argument("--rate", type=_rate, required=True, help="200/s or 12000/min")
    planning.add_argument("--cost", type=float, required=True, help="CPU ms of a request")
    planning.add_argument("--speed", type=float, required=True, help="vCPU there : core here")
    planning.add_argument("--vcpu", type=float, default=1.0, help="vCPUs of a task (1)")
    planning.add_argument("--most", type=float, default=0.8, help="used CPU at the most (0.8)")
    planning.add_argument("--burst", type=float, default=1.3, help="busiest second : minute (1.3)")
    planning.add_argument("--zones", type=int, default=3, help="zones, one may be lost (3)")
    planning.set_defaults(lines=_plan)
    return parser


def _rate(text: str) -> float:
    number, _, unit = text.partition("/")
    try:
        return float(number.replace(",", "")) / {"s": 1, "min": 60}[unit]
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError("such as 200/s or 12000/min") from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 600:
        raise argparse.ArgumentTypeError("from 0.1 to 600")
    return seconds


def _plan(options: argparse.Namespace) -> Iterator[str]:
    names = Assumptions.__dataclass_fields__
    assumed = Assumptions(**{name: getattr(options, name) for name in names})
    needed, zones_left = plan(options.rate, assumed), max(assumed.zones - 1, 1)
    yield (
        f"busiest second  {options.rate:,.0f}/s * {assumed.burst:g}"
        f" = {needed.busiest:,.0f} requests"
    )
    yield (
        f"busy            {needed.busiest:,.0f} * {assumed.cost:g} ms / {assumed.speed:g}"
        f" = {needed.busy:,.1f} vCPU"
    )
    yield (
        f"a zone lost     {needed.busy:,.1f} / ({assumed.vcpu:g} vCPU * {assumed.most:.0%})"
        f" = {needed.remaining:,.1f} tasks in {zones_left} zone(s)"
    )
    yield (
        f"tasks           {needed.tasks // assumed.zones} * {assumed.zones} zone(s)"
        f" = {needed.tasks:,} of {assumed.vcpu:g} vCPU"
    )


def _measurement(options: argparse.Namespace) -> Iterator[str]:
    from benchmarks.capacity.measuring import LEVELS, kinds, worker

    if options.kind not in kinds():
        raise ValueError(f"kind: one of {', '.join(kinds())}")
    workload = kinds()[options.kind]
    for place, pinned in (("a core of its own", True), ("any core", False)):
        with worker(workload, pinned=pinned) as measured:
            yield f"{options.kind}, one worker on {place}"
            yield " used %     req/s  CPU ms  p50 ms  p99 ms"
            for level in LEVELS:
                row = measured.row_at(level, options.seconds)
                yield (
                    f"{row.used:7.0%}{row.rate:10,.1f}{row.cost:8.2f}"
                    f"{row.median:8.2f}{row.p99:8.2f}"
                )
            n_bytes = measured.n_bytes()
    yield f"bytes: {n_bytes.request:.0f} in, {n_bytes.answer:.0f} out, {n_bytes.log:.0f} logged"


if __name__ == "__main__":
    main()
