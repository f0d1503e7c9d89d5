"""What the access log says about answers, for whoever makes metrics of its lines."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.records import COMPLETE
from tests.support.servers import Server
from tests.support.stacks import STACKS
from tests.support.waiting import wait_until

OLD = COMPLETE | {"age": 80}
UNKNOWN = COMPLETE | {"age": 81, "gender": "Unknown"}
INDIRECT = {"SEC": 1, "EDU": 5, "HS": 5, "AGE": 4, "SEX": 2, "CHILD": 2, "affluence_index": 30}
"""A household whose purchases nobody knows: the README shows that its answer is unsure."""


def logged(server: Server, request_id: str) -> dict[str, Any]:
    """Return the line of a request, which is written when its answer has gone out."""

    def lines() -> list[dict[str, Any]]:
        return [line for line in server.log_lines() if line.get("request_id") == request_id]

    wait_until(lambda: bool(lines()))
    (line,) = lines()
    return line


WAYS = pytest.mark.parametrize(
    ("route", "content_type"),
    [("short", "application/json"), ("flask", "application/json; charset=utf-8")],
)
"""What is plain is answered before Flask sees it, everything else by Flask's route."""


@WAYS
def test_warnings_are_counted_by_code(server: Server, route: str, content_type: str) -> None:
    """Over all records of a request."""
    request_id = f"warned-{route}"
    server.post([OLD, UNKNOWN], Content_Type=content_type, X_Request_ID=request_id)
    line = logged(server, request_id)
    assert line["answered"] == 2
    assert line["warnings"] == {"outside_training": 2, "unknown_category": 1}


@WAYS
def test_unsure_answers_are_counted(server: Server, route: str, content_type: str) -> None:
    """Of any study."""
    request_id = f"unsure-{route}"
    server.post(
        [INDIRECT, INDIRECT],
        path="/studies/household/predict",
        Content_Type=content_type,
        X_Request_ID=request_id,
    )
    line = logged(server, request_id)
    assert (line["answered"], line["unsure"]) == (2, 2)
    assert line["warnings"] == {"indirect": 2}


def test_an_answer_without_doubts_counts_as_one(server: Server) -> None:
    """And has no warnings."""
    server.post(COMPLETE, X_Request_ID="certain")
    line = logged(server, "certain")
    assert (line["answered"], line["unsure"], line["warnings"]) == (1, 0, {})


@pytest.mark.parametrize("request_id", ["wrong", "elsewhere"])
def test_a_request_without_answers_counts_none(server: Server, request_id: str) -> None:
    """Neither one that was refused nor one for something else."""
    if request_id == "wrong":
        server.post({"age": "old"}, X_Request_ID=request_id)
    else:
        server.post(b"", path="/no/such/path", X_Request_ID=request_id)
    assert not {"answered", "unsure", "warnings"} & set(logged(server, request_id))


def test_a_file_is_counted_to_its_end(server: Server) -> None:
    """All chunks of it; rows that could not be answered are not."""
    rows = b"80,64\n" * 2_500 + b"33,x\n" + b"33,64\n"
    server.post(
        b"age,apps_installed\n" + rows,
        path="/predict/file",
        Content_Type="text/csv",
        X_Request_ID="file",
    )
    line = logged(server, "file")
    assert (line["records"], line["answered"]) == (2_502, 2_501)
    assert line["warnings"] == {"outside_training": 2_500}


def value(line: dict[str, Any], path: str) -> Any:
    """Return what a path like ``$.warnings.indirect`` leads to in a line, or None."""
    result: Any = line
    for name in path.removeprefix("$.").split("."):
        result = result.get(name) if isinstance(result, dict) else None
    return result


def matches(line: dict[str, Any], pattern: str) -> bool:
    """Return whether a line has what CloudWatch's pattern asks for, of the kinds that we use."""
    match = re.fullmatch(r"\{ (.+) \}", pattern)
    assert match
    for condition in match[1].split(" && "):
        path, operator, expected = condition.split()
        held = value(line, path)
        if operator == ">":
            if held is None or not held > float(expected):
                return False
        elif str(held) != expected.strip('"'):
            return False
    return True


def measured(line: dict[str, Any]) -> dict[str, float]:
    """Return the metrics that both stacks make of a line."""
    metrics = {}
    for stack in STACKS.values():
        for created in stack.of_type("Logs::MetricFilter").values():
            (metric,) = created["MetricTransformations"]
            if matches(line, created["FilterPattern"]):
                worth = metric["MetricValue"]
                metrics[metric["MetricName"]] = (
                    value(line, worth) if worth.startswith("$") else float(worth)
                )
    return metrics


def test_the_stacks_make_their_metrics_of_these_lines(server: Server) -> None:
    """Each filter finds its value, and only where there is one."""
    server.post([OLD, UNKNOWN, COMPLETE], X_Request_ID="doubted")
    server.post(INDIRECT, path="/studies/household/predict", X_Request_ID="indirect")
    server.post({"age": "old"}, X_Request_ID="refused")
    assert measured(logged(server, "doubted")) == {
        "answered": 3, "outside_training": 2, "unknown_category": 1,
    }  # fmt: skip
    assert measured(logged(server, "indirect")) == {"answered": 1, "unsure": 1, "indirect": 1}
    assert measured(logged(server, "refused")) == {}
    assert server.get("/readyz").status == 200
    wait_until(lambda: any(line.get("route") == "/readyz" for line in server.log_lines()))
    ready = [line for line in server.log_lines() if line.get("route") == "/readyz"]
    assert measured(ready[-1]) == {"ready": 1}
    assert measured(ready[-1] | {"status": 503}) == {}
