"""compose.yaml, and the proxy in front of the service: nginx as it is configured there."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from werkzeug.http import HTTP_STATUS_CODES

from segmentation.service.settings import Settings
from tests.support.records import COMPLETE
from tests.support.servers import Server, free_port
from tests.support.shipped import ROOT
from tests.support.waiting import wait_until

NGINX = os.environ.get("NGINX") or shutil.which("nginx") or "/usr/sbin/nginx"
needs_nginx = pytest.mark.skipif(
    not Path(NGINX).exists(),
    reason="nginx is not installed; scripts/install-test-tools installs it",
)
DEFAULTS = Settings()
FIXED = {"PORT", "MODEL_PATH", "MODELS_DIR"}
"""Settings that compose.yaml decides: where the service listens and what is mounted."""


def composed(**variables: str) -> dict[str, Any]:
    """Return what compose.yaml says, with variables or their defaults."""

    def value(match: re.Match[str]) -> str:
        return variables.get(match[1], match[2])

    text = re.sub(r"\$\{(\w+):-([^}]*)\}", value, (ROOT / "compose.yaml").read_text())
    content: dict[str, Any] = yaml.safe_load(text)
    return content


SERVICES = composed()["services"]


def test_the_file_is_what_the_specification_says() -> None:
    """By a parser that knows all of it."""
    specification = pytest.importorskip("compose_spec", reason="compose-spec is not installed")
    parsed = specification.PyCompose.from_yaml(json.dumps(composed()))
    assert set(parsed.service_names()) == set(SERVICES)


def test_it_has_nothing_that_others_read_otherwise() -> None:
    """No aliases or merge keys, no extensions, volumes and dependencies in the short form."""
    text = (ROOT / "compose.yaml").read_text()
    assert not any(
        isinstance(token, yaml.AliasToken | yaml.AnchorToken) for token in yaml.scan(text)
    )
    assert not any(key.startswith("x-") for key in composed())
    for service in SERVICES.values():
        assert all(isinstance(volume, str) for volume in service["volumes"])
        assert isinstance(service.get("depends_on", []), list)


def podman(folder: Path, *arguments: str, **variables: str) -> str:
    """Let podman-compose read the file; it needs a podman only to ask for its version."""
    script = Path(sys.executable).with_name("podman-compose")
    if not script.exists():
        pytest.skip("podman-compose is not installed")
    (folder / "podman").write_text("#!/bin/sh\necho podman version 5.6.0\n")
    (folder / "podman").chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)} | variables
    return subprocess.run(
        [script, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_podman_compose_reads_the_same(tmp_path: Path) -> None:
    """Another implementation of the specification finds the same services in it."""
    variables = {"HTTP_PORT": "80", "TLS": "/etc/tls", "VERSION": "1", "TARGET": "serve"}
    result = yaml.safe_load(podman(tmp_path, "config", **variables))
    expected = composed(**variables)
    assert set(result["services"]) == set(expected["services"])
    for name, service in expected["services"].items():
        read = result["services"][name]
        assert set(service) <= set(read)
        for key in ("image", "ports", "volumes", "cap_drop", "mem_limit", "read_only", "networks"):
            assert key not in service or listed(read[key]) == listed(service[key]), key


def listed(value: Any) -> Any:
    """Return the names where there is a mapping of them to nothing, as podman-compose writes."""
    return sorted(value) if isinstance(value, dict | list) else value


@pytest.mark.parametrize("name", SERVICES)
def test_services_may_do_little(name: str) -> None:
    """Nothing to write but /tmp, no privileges, limits of everything, logs that end."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cpus", "mem_limit", "pids_limit"} <= set(service)
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])
    assert service["restart"] == "unless-stopped"
    assert all(volume.endswith(":ro") for volume in service["volumes"])
    assert [tmpf.partition(":")[0] for tmpf in service["tmpfs"]] == ["/tmp"]


def test_only_the_proxy_can_be_reached() -> None:
    """The service has no port of the host, and its network no way out."""
    assert "ports" not in SERVICES["segmentation"]
    assert SERVICES["segmentation"]["networks"] == ["inner"]
    assert composed()["networks"]["inner"]["internal"] is True


