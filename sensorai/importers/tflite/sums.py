"""Rules of reductions, extremes, running sums and normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.known import integers
from sensorai.importers.tflite.elementwise import activation
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.arg import ArgExtreme
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.cumsum import CumSum
from sensorai.ops.nd.lrn import LocalResponse
from sensorai.ops.nd.normalize import Normalize
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape

_REDUCE: Mapping[str, str] = {
    "MEAN": "mean",
    "REDUCE_ALL": "all",
    "REDUCE_ANY": "any",
    "REDUCE_MAX": "max",
    "REDUCE_MIN": "min",
    "REDUCE_PROD": "prod",
    "SUM": "sum",
}


def _axes(node: TfliteNode) -> tuple[int, ...]:
    """Axes of the second input, from 0, in order."""
    x = node.need(0)
    found = integers(node.where, node.need(1), "axes")
    rank = len(x.shape)
    if any(not -rank <= a < rank for a in found):
        raise ConfigError(f"{node.where}: {x.shape} has no axes {found}")
    return tuple(sorted({a % rank for a in found}))


def _reduce(node: TfliteNode) -> Sequence[Tensor]:
    x, axes = node.need(0), _axes(node)
    keep = bool(node.options.KeepDims()) if node.options is not None else False
    if not axes:
        return node.add(Reshape(x.shape), x)
    return node.add(Reduce(_REDUCE[node.kind], axes, keep), x)


def _arg(node: TfliteNode) -> Sequence[Tensor]:
    axes = _axes(node)
    if len(axes) != 1:
        raise ConfigError(f"{node.where}: it has {len(axes)} axes")
    dtype = node.outputs[0].dtype
    return node.add(ArgExtreme(node.kind == "ARG_MAX", axes[0], False, False, dtype), node.need(0))


def _cumsum(node: TfliteNode) -> Sequence[Tensor]:
    axes = _axes(node)
    if len(axes) != 1:
        raise ConfigError(f"{node.where}: it has {len(axes)} axes")
    exclusive, reverse = bool(node.options.Exclusive()), bool(node.options.Reverse())
    return node.add(CumSum(axes[0], exclusive, reverse), node.need(0))


def _local_response(node: TfliteNode) -> Sequence[Tensor]:
    x, said = node.need(0), node.options
    if said is None or len(x.shape) != 4 or x.dtype != "float32":
        raise ConfigError(f"{node.where}: {x.dtype} of shape {x.shape}, or its options are missing")
    radius = int(said.Radius())
    op = LocalResponse(3, radius, radius, float(said.Alpha()), float(said.Beta()), float(said.Bias()))
    return node.add(op, x)


def _size(node: TfliteNode) -> Sequence[Tensor]:
    x, (lo, hi) = node.need(0), activation(node)
    op = Normalize("l2", (len(x.shape) - 1,), 1e-6)
    if lo is None and hi is None:
        return node.add(op, x)
    (made,) = node.add(op, x, last=False, quant=node.outputs[0].quant)
    return node.add(Clip(lo, hi), made)


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_REDUCE, _reduce),
    "ARG_MAX": _arg,
    "ARG_MIN": _arg,
    "CUMSUM": _cumsum,
    "L2_NORMALIZATION": _size,
    "LOCAL_RESPONSE_NORMALIZATION": _local_response,
}
