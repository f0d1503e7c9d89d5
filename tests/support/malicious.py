"""Packages that somebody made to harm, from a good one of the same study: none may be served.

Nearly all have right digests. What each is refused for is tested in ``test_package_rules``; here it
matters that each differs, and that some would cost much if they were read.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from segmentation.artifact import Package
from segmentation.artifact.package import MOST_BYTES, digest
from segmentation.artifact.package_archive import pack
from segmentation.artifact.seal import close

Members = dict[str, bytes]
MANIFEST, SCORER = "manifest.json", "scorer.onnx"


class _Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (self.path, os.O_CREAT)


def make_evil_pipeline(marker: Path) -> bytes:
    """Return a pickle that makes a file when it is loaded."""
    return pickle.dumps(_Touch(str(marker)))


def seal(pipeline: bytes, members: Members) -> bytes:
    """Return a whole file."""
    return close(pack(pipeline, members))


def with_parts(
    good: Package,
    change: Callable[[dict[str, Any]], None] = lambda _: None,
    scorer: bytes | None = None,
    pipeline: bytes | None = None,
) -> bytes:
    """Return a package with other parts, whose digests are right."""
    manifest = good.manifest.model_dump(mode="json")
    scorer = good.scorer if scorer is None else scorer
    pipeline = good.pipeline if pipeline is None else pipeline
    manifest["onnx"] = digest(scorer).model_dump()
    manifest["pipeline"] = digest(pipeline).model_dump()
    change(manifest)
    return seal(pipeline, {MANIFEST: json.dumps(manifest).encode(), SCORER: scorer})


def make_files(good: Package) -> Iterator[tuple[str, bytes]]:
    """Yield files that are no packages, or damaged ones."""
    manifest = good.manifest.model_dump_json().encode()
    package = seal(good.pipeline, {MANIFEST: manifest, SCORER: good.scorer})
    yield "empty", b""
    yield "noise", random.Random(0).randbytes(100_000)
    yield "half", package[: len(package) // 2]
    yield "zeros in the middle", package[:2_000] + bytes(500) + package[2_500:]
    for share in (0.1, 0.9, 0.999):
        content = bytearray(package)
        content[int(share * len(package))] ^= 4
        yield f"a bit at {share}", bytes(content)
    yield "sealed noise", close(random.Random(1).randbytes(10_000) + bytes(2))
    yield "sealed twice", close(package[:-2] + bytes(2))
    yield "only a manifest", seal(good.pipeline, {MANIFEST: manifest})
    yield (
        "a third member",
        seal(good.pipeline, {MANIFEST: manifest, SCORER: good.scorer, "../../predict.py": b"x"}),
    )
    yield "2 GB of blanks", seal(b"", {MANIFEST: b" " * 200_000_000, SCORER: good.scorer})
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        yield f"method {method}", _with_method(good, method)


def _with_method(good: Package, method: int) -> bytes:
    """Return a package whose manifest is packed otherwise, and damaged."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(MANIFEST, good.manifest.model_dump_json(), method)
        archive.writestr(SCORER, good.scorer)
    content = bytearray(buffer.getvalue())
    content[60:80] = bytes(20)
    return close(bytes(content))


def make_manifests(good: Package) -> Iterator[tuple[str, bytes]]:
    """Yield packages whose manifest is not one, or does not fit together."""
    for name, text in (
        ("deep", b"[" * 200_000),
        ("not text", b"\xff\xfe{}"),
        ("a list", b"[]"),
        ("a long number", b'{"format_version": ' + b"9" * 100_000 + b"}"),
        ("twice the same", b'{"format_version": 6, "format_version": 6}'),
    ):
        yield name, seal(good.pipeline, {MANIFEST: text, SCORER: good.scorer})

    def put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
        def change(manifest: dict[str, Any]) -> None:
            *keys, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
            holder: Any = manifest
            for part in keys:
                holder = holder[part]
            holder[last] = value

        return change

    for path, value in (
        ("format_version", 99), ("format_version", "6"), ("study", "elsewhere"), ("study", "../x"),
        ("segments", []), ("segments/0/id", "<script>"), ("segments/0/label", 10**30),
        ("conformal/thresholds", []), ("conformal/coverage", -1), ("scorer/features", []),
        ("scorer/input", "x"), ("scorer/output", "labels"), ("record/columns", []),
        ("record/columns/1/name", ""), ("record/columns/1/maximum", float("inf")), ("golden", []),
        ("golden/0/probabilities", [2.0]), ("golden/0/segment", "nobody"),
        ("golden/0/record", {"x": 1}), ("baseline/numbers", {}), ("unknown", 1),
        ("onnx/length", 10**18), ("onnx/sha256", "0" * 64), ("pipeline/length", -1),
    ):  # fmt: skip
        yield f"{path}: {str(value)[:20]}", with_parts(good, put(path, value))


