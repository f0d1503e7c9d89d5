"""Long answers are compressed for whoever takes gzip, and are the same in every other way.

What may be in the header and what it means is from RFC 9110, section 12.5.3.
"""

from __future__ import annotations

import gzip
import http.client
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from segmentation.service.app import create_app
from segmentation.service.compression import LEAST_BYTES, Compression, takes_gzip
from segmentation.service.settings import Settings
from tests.support.records import COMPLETE
from tests.support.servers import Server, serving
from tests.support.shipped import MODEL

MANY = json.dumps([COMPLETE] * 100).encode()
JSON = {"Content-Type": "application/json"}
GZIP = {"Accept-Encoding": "gzip, deflate, br"}
ROWS = Path("data/mobile.csv").read_bytes()


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    """A client of the service without its worker."""
    return create_app(Settings(model_path=MODEL)).test_client()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real one."""
    with serving(tmp_path_factory.mktemp("server"), WEB_CONCURRENCY="1") as running:
        yield running


@pytest.mark.parametrize(
    "header",
    ["gzip", "GZIP", "gzip, deflate, br, zstd", "*", "br;q=1, gzip;q=0.2", "deflate,gzip;q=1.0"],
)
def test_gzip_is_taken(header: str) -> None:
    """By name, by a star, and with any weight but 0."""
    assert takes_gzip(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "identity",
        "br",
        "gzip;q=0",
        "gzip;q=0, *",
        "*;q=0",
        "identity, gzip;q=0.5",
        "gzipped",
        ";q=1",
        "gzip;q=nothing",
    ],
)
def test_gzip_is_not_taken(header: str) -> None:
    """No header asks for the bytes as they are, and a weight of 0 forbids a coding."""
    assert not takes_gzip(header)


@given(header=st.text(max_size=60))
def test_any_header_is_understood_or_left(header: str) -> None:
    """None is an error."""
    assert takes_gzip(header) in {True, False}


def answer(
    server: Server, path: str, body: bytes | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """Return the answer of a real server and its content as it was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST" if body else "GET", path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


@pytest.mark.parametrize(
    ("path", "body", "media_type"),
    [
        ("/predict", MANY, "application/json"),
        ("/studies/mobile/predict", json.dumps([COMPLETE] * 900).encode(), "application/json"),
        ("/predict/file", ROWS, "text/csv"),
        ("/predict/file?format=jsonl", ROWS, "text/csv"),
        ("/model", None, ""),
        ("/openapi.json", None, ""),
        ("/metrics", None, ""),
    ],
)
def test_a_long_answer_is_the_same_in_gzip(
    server: Server, path: str, body: bytes | None, media_type: str
) -> None:
    """On the loop, from Flask and from the pages; a cache learns what it depends on."""
    media = {"Content-Type": media_type} if body else {}
    plain, expected = answer(server, path, body, **media)
    packed, content = answer(server, path, body, **media, **GZIP)
    assert plain.status == packed.status == 200
    assert plain.headers["Content-Encoding"] is None
    assert packed.headers["Content-Encoding"] == "gzip"
    for response in (plain, packed):
        assert "Accept-Encoding" in response.headers.get_all("Vary", [])
    assert plain.headers["Content-Type"] == packed.headers["Content-Type"]
    unpacked = gzip.decompress(content)
    if path != "/metrics":  # its figures change
        assert unpacked == expected
    assert len(content) < len(unpacked) / 2


def test_scripts_and_documents_of_the_pages_are_compressed(server: Server) -> None:
    """They are the longest of what a browser loads."""
    document, content = answer(server, "/pages/", **GZIP)
    assert document.headers["Content-Encoding"] == "gzip"
    scripts = re.findall(r'src="(/pages/_dash[^"]+)"', gzip.decompress(content).decode())
    assert scripts
    for script in scripts:
        _, expected = answer(server, script)
        packed, content = answer(server, script, **GZIP)
        if len(expected) >= LEAST_BYTES:
            assert packed.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(content) == expected
        tag = packed.headers["ETag"]
        assert tag is None or tag.startswith('W/"')


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/nowhere"])
def test_a_short_answer_is_left(server: Server, path: str) -> None:
    """It would not get shorter."""
    response, content = answer(server, path, **GZIP)
    assert response.headers["Content-Encoding"] is None
    assert len(content) == int(str(response.headers["Content-Length"])) < LEAST_BYTES


def test_a_single_prediction_is_left_and_keeps_its_length(server: Server) -> None:
    """What most requests are."""
    response, content = answer(server, "/predict", json.dumps(COMPLETE).encode(), **JSON, **GZIP)
    assert response.headers["Content-Encoding"] is None
    assert json.loads(content)["segment"]


def test_head_has_the_headers_of_get_and_no_content(client: FlaskClient) -> None:
    """Not even the end of an empty gzip."""
    response = client.head("/model", headers=GZIP)
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.data == b""


def test_what_comes_as_parts_goes_as_parts() -> None:
    """A long file is not gathered first, and what is inside is closed."""
    yielded: list[int] = []

    class Parts:
        closed = False

        def __iter__(self) -> Iterator[bytes]:
            for number in range(1000):
                yielded.append(number)
                yield str(number).encode() * 1000

        def close(self) -> None:
            self.closed = True

    parts = Parts()

    def app(_environment: object, start: object) -> Parts:
        start("200 OK", [("Content-Type", "text/csv")])  # type: ignore[operator]
        return parts

    packed = Compression(app)(  # type: ignore[arg-type]
        {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip"}, lambda *_: None
    )
    pieces = iter(packed)
    first = next(pieces)
    assert len(yielded) == 1
    content = first + b"".join(pieces)
    packed.close()  # type: ignore[attr-defined]
    assert parts.closed
    assert gzip.decompress(content) == b"".join(
        str(number).encode() * 1000 for number in range(1000)
    )


def test_a_content_that_breaks_off_has_no_end() -> None:
    """Its gzip can't be yielded for a whole one."""

    def parts() -> Iterator[bytes]:
        yield b"a row\n" * 10_000
        raise RuntimeError

    def app(_environment: object, start: object) -> Iterator[bytes]:
        start("200 OK", [("Content-Type", "text/csv")])  # type: ignore[operator]
        return parts()

    packed = Compression(app)(
        {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip"}, lambda *_: None
    )
    pieces: list[bytes] = []
    with pytest.raises(RuntimeError):
        pieces.extend(packed)
    reader = zlib.decompressobj(wbits=31)
    reader.decompress(b"".join(pieces))
    assert not reader.eof
