"""Paths have one spelling, so that who is in front and the service see the same one."""

from __future__ import annotations

import json
import socket
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.service.request_target import is_canonical
from tests.support.records import COMPLETE
from tests.support.servers import Server

SPELLINGS = (
    "//metrics", "///metrics", "/metrics//", "/.//metrics",
    "/%6detrics", "/%6Detrics", "/metric%73", "/%6D%65%74%72%69%63%73",
    "/./metrics", "/metrics/.", "/x/../metrics", "/metrics/..", "/..", "/.", "/pages/../metrics",
    "/%2e/metrics", "/%2E/metrics", "/x/%2e%2e/metrics", "/x/.%2E/metrics", "/x/%2E./metrics",
    "/%2fmetrics", "/%2Fmetrics", "/metrics%2F", "/x/..%2Fmetrics", "/x%2F..%2Fmetrics",
    "/\\metrics", "/x\\..\\metrics", "/%5Cmetrics", "/x/..%5cmetrics", "/metrics\\",
    "/metrics#", "/metrics#/x", "/#/metrics", "/x#?/metrics",
    "/metrics%00", "/metrics%0A", "/%09metrics", "/metrics%1F", "/metrics%7F",
    "/metrics%", "/metrics%2", "/metrics%zz", "/%metrics", "/%u006detrics", "/metrics%%32",
    "/metrics%3b", "/m%c3%a9trics", '/metrics"', "/<metrics>", "/metrics|", "/metrics^",
    "/{metrics}",
    "http://host/metrics", "HTTP://host//metrics", "https://host:9696/metrics?x", "x://metrics",
    "http:///metrics", "http://host", "//host/metrics", "//host//metrics",
)  # fmt: skip
"""Ways to spell the path of the metrics, or what some server would take for it."""

ROUTED = (
    "/metrics/", "/metrics;x", "/metrics%20", "/metrics%3Bx", "/METRICS", "/metrics%25",
    "/:metrics", "/metrics%3Fx", "/%C0%AFmetrics", "/%EF%BD%8Detrics",
)  # fmt: skip
"""Canonical spellings of other paths, at which there is nothing."""

LEGITIMATE = (
    "/", "/metrics", "/metrics?", "/livez?a=//b/../%6d%zz", "/livez?url=http://host//metrics#x",
    "/studies", "/studies/household/segments", "/docs", "/docs/css/swagger-ui.css", "/pages/",
    "/pages/mobile/segments", "/pages/mobile/segments?segment=power_user&x=a%2Fb",
    "/pages/_dash-layout", "/pages/_dash-dependencies",
)  # fmt: skip


def ask(
    server: Server, target: str, method: str = "GET", *headers: str, body: bytes = b""
) -> bytes:
    """Send a request line as it is; return the whole answer."""
    head = [f"{method} {target} HTTP/1.1", "Host: test", "Connection: close", *headers]
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock:
        sock.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        with sock.makefile("rb") as answer:
            return answer.read()


def problem(answer: bytes) -> tuple[int, str]:
    """Check that an answer is a problem document; return its status and detail."""
    head, _, body = answer.partition(b"\r\n\r\n")
    content = json.loads(body)
    assert b"\r\nContent-Type: application/problem+json\r\n" in head
    assert head.split()[1] == str(content["status"]).encode()
    assert f"X-Request-ID: {content['request_id']}".encode() in head
    return content["status"], content["detail"]


@pytest.mark.parametrize("target", SPELLINGS)
def test_another_spelling_is_not_found(server: Server, target: str) -> None:
    """Over the wire, with a problem document; nothing of the target is said or logged."""
    status, detail = problem(ask(server, target))
    assert status == 404
    assert "canonical" in detail
    assert "etrics" not in detail


@pytest.mark.parametrize(
    "target", ["/metrics\x01", "/metrics\x7f", "/m\xe9trics", "/\tmetrics", "\\metrics", "metrics"]
)
def test_what_no_target_may_hold_is_a_bad_request(server: Server, target: str) -> None:
    """Control characters, bytes beyond ASCII, no slash: that is not HTTP at all."""
    assert problem(ask(server, target))[0] == 400


