"""Compares `/predict` with three services under wrk, side by side: ``make bench``.

The services take turns of a second each, round after round, because the load of a shared machine
changes within seconds. A ratio is the median over rounds of two neighbouring turns. Then: 10,000
records at once, memory, and the time from start to the first answer.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"]
# gunicorn's own worker; ours is an event loop.
THREADED = ["--worker-class", "gthread"]
UVICORN = [sys.executable, "-m", "uvicorn", "--no-access-log", "--log-level", "warning"]
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@dataclass(frozen=True, eq=False)
class Service:
    """A service to measure."""

    name: str
    port: int
    command: list[str]


OURS = Service("our /predict", 9701, [*GUNICORN, "predict:app"])
NOTHING = Service(
    "Flask route that does nothing",
    9702,
    [*GUNICORN, *THREADED, "benchmarks.apps.nothing:app"],
)
PIPELINE = [*GUNICORN, *THREADED, "benchmarks.apps.usual:app"]
USUAL = Service("usual pipeline, data frame", 9703, PIPELINE)
SAME = Service("our pipeline, data frame", 9705, PIPELINE)
FAST = Service(
    "FastAPI, uvicorn, ONNX Runtime",
    9704,
    [*UVICORN, "--workers", "2", "--port", "9704", "benchmarks.apps.fast:app"],
)


@dataclass(frozen=True)
class Turn:
    """One run of wrk.

    Attributes
    ----------
    rate : float
        Requests per second.
    p99 : float
        99th percentile of the time to an answer, in milliseconds.
    cpu : float
        Time of the processors for each request, in microseconds.
    """

    rate: float
    p99: float
    cpu: float


def record(number: int) -> dict[str, object]:
    """Return a made-up complete record."""
    draw = random.Random(number)
    use = draw.random()
    return {
        "user_id": number,
        "device_model": draw.choice(("Google Pixel 5", "OnePlus 9", "Xiaomi Mi 11")),
        "operating_system": "Android",
        "app_usage_min_per_day": round(30 + 568 * use),
        "screen_on_hours_per_day": round(1 + 11 * use, 1),
        "battery_drain_mah_per_day": round(302 + 2691 * use),
        "apps_installed": round(10 + 89 * use),
        "data_usage_mb_per_day": round(102 + 2395 * use),
        "age": draw.randint(18, 59),
        "gender": draw.choice(("Female", "Male")),
    }


def wrk_script(folder: Path) -> Path:
    """Write the script that makes wrk post 200 different records in turn."""
    bodies = ",\n".join(f"[[{json.dumps(record(number))}]]" for number in range(200))
    script = folder / "post.lua"
    script.write_text(
        f"bodies = {{{bodies}}}\nnext_body = 0\n"
        'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        "request = function()\n  next_body = next_body % #bodies + 1\n"
        "  return wrk.format(nil, nil, nil, bodies[next_body])\nend\n"
    )
    return script


@contextmanager
def running(
    service: Service, output: Path = Path(os.devnull), **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a service until the block ends; what it writes goes to `output`."""
    environment = os.environ | {"PORT": str(service.port), "LOG_LEVEL": "info"} | settings
    with output.open("wb") as written:
        process = subprocess.Popen(
            service.command,
            cwd=ROOT,
            env=environment,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        wait_for_answer(service, process)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def post(service: Service, content: object) -> bytes:
    """Post JSON and return the answer."""
    request = urllib.request.Request(  # our own host
        f"http://127.0.0.1:{service.port}/predict",
        json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return answer.read()


def wait_for_answer(service: Service, process: subprocess.Popen[bytes]) -> None:
    """Ask again and again until the service answers."""
    while process.poll() is None:
        try:
            post(service, record(0))
        except urllib.error.HTTPError as error:
            sys.exit(f"{service.name} answers with {error.code}")
        except OSError:
            time.sleep(0.005)
        else:
            return
    sys.exit(f"{service.name} did not start")


def turn(service: Service, process: int, script: Path, connections: int, seconds: int) -> Turn:
    """Load a service, which is a process and its children, with wrk."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script)]
    url = f"http://127.0.0.1:{service.port}/predict"
    before = cpu_seconds(process)
    output = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    used = cpu_seconds(process) - before
    if "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{service.name} failed under load:\n{output}")
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", output)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    n_requests = re.search(r"(\d+) requests in", output)
    if not p99 or not rate or not n_requests:
        sys.exit(f"wrk printed something else:\n{output}")
    return Turn(float(rate[1]), float(p99[1]) * UNITS[p99[2]], used / int(n_requests[1]) * 1e6)


def side_by_side(rounds: int, seconds: int) -> None:
    """Print rates and ratios at each number of connections."""
    services = [NOTHING, OURS, FAST, SAME, USUAL]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        script = wrk_script(Path(folder))
        processes = {}
        for service in services:
            usual = "same" if service is SAME else "notebook"
            processes[service] = stack.enter_context(running(service, USUAL=usual)).pid
        for connections in (1, 16, 64):
            turns: dict[str, list[Turn]] = defaultdict(list)
            for _ in range(rounds):
                for service in services:
                    process = processes[service]
                    turns[service.name].append(turn(service, process, script, connections, seconds))
            print_turns(connections, turns)


def print_turns(connections: int, turns: dict[str, list[Turn]]) -> None:
    """Print one table; ratios are medians of neighbouring turns."""
    print(f"\n{connections} connections" if connections > 1 else "\n1 connection")
    titles = f"{'requests/s':>12}{'CPU us':>9}{'p99 ms':>9}{'ours : it':>11}{'p99 ours : it':>15}"
    print(f"  {'':32}{titles}")
    ours = turns[OURS.name]
    for name, its in turns.items():
        rate = statistics.median(turn.rate for turn in its)
        p99 = statistics.median(turn.p99 for turn in its)
        cpu = statistics.median(turn.cpu for turn in its)
        rates = statistics.median(a.rate / b.rate for a, b in zip(ours, its, strict=True))
        p99s = statistics.median(a.p99 / b.p99 for a, b in zip(ours, its, strict=True))
        print(f"  {name:32}{rate:12,.0f}{cpu:9.0f}{p99:9.1f}{rates:11.2f}{p99s:15.2f}")


def one_worker() -> None:
    """Print what one worker does with 10,000 records, its memory and its start."""
    records = [record(number) for number in range(10_000)]
    seconds = []
    starts = []
    for _ in range(5):
        started = time.perf_counter()
        with running(OURS, WEB_CONCURRENCY="1"):
            starts.append(time.perf_counter() - started)
    with running(OURS, WEB_CONCURRENCY="1") as master:
        for _ in range(10):
            before = cpu_seconds(master.pid)
            post(OURS, records)
            seconds.append(cpu_seconds(master.pid) - before)
        worker = children(master.pid)[0]
        print("\nOne worker, with the process in which its Flask answers")
        print(
            f"  10,000 records at once: {10_000 / statistics.median(seconds):,.0f} (best: "
            f"{10_000 / min(seconds):,.0f}) answers/s of its CPU time"
        )
        print(
            f"  memory (PSS) afterwards: {memory(worker):.0f} MB;"
            f" its master: {pss(master.pid):.0f} MB"
        )
    with running(OURS) as master:
        for number in range(2_000):
            post(OURS, record(number))
        sizes = ", ".join(f"{memory(worker):.0f} MB" for worker in children(master.pid))
        print(f"  memory (PSS) of each of two workers after 2,000 single records: {sizes}")
    print(f"  from start to the first answer: {statistics.median(starts):.2f} s (median of 5)")


def children(process: int) -> list[int]:
    """Return the processes that `process` started."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in text.split()]


def descendants(process: int) -> list[int]:
    """Return these, and what they started."""
    started = children(process)
    return started + [further for child in started for further in descendants(child)]


def cpu_seconds(process: int) -> float:
    """Return the CPU time of all that a process has started, so far."""
    ticks = 0
    for descendant in descendants(process):
        fields = Path(f"/proc/{descendant}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def pss(process: int) -> float:
    """Return the proportional set size of a process in megabytes."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) / 1e3


def memory(worker: int) -> float:
    """Return the same of a worker and the process in which its Flask answers."""
    return sum(map(pss, [worker, *descendants(worker)]))


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=11, help="turns of each service (default: 11)"
    )
    parser.add_argument("--seconds", type=int, default=1, help="length of a turn (default: 1)")
    options = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is needed: apt-get install wrk")
    side_by_side(options.rounds, options.seconds)
    one_worker()


if __name__ == "__main__":
    main()
