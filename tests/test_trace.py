"""Which trace ids get into the log: those that are well formed, and nothing else of a header."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.service.observability.trace_context import trace
from tests.support.records import COMPLETE
from tests.support.servers import Server, serving
from tests.support.waiting import wait_until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
ROOT = "Root=1-67891233-abcdef012345678912345678"
SELF = "Self=1-67891234-12456789abcdef012345678a"


def parent(header: str) -> str | None:
    """Return what is logged of a traceparent."""
    return trace({"HTTP_TRACEPARENT": header}).get("traceparent")


def amazon(header: str) -> str | None:
    """Return what is logged of an X-Amzn-Trace-Id."""
    return trace({"HTTP_X_AMZN_TRACE_ID": header}).get("x_amzn_trace_id")


def test_a_request_without_them_has_none() -> None:
    """And one that has one has that one."""
    assert trace({}) == trace({"HTTP_TRACEPARENT": "", "HTTP_X_AMZN_TRACE_ID": ""}) == {}
    assert trace({"HTTP_TRACEPARENT": TRACEPARENT}) == {"traceparent": TRACEPARENT}
    assert trace({"HTTP_X_AMZN_TRACE_ID": ROOT}) == {"x_amzn_trace_id": ROOT}


def test_of_a_later_version_what_is_known_is_taken() -> None:
    """The first four parts mean the same in all; the first version has no more of them."""
    assert parent(f"01-{TRACE}-{PARENT}-00-later") == f"01-{TRACE}-{PARENT}-00"
    assert parent(f"cc-{TRACE}-{PARENT}-00") == f"cc-{TRACE}-{PARENT}-00"
    assert parent(f"{TRACEPARENT}-later") is None


@pytest.mark.parametrize(
    "header",
    [
        f"ff-{TRACE}-{PARENT}-01",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-0g",
        f"{TRACEPARENT}\n",
        f"{TRACEPARENT} ",
        f"{TRACEPARENT}-",
        f"{TRACEPARENT},{TRACEPARENT}",  # sent twice
        f"01-{TRACE}-{PARENT}-01-{'x' * 600}",
        f"01-{TRACE}-{PARENT}-01-a\x1b[2J",
        f"01-{TRACE}-{PARENT}-01x",
        '","level":"error',
    ],
)
def test_a_malformed_traceparent_is_left_out(header: str) -> None:
    """By the grammar of Trace Context, section 3.2."""
    assert parent(header) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"{SELF};{ROOT}", f"{SELF};{ROOT}"),
        (f"{ROOT};Parent={PARENT};Sampled=1", f"{ROOT};Parent={PARENT};Sampled=1"),
        (f"{ROOT}; Sampled=?", f"{ROOT};Sampled=?"),
        (f"{ROOT};Lineage=1:a87bd80c:0", f"{ROOT};Lineage=1:a87bd80c:0"),
        (f"{ROOT};CalledFrom=ada@example.com", ROOT),
        (f"note;{ROOT};", ROOT),
    ],
)
def test_of_amazons_header_the_known_fields_are_taken(header: str, expected: str) -> None:
    """Others may hold anything, a person's address as well."""
    assert amazon(header) == expected


@pytest.mark.parametrize(
    "header",
    [
        "Root=1-6789123-abcdef012345678912345678",
        "Root=2-67891233-abcdef012345678912345678",
        "Root=1-67891233-ABCDEF012345678912345678",
        "Root=",
        "Root",
        f"root={ROOT[5:]}",
        f"{ROOT}\n",
        f"{ROOT};{ROOT}",
        f"{ROOT},{ROOT}",  # sent twice
        f"{ROOT};Parent=x",
        f"{ROOT};Sampled=yes",
        f"{ROOT};Lineage={'a' * 65}",
        SELF,
        f"{ROOT};{'x' * 600}",
        '"}\n{"level":"error"',
    ],
)
def test_a_malformed_header_of_amazons_is_left_out(header: str) -> None:
    """The whole of it: half a trace may be another one."""
    assert amazon(header) is None


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.text('0123456789abcdefRotSelf=1-;, \n"{}', max_size=80))
def test_nothing_else_gets_through(free: str, near: str) -> None:
    """Whatever is sent, lines have no more than letters, digits and a few marks."""
    for header in (
        free,
        near,
        f"{ROOT};{free}",
        f"{TRACEPARENT}{near}",
        f"01{TRACEPARENT[2:]}-{near}",
    ):
        values = trace({"HTTP_TRACEPARENT": header, "HTTP_X_AMZN_TRACE_ID": header}).values()
        assert all(len(value) < 250 and set(value) <= ALLOWED for value in values)


ALLOWED = frozenset("0123456789abcdefRSPLotelfarnmpdig=-;:|?")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A gunicorn of this module."""
    with serving(tmp_path_factory.mktemp("trace"), WEB_CONCURRENCY="1") as server:
        yield server


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/predict", COMPLETE, 200),  # the short way
        ("/explain", COMPLETE, 200),
        ("/predict", {"age": 300}, 422),
        ("//predict", COMPLETE, 404),
    ],
)
def test_the_line_of_a_request_has_them(
    logged: Server, path: str, content: object, status: int
) -> None:
    """By whichever way it is answered; a malformed one leaves no trace."""
    name = os.urandom(8).hex()
    headers = {"X_Request_ID": name, "Traceparent": TRACEPARENT, "X_Amzn_Trace_Id": ROOT}
    assert logged.post(content, path, **headers).status == status
    bad = {"X_Request_ID": f"{name}-bad", "Traceparent": "Zaphod", "X_Amzn_Trace_Id": "Root=Zaphod"}
    assert logged.post(content, path, **bad).status == status

    def lines() -> list[dict[str, object]]:
        own = [json.loads(line) for line in logged.log.read_text().splitlines() if name in line]
        return sorted(own, key=lambda line: len(str(line["request_id"])))

    wait_until(lambda: len(lines()) == 2)
    first, second = lines()
    assert (first["traceparent"], first["x_amzn_trace_id"]) == (TRACEPARENT, ROOT)
    assert first["status"] == second["status"] == status
    assert set(first) - set(second) == {"traceparent", "x_amzn_trace_id"}
    assert "Zaphod" not in Path(logged.log).read_text()