@pytest.mark.parametrize("target", ROUTED)
def test_nothing_is_at_paths_beside_it(server: Server, target: str) -> None:
    """The service takes letters, parameters and blanks as they are."""
    status, detail = problem(ask(server, target))
    assert (status, "nothing at this path" in detail) == (404, True)


@pytest.mark.parametrize("target", LEGITIMATE)
def test_usual_targets_are_served(server: Server, target: str) -> None:
    """Whatever their query holds."""
    assert ask(server, target).split()[1] in (b"200", b"302")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE", "TRACE", "PURGE"])
def test_the_method_makes_no_difference(server: Server, method: str) -> None:
    """A target that is not canonical is nowhere, for whatever is asked of it."""
    assert ask(server, "//metrics", method).split()[1] == b"404"


@pytest.mark.parametrize("target", ["//metrics", "/metrics", "/nothing", "/predict", "/pages"])
@pytest.mark.parametrize("method", ["HEAD", "GET", "OPTIONS", "DELETE", "TRACE", "PURGE"])
def test_whatever_is_asked_every_line_of_the_log_is_json(
    server: Server, method: str, target: str
) -> None:
    """A server that finds fault with an answer says so in a line like all others."""
    answer = ask(server, target, method)
    assert method != "HEAD" or answer.endswith(b"\r\n\r\n")
    assert all(isinstance(line, dict) for line in server.log_lines())


@pytest.mark.parametrize(
    "target", ["//predict", "/%70redict", "/studies//mobile/predict", "/./predict"]
)
def test_the_short_way_takes_no_other_spelling_either(server: Server, target: str) -> None:
    """A record is answered at its path alone."""
    body = json.dumps(COMPLETE).encode()
    assert ask(server, "/predict?x=%zz", "POST", body=body).split()[1] == b"200"
    assert problem(ask(server, target, "POST", body=body))[0] == 404


@pytest.mark.parametrize(
    "header",
    [
        "SCRIPT_NAME: /x", "Script-Name: /x", "PATH_INFO: /metrics", "Path-Info: /metrics",
        "X-Script-Name: /x", "X-Forwarded-Prefix: /x", "X-Original-URL: /metrics",
        "X-Rewrite-URL: /metrics", "X-Forwarded-Path: /metrics", "X-Forwarded-Uri: /metrics",
        "Forwarded: host=x;proto=https", "X-HTTP-Method-Override: DELETE",
    ],
)  # fmt: skip
def test_no_header_leads_to_another_path(server: Server, header: str) -> None:
    """Also from 127.0.0.1, whose headers gunicorn trusts unless it is told otherwise."""
    status, detail = problem(ask(server, "/x/metrics", "GET", header))
    assert (status, "nothing at this path" in detail) == (404, True)
    assert ask(server, "/livez", "GET", header).split()[1] == b"200"


@pytest.mark.parametrize("name", ["größe", "客户", "a b", "100%", "a:b@c", "it's", "x;y=z", "[a]"])
def test_names_that_need_encoding_have_a_spelling(name: str) -> None:
    """That of RFC 3986, and of browsers and HTTP libraries; marks may be encoded or not."""
    assert is_canonical(f"/studies/{quote(name, safe='')}/predict")
    assert is_canonical(f"/studies/{quote(name, safe=_MARKS)}/predict")


_MARKS = "!$&'()*+,;=:@"


@settings(max_examples=500, deadline=None)
@given(st.text("/.%mM2eE5cCfF;:~-x", max_size=12))
def test_a_canonical_path_is_its_decoded_one_encoded_again(tail: str) -> None:
    """So two that differ lead to different paths; only marks may be encoded or not."""
    target = f"/{tail}"
    if is_canonical(target):
        segments = [unquote_to_bytes(word) for word in target.split("/")]
        plain = target
        for mark in _MARKS:
            plain = plain.replace(quote(mark, safe=""), mark)
        assert plain == "/".join(quote(segment, safe=_MARKS) for segment in segments)
        assert not {b"", b".", b".."} & set(segments[1:-1])
        assert not any(separator in item for item in segments for separator in (b"/", b"\\"))
