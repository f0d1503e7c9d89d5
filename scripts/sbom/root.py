"""The files of an image that say what is in it, its layers laid one over the other.

What the files mean is not known here.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import posixpath
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO

from scripts.images import ImageError

READ = (
    *("etc/os-release", "usr/lib/os-release"),
    *("var/lib/dpkg/status", "var/lib/dpkg/status.d/*", "usr/share/doc/*/copyright"),
    *("*.dist-info/*", "*.egg-info/PKG-INFO", "*.egg-info", "*/_vendor/vendor.txt"),
    *("*/include/python3*/patchlevel.h", "*/python3.*/LICENSE.txt"),
    *("*/package.json", "*/package-info.json", "*/*@*.js", "*/swagger-ui-bundle.js"),
)
"""Files whose content is kept; an asterisk stands for slashes as well."""
DIGESTED = ("*.libs/*", "app/*.bin", "app/data/*", "app/*.js", "app/*.css")
"""Files of which a digest is enough."""
WHEEL = ".whl"
MOST_LINKS = 20
_BLOCK = 1 << 20


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))


_READ, _DIGESTED = _any(READ), _any(DIGESTED)


class Root:
    """A root file system, as far as it says what is in it.

    Paths have no leading slash. A wheel that lies in it is a folder with what is in the wheel.

    Attributes
    ----------
    files : dict of str to bytes
    digests : dict of str to str
        SHA-256 of files that are not read.
    """

    def __init__(self, layers: Iterable[IO[bytes]]) -> None:
        self.files: dict[str, bytes] = {}
        self.digests: dict[str, str] = {}
        self._links: dict[str, str] = {}
        for layer in layers:
            with tarfile.open(fileobj=layer) as tar:
                self._add(tar)

    def read(self, path: str) -> bytes | None:
        """Return a file's content, through symbolic links in the image, or None without one."""
        for _ in range(MOST_LINKS):
            target = self._target(path)
            if target is None:
                return self.files.get(path)
            path = target
        return None

    def matching(self, *patterns: str) -> Iterator[str]:
        """Yield the paths of files that are read, in order."""
        pattern = _any(patterns)
        return (path for path in sorted(self.files) if pattern.match(path))

    def _target(self, path: str) -> str | None:
        parts = path.split("/")
        for n_parts in range(1, len(parts) + 1):
            folder = "/".join(parts[:n_parts])
            if folder in self._links:
                target = posixpath.join("/", posixpath.dirname(folder), self._links[folder])
                target = posixpath.join(target, *parts[n_parts:])
                return posixpath.normpath(target).lstrip("/")
        return None

    def _add(self, tar: tarfile.TarFile) -> None:
        names = {member: posixpath.normpath(member.name).lstrip("/") for member in tar}
        for name in names.values():  # what a layer hides is in the layers below, never in itself
            folder, base = posixpath.split(name)
            if base == ".wh..wh..opq":
                self._remove(folder)
            elif base.startswith(".wh."):
                self._remove(posixpath.join(folder, base.removeprefix(".wh.")))
        for member, name in names.items():
            self._links.pop(name, None)
            if member.issym():
                self._remove(name)
                self._links[name] = member.linkname
            elif member.isfile() or member.islnk():
                self._keep(tar, member, name)

    def _keep(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        matches = _READ.match(name), _DIGESTED.match(name), name.endswith(WHEEL)
        if not any(matches):
            return
        try:
            file = tar.extractfile(member)
        except KeyError:  # a hard link that leads nowhere
            file = None
        if file is None:
            raise ImageError(f"/{name} has no content")
        if name.endswith(WHEEL):
            self._keep_wheel(name, file.read())
        elif _READ.match(name):
            self.files[name] = file.read()
        else:
            self.digests[name] = _digest(file)

    def _keep_wheel(self, name: str, content: bytes) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as wheel:
                for member in wheel.namelist():
                    path = f"{name}/{member}"
                    if _READ.match(path) and not member.endswith("/"):
                        self.files[path] = wheel.read(member)
        except zipfile.BadZipFile as error:
            raise ImageError(f"/{name} is not a wheel") from error

    def _remove(self, path: str) -> None:
        for entries in (self.files, self.digests, self._links):
            for name in [name for name in entries if name == path or name.startswith(f"{path}/")]:
                del entries[name]


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()
