"""``model.bin`` as a file: two readings, every byte verified, signatures."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import joblib
import pytest

from segmentation.artifact import Package, Trust, read_package, write_package
from segmentation.artifact.package_archive import pack
from segmentation.artifact.seal import close, read_claim, read_seal, reopen
from segmentation.artifact.signature import load_private_key, sign
from segmentation.errors import PackageError, TrainingError
from segmentation.training.sign_package import main as sign_package_main
from segmentation.training.sign_package import sign_package
from tests.support.keys import key_pair
from tests.support.shipped import MODEL, ROOT


@pytest.fixture(scope="module")
def shipped() -> Package:
    """The shipped package."""
    return read_package(MODEL)


def reason(path: Path, public_key: str | None = None) -> str:
    """Return why a package is refused."""
    with pytest.raises(PackageError) as caught:
        read_package(path, Trust(public_key))
    return str(caught.value)


def test_joblib_and_pickle_load_the_pipeline() -> None:
    """The file begins with a plain pickle."""
    with MODEL.open("rb") as file:
        assert type(pickle.load(file)) is type(joblib.load(MODEL))


def test_joblib_loads_the_pipeline_in_any_folder(tmp_path: Path) -> None:
    """With the project's environment, from wherever a notebook or script happens to be run."""
    program = f"import joblib; print(type(joblib.load({str(MODEL)!r})).__name__)"
    command = [sys.executable, "-c", program]
    completed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert completed.stdout == "Pipeline\n"


