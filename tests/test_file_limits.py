"""How much a file may ask for: rows, and bytes of its answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from segmentation.service.app import create_app
from segmentation.service.file_limits import CountedRows, limit_answer
from segmentation.service.problem_details import RequestError
from segmentation.service.settings import Settings
from tests.support.servers import serving

CSV = {"Content-Type": "text/csv"}
LINES = CSV | {"Accept": "application/x-ndjson"}


def table_of(n_rows: int) -> bytes:
    """Return a file."""
    return b"age,apps_installed\n" + b"33,64\n" * n_rows


@pytest.mark.parametrize(("n_rows", "status"), [(20, 200), (21, 413)])
@pytest.mark.parametrize("kind", ["text/csv", "application/x-ndjson"])
def test_rows_are_counted_before_anything_is_answered(n_rows: int, status: int, kind: str) -> None:
    """With the number that there are and the number that is allowed."""
    client = create_app(Settings(max_file_rows=20)).test_client()
    answer = client.post(
        "/predict/file", data=table_of(n_rows), headers=CSV | {"Accept": kind}, buffered=True
    )
    assert answer.status_code == status
    if status == 413:
        assert answer.json["detail"] == (
            "The file has 21 rows to be answered; 20 are allowed at a time. Send it in parts."
        )


def test_an_answer_that_would_be_too_long_does_not_begin() -> None:
    """A file of 80 kB would have 6 MB as JSON lines, and has 2 MB as CSV."""
    client = create_app(Settings(max_answer_bytes=4 << 20)).test_client()
    answer = client.post("/predict/file", data=table_of(14_000), headers=LINES, buffered=True)
    assert answer.status_code == 413
    assert "MiB; 4 are allowed" in answer.json["detail"]
    assert (
        client.post("/predict/file", data=table_of(14_000), headers=CSV, buffered=True).status_code
        == 200
    )


def make_parts(counted: CountedRows, sizes: list[int]) -> Iterator[bytes]:
    """Make an answer of parts of some sizes, each about as many rows."""
    yield b"header"
    for _, size in zip(counted, sizes, strict=True):
        yield b"x" * size


def test_an_answer_that_grows_beyond_its_beginning_breaks_off() -> None:
    """What has been sent is within the limit."""
    sizes = [1_000] * 10 + [100_000]
    counted = CountedRows([[None] * 1_000] * 11)  # type: ignore[list-item]
    parts = limit_answer(make_parts(counted, sizes), counted, 11_000, 50_000)
    given_parts = [next(parts) for _ in range(11)]
    with pytest.raises(RequestError, match="longer than its beginning"):
        next(parts)
    assert len(b"".join(given_parts)) == len(b"header") + 10_000


def test_a_short_answer_is_whole() -> None:
    """Also where it ends before its length could be told."""
    counted = CountedRows([[None] * 3])  # type: ignore[list-item]
    parts = limit_answer(make_parts(counted, [30]), counted, 3, 50)
    assert b"".join(parts) == b"header" + b"x" * 30


@pytest.mark.parametrize("n_kilobytes", [10, 300])
def test_a_file_is_read_where_it_was_received(tmp_path: Path, n_kilobytes: int) -> None:
    """In memory or on the disk: the answer is the same."""
    n_rows = n_kilobytes * 1_000 // 6
    with serving(tmp_path, WEB_CONCURRENCY="1") as server:
        reply = server.post(table_of(n_rows), "/predict/file", Content_Type="text/csv")
    assert reply.status == 200
    assert reply.body.count(b"\n") == n_rows + 1
