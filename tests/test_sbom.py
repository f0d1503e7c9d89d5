"""The bill of materials of small images that are made here, file by file.

``test_container.py`` compares the one of the real images with what is in them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scripts.images import opened
from scripts.sbom.__main__ import main
from scripts.sbom.document import document
from scripts.sbom.licences import identifier

Files = dict[str, "str | bytes | Path"]
"""Contents by path; a `Path` is where a symbolic link leads."""

PACKAGES = "opt/venv/lib/python3.13/site-packages"
LABELS = {
    "org.opencontainers.image.title": "segmentation",
    "org.opencontainers.image.version": "1.4.0",
    "org.opencontainers.image.revision": "0123abc",
    "org.opencontainers.image.licenses": "MIT",
}
BASE: Files = {
    "usr/lib/os-release": 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian GNU/Linux 13"\n',
    "etc/os-release": Path("../usr/lib/os-release"),
    "var/lib/dpkg/status": (
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\n"
        "Source: glibc\nVersion: 2.41-12\nDescription: a library\n of many lines\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n"
        "Package: locales\nStatus: hold ok installed\nArchitecture: all\nVersion: 1:2.41-12\n"
    ),
    "usr/share/doc/libc6/copyright": "Prose. See /usr/share/common-licenses/LGPL-2.1.\n",
    "usr/share/doc/locales": Path("elsewhere"),
    "usr/share/doc/elsewhere/copyright": (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
        "Files: *\nCopyright: somebody\nLicense: LGPL-2.1+\n text\n\n"
        "Files: a/*\nCopyright: somebody\nLicense: Expat\n text\n\n"
        "Files: b/*\nCopyright: somebody\nLicense: GPL-2 or Frobnicate\n text\n"
    ),
    "usr/local/include/python3.13/patchlevel.h": '#define PY_VERSION              "3.13.9"\n',
    "usr/local/lib/python3.13/LICENSE.txt": "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2\n",
}


def metadata(name: str, version: str, *lines: str, text: str = "Metadata-Version: 2.4") -> str:
    """Return the metadata of a distribution."""
    return "\n".join([text, f"Name: {name}", f"Version: {version}", *lines, "", "About it."])


def layer(files: Files) -> bytes:
    """Return an archive with some files."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            if isinstance(content, Path):
                member.type, member.linkname = tarfile.SYMTYPE, str(content)
                tar.addfile(member)
            else:
                encoded = content.encode() if isinstance(content, str) else content
                member.size = len(encoded)
                tar.addfile(member, io.BytesIO(encoded))
    return written.getvalue()


CONFIG = json.dumps(
    {
        "architecture": "amd64",
        "created": "2026-11-20T10:00:00.123456789Z",
        "config": {"Labels": LABELS},
    }
)


def saved(folder: Path, *layers: Files) -> str:
    """Write an image as engines save it; return the path of the archive."""
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": None, "Layers": names}]
    contents: Files = {"config.json": CONFIG, "manifest.json": json.dumps(manifest)}
    contents |= {name: layer(files) for name, files in zip(names, layers, strict=True)}
    archive = folder / "image.tar"
    archive.write_bytes(layer(contents))
    return str(archive)


def bill(folder: Path, *layers: Files) -> dict[str, Any]:
    """Return the document of an image with these layers on top of the base."""
    with opened(saved(folder, BASE, *layers)) as image:
        read: dict[str, Any] = json.loads(document(image))
    return read


