"""What may import what around the tests; import-linter holds the package's own rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.shipped import ROOT

OUTSIDE = ("segmentation", "benchmarks", "scripts", "data", "deploy", "docs")


def modules_of(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, wherever in it, with the names from it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = list(path.relative_to(ROOT).parent.parts)
            above = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_own(module: str) -> bool:
    """Whether a module's fixtures and tests are for pytest alone."""
    return any(part == "conftest" or part.startswith("test_") for part in module.split(".")[1:])


def test_no_test_file_imports_another_one() -> None:
    """What two of them need is in ``tests.support``; fixtures come from conftest by their names."""
    files = (ROOT / "tests").rglob("*.py")
    imports = {(str(path.relative_to(ROOT)), name) for path in files for name in modules_of(path)}
    assert not [item for item in imports if item[1].split(".")[0] == "tests" and is_own(item[1])]


def test_what_is_shipped_and_measured_needs_no_tests() -> None:
    """The service, the benchmarks and the scripts run without the folder of tests."""
    files = [
        *ROOT.glob("*.py"),
        *(path for name in OUTSIDE for path in (ROOT / name).rglob("*.py")),
    ]
    assert len(files) > 100
    imports = {(str(path.relative_to(ROOT)), name) for path in files for name in modules_of(path)}
    assert not [item for item in imports if item[1].split(".")[0] in ("tests", "conftest")]


def test_support_holds_neither_tests_nor_fixtures() -> None:
    """They would be found under one name in one file, and not at all in another."""
    for path in (ROOT / "tests" / "support").glob("*.py"):
        functions = [
            node
            for node in ast.walk(ast.parse(path.read_bytes()))
            if isinstance(node, ast.FunctionDef)
        ]
        assert not [node.name for node in functions if node.name.startswith("test_")]
        assert "pytest.fixture" not in path.read_text(encoding="utf-8")
