"""Packages that are made to harm: right digests, and what no package of ours holds.

Each is refused with a reason, before what it holds is used, and at little cost.
"""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from segmentation import aggregation
from segmentation.artifact import Package, Trust, read_package
from segmentation.artifact.onnx_rules import check_onnx
from segmentation.artifact.package import MOST_BYTES
from segmentation.artifact.package_archive import PackageArchive, pack
from segmentation.artifact.protobuf_fields import MessageError, read_fields, read_numbers
from segmentation.artifact.seal import close, read_seal
from segmentation.errors import PackageError, SegmentationError
from segmentation.runtime import Model
from segmentation.runtime.cards import schema_card, segment_cards
from segmentation.service.loading.prover import prove_wholly
from tests.support.malicious import mutate_manifests, with_parts
from tests.support.shipped import PACKAGES

INPUTS, OUTPUTS = {"features": 2}, {"probabilities": 3}


@pytest.fixture(scope="module", params=sorted(PACKAGES))
def shipped(request: pytest.FixtureRequest) -> Package:
    """Each shipped package."""
    return read_package(PACKAGES[request.param])


def reason(path: Path) -> str:
    """Return why a package is refused."""
    with pytest.raises(PackageError) as caught:
        read_package(path)
    return str(caught.value)


# The file and its archive


def with_archive(build: Callable[[zipfile.ZipFile], None]) -> bytes:
    """Return a file with a right digest and any archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        build(archive)
    return close(buffer.getvalue())


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_members_are_stored_or_deflated(tmp_path: Path, method: int) -> None:
    """A damaged LZMA member ends whoever unpacks it."""
    path = tmp_path / "model.bin"

    def build(archive: zipfile.ZipFile) -> None:
        archive.writestr("manifest.json", b"{}", method)
        archive.writestr("scorer.onnx", b"x")

    path.write_bytes(with_archive(build))
    assert reason(path).endswith("has a manifest.json that is neither stored nor deflated")


def test_a_member_does_not_unpack_to_a_multiple_of_its_length(tmp_path: Path) -> None:
    """50 MB of zeros in 50 kB."""
    path = tmp_path / "model.bin"
    members = {"manifest.json": bytes(50_000_000), "scorer.onnx": b"x"}
    path.write_bytes(close(pack(b"", members)))
    assert path.stat().st_size < 100_000
    assert reason(path).endswith("has a manifest.json that unpacks to more than is allowed")


def test_a_member_that_lies_about_its_length_is_not_unpacked_further(tmp_path: Path) -> None:
    """The directory says 1,000 bytes, the data are 20 MB."""
    content = bytearray(pack(b"", {"manifest.json": bytes(20_000_000), "scorer.onnx": b"x"}))
    length = (20_000_000).to_bytes(4, "little")
    for _ in range(2):
        place = content.index(length)
        content[place : place + 4] = (1_000).to_bytes(4, "little")
    archive = PackageArchive(bytes(content), 0)
    with pytest.raises(PackageError):
        archive.read("manifest.json", 10_000_000)


def test_a_long_directory_is_not_read(tmp_path: Path) -> None:
    """Ten thousand members."""
    path = tmp_path / "model.bin"

    def build(archive: zipfile.ZipFile) -> None:
        for number in range(10_000):
            archive.writestr(str(number), b"")

    path.write_bytes(with_archive(build))
    assert reason(path).endswith("its directory is too long")


def test_a_directory_is_not_elsewhere(tmp_path: Path) -> None:
    """A locator of large archives, by which ``zipfile`` goes, stands before the end."""
    path = tmp_path / "model.bin"
    archive = pack(b"", {"manifest.json": b"{}", "scorer.onnx": b"x"})
    place = len(archive) - 22
    path.write_bytes(close(archive[:place] + b"PK\6\7" + bytes(16) + archive[place:]))
    assert reason(path).endswith("its directory is too long")


def test_a_member_is_not_there_twice(tmp_path: Path) -> None:
    """One reader would take the first, another one the last."""
    path = tmp_path / "model.bin"

    def build(archive: zipfile.ZipFile) -> None:
        for name in ("manifest.json", "scorer.onnx"):
            archive.writestr(name, b"x")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("manifest.json", b"y")

    path.write_bytes(with_archive(build))
    assert "does not hold exactly" in reason(path)


def test_a_pipe_is_no_package(tmp_path: Path) -> None:
    """Reading would wait for someone who writes."""
    path = tmp_path / "model.bin"
    os.mkfifo(path)
    assert reason(path) == f"{path}: is not a file"


def test_a_file_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    """Sparse, so that it costs nothing here."""
    path = tmp_path / "model.bin"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    assert reason(path) == f"{path}: is longer than 256 MiB"


def open_archive(content: bytes) -> None:
    """Read a file as far as the names of its members."""
    archive = PackageArchive(content, len(content) - read_seal(content).start)
    archive.check_names(("manifest.json", "scorer.onnx"))


@given(content=st.binary(max_size=300))
def test_any_bytes_are_refused(content: bytes) -> None:
    """With a package's end or without one."""
    for file in (content, content + pack(b"", {}), close(content + pack(b"", {}))):
        with pytest.raises(PackageError):
            open_archive(file)