def by_purl(components: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return components by their package URL."""
    return {component["purl"]: component for component in components if "purl" in component}


def licences(component: dict[str, Any]) -> set[str]:
    """Return identifiers, expressions and names of a component's licences."""
    return {
        licence.get("expression") or licence["license"].get("id") or licence["license"]["name"]
        for licence in component.get("licenses", [])
    }


def test_the_base_is_listed(tmp_path: Path) -> None:
    """Debian, its installed packages and CPython: nothing else."""
    read = bill(tmp_path)
    listed = read["components"]
    assert {(part["type"], part["name"], part.get("version")) for part in listed} == {
        ("operating-system", "debian", "13"),
        ("library", "libc6", "2.41-12"),
        ("library", "locales", "1:2.41-12"),
        ("platform", "CPython", "3.13.9"),
        ("application", "segmentation", "1.4.0"),
    }
    assert set(by_purl(read["components"])) == {
        "pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=debian-13&upstream=glibc",
        "pkg:deb/debian/locales@1:2.41-12?arch=all&distro=debian-13",
        "pkg:generic/python@3.13.9",
    }


def test_the_licences_of_debian_are_what_its_files_say(tmp_path: Path) -> None:
    """Identifiers where a name means one; names where prose refers to a licence, and the prose."""
    named = {part["name"]: part for part in bill(tmp_path)["components"]}
    assert licences(named["CPython"]) == {"PSF-2.0"}
    assert licences(named["locales"]) == {"LGPL-2.1-or-later", "MIT", "GPL-2 or Frobnicate"}
    assert licences(named["libc6"]) == {"LGPL-2.1", "/usr/share/doc/libc6/copyright"}
    stated = [licence["license"] for licence in named["libc6"]["licenses"]]
    assert all("id" not in licence for licence in stated)
    texts = [licence.get("text", {}).get("content") for licence in stated]
    assert BASE["usr/share/doc/libc6/copyright"] in texts


def test_the_image_and_our_code_have_the_labels(tmp_path: Path) -> None:
    """Version and revision; models, data and scripts with their digests."""
    read = bill(tmp_path, {"app/model.bin": b"model", "app/data/retail.csv": "a\n", "app/x.py": ""})
    subject = read["metadata"]["component"]
    assert (subject["type"], subject["name"], subject["version"]) == (
        "container", "segmentation", "1.4.0",
    )  # fmt: skip
    digest = hashlib.sha256(CONFIG.encode()).hexdigest()
    assert {"name": "oci:image:id", "value": f"sha256:{digest}"} in subject["properties"]
    (application,) = [part for part in read["components"] if part["type"] == "application"]
    assert {item["value"] for item in application["properties"]} == {"0123abc"}
    assert licences(application) == {"MIT"}
    assert {(part["type"], part["name"]) for part in application["components"]} == {
        ("machine-learning-model", "/app/model.bin"),
        ("data", "/app/data/retail.csv"),
    }
    (model,) = [part for part in application["components"] if part["name"] == "/app/model.bin"]
    assert model["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"model").hexdigest()}]


def test_every_distribution_is_listed(tmp_path: Path) -> None:
    """In any folder, in another one, in a wheel, as an egg; a copy is one more place of it."""
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pip-25.3.dist-info/METADATA", metadata("pip", "25.3"))
    bundled = "usr/local/lib/python3.13/ensurepip/_bundled/pip-25.3-py3-none-any.whl"
    read = bill(
        tmp_path,
        {
            f"{PACKAGES}/Some_Thing-2.0.dist-info/METADATA": metadata("Some.Thing", "2.0"),
            f"{PACKAGES}/setuptools/_vendor/more-1.dist-info/METADATA": metadata("more", "1"),
            f"{PACKAGES}/egg.egg-info/PKG-INFO": metadata("egg", "3"),
            "usr/lib/python3/dist-packages/flat-4.egg-info": metadata("flat", "4"),
            "usr/local/lib/python3.13/site-packages/pip-25.3.dist-info/METADATA": metadata(
                "pip", "25.3"
            ),
            "opt/other/pip-24.0.dist-info/METADATA": metadata("pip", "24.0"),
            bundled: wheel.getvalue(),
        },
    )
    listed = by_purl(read["components"])
    assert {purl for purl in listed if purl.startswith("pkg:pypi")} == {
        "pkg:pypi/some-thing@2.0",
        "pkg:pypi/more@1",
        "pkg:pypi/egg@3",
        "pkg:pypi/flat@4",
        "pkg:pypi/pip@25.3",
        "pkg:pypi/pip@24.0",
    }
    places = listed["pkg:pypi/pip@25.3"]["evidence"]["occurrences"]
    assert [place["location"] for place in places] == [
        f"/{bundled}/pip-25.3.dist-info/METADATA",
        "/usr/local/lib/python3.13/site-packages/pip-25.3.dist-info/METADATA",
    ]


@pytest.mark.parametrize(
    ("lines", "stated"),
    [
        (["License-Expression: MIT AND (BSD-2-Clause OR Zlib)"], "MIT AND (BSD-2-Clause OR Zlib)"),
        (["License-Expression: LicenseRef-Ours"], "LicenseRef-Ours"),
        (["License: Apache 2.0"], "Apache-2.0"),
        (["License: mpl-2.0"], "MPL-2.0"),
        (["Classifier: License :: OSI Approved :: MIT License"], "MIT"),
    ],
)
def test_a_licence_in_metadata(tmp_path: Path, lines: list[str], stated: str) -> None:
    """An expression before anything else; what a field or a classifier means without doubt."""
    files: Files = {f"{PACKAGES}/a-1.dist-info/METADATA": metadata("a", "1", *lines)}
    assert licences(by_purl(bill(tmp_path, files)["components"])["pkg:pypi/a@1"]) == {stated}


def test_a_licence_that_may_be_several_comes_with_its_text(tmp_path: Path) -> None:
    """A name like "BSD" is no identifier; the file that lies beside the metadata says which."""
    folder = f"{PACKAGES}/a-1.dist-info"
    classifier = "License :: OSI Approved :: BSD License"
    files: Files = {
        f"{folder}/METADATA": metadata("a", "1", "License: BSD", f"Classifier: {classifier}"),
        f"{folder}/licenses/LICENSE.txt": "Redistribution and use",
        f"{folder}/licenses/other.py": "",
    }
    component = by_purl(bill(tmp_path, files)["components"])["pkg:pypi/a@1"]
    assert licences(component) == {"BSD", classifier, f"/{folder}/licenses/LICENSE.txt"}
    assert "Redistribution and use" in json.dumps(component)


@pytest.mark.parametrize(
    ("name", "spdx"),
    [
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("GPLv3+", "GPL-3.0-or-later"),
        ("GPL-3.0+", "GPL-3.0-or-later"),
        ("GFDL-1.3", "GFDL-1.3-only"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("zlib", "Zlib"),
        ("Expat", "MIT"),
        ("GPL", None),
        ("BSD", None),
        ("public-domain", None),
        ("GPL-2+ with Texinfo exception", None),
        ("GPL-9", None),
    ],
)
def test_a_name_of_a_licence(name: str, spdx: str | None) -> None:
    """It is an identifier only if it can mean nothing else."""
    assert identifier(name) == spdx


def test_what_is_in_a_distribution_is_listed_within_it(tmp_path: Path) -> None:
    """Its own bill of materials, libraries beside it, vendored packages, scripts for browsers."""
    sbom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.4",
        "version": 1,
        "metadata": {
            "component": {"type": "library", "name": "A_b", "purl": "pkg:pypi/a_b@1"},
            "tools": [{"name": "auditwheel", "version": "6.7.0"}],
        },
        "components": [
            {"type": "library", "name": "a-b", "version": "1", "purl": "pkg:pypi/a-b@1?file=x"},
            {
                "type": "library", "name": "libgomp", "version": "8.5",
                "purl": "pkg:rpm/almalinux/libgomp@8.5", "bom-ref": "x",
            },
            {
                "type": "library", "name": "ahash", "version": "0.8", "bom-ref": "y",
                "purl": "pkg:cargo/ahash@0.8", "licenses": [{"expression": "MIT OR Apache-2.0"}],
            },
        ],
    }  # fmt: skip
    stored = [
        "a_b.libs/libgomp-e98.so.1",
        "a_b/_vendor/vendor.txt",
        "a_b/deps/react@18.3.1.min.js",
        "a_b/swagger-ui-bundle.js",
        "a_b/package-info.json",
    ]
    read = bill(
        tmp_path,
        {
            f"{PACKAGES}/a_b-1.dist-info/METADATA": metadata("a_b", "1"),
            f"{PACKAGES}/a_b-1.dist-info/RECORD": "\n".join(f"{path},," for path in stored),
            f"{PACKAGES}/a_b-1.dist-info/sboms/auditwheel.cdx.json": json.dumps(sbom),
            f"{PACKAGES}/{stored[0]}": b"library",
            f"{PACKAGES}/{stored[1]}": "# what we copy\nrequests==2.32.5\n    idna==3.10  # it\n",
            f"{PACKAGES}/{stored[2]}": "/* This is licensed under the MIT license */",
            f"{PACKAGES}/{stored[3]}": 'x={PACKAGE_VERSION:"5.31.0"}',
            f"{PACKAGES}/{stored[4]}": '{"name": "@o/grid", "version": "35.3.0", "license": "ISC"}',
            f"{PACKAGES}/nobody/deps/vue@3.0.0.js": "not a part of a_b",
        },
    )
    parts = by_purl(read["components"])["pkg:pypi/a-b@1"]["components"]
    assert {purl: licences(part) for purl, part in by_purl(parts).items()} == {
        "pkg:rpm/almalinux/libgomp@8.5": set(),
        "pkg:cargo/ahash@0.8": {"MIT OR Apache-2.0"},
        "pkg:pypi/requests@2.32.5": set(),
        "pkg:pypi/idna@3.10": set(),
        "pkg:npm/react@18.3.1": {"MIT"},
        "pkg:npm/swagger-ui-dist@5.31.0": set(),
        "pkg:npm/%40o/grid@35.3.0": {"ISC"},
    }
    (library,) = [part for part in parts if "purl" not in part]
    assert library["name"] == f"/{PACKAGES}/{stored[0]}"
    assert library["hashes"][0]["content"] == hashlib.sha256(b"library").hexdigest()


def test_what_a_layer_hides_is_not_listed(tmp_path: Path) -> None:
    """A file, a folder, all of a folder but what the same layer puts there."""
    below: Files = {
        f"{PACKAGES}/a-1.dist-info/METADATA": metadata("a", "1"),
        f"{PACKAGES}/b-1.dist-info/METADATA": metadata("b", "1"),
        f"{PACKAGES}/c-1.dist-info/METADATA": metadata("c", "1"),
        "opt/more/d-1.dist-info/METADATA": metadata("d", "1"),
    }
    above: Files = {
        f"{PACKAGES}/.wh.a-1.dist-info": "",
        f"{PACKAGES}/b-1.dist-info/.wh.METADATA": "",
        f"{PACKAGES}/c-1.dist-info/METADATA": metadata("c", "1.1"),
        "opt/more/e-1.dist-info/METADATA": metadata("e", "1"),
        "opt/more/.wh..wh..opq": "",
    }
    listed = by_purl(bill(tmp_path, below, above)["components"])
    assert {purl for purl in listed if purl.startswith("pkg:pypi")} == {
        "pkg:pypi/c@1.1",
        "pkg:pypi/e@1",
    }


@pytest.mark.parametrize("nested", [False, True])
def test_both_formats_of_archives_are_read(tmp_path: Path, nested: bool) -> None:
    """Docker's with `manifest.json`, and OCI's with blobs, of which layers may be compressed.

    BuildKit's have an index below the index, with an attestation beside the image.
    """

    def blob(content: bytes) -> tuple[dict[str, str], Files]:
        digest = hashlib.sha256(content).hexdigest()
        return {"digest": f"sha256:{digest}"}, {f"blobs/sha256/{digest}": content}

    config, contents = blob(CONFIG.encode())
    compressed, more = blob(gzip.compress(layer(BASE)))
    manifest, last = blob(json.dumps({"config": config, "layers": [compressed]}).encode())
    blobs = contents | more | last
    if nested:
        attestation = {"digest": "sha256:0", "platform": {"os": "unknown"}}
        manifest, index = blob(json.dumps({"manifests": [manifest, attestation]}).encode())
        blobs |= index
    archive = tmp_path / "oci.tar"
    archive.write_bytes(layer(blobs | {"index.json": json.dumps({"manifests": [manifest]})}))
    with opened(str(archive)) as image, opened(saved(tmp_path, BASE)) as same:
        assert document(image) == document(same)


def without(*paths: str) -> Files:
    """Return the base without some files."""
    return {path: content for path, content in BASE.items() if path not in paths}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (without("var/lib/dpkg/status"), "no records of dpkg"),
        (without("usr/lib/os-release"), "no os-release"),
        (without("usr/local/include/python3.13/patchlevel.h"), "no CPython"),
        (BASE | {"var/lib/dpkg/status": "Package: a\nStatus: install ok installed\n"}, "dpkg"),
        (BASE | {"x/a-1.dist-info/METADATA": "Name: a\n"}, "/x/a-1.dist-info/METADATA"),
        (BASE | {"x/a-1.whl": "no zip"}, "/x/a-1.whl is not a wheel"),
        (
            BASE
            | {
                "x/a-1.dist-info/METADATA": metadata("a", "1"),
                "x/a-1.dist-info/sboms/a.json": "{",
            },
            "/x/a-1.dist-info/sboms/a.json is not JSON",
        ),
    ],
)
def test_what_cannot_be_read_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], files: Files, message: str
) -> None:
    """One line, and no document: a list with something missing would be taken for the whole."""
    file = tmp_path / "out.json"
    assert main([saved(tmp_path, files), str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("sbom: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert not file.exists()


@pytest.mark.parametrize(
    "content", [b"", b"text", layer({"a": "b"}), layer({"manifest.json": "[]"})]
)
def test_no_archive_of_an_image_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    """Also one that was cut off or describes no image."""
    archive = tmp_path / "image.tar"
    archive.write_bytes(content)
    assert main([str(archive), str(tmp_path / "out.json")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_document_is_written_to_a_new_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice the same bytes."""
    archive, files = saved(tmp_path, BASE), [tmp_path / "a/1.json", tmp_path / "b/2.json"]
    assert [main([archive, str(file)]) for file in files] == [0, 0]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert main([archive]) == 2
