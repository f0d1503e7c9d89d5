"""The steps before training on transactions, on the command line: ``validate`` and ``features``.

    python -m segmentation.training.prepare_transactions validate IN OUT [--report FILE]
    python -m segmentation.training.prepare_transactions features IN OUT [--categories FILE]

``dvc.yaml`` runs them. What they do is in ``datasets``; here it meets a study.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from segmentation.datasets.snapshots import write_history
from segmentation.datasets.transactions import validate
from segmentation.errors import SegmentationError
from segmentation.studies import STUDIES
from segmentation.study import Study
from segmentation.training.table_arguments import (
    add_table_arguments,
    read_table_arguments,
)
from segmentation.training.training_data import read_source

# Studies that begin with transactions.
CHOICES = {name: study for name, study in STUDIES.items() if study.transactions is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prepare", description="From transactions to the table that train.py reads."
    )
    parser.add_argument("--study", default="retail", choices=sorted(CHOICES))
    steps = parser.add_subparsers(dest="step", required=True)
    check = steps.add_parser("validate", help="drop bad rows, count them by reason")
    check.add_argument("--report", type=Path, metavar="FILE", help="also write the counts as JSON")
    make = steps.add_parser("features", help="customers as of several dates")
    make.add_argument("--categories", type=Path, metavar="FILE", help="CSV: keyword,category")
    for step in (check, make):
        add_table_arguments(step)
        step.add_argument("source", metavar="IN", help="CSV or Parquet, a path or s3://bucket/key")
        step.add_argument("output", metavar="OUT", type=Path, help="Parquet")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step.

    Returns
    -------
    int
        Exit status: 0, or 1 with one line that says why not.
    """
    options = _parser().parse_args(arguments)
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        STEPS[options.step](options, CHOICES[options.study])
    except SegmentationError as error:
        sys.stderr.write(f"prepare: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"prepare: {error.filename or options.output}: {error.strerror}\n")
        return 1
    return 0


def _validate(options: argparse.Namespace, study: Study) -> None:
    if study.transactions is None:
        return
    reading = read_table_arguments(options)
    validation = validate(options.source, study.transactions, options.output, reading)
    if options.report:
        options.report.write_text(json.dumps(asdict(validation), indent=1) + "\n", encoding="utf-8")
    dropped = ", ".join(
        f"{count} {reason}" for reason, count in validation.dropped.items() if count
    )
    sys.stdout.write(
        f"{validation.rows_read} rows = {validation.rows_kept} kept + {dropped or '0 dropped'}; "
        f"{validation.customers} customers from {validation.first} to {validation.last}\n"
    )
    for remark in validation.remarks:
        sys.stdout.write(f"{remark}\n")


def _features(options: argparse.Namespace, study: Study) -> None:
    study, source = read_source(
        study, options.source, options.categories, read_table_arguments(options)
    )
    if source.history is None:
        return
    write_history(source.history, study.schema, options.output)
    for shot in source.history.snapshots:
        sys.stdout.write(f"{shot.as_of.isoformat()}: {len(shot.records)} customers\n")


STEPS = {"validate": _validate, "features": _features}

if __name__ == "__main__":
    sys.exit(main())
