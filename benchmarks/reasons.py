"""Whether the short reasons of files say what explanations say: ``python -m benchmarks.reasons``.

On the first records of each study's shipped sample: how often the first reason is the heaviest
contribution that speaks for the segment, how often it is among the three heaviest, and what both
cost for a record.
"""

from __future__ import annotations

import time

from benchmarks.serving import ROOT
from segmentation.datasets import read_table
from segmentation.runtime import Model
from segmentation.runtime.answers import Answer
from segmentation.runtime.reasons import Reason, Reasons
from segmentation.schema import Record
from segmentation.studies import STUDIES
from segmentation.training.training_data import read_source

N_RECORDS = 300
TOP = 3
PACKAGES = {"mobile": "model.bin"} | {
    study: f"models/{study}.bin" for study in ("credit_card", "household", "retail")
}


def sample(model: Model) -> list[Record]:
    """Return the first records of a study's sample, in canonical form."""
    study = STUDIES[model.manifest.study]
    path, target = ROOT / "data" / f"{study.name}.csv", study.schema.target
    if study.transactions is None:
        records = read_table(path, study.schema).records
    else:
        records = read_source(study)[1].table.records
    return model.check(
        [
            {name: value for name, value in record.items() if not target or name != target.name}
            for record in records[:N_RECORDS]
        ]
    )


def measure(study: str, model: Model) -> None:
    """Print how both agree on one study."""
    records, reasons = sample(model), Reasons(model.manifest)
    answers = [answer for chunk in model.answer(records) for answer in chunk]
    started = time.perf_counter()
    reasons_by_record = [
        reasons.find(record, answer) for record, answer in zip(records, answers, strict=True)
    ]
    short = (time.perf_counter() - started) / len(records)
    list(model.answer(records[:1], [0]))  # loads what explanations take
    started = time.perf_counter()
    explained = [answer for chunk in model.answer(records, range(len(records))) for answer in chunk]
    long = (time.perf_counter() - started) / len(records)
    places = [place(*pair) for pair in zip(reasons_by_record, explained, strict=True) if pair[0]]
    first = sum(rank == 0 for rank in places) / len(places)
    among = sum(rank < TOP for rank in places) / len(places)
    print(
        f"{study}: {len(places)} of {len(records)} records have reasons; the first is the heaviest"
        f" contribution of {first:.0%}, among the {TOP} heaviest of {among:.0%};"
        f" {short * 1e6:.0f} microseconds, explained {long * 1e3:.1f} ms"
    )


def place(reasons: list[Reason], answer: Answer) -> int:
    """Return how many contributions speak more for the segment than the first reason does."""
    heaviest = [
        contribution["field"]
        for contribution in answer["explanation"]["contributions"]
        if contribution["contribution"] > 0
    ]
    first_field = reasons[0]["field"]
    return (
        heaviest.index(first_field)
        if first_field in heaviest
        else len(answer["explanation"]["contributions"])
    )


def main() -> None:
    """Measure all studies."""
    for study, path in PACKAGES.items():
        measure(study, Model.load(ROOT / path))


if __name__ == "__main__":
    main()
