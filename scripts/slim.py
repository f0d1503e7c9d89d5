"""Takes out of installed packages what nobody reads in the image: ``slim.py SITE_PACKAGES``.

Prints how much of what. ``tests/test_container.py`` shows that what is left serves, explains, draws
the pages and trains. Licences stay, and so do the records from which the bill of materials is made.
"""

from __future__ import annotations

import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

# By what it is; patterns as in pathlib, relative to the folder of packages.
UNUSED = {
    "tests": (
        *("**/tests", "numpy/_core/tests/test_*.py", "numpy/_core/tests/data", "joblib/test"),
        *("onnx/backend/test", "dash/testing", "dash/**/*_test*.js"),
    ),
    "for compilers and type checkers": tuple(
        f"**/*.{end}"
        for end in ("a", "c", "cc", "cpp", "f90", "h", "hpp", "proto", "pxd", "pyi", "pyx", "tp")
    ),
    "for debuggers": ("**/*.js.map", "dash/dash-renderer/build/*.dev.js", "dash/deps/*[0-9].js"),
    # For colouring source text, and for installing packages.
    "Pygments' languages": ("pygments/lexers",),
    "setuptools": ("setuptools*", "pkg_resources", "_distutils_hack", "distutils-precedence.pth"),
    # The same code is in its Python module, which is not linked with it.
    "ONNX Runtime's library for C": ("onnxruntime/capi/libonnxruntime.so*",),
    "ONNX Runtime's converters": tuple(
        f"onnxruntime/{name}"
        for name in ("backend", "datasets", "quantization", "tools", "transformers")
    ),
    # Dash imports the class of figures; the pages draw none.
    "Plotly's charts": tuple(
        f"plotly/{name}"
        for name in (
            *("data", "express", "figure_factory", "graph_objs/*", "labextension"),
            *("matplotlylib", "package_data", "validators"),
        )
    ),
    "Dash's tables and formulas": (
        *("dash/dash_table/async-*.js", "dash/dash_table/commons.js", "dash/dash_table/demo.js"),
        "dash/dcc/async-mathjax.js",
    ),
    "AG Grid's paid features": ("dash_ag_grid/async-enterprise.js",),
    "scikit-learn's examples": ("sklearn/datasets/data", "sklearn/datasets/images"),
    "AWS services other than S3": ("botocore/data/*/",),
}
NEEDED = {
    "numpy/_core/tests",  # numpy.testing, which scipy imports, needs a module there
    *("plotly/graph_objs/__init__.py", "plotly/graph_objs/_figure.py"),
    # S3, and from where its credentials may come.
    *(f"botocore/data/{service}" for service in ("s3", "signin", "sso", "sso-oidc", "sts")),
}
MEGABYTE = 1e6
DEBUGGING = "debugging information of libraries"


def unused(packages: Path) -> Iterator[tuple[str, Path]]:
    """Yield what can go, and why."""
    for reason, patterns in UNUSED.items():
        for pattern in patterns:
            for path in packages.glob(pattern):
                if path.relative_to(packages).as_posix() not in NEEDED:
                    yield reason, path


def size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(path.lstat().st_size for path in files if not path.is_dir())


def cut_debugging(library: Path) -> int:
    """Cut off what follows the segments of an ELF library, and return how many bytes that was.

    Sections, among them those for debuggers, are of no use to the loader, which reads segments
    alone; ``strip`` would do the same, and is not in the image. Two thirds of uvloop are that.
    Offsets in the header are those of ELF for 64 bits (elf(5)).
    """
    content = bytearray(library.read_bytes())
    if content[:6] != b"\x7fELF\x02\x01":  # 64 bits, little-endian
        return 0
    (table,) = struct.unpack_from("<Q", content, 0x20)
    size_of_entry, n_entries = struct.unpack_from("<HH", content, 0x36)
    entries = (table + size_of_entry * number for number in range(n_entries))
    # The offset of a segment in the file, and how long it is there.
    segments = (struct.unpack_from("<Q16xQ", content, entry + 8) for entry in entries)
    end = max(offset + length for offset, length in segments)
    struct.pack_into("<Q", content, 0x28, 0)  # no table of sections,
    struct.pack_into("<HHH", content, 0x3A, 0, 0, 0)  # of no entries, none of which has names
    library.write_bytes(content[:end])
    return len(content) - end


def main(packages: Path) -> None:
    """Remove it."""
    removed: dict[str, int] = {}
    for reason, path in list(unused(packages)):
        if path.exists():  # a folder may have gone with what is around it
            removed[reason] = removed.get(reason, 0) + size(path)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    libraries = [path for path in packages.rglob("*.so*") if path.is_file()]
    removed[DEBUGGING] = sum(map(cut_debugging, libraries))
    for reason, n_bytes in sorted(removed.items(), key=lambda item: -item[1]):
        print(f"{n_bytes / MEGABYTE:7.1f} MB  {reason}")
    print(f"{size(packages) / MEGABYTE:7.1f} MB  are left")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
