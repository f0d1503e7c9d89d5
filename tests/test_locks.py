"""The locks are complete: what they list is all that is installed, on every Python, now and later.

Nothing is installed here; ``test_installation.py`` does that.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.support.locks import (
    ARM_LINUX,
    LINUX,
    MAC,
    PROJECT,
    PYTHONS,
    Lock,
    environment,
    find_closure,
    read_locks,
    read_metadata,
)
from tests.support.shipped import ROOT

LOCKS = {str(lock.path.relative_to(ROOT)): lock for lock in read_locks()}
# Their packages are not in this environment: closed by what test_installation.py finds in theirs.
ELSEWHERE = {name for name, lock in LOCKS.items() if lock.groups not in {(), ("dev",)}}
HERE = sorted(set(LOCKS) - ELSEWHERE)


def test_every_lock_of_the_repository_is_made_by_make_lock() -> None:
    """So that none is forgotten below."""
    files = subprocess.run(
        ["git", "ls-files", "*requirements*.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert set(files) <= set(LOCKS)


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_and_hashed(name: str) -> None:
    """One version each, and no line without a hash."""
    lock = LOCKS[name]
    assert lock.pins()
    assert [
        str(pin) for pin in lock.pins() if not re.fullmatch("==[^*]+", str(pin.specifier))
    ] == []
    assert lock.hashless() == []


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("platform", [LINUX, ARM_LINUX, MAC], ids=["x86", "arm", "mac"])
@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_is_met_by_the_lock(
    name: str, python: str, platform: dict[str, str]
) -> None:
    """Extras included, which pip before 23.3 looks for in the index."""
    lock = LOCKS[name]
    markers = environment(python, platform)
    closure = find_closure(lock, markers, read_metadata(), lock.pins())
    assert closure.missing == []
    # Packages of other platforms, and those that only other Pythons need, are not installed here.
    elsewhere = {pin.name for pin in lock.pins() if pin.marker and not pin.marker.evaluate()}
    assert platform is MAC or closure.unknown <= elsewhere


def test_a_requirement_of_an_extra_that_is_not_locked_is_found() -> None:
    """coverage[toml] of pytest-cov was the one that broke installations."""
    metadata = {"a": ["b[toml]>=2"], "b": ['c>=1; extra == "toml"', 'd; python_version < "3.12"']}
    lock = Lock(Path("unused"))
    pins = [Requirement("a==1"), Requirement("b==2")]

    def find_missing(python: str) -> list[str]:
        closure = find_closure(lock, environment(python), metadata.get, pins)
        return sorted(closure.follow(["a"]).missing)

    assert find_missing("3.11") == [
        'c>=1; extra == "toml" (of b[toml])',
        *['d; python_version < "3.12" (of b)', 'd; python_version < "3.12" (of b[toml])'],
    ]
    assert find_missing("3.12") == ['c>=1; extra == "toml" (of b[toml])']


def test_a_pin_that_is_too_old_or_of_another_python_is_found() -> None:
    """As after a change of pyproject.toml without ``make lock``."""
    lock = Lock(Path("unused"))
    pins = [Requirement("a==1"), Requirement('b==2; python_version < "3.12"')]

    def find_missing(python: str, root: str) -> list[str]:
        closure = find_closure(lock, environment(python), {"a": [], "b": []}.get, pins)
        return closure.follow([root]).missing

    assert find_missing("3.11", "a>=2") == ["a>=2 (of pyproject.toml)"]
    assert find_missing("3.11", "b>=2") == []
    assert find_missing("3.12", "b>=2") == ["b>=2 (of pyproject.toml)"]


def test_the_supported_pythons_are_those_of_pyproject() -> None:
    """So that a new one is proved as well."""
    admitted = SpecifierSet(PROJECT["project"]["requires-python"])
    assert [f"3.{minor}" for minor in range(30) if f"3.{minor}" in admitted] == list(PYTHONS)


def test_nothing_is_installed_but_from_a_lock() -> None:
    """By the Makefile, the image or a script: hashes are required wherever pip or uv installs."""
    sources = [ROOT / "Makefile", ROOT / "Dockerfile", *(ROOT / "scripts").iterdir()]
    commands = [
        command
        for source in sources
        if source.is_file()
        for command in re.findall(
            r"pip\S*(?: --python \S+)? (?:install|sync)\b.*",
            source.read_text().replace("\\\n", " "),
        )
    ]
    assert len(commands) >= 4
    assert [command for command in commands if "--require-hashes" not in command] == []
    assert [item for item in commands if " install" in item and "--no-deps" not in item] == []
