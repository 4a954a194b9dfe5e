"""Factors and offsets of each channel go into the products before or behind them.

float32 only. The sums are the same numbers in real arithmetic; their roundings differ in the last bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorai.graph.graph import Graph, Node
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Array
from sensorai.ops.nd.batch_norm import BatchNorm
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.passes.change import Changed
from sensorai.passes.edit import Edit, each

Wide = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FoldAffine:
    """Batch norm, and products and sums with constants."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """Forward first: into the product before; else into the one behind."""
        return each(graph, _folded)


def _folded(edit: Edit, node: Node) -> str:
    found = factors(edit, node)
    if found is None:
        return ""
    return _forward(edit, node, *found) or _backward(edit, node, *found)


def factors(edit: Edit, node: Node) -> tuple[str, Wide, Wide] | None:
    """What a node does as a factor and an offset of each channel, the last axis of its input."""
    out = edit.tensors[node.output]
    if out.dtype != "float32" or not out.shape:
        return None
    channels = out.shape[-1]
    if isinstance(node.op, BatchNorm):
        x = edit.tensors[node.inputs[0]]
        given = [edit.data(n) for n in node.inputs[1:5]]
        if node.op.axis % len(x.shape) != len(x.shape) - 1 or any(p is None for p in given):
            return None
        gamma, beta, mean, variance = (np.asarray(p, np.float64) for p in given)
        with np.errstate(all="ignore"):
            scale = gamma / np.sqrt(variance + node.op.epsilon)
            offset = beta - mean * scale
        return (x.name, scale, offset) if np.isfinite(scale).all() and np.isfinite(offset).all() else None
    if not isinstance(node.op, Binary) or (node.op.lo, node.op.hi) != (None, None):
        return None
    a, b = (edit.tensors[n] for n in node.inputs)
    swapped = a.data is not None
    x, constant = (b, a) if swapped else (a, b)
    if x.data is not None or constant.data is None or x.shape != out.shape:
        return None
    values = _channelwise(constant.data, channels)
    if values is None:
        return None
    one, zero = np.ones(channels), np.zeros(channels)
    ways = {
        "add": (one, values),
        "mul": (values, zero),
        "sub": (-one, values) if swapped else (one, -values),
    }
    if not swapped:
        ways["div"] = (1.0 / np.where(values == 0, np.nan, values), zero)
    found = ways.get(node.op.function)
    return None if found is None or not np.isfinite(found[0]).all() else (x.name, *found)


def _channelwise(data: Array, channels: int) -> Wide | None:
    """A number for each channel, None where the constant differs along other axes."""
    if data.size == 1:
        return np.full(channels, float(data.reshape(-1)[0]))
    if data.size == channels and data.shape[-1] == channels:
        return data.reshape(-1).astype(np.float64)
    return None


def _forward(edit: Edit, node: Node, x: str, scale: Wide, offset: Wide) -> str:
    before = edit.producer(x)
    if before is None or edit.only_consumer(x) is not node:
        return ""
    op = before.op
    if not isinstance(op, Conv | ConvTranspose | FullyConnected) or (op.lo, op.hi) != (None, None):
        return ""
    made = _parameters(edit, before)
    if made is None:
        return ""
    weights, bias = made
    name = edit.tensors[before.inputs[1]].name
    along = scale.reshape((-1,) + (1,) * (weights.ndim - 1))
    narrow = _narrow(weights * along, bias * scale + offset)
    if narrow is None or not _may_go(edit, node, x):
        return ""
    new, shift = edit.constant(f"{name}.scaled", narrow[0]), edit.constant(f"{name}.bias", narrow[1])
    edit.put(before, replace(before, inputs=(before.inputs[0], new, shift)))
    edit.bypass(node, x)
    return f"is in the weights of {before.output}"


def _backward(edit: Edit, node: Node, x: str, scale: Wide, offset: Wide) -> str:
    behind = edit.only_consumer(node.output)
    if behind is None or not isinstance(behind.op, Conv | FullyConnected) or behind.inputs[0] != node.output:
        return ""
    op, made = behind.op, _parameters(edit, behind)
    if made is None or (isinstance(op, Conv) and offset.any() and any(map(any, op.pads))):
        # a margin of zeros would become a margin of offsets
        return ""
    weights, bias = made
    groups = op.groups if isinstance(op, Conv) else 1
    rows, each = weights.shape[0] // groups, weights.shape[-1]
    if each * groups != scale.size:
        return ""
    # channels that each output reads
    reads = np.repeat(np.arange(groups), rows)[:, None] * each + np.arange(each)[None, :]
    shape = (weights.shape[0],) + (1,) * (weights.ndim - 2) + (each,)
    added = (weights * offset[reads].reshape(shape)).reshape(weights.shape[0], -1).sum(axis=1)
    name = edit.tensors[behind.inputs[1]].name
    narrow = _narrow(weights * scale[reads].reshape(shape), bias + added)
    if narrow is None:
        return ""
    new, shift = edit.constant(f"{name}.scaled", narrow[0]), edit.constant(f"{name}.bias", narrow[1])
    edit.put(behind, replace(behind, inputs=(x, new, shift)))
    edit.remove(node)
    return f"is in the weights of {behind.output}, behind it"


def _parameters(edit: Edit, node: Node) -> tuple[Wide, Wide] | None:
    """Weights and bias of a float product, None where they are not known or not float."""
    weights = edit.tensors[node.inputs[1]]
    bias = node.inputs[2] if len(node.inputs) > 2 else ""
    known = edit.data(bias)
    if weights.data is None or weights.dtype != "float32" or (bias and known is None):
        return None
    zeros = np.zeros(weights.shape[0])
    return weights.data.astype(np.float64), zeros if known is None else known.astype(np.float64)


def _narrow(weights: Wide, bias: Wide) -> tuple[Array, Array] | None:
    """float32 of both, None where a number would be too large for it."""
    with np.errstate(over="ignore"):
        made = weights.astype(np.float32), bias.astype(np.float32)
    return made if all(np.isfinite(one).all() for one in made) else None


def _may_go(edit: Edit, node: Node, x: str) -> bool:
    """Whether ``bypass`` will succeed."""
    return node.output not in edit.kept or (edit.producer(x) is not None and x not in edit.kept)
