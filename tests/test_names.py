"""Variables, arguments and functions say what they hold or do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shipped import ROOT

FOLDERS = ("segmentation", "deploy", "scripts", "benchmarks", "data", "tests")
# Words that stand for whatever was spoken of before.
VAGUE = {
    *("one", "other", "others", "another", "found", "told", "said", "says", "given", "wanted"),
    *("asked", "known", "kept", "taken", "shown", "sent", "what", "that", "this", "both", "some"),
    *("several", "rest", "whole", "made", "done", "way", "thing", "stuff", "tmp", "foo", "obj"),
    *("here", "there", "gone", "many", "much", "wrong", "right"),
}
# Members of data that packages hold, and directions in a plane or a tree.
ALLOWED = {("manifest.py", "other"), ("definition.py", "other"), ("segment_map.py", "right"),
           ("trees.py", "right")}  # fmt: skip


def bound_names(tree: ast.AST) -> Iterator[str]:
    """Yield every name that a module binds, without leading underscores."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id.lstrip("_")
        elif isinstance(node, ast.arg):
            yield node.arg.lstrip("_")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name.lstrip("_")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_stands_for_whatever_was_spoken_of_before(folder: str) -> None:
    """A reader need not look up what ``found`` is."""
    vague = {
        (path.name, name)
        for path in (ROOT / folder).rglob("*.py")
        for name in bound_names(ast.parse(path.read_bytes()))
        if name in VAGUE
    }
    assert sorted(vague - ALLOWED) == []


def test_no_name_in_the_browser_does_either() -> None:
    """Variables, functions and their arguments, in the scripts of the pages."""
    bound = re.compile(r"\b(?:const|let|function) (\w+)|\((\w+)\) =>|\bfunction \w*\((\w+)")
    vague = {
        (path.name, name)
        for path in (ROOT / "segmentation/dashboard/assets").glob("*.js")
        for names in bound.findall(path.read_text(encoding="utf-8"))
        for name in names
        if name in VAGUE
    }
    assert sorted(vague) == []


@pytest.mark.parametrize("folder", ["segmentation"])
def test_functions_are_mostly_short(folder: str) -> None:
    """The body of nine functions in ten has at most 25 lines, docstring apart."""
    lengths = sorted(
        body_length(node)
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.FunctionDef)
    )
    assert len(lengths) > 500
    assert lengths[len(lengths) * 9 // 10] <= 25


def body_length(function: ast.FunctionDef) -> int:
    """Return the lines of a function's body without its docstring."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    if not statements:
        return 0
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1


def test_every_module_says_what_lives_in_it() -> None:
    """In a docstring that is a sentence."""
    for path in Path(ROOT / "segmentation").rglob("*.py"):
        docstring = ast.get_docstring(ast.parse(path.read_bytes()))
        assert docstring, path
        assert docstring.split("\n\n")[0].rstrip().endswith((".", "``")), path
