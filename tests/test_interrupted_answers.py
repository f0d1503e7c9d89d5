"""Answers that don't get to their end: each leaves one line that says how far it came, and why."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.records import COMPLETE
from tests.support.servers import Server, serving
from tests.support.waiting import wait_until

N_ROWS = 70_000
"""Their answers take `LEAST_ANSWER` bytes or more, which the sockets on both sides don't hold."""
LEAST_ANSWER = 10_000_000
FILE = b"age,apps_installed\n" + b"33,64\n" * N_ROWS
ONE = {"WEB_CONCURRENCY": "1", "THREADS": "2"}
PATIENT = ONE | {"READ_TIMEOUT": "60"}
Line = dict[str, object]


def head(name: str, target: str, *headers: str, method: str = "POST") -> bytes:
    """Return the head of a request that has a name."""
    return "\r\n".join(
        [f"{method} {target} HTTP/1.1", "Host: test", f"X-Request-ID: {name}", *headers, "", ""]
    ).encode()


@contextmanager
def answering(
    server: Server, name: str, *headers: str, file: bytes = FILE
) -> Iterator[socket.socket]:
    """Send a long file and read nothing but the beginning of its answer."""
    headers = ("Content-Type: text/csv", f"Content-Length: {len(file)}", *headers)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(head(name, "/predict/file", *headers) + file)
        assert sock.recv(512).startswith(b"HTTP/1.1 200 OK")
        yield sock


def lines(server: Server, name: str) -> list[Line]:
    """Return the lines of the log about a request, whole ones."""
    written = server.log.read_text()
    complete = written[: written.rfind("\n") + 1].splitlines()
    return [line for line in map(json.loads, complete) if line.get("request_id") == name]


def cut(server: Server, name: str) -> Line:
    """Wait for the line of a request that was cut; it is the only one."""
    wait_until(lambda: bool(lines(server, name)))
    (line,) = lines(server, name)
    assert (line["logger"], line["level"]) == ("access", "warning")
    assert line["request_id"] == name
    return line


def counted(server: Server) -> dict[str, float]:
    """Return what Prometheus is told about answers that were cut."""
    text = server.get("/metrics").body.decode().splitlines()
    rpartitions = [
        line.rpartition(" ") for line in text if line.startswith("http_responses_cut_total{")
    ]
    return {labels: float(value) for labels, _, value in rpartitions}


