"""The OpenAPI document against the service: schemathesis tries some thousand requests."""

from __future__ import annotations

import json
import zlib
from collections.abc import Set
from functools import cache
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from jsonschema import Draft202012Validator
from schemathesis.generation.meta import TestPhase
from schemathesis.hooks import HookContext
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from segmentation.artifact import Manifest, read_package
from segmentation.schema import HeaderLookup
from segmentation.schema.json_schema import record_schemas
from segmentation.schema.relations import Largest
from segmentation.service.app import create_app
from tests.support.records import COMPLETE, HEADERS, LOWER_CASE
from tests.support.shipped import PACKAGES, SHIPPED, STUDIES

pytestmark = pytest.mark.long

# When tests are run and not when they are collected: each worker collects all of them, and working
# out the requests takes longer than importing everything else.
SCHEMA = schemathesis.pytest.from_fixture("described")
DRAWN = schemathesis.pytest.from_fixture("described_as_it_is")
OF_STUDIES = "^/studies/"
# JSON Schema can't say that a date exists, that no purchase is later than the reference, or that
# all are one customer's. Everything else is checked there, too.
WITH_TRANSACTIONS = "^/studies/retail/(predict|explain)$"
# Of many columns in five spellings schemathesis works out 15,000 requests before it draws any.
# Those of the default study are sent to the root; what reads the same records, or other columns of
# the same kinds, gets drawn ones alone.
READ_ALIKE = "^/studies/(household|credit_card|mobile)/(explain|predict)$"
# Every study has the same links.
OF_HOUSEHOLD = "^/studies/household/"
# JSON Schema can't say what a CSV file is.
FILES = "/predict/file(/preview)?$"
PLAIN = {"Accept-Encoding": "identity"}
SPECIAL = f"{WITH_TRANSACTIONS}|{READ_ALIKE}|{FILES}"


def read_document() -> BaseSchema:
    """Return the document, as schemathesis reads it from the service."""
    document = schemathesis.openapi.from_wsgi("/openapi.json", create_app(SHIPPED))
    # It says that it takes gzip, which between it and a WSGI app nobody unpacks.
    document.config.update(headers=PLAIN)
    return document


@pytest.fixture(scope="module")
def unfiltered() -> BaseSchema:
    """The document, of which every request that schemathesis makes is sent."""
    return read_document()


@pytest.fixture(scope="module")
def schema() -> BaseSchema:
    """The document, of which requests that say the same are sent once."""
    document = read_document()
    seen: set[tuple[str, str]] = set()

    @document.hook
    def filter_case(context: HookContext, case: schemathesis.Case) -> bool:
        return not is_body_alone(case) or is_first_of_its_content(case, seen)

    return document


def is_body_alone(case: schemathesis.Case) -> bool:
    """Whether a request was worked out, not drawn, and what is special about it is its records."""
    return (
        case.meta is not None
        and case.meta.phase.name == TestPhase.COVERAGE
        and (case.method, case.media_type) == ("POST", "application/json")
        and not case.headers.keys() - PLAIN
    )


def is_first_of_its_content(case: schemathesis.Case, seen: set[tuple[str, str]]) -> bool:
    """Whether an operation is the one that gets the records of a request, and hasn't got them yet.

    Whatever is worked out is so four times: for ``predict`` and for ``explain``, which read the
    same, and for each by itself and as the only item of an array. It is sent once. Half of the
    records go to either route, by a checksum, so that each gets some of every kind and spelling.
    """
    is_alone = isinstance(case.body, list) and len(case.body) == 1
    content = json.dumps(case.body[0] if is_alone else case.body, sort_keys=True)
    if (zlib.crc32(content.encode()) % 2 == 0) != case.path.endswith("/explain"):
        return False
    key = (case.path, content)
    if key in seen:
        return False
    seen.add(key)
    return True


@pytest.fixture
def described(schema: BaseSchema, request: pytest.FixtureRequest) -> BaseSchema:
    """The same; pytest 9.2 has renamed what schemathesis 4.32 reads a test's id from."""
    request.node._nodeid = request.node.nodeid
    return schema


@pytest.fixture
def described_as_it_is(unfiltered: BaseSchema, request: pytest.FixtureRequest) -> BaseSchema:
    """The one of which nothing is left out, likewise."""
    request.node._nodeid = request.node.nodeid
    return unfiltered


@cache
def manifest_of(study: str) -> Manifest:
    """Return the manifest of a shipped package."""
    return read_package(PACKAGES[study]).manifest


@cache
def names_of(study: str, table: str) -> tuple[HeaderLookup, list[set[str]]]:
    """Return what finds the names of records or transactions, and the names by way of spelling."""
    manifest = manifest_of(study)
    schema = manifest.aggregation.transactions if table == "transactions" else manifest.record
    return HeaderLookup(schema), [
        set(route["properties"]) for route in record_schemas(schema).values()
    ]