def test_every_setting_of_the_service_can_be_set() -> None:
    """Those that are passed on are named alone; the others have one value."""
    environment = SERVICES["segmentation"]["environment"]
    passed = {item for item in environment if "=" not in item}
    fixed = {item_value.partition("=")[0] for item_value in environment if "=" in item_value}
    assert passed | fixed == {name.upper() for name in Settings.model_fields}
    assert fixed == FIXED


def test_it_waits_longer_than_the_service() -> None:
    """To stop: the proxy longest, as it waits for the service's answers."""
    grace = [int(SERVICES[service]["stop_grace_period"].rstrip("s")) for service in SERVICES]
    assert DEFAULTS.graceful_timeout < grace[0] < grace[1]


def test_what_is_mounted_is_there() -> None:
    """Every source of a volume is in the repository."""
    for service in SERVICES.values():
        for volume in service["volumes"]:
            assert (ROOT / volume.partition(":")[0]).exists(), volume


def test_limits_are_those_of_the_service() -> None:
    """Sizes and patience have the same defaults, and are passed to both."""
    script = (ROOT / "proxy/start.sh").read_text()
    settings = dict(re.findall(r"^([A-Z_]+)=\$\{\1:-(\d+)\}", script, re.MULTILINE))
    assert int(settings.pop("HTTPS_PORT")) == 8443
    assert settings == {name: str(getattr(DEFAULTS, name.lower())) for name in settings}
    passed = set(SERVICES["proxy"]["environment"])
    assert {"MAX_BODY_BYTES", "MAX_FILE_BYTES", "READ_TIMEOUT", "KEEP_ALIVE"} <= set(settings)
    assert set(settings) <= passed


def nginx_version() -> tuple[int, ...]:
    """Return the version of the nginx that is here."""
    complaint = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=True).stderr
    return tuple(int(part) for part in re.findall(r"\d+", complaint)[:3])


def configured(folder: Path, upstream: int, ports: dict[str, int], patience: int = 60) -> Path:
    """Copy the proxy's files, for ports and folders of a test and for the nginx that is here.

    compose.yaml has one that knows ``http2 on`` (1.25.1) and ``resolve`` (1.27.3).
    """
    files = Path(shutil.copytree(ROOT / "proxy", folder / "proxy"))
    (folder / "tls").mkdir(exist_ok=True)
    script, main = files / "start.sh", files / "nginx.conf"
    for file in (script, main):
        text = file.read_text().replace("/tmp/", f"{folder}/")
        file.write_text(text.replace("/etc/nginx/tls", f"{folder}/tls"))
    text = main.read_text().replace("segmentation:9696 resolve", f"127.0.0.1:{upstream}")
    text = text.replace("proxy_read_timeout 60s", f"proxy_read_timeout {patience}s")
    if nginx_version() < (1, 25, 1):
        text = text.replace("http2 on;", "").replace("listen 8443 ssl;", "listen 8443 ssl http2;")
    for port, ours in ports.items():
        text = text.replace(f"listen {port}", f"listen 127.0.0.1:{ours}")
    main.write_text(text)
    return script


@dataclass(frozen=True)
class Proxy:
    """A running proxy, and where it listens and logs."""

    port: int
    tls: int
    folder: Path

    def ask(self, request_bytes: bytes, *, tls: bool = False) -> bytes:
        """Send bytes and return what comes back until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as plain:
            if not tls:
                return exchange(plain, request_bytes)
        with (
            socket.create_connection(("127.0.0.1", self.tls), timeout=60) as inner,
            trusting(self.folder).wrap_socket(inner, server_hostname="localhost") as outer,
        ):
            return exchange(outer, request_bytes)

    def lines(self) -> list[dict[str, Any]]:
        """Return what it has logged."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]


def exchange(sock: socket.socket, request_bytes: bytes) -> bytes:
    """Send and receive."""
    sock.sendall(request_bytes)
    with sock.makefile("rb") as answer:
        return answer.read()


def trusting(folder: Path) -> ssl.SSLContext:
    """Return a context that trusts the test's own certificate."""
    return ssl.create_default_context(cafile=str(folder / "tls/fullchain.pem"))


def certify(folder: Path) -> None:
    """Make a certificate for localhost."""
    openssl = shutil.which("openssl") or pytest.skip("openssl is not installed")
    (folder / "tls").mkdir(exist_ok=True)
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2",
         "-keyout", folder / "tls/privkey.pem", "-out", folder / "tls/fullchain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip


