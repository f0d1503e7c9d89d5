"""A client that sends requests of all kinds, two in five of them rubbish, and counts the answers.

``python -m tests.support.mixed_requests PORT NUMBER SEED`` prints the counts by status as JSON. An
answer of 0 is none: a connection that ended without one.
"""

from __future__ import annotations

import json
import random
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.support.records import COMPLETE
from tests.support.waiting import PATIENCE

N_THREADS = 8
_RECORD = json.dumps(COMPLETE).encode()
_RECORDS = b"[%b]" % b",".join([_RECORD] * 30)
_POST = b"POST /predict HTTP/1.1\r\nHost: test\r\n"
_TABLE = b"age,apps_installed\n" + b"33,64\n" * 200


@dataclass(frozen=True)
class MixedRequest:
    """Bytes to send.

    Attributes
    ----------
    content : bytes
    keeps_open : bool
        Whether the answer leaves the connection open.
    """

    content: bytes
    keeps_open: bool = True


def build(method: str, target: str, body: bytes = b"", *lines: str) -> MixedRequest:
    """Return a request as HTTP has it."""
    named = [f"{method} {target} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *lines]
    return MixedRequest("\r\n".join([*named, "", ""]).encode() + body)


JSON = "Content-Type: application/json"
GOOD = [
    (60, build("POST", "/predict", _RECORD, JSON)),
    (10, build("POST", "/predict", _RECORDS, JSON)),
    (5, build("POST", "/predict", _RECORDS, JSON, "Accept-Encoding: gzip")),
    (5, build("POST", "/predict", b'{"age": "33", "Unknown": 7}', JSON)),
    (8, build("GET", "/readyz")),
    (4, build("GET", "/livez")),
    (1, build("GET", "/segments")),
    (1, build("GET", "/model", b"", "Accept-Encoding: gzip")),
    (1, build("GET", "/metrics")),
    (1, build("GET", "/pages/mobile/score")),
    (1, build("HEAD", "/schema")),
    (1, build("POST", "/explain", _RECORD, JSON)),
    (2, build("POST", "/predict/file", _TABLE, "Content-Type: text/csv")),
]  # fmt: skip
RUBBISH = [
    (10, build("POST", "/predict", b'{"age": ', JSON)),
    (10, build("POST", "/predict", b'{"age": 300}', JSON)),
    (5, build("POST", "/predict", b"[" * 5_000, JSON)),
    (5, build("POST", "/predict", b"\xff\xfe" * 50, JSON)),
    (5, build("POST", "/predict", _RECORD, "Content-Type: text/html")),
    (5, build("GET", "/nowhere/%c3%a4")),
    (5, build("GET", "/../../etc/passwd")),
    (5, build("DELETE", "/predict")),
    (5, build("POST", "/predict/file", b"\x00\x01" * 500, "Content-Type: text/csv")),
    (2, build("POST", "/pages/_dash-update-component", b"7", JSON)),
    (8, MixedRequest(b"GET / HTTP/1.1\r\n\r\n", keeps_open=False)),
    (8, MixedRequest(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9, keeps_open=False)),
    (8, MixedRequest(_POST + b"Content-Length: 90\r\n\r\n{", keeps_open=False)),
    (8, MixedRequest(_POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", keeps_open=False)),
    (5, MixedRequest(b"GET / HTTP/1.1\r\nHost: test\r\nX: " + b"x" * 90_000, keeps_open=False)),
    (6, MixedRequest(b"", keeps_open=False)),
]  # fmt: skip


def draw(generator: random.Random, number: int) -> Iterator[MixedRequest]:
    """Yield requests, two in five of them rubbish."""
    for _ in range(number):
        weighted = RUBBISH if generator.random() < 0.4 else GOOD
        weights, requests = zip(*weighted, strict=True)
        yield generator.choices(requests, weights)[0]


class Client:
    """Sends one request after the other.

    Attributes
    ----------
    statuses : Counter of int
    """

    def __init__(self, port: int) -> None:
        self.statuses: Counter[int] = Counter()
        self._port = port
        self._socket: socket.socket | None = None

    def exchange(self, request: MixedRequest) -> None:
        """Send a request and read its answer; rubbish gets a connection of its own."""
        if not request.keeps_open:
            self.close()
        sock = self._socket = self._socket or self._connect()
        try:
            sock.sendall(request.content)
            if not request.keeps_open:
                sock.shutdown(socket.SHUT_WR)
            status, stays = read_answer(sock, is_head=request.content.startswith(b"HEAD"))
        except OSError:
            status, stays = 0, False
        self.statuses[status] += 1
        if not (stays and request.keeps_open):
            self.close()

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self._port), PATIENCE)


def read_answer(sock: socket.socket, *, is_head: bool) -> tuple[int, bool]:
    """Return the status of an answer, 0 without one, and whether the connection stays."""
    with sock.makefile("rb") as stream:
        first = stream.readline()
        if not first:
            return 0, False
        lines = {}
        for line in iter(stream.readline, b"\r\n"):
            name, _, value = line.lower().partition(b":")
            lines[name] = value.strip()
        if lines.get(b"transfer-encoding") == b"chunked":
            while length := int(stream.readline(), 16):
                stream.read(length + 2)
            stream.readline()
        elif not is_head:
            stream.read(int(lines.get(b"content-length", 0)))
    return int(first.split()[1]), lines.get(b"connection") != b"close"


def ask(port: int, number: int, seed: int) -> Counter[int]:
    """Send requests from several threads and return how many answers had which status."""
    clients = [Client(port) for _ in range(N_THREADS)]

    def work(client: Client, seed: int) -> None:
        for request in draw(random.Random(seed), number // N_THREADS):
            client.exchange(request)
        client.close()

    with ThreadPoolExecutor(N_THREADS) as executor:
        seeds = range(seed * N_THREADS, (seed + 1) * N_THREADS)
        list(executor.map(work, clients, seeds))
    return sum((client.statuses for client in clients), Counter())


if __name__ == "__main__":
    port, number, seed = map(int, sys.argv[1:])
    sys.stdout.write(json.dumps(ask(port, number, seed)))
