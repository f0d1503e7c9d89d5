"""What distributions brought along: libraries in wheels, vendored packages, scripts for browsers.

Only what says itself what it is; libraries that say nothing are listed as files with a digest.
"""

from __future__ import annotations

import json
import posixpath
import re
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from cyclonedx.schema.deprecation import BaseSchemaDeprecationWarning
from packageurl import PackageURL

from scripts.images import ImageError
from scripts.sbom.licences import named
from scripts.sbom.python import Distribution, found_at, normalised
from scripts.sbom.root import Root

_SCRIPT = re.compile(r"([A-Za-z0-9._-]+)@(\d+\.\d+\.\d+[A-Za-z0-9.-]*?)(?:\.min)?\.js")
_BANNER = re.compile(
    rb"licensed under the (MIT|BSD-3-Clause|Apache-2\.0|ISC) license", re.IGNORECASE
)
_SWAGGER_UI = re.compile(rb'PACKAGE_VERSION:"([^"]+)"')
_PINNED = re.compile(r"^\s*([A-Za-z0-9._-]+)==([^\s;#]+)", re.MULTILINE)
_N_BANNER = 2_000


def _stated(root: Root, distribution: Distribution) -> Iterator[Component]:
    """Yield the components of the bills of materials in a wheel (PEP 770)."""
    for path in root.matching(f"{posixpath.dirname(distribution.path)}/sboms/*"):
        described = _json(root, path)
        if described.get("bomFormat") != "CycloneDX":
            continue  # SPDX's; no wheel here has one
        stated = _parsed(path, described)
        subject = stated.metadata.component
        for part in _flat([*([subject] if subject else []), *stated.components]):
            if not _is_itself(part, distribution) and not (part.purl and part.purl.subpath):
                yield _copy(part, path)


def _parsed(path: str, described: dict[str, Any]) -> Bom:
    with warnings.catch_warnings():
        # Documents of before are as good; what has another form in newer ones is not copied.
        warnings.simplefilter("ignore", BaseSchemaDeprecationWarning)
        try:
            parsed: Bom = Bom.from_json(described)  # type: ignore[attr-defined]
        except Exception as error:  # whatever else another's tool wrote
            raise ImageError(f"/{path} is not CycloneDX") from error
    return parsed


def _flat(components: Any) -> Iterator[Component]:
    for component in components:
        yield component
        yield from _flat(component.components)


def _is_itself(part: Component, distribution: Distribution) -> bool:
    """Return whether a component is the distribution itself."""
    return bool(part.purl and part.purl.type == "pypi") and (
        normalised(part.name) == distribution.key[0]
    )


def _copy(part: Component, path: str) -> Component:
    """Return what another document says of a component, without its references."""
    return Component(
        name=part.name,
        version=part.version,
        group=part.group,
        type=part.type,
        purl=part.purl,
        licenses=part.licenses,
        hashes=part.hashes,
        evidence=found_at([path]),
    )


def _vendored(root: Root, distribution: Distribution) -> Iterator[Component]:
    """Yield the packages that pip, for one, has copies of."""
    for path in _files(root, distribution, "/_vendor/vendor.txt"):
        for name, version in _PINNED.findall(root.files[path].decode()):
            purl = PackageURL("pypi", None, normalised(name), version)
            yield Component(name=name, version=version, purl=purl, evidence=found_at([path]))


def _scripts(root: Root, distribution: Distribution) -> Iterator[Component]:
    """Yield packages of npm: by the names of scripts, or by their own description."""
    for path in _files(root, distribution, ".js"):
        name_and_version = _SCRIPT.fullmatch(posixpath.basename(path))
        swagger = _SWAGGER_UI.search(root.files[path])
        if name_and_version:
            banner = _BANNER.search(root.files[path][:_N_BANNER])
            licences = [named(banner[1].decode())] if banner else []
            name, version = name_and_version.groups()
            yield _npm(name, version, licences, path)
        elif swagger:
            yield _npm("swagger-ui-dist", swagger[1].decode(), [], path)
    for path in _files(root, distribution, "/package.json", "/package-info.json"):
        described = _json(root, path)
        if "name" in described and "version" in described:
            licence = described.get("license")
            licences = [named(licence)] if isinstance(licence, str) else []
            yield _npm(described["name"], described["version"], licences, path)


def _json(root: Root, path: str) -> dict[str, Any]:
    try:
        described = json.loads(root.files[path])
    except ValueError as error:
        raise ImageError(f"/{path} is not JSON") from error
    if not isinstance(described, dict):
        raise ImageError(f"/{path} is not an object of JSON")
    return described


def _npm(name: str, version: str, licences: Sequence[License], path: str) -> Component:
    group, _, base = name.rpartition("/")
    return Component(
        name=base,
        group=group or None,
        version=version,
        purl=PackageURL("npm", group or None, base, version),
        licenses=licences,
        evidence=found_at([path]),
    )


def _libraries(root: Root, distribution: Distribution) -> Iterator[Component]:
    """Yield the shared libraries that were put beside a wheel's own."""
    for path, digest in sorted(root.digests.items()):
        if path in distribution.files:
            yield Component(
                name=f"/{path}",
                type=ComponentType.FILE,
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            )


def _files(root: Root, distribution: Distribution, *ends: str) -> Iterator[str]:
    """Yield the files of a distribution that are in the image and end so."""
    for path in sorted(distribution.files & root.files.keys()):
        if f"/{path}".endswith(ends):
            yield path


_KINDS = (_stated, _vendored, _scripts, _libraries)


def parts(root: Root, installed: Sequence[Distribution]) -> list[Component]:
    """Return what a version of a distribution contains of others, wherever it is installed."""
    unique: dict[str, Component] = {}
    for distribution in installed:
        owner = "@".join(distribution.key)
        for part in chain.from_iterable(kind(root, distribution) for kind in _KINDS):
            reference = f"{owner}/{part.purl or part.name}"
            part.bom_ref.value = reference
            unique.setdefault(reference, part)
    return list(unique.values())
