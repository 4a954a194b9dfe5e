"""Rules of operators that move numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import DTYPES, Shape, Tensor
from sensorai.importers.known import single
from sensorai.importers.moves import AXES, Along, axes_of, axis_of, gathered, numbers, parts, sliced, small
from sensorai.importers.tflite.rules import Rule, TfliteNode
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.gather_nd import GatherND
from sensorai.ops.nd.one_hot import OneHot
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.quantize import Quantize
from sensorai.ops.nd.repeats import Expand, Tile
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.reverse_sequence import ReverseSequence
from sensorai.ops.nd.scatter import Scatter
from sensorai.ops.nd.transpose import Transpose


def option(node: TfliteNode, name: str, default: Any = 0) -> Any:
    """Option of an operator, its default where the file has none at all."""
    return default if node.options is None else getattr(node.options, name)()


def zero_of(x: Tensor) -> int:
    """The number that means 0."""
    return x.quant.zero[0] if isinstance(x.quant, Affine) else 0


def _given(node: TfliteNode, shape: Shape, said: Shape) -> Shape:
    """The shape that is given, -1 being what is left; where it is computed, the one declared."""
    given = node.input(1)
    if given is not None and given.data is not None and len(given.shape) == 1:
        to = [int(v) for v in given.data]
    elif given is None and node.options is not None and node.options.NewShapeLength():
        to = [int(v) for v in node.options.NewShapeAsNumpy()]
    else:
        return said
    rest = math.prod(v for v in to if v != -1)
    if min(to, default=0) < -1 or to.count(-1) > 1 or len(to) > AXES or (-1 in to and not rest):
        raise ConfigError(f"{node.where}: {shape} cannot become {to[:AXES]}")
    return tuple(math.prod(shape) // rest if v == -1 else v for v in to)


def _longer(node: TfliteNode, shape: Shape, said: Shape) -> Shape:
    (given,) = numbers(node, 1, "axis")
    axis = axis_of(node, given, len(shape) + 1)
    return (*shape[:axis], 1, *shape[axis:])


def _shorter(node: TfliteNode, shape: Shape, said: Shape) -> Shape:
    """Without the axes that are named, else without all of extent 1."""
    options = node.options
    named = options.SqueezeDimsAsNumpy() if options is not None and options.SqueezeDimsLength() else ()
    axes = axes_of(node, [int(v) for v in named], len(shape))
    axes = axes or tuple(k for k, n in enumerate(shape) if n == 1)
    if wide := [k for k in axes if shape[k] != 1]:
        raise ConfigError(f"{node.where}: axis {wide[0]} of {shape} is not 1")
    return tuple(n for k, n in enumerate(shape) if k not in axes)


#: Shapes that come out of operators that change nothing else, from those that go in and those declared.
SHAPES: Mapping[str, Callable[[TfliteNode, Shape, Shape], Shape]] = {
    "EXPAND_DIMS": _longer,
    "RESHAPE": _given,
    "SQUEEZE": _shorter,
}


def _reshape(node: TfliteNode) -> Sequence[Tensor]:
    x = node.need(0)
    return node.add(Reshape(SHAPES[node.kind](node, x.shape, node.outputs[0].shape)), x)


def _dense(node: TfliteNode) -> Sequence[Tensor]:
    # sparse constants are filled in as they are read
    x = node.need(0)
    if x.data is None:
        raise ConfigError(f"{node.where}: makes a tensor dense that is computed")
    return node.add(Reshape(x.shape), x)


def _transpose(node: TfliteNode) -> Sequence[Tensor]:
    x = node.need(0)
    return node.add(Transpose(axes_of(node, numbers(node, 1, "order of axes"), len(x.shape))), x)


def _concatenation(node: TfliteNode) -> Sequence[Tensor]:
    """Bytes come to the scale of the output first; int16 numbers are joined as they are, as runtimes do."""
    if option(node, "FusedActivationFunction"):
        raise ConfigError(f"{node.where}: an activation is not supported here")
    axis = axis_of(node, int(option(node, "Axis")), len(node.need(0).shape))
    said, inputs = node.outputs[0], []
    for place in range(len(node.inputs)):
        x = node.need(place)
        if x.shape[axis : axis + 1] == (0,) and len(node.inputs) > 1:
            continue
        if isinstance(x.quant, Affine) and x.dtype in ("int8", "uint8") and x.quant != said.quant:
            name = f"{said.name}.scaled{place}"
            (x,) = node.add(Quantize(x.dtype), x, last=False, name=name, quant=said.quant)
        inputs.append(x)
    return node.add(Concat(axis), *inputs)


def _split(node: TfliteNode) -> Sequence[Tensor]:
    """SPLIT has the axis first and equal parts, SPLIT_V sizes, one of which may be -1."""
    equal = node.kind == "SPLIT"
    x, count = node.need(1 if equal else 0), len(node.outputs)
    (given,) = numbers(node, 0 if equal else 2, "axis")
    axis = axis_of(node, given, len(x.shape))
    if equal:
        sizes = [x.shape[axis] // count] * count
    else:
        sizes = list(numbers(node, 1, "sizes"))
        if sizes.count(-1) == 1:
            sizes[sizes.index(-1)] = x.shape[axis] - sum(v for v in sizes if v >= 0)
    if len(sizes) != count:
        raise ConfigError(f"{node.where}: says {len(sizes)} parts and has {count} outputs")
    return parts(node, x, axis, sizes, [one.name for one in node.outputs])


def _unpack(node: TfliteNode) -> Sequence[Tensor]:
    x = node.need(0)
    axis = axis_of(node, int(option(node, "Axis")), len(x.shape))
    if x.shape[axis] != len(node.outputs):
        raise ConfigError(f"{node.where}: axis {axis} of {x.shape} does not make {len(node.outputs)} outputs")
    made: list[Tensor] = []
    for k, one in enumerate(node.outputs):
        (row,) = node.net.add(sliced(x.shape, {axis: Along(k, k + 1)}), (x,), (f"{one.name}.row",))
        shape = (*x.shape[:axis], *x.shape[axis + 1 :])
        made += node.net.add(Reshape(shape), (row,), (one.name,), (one.quant,))
    return made


def _pack(node: TfliteNode) -> Sequence[Tensor]:
    xs = [node.need(k) for k in range(len(node.inputs))]
    shape = node.need(0).shape
    axis = axis_of(node, int(option(node, "Axis")), len(shape) + 1)
    if lost := [x.shape for x in xs if x.shape != shape]:
        raise ConfigError(f"{node.where}: shapes {shape} and {lost[0]} differ")
    to = Reshape((*shape[:axis], 1, *shape[axis:]))
    name = node.outputs[0].name
    rows = [node.add(to, x, last=False, name=f"{name}.row{k}")[0] for k, x in enumerate(xs)]
    return node.add(Concat(axis), *rows)


def _slice(node: TfliteNode) -> Sequence[Tensor]:
    """Beginnings and sizes; -1 is all that is left."""
    x, begins, sizes = node.need(0), numbers(node, 1, "begin"), numbers(node, 2, "size")
    if not len(begins) == len(sizes) == len(x.shape):
        raise ConfigError(f"{node.where}: begin and size do not go with shape {x.shape}")
    along = {}
    for k, (begin, size, extent) in enumerate(zip(begins, sizes, x.shape, strict=True)):
        end = extent if size == -1 else begin + size
        if not 0 <= begin <= end <= extent:
            raise ConfigError(f"{node.where}: {size} from {begin} leave axis {k} of {x.shape}")
        along[k] = Along(begin, end)
    return node.add(sliced(x.shape, along), x)


def _strided_slice(node: TfliteNode) -> Sequence[Tensor]:
    """Masks are bits by the place of begin, end and step; an ellipsis stands for the axes not named."""
    x, begins, ends = node.need(0), numbers(node, 1, "begin"), numbers(node, 2, "end")
    steps = numbers(node, 3, "step")
    if not len(begins) == len(ends) == len(steps) or 0 in steps:
        raise ConfigError(f"{node.where}: begin, end and step do not go together")
    masks = {name: int(option(node, f"{name}Mask")) for name in ("Begin", "End", "Ellipsis", "NewAxis")}
    shrink, offset = int(option(node, "ShrinkAxisMask")), bool(option(node, "Offset", False))

    def bit(name: str, place: int) -> bool:
        return bool(masks[name] >> place & 1)

    count = len(begins)
    ellipses = [k for k in range(count) if bit("Ellipsis", k)]
    if len(ellipses) > 1:
        raise ConfigError(f"{node.where}: more than one ellipsis")
    named = sum(not bit("Ellipsis", k) and not bit("NewAxis", k) for k in range(count))
    if named > len(x.shape):
        raise ConfigError(f"{node.where}: slices {named} axes of shape {x.shape}")
    along: dict[int, Along] = {}
    # what becomes of each axis: an extent of its own (None: as it is sliced), or nothing
    shape: list[int | None] = []
    axis = 0
    for k in range(count):
        if bit("Ellipsis", k):
            rest = len(x.shape) - named
            shape += range(-1 - axis, -1 - axis - rest, -1)
            axis += rest
        elif bit("NewAxis", k):
            shape.append(None)
        elif shrink >> k & 1:
            place = begins[k] + (x.shape[axis] if begins[k] < 0 else 0)
            if not 0 <= place < x.shape[axis] or steps[k] < 0:
                raise ConfigError(f"{node.where}: takes {begins[k]} of axis {axis} of {x.shape}")
            along[axis] = Along(place, place + 1)
            axis += 1
        else:
            begin = None if bit("Begin", k) else begins[k]
            end = ends[k] + (begins[k] if offset else 0)
            along[axis] = Along(begin, None if bit("End", k) else end, steps[k])
            shape.append(-1 - axis)
            axis += 1
    shape += range(-1 - axis, -1 - len(x.shape), -1)
    op = sliced(x.shape, along)
    extents = [len(op.places(k)) for k in range(len(x.shape))]
    to = tuple(1 if v is None else extents[-1 - v] for v in shape)
    if to == tuple(extents):
        return node.add(op, x)
    return node.add(Reshape(to), *node.add(op, x, last=False))


def _reverse(node: TfliteNode) -> Sequence[Tensor]:
    x = node.need(0)
    axes = axes_of(node, numbers(node, 1, "axes"), len(x.shape))
    return node.add(sliced(x.shape, {axis: Along(step=-1) for axis in axes}), x)


def pairs(node: TfliteNode, place: int, axes: int) -> tuple[tuple[int, int], ...]:
    """Whole numbers from 0 on before and after each of so many axes."""
    given = numbers(node, place, "pads")
    if len(given) != 2 * axes or min(given, default=0) < 0:
        raise ConfigError(f"{node.where}: pads {list(given)[:16]} do not go with {axes} axes")
    return tuple(zip(given[0::2], given[1::2], strict=True))


def _pad(node: TfliteNode) -> Sequence[Tensor]:
    """PAD with what means 0, PADV2 with a number of the tensor."""
    x = node.need(0)
    value: float | int = zero_of(x)
    if (filled := node.input(2)) is not None:
        value = single(node.where, filled, "value").item()
    return node.add(Pad(pairs(node, 1, len(x.shape)), "constant", value), x)


def _mirror_pad(node: TfliteNode) -> Sequence[Tensor]:
    x, pads = node.need(0), pairs(node, 1, len(node.need(0).shape))
    mode = "symmetric" if option(node, "Mode") else "reflect"
    most = [n - (mode == "reflect") for n in x.shape]
    if any(max(p) > max(n, 0) for p, n in zip(pads, most, strict=True)):
        raise ConfigError(f"{node.where}: mirrors more than shape {x.shape} has")
    return node.add(Pad(pads, mode), x)


def _gather(node: TfliteNode) -> Sequence[Tensor]:
    x, places = node.need(0), node.need(1)
    axis = axis_of(node, int(option(node, "Axis")), len(x.shape))
    batch = int(option(node, "BatchDims"))
    return gathered(node, x, places, axis, batch + len(places.shape) if batch < 0 else batch)


def _embedding(node: TfliteNode) -> Sequence[Tensor]:
    places, x = node.need(0), node.need(1)
    if x.dtype != node.outputs[0].dtype:
        raise ConfigError(f"{node.where}: a table of {x.dtype} that becomes {node.outputs[0].dtype}")
    return gathered(node, x, places, axis_of(node, 0, len(x.shape)))


def _gather_nd(node: TfliteNode) -> Sequence[Tensor]:
    return node.add(GatherND(), node.need(0), node.need(1))


def _one_hot(node: TfliteNode) -> Sequence[Tensor]:
    places, (depth,) = node.need(0), numbers(node, 1, "depth") or (-1,)
    axis = axis_of(node, int(option(node, "Axis", -1)), len(places.shape) + 1)
    name = node.outputs[0].name
    each = [node.add(Reshape((1,)), node.need(k), last=False, name=f"{name}.{k}")[0] for k in (3, 2)]
    (values,) = node.add(Concat(0), *each, last=False)
    return node.add(OneHot(axis, depth), places, values)


def _reverse_sequence(node: TfliteNode) -> Sequence[Tensor]:
    x = node.need(0)
    axes = (option(node, "BatchDim"), option(node, "SeqDim"))
    return node.add(ReverseSequence(*(axis_of(node, int(a), len(x.shape)) for a in axes)), x, node.need(1))


def _tile(node: TfliteNode) -> Sequence[Tensor]:
    return node.add(Tile(numbers(node, 1, "repeats")), node.need(0))


def _broadcast(node: TfliteNode) -> Sequence[Tensor]:
    return node.add(Expand(numbers(node, 1, "shape")), node.need(0))


def _fill(node: TfliteNode) -> Sequence[Tensor]:
    (one,) = node.add(Reshape(()), node.need(1), last=False)
    return node.add(Expand(numbers(node, 0, "shape")), one)


def _range(node: TfliteNode) -> Sequence[Tensor]:
    """Numbers from a first one up to a last one, which is not among them."""
    whats = enumerate(("start", "limit", "step"))
    start, limit, step = (single(node.where, node.need(k), what).item() for k, what in whats)
    if not step or not all(math.isfinite(v) for v in (start, limit, step)):
        raise ConfigError(f"{node.where}: numbers from {start} to {limit} in steps of {step}")
    (count,) = small(node, (max(math.ceil((limit - start) / step), 0),))
    made = np.asarray([start + k * step for k in range(count)], DTYPES[node.outputs[0].dtype])
    return (node.net.constant(node.outputs[0].name, made, node.outputs[0].dtype),)


def _scatter(node: TfliteNode) -> Sequence[Tensor]:
    """Updates at their places among zeros; those at one place are added."""
    places, updates, shape = node.need(0), node.need(1), numbers(node, 2, "shape")
    # with a scale they cannot be added, and no two may have one place
    scaled = isinstance(updates.quant, Affine)
    rows = None if places.data is None else places.data.reshape(-1, places.shape[-1] if places.shape else 1)
    if scaled and (rows is None or len(np.unique(rows, axis=0)) < len(rows)):
        raise ConfigError(f"{node.where}: integers with a scale are added where places are alike")
    # as the runtimes: the number 0, whatever it means
    empty = np.zeros(small(node, shape), DTYPES[updates.dtype])
    x = node.net.constant(f"{node.outputs[0].name}.zeros", empty, updates.dtype, updates.quant)
    return node.add(Scatter(None, "none" if scaled else "add"), x, places, updates)


def _zeros_like(node: TfliteNode) -> Sequence[Tensor]:
    # as the runtimes: the number 0, whatever it means
    said, x = node.outputs[0], node.need(0)
    data = np.zeros(small(node, x.shape), DTYPES[x.dtype])
    return (node.net.constant(said.name, data, x.dtype, said.quant),)


def _shape(node: TfliteNode) -> Sequence[Tensor]:
    said = node.outputs[0]
    return (node.net.constant(said.name, np.array(node.need(0).shape, DTYPES[said.dtype])),)


def _shapes_together(node: TfliteNode) -> Sequence[Tensor]:
    """The shape to which two shapes that are known repeat each other."""
    both = numbers(node, 0, "first shape"), numbers(node, 1, "second shape")
    possible = max(map(len, both)) <= AXES and min(min(one, default=0) for one in both) >= 0
    try:
        made = np.broadcast_shapes(*both if possible else ((2,), (3,)))
    except ValueError:
        raise ConfigError(f"{node.where}: shapes {both[0]} and {both[1]} do not go together") from None
    said = node.outputs[0]
    return (node.net.constant(said.name, np.array(made, DTYPES[said.dtype])),)


def _rank(node: TfliteNode) -> Sequence[Tensor]:
    return (node.net.constant(node.outputs[0].name, np.array(len(node.need(0).shape), np.int32)),)


RULES: Mapping[str, Rule] = {
    "BROADCAST_ARGS": _shapes_together,
    "BROADCAST_TO": _broadcast,
    "CONCATENATION": _concatenation,
    "DENSIFY": _dense,
    "EMBEDDING_LOOKUP": _embedding,
    "EXPAND_DIMS": _reshape,
    "FILL": _fill,
    "GATHER": _gather,
    "GATHER_ND": _gather_nd,
    "MIRROR_PAD": _mirror_pad,
    "ONE_HOT": _one_hot,
    "PACK": _pack,
    "PAD": _pad,
    "PADV2": _pad,
    "RANGE": _range,
    "RANK": _rank,
    "RESHAPE": _reshape,
    "REVERSE_SEQUENCE": _reverse_sequence,
    "REVERSE_V2": _reverse,
    "SCATTER_ND": _scatter,
    "SHAPE": _shape,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "TILE": _tile,
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
    "ZEROS_LIKE": _zeros_like,
}
