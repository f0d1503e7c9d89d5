"""What gzip makes of answers, level by level: ``python -m benchmarks.compression``.

Printed are how many times shorter an answer of a file becomes, and the CPU time of compressing it
in parts of the CPU time of scoring it.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from time import process_time

from segmentation.service.app import create_app

N_COPIES = 50
PART = 100_000


def main() -> None:
    """Measure and print."""
    header, *rows = Path("data/mobile.csv").read_bytes().splitlines(keepends=True)
    table = header + b"".join(rows) * N_COPIES
    client = create_app().test_client()
    client.get("/readyz")
    for media_type in ("text/csv", "application/x-ndjson"):
        began = process_time()
        answer = client.post(
            "/predict/file", data=table, headers={"Content-Type": "text/csv", "Accept": media_type}
        )
        content = answer.get_data()
        scoring = process_time() - began
        print(f"{media_type}: {len(rows) * N_COPIES:,} rows, {len(content) / 1e6:.1f} MB")
        for level in (1, 3, 6, 9):
            began = process_time()
            compressor = zlib.compressobj(level)
            length = sum(
                len(compressor.compress(content[start : start + PART]))
                for start in range(0, len(content), PART)
            ) + len(compressor.flush())
            share = (process_time() - began) / scoring
            print(f"  level {level}: {len(content) / length:.1f} times shorter, {share:.2f} of it")


if __name__ == "__main__":
    main()
