"""What becomes of the changes that explanations propose: ``python -m benchmarks.changes``.

For 300 records of each study, of the public table where its folder is (``SEGMENTATION_REAL_DATA``)
and of the sample otherwise, the proposed change is applied to the record and asked again. Prints
how many got none, how many ended elsewhere than said, in a set without the new segment or with a
new warning, and how long the search took.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.contradictions import REAL, ROOT, TABLES
from segmentation.artifact import read_package
from segmentation.runtime import Model
from segmentation.runtime.answers import Answer
from segmentation.runtime.counterfactuals import Counterfactual, CounterfactualSearch
from segmentation.runtime.scorer import Scorer
from segmentation.schema import Record
from segmentation.studies import STUDIES
from segmentation.training.training_data import read_source

N_RECORDS, SEED = 300, 1


def main() -> None:
    """Print a line for each study."""
    for name, study in STUDIES.items():
        path = REAL / TABLES[name]
        _, data = read_source(study, str(path) if path.is_file() else None)
        package = ROOT / ("model.bin" if name == "mobile" else f"models/{name}.bin")
        faults, seconds = judge_changes(package, data.table.records)
        milliseconds = np.quantile(np.array(seconds) * 1000, [0.5, 0.95])
        listed = ", ".join(f"{count} {fault}" for fault, count in sorted(faults.items()))
        print(
            f"{data.table.name}: {len(seconds)} records; {listed or 'no fault'};"
            f" median {milliseconds[0]:.1f} ms, 95 % within {milliseconds[1]:.1f} ms"
        )


def judge_changes(package: Path, records: Sequence[Record]) -> tuple[Counter[str], list[float]]:
    """Return how many changes have which fault, and the seconds that each search took."""
    model, search = Model.load(package), _make_search(package)
    columns = [column.name for column in model.manifest.record.numbers]
    drawn = random.Random(SEED).sample(list(records), min(N_RECORDS, len(records)))
    checked = model.check([{name: record.get(name) for name in columns} for record in drawn])
    answers = [answer for chunk in model.answer(checked) for answer in chunk]
    faults: Counter[str] = Counter()
    seconds = []
    for record, answer in zip(checked, answers, strict=True):
        began = time.perf_counter()
        change = _find_change(model, search, record, answer)
        seconds.append(time.perf_counter() - began)
        faults.update(_list_faults(model, record, answer, change))
    return faults, seconds


def _make_search(package: Path) -> CounterfactualSearch:
    contents = read_package(package)
    return CounterfactualSearch(contents.manifest, Scorer(contents).score_today)


def _find_change(
    model: Model, search: CounterfactualSearch, record: Record, answer: Answer
) -> Counterfactual | None:
    features = [record.get(column.name) for column in model.manifest.record.features]
    ids = [segment.id for segment in model.manifest.segments]
    row = np.array(features, dtype=np.float32)
    return search.find_smallest(record, row, ids.index(answer["segment"]["id"]))


def _list_faults(
    model: Model, record: Record, answer: Answer, change: Counterfactual | None
) -> Iterator[str]:
    if change is None:
        yield "without a change"
        return
    answers = {changed["field"]: changed["value"] for changed in [change, *change["along"]]}
    (changed,) = model.predict([record | answers])
    if changed["segment"]["id"] != change["segment"]:
        yield "in another segment"
    if change["segment"] not in changed["plausible"]:
        yield "in a set without the segment"
    if _codes(changed) - _codes(answer):
        yield "with a new warning"


def _codes(answer: Answer) -> set[str]:
    return {warning["code"] for warning in answer["warnings"]}


if __name__ == "__main__":
    main()
