"""What a study is trained on: a table of records, or the history of customers' transactions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from segmentation.artifact.manifest import PackedAggregation
from segmentation.datasets import History, RecordTable, read_categories, read_history, read_table
from segmentation.datasets.record_tables import FROM_PATH
from segmentation.errors import TrainingError
from segmentation.study import Study, Transactions
from segmentation.tables.open_table import TableOptions

SAMPLES = Path(__file__).resolve().parents[2] / "data"


@dataclass(frozen=True)
class TrainingData:
    """Records to learn from.

    Attributes
    ----------
    table : RecordTable
    synthetic : bool
        Whether it is the synthetic sample that is shipped.
    aggregation : PackedAggregation or None
        How records came from transactions, where they did.
    history : History or None
        The same customers at several dates, then.
    """

    table: RecordTable
    synthetic: bool
    aggregation: PackedAggregation | None = None
    history: History | None = None


def read_source(
    study: Study,
    path: str | None = None,
    categories: Path | None = None,
    options: TableOptions = FROM_PATH,
) -> tuple[Study, TrainingData]:
    """Read the records of a study; those of its synthetic sample without a path.

    Parameters
    ----------
    study : Study
    path : str, optional
        A file; transactions and features may also be in S3.
    categories : Path, optional
        Product categories, where records come from transactions.
    options : TableOptions, optional
        What the file does not prove itself.

    Returns
    -------
    Study
        The same, or for other names of categories its other self.
    Source

    Raises
    ------
    DataError
        If the file can't be read or isn't what the study needs.
    TrainingError
        If `categories` are given to a study that has none.
    """
    sample = SAMPLES / f"{study.name}.csv"
    if study.transactions is None:
        if categories is not None:
            raise TrainingError(f"--categories: the study {study.name} has no transactions")
        table = read_table(path or sample, study.schema, options)
        return study, TrainingData(table, _is_sample(table.sha256, sample))
    return _read_transactions(study, study.transactions, path, categories, options)


def _read_transactions(
    study: Study,
    transactions: Transactions,
    path: str | None,
    categories: Path | None,
    options: TableOptions,
) -> tuple[Study, TrainingData]:
    study, transactions, keywords = _with_categories(study, transactions, categories)
    sample = SAMPLES / f"{study.name}.csv"
    history = read_history(path or sample, study, transactions, keywords, options)
    latest = history.snapshots[0]
    aggregation = PackedAggregation(
        transactions=transactions.schema,
        customer=transactions.roles.customer,
        time=transactions.roles.time,
        sql=transactions.sql,
        categories=list(keywords),
        reference=_end_day(latest.as_of).isoformat(),
        roles=transactions.roles,
        cancellation_prefix=transactions.cancellation_prefix,
        earliest=transactions.earliest.isoformat(),
    )
    table = RecordTable(history.name, history.sha256, latest.records)
    # What was prepared from the sample is still made up.
    origin = history.validation.sha256 if history.validation else history.sha256
    return study, TrainingData(table, _is_sample(origin, sample), aggregation, history)


def _end_day(time: datetime) -> datetime:
    """Return the end of a day: the time itself is that of one customer's last transaction."""
    return time.replace(hour=23, minute=59, second=59, microsecond=0)


def _with_categories(
    study: Study, transactions: Transactions, categories: Path | None
) -> tuple[Study, Transactions, tuple[tuple[str, str], ...]]:
    """Return a study for the names of the categories, and its keywords; none where it has none."""
    if transactions.categories is None or transactions.rebuild is None:
        if categories is not None:
            raise TrainingError(f"--categories: the study {study.name} has no categories")
        return study, transactions, ()
    keywords = read_categories(categories or SAMPLES / transactions.categories)
    study = transactions.rebuild(tuple(dict.fromkeys(category for _, category in keywords)))
    return study, study.transactions or transactions, keywords


def _is_sample(sha256: str, sample: Path) -> bool:
    """Whether a file is the sample of a study, and one that a generator of ours has made."""
    generator = sample.with_name(f"make_{sample.stem}.py")
    if not (sample.is_file() and generator.is_file()):
        return False
    return hashlib.sha256(sample.read_bytes()).hexdigest() == sha256


def has_sample(study: Study) -> bool:
    """Whether there is something to train a study on where nothing is named."""
    return (SAMPLES / f"{study.name}.csv").is_file()
