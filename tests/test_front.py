"""The worker as clients of all sorts meet it: slow, silent and rude ones, and what HTTP allows.

Expectations are those of RFC 9110 and RFC 9112; what a route answers is tested elsewhere.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.records import COMPLETE
from tests.support.servers import Server, serving
from tests.support.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.long

JSON = b"Content-Type: application/json"
RECORD = json.dumps(COMPLETE).encode()
CHUNKED = b"Transfer-Encoding: chunked"
ONE = {"WEB_CONCURRENCY": "1", "THREADS": "1"}


def request(
    target: bytes = b"/livez",
    *lines: bytes,
    method: bytes = b"GET",
    version: bytes = b"HTTP/1.1",
    host: bytes | None = b"Host: test",
    body: bytes = b"",
) -> bytes:
    """Return the bytes of a request."""
    named = [host] if host else []
    return b"\r\n".join([b"%b %b %b" % (method, target, version), *named, *lines, b"", body])


def post(*lines: bytes, body: bytes = RECORD, target: bytes = b"/predict") -> bytes:
    """Return the bytes of a request with JSON and whatever the lines say about its length."""
    return request(target, JSON, *lines, method=b"POST", body=body)


def sized(body: bytes = RECORD, *lines: bytes, target: bytes = b"/predict") -> bytes:
    """Return the same with the right length."""
    return post(b"Content-Length: %d" % len(body), *lines, body=body, target=target)


def chunks(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Return parts as chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    """Open a connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock:
        yield sock