def environment_of(folder: Path, settings: dict[str, str]) -> dict[str, str]:
    """Return an environment in which the nginx under test is the one that is found."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "nginx").symlink_to(NGINX)
    return {"PATH": f"{programs}:{os.environ['PATH']}"} | settings


@contextmanager
def proxying(folder: Path, upstream: int, patience: int = 60, **settings: str) -> Iterator[Proxy]:
    """Run the proxy in front of a port until the block ends, as its container does."""
    folder.chmod(0o755)
    proxy = Proxy(free_port(), free_port(), folder)
    script = configured(folder, upstream, {"8080": proxy.port, "8443": proxy.tls}, patience)
    environment = environment_of(folder, {"HTTPS_PORT": str(proxy.tls)} | settings)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(["sh", script], env=environment, stdout=log, stderr=log)

    def listens() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", proxy.port)) == 0

    try:
        wait_until(listens)
        yield proxy
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def proxy(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy in front of the service."""
    with proxying(tmp_path_factory.mktemp("proxy"), server.port, READ_TIMEOUT="2") as running:
        yield running


@pytest.fixture(scope="module")
def secure(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy with a certificate in front of the service."""
    folder = tmp_path_factory.mktemp("secure")
    certify(folder)
    with proxying(folder, server.port) as running:
        yield running


@pytest.fixture(scope="module")
def proxied(server: Server, proxy: Proxy) -> Server:
    """The service, behind the proxy."""
    return Server(server.process, proxy.port, server.log)


def problem(status: int, answer: http.client.HTTPResponse) -> str:
    """Check that an answer is a problem document; return its detail."""
    content = json.loads(answer.read())
    assert answer.status == content["status"] == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(content) == {"type", "title", "status", "detail", "request_id"}
    return str(content["detail"])


@needs_nginx
def test_answers_are_the_services(server: Server, proxied: Server) -> None:
    """Records, pages and problems come through unchanged, with the request's name."""
    assert proxied.post(COMPLETE).json() == server.post(COMPLETE).json()
    assert proxied.get("/pages/").status == 200
    refused = proxied.post({"age": 300}, X_Request_ID="mine")
    assert refused.status == 422
    assert refused.headers["X-Request-ID"] == "mine"


@needs_nginx
def test_a_large_file_streams_through(proxied: Server) -> None:
    """Of 3 MB, sent in chunks: the answer begins before the file's end is answered."""
    header = ("app_usage_min_per_day", "screen_on_hours_per_day", "apps_installed", "note")
    row = f"310,6.1,64,{'x' * 200}\n".encode()
    n_rows = 15_000
    parts = (b",".join(name.encode() for name in header) + b"\n", *[row * 100] * (n_rows // 100))
    assert sum(map(len, parts)) > 3_000_000
    with closing(http.client.HTTPConnection("127.0.0.1", proxied.port, timeout=60)) as client:
        client.request("POST", "/predict/file", iter(parts), {"Content-Type": "text/csv"})
        answer = client.getresponse()
        assert answer.status == 200
        assert answer.headers["Transfer-Encoding"] == "chunked"
        text = answer.read().decode()
    assert text.count("\n") == n_rows + 1
    assert text.count("Brand Loyalist") == n_rows


@needs_nginx
@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/predict", DEFAULTS.max_body_bytes),
        ("/predict/file", DEFAULTS.max_file_bytes),
        ("/studies/household/predict/file", DEFAULTS.max_file_bytes),
    ],
)
def test_too_large_a_body_is_refused_before_it_is_sent(
    proxied: Server, path: str, limit: int
) -> None:
    """By its length, with a problem document; one byte less is left to the service."""
    with closing(http.client.HTTPConnection("127.0.0.1", proxied.port, timeout=60)) as client:
        client.putrequest("POST", path)
        client.putheader("Content-Length", str(limit + 1))
        client.endheaders()
        assert "longer than allowed" in problem(413, client.getresponse())
    with closing(http.client.HTTPConnection("127.0.0.1", proxied.port, timeout=60)) as client:
        kind = "text/csv" if path.endswith("file") else "application/json"
        client.request("POST", path, b" " * limit, {"Content-Type": kind})
        assert client.getresponse().status in (400, 422)


@needs_nginx
def test_metrics_are_not_for_the_public(server: Server, proxied: Server) -> None:
    """They are there, behind the proxy."""
    assert server.get("/metrics").status == 200
    with closing(http.client.HTTPConnection("127.0.0.1", proxied.port, timeout=60)) as client:
        client.request("GET", "/metrics")
        assert "nothing at this path" in problem(404, client.getresponse())


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that it got."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        content = json.dumps({name.lower(): self.headers.get_all(name) for name in self.headers})
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def echoing() -> AbstractContextManager[int]:
    """Run a server that shows what the proxy sends."""
    return running_here(Echo)


@contextmanager
def running_here(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Run a server in this process until the block ends; give its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


SPOOFED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "gopher",
    "X-Forwarded-Host": "evil.example",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9",
}


@needs_nginx
def test_what_a_client_says_of_itself_is_replaced(tmp_path: Path) -> None:
    """Only the proxy says who asks, and in which way."""
    with echoing() as upstream, proxying(tmp_path, upstream) as proxy:
        client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
        client.request("GET", "/", headers=SPOOFED | {"Host": "shop.example"})
        got = json.loads(client.getresponse().read())
        client.close()
    assert got["x-forwarded-for"] == got["x-real-ip"] == ["127.0.0.1"]
    assert got["x-forwarded-proto"] == ["http"]
    assert got["x-forwarded-host"] == got["host"] == ["shop.example"]
    assert "forwarded" not in got


HOST = "Host: localhost\r\nConnection: close\r\n"
LONG = "x" * 9_000
REFUSED = {
    "no host": (400, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
    "two hosts": (400, f"GET / HTTP/1.1\r\n{HOST}{HOST}\r\n"),
    "request line": (400, "GET\r\n\r\n"),
    "escape": (400, f"GET /%zz HTTP/1.1\r\n{HOST}\r\n"),
    "length": (400, f"POST /predict HTTP/1.1\r\n{HOST}Content-Length: many\r\n\r\n"),
    "metrics": (404, f"GET /metrics HTTP/1.1\r\n{HOST}\r\n"),
    "internal": (404, f"GET /_problem HTTP/1.1\r\n{HOST}\r\n"),
    "trace": (405, f"TRACE / HTTP/1.1\r\n{HOST}\r\n"),
    "body": (413, f"POST /predict HTTP/1.1\r\n{HOST}Content-Length: 99999999\r\n\r\n"),
    "uri": (414, f"GET /{LONG} HTTP/1.1\r\n{HOST}\r\n"),
    "header": (431, f"GET / HTTP/1.1\r\n{HOST}X-Long: {LONG}\r\n\r\n"),
    "coding": (501, f"POST /predict HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip\r\n\r\n"),
    "version": (505, f"GET / HTTP/2.1\r\n{HOST}\r\n"),
}
"""What nginx refuses by itself, with the status that it gets."""


def logged(proxy: Proxy, request_id: str) -> dict[str, Any]:
    """Wait for the line of a request and return it; there is one."""
    wait_until(lambda: any(line["request_id"] == request_id for line in proxy.lines()))
    (line,) = (line for line in proxy.lines() if line["request_id"] == request_id)
    return line


def own_problem(proxy: Proxy, status: int, answer: bytes) -> str:
    """Check that an answer is a problem of nginx's own, and logged; return its head."""
    head, _, body = answer.decode().partition("\r\n\r\n")
    content = json.loads(body)
    assert head.split()[1] == str(status)
    assert content["status"] == status
    assert content["title"] == HTTP_STATUS_CODES[status]
    assert "\r\nContent-Type: application/problem+json\r\n" in head
    assert f"\r\nX-Request-ID: {content['request_id']}\r\n" in f"{head}\r\n"
    line = logged(proxy, content["request_id"])
    assert (line["logger"], line["status"]) == ("proxy", status)
    return head


@needs_nginx
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("reason", REFUSED)
def test_its_own_errors_are_problem_documents(
    proxy: Proxy, secure: Proxy, reason: str, *, tls: bool
) -> None:
    """As the service's, with an id that is in its log; over TLS as without."""
    status, payload = REFUSED[reason]
    which = secure if tls else proxy
    head = own_problem(which, status, which.ask(payload.encode(), tls=tls))
    assert ("Strict-Transport-Security" in head) is tls


@needs_nginx
def test_plain_http_is_told_so_on_the_port_for_tls(secure: Proxy) -> None:
    """A problem document without TLS."""
    with socket.create_connection(("127.0.0.1", secure.tls), timeout=60) as sock:
        answer = exchange(sock, f"GET / HTTP/1.1\r\n{HOST}\r\n".encode())
    own_problem(secure, 400, answer)


@needs_nginx
def test_chunks_that_become_too_many_are_refused(proxy: Proxy) -> None:
    """A body without a length is counted."""
    head = f"POST /predict HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n2000000\r\n"
    own_problem(proxy, 413, proxy.ask(head.encode() + b"x"))


@needs_nginx
def test_a_client_that_is_too_slow_is_logged(proxy: Proxy) -> None:
    """After READ_TIMEOUT; nginx closes the connection without a word."""
    before = [line["status"] for line in proxy.lines()].count(408)
    assert proxy.ask(b"GET / HTTP/1.1\r\nHost: loc") == b""
    wait_until(lambda: [line["status"] for line in proxy.lines()].count(408) == before + 1)


@needs_nginx
def test_what_the_service_answers_is_not_logged_again(proxy: Proxy, proxied: Server) -> None:
    """Neither its answers nor its errors; and nothing of what was sent is ever logged."""
    assert proxied.post(COMPLETE).status == 200
    assert proxied.post({"age": 300}).status == 422
    assert proxied.get("/Zaphod").status == 404
    own_problem(proxy, 400, proxy.ask(b"GET /Zaphod?Zaphod HTTP/1.1\r\nConnection: close\r\n\r\n"))
    own_problem(proxy, 400, proxy.ask(b'G"Zaphod / HTTP/1.1\r\n\r\n'))
    assert all(line["status"] not in (200, 422) for line in proxy.lines())
    assert "Zaphod" not in (proxy.folder / "log").read_text()
    keys = {"time", "level", "logger", "method", "status", "bytes", "seconds", "request_id"}
    assert all(set(line) == keys for line in proxy.lines())


class Mute(BaseHTTPRequestHandler):
    """Takes requests and answers none: it hangs up, or waits until the other side does."""

    def do_GET(self) -> None:
        """Do not answer."""
        self.close_connection = True
        if self.path == "/wait":
            self.connection.recv(1)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@needs_nginx
@pytest.mark.parametrize("path", ["/hang-up", "/wait"])
def test_a_service_that_does_not_answer_is_a_503(tmp_path: Path, path: str) -> None:
    """Whether it ends the connection or keeps it: come again in some seconds."""
    with running_here(Mute) as upstream, proxying(tmp_path, upstream, patience=1) as proxy:
        answer = proxy.ask(f"GET {path} HTTP/1.1\r\n{HOST}\r\n".encode())
        assert "\r\nRetry-After: 10" in own_problem(proxy, 503, answer)


@needs_nginx
def test_a_service_that_is_away_is_a_503(tmp_path: Path) -> None:
    """A problem document, as the service's own."""
    with proxying(tmp_path, free_port()) as proxy:
        client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=60)
        client.request("GET", "/livez")
        assert "does not answer" in problem(503, client.getresponse())
        client.close()
        wait_until(lambda: [line["status"] for line in proxy.lines()] == [503])


@needs_nginx
def test_with_certificates_it_speaks_tls(tmp_path: Path) -> None:
    """What comes without is sent there; the service hears that it was https."""
    certify(tmp_path)
    with echoing() as upstream, proxying(tmp_path, upstream) as proxy:
        plain = http.client.HTTPConnection("localhost", proxy.port, timeout=60)
        plain.request("GET", "/pages/?a=b")
        moved = plain.getresponse()
        remote = f"https://localhost:{proxy.tls}/pages/?a=b"
        assert (moved.status, moved.headers["Location"]) == (308, remote)
        plain.close()
        context = trusting(tmp_path)
        client = http.client.HTTPSConnection("localhost", proxy.tls, timeout=60, context=context)
        client.request("GET", "/")
        answer = client.getresponse()
        assert json.loads(answer.read())["x-forwarded-proto"] == ["https"]
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        client.close()


@needs_nginx
@pytest.mark.parametrize(("port", "displayed"), [("443", ""), ("127.0.0.1:8444", ":8444")])
def test_the_port_of_https_is_the_one_of_the_host(
    tmp_path: Path, port: str, displayed: str
) -> None:
    """Which the container can't know; the usual one is left out."""
    certify(tmp_path)
    with proxying(tmp_path, free_port(), HTTPS_PORT=port) as proxy:
        answer = proxy.ask(f"GET /x HTTP/1.1\r\n{HOST}\r\n".encode())
        assert f"\r\nLocation: https://localhost{displayed}/x\r\n".encode() in answer


def curl(*arguments: str, folder: Path) -> tuple[str, str]:
    """Ask with HTTP/2; return the version that was spoken, and the answer with its head."""
    command = ["curl", "--silent", "--include", "--http2", "--max-time", "60"]
    trust = ["--cacert", str(folder / "tls/fullchain.pem")]
    output = ["--write-out", "\n%{http_version}"]
    completed = subprocess.run(
        [*command, *trust, *output, *arguments], capture_output=True, text=True, check=True
    )
    answer, _, version = completed.stdout.rpartition("\n")
    return version, answer


@needs_nginx
def test_it_speaks_http_2(secure: Proxy) -> None:
    """With the service's answers and with errors of its own."""
    if (
        "HTTP2"
        not in subprocess.run(["curl", "-V"], capture_output=True, text=True, check=True).stdout
    ):
        pytest.skip("this curl does not speak HTTP/2")
    url = f"https://localhost:{secure.tls}"
    version, answer = curl(f"{url}/livez", folder=secure.folder)
    assert (version, answer.split()[1]) == ("2", "200")
    for path, status, more in (
        ("/metrics", 404, []),
        ("/predict", 413, ["-H", "Content-Length: 99999999", "--data", "x"]),
        ("/predict/file", 413, ["-H", "Content-Length: 99999999", "--data", "x"]),
        ("/%zz", 400, []),
        ("/x", 405, ["-X", "TRACE"]),
    ):
        version, answer = curl(url + path, *more, folder=secure.folder)
        content = json.loads(answer.splitlines()[-1])
        assert (version, answer.split()[1], content["status"]) == ("2", str(status), status)
        assert "content-type: application/problem+json" in answer.lower()
        assert logged(secure, content["request_id"])["status"] == status


@needs_nginx
def test_limits_can_be_set(tmp_path: Path) -> None:
    """By the variables that the service has: what is longer is refused, what is not passes."""
    with (
        echoing() as upstream,
        proxying(tmp_path, upstream, MAX_BODY_BYTES="2048", MAX_FILE_BYTES="4096") as proxy,
    ):
        for path, length, status in (
            ("/predict", 2048, 501),  # Echo knows no POST
            ("/predict", 2049, 413),
            ("/predict/file", 4096, 501),
            ("/predict/file", 4097, 413),
        ):
            head = f"POST {path} HTTP/1.1\r\n{HOST}Content-Length: {length}\r\n\r\n"
            answer = proxy.ask(head.encode() + b"x" * (length if status != 413 else 0))
            assert answer.split()[1] == str(status).encode()


def started(folder: Path, **settings: str) -> tuple[int, str]:
    """Start a proxy that can't; return its status and the one line that it says."""
    script = configured(folder, free_port(), {"8080": free_port(), "8443": free_port()})
    completed = subprocess.run(
        ["sh", script],
        env=environment_of(folder, settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert completed.stderr.count("\n") == 1
    return completed.returncode, completed.stderr.strip()


@needs_nginx
@pytest.mark.parametrize("present", ["fullchain.pem", "privkey.pem", "cert.pem", None])
def test_a_certificate_that_is_wanted_is_not_left_out_in_silence(
    tmp_path: Path, present: str | None
) -> None:
    """Half of it, other names, or an empty folder that TLS names: it does not fall back to HTTP."""
    (tmp_path / "tls").mkdir()
    if present:
        (tmp_path / "tls" / present).write_text("")
    settings = {} if present else {"TLS": "/etc/certificates"}
    status, line = started(tmp_path, **settings)
    missing = "privkey.pem" if present == "fullchain.pem" else "fullchain.pem"
    assert (status, missing in line) == (1, True)


@needs_nginx
@pytest.mark.parametrize(
    "name", ["MAX_BODY_BYTES", "MAX_FILE_BYTES", "READ_TIMEOUT", "KEEP_ALIVE", "HTTPS_PORT"]
)
@pytest.mark.parametrize("value", ["16m", "-1", "1 2", "x", "1;"])
def test_a_setting_that_is_no_number_is_refused(tmp_path: Path, name: str, value: str) -> None:
    """By its name, without its value."""
    status, line = started(tmp_path, **{name: value})
    assert (status, line) == (1, f"proxy: {name} is not a whole number")
