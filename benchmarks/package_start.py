"""What proving packages in a process of their own costs: ``python -m benchmarks.package_start``.

Starts the service in turn as it is and with packages that each worker only loads, and prints the
seconds to the first answer and the memory of all processes; then the seconds of each proof.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from benchmarks.serving import OURS, ROOT, descendants, post, pss, record, running
from segmentation.artifact import Trust
from segmentation.service.loading.prover import fork_prover

N_ROUNDS = 7
WITHOUT = f"""
exec(compile(open({str(ROOT / "gunicorn.conf.py")!r}).read(), "gunicorn.conf.py", "exec"))
from segmentation.service.loading import prover
prover.fork_prover = lambda: prover.prove_here
"""


def start(command: list[str]) -> tuple[float, float]:
    """Return the seconds from start to first answer, and the megabytes (PSS) after 200 records."""
    begun = time.perf_counter()
    service = replace(OURS, command=command)
    with running(service) as master:
        seconds = time.perf_counter() - begun
        for number in range(200):
            post(service, record(number))
        return seconds, sum(map(pss, [master.pid, *descendants(master.pid)]))


def compare_starts() -> None:
    """Print both, and what the proof adds."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "without.py"
        config.write_text(WITHOUT, encoding="utf-8")
        commands = {
            "with proofs": OURS.command,
            "without": [*OURS.command, "--config", str(config)],
        }
        rounds = {name: [] for name in commands}
        for _ in range(N_ROUNDS):
            for name, command in commands.items():
                rounds[name].append(start(command))
    for name, starts in rounds.items():
        seconds, megabytes = (statistics.median(column) for column in zip(*starts, strict=True))
        print(f"{name:12} first answer after {seconds:.2f} s, all processes {megabytes:.0f} MB")


def time_proofs() -> None:
    """Print the seconds that each shipped package takes."""
    with closing(fork_prover()) as prove:
        for path in [ROOT / "model.bin", *sorted((ROOT / "models").glob("*.bin"))]:
            begun = time.perf_counter()
            study = prove(path, Trust()).study
            print(f"proof of {study:12} {time.perf_counter() - begun:.2f} s")


if __name__ == "__main__":
    time_proofs()
    compare_starts()
