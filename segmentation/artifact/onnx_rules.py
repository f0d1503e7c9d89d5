"""What an ONNX model must be before it is given to what executes it.

It computes probabilities from numbers, and nothing else: operators of a list, no branches, loops or
functions, no data outside the file, trees whose paths end, and the inputs and outputs that the
manifest states. Numbers of fields: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from segmentation.artifact.protobuf_fields import Field, MessageError, read_fields, read_numbers
from segmentation.errors import PackageError

# Those that estimators of this project, and usual steps before them, are converted to. All give
# as many values as they get, or fewer.
_OPERATORS = {
    "": frozenset({
        "Abs", "Add", "And", "ArgMax", "ArgMin", "Cast", "Clip", "Concat", "Constant", "Div",
        "Equal", "Exp", "Flatten", "Floor", "Gather", "GatherElements", "Gemm", "Greater",
        "GreaterOrEqual", "Identity", "IsInf", "IsNaN", "Less", "LessOrEqual", "Log", "LogSoftmax",
        "MatMul", "Max", "Mean", "Min", "Mul", "Neg", "Not", "Or", "Pow", "Reciprocal", "ReduceL2",
        "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare",
        "Relu", "Reshape", "Shape", "Sigmoid", "Sign", "Slice", "Softmax", "Sqrt", "Squeeze", "Sub",
        "Sum", "Tanh", "TopK", "Transpose", "Unsqueeze", "Where", "Xor",
    }),
    "ai.onnx.ml": frozenset({
        "ArrayFeatureExtractor", "Imputer", "LinearClassifier", "LinearRegressor", "Normalizer",
        "SVMClassifier", "Scaler", "TreeEnsembleClassifier", "TreeEnsembleRegressor",
    }),
}  # fmt: skip
_OPSETS = {"": range(9, 22), "ai.onnx.ml": range(1, 5)}
_MOST_NODES = 5_000
_MOST_TREE_NODES = 1_000_000
_FLOAT = 1

_MODEL_GRAPH, _MODEL_OPSETS, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 8, 20, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _GRAPH_SPARSE = 1, 5, 11, 12, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_NAME, _ATTRIBUTE_TENSOR, _ATTRIBUTE_INTS, _ATTRIBUTE_TENSORS = 1, 5, 8, 10
# A graph, graphs, types and sparse tensors.
_ATTRIBUTES_REFUSED = frozenset({6, 11, 14, 15, 22, 23})
_TENSOR_EXTERNAL, _TENSOR_PLACE = 13, 14
# Fields 7 (a float each), 8 (a whole number each) and 9 (how a node of a tree compares) of an
# attribute, many of a kind in a row.
_RUNS = re.compile(
    rb"(?:\x3d.{4})++|(?:\x40[\x80-\xff]{0,9}+[\x00-\x7f])++|(?:\x4a(?:\x04LEAF|\x0aBRANCH_LEQ))++",
    re.DOTALL,
)
_INTS = 0x40


def check_onnx(content: bytes, inputs: dict[str, int], outputs: dict[str, int]) -> None:
    """Refuse a model that may do more than compute what it is there for.

    Parameters
    ----------
    content : bytes
        The ONNX model.
    inputs, outputs : dict of str to int
        Names, and how many columns each has; rows are any number.

    Raises
    ------
    PackageError
        With the first reason.
    """
    try:
        model = list(read_fields(content))
        _check_opsets(model)
        graphs = _all_of(model, _MODEL_GRAPH)
        if len(graphs) != 1 or _all_of(model, _MODEL_TRAINING) or _all_of(model, _MODEL_FUNCTIONS):
            raise PackageError("has a scorer that is not a single graph")
        _check_graph(list(read_fields(graphs[0])), inputs, outputs)
    except (MessageError, UnicodeDecodeError):
        raise PackageError("has a scorer that is not an ONNX model") from None


def _check_opsets(model: Iterable[Field]) -> None:
    for opset in _all_of(model, _MODEL_OPSETS):
        fields = dict(read_fields(opset))
        domain, version = _text(fields.get(1, b"")), fields.get(2, 0)
        if version not in _OPSETS.get(domain, ()):
            raise PackageError(f"has a scorer of the operator set {domain!r}, version {version!r}")


def _check_graph(graph: list[Field], inputs: dict[str, int], outputs: dict[str, int]) -> None:
    nodes = _all_of(graph, _GRAPH_NODE)
    if len(nodes) > _MOST_NODES or _all_of(graph, _GRAPH_SPARSE):
        raise PackageError("has a scorer with too many steps, or with sparse tensors")
    for tensor in _all_of(graph, _GRAPH_INITIALIZER):
        _check_tensor(tensor)
    for node in nodes:
        _check_node(node)
    for kind, expected, number in (
        ("inputs", inputs, _GRAPH_INPUT),
        ("outputs", outputs, _GRAPH_OUTPUT),
    ):
        shapes = dict(map(_read_shape, _all_of(graph, number)))
        if {name: (_FLOAT, 2, columns) for name, columns in expected.items()} != shapes:
            raise PackageError(f"has a scorer with other {kind} than its manifest says")


def _check_node(node: bytes) -> None:
    operator, domain, attributes = "", "", []
    for number, value in read_fields(node):
        if number == _NODE_OPERATOR:
            operator = _text(value)
        elif number == _NODE_DOMAIN:
            domain = _text(value)
        elif number == _NODE_ATTRIBUTE:
            attributes.append(_bytes(value))
    if operator not in _OPERATORS.get(domain, ()):
        raise PackageError(f"has a scorer with a step that no scorer has: {operator[:40]!r}")
    whole_numbers = dict(map(_check_attribute, attributes))
    if operator.startswith("TreeEnsemble"):
        _check_trees(whole_numbers)


def _check_attribute(attribute: bytes) -> tuple[str, list[bytes]]:
    """Check an attribute; return its name and the bytes of its whole numbers."""
    name, runs = "", []
    for number, value in read_fields(attribute, _RUNS):
        if number in _ATTRIBUTES_REFUSED:
            raise PackageError("has a scorer with a branch, a loop or a sparse tensor")
        if number in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
            _check_tensor(_bytes(value))
        elif number == _ATTRIBUTE_NAME:
            name = _text(value)
        elif number == _ATTRIBUTE_INTS:
            raise PackageError("has a scorer whose whole numbers are packed")
        elif number == 0 and _bytes(value)[0] == _INTS:
            runs.append(_bytes(value))
    return name, runs


def _check_tensor(tensor: bytes) -> None:
    for number, value in read_fields(tensor):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_PLACE and value):
            raise PackageError("has a scorer whose data are in another file")


def _check_trees(runs: dict[str, list[bytes]]) -> None:
    """Check that every path ends: a branch leads to two further nodes of its tree."""
    lists = [
        read_numbers(b"".join(runs.get(f"nodes_{name}", ())))
        for name in ("treeids", "nodeids", "truenodeids", "falsenodeids")
    ]
    trees, nodes, *branches = lists
    if len(set(map(len, lists))) > 1 or not all((each < _MOST_TREE_NODES).all() for each in lists):
        raise PackageError("has a scorer with trees that are not whole")
    places = trees * _MOST_TREE_NODES + nodes
    if len(np.unique(places)) != len(places):
        raise PackageError("has a scorer with trees in which nodes are twice")
    for branch in branches:
        leads = branch != 0  # a leaf has zeros in both places
        targets = (trees * _MOST_TREE_NODES + branch)[leads]
        if not ((branch > nodes)[leads].all() and np.isin(targets, places).all()):
            raise PackageError("has a scorer with trees whose paths may not end")


def _read_shape(value_info: bytes) -> tuple[str, tuple[int, int, int]]:
    """Return name, type of elements, number of axes and columns; rows are not to be fixed."""
    fields = dict(read_fields(value_info))
    tensor = dict(read_fields(_bytes(dict(read_fields(_bytes(fields.get(2, b"")))).get(1, b""))))
    axes = _all_of(read_fields(_bytes(tensor.get(2, b""))), 1)
    lengths = [dict(read_fields(axis)).get(1, 0) for axis in axes]
    kind, columns = tensor.get(1, 0), lengths[-1] if lengths else 0
    if not (isinstance(kind, int) and isinstance(columns, int)) or lengths[:1] != [0]:
        return "", (0, 0, 0)
    return _text(fields.get(1, b"")), (kind, len(lengths), columns)


def _all_of(fields: Iterable[Field], number: int) -> list[bytes]:
    return [_bytes(value) for field, value in fields if field == number]


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise MessageError
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode()
