"""What bodies cost that are within the limits: little memory, whatever they hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.records import COMPLETE
from tests.support.servers import Server, serving

pytestmark = pytest.mark.long

MIB = 2**20
LONGEST = 16 * MIB
MOST_MEMORY = 100 * MIB
LINE = {"Invoice": "1", "InvoiceDate": "2024-01-01", "Quantity": 1, "Price": 1, "Customer ID": 1}


def repeat(part: str, end: str = "1]", start: str = "[") -> str:
    """Return a body that is as long as one may be."""
    return start + part * ((LONGEST - 99) // len(part)) + end


def with_unknown(n_records: int, n_fields: int, record: dict[str, object] | None = None) -> str:
    """Return records with unknown fields, the same in all."""
    unknown = {f"k{number}": 1 for number in range(n_fields)}
    return json.dumps([(record or {}) | unknown] * n_records)


PREDICT, RETAIL = "/predict", "/studies/retail/predict"
BODIES = {
    "records": (PREDICT, json.dumps([COMPLETE] * 10_000), 200),
    "arrays in an array": (PREDICT, repeat("[],"), 413),
    "objects in an array": (PREDICT, repeat("{},"), 413),
    "numbers": (PREDICT, repeat("1,"), 413),
    "long numbers": (PREDICT, repeat("0.12345678901234567890,"), 413),
    "nulls": (PREDICT, repeat("null,"), 413),
    "unknown fields beside answers": (PREDICT, with_unknown(9_900, 90, COMPLETE), 200),
    "unknown fields alone": (PREDICT, with_unknown(9_900, 95), 422),
    "unknown fields, all different": (
        PREDICT,
        json.dumps([{f"k{row}_{i}": 1 for i in range(90)} for row in range(9_900)]),
        422,
    ),
    "a record of 900,000 fields": (PREDICT, with_unknown(1, 900_000), 413),
    "wrong answers": (PREDICT, json.dumps([dict.fromkeys(COMPLETE, "x")] * 10_000), 422),
    "texts for numbers": (PREDICT, json.dumps([{"age": "9" * 1_500}] * 10_000), 422),
    "a long text": (PREDICT, json.dumps({"age": "9" * (LONGEST - 99)}), 422),
    "a long name": (PREDICT, json.dumps({"ä" * (LONGEST // 6 - 99): 1}), 422),
    "escapes": (PREDICT, repeat("\\ud83d\\ude00", '"]', '["'), 422),
    "depth": (PREDICT, '{"a":' * 100_000 + "1" + "}" * 100_000, 400),
    "large numbers": (PREDICT, json.dumps([{"age": 10**400}] * 10_000), 422),
    "transactions": (RETAIL, json.dumps([{"transactions": [LINE] * 10_000}] * 10), 200),
    "unknown fields in transactions": (
        RETAIL,
        json.dumps([{"transactions": [LINE | {f"k{i}": 1 for i in range(30)}] * 10_000}] * 2),
        200,
    ),
    "empty transactions": (RETAIL, json.dumps([{"transactions": [{}] * 10_000}] * 24), 422),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A worker that has answered large bodies before."""
    with serving(tmp_path_factory.mktemp("bodies"), WEB_CONCURRENCY="1") as running:
        for name in ("records", "transactions"):
            path, body, status = BODIES[name]
            assert running.post(body.encode(), path).status == status
        yield running


def forget_peak(process: psutil.Process) -> None:
    """Let the kernel measure the largest memory anew."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")


def peak(process: psutil.Process) -> int:
    """Return the largest memory of a process since then, in bytes."""
    text = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("name", BODIES)
def test_a_body_takes_little_memory(server: Server, name: str) -> None:
    """At most 100 MB beyond what the idle processes have, together."""
    path, body, status = BODIES[name]
    assert len(body) <= LONGEST
    processes = psutil.Process(server.process.pid).children(recursive=True)
    idle = sum(process.memory_info().rss for process in processes)
    for process in processes:
        forget_peak(process)
    assert server.post(body.encode(), path).status == status
    assert sum(map(peak, processes)) - idle <= MOST_MEMORY
