"""Rules of normalisations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.moves import axis_of
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.batch_norm import BatchNorm
from sensorai.ops.nd.lrn import LocalResponse
from sensorai.ops.nd.normalize import Normalize
from sensorai.ops.nd.reshape import Reshape


def _batch(node: OnnxNode) -> Sequence[Tensor]:
    if node.attribute("training_mode", 0) or len([n for n in node.outputs if n]) > 1:
        raise ConfigError(f"{node.where}: the model still trains", hint="export it in inference mode")
    x = node.need(0)
    axis = min(1, len(x.shape) - 1)
    epsilon = float(node.attribute("epsilon", 1e-5))
    return node.add(BatchNorm(epsilon, axis), x, *(node.need(k) for k in range(1, 5)))


def _column(node: OnnxNode, tensor: Tensor, rank: int, name: str) -> Tensor:
    """Numbers of channels, with as many axes behind as there are."""
    shape = (*tensor.shape, *(1,) * rank)
    return node.add(Reshape(shape), tensor, last=False, name=f"{node.outputs[0]}.{name}")[0]


def _instance(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    spatial = len(x.shape) - 2
    if spatial < 1:
        raise ConfigError(f"{node.where}: {x.shape} has no axes behind its channels")
    scale, bias = (_column(node, node.need(k), spatial, n) for k, n in ((1, "scale"), (2, "bias")))
    axes = tuple(range(2, len(x.shape)))
    return node.add(Normalize("layer", axes, float(node.attribute("epsilon", 1e-5))), x, scale, bias)


def _layer(node: OnnxNode) -> Sequence[Tensor]:
    node.only("stash_type", 1)
    x = node.need(0)
    first = axis_of(node, int(node.attribute("axis", -1)), len(x.shape))
    axes = tuple(range(first, len(x.shape)))
    stats = len(node.outputs) > 1 and any(node.outputs[1:])
    rms = node.kind == "RMSNormalization"
    op = Normalize("rms" if rms else "layer", axes, float(node.attribute("epsilon", 1e-5)), stats)
    return node.add(op, x, node.need(1), None if rms else node.input(2))


def _group(node: OnnxNode) -> Sequence[Tensor]:
    x, groups = node.need(0), int(node.attribute("num_groups", 0))
    if len(x.shape) < 2 or groups < 1 or x.shape[1] % groups:
        raise ConfigError(f"{node.where}: {groups} groups of the channels of {x.shape}")
    node.only("stash_type", 1)
    each = x.shape[1] // groups
    epsilon = float(node.attribute("epsilon", 1e-5))
    behind = math.prod(x.shape[2:])
    (rows,) = node.add(
        Reshape((x.shape[0], groups, each, behind)), x, last=False, name=f"{node.outputs[0]}.groups"
    )
    scale, bias = node.need(1), node.need(2)
    # up to version 20 there is one scale for each group
    shape = (groups, each if node.opset >= 21 else 1, 1)
    factors = [
        node.add(Reshape(shape), one, last=False, name=f"{node.outputs[0]}.{name}")[0]
        for one, name in ((scale, "scale"), (bias, "bias"))
    ]
    (made,) = node.add(Normalize("layer", (2, 3), epsilon), rows, *factors, last=False)
    return node.add(Reshape(x.shape), made)


def _size(node: OnnxNode) -> Sequence[Tensor]:
    node.only("p", 2, 1)
    x = node.need(0)
    axis = axis_of(node, int(node.attribute("axis", -1)), len(x.shape))
    return node.add(Normalize(f"l{node.attribute('p', 2)}", (axis,)), x)


def _mean_variance(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    axes = [axis_of(node, int(a), len(x.shape)) for a in node.attribute("axes", [0, 2, 3])]
    return node.add(Normalize("deviation", tuple(sorted(set(axes))), 1e-9), x)


def _response(node: OnnxNode) -> Sequence[Tensor]:
    x, size = node.need(0), int(node.attribute("size", 0))
    if size < 1 or len(x.shape) < 2:
        raise ConfigError(f"{node.where}: size={size} of {x.shape}")
    alpha = float(node.attribute("alpha", 1e-4)) / size
    beta, bias = float(node.attribute("beta", 0.75)), float(node.attribute("bias", 1.0))
    return node.add(LocalResponse(1, (size - 1) // 2, size // 2, alpha, beta, bias), x)


RULES: Mapping[str, Rule] = {
    "BatchNormalization": _batch,
    "GroupNormalization": _group,
    "InstanceNormalization": _instance,
    "LRN": _response,
    "LayerNormalization": _layer,
    "LpNormalization": _size,
    "MeanVarianceNormalization": _mean_variance,
    "RMSNormalization": _layer,
}
