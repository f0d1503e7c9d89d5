"""CPython and the Python distributions of an image, by the metadata that lies beside them."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser

from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.component_evidence import ComponentEvidence, Occurrence
from cyclonedx.model.license import License, LicenseExpression
from packageurl import PackageURL

from scripts.images import ImageError
from scripts.sbom.licences import CLASSIFIERS, DECLARED, has_identifier, identifier, named, text_of
from scripts.sbom.root import Root

METADATA = ("*.dist-info/METADATA", "*.egg-info/PKG-INFO", "*.egg-info")
_VERSION = re.compile(rb'^#define\s+PY_VERSION\s+"([^"]+)"', re.MULTILINE)
_LICENCE_FILE = re.compile(r"(licen[sc]e|copying|notice|authors)[^/]*", re.IGNORECASE)
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Distribution:
    """An installed distribution.

    Attributes
    ----------
    metadata : Message
    path : str
        Of its metadata.
    files : frozenset of str
        Paths of the files that came with it, by its record.
    """

    metadata: Message
    path: str
    files: frozenset[str]

    @property
    def key(self) -> tuple[str, str]:
        """Return its normalised name and its version."""
        return normalised(self.metadata["Name"]), self.metadata["Version"]


def normalised(name: str) -> str:
    """Return a name of a distribution as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def interpreters(root: Root) -> Iterator[Component]:
    """Yield every CPython, by its header and with the licence that lies beside it."""
    headers = list(root.matching("*/include/python3*/patchlevel.h"))
    if not headers:
        raise ImageError("the image has no CPython that says its version")
    yield from (_interpreter(root, path) for path in headers)


def _interpreter(root: Root, header: str) -> Component:
    defined = _VERSION.search(root.files[header])
    if not defined:
        raise ImageError(f"/{header} has no version")
    version = defined[1].decode()
    prefix, _, folder = posixpath.dirname(header).rpartition("include/")
    purl = PackageURL("generic", None, "python", version)
    return Component(
        name="CPython",
        version=version,
        type=ComponentType.PLATFORM,
        purl=purl,
        bom_ref=f"{purl}#/{prefix}bin",
        cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
        licenses=_own_licence(root, f"{prefix}lib/{folder}/LICENSE.txt"),
        evidence=found_at([header]),
    )


def _own_licence(root: Root, path: str) -> list[License]:
    content = root.read(path)
    if content is None:
        return []
    if b"PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in content:
        return [named("PSF-2.0")]
    return [text_of(f"/{path}", content)]


def distributions(root: Root) -> Iterator[Distribution]:
    """Yield what is installed, also within another one and in wheels that wait to be installed."""
    for path in root.matching(*METADATA):
        metadata = BytesParser().parsebytes(root.files[path])
        if not metadata["Name"] or not metadata["Version"]:
            raise ImageError(f"/{path} has no name and version")
        yield Distribution(metadata, path, _files(root, path))


def component(root: Root, installed: list[Distribution], parts: list[Component]) -> Component:
    """Return what is to be said of a version of a distribution, wherever it is installed."""
    name, version = installed[0].key
    purl = PackageURL("pypi", None, name, version)
    return Component(
        name=installed[0].metadata["Name"],
        version=version,
        purl=purl,
        bom_ref=str(purl),
        description=installed[0].metadata["Summary"],
        licenses=_licences(root, installed[0]),
        evidence=found_at([distribution.path for distribution in installed]),
        components=parts,
    )


def _licences(root: Root, distribution: Distribution) -> list[License]:
    """Return the licences of the metadata, and texts if no identifier follows from it."""
    expression = distribution.metadata["License-Expression"]
    if expression:
        return [LicenseExpression(expression, acknowledgement=DECLARED)]
    licences = [named(name) for name in sorted(_licence_names(distribution.metadata))]
    if has_identifier(licences):
        return [*licences]
    files = list(_licence_files(root, distribution))
    texts = [text_of(f"/{path}", root.files[path]) for path in files]
    field = distribution.metadata["License"] or ""
    if not texts and "\n" in field:
        texts = [text_of(f"/{distribution.path}", field.encode())]
    return [*licences, *texts]


def _licence_names(metadata: Message) -> set[str]:
    """Return what classifiers and a field that is no text say, identifiers where they mean one."""
    classifiers = metadata.get_all("Classifier", [])
    names = {CLASSIFIERS.get(name, name) for name in classifiers if name.startswith("License ::")}
    field = (metadata["License"] or "").strip()
    if field and field != "UNKNOWN" and "\n" not in field and len(field) <= _LONGEST_NAME:
        names.add(identifier(field) or field)
    return names


def _licence_files(root: Root, distribution: Distribution) -> Iterator[str]:
    folder = posixpath.dirname(distribution.path)
    for path in root.matching(f"{folder}/*"):
        if _LICENCE_FILE.fullmatch(posixpath.basename(path)):
            yield path


def _files(root: Root, metadata: str) -> frozenset[str]:
    folder = posixpath.dirname(metadata)
    record = root.files.get(f"{folder}/RECORD", b"").decode()
    packages = posixpath.dirname(folder)
    rows = csv.reader(io.StringIO(record))
    return frozenset(posixpath.normpath(posixpath.join(packages, row[0])) for row in rows if row)


def found_at(paths: list[str]) -> ComponentEvidence:
    """Return the places in which something was found."""
    # Occurrences without a reference of their own have no order that stays.
    named_places = len(paths) > 1
    return ComponentEvidence(
        occurrences=[
            Occurrence(location=f"/{path}", bom_ref=f"/{path}" if named_places else None)
            for path in paths
        ]
    )
