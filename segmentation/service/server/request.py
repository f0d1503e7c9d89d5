"""One request as a connection has parsed it: its head, and its body within a limit.

What a head may look like beyond what the parser of llhttp holds is decided here, by RFC 9112 and by
limits. How bytes come in and go out is in ``connection``; what is answered, in ``front``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from tempfile import TemporaryFile
from typing import IO

Header = tuple[bytes, bytes]

# As gunicorn's own workers have them.
LONGEST_LINE = 4_094
MOST_HEADERS = 100
LONGEST_HEADER = 8_190
CHUNKED = b"chunked"
CONTINUE = b"100-continue"
# Bytes of a body that stay in memory: thousands of clients may be sending at a time.
_IN_MEMORY = 131_072
_BESIDE_THE_TARGET = len(b"GET  HTTP/1.1")


@dataclass(frozen=True, slots=True)
class RequestRefusal:
    """Why something is not answered as a request.

    Attributes
    ----------
    status : HTTPStatus
    kind : str
        For the log and for Prometheus: one of few.
    """

    status: HTTPStatus
    kind: str


NOT_HTTP = RequestRefusal(HTTPStatus.BAD_REQUEST, "malformed")
LONG_HEAD = RequestRefusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "long head")
UNKNOWN_METHOD = RequestRefusal(HTTPStatus.NOT_IMPLEMENTED, "method")
SLOW = RequestRefusal(HTTPStatus.REQUEST_TIMEOUT, "slow")


class Body:
    """The body of a request as far as it has come; a long one goes to the disk.

    Attributes
    ----------
    n_bytes : int
        How much of it has come.
    is_complete : bool
    error : OSError or None
        Why it could not be stored.
    """

    __slots__ = ("_file", "_parts", "error", "is_complete", "n_bytes")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.n_bytes = 0
        self.is_complete = False
        self.error: OSError | None = None

    def add(self, part: bytes) -> None:
        """Store what comes next."""
        self.n_bytes += len(part)
        self._parts.append(part)
        if self._file or self.n_bytes > _IN_MEMORY:
            self._spool()

    def _spool(self) -> None:
        try:
            self._file = self._file or TemporaryFile()  # noqa: SIM115  # closed below
            self._file.writelines(self._parts)
        except OSError as error:
            self.error = error
        self._parts.clear()

    def read(self) -> bytes:
        """Return all of a short body, and nothing of one that is on the disk."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def descriptors(self) -> list[int]:
        """Return the descriptor of a long body's file, or nothing."""
        if not self._file:
            return []
        self._file.flush()
        return [self._file.fileno()]

    def close(self) -> None:
        """Forget it."""
        self._parts.clear()
        if self._file:
            self._file.close()


@dataclass(slots=True)
class Request:
    """One request.

    Attributes
    ----------
    method, target : bytes
        As they stand in the request line.
    version : str
        ``1.1`` or ``1.0``.
    headers : list of (bytes, bytes)
        Names in small letters, and values, in the order of the head.
    fields : dict of bytes to bytes
        The same by name.
    body : Body
    """

    method: bytes
    target: bytes
    version: str
    headers: list[Header]
    fields: dict[bytes, bytes] = field(init=False)
    body: Body = field(default_factory=Body)

    def __post_init__(self) -> None:
        """Put the headers by name; of one that comes several times the values are joined."""
        self.fields = dict(self.headers)
        if len(self.fields) < len(self.headers):
            for name in self.fields:
                values = [value for field_name, value in self.headers if field_name == name]
                self.fields[name] = b",".join(values)

    @property
    def length(self) -> int | None:
        """What it says about the length of its body, in bytes."""
        claimed = self.fields.get(b"content-length")
        return int(claimed) if claimed else None

    @property
    def waits_for_leave(self) -> bool:
        """Whether its client wants to be told before it sends the body."""
        return b"expect" in self.fields and self.version == "1.1"


NO_REQUEST = Request(b"", b"", "1.1", [])


def check_head(request: Request) -> RequestRefusal | None:
    """Return why a head is refused, or None.

    Parameters
    ----------
    request : Request
        Which the parser has taken: no repeated or contradicting lengths, no control characters.
    """
    if len(request.target) + len(request.method) + _BESIDE_THE_TARGET > LONGEST_LINE:
        return RequestRefusal(HTTPStatus.REQUEST_URI_TOO_LONG, "long line")
    if len(request.headers) > MOST_HEADERS or any(
        len(name) + len(value) > LONGEST_HEADER for name, value in request.headers
    ):
        return LONG_HEAD
    if request.version not in ("1.0", "1.1"):
        return NOT_HTTP
    hosts = [value for name, value in request.headers if name == b"host"]
    if len(hosts) != 1 if request.version == "1.1" else len(hosts) > 1:
        return RequestRefusal(HTTPStatus.BAD_REQUEST, "host")
    return _check_body(request)


def _check_body(request: Request) -> RequestRefusal | None:
    codings = [value for name, value in request.headers if name == b"transfer-encoding"]
    if codings and (request.version == "1.0" or b"content-length" in request.fields):
        return NOT_HTTP
    if codings and [coding.lower() for coding in codings] != [CHUNKED]:
        return RequestRefusal(HTTPStatus.NOT_IMPLEMENTED, "transfer coding")
    if request.waits_for_leave and request.fields[b"expect"].lower() != CONTINUE:
        return RequestRefusal(HTTPStatus.EXPECTATION_FAILED, "expectation")
    return None
