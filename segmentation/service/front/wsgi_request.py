"""How a request looks to Flask: PEP 3333's environment, as gunicorn's own workers make it."""

from __future__ import annotations

import sys
from typing import IO
from urllib.parse import unquote_to_bytes

from segmentation.service.server.exchange import Exchange
from segmentation.service.wsgi_environment import N_RECEIVED, STARTED, Environment

_FIXED: Environment = {
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
    "SERVER_SOFTWARE": "gunicorn",
    "SCRIPT_NAME": "",
}
_WITHOUT_PREFIX = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def describe_request(exchange: Exchange) -> Environment:
    """Return what is to be known about a request but its body, as JSON can have it."""
    request, transport = exchange.request, exchange.connection.transport
    path, _, query = request.target.partition(b"?")
    server = transport.get_extra_info("sockname") or ("", 0)
    client = transport.get_extra_info("peername") or ("", 0)
    return {
        **exchange.environment,
        **_make_headers(request.headers),
        STARTED: exchange.started,
        N_RECEIVED: request.body.n_bytes,
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "RAW_URI": request.target.decode("latin-1"),
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": str(client[0]),
        "REMOTE_PORT": str(client[1]),
    }


def complete_environment(described: Environment, body: IO[bytes]) -> Environment:
    """Return the environment of a request that is complete, or as long as it may be."""
    return {**_FIXED, **described, "wsgi.errors": sys.stderr, "wsgi.input": body}


def _make_headers(headers: list[tuple[bytes, bytes]]) -> Environment:
    """Return headers by CGI's names; one that comes several times is one with commas.

    One with an underscore in its name would pass for another one with a dash, and is left out.
    """
    fields: Environment = {}
    for name, value in headers:
        if b"_" in name:
            continue
        key = (
            _WITHOUT_PREFIX.get(name) or f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"
        )
        text = value.decode("latin-1")
        fields[key] = f"{fields[key]},{text}" if key in fields else text
    return fields
