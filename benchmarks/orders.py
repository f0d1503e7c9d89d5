"""Answers a file of orders in a process of its own: ``python -m benchmarks.orders FILE``.

Prints lines per second and the peak of memory, without HTTP, and the same for the reader alone. A
file without a name is the sample, repeated to 200,000 lines.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from segmentation.batch import open_any_file, score, write
from segmentation.runtime import Model
from segmentation.tables.typed_table import open_typed_table

ROOT = Path(__file__).parent.parent
N_LINES = 200_000


def peak_megabytes() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(model: Model, path: Path) -> int:
    """Read all cells and return the number of lines."""
    aggregation = model.manifest.aggregation
    if aggregation is None:
        raise SystemExit("The model takes no orders.")
    with path.open("rb") as file, open_typed_table(file, aggregation.transactions) as table:
        return sum(len(chunk.rows.lines) for chunk in table.chunks())


def answer(model: Model, path: Path) -> int:
    """Answer all customers and return the number of lines."""
    with path.open("rb") as stream, open_any_file(stream, model.manifest) as file:
        for _ in write(file, score(model, file)):
            pass
        return file.orders["n_lines"] if file.orders else 0


def measure(work: Callable[[Model, Path], int], path: Path) -> tuple[int, float, float, float]:
    """Return lines, seconds, and megabytes before and at most."""
    model = Model.load(ROOT / "models/retail.bin")
    before, started = peak_megabytes(), time.perf_counter()
    n_lines = work(model, path)
    return n_lines, time.perf_counter() - started, before, peak_megabytes()


def repeat_sample(target: Path) -> Path:
    """Write the sample again and again, each time with orders and customers of its own."""
    with (ROOT / "data/retail.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    order, customer = header.index("InvoiceNo"), header.index("CustomerID")
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number in range(N_LINES // len(rows) + 1):
            for row in rows:
                copied = list(row)
                copied[order] += f"-{number}"
                copied[customer] += f"-{number}" * bool(row[customer])
                writer.writerow(copied)
    return target


def main(arguments: list[str] | None = None) -> int:
    """Measure each in a process of its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":", maxsplit=1)[0])
    parser.add_argument("file", type=Path, nargs="?")
    path = parser.parse_args(arguments).file
    with TemporaryDirectory() as folder:
        path = path or repeat_sample(Path(folder) / "orders.csv")
        for work in (read, answer):
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
                n_lines, seconds, before, peak = executor.submit(measure, work, path).result()
            print(
                f"{work.__name__}: {n_lines:,} lines, {n_lines / seconds:,.0f} a second,"
                f" {before:.0f} MB before, {peak:.0f} MB at most"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
