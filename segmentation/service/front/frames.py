"""What goes between a worker's event loop and its Flask process: frames on a pair of sockets.

One pair for each request: the request goes one way, once, and the answer comes back in frames. Who
does what with them is in ``flask_gateway`` and ``flask_process``. Both are of one program, forked
from one process: nothing here is checked.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import NamedTuple

import orjson

from segmentation.service.wsgi_environment import Environment

_HEAD = struct.Struct("!cI")


class Kind(StrEnum):
    """What a frame holds."""

    REQUEST = "R"
    """The environment of a request, as far as it is text."""
    BODY = "B"
    """Its body, or nothing where that comes as a file."""
    WHOLE = "W"
    """Status and headers of an answer that is sent in one piece."""
    PARTS = "P"
    """The same of one that is sent as its parts come."""
    FAILED = "F"
    """The same of one that says that answering broke."""
    CONTENT = "C"
    """A part of the answer."""
    NOTED = "N"
    """What the log is to say about the request."""
    END = "E"
    """Nothing: the answer is complete."""


class Frame(NamedTuple):
    """One frame."""

    kind: Kind
    content: bytes


class AnswerHead(NamedTuple):
    """Status (code and reason) and headers (their lines) of an answer."""

    status: bytes
    headers: bytes


def encode(kind: Kind, content: bytes = b"") -> bytes:
    """Return a frame as bytes."""
    return _HEAD.pack(kind.encode(), len(content)) + content


def encode_head(kind: Kind, head: AnswerHead) -> bytes:
    """Return the frame that begins an answer."""
    return encode(kind, b"\n".join(head))


def decode_head(content: bytes) -> AnswerHead:
    """Return what `encode_head` was given."""
    status, _, headers = content.partition(b"\n")
    return AnswerHead(status, headers)


def encode_noted(kind: Kind, noted: Environment) -> bytes:
    """Return a frame of values by name."""
    return encode(kind, orjson.dumps(noted))


def decode_noted(content: bytes) -> Environment:
    """Return what `encode_noted` was given."""
    noted: Environment = orjson.loads(content)
    return noted


class FrameReader:
    """Makes frames of bytes that come in pieces."""

    def __init__(self) -> None:
        self._received = bytearray()

    def add(self, piece: bytes) -> list[Frame]:
        """Take a piece and return the frames that it completes."""
        self._received += piece
        frames: list[Frame] = []
        begin = 0
        while (frame := self._read(begin)) is not None:
            frames.append(frame)
            begin += _HEAD.size + len(frame.content)
        del self._received[:begin]
        return frames

    def _read(self, begin: int) -> Frame | None:
        """Return the frame that begins somewhere, if all of it is there."""
        if len(self._received) < begin + _HEAD.size:
            return None
        kind, length = _HEAD.unpack_from(self._received, begin)
        start = begin + _HEAD.size
        if (
            len(self._received) < start + length
        ):  # before it is copied: a long one comes in many pieces
            return None
        return Frame(Kind(kind.decode()), bytes(self._received[start : start + length]))