def worker_of(server: Server) -> psutil.Process:
    """Return the one worker."""
    (worker,) = psutil.Process(server.process.pid).children()
    return worker


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gunicorn of this module with one worker, which waits for its clients."""
    with serving(tmp_path_factory.mktemp("cut"), **PATIENT) as server:
        yield server


@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson"])
def test_a_client_that_goes_away(patient: Server, kind: str) -> None:
    """In the middle of its answer; the line says what had been sent, and Prometheus counts it."""
    label = 'http_responses_cut_total{cause="client",route="/predict/file"}'
    before = counted(patient).get(label, 0)
    name = f"gone-{kind[-4:]}"
    with answering(patient, name, f"Accept: {kind}") as sock:
        read = len(sock.recv(100_000))
    line = cut(patient, name)
    assert (line["cut"], line["status"], line["route"]) == ("client", 200, "/predict/file")
    assert line["records"] == N_ROWS
    n_bytes = line["bytes"]
    assert isinstance(n_bytes, int)
    assert read < n_bytes < LEAST_ANSWER
    assert counted(patient)[label] == before + 1


def test_a_whole_answer_is_not_cut(patient: Server) -> None:
    """Its line is as it was: no word about a cut."""
    assert patient.post(COMPLETE, X_Request_ID="whole-1").status == 200
    assert patient.post({"age": 300}, X_Request_ID="whole-2").status == 422
    body = FILE[:1_000]
    assert patient.post(
        body, "/predict/file", Content_Type="text/csv", X_Request_ID="whole-3"
    ).status
    for name in ("whole-1", "whole-2", "whole-3"):
        wait_until(lambda name=name: bool(lines(patient, name)))  # type: ignore[misc]
        (line,) = lines(patient, name)
        assert "cut" not in line
        assert line["level"] == "info"


def test_a_client_that_stops_reading(tmp_path: Path) -> None:
    """After READ_TIMEOUT seconds it is given up: a time-out, and a warning."""
    settings = ONE | {"READ_TIMEOUT": "1", "LOG_LEVEL": "warning"}
    with serving(tmp_path, **settings) as server, answering(server, "stalled"):
        assert server.post(COMPLETE, X_Request_ID="quiet").status == 200
        line = cut(server, "stalled")
        assert line["cut"] == "timeout"
        label = 'http_responses_cut_total{cause="timeout",route="/predict/file"}'
        assert counted(server) == {label: 1}
        assert not lines(server, "quiet")


def test_a_client_that_stops_reading_a_static_file(tmp_path: Path) -> None:
    """After READ_TIMEOUT seconds; the requests behind it, which it sent at once, have no answer."""
    settings = {"WEB_CONCURRENCY": "1", "THREADS": "1", "READ_TIMEOUT": "1"}
    with serving(tmp_path, **settings) as server, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        sock.connect(("127.0.0.1", server.port))
        sock.sendall(head("static", "/docs/js/swagger-ui-bundle.js", method="GET") * 20)
        assert sock.recv(15) == b"HTTP/1.1 200 OK"
        assert server.post(COMPLETE).status == 200
        wait_until(lambda: any("cut" in line for line in lines(server, "static")))
        begun = [line for line in lines(server, "static") if line["status"]]
        assert [line.get("cut") for line in begun] == [None] * (len(begun) - 1) + ["timeout"]
        (route,) = {line["route"] for line in lines(server, "static")}
        assert route == "/docs/<path:name>"


def test_a_static_file_says_how_long_it_is(patient: Server) -> None:
    """In its line of the log, as any other answer."""
    request = "/docs/css/swagger-ui.css"
    with socket.create_connection(("127.0.0.1", patient.port), timeout=60) as sock:
        sock.sendall(head("css", request, "Connection: close", method="GET"))
        complete = sock.makefile("rb").read()
    wait_until(lambda: bool(lines(patient, "css")))
    (line,) = lines(patient, "css")
    assert line["bytes"] == len(complete.partition(b"\r\n\r\n")[2])


def test_the_service_stops_while_clients_read_slowly(tmp_path: Path) -> None:
    """Longer than GRACEFUL_TIMEOUT: both lines are there when it has ended, and it ends with 0."""
    with serving(tmp_path, **PATIENT | {"GRACEFUL_TIMEOUT": "2"}) as server:
        with (
            answering(server, "slow-1"),
            answering(server, "slow-2", "Accept: application/x-ndjson"),
        ):
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(20) == 0
        for name in ("slow-1", "slow-2"):
            line = cut(server, name)
            assert (line["cut"], line["status"]) == ("stopping", 200)
            assert line["bytes"]
        assert "SIGKILL" not in server.log.read_text()


def test_a_client_that_is_fast_enough_gets_everything(tmp_path: Path) -> None:
    """What can be finished within GRACEFUL_TIMEOUT is not cut."""
    with (
        serving(tmp_path, **PATIENT) as server,
        answering(server, "fast", "Connection: close", file=FILE[:60_000]) as sock,
    ):
        server.process.send_signal(signal.SIGTERM)
        with sock.makefile("rb") as answer:
            assert answer.read().endswith(b"0\r\n\r\n")
        assert server.process.wait(20) == 0
        (line,) = lines(server, "fast")
        assert "cut" not in line


def test_new_workers_take_over_while_a_client_reads_slowly(tmp_path: Path) -> None:
    """At a reload (SIGHUP) the worker of before cuts what it can't finish in time."""
    with (
        serving(tmp_path, **PATIENT | {"GRACEFUL_TIMEOUT": "2"}) as server,
        answering(server, "reload"),
    ):
        before = worker_of(server)
        server.process.send_signal(signal.SIGHUP)
        assert cut(server, "reload")["cut"] == "stopping"
        before.wait(20)
        assert server.post(COMPLETE).status == 200


@pytest.mark.parametrize(
    ("sent_value", "cause"),
    [(signal.SIGABRT, "error"), (signal.SIGQUIT, "stopping")],
)
def test_a_worker_that_is_told_to_end_at_once(
    tmp_path: Path, sent_value: signal.Signals, cause: str
) -> None:
    """Its master sends SIGABRT to one that hangs; another takes its place."""
    with serving(tmp_path, **PATIENT) as server, answering(server, "aborted"):
        worker_of(server).send_signal(sent_value)
        line = cut(server, "aborted")
        assert line["cut"] == cause
        wait_until(lambda: server.process.poll() is None and served(server))
        assert len(lines(server, "aborted")) == 1


