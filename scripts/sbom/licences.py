"""Licences as their owners state them: SPDX identifiers where they are meant, else names and texts.

Nothing is concluded from a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cyclonedx.model import AttachedText
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseAcknowledgement
from cyclonedx.spdx import fixup_id

DECLARED = LicenseAcknowledgement.DECLARED
# What Debian's copyright format and people who write metadata mean without a doubt.
MEANT = {
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license v2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "expat": "MIT",
    "mit license": "MIT",
}
CLASSIFIERS = {
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""The classifiers that mean one licence; "BSD License" may be any of several."""
_GNU = re.compile(r"(A?GPL|LGPL|GFDL)-?v?(\d)(?:\.(\d))?(\+?)", re.IGNORECASE)


def identifier(name: str) -> str | None:
    """Return the SPDX identifier that a name means, if it means one."""
    if gnu := _GNU.fullmatch(name):
        family, major, minor, later = gnu.groups()
        name = f"{family}-{major}.{minor or 0}-{'or-later' if later else 'only'}"
    spdx: str | None = fixup_id(MEANT.get(name.lower(), name))
    return spdx


def named(name: str) -> DisjunctiveLicense:
    """Return a licence by its SPDX identifier, or by the name as it is stated."""
    spdx = identifier(name)
    return DisjunctiveLicense(id=spdx, acknowledgement=DECLARED) if spdx else by_name(name)


def by_name(name: str) -> DisjunctiveLicense:
    """Return a licence by a name that is no identifier."""
    return DisjunctiveLicense(name=name, acknowledgement=DECLARED)


def text_of(path: str, content: bytes) -> DisjunctiveLicense:
    """Return a licence by its text, for people to read; its name is the path of its file."""
    text = AttachedText(content=content.decode("utf-8", "replace"))
    return DisjunctiveLicense(name=path, text=text, acknowledgement=DECLARED)


def has_identifier(licences: Iterable[License]) -> bool:
    """Return whether one of the licences is more than a name."""
    return any(getattr(licence, "name", None) is None for licence in licences)
