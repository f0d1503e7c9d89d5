"""The service as its users run it: a real gunicorn with two workers, real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from segmentation.artifact import read_package, write_package
from segmentation.runtime import Model
from tests.support.records import COMPLETE, LOWER_CASE, without_some_usage
from tests.support.servers import Server, serving
from tests.support.shipped import ROOT, sample_records
from tests.support.waiting import PATIENCE, wait_until


@contextmanager
def connection(server: Server) -> Iterator[socket.socket]:
    """Open a connection to the service."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as sock:
        yield sock


def exchange(server: Server, *parts: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; return status and body of the answer (0 if there is none)."""
    with connection(server) as sock:
        for part in parts:
            sock.sendall(part)
        received = b""
        # A server that refuses early may close before it has read everything.
        with suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
            while part := sock.recv(65536):
                received += part
    head, _, body = received.partition(b"\r\n\r\n")
    return (int(head.split(None, 2)[1]) if head else 0), body


def head(*lines: str, path: str = "/predict") -> bytes:
    """Return the head of a POST request."""
    fixed = [f"POST {path} HTTP/1.1", "Host: test", "Connection: close"]
    return "\r\n".join([*fixed, *lines, "", ""]).encode()


JSON = "Content-Type: application/json"


def chunked(*chunks: bytes) -> bytes:
    """Return a body in chunks, with its end."""
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def test_every_sample_record_is_answered_like_the_model(server: Server, model: Model) -> None:
    """Over HTTP in one array, complete and with gaps."""
    for records in (RECORDS, without_some_usage(RECORDS)):
        reply = server.post(records)
        assert reply.json() == {"model": model.name, "predictions": model.predict(records)}


def test_the_payload_of_existing_clients_is_taken(server: Server) -> None:
    """The lower-case names, with screen time in minutes."""
    answer = server.post(LOWER_CASE).json()
    assert isinstance(answer, dict)
    assert answer["segment"]["name"] == "Brand Loyalist"


def test_ten_thousand_records_are_answered_at_once(server: Server) -> None:
    """The default limit; one more is refused."""
    records = [COMPLETE | {"user_id": number} for number in range(10_000)]
    reply = server.post(records)
    answers = json.loads(reply.body)["predictions"]
    assert [answer["id"] for answer in answers] == list(range(10_000))
    assert server.post([*records, COMPLETE]).status == 413


def test_a_chunked_body_is_read(server: Server) -> None:
    """Its length isn't known beforehand."""
    body = json.dumps(COMPLETE).encode()
    status, _ = exchange(
        server, head(JSON, "Transfer-Encoding: chunked"), chunked(body[:50], body[50:])
    )
    assert status == 200


def test_a_chunked_body_over_the_limit_is_a_413(tmp_path: Path) -> None:
    """It is not read to its end."""
    with serving(tmp_path, MAX_BODY_BYTES="2000") as server:
        body = json.dumps(COMPLETE).encode() + b" " * 2000
        start = head(JSON, "Transfer-Encoding: chunked")
        assert exchange(server, start, chunked(body))[0] == 413
        assert exchange(server, head(JSON, "Content-Length: 2001"), body[:2001])[0] == 413
        assert exchange(server, head(JSON, "Content-Length: 2000"), body[:2000])[0] == 200


def test_a_body_without_a_length_is_a_411(server: Server) -> None:
    """HTTP/1.1 says that it is empty; the client surely meant something else."""
    assert exchange(server, head(JSON))[0] == 411


BODY = json.dumps(COMPLETE).encode()
RECORDS = sample_records("mobile")


@pytest.mark.parametrize(
    "parts",
    [
        (head(JSON, "Content-Length: 500"), BODY),
        (head(JSON, "Transfer-Encoding: chunked"), b"zz\r\n"),
        (head(JSON, "Transfer-Encoding: chunked"), b"5\r\n{"),
        (head(JSON, "Transfer-Encoding: chunked"), b"-5\r\nhello\r\n0\r\n\r\n"),
        (head(JSON, "Transfer-Encoding: chunked"), b"5\r\nhelloworld\r\n0\r\n\r\n"),
        (head(JSON, "Content-Length: 5", "Transfer-Encoding: chunked"), chunked(BODY)),
        (head(JSON, "Content-Length: -5"), BODY),
        (head(JSON, "Content-Length: 5, 5"), BODY),
        (head(JSON, "Content-Length: five"), BODY),
        (head(JSON, f"Content-Length: {2**70}"), BODY),
        (head(JSON, "Content-Length: 3", "Content-Length: 4"), BODY),
        (head(JSON, "Content-Length: ٣"), BODY),
        (head("X" * 9000 + ": 1"),),
        (head(*[f"X-{number}: 1" for number in range(200)]),),
        (b"POST /predict HTTP/9.9\r\n\r\n",),
        (b"POST /predict\r\n\r\n",),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",),
        (b"\x00" * 100,),
        (b"GET /%ff%fe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",),
        (b"GET //predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",),
        (b"GET /predict/../../etc/passwd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",),
        (b"GET / HTTP/1.1\r\nHost: a b<c>\r\nConnection: close\r\n\r\n",),
        (b"GET /x HTTP/1.1\r\nConnection: close\r\n\r\n",),
        (b"GET /x\x00y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",),
        (b"GET http://[::1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",),
        (head(JSON, "Expect: 200-maybe", "Content-Length: 2"), b"{}"),
        (head(JSON, "Content-Encoding: br", "Content-Length: 2"), b"{}"),
    ],
)
def test_a_hostile_request_is_never_a_500(server: Server, parts: tuple[bytes, ...]) -> None:
    """It is refused, or the connection is closed; the service goes on."""
    status, body = exchange(server, *parts)
    assert status == 0 or status in range(200, 500) or status == 501
    if status >= 400:
        assert json.loads(body)["status"] == status
    assert server.post(COMPLETE).status == 200


def test_several_hundred_hostile_bodies_are_refused_one_by_one(server: Server) -> None:
    """Mutations of a valid body: no 500, and after them the right answer."""
    extras = (b"\x00", b"\xff", b'"', b"{", b"]", b"1e999", b"NaN", b"\\u0000")
    cuts = range(0, len(BODY), 4)
    mutants = [BODY[:cut] + extra + BODY[cut:] for cut in cuts for extra in extras]
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda body: server.post(body).status, mutants))
    assert len(mutants) > 400
    assert set(statuses) <= {200, 400, 422}
    assert server.post(COMPLETE).status == 200