def is_mixed(case: schemathesis.Case) -> bool:
    """Whether an object has known names that no one documented object has, or shares alone.

    The document can't say that one answer must not be given twice. So it describes one spelling
    after the other, and takes names of another one for unknown fields, which may hold anything.
    """
    study = case.path.split("/")[2] if case.path.startswith("/studies/") else "mobile"
    manifest = manifest_of(study)
    records = case.body if isinstance(case.body, list) else [case.body]
    features = {column.name for column in manifest.record.features}
    if is_spelled_in_two_ways(study, "records", records, {*features, "customer_id"}):
        return True
    if may_follow_from_shares(study, records):
        return True
    lists = [record.get("transactions") for record in records if isinstance(record, dict)]
    lines = [line for lines in lists if isinstance(lines, list) for line in lines]
    return bool(manifest.aggregation) and is_spelled_in_two_ways(study, "transactions", lines)


def may_follow_from_shares(study: str, records: list[Any]) -> bool:
    """Whether a record has some shares and no other answer that the model reads.

    The largest share follows from them if no other can be larger, which the document can't say.
    """
    lookup, schema = names_of(study, "records")[0], manifest_of(study).record
    shares = {
        name
        for relation in schema.relations
        if isinstance(relation, Largest)
        for name in relation.shares
    }
    for record in filter(lambda item: isinstance(item, dict), records):
        spellings = [lookup.find(name) for name, value in record.items() if value is not None]
        names = {spelling.column.name for spelling in spellings if spelling}
        if names & shares and not names & {column.name for column in schema.features}:
            return True
    return False


def is_spelled_in_two_ways(
    study: str, table: str, objects: list[Any], further: Set[str] = frozenset()
) -> bool:
    """Whether the known names of an object are not all in one way of spelling."""
    lookup, ways = names_of(study, table)
    known_names = (
        {n for n in item if lookup.find(n)} for item in objects if isinstance(item, dict)
    )
    return any(not any(names <= route for route in (*ways, further)) for names in known_names)


@settings(max_examples=200)
@SCHEMA.exclude(path_regex=f"{OF_STUDIES}|{FILES}").parametrize()
def test_every_request_is_answered_as_documented(case: schemathesis.Case) -> None:
    """Valid ones are accepted, others refused, and all answers are of the documented shape."""
    if not is_mixed(case):
        case.call_and_validate()


@settings(max_examples=40)
@SCHEMA.include(path_regex=OF_STUDIES).exclude(path_regex=SPECIAL).parametrize()
def test_every_request_to_a_study_is_answered_as_documented(case: schemathesis.Case) -> None:
    """The routes are the same; what differs is what a record of the study may hold."""
    if not is_mixed(case):
        case.call_and_validate()


@settings(
    max_examples=40,
    phases=[Phase.generate, Phase.shrink],
)
@DRAWN.include(path_regex=READ_ALIKE).parametrize()
def test_every_request_with_the_same_records_is_answered_as_documented(
    case: schemathesis.Case,
) -> None:
    """As those that were worked out; drawn ones only."""
    if not is_mixed(case):
        case.call_and_validate()


@settings(max_examples=40)
@SCHEMA.include(path_regex=WITH_TRANSACTIONS).parametrize()
def test_every_request_with_transactions_is_answered_as_documented(
    case: schemathesis.Case,
) -> None:
    """Also where a valid one may be refused."""
    if not is_mixed(case):
        case.call_and_validate(excluded_checks=[positive_data_acceptance])


@settings(max_examples=40)
@SCHEMA.include(path_regex=FILES).parametrize()
def test_every_file_is_answered_as_documented(case: schemathesis.Case) -> None:
    """Whatever text it holds."""
    case.call_and_validate(excluded_checks=[positive_data_acceptance])


@pytest.fixture
def document(client: FlaskClient) -> dict[str, object]:
    """The document as clients get it."""
    content: dict[str, object] = client.get("/openapi.json").json
    return content


@pytest.mark.parametrize(
    "record", [COMPLETE, HEADERS, LOWER_CASE], ids=["names", "headers", "lower"]
)
def test_the_document_describes_every_spelling(
    document: dict[str, object], record: dict[str, object]
) -> None:
    """A payload in any of them is valid by it, with other fields too; without answers it isn't."""
    where = {"$ref": "#/paths/~1predict/post/requestBody/content/application~1json/schema"}
    validator = Draft202012Validator({**document, **where})
    assert validator.is_valid(record)
    assert validator.is_valid([record, record])
    assert not validator.is_valid({"age": 30})
    assert validator.is_valid(record | {"unknown": 1, "": None})


