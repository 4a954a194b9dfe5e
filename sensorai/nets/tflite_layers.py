"""Layers as operators of TensorFlow Lite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sensorai.graph.graph import Node
from sensorai.graph.operator import Operator
from sensorai.graph.quant import Affine
from sensorai.nets.tflite_products import clamp, conv, dense, ends_of, held, pool, refused, reshaped
from sensorai.nets.tflite_writer import TfliteWriter
from sensorai.ops.nd import affine
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.slices import Slice
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary

#: Functions by the operators that compute them, and the class of their options.
_UNARY: Mapping[str, str] = {
    "abs": "ABS",
    "ceil": "CEIL",
    "cos": "COS",
    "elu": "ELU",
    "exp": "EXP",
    "floor": "FLOOR",
    "hard_swish": "HARD_SWISH",
    "leaky_relu": "LEAKY_RELU",
    "log": "LOG",
    "neg": "NEG",
    "rsqrt": "RSQRT",
    "sigmoid": "LOGISTIC",
    "sin": "SIN",
    "sqrt": "SQRT",
    "square": "SQUARE",
    "tanh": "TANH",
}
_BINARY: Mapping[str, tuple[str, str]] = {
    "add": ("ADD", "AddOptions"),
    "div": ("DIV", "DivOptions"),
    "max": ("MAXIMUM", "MaximumMinimumOptions"),
    "min": ("MINIMUM", "MaximumMinimumOptions"),
    "mul": ("MUL", "MulOptions"),
    "prelu": ("PRELU", ""),
    "squared_difference": ("SQUARED_DIFFERENCE", "SquaredDifferenceOptions"),
    "sub": ("SUB", "SubOptions"),
}
#: Scales and zero points that functions with ends of their own must have, by the types that go in and out.
_ENDED: Mapping[str, Mapping[tuple[str, str], tuple[float, int]]] = {
    Softmax.NAME: {
        ("int8", "int8"): (1 / 256, -128),
        ("int8", "int16"): (1 / 65536, -32768),
        ("int16", "int16"): (1 / 32768, 0),
    },
    "sigmoid": {
        ("int8", "int8"): (1 / 256, -128),
        ("uint8", "uint8"): (1 / 256, 0),
        ("int16", "int16"): (1 / 32768, 0),
    },
    "tanh": {
        ("int8", "int8"): (1 / 128, 0),
        ("uint8", "uint8"): (1 / 128, 128),
        ("int16", "int16"): (1 / 32768, 0),
    },
}
#: Functions of int16 numbers that there are.
_WIDE = ("abs", "leaky_relu", "sigmoid", "tanh")
#: Types that arithmetic of TensorFlow Lite takes with a scale alone.
_SMALL = ("int8", "uint8", "int16")
_REDUCE: Mapping[str, str] = {"max": "REDUCE_MAX", "mean": "MEAN", "min": "REDUCE_MIN", "sum": "SUM"}
_CLIPS = {(0.0, None): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}


def _ends(file: TfliteWriter, node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return tuple(file.place(n) for n in node.inputs if n), tuple(file.place(n) for n in node.outputs)


def _fits(file: TfliteWriter, node: Node, function: str) -> None:
    """Raise a ConfigError where a function of integers has other scales in TensorFlow Lite."""
    x, out = file.tensor(node.inputs[0]), file.tensor(node.output)
    if not affine.scaled(out) or function not in _ENDED:
        return
    wanted = _ENDED[function].get((x.dtype, out.dtype))
    quant = out.quant
    if wanted is None or not isinstance(quant, Affine) or (quant.scale[0], quant.zero[0]) != wanted:
        raise refused(node, f"a {function} from {x.dtype} to {out.dtype} with this scale")


def _unary(file: TfliteWriter, node: Node) -> None:
    op: Any = node.op
    if op.function == "clip":
        ends = [None if v is None or np.isinf(v) else float(v) for v in op.settings]
        _clamped(file, node, Clip(*ends))
        return
    x, out = file.tensor(node.inputs[0]), file.tensor(node.output)
    if op.function not in _UNARY or x.dtype != out.dtype:
        raise refused(node, f"the function {op.function}")
    if x.dtype == "int16" and affine.scaled(x) and op.function not in _WIDE:
        raise refused(node, f"the function {op.function} of int16")
    if op.rounding == "even":
        _fits(file, node, op.function)
    if op.function == "leaky_relu":
        file.add(_UNARY[op.function], *_ends(file, node), "LeakyReluOptions", Alpha=float(op.settings[0]))
    elif op.function == "elu" and op.settings and op.settings[0] != 1.0:
        raise refused(node, f"an elu of {op.settings[0]}")
    else:
        file.add(_UNARY[op.function], *_ends(file, node))


def _binary(file: TfliteWriter, node: Node) -> None:
    op: Any = node.op
    out = file.tensor(node.output)
    if op.function not in _BINARY:
        raise refused(node, f"the function {op.function}")
    if {file.tensor(n).dtype for n in node.inputs} != {out.dtype}:
        raise refused(node, "numbers of several types")
    if out.dtype in _SMALL and not affine.scaled(out):
        raise refused(node, f"{out.dtype} without a scale")
    kind, options = _BINARY[op.function]
    given = tuple(file.place(n) for n in node.inputs)
    fused = kind in ("ADD", "DIV", "MUL", "SUB")

    def made(to: int, activation: int) -> None:
        said = {"FusedActivationFunction": activation} if fused else {}
        if kind in ("ADD", "SUB") and out.dtype == "int16":
            said["PotScaleInt16"] = False
        file.add(kind, given, (to,), options, **said)

    if not affine.scaled(out) and out.dtype != "float32" and (op.lo, op.hi) != (None, None):
        raise refused(node, f"{out.dtype} with ends")
    if fused:
        held(file, op, out, made, file.place(node.output))
    elif ends_of(out, op.lo, op.hi) != (None, None):
        raise refused(node, f"{op.function} with ends")
    else:
        made(file.place(node.output), 0)


def _clip(file: TfliteWriter, node: Node) -> None:
    _clamped(file, node, node.op)


def _clamped(file: TfliteWriter, node: Node, op: Any) -> None:
    x, out = file.tensor(node.inputs[0]), file.tensor(node.output)
    if (op.lo, op.hi) in _CLIPS and x.dtype == out.dtype:
        file.add(_CLIPS[op.lo, op.hi], *_ends(file, node))
        return
    if (x.dtype, x.quant) != (out.dtype, out.quant):
        raise refused(node, "a clamp from one scale to another")
    ends = ends_of(out, op.lo, op.hi)
    if ends == (None, None):
        reshaped(file, file.place(x.name), file.place(out.name))
    else:
        clamp(file, out, ends, file.place(x.name), file.place(out.name))


def _softmax(file: TfliteWriter, node: Node) -> None:
    op: Any = node.op
    if op.axis != len(file.tensor(node.inputs[0]).shape) - 1:
        raise refused(node, "a softmax along another axis than the last")
    if op.log and affine.scaled(file.tensor(node.inputs[0])):
        raise refused(node, "a logarithm of softmax of integers")
    _fits(file, node, Softmax.NAME)
    if op.log and op.beta != 1.0:
        raise refused(node, f"a logarithm of softmax with beta {op.beta}")
    if op.log:
        file.add("LOG_SOFTMAX", *_ends(file, node))
    else:
        file.add("SOFTMAX", *_ends(file, node), "SoftmaxOptions", Beta=float(op.beta))


def _quantize(file: TfliteWriter, node: Node) -> None:
    _one_scale(file, node, "QUANTIZE")


def _dequantize(file: TfliteWriter, node: Node) -> None:
    _one_scale(file, node, "DEQUANTIZE")


def _one_scale(file: TfliteWriter, node: Node, kind: str) -> None:
    quants = [file.tensor(n).quant for n in (node.inputs[0], node.output)]
    if any(isinstance(q, Affine) and q.axis is not None for q in quants):
        raise refused(node, "a scale for each index of an axis")
    file.add(kind, *_ends(file, node))


def _transpose(file: TfliteWriter, node: Node) -> None:
    op: Any = node.op
    perm = file.whole(f"{node.output}.perm", op.perm)
    file.add("TRANSPOSE", (file.place(node.inputs[0]), perm), (file.place(node.output),))


def _reshape(file: TfliteWriter, node: Node) -> None:
    reshaped(file, file.place(node.inputs[0]), file.place(node.output))


def _concat(file: TfliteWriter, node: Node) -> None:
    op: Any = node.op
    file.add("CONCATENATION", *_ends(file, node), "ConcatenationOptions", Axis=op.axis)


def _slice(file: TfliteWriter, node: Node) -> None:
    op: Any = node.op
    # before the first place there is no number to say
    mask = sum(1 << k for k, (s, t) in enumerate(zip(op.steps, op.stops, strict=True)) if s < 0 and t < 0)
    stops = [0 if mask >> k & 1 else t for k, t in enumerate(op.stops)]
    given = [file.whole(f"{node.output}.slice", list(v)) for v in (op.starts, stops, op.steps)]
    ends = (file.place(node.inputs[0]), *given), (file.place(node.output),)
    file.add("STRIDED_SLICE", *ends, "StridedSliceOptions", EndMask=mask)


def _pad(file: TfliteWriter, node: Node) -> None:
    op: Any = node.op
    x = file.tensor(node.inputs[0])
    given = [file.place(x.name), file.whole(f"{node.output}.pads", op.pads)]
    to = (file.place(node.output),)
    zero = x.quant.zero[0] if isinstance(x.quant, Affine) else 0
    if op.mode in ("reflect", "symmetric"):
        if any(max(p) > n - (op.mode == "reflect") for p, n in zip(op.pads, x.shape, strict=True)):
            raise refused(node, "a margin that mirrors more than there is")
        file.add("MIRROR_PAD", given, to, "MirrorPadOptions", Mode=int(op.mode == "symmetric"))
    elif op.mode != "constant":
        raise refused(node, f"margins of mode {op.mode}")
    elif op.value == zero:
        file.add("PAD", given, to, "PadOptions")
    else:
        value = np.asarray([op.value], np.dtype(x.dtype))
        file.add("PADV2", [*given, file.constant(f"{node.output}.value", value, x.quant)], to, "PadV2Options")


def _reduce(file: TfliteWriter, node: Node) -> None:
    op: Any = node.op
    if op.function not in _REDUCE:
        raise refused(node, f"the function {op.function}")
    x, out = file.tensor(node.inputs[0]), file.tensor(node.output)
    if x.dtype != out.dtype or (op.function in ("max", "min") and x.quant != out.quant):
        raise refused(node, f"the function {op.function} from one scale to another")
    axes = file.whole(f"{node.output}.axes", op.axes)
    ends = (file.place(node.inputs[0]), axes), (file.place(node.output),)
    file.add(_REDUCE[op.function], *ends, "ReducerOptions", KeepDims=bool(op.keep))


def _matmul(file: TfliteWriter, node: Node) -> None:
    op: Any = node.op
    ins = [file.tensor(n) for n in node.inputs]
    plain = len(ins) == 2 and {len(t.shape) for t in ins} == {len(file.tensor(node.output).shape)}
    out = file.tensor(node.output)
    scaled = [affine.scaled(t) for t in (*ins, out)]
    whole = all(scaled) and out.dtype in ("int8", "int16") and {t.dtype for t in ins} == {out.dtype}
    if not plain or (any(scaled) and not whole) or (op.to and not whole):
        raise refused(node, "such a product")
    file.add("BATCH_MATMUL", *_ends(file, node), "BatchMatMulOptions")


_WRITERS: Mapping[type[Operator], Callable[[TfliteWriter, Node], None]] = {
    Binary: _binary,
    Clip: _clip,
    Concat: _concat,
    Conv: conv,
    Dequantize: _dequantize,
    FullyConnected: dense,
    MatMul: _matmul,
    Pad: _pad,
    Pool: pool,
    Quantize: _quantize,
    Reduce: _reduce,
    Reshape: _reshape,
    Slice: _slice,
    Softmax: _softmax,
    Transpose: _transpose,
    Unary: _unary,
}


def write_layer(file: TfliteWriter, node: Node) -> None:
    """Write a layer; a ConfigError where it has no counterpart that is known."""
    if type(node.op) not in _WRITERS:
        raise refused(node)
    _WRITERS[type(node.op)](file, node)