# The manifest


def use(model: Model) -> None:
    """Do what the service does with a model."""
    manifest = model.manifest
    model.predict([example.record for example in manifest.golden])
    model.predict([{manifest.record.features[0].name: 1}])
    segment_cards(manifest)
    schema_card(manifest)
    assert model.reasons


@pytest.mark.parametrize("number", [40, pytest.param(1_000, marks=pytest.mark.soak)])
def test_a_changed_manifest_is_refused_or_serves(
    tmp_path: Path, shipped: Package, number: int
) -> None:
    """Neither loading nor answering meets anything that a refusal should have named."""
    path = tmp_path / "model.bin"
    n_refused = 0
    for place, manifest in mutate_manifests(shipped, number):
        members = {"manifest.json": manifest, "scorer.onnx": shipped.scorer}
        path.write_bytes(close(pack(shipped.pipeline, members)))
        try:
            use(Model.load(path))
        except PackageError:
            n_refused += 1
        except SegmentationError:
            pass  # a question that the changed columns don't have
        except Exception as error:
            raise AssertionError(place) from error
    assert n_refused > number / 4


# The SQL text

ENDLESS = (
    "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t)"
    " SELECT sum(n), $reference FROM t"
)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", "more than one SELECT"),
        ("SELECT 1, $reference; SELECT 2, $reference", "more than one SELECT"),
        ("SELECT 1) ; CREATE TABLE x AS SELECT 1; SELECT * FROM (SELECT 1", "more than one SELECT"),
        ("COPY (SELECT 1) TO 'copied'", "more than one SELECT"),
        ("ATTACH 'x.db'", "more than one SELECT"),
        ("INSTALL httpfs", "more than one SELECT"),
        ("SET memory_limit = '64GB'", "more than one SELECT"),
        ("SELECT *, $reference FROM read_text('/etc/passwd')", "PermissionException"),
        ("SELECT *, $reference FROM read_csv('https://example.org/x')", "PermissionException"),
        ("SELECT *, $reference FROM '/etc/passwd'", "PermissionException|CatalogException"),
        ("SELECT unnest(range(100000000000)), $reference", "InvalidInputException"),
        (ENDLESS, "NotReadyError"),
        ("SELECT *, $reference FROM customers_of_others", "CatalogException"),
        ("SELECT nonsense(, $reference", "more than one SELECT"),
    ],
)  # fmt: skip
def test_sql_of_a_package_asks_for_its_transactions_alone(
    sql: str, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It runs over none before it is served: what reaches further, or runs away, is refused."""
    monkeypatch.setattr(aggregation, "_REQUEST_SECONDS", 0.5)
    monkeypatch.chdir(tmp_path)
    good = read_package(PACKAGES["retail"])
    path = tmp_path / "retail.bin"
    path.write_bytes(with_parts(good, lambda manifest: manifest["aggregation"].update(sql=sql)))
    with pytest.raises(PackageError, match=expected):
        prove_wholly(path, Trust())
    assert [item.name for item in tmp_path.iterdir()] == ["retail.bin"]


WRITES = """line" BIGINT); COPY (SELECT 1) TO 'copied'; CREATE TABLE more (n INTEGER, "n"""


@pytest.mark.parametrize("name", [WRITES, 'a"', "line\nbreak", "a\x00"])
@pytest.mark.parametrize("part", ["record", "transactions"])
def test_names_of_columns_are_no_sql(name: str, part: str, tmp_path: Path) -> None:
    """They stand in statements between quotation marks, which none holds itself."""

    def change(manifest: dict[str, Any]) -> None:
        schema = manifest["record"] if part == "record" else manifest["aggregation"]["transactions"]
        column = {"role": "context", "title": "More", "aliases": [], "also_called": []}
        schema["columns"].append(schema["columns"][-1] | column | {"name": name})

    path = tmp_path / "retail.bin"
    path.write_bytes(with_parts(read_package(PACKAGES["retail"]), change))
    with pytest.raises(PackageError, match="is no name of a column"):
        prove_wholly(path, Trust())


def test_the_shipped_sql_is_accepted() -> None:
    """It is what the rules were made for."""
    assert prove_wholly(PACKAGES["retail"], Trust()).study == "retail"


# The ONNX model


def make_onnx(
    nodes: list[onnx.NodeProto] | None = None,
    *,
    columns: int = 3,
    rows: int | str | None = None,
    name: str = "probabilities",
    version: int = 17,
    domain: str = "",
    external: bool = False,
) -> bytes:
    """Return a small model, which as it is computes what is stated."""
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [2, 3], np.zeros(6))
    if external:
        weights.ClearField("float_data")
        weights.data_location = TensorProto.EXTERNAL
        entry = weights.external_data.add()
        entry.key, entry.value = "location", "../../etc/passwd"
    usual = [helper.make_node("MatMul", ["features", "weights"], [name])]
    graph = helper.make_graph(
        usual if nodes is None else nodes,
        "graph",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [rows, 2])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, columns])],
        [weights],
    )
    opsets = [helper.make_opsetid(domain, version), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())


def make_trees(
    true_ids: list[int], false_ids: list[int], ids: list[int] | None = None
) -> onnx.NodeProto:
    """Return one tree, of which each node leads to two others, or to 0."""
    ids = ids or list(range(len(true_ids)))
    return helper.make_node(
        "TreeEnsembleClassifier",
        ["features"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        nodes_treeids=[0] * len(ids),
        nodes_nodeids=ids,
        nodes_truenodeids=true_ids,
        nodes_falsenodeids=false_ids,
        nodes_modes=["BRANCH_LEQ" if node else "LEAF" for node in true_ids],
        nodes_values=[0.5] * len(ids),
        class_ids=[0, 1, 2],
    )


@pytest.mark.parametrize(
    "content",
    [
        make_onnx(),
        make_onnx(rows="n"),
        make_onnx([make_trees([1, 0, 3, 0, 0], [2, 0, 4, 0, 0])]),
        make_onnx([make_trees([200, 0, 0], [300, 0, 0], [100, 200, 300])]),
    ],
    ids=["plain", "any rows", "tree", "large ids"],
)
def test_what_computes_probabilities_is_accepted(content: bytes) -> None:
    """With rows of any number, and with trees."""
    check_onnx(content, INPUTS, OUTPUTS)


def test_every_shipped_scorer_is_accepted(shipped: Package) -> None:
    """It is what the rules were made for."""
    manifest = shipped.manifest
    names = [manifest.scorer.output, *filter(None, [manifest.scorer.outlook])]
    check_onnx(
        shipped.scorer,
        {manifest.scorer.input: len(manifest.scorer.features)},
        {name: len(manifest.segments) for name in names},
    )


BODY = helper.make_graph([], "body", [], [])
FUNCTIONS = onnx.load_from_string(make_onnx())
FUNCTIONS.functions.append(
    helper.make_function("ours", "F", ["x"], ["y"], [], [helper.make_opsetid("", 17)])
)
SPARSE = onnx.load_from_string(make_onnx())
SPARSE.graph.sparse_initializer.append(onnx.SparseTensorProto())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is not a single graph"),
        (b"\x08", "is not an ONNX model"),
        (bytes(range(256)) * 4, "scorer"),
        (make_onnx()[:-9], "is not an ONNX model"),
        (make_onnx(external=True), "are in another file"),
        (make_onnx(version=99), "operator set"),
        (make_onnx(domain="com.microsoft"), "operator set"),
        (make_onnx(columns=4), "other outputs than"),
        (make_onnx(name="labels"), "other outputs than"),
        (make_onnx(rows=1), "other inputs than"),
        (make_onnx([helper.make_node("Loop", [], ["probabilities"], body=BODY)]), "'Loop'"),
        (make_onnx([helper.make_node("Abs", ["x"], ["y"], body=BODY)]), "a branch"),
        (make_onnx([helper.make_node("Expand", ["x", "n"], ["y"])]), "'Expand'"),
        (make_onnx([helper.make_node("RandomNormal", [], ["y"], shape=[9] * 9)]), "'RandomNormal'"),
        (make_onnx([helper.make_node("Abs", ["x"], ["y"], domain="ours")]), "'Abs'"),
        (make_onnx([helper.make_node("Abs", ["x"], ["y"])] * 5_001), "too many steps"),
        (FUNCTIONS.SerializeToString(), "is not a single graph"),
        (SPARSE.SerializeToString(), "sparse"),
        (make_onnx([make_trees([1, 0, 0], [0, 0, 0])]) + b"\x08", "is not an ONNX model"),
        (make_onnx([make_trees([1, 1, 0], [2, 2, 0])]), "paths may not end"),
        (make_onnx([make_trees([2, 1, 1], [2, 1, 1])]), "paths may not end"),
        (make_onnx([make_trees([1, 0, 0], [7, 0, 0])]), "paths may not end"),
        (make_onnx([make_trees([1, 0], [1, 0], [1, 1])]), "twice"),
        (make_onnx([make_trees([1, 0, 0], [2, 0])]), "not whole"),
        (make_onnx([make_trees([1, -1, 0], [2, 0, 0])]), "scorer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "onnx",
)  # fmt: skip
def test_what_may_do_more_is_refused(content: bytes, expected: str) -> None:
    """Before anything sees it that would execute it."""
    with pytest.raises(PackageError, match=expected):
        check_onnx(content, INPUTS, OUTPUTS)


@given(content=st.binary(max_size=200))
def test_any_message_is_read_or_refused(content: bytes) -> None:
    """Whatever the bytes are."""
    try:
        lengths = [len(value) for _, value in read_fields(content) if isinstance(value, bytes)]
    except MessageError:
        return
    assert sum(lengths) <= len(content)


@given(numbers=st.lists(st.integers(0, 2**62), max_size=50))
def test_whole_numbers_are_read_as_onnx_writes_them(numbers: list[int]) -> None:
    """In fields of their own, as attributes have them."""
    attribute = onnx.AttributeProto(ints=numbers)
    assert read_numbers(attribute.SerializeToString()).tolist() == numbers


@pytest.mark.parametrize("change", range(60))
def test_a_damaged_scorer_is_refused_or_loads(change: int) -> None:
    """With a flipped bit anywhere: never another error."""
    content = bytearray(make_onnx([make_trees([1, 0, 3, 0, 0], [2, 0, 4, 0, 0])]))
    generator = random.Random(change)
    content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    with suppress(PackageError):
        check_onnx(bytes(content), INPUTS, OUTPUTS)
