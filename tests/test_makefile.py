"""Which Python make takes, and what it says where there is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.locks import PYTHONS
from tests.support.shipped import ROOT

TOOLS = ("bash", "dirname", "sed", "seq", "make", "cat")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder with what make needs and no Python, to be the PATH."""
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    return tmp_path


def add_python(path: Path, name: str, version: str, *, venv: bool = True) -> None:
    """Add what answers as that Python would when it is asked for its version."""
    program = (
        f"import sys; sys.version_info = (*map(int, '{version}'.split('.')), 'final', 0)\n"
        f"{'' if venv else 'sys.modules.update(ensurepip=None)'}\n"
        "exec(sys.argv[2] if sys.argv[1] == '-c' else '')\n"
    )
    (path / f"{name}.program").write_text(program)
    command = path / name
    command.write_text(f'#!/bin/bash\nexec "{sys.executable}" -IS "{path / name}.program" "$@"\n')
    command.chmod(0o755)


def choose(path: Path, *arguments: str) -> str:
    """Return the Python that make takes, "" for none."""
    print_it = "--eval=chosen: ; @echo $(PYTHON)"
    completed = subprocess.run(
        ["make", "--no-print-directory", *arguments, print_it, "chosen"],
        cwd=ROOT,
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return completed.stdout.strip()


@pytest.mark.parametrize("version", [f"{python}.0" for python in PYTHONS])
def test_every_supported_python_is_taken(path: Path, version: str) -> None:
    """Called python3, as current distributions do."""
    add_python(path, "python3", version)
    assert choose(path) == str(path / "python3")


@pytest.mark.parametrize("version", ["3.10.13", "3.15.0", "2.7.18"])
def test_others_are_passed_over(path: Path, version: str) -> None:
    """And the newest that fits is taken instead."""
    add_python(path, "python3", version)
    assert choose(path) == ""
    add_python(path, "python3.11", "3.11.9")
    add_python(path, "python3.12", "3.12.1")
    assert choose(path) == str(path / "python3.12")


def test_one_that_cannot_make_environments_is_passed_over(path: Path) -> None:
    """Debian's without python3-venv."""
    add_python(path, "python3", "3.13.5", venv=False)
    add_python(path, "python", "3.12.3")
    assert choose(path) == str(path / "python")


def test_a_person_may_name_one(path: Path) -> None:
    """Whatever is on the PATH."""
    add_python(path, "python3", "3.13.5")
    assert choose(path, "PYTHON=/opt/python3.11") == "/opt/python3.11"


def test_where_there_is_none_it_says_what_to_install(path: Path, tmp_path: Path) -> None:
    """In one sentence, before anything is made."""
    add_python(path, "python3", "3.10.2")
    folder = tmp_path / "environment"
    completed = subprocess.run(
        ["make", "serve", f"VENV={folder}"],
        cwd=ROOT,
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 2
    assert "Python 3.11 to 3.14 is needed" in completed.stderr
    assert "apt install python3-venv" in completed.stderr
    assert not folder.exists()
