"""The command line of ``train.py``: arguments in, a package and a table out, errors in one line."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from segmentation.artifact import write_package
from segmentation.artifact.signature import sign
from segmentation.datasets import Table, read_table
from segmentation.errors import DataError, SegmentationError, TrainingError
from segmentation.studies import STUDIES
from segmentation.study import Study
from segmentation.training import report
from segmentation.training.fit import cross_validate, labelled, search
from segmentation.training.pack import Run, pack

SAMPLES = Path(__file__).resolve().parents[2] / "data"
LARGEST_SEED = 2**32 - 1


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > LARGEST_SEED:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {LARGEST_SEED}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train.py",
        description="Fit, calibrate, measure and pack a model. The old package stays in its place "
        "until the new one is complete.",
    )
    study = STUDIES["mobile"]
    add = parser.add_argument
    add("--data", type=Path, metavar="FILE", help="CSV to train on (default: the synthetic sample)")
    add(
        "--output",
        type=Path,
        default=Path("model.bin"),
        metavar="FILE",
        help="default: %(default)s",
    )
    add("--grid", choices=sorted(study.grids), default="quick",
        help="quick: 8 candidates, seconds; full: the 1,080 well-known ones, 5 hours")  # fmt: skip
    add("--seed", type=_seed, default=42, metavar="N", help="default: %(default)s")
    add("--compare", action="store_true", help="also fit other kinds of model and print a table")
    add(
        "--sign",
        type=Path,
        metavar="KEY",
        help="sign the package with an Ed25519 private key (PEM)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says.

    Returns
    -------
    int
        Exit status: 0 when the package is in its place, 1 when it is as it was before, 130 when
        interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        _train(options, STUDIES["mobile"])
    except DataError as error:
        _complain(f"{error.source}: " + "\n  ".join(error.reasons))
        return 1
    except SegmentationError as error:
        _complain(str(error))
        return 1
    except OSError as error:
        _complain(f"{error.filename or options.output}: {error.strerror}")
        return 1
    except KeyboardInterrupt:
        _complain("interrupted; nothing was written")
        return 130
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(f"train.py: {text}\n")


def _train(options: argparse.Namespace, study: Study) -> None:
    _check_output(options.output)
    if options.sign:
        sign(b"Is this a key?", options.sign)
    table, synthetic = _table(options.data, study)
    data = labelled(study, table)
    report.heading(study, table, options.grid)
    with report.progress() as callbacks:
        fitted = search(study, data, study.grids[options.grid], options.seed, callbacks)
    figures = cross_validate(study, data, fitted.params, options.seed)
    run = Run(study, table, data, fitted, figures, options.grid, options.seed, synthetic)
    package = pack(run)
    if options.compare:
        from segmentation.training.compare import compare

        report.comparison(compare(data, options.seed))
    write_package(options.output, package, options.sign)
    report.results(run, package, options.output)


def _check_output(path: Path) -> None:
    """Find out before the work, not after it, that its result has no place to go."""
    if path.is_dir():
        raise TrainingError(f"--output {path}: is a directory")
    if not path.parent.is_dir():
        raise TrainingError(f"--output {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise TrainingError(f"--output {path}: no permission to write to {path.parent}")


def _table(path: Path | None, study: Study) -> tuple[Table, bool]:
    """Return the table to train on and whether it is the synthetic sample."""
    sample = SAMPLES / f"{study.name}.csv"
    table = read_table(path or sample, study.schema)
    same = sample.is_file() and hashlib.sha256(sample.read_bytes()).hexdigest() == table.sha256
    return table, same
