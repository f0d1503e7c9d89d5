"""Which encoding a text is in: found by its bytes, or as the caller says, read to its end.

UTF-8 is proved by its own rules, so a text that has UTF-8's letters and one byte that does not fit
is damaged, not in another encoding. Windows-1252 is what spreadsheets save where nothing else is
proved; others, such as cp1250 or Shift-JIS, have to be named.
"""

from __future__ import annotations

import codecs
from typing import IO

from segmentation.errors import FileError

_PIECE = 1 << 16
_ASCII = bytes(range(128))
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "cp1252": "Windows-1252",
}
# What Python has beside the encodings of texts, by its own names.
_TRANSFORMS = ("idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7")


class Encoding:
    """An encoding of a text.

    Parameters
    ----------
    codec : str
        Python's name.

    Attributes
    ----------
    name : str
        What people call it.
    is_plain : bool
        Whether it is UTF-8 without a byte order mark.
    """

    def __init__(self, codec: str) -> None:
        self.codec = codec
        self.name = _NAMES.get(codec, codec)
        self.is_plain = codec == "utf-8"


def find_encoding(stream: IO[bytes], asked_name: str | None = None, *, cut: bool) -> Encoding:
    """Return the encoding that reads a text to its end, or to half a character if it is cut there.

    Parameters
    ----------
    stream : binary file
    asked_name : str, optional
        What the caller says it is.
    cut : bool
        Whether the stream is only the beginning of a text.

    Raises
    ------
    FileError
        If there is none, or it is not what the caller says.
    """
    stream.seek(0)
    beginning = stream.read(4)
    if asked_name is not None:
        codec = find_codec(asked_name)
        if codec == "utf-8" and beginning.startswith(codecs.BOM_UTF8):
            codec = "utf-8-sig"
        _check_text(stream, codec, cut=cut)
        return Encoding(codec)
    marked = next((codec for mark, codec in _MARKS if beginning.startswith(mark)), None)
    if marked:
        _check_text(stream, marked, cut=cut)
        return Encoding(marked)
    return Encoding(_find_unmarked(stream, beginning, cut=cut))


def find_codec(name: str) -> str:
    """Return Python's name of an encoding.

    Raises
    ------
    FileError
        If it knows none of that name for text.
    """
    try:
        "".encode(name)  # a LookupError for transforms such as zlib
        codec = codecs.lookup(name).name
    except (LookupError, ValueError):
        codec = ""
    if not codec or codec in _TRANSFORMS:
        raise FileError("There is no such encoding; there are utf-8, cp1252, cp1250, shift_jis, …")
    return codec


def _find_unmarked(stream: IO[bytes], beginning: bytes, *, cut: bool) -> str:
    """Return the codec of a text without a byte order mark."""
    # The header's first letters are of ASCII, whatever comes later.
    if len(beginning) == 4 and beginning.count(0) == 2:  # noqa: PLR2004
        codec = "utf-16-be" if beginning[0] == 0 else "utf-16-le"
        _check_text(stream, codec, cut=cut)
        return codec
    fault = _find_faulty_line(stream, "utf-8", cut=cut)
    if fault is None:
        return "utf-8"
    if _is_damaged(stream):
        raise FileError(
            f"Line {fault} is not text in UTF-8, although lines before or after it are: correct it,"
            " or say the file's encoding."
        )
    fault = _find_faulty_line(stream, "cp1252", cut=cut)
    if fault is None:
        return "cp1252"
    raise FileError(
        f"The file is not text in UTF-8, UTF-16 or Windows-1252: line {fault} is in none of them."
        " Say the file's encoding."
    )


def _check_text(stream: IO[bytes], codec: str, *, cut: bool) -> None:
    fault = _find_faulty_line(stream, codec, cut=cut)
    if fault is not None:
        name = _NAMES.get(codec, codec)
        raise FileError(f"The file is not text in {name}: line {fault} is not.")


def _find_faulty_line(stream: IO[bytes], codec: str, *, cut: bool) -> int | None:
    """Return the first line that a codec cannot read, or that holds a zero, which no text does."""
    decoder = codecs.getincrementaldecoder(codec)()
    stream.seek(0)
    n_lines = 1
    while True:
        piece = stream.read(_PIECE)
        try:
            text = decoder.decode(piece, final=not piece and not cut)
        except UnicodeDecodeError as error:
            return n_lines + _count_lines(error.object[: error.start].decode(codec, "ignore"))
        if "\0" in text:
            return n_lines + _count_lines(text[: text.index("\0")])
        if not piece:
            return None
        n_lines += _count_lines(text)


def _count_lines(text: str) -> int:
    return text.count("\n") or text.count("\r")


def _is_damaged(stream: IO[bytes]) -> bool:
    """Whether a text that UTF-8 cannot read is UTF-8 all the same, but for a few bytes.

    By chance two bytes of another encoding make one letter of UTF-8, seldom most of them.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    stream.seek(0)
    n_high = n_read = n_letters = 0
    while piece := stream.read(_PIECE):
        text = decoder.decode(piece)
        n_ascii = len(text.encode("ascii", "ignore"))
        n_letters += len(text) - n_ascii
        n_read += len(text.encode()) - n_ascii
        n_high += len(piece.translate(None, _ASCII))
    return n_letters > n_high - n_read