def test_every_route_for_programs_is_documented(
    app: Flask, document: dict[str, dict[str, object]]
) -> None:
    """All but the pages and their files; those of studies once for each."""
    routes = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("api.")}
    expected = {rule.replace("<study>", study) for rule in routes for study in STUDIES}
    assert {path for path in document["paths"] if not path.startswith("/pages/")} == expected


def test_every_page_is_documented(document: dict[str, Any], client: FlaskClient) -> None:
    """By the addresses that the documentation gives people."""
    names = ("segments", "score", "file", "model")
    expected = {"/pages/", *(f"/pages/{study}/{name}" for study in STUDIES for name in names)}
    assert {path for path in document["paths"] if path.startswith("/pages/")} == expected
    for path in expected:
        response = client.get(path)
        assert response.status_code == 200
        assert response.mimetype in document["paths"][path]["get"]["responses"]["200"]["content"]


def test_links_lead_to_operations_of_the_same_study(document: dict[str, Any]) -> None:
    """From records to why, from answers to what they mean, from a preview to its file."""
    paths = {
        operation["operationId"]: path
        for path, operations in document["paths"].items()
        for operation in operations.values()
    }
    ways = {
        (path, paths[link["operationId"]])
        for path, operations in document["paths"].items()
        for operation in operations.values()
        for link in operation["responses"]["200"].get("links", {}).values()
    }
    for root in ["", *(f"/studies/{study}" for study in STUDIES)]:
        assert (f"{root}/predict", f"{root}/explain") in ways
        assert (f"{root}/predict", f"{root}/segments") in ways
        assert (f"{root}/predict/file/preview", f"{root}/predict/file") in ways
        assert (f"{root}/predict/file/template", f"{root}/predict/file") in ways
    roots = {tuple(path.split("/")[1:3]) for path in paths.values() if "/studies/" in path}
    assert len(roots) == len(STUDIES)
    for source, target in ways:
        assert source.startswith("/studies/") == target.startswith("/studies/")
        if source.startswith("/studies/"):
            assert source.split("/")[2] == target.split("/")[2]


def test_what_links_take_along_is_answered_as_documented(unfiltered: BaseSchema) -> None:
    """One request after the other, each with what the one before was sent or answered."""

    class Clients(unfiltered.include(path_regex=OF_HOUSEHOLD).as_state_machine()):  # type: ignore[misc]
        """Clients of one study."""

        def validate_response(
            self, response: schemathesis.Response, case: schemathesis.Case, **options: Any
        ) -> None:
            """Leave out what the document can't say."""
            if case.path.endswith(("/file", "/preview")):
                case.validate_response(
                    response,
                    excluded_checks=[positive_data_acceptance],
                    transport_kwargs=options,
                    recorder=self.recorder,
                )
            elif not is_mixed(case):
                super().validate_response(response, case, **options)

    run_state_machine_as_test(Clients, settings=settings(max_examples=40, stateful_step_count=6))


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    """Programs are generated from them."""
    operations = [item for path in document["paths"].values() for item in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)


@pytest.mark.parametrize("root", ["", *(f"/studies/{study}" for study in STUDIES)])
@pytest.mark.parametrize("route_value", ["predict", "explain"])
def test_the_examples_of_the_document_are_answered(
    client: FlaskClient, document: dict[str, Any], root: str, route_value: str
) -> None:
    """What the documentation page sends when someone tries it works, and so do the answers."""
    path = f"{root}/{route_value}"
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    assert len(body["examples"]) == 3
    for name, example in body["examples"].items():
        answer = client.post(path, json=example["value"])
        assert answer.status_code == 200
        schema = "Predictions" if name == "array" else "Prediction"
        where = {"$ref": f"#/components/schemas/{schema}"}
        Draft202012Validator({**document, **where}).validate(answer.json)


def test_a_customer_by_transactions_is_described(document: dict[str, Any]) -> None:
    """With what a transaction needs; features beside them are not."""
    body = "#/paths/~1studies~1retail~1predict/post/requestBody/content/application~1json/schema"
    validator = Draft202012Validator({**document, "$ref": body})
    line = {"invoice": 1, "quantity": 1, "invoice_time": "2024-06-01", "unit_price": 1.5}
    assert validator.is_valid({"transactions": [line]})
    assert validator.is_valid([{"transactions": [line], "as_of": None, "explain": True}])
    assert not validator.is_valid({"transactions": []})
    assert not validator.is_valid({"transactions": [line], "frequency": 2})
    for name in line:
        lacking = {key: value for key, value in line.items() if key != name}
        assert not validator.is_valid({"transactions": [lacking]})
        assert validator.is_valid({"transactions": [line, lacking, line | {name: "NA"}]})
