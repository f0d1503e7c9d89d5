"""ONNX graphs of estimators, built node by node where skl2onnx has no converter for ours.

Distances and linear models are computed in double precision, as scikit-learn does; trees compare
in single precision, as they were fitted. Proving that a graph is right is in ``onnx``.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.errors import TrainingError
from segmentation.estimators import (
    CentroidClassifier,
    Clip,
    ColumnSubset,
    Log1p,
    MixtureClassifier,
    SegmentClassifier,
    TrainedOnCopies,
    WithOutlook,
    find_directions,
)

INPUT, OUTPUT, OUTLOOK = "features", "probabilities", "outlook"
# ai.onnx and ai.onnx.ml versions that ONNX Runtime has read for years.
OPSETS = {"": 17, "ai.onnx.ml": 3}
_IR_VERSION = 8


class Graph:
    """Nodes and constants in the making; values are known by their names."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.outputs: list[tuple[str, int]] = []

    def constant(self, value: ArrayLike | NDArray[Any], dtype: type = np.float64) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        from onnx import helper

        name = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def double(self, name: str) -> str:
        """Return a value in double precision."""
        from onnx import TensorProto

        return self.node("Cast", name, to=TensorProto.DOUBLE)

    def single(self, name: str) -> str:
        """Return a value in single precision."""
        from onnx import TensorProto

        return self.node("Cast", name, to=TensorProto.FLOAT)

    def output(self, value: str, name: str, width: int) -> None:
        """Make a value an output of the model."""
        from onnx import helper

        self.nodes.append(helper.make_node("Identity", [self.single(value)], [name]))
        self.outputs.append((name, width))

    def model(self, n_features: int) -> bytes:
        """Return the finished model, checked and serialised."""
        from onnx import TensorProto, checker, helper

        def tensor(name: str, width: int) -> Any:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, width])

        outputs = [tensor(name, width) for name, width in self.outputs]
        graph = helper.make_graph(
            self.nodes, "scorer", [tensor(INPUT, n_features)], outputs, self.constants
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
        checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content


@singledispatch
def add(step: Any, graph: Graph, value: str) -> str:
    """Add a fitted estimator and return its output: transformed columns, or probabilities.

    Estimators that are not registered here are left to skl2onnx.

    Raises
    ------
    TrainingError
        If skl2onnx doesn't know the estimator either.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    last = step[-1] if isinstance(step, Pipeline) else step
    classifies = hasattr(last, "predict_proba")
    try:
        model = convert_sklearn(
            step,
            initial_types=[(INPUT, FloatTensorType([None, step.n_features_in_]))],
            options={id(last): {"zipmap": False}} if classifies else None,
            target_opset=OPSETS,
        )
    except (MissingConverter, MissingShapeCalculator, RuntimeError, ValueError) as error:
        raise TrainingError(f"{type(last).__name__} cannot be converted to ONNX") from error
    output = OUTPUT if classifies else model.graph.output[0].name
    return _spliced(select_model_inputs_outputs(model, outputs=[output]), graph, value)


def _spliced(model: Any, graph: Graph, value: str) -> str:
    """Add the nodes of another model, with one output, under new names and return that output."""
    from onnx import compose, helper

    output: str = model.graph.output[0].name
    prefix = f"part_{len(graph.nodes)}_"
    part = compose.add_prefix(model, prefix).graph
    entry = helper.make_node("Identity", [graph.single(value)], [prefix + INPUT])
    graph.nodes += [entry, *part.node]
    graph.constants += part.initializer
    return prefix + output


@add.register
def _(step: Pipeline, graph: Graph, value: str) -> str:
    for _, inner in step.steps:
        value = add(inner, graph, value)
    return value


@add.register
def _(step: TrainedOnCopies, graph: Graph, value: str) -> str:
    # As a whole: without a step of ours in it, skl2onnx makes the faster graph.
    output: str = add.dispatch(object)(step.estimator_, graph, value)
    return output


@add.register
def _(step: ColumnSubset, graph: Graph, value: str) -> str:
    columns = graph.constant(list(step.columns), np.int64)
    return graph.node("Gather", graph.double(value), columns, axis=1)


def _filled(graph: Graph, value: str, constant: Any) -> str:
    return graph.node("Where", graph.node("IsNaN", value), graph.constant(constant), value)


@add.register
def _(step: SimpleImputer, graph: Graph, value: str) -> str:
    return _filled(graph, graph.double(value), step.statistics_)


@add.register
def _(step: Log1p, graph: Graph, value: str) -> str:  # noqa: ARG001
    at_least_0 = _kept_gaps(graph, "Max", graph.double(value), 0.0)
    return graph.node("Log", graph.node("Add", at_least_0, graph.constant(1.0)))


@add.register
def _(step: Clip, graph: Graph, value: str) -> str:
    above = _kept_gaps(graph, "Max", graph.double(value), step.lower_)
    return _kept_gaps(graph, "Min", above, step.upper_)


def _kept_gaps(graph: Graph, operator: str, value: str, limit: Any) -> str:
    """Limit a value; what Max and Min make of NaN is left to implementations."""
    limited = graph.node(operator, value, graph.constant(limit))
    return graph.node("Where", graph.node("IsNaN", value), value, limited)


@add.register
def _(step: StandardScaler, graph: Graph, value: str) -> str:
    mean = step.mean_ if step.with_mean else 0.0
    centred = graph.node("Sub", graph.double(value), graph.constant(mean))
    return graph.node("Div", centred, graph.constant(step.scale_ if step.with_std else 1.0))


@add.register
def _(step: PCA, graph: Graph, value: str) -> str:
    centred = graph.node("Sub", graph.double(value), graph.constant(step.mean_))
    return graph.node("MatMul", centred, graph.constant(find_directions(step).T))


@add.register
def _(step: LogisticRegression, graph: Graph, value: str) -> str:
    return graph.node("Softmax", _linear(step, graph, value), axis=1)


def _linear(step: LogisticRegression, graph: Graph, value: str) -> str:
    weights, intercept = step.coef_, step.intercept_
    if len(weights) == 1:  # two classes: scikit-learn keeps the weights of the second only
        weights, intercept = np.vstack([-weights, weights]) / 2, np.r_[-intercept, intercept] / 2
    product = graph.node("MatMul", graph.double(value), graph.constant(weights.T))
    return graph.node("Add", product, graph.constant(intercept))


@add.register
def _(step: str, graph: Graph, value: str) -> str:  # noqa: ARG001
    """Add nothing for ``passthrough``."""
    return value


@add.register
def _(step: SegmentClassifier, graph: Graph, value: str) -> str:
    X = graph.double(value)
    columns = step._positions()  # the graph is the estimator once more
    defining = graph.node("Gather", X, graph.constant(columns, np.int64), axis=1)
    space = graph.double(add(step.space_, graph, defining))
    scores = _score_space(step, graph, space)
    scores = graph.node("Add", scores, _expectation(step, graph, X, space))
    n_gaps = _n_gaps(graph, defining)
    weights = graph.node("Gather", graph.constant(step.score_weights_), n_gaps)
    weighted = graph.node("Mul", weights, scores)
    row = graph.node("Squeeze", n_gaps, graph.constant([1], np.int64))
    biases = graph.node("Gather", graph.constant(step.score_biases_), row, axis=0)
    scores = graph.node("Add", weighted, biases)
    return graph.node("Softmax", scores, axis=1)


@singledispatch
def _score_space(step: Any, graph: Graph, space: str) -> str:  # noqa: ARG001
    """Add the log-likelihoods of records in the space."""
    raise TrainingError(f"{type(step).__name__} cannot be converted to ONNX")


@_score_space.register
def _(step: CentroidClassifier, graph: Graph, space: str) -> str:
    differences = _filled(graph, _differences(graph, space, step.centroids_), 0.0)
    squares = graph.node("Mul", differences, differences)
    distances = graph.node("ReduceSum", squares, graph.constant([2], np.int64), keepdims=0)
    return graph.node("Div", distances, graph.constant(-2.0 * step.variance_))


@_score_space.register
def _(step: MixtureClassifier, graph: Graph, space: str) -> str:
    differences = _differences(graph, space, step.means_)
    squares = graph.node("Mul", differences, differences)
    scaled = graph.node("Div", squares, graph.constant(step.variances_[np.newaxis]))
    logarithms = graph.node("Add", scaled, graph.constant(np.log(step.variances_)[np.newaxis]))
    without_gaps = _filled(graph, logarithms, 0.0)
    total = graph.node("ReduceSum", without_gaps, graph.constant([2], np.int64), keepdims=0)
    return graph.node("Mul", total, graph.constant(-0.5))


def _differences(graph: Graph, space: str, centres: NDArray[Any]) -> str:
    """Return records less centres, of shape (n_samples, n_classes, n_dimensions)."""
    axis = graph.constant([1], np.int64)
    return graph.node(
        "Sub", graph.node("Unsqueeze", space, axis), graph.constant(centres[np.newaxis])
    )


def _n_gaps(graph: Graph, value: str) -> str:
    """Return the number of gaps in each row, of shape (n_samples, 1)."""
    from onnx import TensorProto

    gaps = graph.node("Cast", graph.node("IsNaN", value), to=TensorProto.INT64)
    return graph.node("ReduceSum", gaps, graph.constant([1], np.int64), keepdims=1)


def _expectation(step: SegmentClassifier, graph: Graph, X: str, space: str) -> str:
    """Return what is expected beforehand: where something is missing in the space, or always."""
    prior: Any = step.prior_
    if prior is None:
        scores = graph.constant(np.log(step.shares_))
    else:
        scores = _linear(prior[-1], graph, add(prior[:-1], graph, X))
    is_incomplete = graph.node("Greater", _n_gaps(graph, space), graph.constant(0, np.int64))
    complete_scores = graph.constant(np.log(step.shares_) if step.weighs_complete else 0.0)
    return graph.node("Where", is_incomplete, scores, complete_scores)


def convert_classifier(estimator: Any, n_features: int) -> bytes:
    """Return the ONNX model of a fitted estimator: one output, or two for one with an outlook.

    Parameters
    ----------
    estimator : fitted classifier
    n_features : int
    """
    graph = Graph()
    _outputs(estimator, graph)
    return graph.model(n_features)


@singledispatch
def _outputs(estimator: Any, graph: Graph) -> None:
    graph.output(add(estimator, graph, INPUT), OUTPUT, len(estimator.classes_))


@_outputs.register
def _(estimator: WithOutlook, graph: Graph) -> None:
    _outputs(estimator.segmenter_, graph)
    later = add(estimator.classifier_, graph, INPUT)
    is_known = np.isin(estimator.classes_, estimator.classifier_.classes_)
    placed = np.eye(len(estimator.classes_))[is_known]  # segments nobody came to later: 0
    value = graph.node("MatMul", graph.double(later), graph.constant(placed))
    graph.output(value, OUTLOOK, len(estimator.classes_))
