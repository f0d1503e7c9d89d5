"""Whether the short reasons of files say what explanations say: ``python -m benchmarks.reasons``.

On the first records of each study's shipped sample: how often the first reason is the heaviest
contribution that speaks for the segment, how often it is among the three heaviest, and what both
cost for a record.
"""

from __future__ import annotations

import time
from itertools import islice

from benchmarks.serving import ROOT
from segmentation.batch.opening import RecordFile
from segmentation.runtime import Model
from segmentation.runtime.reasons import Reasons
from segmentation.schema import Record
from segmentation.schema.values import parse_text

N_RECORDS = 300
PACKAGES = {"mobile": "model.bin"} | {
    study: f"models/{study}.bin" for study in ("credit_card", "household", "retail")
}


def sample(model: Model) -> list[Record]:
    """Return the first records of a study's sample; of retail, those that packing made up."""
    manifest = model.manifest
    if manifest.aggregation:
        return model.check([golden.record for golden in manifest.golden])
    with (ROOT / "data" / f"{manifest.study}.csv").open("rb") as stream:
        file = RecordFile(stream, manifest.record)
        rows = [row.cells for row in islice(file.rows(), N_RECORDS)]
    return model.check(
        [{field: parse_text(column, row[at]) for at, field, column in file.columns} for row in rows]
    )


def measure(study: str, model: Model) -> None:
    """Print how both agree on one study."""
    records, reasons = sample(model), Reasons(model.manifest)
    answers = [one for chunk in model.answer(records) for one in chunk]
    started = time.perf_counter()
    found = [reasons.find(record, answer) for record, answer in zip(records, answers, strict=True)]
    short = (time.perf_counter() - started) / len(records)
    for _ in model.answer(records[:1], [0]):
        pass
    started = time.perf_counter()
    explained = [one for chunk in model.answer(records, range(len(records))) for one in chunk]
    long = (time.perf_counter() - started) / len(records)
    first = top = n = 0
    for said, answer in zip(found, explained, strict=True):
        heaviest = [
            one["field"]
            for one in answer["explanation"]["contributions"]
            if one["contribution"] > 0
        ]
        if said and heaviest:
            n += 1
            first += said[0]["field"] == heaviest[0]
            top += said[0]["field"] in heaviest[:3]
    print(
        f"{study}: {n} of {len(records)} records have both; the first reason is the heaviest"
        f" contribution of {first / n:.0%}, among the three heaviest of {top / n:.0%};"
        f" {short * 1e6:.0f} µs, explained {long * 1e3:.1f} ms"
    )


def main() -> None:
    """Measure all studies."""
    for study, path in PACKAGES.items():
        measure(study, Model.load(ROOT / path))


if __name__ == "__main__":
    main()