HANGING = """
import time
from predict import app
from segmentation.runtime.model import Model

read_plain = Model.read_plain


def read_or_hang(self, body, most):
    if b"hang" in body:
        time.sleep(300)
    return read_plain(self, body, most)


Model.read_plain = read_or_hang
"""


def test_a_loop_that_hangs(tmp_path: Path) -> None:
    """Its master notices, and the answers that the loop had begun have their lines."""
    (tmp_path / "hanging.py").write_text(HANGING)
    command = ("-m", "gunicorn", "-c", "gunicorn.conf.py", "--timeout", "3", "hanging:app")
    settings = PATIENT | {"PYTHONPATH": str(tmp_path)}
    with (
        serving(tmp_path, command=command, **settings) as server,
        answering(server, "begun"),
        socket.create_connection(("127.0.0.1", server.port)) as sock,
    ):
        headers = ("Content-Type: application/json", "Content-Length: 6")
        sock.sendall(head("hanging", "/predict", *headers) + b'"hang"')
        assert cut(server, "begun")["cut"] == "error"
        assert cut(server, "hanging")["cut"] == "error"
        wait_until(lambda: served(server))


def served(server: Server) -> bool:
    """Whether somebody answers."""
    try:
        return server.post(COMPLETE).status == 200
    except OSError:
        return False


def test_the_master_dies(tmp_path: Path) -> None:
    """Its worker notices, and leaves a line when it goes."""
    with (
        serving(tmp_path, **PATIENT | {"GRACEFUL_TIMEOUT": "1"}) as server,
        answering(server, "orphan"),
    ):
        server.process.kill()
        assert cut(server, "orphan")["cut"] == "stopping"


def test_a_request_that_is_still_being_sent_when_the_service_stops(tmp_path: Path) -> None:
    """It has no status yet, and a line all the same."""
    with (
        serving(tmp_path, **PATIENT | {"GRACEFUL_TIMEOUT": "2"}) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock,
    ):
        headers = ("Content-Type: application/json", "Content-Length: 500")
        sock.sendall(head("unsent", "/predict", *headers) + b"{")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        line = cut(server, "unsent")
        assert (line["cut"], line["status"], line["bytes"]) == ("stopping", None, 0)
        assert line["route"] == "/predict"


BROKEN = '''
from segmentation.service.app import create_app

app = create_app()
TEXT = "Zaphod"


def breaking(environ, start_response):
    """Break in three ways: before the answer begins, before anything of it is sent, after."""
    path = environ["PATH_INFO"]
    if path == "/early":
        raise ValueError(TEXT)
    if path == "/disk":
        raise OSError(28, TEXT)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return pieces(path)


def pieces(path):
    if path == "/late":
        yield b"1234"
    raise ValueError(TEXT)


inner, app.wsgi_app = app.wsgi_app._app, app.wsgi_app
app.wsgi_app._app = lambda environ, start: (
    breaking if environ["PATH_INFO"] in ("/early", "/begun", "/late", "/disk") else inner
)(environ, start)
'''


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gunicorn whose app has three more paths."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "broken.py").write_text(BROKEN)
    command = ("-m", "gunicorn", "-c", "gunicorn.conf.py", "broken:app")
    with serving(folder, command=command, **ONE, PYTHONPATH=str(folder)) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "status", "sent_value"), [("/early", 500, 0), ("/begun", 500, 0), ("/late", 200, 4)]
)
def test_an_answer_that_breaks(broken: Server, path: str, status: int, sent_value: int) -> None:
    """By our own fault: a line with what the client saw of it, and none of the error's text."""
    with socket.create_connection(("127.0.0.1", broken.port), timeout=60) as sock:
        sock.sendall(head(f"broken{path}", path, method="GET"))
        answer = sock.makefile("rb").read()
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    line = cut(broken, f"broken{path}")
    assert (line["cut"], line["status"], line["bytes"]) == ("error", status, sent_value)
    assert broken.post(COMPLETE).status == 200
    assert "Zaphod" not in broken.log.read_text()


def test_an_error_of_the_disk_is_said_and_logged(broken: Server) -> None:
    """It is the app's own, and not taken for a client that has gone."""
    with socket.create_connection(("127.0.0.1", broken.port), timeout=60) as sock:
        sock.sendall(head("broken/disk", "/disk", method="GET"))
        assert sock.makefile("rb").read().startswith(b"HTTP/1.1 500 ")
    assert cut(broken, "broken/disk")["cut"] == "error"
    assert "OSError" in broken.log.read_text()
