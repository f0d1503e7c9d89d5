"""The glossary is the home of our words: names are made of them, and of no replaced one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shipped import ROOT

GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
PACKAGE = ROOT / "segmentation"


def section(title: str) -> str:
    """Return the text of a section."""
    match = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", GLOSSARY, re.MULTILINE | re.DOTALL)
    assert match, title
    return match[1]


def stem(word: str) -> str:
    """Return a word in lower case and without its plural."""
    word = word.lower()
    for ending, singular in (("ies", "y"), ("sses", "ss"), ("xes", "x")):
        if word.endswith(ending):
            return word.removesuffix(ending) + singular
    return word if word.endswith(("as", "is", "ss", "us")) else word.removesuffix("s")


def words_of(name: str) -> set[str]:
    """Return the words of a name in capitals or with underscores."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return {stem(part) for part in parts if not part.isdigit()}


def listed(text: str) -> set[str]:
    """Return the words of a list."""
    return {stem(word) for word in re.findall(r"[a-z0-9]+", text.lower())}


TERMS = {
    word
    for row in re.findall(r"^\| ([^|]+) \| [^|]+ \|$", section("Terms"), re.MULTILINE)
    for word in words_of(row.replace("-", "_"))
}
PLAIN = listed(section("Plain words").split(":", 1)[1])
REPLACED = listed(section("Replaced words").split(":", 1)[1])


def modules() -> Iterator[Path]:
    """Yield the modules of the package."""
    yield from PACKAGE.rglob("*.py")


def public_classes(path: Path) -> list[str]:
    """Return the names of the public classes of a module."""
    tree = ast.parse(path.read_bytes())
    names = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return [name for name in names if not name.startswith("_")]


NAMES = sorted(
    {
        *(path.stem for path in modules() if path.stem != "__init__"),
        *(path.name for path in PACKAGE.rglob("*") if (path / "__init__.py").is_file()),
        *(name for path in modules() for name in public_classes(path)),
    }
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_made_of_words_of_the_glossary(name: str) -> None:
    """Terms, or plain words that are listed; a new word is explained before it is used."""
    unknown = words_of(name) - TERMS - PLAIN
    assert not unknown, f"{name}: {', '.join(sorted(unknown))} is not in docs/glossary.md"


def test_replaced_words_are_gone_from_names() -> None:
    """Of modules, classes and public functions."""
    functions = {
        node.name
        for path in modules()
        for node in ast.parse(path.read_bytes()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert len(functions) > 100
    assert not [name for name in {*NAMES, *functions} if words_of(name) & REPLACED]


def test_plain_words_are_used_and_are_no_terms() -> None:
    """The list grows only with names."""
    used = {word for name in NAMES for word in words_of(name)}
    assert not PLAIN & TERMS
    assert not PLAIN - used


def test_terms_stand_in_alphabetical_order() -> None:
    """So that a reader finds them."""
    terms = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", section("Terms"), re.MULTILINE)[1:]
    terms = [term for term in terms if not term.startswith("-")]
    assert terms == sorted(terms, key=str.lower)


def test_no_two_classes_share_a_name() -> None:
    """A reader who sees a name knows which class is meant."""
    names = [name for path in modules() for name in public_classes(path)]
    assert sorted(names) == sorted(set(names))
