"""compose.yaml, and the proxy in front of the service: nginx as it is configured there."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from segmentation.service.settings import Settings
from tests.support.records import COMPLETE
from tests.support.servers import Server, free_port
from tests.support.shipped import ROOT
from tests.support.waiting import wait_until

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
needs_nginx = pytest.mark.skipif(
    not Path(NGINX).exists(),
    reason="nginx is not installed; scripts/install-test-tools installs it",
)
DEFAULTS = Settings()


def composed(name: str) -> tuple[str, dict[str, Any]]:
    """Return a compose file with the defaults of its variables, as text and as what it says."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / name).read_text())
    return text, yaml.safe_load(text)


SERVICES = composed("compose.yaml")[1]["services"]


@pytest.mark.parametrize("name", ["compose.yaml", "compose.tls.yaml"])
def test_the_file_is_what_the_specification_says(name: str) -> None:
    """By a parser that knows all of it; anchors are resolved before."""
    specification = pytest.importorskip("compose_spec", reason="compose-spec is not installed")
    content = composed(name)[1]
    content = {key: value for key, value in content.items() if not key.startswith("x-")}
    for service in content["services"].values():
        service.pop("<<", None)
    parsed = specification.PyCompose.from_yaml(json.dumps(content))
    assert set(parsed.service_names()) == set(content["services"])


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
    assert all(volume["read_only"] for volume in service["volumes"])
    assert [one.partition(":")[0] for one in service["tmpfs"]] == ["/tmp"]


def test_only_the_proxy_can_be_reached() -> None:
    """The service has no port of the host, and its network no way out."""
    assert "ports" not in SERVICES["segmentation"]
    assert SERVICES["segmentation"]["networks"] == ["inner"]
    assert composed("compose.yaml")[1]["networks"]["inner"]["internal"] is True


def test_it_waits_longer_than_the_service() -> None:
    """To stop: the proxy longest, as it waits for the service's answers."""
    grace = [int(SERVICES[one]["stop_grace_period"].rstrip("s")) for one in SERVICES]
    assert DEFAULTS.graceful_timeout < grace[0] < grace[1]


def test_what_is_mounted_is_there() -> None:
    """Every source of a volume is in the repository, but for the certificates."""
    tls = composed("compose.tls.yaml")[1]["services"]["proxy"]["volumes"]
    sources = [one["source"] for name in SERVICES for one in SERVICES[name]["volumes"]]
    for source in (*sources, *(one["source"] for one in tls)):
        assert source == "./tls" or (ROOT / source).exists(), source


def test_limits_are_those_of_the_service() -> None:
    """Sizes, and idle connections end on the proxy's side first."""
    text = (ROOT / "proxy/service.conf").read_text()
    limits = [int(one) for one in re.findall(r"client_max_body_size (\d+);", text)]
    assert limits == [DEFAULTS.max_body_bytes, DEFAULTS.max_file_bytes]
    text = (ROOT / "proxy/nginx.conf").read_text()
    idle = re.findall(r"^ +keepalive_timeout (\d+)s;$", text, re.MULTILINE)
    assert all(int(one) < DEFAULTS.keep_alive for one in idle)
    assert f"client_body_timeout {DEFAULTS.read_timeout}s;" in text


def configured(folder: Path, upstream: int, names: tuple[str, ...], ports: dict[str, int]) -> Path:
    """Write the proxy's configuration for ports and folders of a test; nothing else changes."""
    (folder / "servers").mkdir()
    for name in ("nginx.conf", "service.conf"):
        text = (ROOT / "proxy" / name).read_text()
        text = text.replace("segmentation:9696", f"127.0.0.1:{upstream}")
        text = text.replace("/tmp/", f"{folder}/").replace("/etc/nginx", str(folder))
        (folder / name).write_text(text)
    for name in names:
        text = (ROOT / "proxy" / name).read_text().replace("/etc/nginx", str(folder))
        for port, ours in ports.items():
            text = text.replace(f"listen {port}", f"listen 127.0.0.1:{ours}")
        (folder / "servers" / name).write_text(text)
    return folder / "nginx.conf"


@contextmanager
def proxying(folder: Path, upstream: int, **tls: int) -> Iterator[int]:
    """Run nginx in front of a port until the block ends; give its own."""
    port = free_port()
    name = "https.conf" if tls else "http.conf"
    file = configured(folder, upstream, (name,), {"8080": port} | {"8443": tls.get("port", 0)})
    command = [NGINX, "-c", str(file), "-e", str(folder / "log"), "-g", "daemon off;"]
    process = subprocess.Popen(command)

    def listens() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def proxied(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The service, behind the proxy."""
    folder = tmp_path_factory.mktemp("proxy")
    folder.chmod(0o755)
    with proxying(folder, server.port) as port:
        yield Server(server.process, port, server.log)


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


@contextmanager
def echoing() -> Iterator[int]:
    """Run a server that shows what the proxy sends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
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
    tmp_path.chmod(0o755)
    with echoing() as upstream, proxying(tmp_path, upstream) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        client.request("GET", "/", headers=SPOOFED | {"Host": "shop.example"})
        got = json.loads(client.getresponse().read())
        client.close()
    assert got["x-forwarded-for"] == got["x-real-ip"] == ["127.0.0.1"]
    assert got["x-forwarded-proto"] == ["http"]
    assert got["x-forwarded-host"] == got["host"] == ["shop.example"]
    assert "forwarded" not in got


@needs_nginx
def test_a_service_that_is_away_is_a_503(tmp_path: Path) -> None:
    """A problem document, as the service's own."""
    tmp_path.chmod(0o755)
    with proxying(tmp_path, free_port()) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        client.request("GET", "/livez")
        assert "does not answer" in problem(503, client.getresponse())
        client.close()


@needs_nginx
def test_with_certificates_it_speaks_tls(tmp_path: Path) -> None:
    """What comes without is sent there; the service hears that it was https."""
    import ssl

    openssl = shutil.which("openssl") or pytest.skip("openssl is not installed")
    tmp_path.chmod(0o755)
    (tmp_path / "tls").mkdir()
    key, certificate = tmp_path / "tls/privkey.pem", tmp_path / "tls/fullchain.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    tls = free_port()
    with echoing() as upstream, proxying(tmp_path, upstream, port=tls) as port:
        plain = http.client.HTTPConnection("localhost", port, timeout=60)
        plain.request("GET", "/pages/")
        moved = plain.getresponse()
        assert (moved.status, moved.headers["Location"]) == (308, "https://localhost/pages/")
        plain.close()
        context = ssl.create_default_context(cafile=str(certificate))
        client = http.client.HTTPSConnection("localhost", tls, timeout=60, context=context)
        client.request("GET", "/")
        answer = client.getresponse()
        assert json.loads(answer.read())["x-forwarded-proto"] == ["https"]
        assert "max-age" in answer.headers["Strict-Transport-Security"]
        client.close()
