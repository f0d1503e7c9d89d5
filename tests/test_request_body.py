"""Bodies of requests without a server: what is read, and the exact reason why something is not."""

from __future__ import annotations

import io
from http import HTTPStatus
from typing import IO, Any

import pytest

from segmentation.errors import InvalidRecordsError, Problem
from segmentation.service import request_body
from segmentation.service.problem_details import RequestError
from segmentation.service.request_body import (
    check_explanations,
    decode,
    decode_records,
    is_object,
    open_file,
    read_body,
    split_explain,
)
from segmentation.service.wsgi_environment import N_RECEIVED

CSV = ("text/csv", "text/plain")
UNSUPPORTED = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


def environment(body: bytes, **changes: Any) -> dict[str, Any]:
    """Return a request with a body, whose length is stated."""
    stated = {"CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(body))}
    return {"wsgi.input": io.BytesIO(body), **stated, **changes}


def nested(levels: int) -> bytes:
    """Return as many arrays, each in the one before."""
    return b"[" * levels + b"]" * levels


def refusal(caught: pytest.ExceptionInfo[RequestError]) -> tuple[int, str]:
    """Return the status and the reason of an error."""
    return caught.value.status, str(caught.value)


def test_who_asks_for_an_explanation_is_said_and_the_field_is_gone() -> None:
    """By position; false asks for none, and what is no object is left to others."""
    records = [{"age": 1}, {"age": 2, "explain": True}, {"explain": False}, 7, {"explain": True}]
    plain, explained = split_explain(records, 2)
    assert plain == [{"age": 1}, {"age": 2}, {}, 7, {}]
    assert explained == [1, 4]
    assert records[1] == {"age": 2, "explain": True}


@pytest.mark.parametrize("value", [1, 0, "true", None, []])
def test_whether_to_explain_is_true_or_false(value: Any) -> None:
    """Nothing that only counts as one of them; each record's position is said."""
    with pytest.raises(InvalidRecordsError) as caught:
        split_explain([{"explain": True}, {"explain": value}, 5, {"explain": value}], 9)
    assert caught.value.problems == (
        Problem(1, "explain", "type", "must be true or false"),
        Problem(3, "explain", "type", "must be true or false"),
    )


def test_as_many_explanations_as_allowed_are_taken() -> None:
    """And one more is a 413 that says the number."""
    check_explanations(3, 3)
    with pytest.raises(RequestError) as caught:
        split_explain([{"explain": True}] * 4, 3)
    expected = "At most 3 records of a request can be explained."
    assert refusal(caught) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, expected)


@pytest.mark.parametrize("body", [nested(16), b'{"a": ' + nested(15) + b"}"])
def test_sixteen_levels_are_read(body: bytes) -> None:
    """Of arrays and objects alike."""
    decode(body)


@pytest.mark.parametrize(
    "body",
    [
        nested(17),
        b'{"a": ' + nested(16) + b"}",
        b"[" + nested(1) * 9 + b"," + nested(16) + b"]",
        b"[1, " + nested(16) + b"]",
    ],
)
def test_a_seventeenth_level_is_not(body: bytes) -> None:
    """Wherever it is."""
    body = body.replace(b"][", b"],[")
    with pytest.raises(RequestError) as caught:
        decode(body)
    expected = "The body is nested deeper than 16 levels."
    assert refusal(caught) == (HTTPStatus.BAD_REQUEST, expected)


