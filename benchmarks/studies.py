"""What explanations and transactions cost beside plain answers: ``python -m benchmarks.studies``.

One worker over the shipped packages, on the records that each of them was packed with. The first
explanation loads scikit-learn, and shap where a forest is to be explained.
"""

from __future__ import annotations

import http.client
import json
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.serving import OURS, ROOT, children, memory, running
from segmentation.artifact import read_package

PACKAGES = {"mobile": ROOT / "model.bin"} | {
    path.stem: path for path in sorted((ROOT / "models").glob("*.bin"))
}
N_TIMES = 200
LINE = {"InvoiceNo": 1, "Description": "RED MUG", "Quantity": 2, "UnitPrice": 4.0,
        "InvoiceDate": "2024-06-01 10:00:00"}  # fmt: skip
ORDERS = {"transactions": [LINE | {"InvoiceNo": number} for number in range(30)]}


def milliseconds(path: str, record: Any, times: int) -> list[float]:
    """Return how long answers take, one after another on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", OURS.port, timeout=60)
    body, milliseconds = json.dumps(record), []
    for _ in range(times):
        start = time.perf_counter()
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        milliseconds.append((time.perf_counter() - start) * 1e3)
        assert answer.status == http.HTTPStatus.OK, content  # noqa: S101
    connection.close()
    return milliseconds


def explained(study: str, package: Path) -> None:
    """Print the times of one study, and the memory of the worker, which is new."""
    record = read_package(package).manifest.golden[0].record
    with running(OURS, WEB_CONCURRENCY="1") as master:
        (worker,) = children(master.pid)
        plain = statistics.median(milliseconds(f"/studies/{study}/predict", record, N_TIMES))
        before = memory(worker)
        (first,) = milliseconds(f"/studies/{study}/explain", record, 1)
        later = statistics.median(milliseconds(f"/studies/{study}/explain", record, N_TIMES))
        print(
            f"{study}: {plain:.2f} ms; first explanation {first:,.0f} ms, later ones {later:.1f} ms"
            f"; memory (PSS) {before:.0f} MB, then {memory(worker):.0f} MB"
        )


def main() -> None:
    """Print a line for each study, then one about transactions."""
    for study, package in PACKAGES.items():
        explained(study, package)
    with running(OURS, WEB_CONCURRENCY="1"):
        first, *later = milliseconds("/studies/retail/predict", ORDERS, N_TIMES)
        print(
            f"a customer's 30 transactions: {statistics.median(later):.1f} ms, the first time"
            f" {first:.0f} ms"
        )


if __name__ == "__main__":
    main()
