"""A registry of images that answers to ECR's name: Debian's, over HTTPS, behind a proxy."""

from __future__ import annotations

import datetime
import json
import socket
import socketserver
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.servers import free_port
from tests.support.waiting import PATIENCE, wait_until

NAME = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


class _Tunnel(socketserver.ThreadingTCPServer):
    """A proxy that leads every HTTPS connection to one port."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.port = port


class _Relay(socketserver.BaseRequestHandler):
    server: _Tunnel

    def handle(self) -> None:
        self.request.recv(65536)
        address = ("127.0.0.1", self.server.port)
        with suppress(OSError), socket.create_connection(address) as registry:
            self.request.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_copy, args=(registry, self.request), daemon=True)
            back.start()
            _copy(self.request, registry)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@dataclass(frozen=True)
class Registry:
    """A running registry.

    Attributes
    ----------
    port : int
        Where it is itself.
    proxy : str
        Where HTTPS connections lead to it, whatever name they are for.
    certificate : Path
    process : Popen
    """

    port: int
    proxy: str
    certificate: Path
    process: subprocess.Popen[bytes]

    def tags(self, repository: str) -> list[str]:
        """Return what a repository has."""
        trust = ssl.create_default_context(cafile=str(self.certificate))
        trust.check_hostname = False  # asked by its address
        address = f"https://127.0.0.1:{self.port}/v2/{repository}/tags/list"
        with urllib.request.urlopen(address, context=trust, timeout=PATIENCE) as answer:
            return list(json.load(answer)["tags"])


@contextmanager
def running_registry(folder: Path) -> Iterator[Registry]:
    """Run a registry, and the way to it, until the block ends."""
    port, certificate = free_port(), _write_certificate(folder)
    configuration = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {
            "addr": f"127.0.0.1:{port}",
            "tls": {"certificate": str(certificate), "key": str(folder / "registry.key")},
        },
    }
    (folder / "registry.json").write_text(json.dumps(configuration))
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", folder / "registry.json"], stdout=log, stderr=log
        )

    def answers() -> bool:
        assert process.poll() is None, (folder / "registry.log").read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    try:
        wait_until(answers)
        with _Tunnel(port) as tunnel:
            threading.Thread(target=tunnel.serve_forever, daemon=True).start()
            proxy = f"http://127.0.0.1:{tunnel.server_address[1]}"
            yield Registry(port, proxy, certificate, process)
            tunnel.shutdown()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _write_certificate(folder: Path) -> Path:
    """Make a key and a certificate of the registry that signs itself; return the latter."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "registry.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    path = folder / "registry.crt"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path