def test_silent_connections_do_not_stop_the_service(server: Server) -> None:
    """Forty clients that connect and say nothing don't keep the next one waiting."""
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(40)]
    try:
        started = time.monotonic()
        assert server.post(COMPLETE).status == 200
        assert time.monotonic() - started < 20  # gunicorn's own worker takes 25 seconds and more
    finally:
        for sock in silent:
            sock.close()


@pytest.mark.parametrize("half", [b"POST /pre", head(JSON, "Content-Length: 500") + b"{"])
def test_a_client_that_stops_in_the_middle_is_told_and_given_up(
    tmp_path: Path, half: bytes
) -> None:
    """In the head as in the body; meanwhile everyone else is answered."""
    with (
        serving(tmp_path, WEB_CONCURRENCY="1", THREADS="1", READ_TIMEOUT="1") as server,
        connection(server) as sock,
    ):
        sock.sendall(half)
        assert server.post(COMPLETE).status == 200
        assert sock.makefile("rb").read().startswith(b"HTTP/1.1 408 Request Timeout\r\n")
        assert "gave up a client" in server.log.read_text()
        assert not any(line["level"] == "error" for line in server.log_lines())


def counted(server: Server) -> int:
    """Return how many records were answered, as Prometheus sees it."""
    lines = server.get("/metrics").body.decode().splitlines()
    counts = [line.split()[-1] for line in lines if line.startswith("segmentation_answers_total")]
    return sum(int(float(count)) for count in counts)


def test_metrics_are_right_with_several_workers(server: Server) -> None:
    """Whichever worker answered, and whichever is asked."""
    before = counted(server)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: server.post([COMPLETE] * (number % 3)), range(60)))
    assert {counted(server) for _ in range(6)} == {before + 60}


def test_a_killed_worker_is_replaced_and_its_counts_stay(tmp_path: Path) -> None:
    """The service answers again, with the same model."""
    with serving(tmp_path) as server:
        for _ in range(10):
            server.post(COMPLETE)
        before = counted(server)
        workers = psutil.Process(server.process.pid).children()
        workers[0].kill()
        wait_until(
            lambda: (
                psutil.Process(server.process.pid).children() != workers
                and len(psutil.Process(server.process.pid).children()) == 2
            )
        )
        assert {server.post(COMPLETE).status for _ in range(10)} == {200}
        assert counted(server) == before + 10


def test_the_log_has_one_line_per_request_without_personal_values(tmp_path: Path) -> None:
    """JSON; the route instead of the path, no query, no address, no answers."""
    with serving(tmp_path) as server:
        secret = "Zaphod"
        server.post(COMPLETE | {"user_id": secret, "gender": secret}, X_Request_ID="mine")
        server.get(f"/{secret}?name={secret}")
        server.post({"gender": secret * 100})
        exchange(server, head(f"{secret} : 1"))
        wait_until(
            lambda: sum(item_entry["logger"] == "access" for item_entry in server.log_lines()) >= 4
        )
        lines = [line for line in server.log_lines() if line["logger"] == "access"]
        assert secret not in server.log.read_text()
        assert "127.0.0.1" not in server.log.read_text()
    mine = next(item for item in lines if item["request_id"] == "mine")
    assert (mine["route"], mine["status"], mine["records"]) == ("/predict", 200, 1)
    assert "unmatched" in [item_value["route"] for item_value in lines]