def test_an_array_holds_as_many_records_as_allowed() -> None:
    """One record may come without an array."""
    assert decode_records(b"[1, 2]", 2) == [1, 2]
    assert decode_records(b"{}", 0) == [{}]
    with pytest.raises(RequestError) as caught:
        decode_records(b"[1, 2, 3]", 2)
    expected = "An array may hold at most 2 records."
    assert refusal(caught) == (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[" + b"0," * 2_000 + b"0]", None),
        (b"[" + b"0," * 2_001 + b"0]", "The body may hold at most 1000000 values, 2000 for each"),
        (b"[[" + b"0," * 4_000 + b"0]]", None),
        (b"[[" + b"0," * 4_001 + b"0]]", "The body may hold at most 1000000 values, 2000 for each"),
        (b'"' + b"," * 2_001 + b'"', "The body may hold at most 1000000 values, 2000 for each"),
        (b"[" * 250_001, "object and array, and 250000 objects and arrays."),
    ],
)  # fmt: skip
def test_values_are_counted_before_anything_is_decoded(body: bytes, expected: str | None) -> None:
    """By commas, for each bracket."""
    if expected is None:
        decode_records(body, 10_000)
        return
    with pytest.raises(RequestError) as caught:
        decode_records(body, 10_000)
    assert caught.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "limit", "status"),
    [
        ({}, 5, None),
        ({}, 4, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        ({"CONTENT_LENGTH": "6"}, 9, HTTPStatus.BAD_REQUEST),
        ({"CONTENT_LENGTH": ""}, 9, HTTPStatus.LENGTH_REQUIRED),
        ({"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}, 5, None),
        (
            {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"},
            4,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        ),
        ({"wsgi.input": None}, 9, HTTPStatus.BAD_REQUEST),
        ({"HTTP_CONTENT_ENCODING": "IDENTITY"}, 9, None),
        ({"HTTP_CONTENT_ENCODING": "gzip"}, 9, UNSUPPORTED),
        ({"CONTENT_TYPE": "Application/JSON; charset=UTF8"}, 9, None),
        ({"CONTENT_TYPE": "application/json; charset=cp1252"}, 9, UNSUPPORTED),
        ({"CONTENT_TYPE": "text/csv"}, 9, UNSUPPORTED),
    ],
)  # fmt: skip
def test_a_body_is_read_whole_or_refused(
    changes: dict[str, Any], limit: int, status: HTTPStatus | None
) -> None:
    """Five bytes: as many as allowed, one too many, too few, of unknown length, of other types."""
    request = environment(b"[1,2]", **changes)
    if status is None:
        assert read_body(request, limit) == b"[1,2]"
        return
    with pytest.raises(RequestError) as caught:
        read_body(request, limit)
    assert caught.value.status == status


def test_no_more_is_read_than_one_byte_over_the_limit() -> None:
    """Of a body that does not say how long it is, and nothing of one that says so."""
    chunked = environment(b"x" * 100, CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
    stated = environment(b"x" * 100)
    for request, n_read in ((chunked, 11), (stated, 0)):
        with pytest.raises(RequestError):
            read_body(request, 10)
        assert request["wsgi.input"].tell() == n_read


def test_a_long_body_is_joined_from_its_pieces() -> None:
    """Longer than what is read at a time."""
    body = bytes(range(256)) * 600
    assert read_body(environment(body), len(body)) == body


def test_a_file_is_copied_to_its_end() -> None:
    """Then it can be read from its beginning."""
    with open_file(environment(b"a,b\n", CONTENT_TYPE="Text/CSV; header=present"), CSV, 4) as file:
        file.seek(0)
        assert file.read() == b"a,b\n"


def test_a_file_that_was_received_is_read_where_it_is() -> None:
    """If it is as long as it may be, and as it says."""
    request = environment(b"a,b\n", CONTENT_TYPE="text/csv") | {N_RECEIVED: 4}
    with open_file(request, CSV, 4) as file:
        assert file is request["wsgi.input"]
    for received, limit in ((3, 9), (4, 3)):
        with pytest.raises(RequestError), open_file(request | {N_RECEIVED: received}, CSV, limit):
            pytest.fail("it was read")


@pytest.mark.parametrize(
    ("media_type", "beginning"),
    [
        ("application/pdf", "The content type must be text/csv, or that of a workbook, Parquet,"),
        ("Multipart/Form-Data; boundary=x", "Send the file itself as the body, not a form: with"),
    ],
)
def test_another_kind_of_file_is_refused_with_what_to_do(media_type: str, beginning: str) -> None:
    """And a list of what is taken."""
    request = environment(b"a", CONTENT_TYPE=media_type)
    with pytest.raises(RequestError) as caught, open_file(request, CSV, 9):
        pytest.fail("it was read")
    assert caught.value.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert str(caught.value).startswith(beginning)
    assert caught.value.headers == {"Accept": "text/csv, text/plain"}


def test_a_full_disk_is_said_and_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the client's fault."""

    class FullDisk(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError("No space left on device")

    def open_full_disk(_: int) -> IO[bytes]:
        return FullDisk()

    monkeypatch.setattr(request_body, "SpooledTemporaryFile", open_full_disk)
    request = environment(b"a,b\n", CONTENT_TYPE="text/csv")
    with pytest.raises(RequestError) as caught, open_file(request, CSV, 9):
        pytest.fail("it was read")
    expected = "There is no room for a temporary file of that length."
    assert refusal(caught) == (HTTPStatus.SERVICE_UNAVAILABLE, expected)
    assert caught.value.headers == {"Retry-After": "10"}


@pytest.mark.parametrize(
    ("changes", "expected", "headers"),
    [
        (
            {"CONTENT_TYPE": "text/csv"},
            "The content type must be application/json in UTF-8.",
            {"Accept": "application/json"},
        ),
        (
            {"HTTP_CONTENT_ENCODING": "gzip"},
            "The body must not be compressed.",
            {"Accept-Encoding": "identity"},
        ),
        ({"CONTENT_LENGTH": ""}, "The request has no Content-Length.", {}),
        ({"CONTENT_LENGTH": "6"}, "The body is shorter than its Content-Length.", {}),
        ({"CONTENT_LENGTH": "10"}, "The body is longer than 9 bytes.", {}),
        ({"wsgi.input": None}, "The body could not be read to its end.", {}),
    ],
)
def test_a_refusal_says_what_would_be_taken(
    changes: dict[str, Any], expected: str, headers: dict[str, str]
) -> None:
    """In a sentence, and in the header that clients read."""
    with pytest.raises(RequestError) as caught:
        read_body(environment(b"[1,2]", **changes), 9)
    assert str(caught.value) == expected
    assert caught.value.headers == headers


@pytest.mark.parametrize("space", [b"", b" \t\r\n"])
def test_one_record_is_told_from_an_array_by_its_first_letter(space: bytes) -> None:
    """After the blanks that JSON has."""
    assert is_object(space + b'{"tags": []}')
    assert not is_object(space + b"[{}]")
