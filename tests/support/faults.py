"""A way to an account on which calls can fail: an HTTP proxy that stands in for AWS's addresses.

It knows the three protocols of the services that are used, counts the calls, and asks a plan what
becomes of each. It also plays ECS's part of a deployment, which moto does not know: see `Stage`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.waiting import PATIENCE


@dataclass(frozen=True)
class Call:
    """A call of an interface: its operation, and what was sent."""

    operation: str
    body: str

    def form(self) -> dict[str, str]:
        """Return the fields of a call in a query protocol."""
        return dict(urllib.parse.parse_qsl(self.body, keep_blank_values=True))

    def parameters(self) -> dict[str, str]:
        """Return the values that a call sends for a stack's parameters."""
        form = self.form()
        return {
            form[f"{start}.ParameterKey"]: form[f"{start}.ParameterValue"]
            for start in {key.rpartition(".")[0] for key in form if key.startswith("Parameters.")}
            if f"{start}.ParameterValue" in form
        }


@dataclass
class Answer:
    """What is sent back; nothing is sent where `dropped`."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/xml"
    dropped: bool = False


Forward = Callable[[], Answer]
Plan = Callable[[int, Call, Forward], Answer]
"""Decides about a call, by its number from 0: answers it, and may forward it before."""


def pass_on(_number: int, _call: Call, forward: Forward) -> Answer:
    """Let every call through."""
    return forward()


def refuse(code: str, status: int = 400) -> Plan:
    """Return a plan that refuses calls with a code, in the words of each protocol."""

    def plan(_number: int, call: Call, _forward: Forward) -> Answer:
        if call.body.startswith("{"):
            text = json.dumps({"__type": code, "message": "on purpose"}).encode()
            return Answer(status, text, "application/x-amz-json-1.1")
        error = f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>"
        if "Version=2016-11-15" in call.body:  # EC2
            return Answer(status, f"<Response><Errors>{error}</Errors></Response>".encode())
        return Answer(status, f"<ErrorResponse>{error}</ErrorResponse>".encode())

    return plan


def answer_nothing(_number: int, call: Call, _forward: Forward) -> Answer:
    """Answer as if all were well, but say nothing."""
    if call.body.startswith("{"):
        return Answer(200, b"{}", "application/x-amz-json-1.1")
    name = f"{call.operation}Response"
    return Answer(200, f"<{name}><{call.operation}Result/></{name}>".encode())


def answer_rubbish(_number: int, _call: Call, _forward: Forward) -> Answer:
    """Answer with a page of somebody else's."""
    return Answer(200, b"<html><body>Welcome to the hotel's network!</html>", "text/html")


def drop_before(_number: int, _call: Call, _forward: Forward) -> Answer:
    """Close the connection; the call never arrives."""
    return Answer(dropped=True)


def drop_after(_number: int, _call: Call, forward: Forward) -> Answer:
    """Close the connection when the call went through; its answer never arrives."""
    forward()
    return Answer(dropped=True)


FAULTS: dict[str, Plan] = {
    "throttled": refuse("Throttling"),
    "nothing": answer_nothing,
    "rubbish": answer_rubbish,
    "dropped before": drop_before,
    "dropped after": drop_after,
}


def only(number: int, fault: Plan) -> Plan:
    """Return a plan in which one call fails."""

    def plan(at: int, call: Call, forward: Forward) -> Answer:
        return fault(at, call, forward) if at == number else forward()

    return plan


def beginning_with(number: int, fault: Plan) -> Plan:
    """Return a plan in which a call and all after it fail."""

    def plan(at: int, call: Call, forward: Forward) -> Answer:
        return fault(at, call, forward) if at >= number else forward()

    return plan


@dataclass
class Proxy:
    """What the proxy was sent, and what it does about it."""

    url: str
    plan: Plan = pass_on
    calls: list[Call] = field(default_factory=list)

    def reset(self, plan: Plan = pass_on) -> None:
        """Forget the calls, and follow another plan from now on."""
        self.plan, self.calls = plan, []

    def operations(self) -> list[str]:
        """Return the names of the calls, in their order."""
        return [call.operation for call in self.calls]


class _QuietServer(ThreadingHTTPServer):
    """A server that prints nothing about clients that hang up: tests read all that is printed."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running_proxy(endpoint: str) -> Iterator[Proxy]:
    """Run a proxy in front of an account until the block ends."""
    address = urllib.parse.urlsplit(endpoint)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = Call(self._operation(body.decode()), body.decode())
            with lock:
                number = len(proxy.calls)
                proxy.calls.append(call)
            answer = proxy.plan(number, call, lambda: self._forward(body))
            if answer.dropped:
                self.close_connection = True
                return
            with contextlib.suppress(OSError):
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

        def _operation(self, body: str) -> str:
            target = self.headers.get("X-Amz-Target", "")
            match = re.search(r"(?:^|&)Action=(\w+)", body)
            return target.rpartition(".")[2] or (match[1] if match else "?")

        def _forward(self, body: bytes) -> Answer:
            connection = http.client.HTTPConnection(
                address.hostname or "", address.port, timeout=PATIENCE
            )
            with contextlib.closing(connection):
                connection.request("POST", self.path, body, dict(self.headers))
                reply = connection.getresponse()
                kind = reply.getheader("Content-Type", "text/xml")
                return Answer(reply.status, reply.read(), kind)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _QuietServer(("127.0.0.1", 0), Handler) as server:
        proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield proxy
        server.shutdown()
        thread.join()
