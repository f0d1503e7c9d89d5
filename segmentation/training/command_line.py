"""The command line of ``train.py``: arguments in, packages and tables out, errors in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from segmentation.artifact import Package, write_package
from segmentation.artifact.signature import load_private_key
from segmentation.errors import DataError, SegmentationError, TrainingError
from segmentation.studies import DEFAULT_STUDY, STUDIES
from segmentation.study import Study
from segmentation.study.check import check_study
from segmentation.training import terminal_report
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.identity.predecessor import Predecessor, continuable, read_named
from segmentation.training.labelled_records import leave_out
from segmentation.training.measuring.data_remarks import find_remarks
from segmentation.training.mlflow_tracking import track
from segmentation.training.package_output import check_output, delivered, read_replaced
from segmentation.training.packing.pack import Run, pack
from segmentation.training.table_arguments import (
    add_table_arguments,
    read_table_arguments,
)
from segmentation.training.training_data import TrainingData, has_sample, read_source

LARGEST_SEED = 2**32 - 1
ALL = "all"
INTERRUPTED = 130


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
    add = parser.add_argument
    grids = sorted({grid for study in STUDIES.values() for grid in study.grids})
    add(
        "--study",
        choices=[*STUDIES, ALL],
        default=DEFAULT_STUDY,
        metavar="NAME",
        help=f"{', '.join(STUDIES)}, or {ALL} that have a sample; default: %(default)s",
    )
    add("--data", metavar="FILE", help="what to train on (default: the synthetic sample)")
    add("--categories", type=Path, metavar="FILE",
        help="product categories, for studies of transactions")  # fmt: skip
    add("--output", metavar="FILE", help="where the package goes, also s3://BUCKET/KEY; "
        f"default: model.bin for {DEFAULT_STUDY}, models/NAME.bin for others")  # fmt: skip
    add("--before", metavar="FILE", help="package whose segments go on under their names, also "
        "s3://BUCKET/KEY; default: the one that is replaced")  # fmt: skip
    add_table_arguments(parser)
    add("--grid", choices=grids, default="quick",
        help="quick: seconds; full, for mobile: 1,080 candidates, 5 hours")  # fmt: skip
    add("--seed", type=_seed, default=42, metavar="N", help="default: %(default)s")
    add("--compare", action="store_true", help="also fit other kinds of model and print a table")
    add("--new-names", action="store_true",
        help="name clusters by the rules, whatever they were called before")  # fmt: skip
    add("--without", action="append", default=[], metavar="SEGMENT",
        help="leave out a segment without records in the table; may be given again")  # fmt: skip
    add("--sign", type=Path, metavar="KEY",
        help="sign the package with an Ed25519 private key (PEM)")  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says.

    Returns
    -------
    int
        Exit status: 0 when every package is in its place, 1 when one is as it was before, 130
        when interrupted.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    of_one = (options.data, options.output, options.categories, options.before, options.map)
    if options.study == ALL and any(of_one):
        parser.error(
            f"--data, --map, --categories, --output and --before need one --study, not {ALL}"
        )
    if options.before and options.new_names:
        parser.error("--before and --new-names contradict each other")
    everything = [name for name, study in STUDIES.items() if has_sample(study)]
    chosen = everything if options.study == ALL else [options.study]
    status = 0
    for name in chosen:
        status = max(status, _attempt(options, STUDIES[name]))
        if status == INTERRUPTED:
            break
    return status


def _attempt(options: argparse.Namespace, study: Study) -> int:
    try:
        _train(options, study)
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
        return INTERRUPTED
    return 0


def _complain(text: str) -> None:
    sys.stderr.write(f"train.py: {text}\n")


def _train(options: argparse.Namespace, study: Study) -> None:
    output = options.output or str(default_output(study))
    check_output(output)
    if options.sign:
        load_private_key(options.sign)
    if study.grids and options.grid not in study.grids:
        raise TrainingError(f"the study {study.name} has no grid {options.grid}")
    check_study(study)
    named = _named(options, study)
    reading = read_table_arguments(options)
    study = leave_out(study, options.without)
    study, source = read_source(study, options.data, options.categories, reading)
    terminal_report.print_heading(study, source, options.grid)
    earlier = _find_earlier(options, study, source, output, named)
    predecessor = earlier if study.naming and not options.new_names else None
    baseline = earlier.package.manifest.baseline if earlier else None
    remarks = find_remarks(study.schema, source.table.records, baseline)
    # Before the names: if those are refused, another unit may be why.
    terminal_report.print_remarks(remarks, study.schema)
    with terminal_report.show_progress(study) as callbacks:
        learned = fit_study(
            study, source, options.grid, options.seed, predecessor=predecessor, callbacks=callbacks
        )
    run = Run(study, source, learned, options.grid, options.seed, tuple(remarks))
    package = pack(run)
    if options.compare:
        _compare(run)
    with delivered(output) as path:
        write_package(path, package, options.sign)
        size, complaint = path.stat().st_size, track(package.manifest, path, os.environ)
    terminal_report.print_remarks(learned.remarks, study.schema)
    terminal_report.print_results(package.manifest, output, size)
    if complaint:
        terminal_report.say(complaint)


def _named(options: argparse.Namespace, study: Study) -> Package | None:
    """Read the package that is named as the one to continue, before anything takes long."""
    if not options.before:
        return None
    if not study.naming:
        raise TrainingError(f"--before: the segments of {study.name} come with its data")
    return read_named(options.before, os.environ.get("MODEL_PUBLIC_KEY"))


def _find_earlier(
    options: argparse.Namespace,
    study: Study,
    source: TrainingData,
    output: str,
    named: Package | None,
) -> Predecessor | None:
    """Return the model to go on from, and say so if there is none that lends its names."""
    if named:
        predecessor, reason = continuable(named, study, synthetic=source.synthetic)
        if reason:
            raise TrainingError(f"--before {options.before}: {reason}")
        return predecessor
    try:
        predecessor, reason = read_replaced(output, study, synthetic=source.synthetic)
    except DataError:
        if study.naming and not options.new_names:
            raise
        return None  # only the ranges of its records would be compared
    if reason and study.naming and not options.new_names:
        terminal_report.say(f"Segments are named by the rules: {reason}.")
    return predecessor


def _compare(run: Run) -> None:
    from segmentation.training.comparison.model_comparison import compare, compare_feature_sets

    if run.study.feature_sets:
        terminal_report.print_feature_sets(compare_feature_sets(run.study, run.learned.X, run.seed))
    elif run.study.naming:
        terminal_report.say(
            "Nothing to compare: other models of these columns would only copy the clusters."
        )
    else:
        terminal_report.print_comparison(compare(run.learned.X, run.learned.y, run.seed))


def default_output(study: Study) -> Path:
    """Return where the service looks for a study's package."""
    return Path("model.bin" if study.name == DEFAULT_STUDY else f"models/{study.name}.bin")
