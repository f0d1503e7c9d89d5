"""How many records are called contradictory: ``python -m benchmarks.contradictions``.

Prints for each study the share of its records that get a contradiction warning: records as they
are, which is the rate of false alarms, and copies in which a contradiction has been planted. For
the sample, and for the public table where its folder is (``SEGMENTATION_REAL_DATA``). Ranges of the
mobile survey are learnt from four fifths of the records, and asked about the last fifth.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedKFold

from segmentation.artifact import Manifest, read_package
from segmentation.runtime.contradictions import ContradictionFinder
from segmentation.schema import Record
from segmentation.studies import STUDIES
from segmentation.study import Study
from segmentation.training.measuring.profiles import profiles
from segmentation.training.training_data import read_source

ROOT = Path(__file__).resolve().parents[1]
REAL = Path(os.environ.get("SEGMENTATION_REAL_DATA", ROOT.parent / "shared" / "data"))
TABLES = {
    "mobile": "mobile/user_behavior_dataset.csv",
    "household": "household/BathSoapHousehold.csv.gz",
    "credit_card": "credit_card/CC GENERAL.csv",
    "retail": "retail/online_retail_to_2011-08.parquet",
}
SEED, FOLDS = 0, 5

Plant = Callable[[Record, random.Random], Record | None]


def _scale(name: str, factor: float) -> Plant:
    """Return a mistake of the unit."""
    return lambda record, _: record | {name: record[name] * factor}


def _put(**answers: float) -> Plant:
    """Return answers that do not belong to the others."""
    return lambda record, _: record | answers


def _exceed(name: str, limit: str) -> Plant:
    """Return an answer that exceeds another by a half or more."""
    return lambda record, source: record | {name: record[limit] * source.uniform(1.5, 3.0) + 1}


def _add(name: str, share: float) -> Plant:
    return lambda record, _: record | {name: min(1.0, record[name] + share)}


PLANTS: Mapping[str, Mapping[str, Plant]] = {
    "household": {
        "promotion shares add up to more": _put(promotion_6_share=0.6, no_promotion_share=1.0),
        "a share of zero in place of one": _put(no_promotion_share=0.0),
        "more brand runs than purchases": _exceed("brand_runs", "transactions"),
        "more brands than brand runs": _exceed("brands", "brand_runs"),
        "ten times the value": _scale("value", 10),
        "a tenth of the price": _scale("average_price", 0.1),
        "the largest share is not the largest": lambda record, _: (
            record | {"largest_brand_share": record["largest_brand_share"] / 2}
        ),
    },
    "credit_card": {
        "5,000 of purchases in none": _put(purchases=5000.0, purchases_trx=0),
        "purchases in no month": lambda record, _: (
            record | {"purchases": record["purchases"] + 100, "purchases_frequency": 0.0}
        ),
        "ten times the purchases": lambda record, _: (
            record | {"purchases": record["purchases"] * 10 + 100}
        ),
        "instalments exceed purchases": _exceed("installments_purchases", "purchases"),
        "cash in no advance": _put(cash_advance=900.0, cash_advance_trx=0),
        "advances without cash": _put(cash_advance=0.0, cash_advance_trx=4),
    },
    "retail": {
        "ten times the average order": _scale("average_transaction_value", 10),
        "a tenth of the amount": _scale("monetary", 0.1),
        "a third more orders": lambda record, _: (
            record | {"frequency": round(record["frequency"] * 4 / 3 + 0.5)}
        ),
        "shares add up to 1.6": lambda record, _: (
            record | {name: record[name] * 1.6 for name in record if name.startswith("share_")}
        ),
    },
}


def main() -> None:
    """Print one line for each kind of record."""
    for study in STUDIES.values():
        for path in (None, REAL / TABLES[study.name]):
            if path is None or path.is_file():
                false_alarms, caught = measure_contradictions(study, path)
                print(
                    f"{study.name}, {path.name if path else 'sample'}: share with a contradiction"
                )
                print(f"  {'as they are':38s} {false_alarms:8.2%}")
                for name, share in caught.items():
                    print(f"  {name:38s} {share:8.2%}")


def measure_contradictions(
    study: Study, path: Path | None = None
) -> tuple[float, dict[str, float]]:
    """Return the share of records that are called contradictory, and of planted mistakes.

    Parameters
    ----------
    study : Study
    path : Path, optional
        The study's table; the sample without it.

    Returns
    -------
    float
    dict of str to float
        By mistake.
    """
    study, data = read_source(study, str(path) if path else None)
    package = ROOT / ("model.bin" if study.name == "mobile" else f"models/{study.name}.bin")
    held_out = list(_hold_out(study, read_package(package).manifest, data.table.records))
    plants = PLANTS.get(study.name) or _foreign_answers(study, data.table.records)
    source = random.Random(SEED)
    caught = {}
    for name, plant in plants.items():
        caught[name] = _share(
            [
                (finder, planted)
                for finder, record in held_out
                if (planted := plant(dict(record), source)) is not None
            ]
        )
    return _share(held_out), caught


def _hold_out(
    study: Study, manifest: Manifest, records: Sequence[Record]
) -> Iterator[tuple[ContradictionFinder, Record]]:
    """Return each record with a finder that has not seen it."""
    if study.schema.target is None:
        finder = ContradictionFinder(manifest)
        yield from ((finder, record) for record in records)
        return
    labels = np.array([record[study.schema.target.name] for record in records])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    for train, test in folds.split(records, labels):
        segments = profiles(
            study.schema, study.segments, [records[i] for i in train], labels[train]
        )
        finder = ContradictionFinder(manifest.model_copy(update={"segments": segments}))
        yield from ((finder, records[i]) for i in test)


def _foreign_answers(study: Study, records: Sequence[Record]) -> Mapping[str, Plant]:
    """Return plants that give one answer of a record of another class, by the distance of both."""
    target = study.schema.target
    names = [column.name for column in study.schema.decisive_columns]

    def plant(distance: int) -> Plant:
        def replace(record: Record, source: random.Random) -> Record | None:
            strangers = [
                stranger
                for stranger in records
                if abs(stranger[target.name] - record[target.name]) == distance
            ]
            name = source.choice(names)
            return record | {name: source.choice(strangers)[name]} if strangers else None

        return replace

    return {f"an answer of a class {n} away": plant(n) for n in (1, 2, 3, 4)}


def _share(held_out: Sequence[tuple[ContradictionFinder, Record]]) -> float:
    return sum(map(_contradicts, held_out)) / len(held_out)


def _contradicts(pair: tuple[ContradictionFinder, Record]) -> bool:
    finder, record = pair
    numbers = [record.get(column.name) for column in finder.numbers]
    return bool(finder.find(record, numbers, 0))


if __name__ == "__main__":
    main()
