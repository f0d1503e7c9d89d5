"""How many changes of the code the tests notice, module by module: the end of ``make mutation``.

What mutmut has written is read here; it is run by the Makefile. Changes that were not tried don't
count.
"""

from __future__ import annotations

import subprocess  # nosec B404  # mutmut's results have no other interface that is documented
import sys
from collections import Counter, defaultdict
from pathlib import Path

NOTICED = frozenset({"killed", "timeout", "caught by type check"})


def read_results() -> dict[str, Counter[str]]:
    """Return how many changes of each module ended how."""
    command = [str(Path(sys.executable).with_name("mutmut")), "results", "--all", "true"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # nosec B603  # no shell
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    for line in printed.splitlines():
        name, _, end = line.strip().partition(": ")
        if end and end != "not checked":
            ends[name.rpartition(".")[0]][end] += 1
    return ends


def make_rows(ends: dict[str, Counter[str]]) -> list[str]:
    """Return a line for each module and one for all: tried, noticed, in per cent."""
    everything: Counter[str] = sum(ends.values(), Counter())
    rows = []
    for module, counts in [*sorted(ends.items()), ("all", everything)]:
        n_tried = counts.total()
        n_noticed = sum(counts[end] for end in NOTICED)
        share = f"{100 * n_noticed / n_tried:.0f} %" if n_tried else "-"
        rows.append(f"{module:50} {n_tried:5} {n_noticed:5} {share:>6}")
    return rows


if __name__ == "__main__":
    print(f"{'module':50} {'tried':>5} {'noticed':>5} {'score':>4}")
    print("\n".join(make_rows(read_results())))
