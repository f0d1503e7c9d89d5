"""Signs a package that is there: ``python -m segmentation.training.sign_package --help``.

For packages that were trained without a key or signed in an earlier way, and for going back to an
older one: signed again, it has a larger sequence than the one that it replaces.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from segmentation.artifact import read_package
from segmentation.artifact.package import publish, read_file, seal_archive
from segmentation.artifact.seal import read_seal, reopen
from segmentation.errors import PackageError, SegmentationError


def sign_package(source: Path, target: Path, key_path: Path) -> None:
    """Write a package, signed; what it answers stays the same.

    Parameters
    ----------
    source : Path
        A package, whoever signed it: sign only what you know.
    target : Path
        Where it is to be served; it may be `source`.
    key_path : Path
        Private key.

    Raises
    ------
    SegmentationError
        If it is no whole package, or the key can't be used.
    OSError
        If it can't be written; `target` is then as it was.
    """
    package, content = read_package(source), read_file(source)
    seal = read_seal(content)
    if seal != package.seal:  # only what was checked is signed
        raise PackageError(f"{source}: has changed while it was read")
    publish(target, seal_archive(reopen(content, seal), target, key_path))


def main(arguments: Sequence[str] | None = None) -> int:
    """Sign a package.

    Returns
    -------
    int
        Exit status: 0, or 1 with one line that says why not.
    """
    parser = argparse.ArgumentParser(prog="sign_package", description="Sign a model package.")
    parser.add_argument("package", metavar="PACKAGE", type=Path, help="model package")
    parser.add_argument("key", metavar="KEY", type=Path, help="Ed25519 private key (PEM)")
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="where it is served (default: in its place)"
    )
    options = parser.parse_args(arguments)
    try:
        sign_package(options.package, options.output or options.package, options.key)
    except SegmentationError as error:
        sys.stderr.write(f"sign_package: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"sign_package: {error.filename}: {error.strerror}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
