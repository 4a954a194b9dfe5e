"""Rules of softmax, reductions, extremes and running sums."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.known import integers
from sensorai.importers.moves import axis_of
from sensorai.importers.onnx.products import step
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.arg import ArgExtreme
from sensorai.ops.nd.cumsum import CumSum
from sensorai.ops.nd.det import Det
from sensorai.ops.nd.one_hot import OneHot
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.unary import Unary

_REDUCE: Mapping[str, str] = {
    "ReduceL1": "l1",
    "ReduceL2": "l2",
    "ReduceLogSum": "log_sum",
    "ReduceLogSumExp": "log_sum_exp",
    "ReduceMax": "max",
    "ReduceMean": "mean",
    "ReduceMin": "min",
    "ReduceProd": "prod",
    "ReduceSum": "sum",
    "ReduceSumSquare": "sum_square",
}


def _softmax(node: OnnxNode) -> Sequence[Tensor]:
    """Up to version 12 all axes from the given one on are one."""
    x, log = node.need(0), node.kind == "LogSoftmax"
    axis = axis_of(node, int(node.attribute("axis", -1 if node.opset >= 13 else 1)), len(x.shape))
    if node.opset >= 13 or axis == len(x.shape) - 1:
        return node.add(Softmax(axis, log), x)
    flat = (math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))
    (rows,) = node.add(Reshape(flat), x, last=False, name=f"{node.outputs[0]}.rows")
    (made,) = node.add(Softmax(1, log), rows, last=False)
    return node.add(Reshape(x.shape), made)


def axes_of(node: OnnxNode, place: int) -> tuple[int, ...] | None:
    """Axes by attribute or input, in order; None where nothing is said."""
    x, given = node.need(0), node.attribute("axes")
    if node.input(place) is not None:
        given = list(integers(node.where, node.need(place), "axes"))
    if given is None or (not given and node.input(place) is not None):
        return None
    return tuple(sorted({axis_of(node, int(a), len(x.shape)) for a in given}))


def _reduce(node: OnnxNode) -> Sequence[Tensor]:
    x, axes = node.need(0), axes_of(node, 1)
    keep = bool(node.attribute("keepdims", 1))
    function = _REDUCE[node.kind]
    if axes is None:
        axes = () if node.attribute("noop_with_empty_axes", 0) else tuple(range(len(x.shape)))
    if axes or not x.shape:
        return node.add(Reduce(function, axes, keep), x)
    # nothing is taken together, but what each number adds is made of it
    alone = {"l1": "abs", "l2": "abs", "log_sum": "log", "sum_square": "square"}
    if function in alone:
        return node.add(Unary(alone[function]), x)
    return node.add(Reshape(x.shape), x)


def _arg(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    axis = axis_of(node, int(node.attribute("axis", 0)), len(x.shape))
    keep, last = bool(node.attribute("keepdims", 1)), bool(node.attribute("select_last_index", 0))
    return node.add(ArgExtreme(node.kind == "ArgMax", axis, keep, last), x)


def _det(node: OnnxNode) -> Sequence[Tensor]:
    return node.add(Det(), node.need(0))


def _cumsum(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    found = integers(node.where, node.need(1), "axis")
    if len(found) != 1:
        raise ConfigError(f"{node.where}: it has {len(found)} axes")
    axis = axis_of(node, found[0], len(x.shape))
    exclusive, reverse = bool(node.attribute("exclusive", 0)), bool(node.attribute("reverse", 0))
    return node.add(CumSum(axis, exclusive, reverse), x)


def _hardmax(node: OnnxNode) -> Sequence[Tensor]:
    """1 at the first largest number, else 0; up to version 12 all axes from the given one on are one."""
    x = node.need(0)
    axis = axis_of(node, int(node.attribute("axis", -1 if node.opset >= 13 else 1)), len(x.shape))
    if node.opset >= 13:
        rows = x
    else:
        rows = step(node, Reshape((math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))), x, "rows")
        axis = 1
    places = step(node, ArgExtreme(True, axis, False, False), rows, "places")
    values = node.net.constant(f"{node.outputs[0]}.values", np.arange(2), x.dtype)
    (made,) = node.add(OneHot(axis, rows.shape[axis], True), places, values, last=False)
    return node.add(Reshape(x.shape), made)


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_REDUCE, _reduce),
    "ArgMax": _arg,
    "ArgMin": _arg,
    "CumSum": _cumsum,
    "Det": _det,
    "Hardmax": _hardmax,
    "LogSoftmax": _softmax,
    "Softmax": _softmax,
}
