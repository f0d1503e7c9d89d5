"""The command line: measure here, show what was measured, calibrate elsewhere, plan."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.capacity import calibration, planning

FILE = Path(__file__).with_name("measured.json")


def main() -> None:
    """Run one command; what can't be done is one line and an exit status of 2."""
    options = _parser().parse_args()
    try:
        options.run(options)
    except (planning.PlanError, OSError) as error:
        print(f"capacity: {error}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("measure", help="measure this machine and write measured.json")
    one.add_argument("--rounds", type=int, default=7)
    one.add_argument("--seconds", type=float, default=2.0, help="length of a load (default: 2)")
    one.set_defaults(run=_measure)
    one = commands.add_parser("show", help="print what was measured")
    one.add_argument("part", choices=("machine", "costs", "checks", "connections", "shapes"))
    one.set_defaults(run=_show)
    one = commands.add_parser("calibrate", help="compare this machine's cores with the measured")
    one.set_defaults(run=_calibrate)
    one = commands.add_parser("plan", help="print how many tasks a rate needs")
    _add_wanted(one)
    one.set_defaults(run=_plan)
    return parser


def _add_wanted(parser: argparse.ArgumentParser) -> None:
    usual = planning.Wanted(rate=1.0)
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--rate", type=_rate, help="requests: 200/s or 12000/min")
    asked.add_argument("--table", action="store_true", help="a row for each of some rates")
    for name, explained in (
        ("p99", "ms at the task"),
        ("vcpu", "vCPUs of a task: 0.25, 0.5, 1, 2 or 4"),
        ("speed", "of a core there : the measured one (calibrate prints it)"),
        ("burst", "busiest second : average of its minute"),
        ("growth", "by which the rate may grow in a minute"),
        ("scale-out", "minutes until more tasks answer"),
        ("zones", "availability zones"),
        ("per-connection", "requests on one client connection"),
        ("kind", "which request (show costs)"),
    ):
        default = getattr(usual, name.replace("-", "_"))
        parser.add_argument(
            f"--{name}", type=type(default), default=default, help=f"{explained} ({default})"
        )


def _rate(text: str) -> float:
    number, _, unit = text.partition("/")
    try:
        return float(number.replace(",", "")) / {"s": 1, "min": 60}[unit]
    except (KeyError, ValueError):
        raise argparse.ArgumentTypeError("such as 200/s or 12000/min") from None


def measured() -> dict[str, Any]:
    """Return the stored figures."""
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def _measure(options: argparse.Namespace) -> None:
    from benchmarks.capacity.everything import measure

    FILE.write_text(_written(measure(options.rounds, options.seconds)))


def _written(found: dict[str, Any]) -> str:
    """Return JSON, a line for each figure but lists of numbers on one, in five digits."""

    def rounded(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: rounded(one) for name, one in value.items()}
        if isinstance(value, list):
            return [rounded(one) for one in value]
        return float(f"{value:.5g}") if isinstance(value, float) else value

    def text(value: Any, indent: str) -> str:
        inner = indent + " "
        if isinstance(value, dict):
            parts = [f"{inner}{json.dumps(name)}: {text(v, inner)}" for name, v in value.items()]
            return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
        if isinstance(value, list) and value and isinstance(value[0], dict):
            parts = [inner + text(one, inner) for one in value]
            return "[\n" + ",\n".join(parts) + f"\n{indent}]"
        return json.dumps(value)

    return text(rounded(found), "") + "\n"


def _show(options: argparse.Namespace) -> None:
    from benchmarks.capacity.showing import PARTS

    print("\n".join(line.rstrip() for line in PARTS[options.part](measured())))


def _calibrate(_: argparse.Namespace) -> None:
    piece, share = calibration.calibrate()
    there = measured()["machine"]["piece_ms"][1]
    print(
        f"--speed {there / piece:.2f}: {piece:.3f} ms of CPU time for a piece, {there:.3f} where "
        f"it was measured; {share:.0%} of the core was to be had"
    )


def _plan(options: argparse.Namespace) -> None:
    given = vars(options)
    chosen = {name: given[name] for name in planning.Wanted.__dataclass_fields__ if name in given}
    if options.table:
        rates = [chosen | {"rate": rate / 60} for rate in planning.RATES]
        found = planning.table([planning.Wanted(**one) for one in rates], measured())
    else:
        found = planning.lines(planning.plan(planning.Wanted(**chosen), measured()))
    print("\n".join(found))


if __name__ == "__main__":
    main()