def ask(server: Server, content: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """Send bytes, end that side, and return status, headers and content of all answers."""
    with connected(server) as sock:
        sock.sendall(content)
        sock.shutdown(socket.SHUT_WR)
        received = sock.makefile("rb").read()
    answers = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        length = int(headers.get("content-length", 0))
        answers.append((int(first.split()[1]), headers, received[:length]))
        received = received[length:]
    return answers


def statuses(server: Server, content: bytes) -> list[int]:
    """Return the statuses of all answers."""
    return [status for status, _, _ in ask(server, content)]


WELL_FORMED = {
    "get": (request(), [200]),
    "query": (request(b"/livez?a=b"), [200]),
    "empty host": (request(host=b"Host:"), [200]),
    "no host in 1.0": (request(version=b"HTTP/1.0", host=None), [200]),
    "blank lines before it": (b"\r\n\r\n" + request(), [200]),
    "98 headers": (request(b"/livez", *[b"X-%d: 1" % n for n in range(98)]), [200]),
    "a long header": (request(b"/livez", b"X: " + b"a" * 8_000), [200]),
    "letters beyond ASCII in a value": (request(b"/livez", b"X: \xe9"), [200]),
    "options": (request(b"/predict", method=b"OPTIONS"), [200]),
    "a method for others": (request(b"/livez", method=b"DELETE"), [405]),
    "a method that only WebDAV knows": (request(b"/livez", method=b"PROPFIND"), [405]),
    "a path that is not canonical": (request(b"/%6civez"), [404]),
    "a slash too many": (request(b"/pages//x", host=b"Host: evil.example"), [404]),
    "length": (sized(), [200]),
    "length with zeros": (post(b"Content-Length: 00%d" % len(RECORD)), [200]),
    "length with spaces": (post(b"Content-Length:   %d  " % len(RECORD)), [200]),
    "no length": (post(body=b""), [411]),
    "more than the length": (sized() + b"\r\n" + request(), [200, 200]),
    "one chunk": (post(CHUNKED, body=chunks(RECORD)), [200]),
    "a chunk for each byte": (
        post(CHUNKED, body=chunks(*[RECORD[i : i + 1] for i in range(len(RECORD))])),
        [200],
    ),
    "chunk extension": (
        post(CHUNKED, body=b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(RECORD), RECORD)),
        [200],
    ),
    "trailers": (post(CHUNKED, body=chunks(RECORD, end=b"0\r\nX: y\r\n\r\n")), [200]),
    "capital Chunked": (post(b"Transfer-Encoding: Chunked", body=chunks(RECORD)), [200]),
    "chunks and the next request": (post(CHUNKED, body=chunks(RECORD)) + request(), [200, 200]),
    "pipeline": (request() * 5, [200] * 5),
    "pipeline of all kinds": (
        request() + sized() + request(b"/segments") + request(b"/none") + sized(b"{}"),
        [200, 200, 200, 404, 422],
    ),
    "nothing after close": (request(b"/livez", b"Connection: close") + request(), [200]),
    "keep-alive and close": (
        request(b"/livez", b"Connection: keep-alive, close") + request(),
        [200],
    ),
    "1.0 closes": (request(version=b"HTTP/1.0") * 2, [200]),
    "1.0 that keeps": (
        request(b"/livez", b"Connection: keep-alive", version=b"HTTP/1.0") * 2,
        [200, 200],
    ),
    "upgrade to what nobody speaks": (
        request(b"/livez", b"Connection: Upgrade", b"Upgrade: websocket"),
        [200],
    ),
    "upgrade with a body": (
        sized(RECORD, b"Connection: Upgrade", b"Upgrade: h2c") + request(),
        [200, 200],
    ),
    "upgrade with chunks": (
        post(CHUNKED, b"Connection: Upgrade", b"Upgrade: h2c", body=chunks(RECORD)),
        [200],
    ),
}
REFUSED = {
    "nothing like it": (b"hello\r\n\r\n", 400),
    "zeros": (b"\0" * 100, 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a proxy's line": (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + request(), 400),
    "no version": (b"GET /livez\r\n\r\n", 400),
    "0.9": (request(version=b"HTTP/0.9"), 400),
    "2.0": (request(version=b"HTTP/2.0"), 400),
    "9.9": (request(version=b"HTTP/9.9"), 400),
    "lines end in LF": (b"GET /livez HTTP/1.1\nHost: t\n\n", 400),
    "tabs": (b"GET\t/livez\tHTTP/1.1\r\nHost: t\r\n\r\n", 400),
    "a space in the path": (request(b"/x y"), 400),
    "letters beyond ASCII in the path": (request(b"/liv\xc3\xa9"), 400),
    "CONNECT": (request(b"test:80", method=b"CONNECT"), 501),
    "NUL in the path": (request(b"/x\0y"), 400),
    "an unknown method": (request(method=b"FOO"), 501),
    "a method in small letters": (request(method=b"get"), 400),
    "no host": (request(host=None), 400),
    "two hosts": (request(b"/livez", b"Host: other"), 400),
    "two hosts in 1.0": (request(b"/livez", b"Host: other", version=b"HTTP/1.0"), 400),
    "folded header": (request(b"/livez", b"X: a\r\n b"), 400),
    "a space before the colon": (request(b"/livez", b"X : a"), 400),
    "no colon": (request(b"/livez", b"X"), 400),
    "no name": (request(b"/livez", b": a"), 400),
    "NUL in a value": (request(b"/livez", b"X: a\0b"), 400),
    "letters beyond ASCII in a name": (request(b"/livez", b"X-\xc3\xa9: a"), 400),
    "100 headers and the host": (request(b"/livez", *[b"X-%d: 1" % n for n in range(100)]), 431),
    "a header that is too long": (request(b"/livez", b"X: " + b"a" * 9_000), 431),
    "a name that is too long": (request(b"/livez", b"X" * 9_000 + b": 1"), 431),
    "a head without an end": (b"GET /livez HTTP/1.1\r\nX: " + b"a" * 1_500_000, 431),
    "a line that is too long": (request(b"/" + b"a" * 4_100), 414),
    "negative length": (post(b"Content-Length: -5"), 400),
    "signed length": (post(b"Content-Length: +5"), 400),
    "length in words": (post(b"Content-Length: five"), 400),
    "hexadecimal length": (post(b"Content-Length: 0x10"), 400),
    "empty length": (post(b"Content-Length:"), 400),
    "lengths in a list": (post(b"Content-Length: 5, 5"), 400),
    "two lengths": (post(b"Content-Length: 3", b"Content-Length: 4"), 400),
    "the same length twice": (post(b"Content-Length: 3", b"Content-Length: 3"), 400),
    "a length beyond 64 bits": (post(b"Content-Length: %d" % 2**70), 400),
    "length and chunks": (post(b"Content-Length: 5", CHUNKED, body=chunks(RECORD)), 400),
    "chunks in 1.0": (
        request(b"/predict", JSON, CHUNKED, method=b"POST", version=b"HTTP/1.0", body=chunks(b"x")),
        400,
    ),
    "gzip, then chunks": (
        post(b"Transfer-Encoding: gzip, chunked", body=chunks(RECORD)),
        501,
    ),
    "gzip": (post(b"Transfer-Encoding: gzip", body=chunks(RECORD)), 501),
    "identity": (post(b"Transfer-Encoding: identity", body=RECORD), 501),
    "nearly chunked": (post(b"Transfer-Encoding: xchunked", body=chunks(RECORD)), 501),
    "chunks, then identity": (post(b"Transfer-Encoding: chunked, identity"), 400),
    "chunks of chunks": (post(CHUNKED, CHUNKED, body=chunks(RECORD)), 400),
    "a chunk's length in letters": (post(CHUNKED, body=b"zz\r\n"), 400),
    "a chunk's length with 0x": (post(CHUNKED, body=b"0x5\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk's negative length": (post(CHUNKED, body=b"-5\r\nhello\r\n0\r\n\r\n"), 400),
    "a chunk's length beyond 64 bits": (post(CHUNKED, body=b"f" * 20 + b"\r\n"), 400),
    "a chunk that is too long": (post(CHUNKED, body=b"5\r\nhelloworld\r\n0\r\n\r\n"), 400),
    "chunks with LF": (post(CHUNKED, body=b"5\nhello\n0\n\n"), 400),
    "another expectation": (sized(RECORD, b"Expect: 200-maybe"), 417),
    "an end within the head": (b"GET /livez HTTP/1.1\r\nHos", 400),
    "an end within the body": (post(b"Content-Length: 500"), 400),
    "an end within a chunk": (post(CHUNKED, body=b"50\r\n{"), 400),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gunicorn with one worker."""
    with serving(tmp_path_factory.mktemp("front"), WEB_CONCURRENCY="1") as running:
        yield running


@pytest.mark.parametrize("name", WELL_FORMED)
def test_what_http_allows_is_answered(server: Server, name: str) -> None:
    """In order, and the client may end its side when it has sent everything."""
    content, expected = WELL_FORMED[name]
    answers = ask(server, content)
    assert [status for status, _, _ in answers] == expected
    assert all(headers["x-request-id"] for _, headers, _ in answers)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_request_gets_a_problem_document(server: Server, name: str) -> None:
    """After the answers to what came before it; then the connection ends."""
    content, expected = REFUSED[name]
    for before in ([], [200]):
        *earlier, (status, headers, body) = ask(server, request() * len(before) + content)
        assert [answer[0] for answer in earlier] == before
        assert (status, headers["connection"]) == (expected, "close")
        assert headers["content-type"] == "application/problem+json"
        document = json.loads(body)
        assert (document["status"], document["request_id"]) == (expected, headers["x-request-id"])


BODIES = {
    "a record": (RECORD, 200),
    "records": (b"[%b, %b]" % (RECORD, RECORD), 200),
    "space around it": (b" \r\n\t%b\n" % RECORD, 200),
    "an explained record": (RECORD[:-1] + b', "explain": true}', 200),
    "a record and nothing known": (b"[%b, {}]" % RECORD, 422),
    "an empty record": (b"{}", 422),
    "a number": (b"7", 422),
    "an array of numbers": (b"[1, 2]", 422),
    "text for a number": (b'{"age": "x"}', 422),
    "a field that is not known": (b'{"colour": 1}', 422),
    "half a record": (RECORD[:-1], 400),
    "no JSON": (b"nonsense", 400),
    "not a number": (b'{"age": NaN}', 400),
    "a key twice": (b'{"age": 33, "age": 34}', 400),
    "no UTF-8": (b'{"age\xff": 1}', 400),
    "brackets": (b"[" * 3_000 + b"]" * 3_000, 400),
}
FRAMINGS = {
    "length": lambda body: (sized(body), []),
    "one chunk": lambda body: (post(CHUNKED, body=chunks(body)), []),
    "chunks of three bytes": lambda body: (
        post(CHUNKED, body=chunks(*[body[i : i + 3] for i in range(0, len(body), 3)])),
        [],
    ),
    "after another": lambda body: (sized() + sized(body), [200]),
    "after an explained one": lambda body: (
        sized(BODIES["an explained record"][0]) + sized(body),
        [200],
    ),
}


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", BODIES)
def test_a_body_means_the_same_however_it_comes(server: Server, name: str, framing: str) -> None:
    """By its length, in chunks, or behind another request, whoever answers that."""
    body, status = BODIES[name]
    sent_bytes, before = FRAMINGS[framing](body)
    answers = ask(server, sent_bytes)
    assert [answer[0] for answer in answers] == [*before, status]
    kind = "application/json" if status == 200 else "application/problem+json"
    assert answers[-1][1]["content-type"] == kind


def test_a_head_request_has_no_content(server: Server) -> None:
    """But the headers of the answer to GET."""
    with connected(server) as sock:
        sock.sendall(
            request(b"/segments", method=b"HEAD") + request(b"/livez", b"Connection: close")
        )
        first, second = sock.makefile("rb").read().split(b"\r\n\r\n", 1)
    assert re.search(rb"Content-Length: \d{4}", first)
    assert second.startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_asks_first_is_told_to_go_on(server: Server) -> None:
    """And not if its body will be refused."""
    head, _, body = sized(RECORD, b"Expect: 100-continue").partition(b"\r\n\r\n")
    with connected(server) as sock:
        sock.sendall(head + b"\r\n\r\n")
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert sock.recv(12) == b"HTTP/1.1 200"
    with connected(server) as sock:
        sock.sendall(post(b"Content-Length: 99000000", b"Expect: 100-continue", body=b""))
        assert sock.recv(12) == b"HTTP/1.1 413"


def test_bytes_that_come_one_by_one_are_the_same_request(server: Server) -> None:
    """Wherever the network cuts."""
    with connected(server) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for value in post(CHUNKED, b"Connection: close", body=chunks(RECORD)):
            sock.sendall(bytes([value]))
        assert sock.recv(12) == b"HTTP/1.1 200"


def dripping(server: Server, stack: ExitStack, n_clients: int) -> list[socket.socket]:
    """Open connections, every second one in the middle of a body, the others of a head."""
    halves = (post(b"Content-Length: 5000", body=b"{"), b"POST /predict HTTP/1.1\r\nHost: t\r\nX")
    clients = []
    for number in range(n_clients):
        sock = stack.enter_context(connected(server))
        sock.sendall(halves[number % 2])
        clients.append(sock)
    return clients


def test_slow_clients_hold_nobody_up(tmp_path: Path) -> None:
    """Hundreds that drip head or body; predictions, health and what needs a thread are answered."""
    with serving(tmp_path, **ONE, READ_TIMEOUT="300") as server, ExitStack() as stack:
        clients = dripping(server, stack, 300)
        seconds = []
        for number in range(60):
            clients[number].sendall(b"x")
            started = time.perf_counter()
            assert server.post(COMPLETE).status == 200
            assert server.get("/readyz").status == 200
            assert server.get("/segments").status == 200
            seconds.append(time.perf_counter() - started)
        assert sorted(seconds)[-2] < PATIENCE / 10


def test_who_drips_is_given_up_though_it_never_pauses(tmp_path: Path) -> None:
    """After READ_TIMEOUT only those go on that send LEAST_RATE bytes a second."""
    settings = ONE | {"READ_TIMEOUT": "1", "LEAST_RATE": "1000"}
    with serving(tmp_path, **settings) as server, ExitStack() as stack:
        slow, _ = dripping(server, stack, 2)
        slow.setblocking(False)

        def is_told() -> bool:
            try:
                slow.send(b" ")
                return slow.recv(12) == b"HTTP/1.1 408"
            except BlockingIOError:
                return False

        wait_until(is_told)
        wait_until(
            lambda: 'refused_total{reason="slow"} 2.0' in server.get("/metrics").body.decode()
        )


def test_health_is_answered_whatever_the_threads_do(tmp_path: Path) -> None:
    """The only thread explains, others wait for it; more than may wait are asked to come again."""
    settings = ONE | {"MAX_WAITING": "2"}
    with serving(tmp_path, **settings) as server, ThreadPoolExecutor(8) as pool:
        work = [pool.submit(server.post, [COMPLETE] * 100, "/explain") for _ in range(8)]
        while not all(item.done() for item in work):
            assert server.get("/readyz").status == 200
            assert server.post(COMPLETE).status == 200
        replies = [item.result() for item in work]
        assert {reply.status for reply in replies} == {200, 503}
        refused = next(reply for reply in replies if reply.status == 503)
        assert refused.headers["Retry-After"] == "10"
        assert json.loads(refused.body)["status"] == 503
        assert 'refused_total{reason="busy"}' in server.get("/metrics").body.decode()


def test_files_leave_the_threads_to_others(tmp_path: Path) -> None:
    """Clients that don't read the answers to their files hold the threads of files alone."""
    table = b"age,apps_installed\n" + b"33,64\n" * 70_000
    head = request(
        b"/predict/file",
        b"Content-Type: text/csv",
        b"Content-Length: %d" % len(table),
        method=b"POST",
    )
    with serving(tmp_path, **ONE, READ_TIMEOUT="300") as server, ExitStack() as stack:
        for _ in range(3):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(head + table)
        assert server.get("/segments").status == 200
        assert server.post([COMPLETE] * 2_000).status == 200


def test_of_too_many_connections_the_longest_idle_is_closed(tmp_path: Path) -> None:
    """One that is in the middle of a request is not idle."""
    with serving(tmp_path, **ONE, MAX_CONNECTIONS="4") as server, ExitStack() as stack:
        busy, idle = dripping(server, stack, 1)[0], stack.enter_context(connected(server))
        idle.sendall(request())
        assert idle.recv(12) == b"HTTP/1.1 200"
        later = [stack.enter_context(connected(server)) for _ in range(3)]
        while idle.recv(4096):
            pass
        for sock in later[1:]:
            sock.sendall(request())
            assert sock.recv(12) == b"HTTP/1.1 200"
        busy.sendall(b" " * 4_998 + b"}")
        assert busy.recv(12) == b"HTTP/1.1 422"


def test_nothing_is_left_of_rude_clients(server: Server) -> None:
    """Neither open files nor threads, but for those that Flask has."""
    worker = psutil.Process(server.process.pid).children()[0]
    before = worker.num_fds(), worker.num_threads()
    for _ in range(5):
        with ExitStack() as stack:
            clients = dripping(server, stack, 40)
            for sock in clients[::4]:
                sock.sendall(post(b"Content-Length: 900000", body=b"x" * 400_000))
    wait_until(lambda: worker.num_fds() <= before[0])
    assert worker.num_threads() <= before[1] + 4