def make_scorers(good: Package) -> Iterator[tuple[str, bytes]]:
    """Yield packages whose ONNX model does more than compute, or something else."""
    manifest = good.manifest
    n_features, n_segments = len(manifest.scorer.features), len(manifest.segments)
    body = helper.make_graph([], "body", [], [])

    def build(
        nodes: list[onnx.NodeProto],
        tensors: list[onnx.TensorProto] | None = None,
        rows: int | str | None = None,
        columns: int = n_segments,
        version: int = 17,
    ) -> bytes:
        output = manifest.scorer.output
        shape = [rows, n_features]
        graph = helper.make_graph(
            nodes,
            "graph",
            [helper.make_tensor_value_info(manifest.scorer.input, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [rows, columns])],
            [weights] if tensors is None else tensors,
        )
        opsets = [helper.make_opsetid("", version), helper.make_opsetid("ai.onnx.ml", 3)]
        return bytes(helper.make_model(graph, opset_imports=opsets).SerializeToString())

    weights = helper.make_tensor(
        "weights", TensorProto.FLOAT, [n_features, n_segments], np.zeros(n_features * n_segments)
    )
    multiply = helper.make_node("MatMul", [manifest.scorer.input, "weights"], ["product"])
    output = [manifest.scorer.output]
    softmax = helper.make_node("Softmax", ["product"], output)
    elsewhere = onnx.TensorProto()
    elsewhere.CopyFrom(weights)
    elsewhere.ClearField("float_data")
    elsewhere.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "model.bin"), ("offset", "0")):
        entry = elsewhere.external_data.add()
        entry.key, entry.value = key, value
    huge = onnx.TensorProto(name="weights", data_type=TensorProto.FLOAT, dims=[10**6, 10**6])
    yield "other answers", with_parts(good, scorer=build([multiply, softmax]))
    yield "data elsewhere", with_parts(good, scorer=build([multiply, softmax], [elsewhere]))
    yield "a tensor of 4 TB", with_parts(good, scorer=build([multiply, softmax], [huge]))
    yield "fixed rows", with_parts(good, scorer=build([multiply, softmax], rows=1))
    yield "more columns", with_parts(good, scorer=build([multiply, softmax], columns=99))
    yield "operators of later", with_parts(good, scorer=build([multiply, softmax], version=99))
    yield "no nodes", with_parts(good, scorer=build([]))
    yield (
        "a circle",
        with_parts(
            good,
            scorer=build(
                [helper.make_node("Abs", ["a"], ["b"]), helper.make_node("Abs", ["b"], ["a"])]
            ),
        ),
    )
    yield (
        "100,000 steps",
        with_parts(good, scorer=build([helper.make_node("Abs", ["product"], ["x"])] * 100_000)),
    )
    for operator in ("Loop", "If", "Scan"):
        node = helper.make_node(operator, [], output, body=body)
        yield operator, with_parts(good, scorer=build([node]))
    for operator in ("Expand", "Tile", "ConstantOfShape", "Range", "RandomNormal", "Conv", "Pad"):
        node = helper.make_node(operator, [manifest.scorer.input, "weights"], output)
        yield operator, with_parts(good, scorer=build([node]))
    yield (
        "an own operator",
        with_parts(
            good, scorer=build([helper.make_node("Run", ["product"], output, domain="evil")])
        ),
    )
    yield "half a model", with_parts(good, scorer=good.scorer[: len(good.scorer) // 2])
    yield "no model", with_parts(good, scorer=b"\x08" * 1_000)


def list_paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value in decoded JSON."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from list_paths(item, (*path, key))


def mutate_value(value: Any, generator: random.Random) -> Any:
    """Return another value in its place, of the same kind for the most part."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        numbers = [-1, 0, 1, 2, 1e9, -1e300, float("nan"), float("inf"), 10**30, value * 2, None]
        return generator.choice(numbers)
    if isinstance(value, str):
        return generator.choice(["", "x", "age", value * 2, "\0", "<b>", "2024-01-01", None])
    if isinstance(value, list):
        return generator.choice([[], value[1:], value * 2, value[::-1], value[:1], None])
    if isinstance(value, dict):
        return generator.choice([{}, dict(list(value.items())[1:]), value | {"x": 1}, None])
    return generator.choice([1, "x", [], {}])


def mutate_manifests(package: Package, number: int) -> Iterator[tuple[str, bytes]]:
    """Yield manifests with one changed value, each part of the manifest as often as any other."""
    text = package.manifest.model_dump_json()
    paths = list(list_paths(json.loads(text)))
    parts = sorted({path[0] for path in paths})
    generator = random.Random(package.manifest.study)
    for _ in range(number):
        manifest = json.loads(text)
        part = generator.choice(parts)
        path = generator.choice([path for path in paths if path[0] == part])
        holder = manifest
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = mutate_value(holder[path[-1]], generator)
        yield "/".join(map(str, path)), json.dumps(manifest).encode()


def mutate_packages(good: Package, number: int) -> Iterator[bytes]:
    """Yield packages with one change: a flipped bit, and in turn one with right digests."""
    whole_file = with_parts(good)
    generator = random.Random(good.manifest.study)
    for _, manifest in mutate_manifests(good, number // 2):
        content = bytearray(whole_file)
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        yield bytes(content)
        yield seal(good.pipeline, {MANIFEST: manifest, SCORER: good.scorer})


def make_malicious(good: Package) -> dict[str, bytes]:
    """Return more than fifty files that are not to be served as the study of a good package."""
    return dict([*make_files(good), *make_manifests(good), *make_scorers(good)])


def make_pipe(path: Path) -> None:
    """Put something in place of a file of which nothing will ever come."""
    os.mkfifo(path)


def make_endless(path: Path) -> None:
    """Put something in place of a file that has no end."""
    path.symlink_to("/dev/zero")


def make_folder(path: Path) -> None:
    """Put a folder in place of a file."""
    path.mkdir()


def make_circle(path: Path) -> None:
    """Put a link in place of a file that leads to itself."""
    path.symlink_to(path.name)


def make_long(path: Path) -> None:
    """Put a file that is too long, and takes no room."""
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)


NO_FILES = (make_pipe, make_endless, make_folder, make_circle, make_long)
