"""What scoring a large file costs, and costs others: ``python -m benchmarks.files [ROWS]``.

One worker, over HTTP. A file is answered as CSV and, as the page Score a file asks for it, as JSON
lines, in turns. A client posts single records to `/predict` all the time, for some seconds alone,
then while a file is scored, also in turns: a ratio is that of two neighbouring turns.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

from benchmarks.serving import OURS, ROOT, descendants, record, running

ROUNDS = 3
WAYS = {"CSV": "text/csv", "JSON lines": "application/x-ndjson"}
ALONE_SECONDS = 3.0


@dataclass(frozen=True)
class Turn:
    """One file: seconds that it took, and the milliseconds of others before and meanwhile."""

    seconds: float
    alone: list[float]
    meanwhile: list[float]


def file_of(study: str, n_rows: int) -> bytes:
    """Return the sample of a study, repeated to so many rows."""
    header, *rows = (ROOT / "data" / f"{study}.csv").read_text().splitlines()
    return "\n".join([header, *islice(cycle(rows), n_rows), ""]).encode()


def score(study: str, file: Path, accept: str) -> tuple[float, float]:
    """Post a file; return the seconds to the first bytes of the answer and to its end."""
    connection = HTTPConnection("127.0.0.1", OURS.port)
    started = time.perf_counter()
    path = f"/studies/{study}/predict/file"
    headers = {"Content-Type": "text/csv", "Accept": accept}
    connection.request("POST", path, file.read_bytes(), headers)
    with connection.getresponse() as answer:
        answer.read(1)
        first = time.perf_counter() - started
        while answer.read(1 << 16):
            pass
    connection.close()
    return first, time.perf_counter() - started


def latencies(going_on: Callable[[], bool]) -> list[float]:
    """Post single records, one after the other, and return the milliseconds of each."""
    connection = HTTPConnection("127.0.0.1", OURS.port)
    body = json.dumps(record(1)).encode()
    milliseconds = []
    while going_on():
        started = time.perf_counter()
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        milliseconds.append((time.perf_counter() - started) * 1e3)
    connection.close()
    return milliseconds


def turn(study: str, file: Path, accept: str, client: Executor) -> Turn:
    """Measure `/predict` alone, then while a file is scored."""
    end = time.perf_counter() + ALONE_SECONDS
    alone = latencies(lambda: time.perf_counter() < end)
    answer = client.submit(score, study, file, accept)
    meanwhile = latencies(lambda: not answer.done())
    return Turn(answer.result()[1], alone, meanwhile)


def peak_rss(process: int) -> float:
    """Return the largest resident set of a process so far, in megabytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1e3


def measure(study: str, n_rows: int, folder: Path) -> None:
    """Print what a file of one study costs."""
    small_file, large_file = folder / "few.csv", folder / "many.csv"
    small_file.write_bytes(file_of(study, 1_000))
    large_file.write_bytes(file_of(study, n_rows))
    # A process of its own: in ours the file would hold up whoever measures.
    client = ProcessPoolExecutor(1, get_context("spawn"))
    peaks = {}
    with client:
        for (
            form,
            accept,
        ) in WAYS.items():  # each in a worker of its own, whose peak is its own
            with running(OURS, WEB_CONCURRENCY="1") as master:
                _, flask = descendants(master.pid)
                client.submit(score, study, small_file, accept).result()
                before = peak_rss(flask)
                client.submit(score, study, large_file, accept).result()
                peaks[form] = before, peak_rss(flask)
        with running(OURS, WEB_CONCURRENCY="1"):
            rounds = [
                {
                    form: client.submit(score, study, large_file, WAYS[form]).result()
                    for form in WAYS
                }
                for _ in range(ROUNDS)
            ]
            turns = [
                {form: turn(study, large_file, WAYS[form], client) for form in WAYS}
                for _ in range(ROUNDS)
            ]
    print(f"\n{study}: {n_rows:,} rows, {large_file.stat().st_size / 1e6:.1f} MB")
    for form, (before, after) in peaks.items():
        report(
            form,
            [values[form] for values in rounds],
            [values[form] for values in turns],
        )
        print(f"    peak RSS of the worker: {after:.0f} MB; after 1,000 rows: {before:.0f} MB")


def report(form: str, quiet: Sequence[tuple[float, float]], turns: Sequence[Turn]) -> None:
    """Print what one kind of answer took, and what others saw meanwhile."""
    first, last = (statistics.median(values) for values in zip(*quiet, strict=True))
    print(f"  {form}: first bytes after {first:.2f} s, the last after {last:.2f} s;", end=" ")
    print(f"with others asking, after {statistics.median(t.seconds for t in turns):.2f} s")
    for name, share in (("median", 50), ("95th percentile", 95)):
        pairs = [(percentile(t.alone, share), percentile(t.meanwhile, share)) for t in turns]
        alone, meanwhile = (statistics.median(values) for values in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        print(
            f"    /predict, {name}: {alone:.2f} ms alone, {meanwhile:.2f} ms meanwhile:"
            f" {ratio:.1f}x"
        )


def percentile(values: list[float], share: int) -> float:
    """Return a percentile."""
    return statistics.quantiles(values, n=100)[share - 1]


def main() -> None:
    """Measure both studies."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        for study in ("mobile", "household"):
            measure(study, n_rows, Path(folder))


if __name__ == "__main__":
    main()
