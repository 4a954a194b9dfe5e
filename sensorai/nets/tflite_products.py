"""Layers of weighted sums and pools as operators of TensorFlow Lite, and what they share with others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Node
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Shape, Tensor, constant
from sensorai.importers.tflite.products import margins
from sensorai.nets.tflite_writer import TfliteWriter
from sensorai.ops.nd import affine, ctext, leaving
from sensorai.ops.nd.products import dequantised

#: Ends that operators have in themselves.
_FUSED = {(None, None): "NONE", (0.0, None): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}
Ends = tuple[float | None, float | None]
Pads = tuple[tuple[int, int], ...]


def refused(node: Node, why: str = "") -> ConfigError:
    """Return the message on a layer that is not written."""
    what = f"layer {node.output} ({node.op.NAME})"
    return ConfigError(
        f"{what}{': ' + why if why else ''} is not written as TensorFlow Lite",
        hint="hand the net over as ONNX: --hand-over FILE.onnx",
    )


def ends_of(out: Tensor, lo: float | None, hi: float | None) -> Ends:
    """Ends of a result, None for one that its type has in itself."""
    if isinstance(out.quant, Affine):
        low, high = (float(v) for v in out.quant.real(np.asarray(ctext.ends(out.dtype))))
        lo, hi = (None if lo is None or lo <= low else lo), (None if hi is None or hi >= high else hi)
    return lo, hi


def held(file: TfliteWriter, op: Any, out: Tensor, made: Callable[[int, int], None], to: int) -> None:
    """Let ``made(place, activation)`` write an operator, and hold its result between the ends of ``op``."""
    ends = ends_of(out, op.lo, op.hi)
    activations = file.schema.ActivationFunctionType
    if ends in _FUSED:
        made(to, getattr(activations, _FUSED[ends]))
        return
    free = file.between(f"{out.name}.free", out.shape, out.dtype, out.quant)
    made(free, activations.NONE)
    clamp(file, out, ends, free, to)


def clamp(file: TfliteWriter, out: Tensor, ends: Ends, x: int, to: int) -> None:
    """Hold numbers of the scale of ``out`` between ends that no operator has in itself."""
    if isinstance(out.quant, Affine):
        numbers: list[float] = [*leaving.ends(out, *ends, f"layer {out.name}")]
    else:
        numbers = [math.nan if v is None else v for v in ends]
    wanted = [
        (kind, number)
        for kind, number, end in zip(("MAXIMUM", "MINIMUM"), numbers, ends, strict=True)
        if end is not None
    ]
    for k, (kind, number) in enumerate(wanted):
        data = np.asarray([number], np.dtype(out.dtype))
        end = file.constant(f"{out.name}.end", data, out.quant)
        last = k == len(wanted) - 1
        y = to if last else file.between(f"{out.name}.held", out.shape, out.dtype, out.quant)
        file.add(kind, (x, end), (y,), "MaximumMinimumOptions")
        x = y


def reshaped(file: TfliteWriter, x: int, to: int) -> None:
    """Bring numbers into the shape of another tensor."""
    shape = [int(v) for v in file.tensors[to].shape]
    place = file.whole(f"{file.tensors[to].name}.shape", shape)
    file.add("RESHAPE", (x, place), (to,), "ReshapeOptions", NewShape=shape)


class Plane:
    """Input and output of a layer over one or two axes, as one over two."""

    def __init__(self, file: TfliteWriter, node: Node, axes: int) -> None:
        if axes not in (1, 2):
            raise refused(node, f"a kernel over {axes} axes")
        self.file, self.axes = file, axes
        self.x, self.out = file.tensor(node.inputs[0]), file.tensor(node.output)
        self.source, self.to = file.place(node.inputs[0]), file.place(node.output)
        self.result = self.to
        if axes == 1:
            flat = self._lifted(self.x)
            self.source = file.between(f"{self.x.name}.plane", flat, self.x.dtype, self.x.quant)
            reshaped(file, file.place(node.inputs[0]), self.source)
            shape = self._lifted(self.out)
            self.result = file.between(f"{self.out.name}.plane", shape, self.out.dtype, self.out.quant)

    @staticmethod
    def _lifted(tensor: Tensor) -> Shape:
        return (tensor.shape[0], 1, *tensor.shape[1:])

    def two(self, values: Shape, fill: int = 1) -> Shape:
        """Numbers along both axes."""
        values = values or (fill,) * self.axes
        return (fill, *values) if self.axes == 1 else tuple(values)

    def padded(self, node: Node, pads: Pads, kernel: Shape, strides: Shape, dilations: Shape) -> str:
        """Margins by their name in the file; those that have none are put round the input first."""
        pads = pads or ((0, 0),) * self.axes
        both: Pads = ((0, 0), *pads) if self.axes == 1 else tuple(pads)
        extents = self.file.tensors[self.source].shape[1:3]
        for name, same in (("VALID", False), ("SAME", True)):
            if margins(extents, kernel, strides, dilations, same) == both:
                return name
        if node.op.NAME == "pool":
            raise refused(node, "a pool with such margins")
        wide = tuple(e + sum(p) for e, p in zip(extents, both, strict=True))
        shape = (self.x.shape[0], *wide, self.x.shape[-1])
        y = self.file.between(f"{self.out.name}.wide", shape, self.x.dtype, self.x.quant)
        around = self.file.whole(f"{self.out.name}.pads", [(0, 0), *both, (0, 0)])
        self.file.add("PAD", (self.source, around), (y,), "PadOptions")
        self.source = y
        return "VALID"

    def finish(self) -> None:
        """Bring the result into its own shape."""
        if self.result != self.to:
            reshaped(self.file, self.result, self.to)


def _turned(quant: Quant, axis: int) -> Quant:
    if not isinstance(quant, Affine) or quant.axis is None:
        return quant
    return Affine(quant.scale, quant.zero, axis)


def _weights(file: TfliteWriter, node: Node, w: Tensor, order: Shape, shape: Shape) -> int:
    """Weights in the order of the file.

    Integers in a float layer become floats: not every runtime dequantises by a scale for each output, and
    others would quantise the input, too.
    """
    if w.data is None:
        raise refused(node, "a layer whose weights are computed")
    if affine.scaled(w) and file.tensor(node.inputs[0]).dtype == "float32":
        w = constant(w.name, dequantised(w, w.data, f"layer {node.output}"))
    data = np.ascontiguousarray(np.asarray(w.data).reshape(shape).transpose(order))
    return file.constant(f"{w.name}.file", data, _turned(w.quant, order.index(0)), w.dtype)


def _bias(file: TfliteWriter, node: Node, x: Tensor, w: Tensor) -> list[int]:
    if len(node.inputs) < 3 or not node.inputs[2]:
        return []
    bias = file.tensor(node.inputs[2])
    if bias.data is None:
        raise refused(node, "a layer whose bias is computed")
    quant: Quant = None
    if isinstance(x.quant, Affine) and isinstance(w.quant, Affine):
        # products of float32 numbers, as the runtime checks them
        scale = np.asarray(w.quant.scale, np.float32) * np.float32(x.quant.scale[0])
        quant = Affine(tuple(map(float, scale)), (0,) * len(scale), None if len(scale) == 1 else 0)
    return [file.constant(f"{bias.name}.file", bias.data, quant)]


def _sums(file: TfliteWriter, node: Node) -> tuple[Tensor, Tensor]:
    op: Any = node.op
    x, w = file.tensor(node.inputs[0]), file.tensor(node.inputs[1])
    if op.to and op.to != x.dtype:
        raise refused(node, f"{op.to} from {x.dtype}")
    return x, w


def conv(file: TfliteWriter, node: Node) -> None:
    """Write a convolution."""
    op: Any = node.op
    x, w = _sums(file, node)
    plane = Plane(file, node, len(x.shape) - 2)
    kernel, strides, dilations = (plane.two(v) for v in (w.shape[1:-1], op.strides, op.dilations))
    padding = getattr(file.schema.Padding, plane.padded(node, op.pads, kernel, strides, dilations))
    depthwise = op.groups > 1 and op.groups == x.shape[-1] and w.shape[-1] == 1
    shape = (w.shape[0], *kernel, w.shape[-1])
    weights = _weights(file, node, w, (3, 1, 2, 0) if depthwise else (0, 1, 2, 3), shape)
    given = (plane.source, weights, *_bias(file, node, x, w))
    said = {
        "Padding": padding,
        "StrideH": strides[0],
        "StrideW": strides[1],
        "DilationHFactor": dilations[0],
        "DilationWFactor": dilations[1],
    }
    kind, options = "CONV_2D", "Conv2DOptions"
    if depthwise:
        kind, options = "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"
        said["DepthMultiplier"] = w.shape[0] // x.shape[-1]

    def made(to: int, activation: int) -> None:
        file.add(kind, given, (to,), options, FusedActivationFunction=activation, **said)

    held(file, op, file.tensors[plane.result], made, plane.result)
    plane.finish()


def dense(file: TfliteWriter, node: Node) -> None:
    """Write a dense layer."""
    op: Any = node.op
    x, w = _sums(file, node)
    given = (
        file.place(x.name),
        _weights(file, node, w, (0, 1), (w.shape[0], w.shape[1])),
        *_bias(file, node, x, w),
    )

    def made(to: int, activation: int) -> None:
        file.add(
            "FULLY_CONNECTED",
            given,
            (to,),
            "FullyConnectedOptions",
            FusedActivationFunction=activation,
            KeepNumDims=len(x.shape) != 2,
        )

    held(file, op, file.tensor(node.output), made, file.place(node.output))


_POOLS: Mapping[str, str] = {"average": "AVERAGE_POOL_2D", "max": "MAX_POOL_2D", "l2": "L2_POOL_2D"}


def pool(file: TfliteWriter, node: Node) -> None:
    """Write a pool."""
    op: Any = node.op
    if op.kind not in _POOLS or len(node.outputs) > 1 or any(op.beyond) or any(d != 1 for d in op.dilations):
        raise refused(node, "such a pool")
    if op.count_include_pad and any(map(any, op.pads)):
        raise refused(node, "an average that counts margins")
    x, out = file.tensor(node.inputs[0]), file.tensor(node.output)
    other = (x.dtype, x.quant) != (out.dtype, out.quant)
    if other and (x.dtype != out.dtype or (op.lo, op.hi) != (None, None)):
        raise refused(node, "a pool from one type or scale to another")
    if other and op.kernel == x.shape[1:-1] and not any(map(any, op.pads)):
        # pools keep their scale, means do not
        axes = file.whole(f"{out.name}.axes", list(range(1, len(x.shape) - 1)))
        file.add("MEAN", (file.place(x.name), axes), (file.place(out.name),), "ReducerOptions", KeepDims=True)
        return
    plane = Plane(file, node, len(op.kernel))
    kernel, strides = plane.two(op.kernel), plane.two(op.strides)
    padding = getattr(file.schema.Padding, plane.padded(node, op.pads, kernel, strides, (1, 1)))

    def made(to: int, activation: int) -> None:
        file.add(
            _POOLS[op.kind],
            (plane.source,),
            (to,),
            "Pool2DOptions",
            Padding=padding,
            StrideH=strides[0],
            StrideW=strides[1],
            FilterHeight=kernel[0],
            FilterWidth=kernel[1],
            FusedActivationFunction=activation,
        )

    if other:
        result = file.tensors[plane.result]
        first = file.between(f"{out.name}.first", result.shape, x.dtype, x.quant)
        made(first, 0)
        file.add("QUANTIZE", (first,), (plane.result,))
    else:
        held(file, op, file.tensors[plane.result], made, plane.result)
    plane.finish()
