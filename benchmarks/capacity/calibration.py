"""How fast a core is, and how much of it is to be had: a fixed piece of the service's kind of work.

Only the standard library, so that it also runs where nothing of the project's development is, in a
task of the image: ``python -c "$(cat benchmarks/capacity/calibration.py)"``.
"""

import json
import statistics
import time

N_PIECES = 300
_RECORD = {f"field_{number}": number * 1.5 for number in range(40)}


def piece() -> None:
    """Decode, check, sort and encode, as a request does, for about a millisecond."""
    for _ in range(10):
        record = json.loads(json.dumps(_RECORD))
        checked = {name: min(max(value, 0.0), 50.0) for name, value in record.items()}
        sorted(checked.items(), key=lambda pair: -pair[1])


def calibrate(n_pieces: int = N_PIECES) -> tuple[float, float]:
    """Return milliseconds of CPU time for a piece (the median), and CPU time : elapsed time."""
    found = []
    began, cpu_began = time.perf_counter(), time.thread_time()
    for _ in range(n_pieces):
        start = time.thread_time()
        piece()
        found.append((time.thread_time() - start) * 1e3)
    share = (time.thread_time() - cpu_began) / (time.perf_counter() - began)
    return statistics.median(found), share


def main() -> None:
    """Print a line."""
    milliseconds, share = calibrate()
    print(f"{milliseconds:.3f} ms of CPU time for a piece; {share:.0%} of the core was to be had")


if __name__ == "__main__":
    main()
