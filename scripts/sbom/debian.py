"""The operating system: Debian's packages and their licences, by dpkg's own records."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from cyclonedx.model import Property
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License
from debian.copyright import Copyright, NotMachineReadableError
from debian.deb822 import Deb822, Packages
from packageurl import PackageURL

from scripts.images import ImageError
from scripts.sbom.licences import by_name, has_identifier, named, text_of
from scripts.sbom.root import Root

STATUS = ("var/lib/dpkg/status", "var/lib/dpkg/status.d/*")
NOT_INSTALLED = ("not-installed", "config-files")
_COMMON = re.compile(r"/usr/share/common-licenses/([A-Za-z]+(?:-\d+(?:\.\d+)?)?)")


def operating_system(root: Root) -> Component:
    """Return what the system says that it is."""
    release = _release(root)
    name, version = release.get("ID", "linux"), release.get("VERSION_ID")
    return Component(
        name=name,
        version=version,
        type=ComponentType.OPERATING_SYSTEM,
        bom_ref=f"{name}-{version}",
        description=release.get("PRETTY_NAME"),
    )


def packages(root: Root) -> Iterator[Component]:
    """Yield the installed packages of Debian, each with the licences of its parts."""
    release = _release(root)
    distribution = f"{release.get('ID', 'debian')}-{release.get('VERSION_ID', 'unstable')}"
    files = [path for path in root.matching(*STATUS) if not path.endswith(".md5sums")]
    if not files:
        raise ImageError("the image has no records of dpkg")
    for path in files:
        for paragraph in Deb822.iter_paragraphs(root.files[path], use_apt_pkg=False):
            if not paragraph.get("Status", "").endswith(NOT_INSTALLED):
                yield _component(root, Packages(paragraph), distribution)


def _component(root: Root, package: Packages, distribution: str) -> Component:
    if not all(package.get(field) for field in ("Package", "Version", "Architecture")):
        raise ImageError("the records of dpkg have a package without name, version or architecture")
    name, version = package["Package"], package["Version"]
    source = package.get("Source", name).split()[0]
    qualifiers = {"arch": package["Architecture"], "distro": distribution}
    if source != name:
        qualifiers["upstream"] = source
    purl = PackageURL("deb", "debian", name, version, qualifiers)
    return Component(
        name=name,
        version=version,
        purl=purl,
        bom_ref=str(purl),
        licenses=_licences(root, name),
        properties=[Property(name="debian:source", value=source)],
    )


def _licences(root: Root, name: str) -> list[License]:
    """Return the licences that a package's copyright file names, and its text if it is prose."""
    path = f"usr/share/doc/{name}/copyright"
    content = root.read(path)
    if content is None:
        return []
    try:
        copyright_ = Copyright(content.decode("utf-8", "replace").splitlines(True), strict=False)
    except (NotMachineReadableError, ValueError):
        common = sorted(set(_COMMON.findall(content.decode("utf-8", "replace"))))
        # The prose says whether a later version may be taken: no identifier follows from these.
        return [*map(by_name, common), text_of(f"/{path}", content)]
    parts: list[Any] = [copyright_.header, *copyright_.all_files_paragraphs()]
    stated = {part.license.synopsis for part in parts if part.license}
    licences: list[License] = [named(synopsis) for synopsis in sorted(filter(None, stated))]
    return licences if has_identifier(licences) else [*licences, text_of(f"/{path}", content)]


def _release(root: Root) -> dict[str, str]:
    """Return what os-release says."""
    content = root.read("etc/os-release") or root.read("usr/lib/os-release")
    if content is None:
        raise ImageError("the image has no os-release")
    lines = shlex.split(content.decode(), comments=True)
    return dict(line.split("=", 1) for line in lines if "=" in line)
