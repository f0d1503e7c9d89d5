"""The service with its own dependencies alone: the rest is refused, and says what it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from segmentation.runtime import Model
from tests.support.records import COMPLETE, ORDERS
from tests.support.servers import Server, serving
from tests.support.shipped import PACKAGES, ROOT, STUDIES

# Imported names of all that other installations have; Python itself refuses a module that is None.
HIDDEN = (
    *("dash", "dash_ag_grid", "dash_mantine_components", "plotly", "duckdb"),
    *("joblib", "onnx", "pandas", "scipy", "shap", "sklearn", "skl2onnx", "xgboost"),
)


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service whose Python finds none of them."""
    folder = tmp_path_factory.mktemp("slim")
    program = f"import sys\nsys.modules.update(dict.fromkeys({HIDDEN!r}))\n"
    (folder / "sitecustomize.py").write_text(program)
    with serving(folder, PYTHONPATH=str(folder)) as server:
        yield server


def lack(server: Server, path: str, content: object = None) -> str:
    """Return why something is not there: a problem document with 501."""
    reply = server.get(path) if content is None else server.post(content, path)
    assert reply.status == 501
    assert reply.headers["Content-Type"] == "application/problem+json"
    document = reply.json()
    assert isinstance(document, dict)
    assert document["status"] == 501
    assert document["request_id"] == reply.headers["X-Request-ID"]
    return str(document["detail"])


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_answers(slim: Server, models: dict[str, Model], study: str) -> None:
    """As with everything installed."""
    records = [item.record for item in models[study].manifest.golden]
    reply = slim.post(records, f"/studies/{study}/predict")
    answers = reply.json()
    assert isinstance(answers, dict)
    assert answers["predictions"] == Model.load(PACKAGES[study]).predict(records)


def test_it_is_ready_and_documented(slim: Server) -> None:
    """Golden records, segments, model card and documentation need nothing else."""
    for path in ("/readyz", "/segments", "/model", "/docs", "/openapi.json", "/studies"):
        assert slim.get(path).status == 200


def test_explanations_say_what_they_need(slim: Server) -> None:
    """At both routes, for forests and centroids."""
    record = COMPLETE | {"explain": True}
    for path, content in (("/explain", COMPLETE), ("/predict", record)):
        assert "Explanations need libraries" in lack(slim, path, content)
    assert "'explain'" in lack(slim, "/studies/household/explain", {"AGE": 4})


def test_transactions_say_what_they_need(slim: Server) -> None:
    """A customer's features are answered, a customer's orders are not."""
    assert "'transactions'" in lack(slim, "/studies/retail/predict", ORDERS)


@pytest.mark.parametrize("path", ["/pages", "/pages/", "/pages/mobile/segments"])
def test_pages_say_what_they_need(slim: Server, path: str) -> None:
    """Every address of theirs, also that of their callbacks."""
    assert "'pages'" in lack(slim, path)
    lack(slim, "/pages/_dash-update-component", {})


def test_the_root_leads_to_the_documentation(slim: Server) -> None:
    """As there are no pages."""
    assert b"Segmentation API" in slim.get("/").body


def test_its_lock_is_a_part_of_the_others() -> None:
    """Each of its pins, is one of development's and of the full installation's."""

    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))

    serve = pins("requirements-serve.txt")
    assert len(serve) > 10
    assert serve <= pins("requirements.txt") <= pins("requirements-dev.txt")
    assert not {pin.partition("==")[0] for pin in serve} & {"duckdb", "scikit-learn", "dash"}
