"""What the documents show is what the service does, and what they name is there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from segmentation.service.route_table import routes_table
from segmentation.service.settings import settings_table
from tests.support.servers import Server
from tests.support.shipped import ROOT

PRINT = " | python3 -m json.tool"
DOCUMENTS = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "deployment_instructions.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
)


def examples(file: str) -> list[tuple[str, str]]:
    """Return the commands of a document with what it shows them to print."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return re.findall(r"```console\n\$ (curl [^\n]+)\n(.*?)\n```", text, re.DOTALL)


EXAMPLES = [*examples("README.md"), *examples("docs/api.md")]


def without_version(text: str) -> str:
    """Leave out what every training changes."""
    return re.sub(r'"version": "[0-9a-f]{12}"', '"version": ""', text)


def named(pattern: str, path: Path) -> set[str]:
    """Return what a document names."""
    return set(re.findall(pattern, path.read_text(encoding="utf-8")))


def test_every_threat_names_a_test_that_is_there() -> None:
    """In docs/security.md: a file, and a function of it."""
    references = re.findall(
        r"`(test_\w+\.py)::(\w+)`", (ROOT / "docs/security.md").read_text(encoding="utf-8")
    )
    assert len(references) > 30
    for file, function in references:
        (path,) = (ROOT / "tests").rglob(file)
        assert f"\ndef {function}(" in path.read_text(encoding="utf-8")


def test_there_are_examples() -> None:
    """A survey; a household without purchases, an explanation, a customer's orders, an error."""
    assert len(EXAMPLES) == 5


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize(
    ("command", "displayed"), EXAMPLES, ids=["survey", "household", "explain", "orders", "error"]
)
def test_every_example_prints_what_is_shown(server: Server, command: str, displayed: str) -> None:
    """Line by line, as ``json.tool`` prints it, against a port of ours."""
    assert command.endswith(PRINT)
    own = command.removesuffix(PRINT).replace("localhost:9696", f"127.0.0.1:{server.port}")
    answer = subprocess.run(shlex.split(own), capture_output=True, check=True).stdout
    printed = subprocess.run(
        [sys.executable, "-m", "json.tool"], input=answer, capture_output=True, check=True
    ).stdout
    assert without_version(printed.decode().rstrip()) == without_version(displayed)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_examples_of_tables_print_what_is_shown(server: Server) -> None:
    """Pipes, as they are typed: rows of customers, and lines of orders."""
    text = (ROOT / "docs/tables.md").read_text(encoding="utf-8")
    examples = re.findall(r"```console\n\$ ([^\n]+)\n(.*?)\n```", text, re.DOTALL)
    assert len(examples) == text.count("```console") == 2
    for command, displayed in examples:
        own = command.replace("localhost:9696", f"127.0.0.1:{server.port}")
        printed = subprocess.run(["bash", "-c", own], capture_output=True, text=True, check=True)
        assert printed.stdout.splitlines() == displayed.splitlines()


def test_the_readme_is_short() -> None:
    """What it is, two commands, a page, an answer, the architecture, where to read on."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    first_screen = "\n".join(lines[:15])
    assert "make serve" in first_screen
    assert "make test" in first_screen


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    """Inside the project."""
    links = named(r"\]\(([^)#:\s]+)[)#]", path)
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_that_is_named_exists(path: Path) -> None:
    """Renaming one means changing the documents; decisions tell of their own day."""
    if path.parent.name == "decisions":
        return
    for name in named(r"`((?:segmentation|scripts|deploy|benchmarks)/[\w/]+(?:\.\w+)?)`", path):
        # What somebody else adds, by the guide.
        assert (ROOT / name).exists() or "gym" in name, name
    for name in named(r"`((?:service|runtime|schema|training|wording)/[\w/]+\.py)`", path):
        assert (ROOT / "segmentation" / name).exists(), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_that_is_run_exists(path: Path) -> None:
    """``python -m`` of ours."""
    for name in named(r"python -m ((?:benchmarks|scripts|segmentation)[\w.]*)", path):
        module = ROOT / name.rstrip(".").replace(".", "/")
        assert module.is_dir() or module.with_suffix(".py").is_file(), name


@pytest.mark.parametrize(
    ("file", "name", "table"),
    [
        ("docs/settings.md", "settings", settings_table()),
        ("docs/api.md", "routes", routes_table()),
    ],
)
def test_tables_are_those_of_the_code(file: str, name: str, table: str) -> None:
    """Between the marks stands what the function of that name returns."""
    text = (ROOT / file).read_text(encoding="utf-8")
    match = re.search(rf"<!-- {name}: begin -->\n\n(.*)\n<!-- {name}: end -->", text, re.DOTALL)
    assert match
    assert match[1] == table


def test_every_route_of_the_table_is_served_and_documented(server: Server) -> None:
    """No route is beside the table."""
    paths: Any = server.get("/openapi.json").json()["paths"]  # type: ignore[index]
    table = set(re.findall(r"`(?:GET|POST) (/\S+)`", routes_table()))
    assert {path for path in paths if not path.startswith(("/studies/", "/pages/"))} == table


def test_the_proxy_lets_files_through_where_they_are_scored() -> None:
    """Its rule for long bodies is for the route of the table."""
    configuration = (ROOT / "proxy/nginx.conf").read_text(encoding="utf-8")
    (rule,) = re.findall(r"location ~ (\S+/predict/file\S+)", configuration)
    for path in ("/predict/file", "/studies/retail/predict/file", "/predict/file/preview"):
        assert re.search(rule, path)
    assert not re.search(rule, "/predict/file/template")
    assert "location = /metrics" in configuration


def test_every_make_target_is_explained() -> None:
    """``make help`` lists all of them."""
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE)
    assert phony
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in phony[1].split():
        assert f"make {target}" in listed.stdout


def test_the_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Neither fonts nor scripts nor pictures; it is built strictly."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    environment = {"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]+src=[\"']?(https?:|//)", text)
        linked = re.findall(
            r"<link[^>]+rel=[\"']?(?:stylesheet|icon)[^>]+href=[\"']?(https?:|//)", text
        )
        assert not loaded + linked, page.name
