"""What others get while clients are idle, slow or busy: ``python -m benchmarks.rude_clients``.

One kind of client after the other: connections that say nothing, that drip the head or the body
of a request, that don't read a long answer; and work for threads, explanations and files.
Meanwhile /predict and /readyz are asked one after the other. Printed are their 99th percentile,
what failed, and what the workers have more of afterwards than before: files, threads, memory.
"""

from __future__ import annotations

import argparse
import http.client
import json
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.serving import OURS, ROOT, descendants, pss, record, running

HEAD = b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
RECORDS = json.dumps([record(number) for number in range(10_000)]).encode()
TABLE = b"age,apps_installed\n" + b"33,64\n" * 100_000
EXPLAIN, READ_NOTHING = "explain and score files", "read nothing"
FEW = 20
SETTINGS = {"READ_TIMEOUT": "600", "KEEP_ALIVE": "600", "MAX_WAITING": "256"}


def connect() -> socket.socket:
    """Return a connection to the service with a small buffer for what comes."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(60)
    sock.connect(("127.0.0.1", OURS.port))
    return sock


def hold(n_clients: int, stack: ExitStack, beginning: bytes, drop: bytes = b"") -> None:
    """Open connections, send the beginning of a request on each, and drip the rest if asked."""
    clients = [stack.enter_context(connect()) for _ in range(n_clients)]
    for sock in clients:
        sock.sendall(beginning)
    if drop:
        stack.enter_context(repeating(lambda: drip(clients, drop)))


def drip(clients: list[socket.socket], drop: bytes) -> None:
    """Send a byte on every connection."""
    for sock in clients:
        with suppress(OSError):
            sock.sendall(drop)
    time.sleep(0.5)


@contextmanager
def repeating(work: Callable[[], object]) -> Iterator[None]:
    """Do some work again and again in a thread until the block ends."""
    ends = threading.Event()

    def repeat() -> None:
        while not ends.is_set():
            with suppress(OSError, http.client.HTTPException):
                work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def ask(method: str, path: str, body: bytes | None = None, media_type: str = "") -> int:
    """Send a request on a connection of its own, read the answer and return its status."""
    connection = http.client.HTTPConnection("127.0.0.1", OURS.port, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": media_type} if media_type else {})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def explain(n_clients: int, stack: ExitStack) -> None:
    """Ask for explanations, and for the answers to two files of 100,000 rows."""
    body = json.dumps([record(number) for number in range(20)]).encode()
    for _ in range(n_clients):
        stack.enter_context(repeating(lambda: ask("POST", "/explain", body, "application/json")))
    for _ in range(2):
        stack.enter_context(repeating(lambda: ask("POST", "/predict/file", TABLE, "text/csv")))


def read_nothing(n_clients: int, stack: ExitStack) -> None:
    """Ask for 10,000 answers and don't read them."""
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(RECORDS)
    hold(n_clients, stack, head + RECORDS)


KINDS: dict[str, Callable[[int, ExitStack], None]] = {
    "none": lambda n_clients, stack: None,  # noqa: ARG005
    "idle": lambda n_clients, stack: hold(n_clients, stack, b""),
    "drip the head": lambda n_clients, stack: hold(n_clients, stack, HEAD + b"X: ", b"x"),
    "drip the body": lambda n_clients, stack: hold(
        n_clients, stack, HEAD + b"Content-Length: 90000\r\n\r\n[", b" "
    ),
    READ_NOTHING: read_nothing,
    EXPLAIN: explain,
}


def measure(seconds: float) -> str:
    """Return the 99th percentiles in milliseconds, and how many requests failed."""
    body, times, n_failed = json.dumps(record(1)).encode(), {"/predict": [], "/readyz": []}, 0
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for path, sample in times.items():
            started = time.perf_counter()
            method = "POST" if path == "/predict" else "GET"
            try:
                n_failed += ask(method, path, body, "application/json") != 200
            except OSError:
                n_failed += 1
            sample.append((time.perf_counter() - started) * 1e3)
            time.sleep(0.005)
    percentiles = "  ".join(
        f"{path} {statistics.quantiles(sample, n=100)[98]:7.1f}" for path, sample in times.items()
    )
    return f"{percentiles}  failed {n_failed}"


def count(master: int) -> tuple[int, int, float]:
    """Return how many files and threads the workers have, and their memory in megabytes."""
    workers = descendants(master)
    n_files = sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in workers)
    n_threads = sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in workers)
    return n_files, n_threads, sum(map(pss, workers))


@contextmanager
def clients(kind: str, n_clients: int) -> Iterator[None]:
    """Be clients of a kind, in a process of its own, until the block ends."""
    command = [sys.executable, "-m", "benchmarks.rude_clients", kind, "--clients", str(n_clients)]
    with subprocess.Popen(
        [*command, "--be"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()  # all are connected
        yield
        process.stdin.close()


def be(kind: str, n_clients: int) -> None:
    """Be clients of a kind until standard input ends."""
    with ExitStack() as stack:
        KINDS[kind](n_clients, stack)
        print(flush=True)
        sys.stdin.read()


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", help=f"kinds of clients: {', '.join(KINDS)}")
    parser.add_argument("--clients", type=int, default=2_000, help="of the first kinds (2000)")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each kind (8)")
    parser.add_argument("--be", action="store_true", help="be the clients, and measure nothing")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.be:
        be(options.kinds[0], options.clients)
        return
    with running(OURS, **SETTINGS) as master:
        for kind in options.kinds or KINDS:
            n_clients = FEW if kind in (EXPLAIN, READ_NOTHING) else options.clients
            with clients(kind, n_clients):
                measured = measure(options.seconds)
            time.sleep(3)
            n_files, n_threads, memory = count(master.pid)
            print(
                f"{n_clients:6} {kind:24} ms: {measured}  afterwards: {n_files} files, "
                f"{n_threads} threads, {memory:.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
