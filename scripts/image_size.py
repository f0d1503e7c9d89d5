"""How large images are above their base: ``python -m scripts.image_size TAG=LIMIT …``.

Prints the layers of each image, which must have been built here with Docker, Podman or buildah, and
the largest packages in them; ends with 1 if one has more megabytes than its limit: 10⁶ bytes of
uncompressed archive.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from scripts.images import ImageError, has_engine, opened, run

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


def layers(image: str) -> dict[str, Layer]:
    """Return an image's layers by digest, the lowest first."""
    with opened(image) as read:
        digests = read.config["rootfs"]["diff_ids"]
        return dict(zip(digests, map(_layer, read.layers()), strict=True))


def base_digests() -> set[str]:
    """Return the digests of the layers of the base."""
    for engine in ("docker", "podman"):
        if has_engine(engine):
            (inspected,) = json.loads(run(engine, "image", "inspect", BASE))
            return set(inspected["RootFS"]["Layers"])
    image: Any = json.loads(run("buildah", "inspect", "--type", "image", BASE))
    return set(image["OCIv1"]["rootfs"]["diff_ids"])


def report(image: str, limit: int) -> bool:
    """Print the tables of an image; return whether it is small enough."""
    base = base_digests()
    above = [layer for digest, layer in layers(image).items() if digest not in base]
    print(f"{image}, above {BASE}, in MB:")
    for number, layer in enumerate(above, start=1):
        print(f"{layer.n_bytes / MEGABYTE:9.2f}  layer {number}")
        for package, n_bytes in sorted(layer.packages.items(), key=lambda item: -item[1]):
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


def main(arguments: list[str]) -> int:
    """Report on each image."""
    tags_and_limits = [argument.rpartition("=") for argument in arguments]
    if not tags_and_limits or not all(
        tag and limit.isdecimal() for tag, _, limit in tags_and_limits
    ):
        print("usage: image_size.py TAG=MEGABYTES …", file=sys.stderr)
        return 2
    try:
        small = [report(tag, int(limit)) for tag, _, limit in tags_and_limits]
    except (OSError, ImageError) as error:
        print(f"image_size: {error}", file=sys.stderr)
        return 2
    return 0 if all(small) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
