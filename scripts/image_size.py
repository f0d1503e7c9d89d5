"""How large images are above their base: ``python scripts/image_size.py TAG=LIMIT …``.

Prints the layers of each image, which must have been built here with Docker or buildah, and the
largest packages in them; ends with 1 if one has more megabytes than its limit: 10⁶ bytes of
uncompressed archive.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any

BASE = "python:3.13-slim"
MEGABYTE = 1e6
LEAST_SHOWN = 3


@dataclass(frozen=True)
class Layer:
    """One layer of an image.

    Attributes
    ----------
    n_bytes : int
        Of its archive, which is a little more than its files.
    packages : dict of str to int
        Bytes of what is in it: packages of Python, or what is beside them.
    """

    n_bytes: int
    packages: dict[str, int]


class SizeError(Exception):
    """An image could not be looked at; the text is one sentence."""


def layers(image: str) -> dict[str, Layer]:
    """Return an image's layers by digest, the lowest first."""
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        if _with_docker():
            _run("docker", "save", "--output", str(archive), image)
        else:
            _run("buildah", "push", "--quiet", image, f"docker-archive:{archive}")
        with tarfile.open(archive) as tar:
            manifest = json.load(_opened(tar, "manifest.json"))[0]
            config = json.load(_opened(tar, manifest["Config"]))
            found = [_layer(_opened(tar, name)) for name in manifest["Layers"]]
    return dict(zip(config["rootfs"]["diff_ids"], found, strict=True))


def base_digests() -> set[str]:
    """Return the digests of the layers of the base."""
    if _with_docker():
        (found,) = json.loads(_run("docker", "image", "inspect", BASE))
        return set(found["RootFS"]["Layers"])
    inspected: Any = json.loads(_run("buildah", "inspect", "--type", "image", BASE))
    return set(inspected["OCIv1"]["rootfs"]["diff_ids"])


def report(image: str, limit: int) -> bool:
    """Print the tables of an image; return whether it is small enough."""
    base = base_digests()
    above = [layer for digest, layer in layers(image).items() if digest not in base]
    print(f"{image}, above {BASE}, in MB:")
    for number, layer in enumerate(above, start=1):
        print(f"{layer.n_bytes / MEGABYTE:9.2f}  layer {number}")
        for package, n_bytes in sorted(layer.packages.items(), key=lambda one: -one[1]):
            if n_bytes >= LEAST_SHOWN * MEGABYTE:
                print(f"{n_bytes / MEGABYTE:18.2f}  {package}")
    total = sum(layer.n_bytes for layer in above) / MEGABYTE
    print(f"{total:9.2f}  {'within' if total <= limit else 'MORE THAN'} the {limit} allowed\n")
    return total <= limit


def _layer(file: IO[bytes]) -> Layer:
    packages: Counter[str] = Counter()
    with tarfile.open(fileobj=file) as tar:
        for member in tar:
            packages[_package(PurePosixPath(member.name).parts)] += member.size
    return Layer(file.seek(0, 2), dict(packages))


def _package(parts: tuple[str, ...]) -> str:
    if "site-packages" in parts:
        return next(iter(parts[parts.index("site-packages") + 1 :]), "")
    return "/".join(parts[:2])


def _opened(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise SizeError(f"the archive of the image has no {name}")
    return file


def _with_docker() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SizeError(f"{' '.join(command[:2])}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def main(arguments: list[str]) -> int:
    """Report on each image."""
    asked = [one.rpartition("=") for one in arguments]
    if not asked or not all(tag and limit.isdecimal() for tag, _, limit in asked):
        print("usage: image_size.py TAG=MEGABYTES …", file=sys.stderr)
        return 2
    try:
        small = [report(tag, int(limit)) for tag, _, limit in asked]
    except (OSError, SizeError) as error:
        print(f"image_size: {error}", file=sys.stderr)
        return 2
    return 0 if all(small) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
