"""Reads the locks and what pyproject.toml asks for, and finds what a lock lacks.

Nothing is installed here and no index is asked: what a package requires is read from the metadata
of an environment that has it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.shipped import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""The versions that the project supports."""

LINUX = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "sys_platform": "linux",
}
ARM_LINUX = LINUX | {"platform_machine": "aarch64"}
MAC = LINUX | {"platform_machine": "arm64", "platform_system": "Darwin", "sys_platform": "darwin"}

RequirementsOf = Callable[[str], list[str] | None]
"""Gives a package's requirements by its canonical name; None where its metadata is not at hand."""


def environment(python: str, platform: dict[str, str] = LINUX) -> dict[str, str]:
    """Return what markers are evaluated with: a Python's version and a platform."""
    return platform | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_version": f"{python}.0",
    }


@dataclass(frozen=True)
class Lock:
    """A lock, and what it was made for.

    Attributes
    ----------
    path : Path
    extras, groups : tuple of str
        The extras and dependency groups of pyproject.toml that it holds.
    project : bool
        Whether it holds the project's own dependencies.
    """

    path: Path
    project: bool = False
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def pins(self) -> list[Requirement]:
        """Return its lines: a package, its version and perhaps a marker."""
        text = self.path.read_text().replace("\\\n", " ")
        lines = [line.split(" --hash")[0].strip() for line in text.splitlines()]
        return [Requirement(line) for line in lines if line and not line.startswith("#")]

    def hashless(self) -> list[str]:
        """Return the lines that state no hash."""
        text = self.path.read_text().replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"]
        return [line for line in lines if "--hash=sha256:" not in line]

    def roots(self) -> list[str]:
        """Return the requirements of pyproject.toml that it was made for."""
        optional = PROJECT["project"]["optional-dependencies"]
        requirements = list(PROJECT["project"]["dependencies"]) if self.project else []
        for extra in self.extras:
            requirements += optional[extra]
        for group in self.groups:
            requirements += PROJECT["dependency-groups"][group]
        return requirements


def read_locks() -> list[Lock]:
    """Return the project's locks, by what ``make lock`` makes them of."""
    recipe = re.findall(r"^\t@?\$\(COMPILE\) (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return [_read_lock(options) for options in recipe]


def _read_lock(options: str) -> Lock:
    extras = re.findall(r"--extra (\S+)", options)
    if "--all-extras" in options:
        extras = list(PROJECT["project"]["optional-dependencies"])
    return Lock(
        ROOT / re.findall(r"-o (\S+)", options)[0],
        "pyproject.toml" in options.split(),
        tuple(extras),
        tuple(re.findall(r"--group (\S+)", options)),
    )


def read_metadata(site_packages: Path | None = None) -> RequirementsOf:
    """Return what looks up requirements in an environment: this one, or that of a folder."""
    path = {} if site_packages is None else {"path": [str(site_packages)]}
    required = {
        canonicalize_name(distribution.name): distribution.requires or []
        for distribution in metadata.distributions(**path)
    }
    # The project is not installed; what it calls by its own name are its extras.
    extras = PROJECT["project"]["optional-dependencies"].items()
    required[PROJECT["project"]["name"]] = [
        _with_extra(line, extra) for extra, lines in extras for line in lines
    ]
    return required.get


def _with_extra(line: str, extra: str) -> str:
    requirement, _, marker = line.partition(";")
    condition = f'extra == "{extra}"'
    return f"{requirement}; ({marker}) and {condition}" if marker else f"{line}; {condition}"


@dataclass
class Closure:
    """Everything that some requirements lead to in a lock, and what is in the way.

    Attributes
    ----------
    missing : list of str
        Requirements that the lock does not meet, with who states them.
    unknown : set of str
        Locked packages whose requirements are not at hand.
    """

    pins: dict[str, Requirement]
    environment: dict[str, str]
    requirements_of: RequirementsOf
    missing: list[str] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)

    def follow(self, roots: list[str]) -> Closure:
        """Walk from the roots through all that they require, extras included."""
        pending = [(root, "", "pyproject.toml") for root in roots]
        visited = set()
        while pending:
            step = pending.pop()
            if step not in visited:
                visited.add(step)
                pending += self._next(*step)
        return self

    def _next(self, text: str, extra: str, source: str) -> Iterator[tuple[str, str, str]]:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate(
            self.environment | {"extra": extra}
        ):
            return
        name = canonicalize_name(requirement.name)
        if name != PROJECT["project"]["name"] and not self._is_met(name, requirement):
            self.missing.append(f"{text} (of {source}{f'[{extra}]' if extra else ''})")
            return
        required = self.requirements_of(name)
        if required is None:
            self.unknown.add(name)
        for extra_of_it in ("", *sorted(requirement.extras)):
            yield from ((line, extra_of_it, name) for line in required or ())

    def _is_met(self, name: str, requirement: Requirement) -> bool:
        pin = self.pins.get(name)
        if pin is None:
            return False
        (version,) = [specifier.version for specifier in pin.specifier]
        return requirement.specifier.contains(version, prereleases=True)


def find_closure(
    lock: Lock, markers: dict[str, str], requirements_of: RequirementsOf, pins: list[Requirement]
) -> Closure:
    """Return what a lock's roots lead to on one Python and platform.

    Parameters
    ----------
    lock : Lock
    markers : dict
        What markers are evaluated with; see ``environment``.
    requirements_of : callable
    pins : list of Requirement
        The lock's lines.
    """
    valid = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(markers)]
    named = {canonicalize_name(pin.name): pin for pin in valid}
    return Closure(named, markers, requirements_of).follow(lock.roots())
