"""Rules of operators that move numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
from sensorai.importers.known import single
from sensorai.importers.moves import AXES, Along, axes_of, axis_of, numbers, parts, sliced
from sensorai.importers.onnx.rules import OnnxNode, Rule
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.repeats import Expand, Tile
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose


def said(node: OnnxNode, name: str, since: int, place: int) -> tuple[int, ...] | None:
    """Whole numbers of an attribute, from version ``since`` on of an input; None where left out."""
    if node.opset < since:
        found = node.attribute(name)
        return None if found is None else tuple(int(v) for v in found)
    return None if node.input(place) is None else numbers(node, place, name)


def _reshape(node: OnnxNode) -> Sequence[Tensor]:
    x, wanted = node.need(0), list(numbers(node, 1, "shape"))
    if not node.attribute("allowzero", 0):
        wanted = [x.shape[i] if v == 0 and i < len(x.shape) else v for i, v in enumerate(wanted)]
    if wanted.count(-1) > 1:
        raise ConfigError(f"{node.where}: two extents are to be found")
    if -1 in wanted:
        known = math.prod(v for v in wanted if v != -1)
        wanted[wanted.index(-1)] = x.size // known if known else 0
    return node.add(Reshape(tuple(wanted)), x)


def _flatten(node: OnnxNode) -> Sequence[Tensor]:
    x, axis = node.need(0), int(node.attribute("axis", 1))
    rank = len(x.shape)
    if not -rank <= axis <= rank:
        raise ConfigError(f"{node.where}: there is no axis {axis} of {rank}")
    axis += rank if axis < 0 else 0
    return node.add(Reshape((math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))), x)


def _squeeze(node: OnnxNode) -> Sequence[Tensor]:
    x, given = node.need(0), said(node, "axes", 13, 1)
    axes = (
        [k for k, n in enumerate(x.shape) if n == 1] if given is None else axes_of(node, given, len(x.shape))
    )
    if wide := [k for k in axes if x.shape[k] != 1]:
        raise ConfigError(f"{node.where}: axis {wide[0]} of {x.shape} has more than one element")
    return node.add(Reshape(tuple(n for k, n in enumerate(x.shape) if k not in axes)), x)


def _unsqueeze(node: OnnxNode) -> Sequence[Tensor]:
    x, given = node.need(0), said(node, "axes", 13, 1)
    if given is None:
        raise ConfigError(f"{node.where}: axes are missing")
    axes = axes_of(node, given, len(x.shape) + len(given))
    left = iter(x.shape)
    return node.add(
        Reshape(tuple(1 if k in axes else next(left) for k in range(len(x.shape) + len(axes)))), x
    )


def _transpose(node: OnnxNode) -> Sequence[Tensor]:
    x = node.need(0)
    axes = len(x.shape)
    perm = [int(k) for k in node.attribute("perm") or reversed(range(axes))]
    return node.add(Transpose(tuple(k + axes if k < 0 else k for k in perm)), x)


def _concat(node: OnnxNode) -> Sequence[Tensor]:
    xs = [node.need(k) for k in range(len(node.inputs))]
    if node.attribute("axis") is None:
        raise ConfigError(f"{node.where}: axis is missing")
    axis = axis_of(node, int(node.attribute("axis")), len(node.need(0).shape))
    # what is empty adds nothing
    full = [x for x in xs if x.shape[axis : axis + 1] != (0,)] or xs[:1]
    return node.add(Concat(axis), *_of_one_scale(node, full))


def _of_one_scale(node: OnnxNode, xs: Sequence[Tensor]) -> Sequence[Tensor]:
    """Constants have no scale in a file: they mean what the tensors mean that they are joined to."""
    scales = {x.quant for x in xs if x.data is None}
    quant = scales.pop() if len(scales) == 1 else None
    if not isinstance(quant, Affine) or quant.axis is not None:
        return xs
    return [
        node.net.constant(x.name, x.data, x.dtype, quant) if x.data is not None and x.quant is None else x
        for x in xs
    ]


def _split(node: OnnxNode) -> Sequence[Tensor]:
    """Parts by an attribute, from version 13 on by an input; equal ones where nothing is said."""
    x, sizes = node.need(0), said(node, "split", 13, 1)
    axis, count = axis_of(node, int(node.attribute("axis", 0)), len(x.shape)), len(node.outputs)
    if sizes is None:
        each = -(-x.shape[axis] // count)
        if node.opset < 18 and each * count != x.shape[axis]:
            raise ConfigError(f"{node.where}: axis {axis} of {x.shape} has no {count} equal parts")
        last = x.shape[axis] - each * (count - 1)
        sizes = (*[each] * (count - 1), last)
    if len(sizes) != count:
        raise ConfigError(f"{node.where}: says {len(sizes)} parts and has {count} outputs")
    return parts(node, x, axis, sizes, node.outputs)


def _slice(node: OnnxNode) -> Sequence[Tensor]:
    """Ends by attributes up to version 9, then by inputs."""
    x = node.need(0)
    starts, stops = said(node, "starts", 10, 1), said(node, "ends", 10, 2)
    if starts is None or stops is None:
        raise ConfigError(f"{node.where}: starts or ends are missing")
    given, steps = said(node, "axes", 10, 3), said(node, "steps", 10, 4)
    axes = axes_of(node, range(len(starts)) if given is None else given, len(x.shape))
    steps = (1,) * len(axes) if steps is None else steps
    if not len(starts) == len(stops) == len(axes) == len(steps) or 0 in steps:
        raise ConfigError(f"{node.where}: starts, ends, axes and steps do not go together")
    along = {k: Along(a, b, c) for k, a, b, c in zip(axes, starts, stops, steps, strict=True)}
    return node.add(sliced(x.shape, along), x)


def _pad(node: OnnxNode) -> Sequence[Tensor]:
    """Widths by an attribute up to version 10, then by an input; what is negative cuts off."""
    node.only("mode", "constant", "reflect", "edge", "wrap")
    x, mode, given = node.need(0), node.attribute("mode", "constant"), said(node, "pads", 11, 1)
    axes = tuple(range(len(x.shape)))
    if node.opset >= 18 and node.input(3) is not None:
        axes = axes_of(node, numbers(node, 3, "axes"), len(x.shape))
    if given is None or len(given) != 2 * len(axes):
        raise ConfigError(f"{node.where}: pads are missing or do not go with its {len(axes)} axes")
    value = node.attribute("value", 0.0) if node.opset < 11 else 0
    if node.opset >= 11 and (filled := node.input(2)) is not None:
        value = single(node.where, filled, "value").item()
    pads = dict(zip(axes, zip(given[: len(axes)], given[len(axes) :], strict=True), strict=True))
    along = {}
    for axis, (before, after) in pads.items():
        if -min(before, 0) - min(after, 0) > x.shape[axis]:
            raise ConfigError(f"{node.where}: pads {(before, after)} cut off more than axis {axis} has")
        along[axis] = Along(-min(before, 0), x.shape[axis] + min(after, 0))
    if any(min(both) < 0 for both in pads.values()):
        (x,) = node.add(sliced(x.shape, along), x, last=False)
    every = tuple(pads.get(k, (0, 0)) for k in range(len(x.shape)))
    return node.add(Pad(tuple((max(a, 0), max(b, 0)) for a, b in every), mode, value), x)


def _expand(node: OnnxNode) -> Sequence[Tensor]:
    """Both repeat each other's axes of one element."""
    x, wanted = node.need(0), numbers(node, 1, "shape")
    if len(wanted) > AXES:
        raise ConfigError(f"{node.where}: {len(wanted)} axes are too many")
    try:
        return node.add(Expand(tuple(int(v) for v in np.broadcast_shapes(x.shape, wanted))), x)
    except ValueError:
        raise ConfigError(f"{node.where}: {x.shape} and {wanted} do not go together") from None


def _tile(node: OnnxNode) -> Sequence[Tensor]:
    return node.add(Tile(numbers(node, 1, "repeats")), node.need(0))


RULES: Mapping[str, Rule] = {
    "Concat": _concat,
    "Expand": _expand,
    "Flatten": _flatten,
    "Pad": _pad,
    "Reshape": _reshape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
