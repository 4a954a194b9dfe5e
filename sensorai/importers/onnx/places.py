"""Rules of operators that take or change parts of tensors at places that others say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.known import known
from sensorai.importers.moves import axis_of, gathered, numbers
from sensorai.importers.onnx.rules import OnnxNode, Refused, Rule
from sensorai.ops.nd import ctext
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.gather import GatherElements
from sensorai.ops.nd.gather_nd import GatherND
from sensorai.ops.nd.one_hot import OneHot
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.reverse_sequence import ReverseSequence
from sensorai.ops.nd.scatter import Scatter
from sensorai.ops.nd.triangle import Triangle


def _known(node: OnnxNode, place: int, what: str) -> Array:
    """Numbers of an input that decide about shapes."""
    return known(node.where, node.need(place), what)


def _gather(node: OnnxNode) -> Sequence[Tensor]:
    x, places = node.need(0), node.need(1)
    return gathered(node, x, places, axis_of(node, int(node.attribute("axis", 0)), len(x.shape)))


def _gather_elements(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    axis = axis_of(node, int(node.attribute("axis", 0)), len(x.shape))
    return node.add(GatherElements(axis), x, node.need(1))


def _gather_nd(node: OnnxNode) -> Sequence[Tensor]:
    return node.add(GatherND(int(node.attribute("batch_dims", 0))), node.need(0), node.need(1))


def _scatter(node: OnnxNode) -> Sequence[Tensor]:
    node.only("reduction", "none", "add", "mul", "max", "min")
    x, axis = node.need(0), None
    if node.kind != "ScatterND":
        axis = axis_of(node, int(node.attribute("axis", 0)), len(x.shape))
    op = Scatter(axis, node.attribute("reduction", "none"))
    return node.add(op, x, node.need(1), node.need(2))


def _one_hot(node: OnnxNode) -> Sequence[Tensor]:
    places, depth = node.need(0), _known(node, 1, "depth")
    (count,) = numbers(node, 1, "depth") if depth.size == 1 else (-1,)
    axis = axis_of(node, int(node.attribute("axis", -1)), len(places.shape) + 1)
    if ctext.real(places.dtype):
        (places,) = node.add(Cast("int64"), places, last=False, name=f"{node.outputs[0]}.places")
    return node.add(OneHot(axis, count, True), places, node.need(2))


def _reverse_sequence(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    axes = (node.attribute("batch_axis", 1), node.attribute("time_axis", 0))
    return node.add(ReverseSequence(*(axis_of(node, int(a), len(x.shape)) for a in axes)), x, node.need(1))


def _trilu(node: OnnxNode) -> Sequence[Tensor]:
    given = (0,) if node.input(1) is None else numbers(node, 1, "diagonal")
    return node.add(Triangle(bool(node.attribute("upper", 1)), given[0] if given else 0), node.need(0))


def _compress(node: OnnxNode) -> Sequence[Tensor]:
    x, kept = node.need(0), _known(node, 1, "condition")
    places = np.flatnonzero(kept).astype(np.int64)
    axis = node.attribute("axis")
    if axis is None:
        (x,) = node.add(Reshape((x.size,)), x, last=False)
        axis = 0
    chosen = node.net.constant(f"{node.outputs[0]}.places", places)
    return gathered(node, x, chosen, axis_of(node, int(axis), len(x.shape)))


def _non_zero(node: OnnxNode) -> Sequence[Tensor]:
    found = np.array(np.nonzero(_known(node, 0, "input")), np.int64)
    return (node.net.constant(node.outputs[0], found),)


_RANDOM = Refused("it makes random numbers", "export the net in inference mode, or give them as an input")

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(
        (
            "Bernoulli",
            "Multinomial",
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
        ),
        _RANDOM,
    ),
    "Compress": _compress,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_nd,
    "NonMaxSuppression": Refused(
        "how many boxes come out depends on the input", "cut it off, and let the program choose boxes"
    ),
    "NonZero": _non_zero,
    "OneHot": _one_hot,
    "ReverseSequence": _reverse_sequence,
    "Scatter": _scatter,
    "ScatterElements": _scatter,
    "ScatterND": _scatter,
    "Trilu": _trilu,
    "Unique": Refused("how many numbers come out depends on the input", "tensors have fixed shapes here"),
}
