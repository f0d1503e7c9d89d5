"""The fields of a protocol buffers message, as they stand in its bytes.

Enough to look into an ONNX model before anything that executes it sees it; ``onnx`` itself belongs
to the build side. The format: https://protobuf.dev/programming-guides/encoding/. What the fields
mean is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}

Field = tuple[int, int | bytes]
"""Its number; its value, which are the bytes for all but whole numbers."""


class MessageError(ValueError):
    """Bytes that are no message."""


def read_fields(message: bytes, skipped: re.Pattern[bytes] | None = None) -> Iterator[Field]:
    """Yield the fields of a message in order.

    Parameters
    ----------
    message : bytes
    skipped : re.Pattern, optional
        Of bytes of whole fields; what it matches where a field begins is yielded as one field with
        the number 0. A hundred thousand numbers, each in a field of its own, would take long.

    Raises
    ------
    MessageError
        Where the bytes break off or are no message.
    """
    position = 0
    while position < len(message):
        if skipped and (match := skipped.match(message, position)):
            position = match.end()
            yield 0, match[0]
            continue
        key, position = _read_varint(message, position)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise MessageError
        if kind == _VARINT:
            value, position = _read_varint(message, position)
            yield number, value
            continue
        length, position = _read_length(message, position, kind)
        if position + length > len(message):
            raise MessageError
        yield number, message[position : position + length]
        position += length


def read_numbers(run: bytes) -> NDArray[np.uint64]:
    """Return the whole numbers of a run of fields, each of which holds one of at most 63 bits.

    Parameters
    ----------
    run : bytes
        Fields of the same number below 16, as `read_fields` skips them.

    Returns
    -------
    ndarray of shape (n_fields,)
    """
    content = np.frombuffer(run, np.uint8)
    ends = np.flatnonzero(content < 0x80)  # noqa: PLR2004  # as in _read_varint
    if not len(ends) or ends[-1] != len(content) - 1:
        if len(content):
            raise MessageError
        return np.empty(0, np.uint64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    places = np.arange(len(content)) - np.repeat(starts, ends - starts + 1)
    if places.max() >= _LONGEST_VARINT - 1:
        raise MessageError
    parts = (content & 0x7F).astype(np.uint64) << (7 * places).astype(np.uint64)
    return np.add.reduceat(parts, starts)[1::2]


def _read_length(message: bytes, position: int, kind: int) -> tuple[int, int]:
    if kind == _DELIMITED:
        return _read_varint(message, position)
    if kind not in _FIXED:
        raise MessageError
    return _FIXED[kind], position


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, the lowest first, and where it ends."""
    value = 0
    for shift, byte in enumerate(message[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:  # noqa: PLR2004  # the bit that says whether more follows
            return value, position + shift + 1
    raise MessageError