def test_sigterm_ends_with_0_and_drops_no_answer(tmp_path: Path) -> None:
    """Requests that were being answered are answered."""
    with serving(tmp_path) as server:
        big = [COMPLETE] * 5_000
        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(server.post, big) for _ in range(4)]
            wait_until(lambda: any(future.done() for future in futures))
            server.process.send_signal(signal.SIGTERM)
            statuses = {future.result().status for future in futures}
        assert statuses == {200}
        assert server.process.wait(PATIENCE) == 0
        assert not any(line["level"] == "error" for line in server.log_lines())


def test_sigterm_drops_nobody_who_has_connected(tmp_path: Path) -> None:
    """Workers that have not accepted a connection yet answer it before they go."""
    with serving(tmp_path) as server:
        workers = psutil.Process(server.process.pid).children()
        for worker in workers:
            worker.suspend()
        clients = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        body = json.dumps(COMPLETE).encode()
        for client in clients:
            client.sendall(head(JSON, f"Content-Length: {len(body)}") + body)
        server.process.send_signal(signal.SIGTERM)
        for worker in workers:
            worker.resume()
        for client in clients:
            with client:
                assert client.makefile("rb").readline().startswith(b"HTTP/1.1 200")
        assert server.process.wait(PATIENCE) == 0


def test_a_hangup_serves_the_model_file_as_it_is_now(tmp_path: Path, model_file: Path) -> None:
    """Without an error in between, and the folder of counters is removed in the end."""
    package = read_package(model_file)
    with serving(tmp_path, MODEL_PATH=str(model_file)) as server:
        changed = package.manifest.model_copy(update={"version": "another"})
        write_package(model_file, replace(package, manifest=changed))
        folders = folders_of_counters(server)
        assert len(folders) == 1
        server.process.send_signal(signal.SIGHUP)

        def version() -> object:
            reply = server.post(COMPLETE)
            assert reply.status == 200
            return json.loads(reply.body)["model"]["version"]

        wait_until(lambda: {version() for _ in range(8)} == {"another"})
        wait_until(lambda: folders_of_counters(server) == folders)
    assert [folder for folder in folders if folder.exists()] == []


def folders_of_counters(server: Server) -> set[Path]:
    """Return where the workers keep their counters: in files that they have mapped."""
    files: list[Path] = []
    for worker in psutil.Process(server.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # one that a reload has ended meanwhile
            files += [Path(mapped.path) for mapped in worker.memory_maps()]
    return {file.parent for file in files if file.parent.name.startswith("segmentation-metrics-")}


def test_workers_end_cleanly(tmp_path: Path) -> None:
    """No worker dies of a signal on the way out."""
    with serving(tmp_path) as server:
        server.post(COMPLETE)
    assert "terminate called" not in server.log.read_text()
    assert "SIGABRT" not in server.log.read_text()


def test_a_damaged_model_leaves_the_service_live_but_not_ready(
    tmp_path: Path, model_file: Path
) -> None:
    """The log and /readyz say why; the other routes say 503."""
    content = bytearray(model_file.read_bytes())
    content[len(content) // 3] ^= 0x10
    model_file.write_bytes(content)
    with serving(tmp_path, MODEL_PATH=str(model_file)) as server:
        assert server.get("/readyz").status == 503
        assert server.post(COMPLETE).status == 503
        assert b"is damaged" in server.get("/readyz").body
        messages = [str(line["message"]) for line in server.log_lines() if line["level"] == "error"]
        assert any(
            "model of mobile refused" in message and "is damaged" in message for message in messages
        )


def test_a_setting_that_cannot_be_used_ends_the_start_with_one_line() -> None:
    """And a status that isn't 0."""
    environment = os.environ | {"WEB_CONCURRENCY": "many"}
    completed = subprocess.run(
        [sys.executable, "predict.py"], cwd=ROOT, env=environment, capture_output=True, text=True,
        check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert completed.returncode == 1
    assert len((completed.stdout + completed.stderr).strip().splitlines()) == 1
    assert "WEB_CONCURRENCY" in completed.stderr


def test_concurrent_clients_get_their_own_answers(server: Server, model: Model) -> None:
    """Nothing leaks from one request into another."""
    expected = model.predict(RECORDS[:200])
    faulty = []

    def ask(start: int) -> None:
        for position in range(start, 200, 8):
            answer = server.post(RECORDS[position]).json()
            assert isinstance(answer, dict)
            if answer != {**expected[position], "model": model.name}:
                faulty.append(position)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faulty == []