def test_the_file_is_a_zip_archive() -> None:
    """``python -m zipfile -l model.bin`` lists its parts."""
    command = [sys.executable, "-m", "zipfile", "-l", str(MODEL)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "manifest.json" in listed
    assert "scorer.onnx" in listed


def test_the_manifest_digests_are_those_of_the_payloads(shipped: Package) -> None:
    """Computed here from the archive itself."""
    with zipfile.ZipFile(MODEL) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        onnx = archive.read("scorer.onnx")
    assert manifest["onnx"] == {"length": len(onnx), "sha256": hashlib.sha256(onnx).hexdigest()}
    pipeline = MODEL.read_bytes()[: manifest["pipeline"]["length"]]
    assert manifest["pipeline"]["sha256"] == hashlib.sha256(pipeline).hexdigest()
    assert shipped.pipeline == pipeline


def flips() -> Iterator[tuple[int, int]]:
    """Yield positions and bits: all of the archive's records, and 1,500 bytes between them."""
    content = MODEL.read_bytes()
    with zipfile.ZipFile(MODEL) as archive:
        starts = [entry.header_offset for entry in archive.infolist()]
        directory = archive.start_dir
    positions = {*range(0, len(content), len(content) // 1500), *range(directory, len(content))}
    positions |= {start + offset for start in starts for offset in range(50)}
    draw = random.Random(0)
    for position in sorted(positions):
        yield position, 1 << draw.randrange(8)


def test_a_flipped_bit_anywhere_is_refused(tmp_path: Path) -> None:
    """In the pickle, the payloads, the archive's own records and the digest itself."""
    content = bytearray(MODEL.read_bytes())
    path = tmp_path / "model.bin"
    count = 0
    for position, bit in flips():
        content[position] ^= bit
        path.write_bytes(content)
        content[position] ^= bit
        text = reason(path)
        assert text.startswith(f"{path}: is ")
        count += 1
    assert count > 1500


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_short_is_refused(model_file: Path, share: float) -> None:
    """An interrupted copy, for instance."""
    content = model_file.read_bytes()
    model_file.write_bytes(content[: int(len(content) * share)])
    assert "is not a model package" in reason(model_file)


def test_bytes_at_the_end_are_refused(model_file: Path) -> None:
    """Nothing may follow the digest."""
    model_file.write_bytes(model_file.read_bytes() + b"\n")
    assert "is not a model package" in reason(model_file)


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    """In the operating system's words."""
    assert reason(tmp_path / "none.bin").endswith("No such file or directory")
    assert reason(tmp_path).endswith("Is a directory")


def repacked(path: Path, pipeline: bytes, members: dict[str, bytes]) -> Path:
    """Write a file with a right digest but any content, as an attacker would."""
    path.write_bytes(close(pack(pipeline, members)))
    return path


def test_a_package_that_was_changed_and_digested_anew_is_refused(
    tmp_path: Path, shipped: Package
) -> None:
    """The manifest's digests don't fit; nothing is unpickled to find that out."""
    manifest = shipped.manifest.model_dump_json().encode()
    members = {"manifest.json": manifest, "scorer.onnx": shipped.scorer}
    marker = tmp_path / "was-run"
    evil = pickle.dumps(_Touch(str(marker)))
    text = reason(repacked(tmp_path / "a.bin", evil, members))
    assert "another pipeline" in text
    assert not marker.exists()
    members["scorer.onnx"] += b" "
    assert "another scorer" in reason(repacked(tmp_path / "b.bin", shipped.pipeline, members))


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (self.path, os.O_CREAT)


def test_another_format_version_is_refused(tmp_path: Path, shipped: Package) -> None:
    """With all versions, before the rest of the manifest is looked at."""
    members = {"manifest.json": b'{"format_version": 1}', "scorer.onnx": shipped.scorer}
    text = reason(repacked(tmp_path / "model.bin", shipped.pipeline, members))
    assert text.endswith("has format version 1; this program reads 2 to 6")


@pytest.mark.parametrize("manifest", [b"{", b"[]", b'{"format_version": 2}'])
def test_a_manifest_that_cannot_be_read_is_refused(
    tmp_path: Path, shipped: Package, manifest: bytes
) -> None:
    """Without a traceback."""
    members = {"manifest.json": manifest, "scorer.onnx": shipped.scorer}
    text = reason(repacked(tmp_path / "model.bin", shipped.pipeline, members))
    assert "has a manifest that cannot be read" in text


def test_an_archive_with_other_members_is_refused(tmp_path: Path, shipped: Package) -> None:
    """More than the three known parts, or fewer, is not a package."""
    members = {"manifest.json": b"{}", "scorer.onnx": b"", "more": b""}
    text = reason(repacked(tmp_path / "model.bin", shipped.pipeline, members))
    assert "does not hold exactly" in text


def test_a_signed_package_is_accepted_with_its_key_only(tmp_path: Path, shipped: Package) -> None:
    """As PEM text and as a path to it."""
    private, public = key_pair(tmp_path, "ours")
    _, second = key_pair(tmp_path, "other")
    path = tmp_path / "model.bin"
    write_package(path, shipped, private)
    assert read_package(path, Trust(public)) == shipped
    (tmp_path / "public.pem").write_text(public)
    assert read_package(path, Trust(str(tmp_path / "public.pem"))) == shipped
    assert read_package(path) == shipped
    assert reason(path, second).endswith("is not signed by the key in MODEL_PUBLIC_KEY")


def test_an_unsigned_package_is_refused_where_a_key_is_given(tmp_path: Path) -> None:
    """The shipped model is not signed."""
    _, public = key_pair(tmp_path, "ours")
    assert "is not signed, and MODEL_PUBLIC_KEY asks for" in reason(MODEL, public)


def test_a_signature_over_another_package_is_refused(tmp_path: Path, shipped: Package) -> None:
    """A signature can't be moved to another model, nor another sequence be put into it."""
    private, public = key_pair(tmp_path, "ours")
    path = tmp_path / "model.bin"
    write_package(path, shipped, private)
    content = path.read_bytes()
    seal = read_seal(content)
    assert seal.signature is not None
    assert seal.sequence is not None
    changed = shipped.manifest.model_copy(update={"title": "Another"})
    changed_archive = pack(
        shipped.pipeline,
        {"manifest.json": changed.model_dump_json().encode(), "scorer.onnx": shipped.scorer},
    )
    later = seal.sequence + 1
    for moved in (
        close(changed_archive, lambda _: seal.signature or b"", seal.sequence),
        close(reopen(content, seal), lambda _: seal.signature or b"", later),
    ):
        path.write_bytes(moved)
        assert "is not signed by the key" in reason(path, public)


def test_a_signature_is_looked_at_before_anything_is_unpacked(tmp_path: Path) -> None:
    """What is no archive at all is refused for its signature."""
    _, public = key_pair(tmp_path, "ours")
    path = tmp_path / "model.bin"
    path.write_bytes(close(b"no archive" + bytes(2)))
    assert "is not signed, and MODEL_PUBLIC_KEY asks for" in reason(path, public)
    path.write_bytes(close(b"no archive" + bytes(2), lambda _: bytes(64), 1))
    assert reason(path, public).endswith("is not signed by the key in MODEL_PUBLIC_KEY")
    assert reason(path).endswith("is not a model package")


def test_an_older_package_is_refused_where_a_later_one_was_served(
    tmp_path: Path, shipped: Package
) -> None:
    """By its signed sequence: each that replaces another one has a larger one."""
    private, public = key_pair(tmp_path, "ours")
    path, older = tmp_path / "model.bin", tmp_path / "older.bin"
    write_package(path, shipped, private)
    older.write_bytes(path.read_bytes())
    write_package(path, shipped, private)
    present = read_package(path, Trust(public))
    assert present.seal
    trust = Trust(public).not_before(present.seal.sequence)
    assert read_package(path, trust) == shipped
    with pytest.raises(PackageError, match="is older than the package before"):
        read_package(older, trust)
    sign_package(older, older, private)
    with pytest.raises(PackageError, match="is older than the package before"):
        read_package(older, trust.not_before(trust.least_sequence + 10**6))


def test_an_unsigned_package_asks_for_no_sequence() -> None:
    """Whatever came before it."""
    assert Trust().not_before(None) == Trust()
    assert Trust(least_sequence=7).not_before(5).least_sequence == 7


def test_a_file_says_which_digest_it_has(tmp_path: Path) -> None:
    """Without being read; what has none says nothing."""
    assert read_claim(MODEL) == hashlib.sha256(MODEL.read_bytes()[:-64]).hexdigest()
    path = tmp_path / "model.bin"
    assert read_claim(path) is None
    for content in (b"", b"0" * 63, b"0" * 63 + b"g", b"\xff" * 100):
        path.write_bytes(content)
        assert read_claim(path) is None
    path.write_bytes(b"1" + b"0" * 64)
    assert read_claim(path) == "0" * 64
    path.unlink()
    os.mkfifo(path)
    assert read_claim(path) is None


def test_a_seal_can_be_taken_off(shipped: Package) -> None:
    """What is left is the archive, byte for byte, signed or not."""
    members = {"manifest.json": b"{}", "scorer.onnx": shipped.scorer}
    archive = pack(shipped.pipeline, members)
    for content in (close(archive), close(archive, lambda _: bytes(64), 1)):
        assert reopen(content, read_seal(content)) == archive
        assert zipfile.ZipFile(io.BytesIO(content)).namelist() == list(members)


def test_members_can_be_unpacked_by_anybody() -> None:
    """For everybody to read, and of the same time whenever they are packed."""
    with zipfile.ZipFile(MODEL) as archive:
        for member in archive.infolist():
            assert member.external_attr >> 16 == 0o644
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            assert member.compress_type == zipfile.ZIP_DEFLATED


def test_going_back_to_an_older_package_is_signing_it_again(
    tmp_path: Path, shipped: Package
) -> None:
    """For the place where it is served, which knows how far the sequence has come."""
    private, public = key_pair(tmp_path, "ours")
    path, older = tmp_path / "model.bin", tmp_path / "older.bin"
    write_package(older, shipped, private)
    # By a clock that was a day ahead.
    write_package(path, shipped, private)
    key = load_private_key(private)
    archive = reopen(path.read_bytes(), read_seal(path.read_bytes()))
    late = close(archive, partial(sign, key), int(time.time()) + 86_400)
    path.write_bytes(late)
    trust = Trust(public).not_before(read_seal(late).sequence)
    sign_package(older, path, private)
    assert read_package(path, trust) == shipped
    assert read_seal(path.read_bytes()).sequence == trust.least_sequence + 1


def test_signing_is_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For the shipped model, which is not signed; what can't be signed is one line."""
    private, public = key_pair(tmp_path, "ours")
    path = tmp_path / "model.bin"
    assert sign_package_main([str(MODEL), str(private), "--output", str(path)]) == 0
    assert read_package(path, Trust(public)) == read_package(MODEL)
    path.write_bytes(b"half")
    for command in ([str(path), str(private)], [str(MODEL), str(tmp_path / "none.pem")]):
        assert sign_package_main([*command, "--output", str(tmp_path / "out.bin")]) == 1
        message = capsys.readouterr().err
        assert message.startswith("sign_package: ")
        assert message.count("\n") == 1
    assert not (tmp_path / "out.bin").exists()


@pytest.mark.parametrize(
    ("public_key", "vouched", "unpickles"),
    [(False, False, False), (False, True, True), (True, False, True)],
    ids=["nobody vouches", "built in", "signed"],
)
def test_a_pipeline_is_unpickled_where_somebody_vouches_for_it(
    tmp_path: Path, shipped: Package, public_key: bool, vouched: bool, unpickles: bool
) -> None:
    """By a signature, or by the digest of the file; or where nobody has to."""
    private, public = key_pair(tmp_path, "ours")
    path = tmp_path / "model.bin"
    write_package(path, shipped, private)
    digests = frozenset({hashlib.sha256(path.read_bytes()).hexdigest()} if vouched else ())
    trust = Trust(public if public_key else None, unpickles_unsigned=False, built_in=digests)
    assert read_package(path, trust).may_unpickle == unpickles
    assert read_package(path, Trust()).may_unpickle


@pytest.mark.parametrize("key", ["/nonexistent.pem", "-----BEGIN nothing", str(ROOT)])
def test_a_public_key_that_cannot_be_used_refuses_every_package(key: str) -> None:
    """A lost key never switches the check off."""
    assert "MODEL_PUBLIC_KEY cannot be used" in reason(MODEL, key)


def test_a_signing_key_that_cannot_be_used_leaves_the_old_file(
    tmp_path: Path, shipped: Package
) -> None:
    """Signing comes before writing."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")
    with pytest.raises(TrainingError, match="cannot use the signing key"):
        write_package(path, shipped, tmp_path / "none.pem")
    assert path.read_bytes() == b"old"


def test_writing_leaves_no_temporary_file(tmp_path: Path, shipped: Package) -> None:
    """Neither when it works nor when the target is a folder."""
    write_package(tmp_path / "model.bin", shipped)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_package(tmp_path / "folder", shipped)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "model.bin"]


def test_equal_packages_are_equal_files(tmp_path: Path, shipped: Package) -> None:
    """No time of writing gets in."""
    write_package(tmp_path / "a.bin", shipped)
    write_package(tmp_path / "b.bin", shipped)
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()
