"""Layers as operators of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Node
from sensorai.graph.operator import Operator
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
from sensorai.nets.onnx_recurrent import write_recurrent
from sensorai.nets.onnx_writer import OnnxWriter
from sensorai.ops.nd import affine
from sensorai.ops.nd.batch_norm import BatchNorm
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.slices import Slice
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary

#: Functions by the operators that compute them.
_UNARY = {
    "abs": "Abs",
    "ceil": "Ceil",
    "elu": "Elu",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "hard_sigmoid": "HardSigmoid",
    "hard_swish": "HardSwish",
    "leaky_relu": "LeakyRelu",
    "log": "Log",
    "neg": "Neg",
    "reciprocal": "Reciprocal",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "sqrt": "Sqrt",
    "tanh": "Tanh",
}
_BINARY = {
    "add": "Add",
    "div": "Div",
    "max": "Max",
    "min": "Min",
    "mul": "Mul",
    "pow": "Pow",
    "prelu": "PRelu",
    "sub": "Sub",
}
_REDUCE = {"max": "ReduceMax", "mean": "ReduceMean", "min": "ReduceMin", "sum": "ReduceSum"}


def _bias(file: OnnxWriter, node: Node) -> list[str]:
    """Bias as real numbers: integers have the scale of the sums."""
    if len(node.inputs) < 3 or not node.inputs[2]:
        return []
    bias, x, w = (file.tensor(node.inputs[k]) for k in (2, 0, 1))
    if bias.dtype == "float32":
        return [bias.name]
    if not isinstance(x.quant, Affine) or not isinstance(w.quant, Affine):
        raise ConfigError(f"layer {node.output}: the scale of its bias is not known")
    scale = np.broadcast_to(np.asarray(w.quant.scale) * x.quant.scale[0], bias.shape)
    name = bias.name
    if bias.dtype == "int64":
        if bias.data is None or np.abs(bias.data).max(initial=0) >= 2**31:
            raise ConfigError(f"layer {node.output}: its bias of int64 is not written as ONNX")
        name = file.integers(f"{name}.narrow", bias.data.astype(np.int32))
    quant = Affine(tuple(map(float, scale)), (0,) * len(scale), 0)
    return [file.dequantised(name, quant, file.fresh(f"{bias.name}.real"))]


def _conv(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x, w = (file.tensor(n) for n in node.inputs[:2])
    rank = len(x.shape)
    last, first = (0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)
    axes = rank - 2
    _sums_only(op, node)
    strides, dilations = op.strides or (1,) * axes, op.dilations or (1,) * axes
    pads = op.pads or ((0, 0),) * axes
    inner = file.turned(file.real(x.name), last, file.fresh(f"{node.output}.x"))
    if w.data is not None:
        weights = _weights_first(file, w, last)
    else:
        weights = file.turned(file.real(w.name), last, file.fresh(f"{w.name}.first"))
    given = [inner, weights, *_bias(file, node)]
    said = {
        "kernel_shape": list(w.shape[1:-1]),
        "strides": list(strides),
        "dilations": list(dilations),
        "pads": [p[0] for p in pads] + [p[1] for p in pads],
        "group": op.groups,
    }
    made = file.held(
        op, lambda name: file.add("Conv", given, name, **said), file.fresh(f"{node.output}.first")
    )
    file.finish(lambda name: file.turned(made, first, name), node)


def _weights_first(file: OnnxWriter, w: Tensor, perm: Sequence[int]) -> str:
    """Constant weights with their channels before their kernel."""
    if w.data is None:
        raise ConfigError(f"weights {w.name} are not known")
    data = np.ascontiguousarray(w.data.transpose(perm))
    if not affine.scaled(w):
        return file.constant(f"{w.name}.first", data)
    return file.real(file.integers(f"{w.name}.first", data, w))


def _sums_only(op: Any, node: Node) -> None:
    if op.to == "int32":
        raise ConfigError(f"layer {node.output} ({op.NAME}): sums as they are are not written as ONNX")


def _dense(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x, w = (file.tensor(n) for n in node.inputs[:2])
    _sums_only(op, node)
    given, bias = [file.real(x.name), file.real(w.name)], _bias(file, node)

    def made(name: str) -> str:
        if len(x.shape) == 2:
            return file.add("Gemm", [*given, *bias], name, transB=1)
        turned = file.turned(given[1], (1, 0), file.fresh(f"{name}.w"))
        if not bias:
            return file.add("MatMul", [given[0], turned], name)
        product = file.add("MatMul", [given[0], turned], file.fresh(f"{name}.sums"))
        return file.add("Add", [product, *bias], name)

    file.finish(lambda name: file.held(op, made, name), node)


def _matmul(file: OnnxWriter, node: Node) -> None:
    _sums_only(node.op, node)
    file.finish(lambda name: file.add("MatMul", [file.real(n) for n in node.inputs[:2]], name), node)


def _unary(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    if op.function == "clip":
        ends = [None if np.isinf(v) else v for v in op.settings]
        _clamped(file, node, Clip(*ends))
        return
    if op.function not in _UNARY:
        raise ConfigError(f"layer {node.output}: the function {op.function} is not written as ONNX")
    said = {"elu": ("alpha",), "leaky_relu": ("alpha",), "hard_sigmoid": ("alpha", "beta")}.get(
        op.function, ()
    )
    settings = {name: float(v) for name, v in zip(said, op.settings, strict=False)}
    file.finish(
        lambda name: file.add(_UNARY[op.function], [file.real(node.inputs[0])], name, **settings), node
    )


def _binary(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    if op.function not in _BINARY:
        raise ConfigError(f"layer {node.output}: the function {op.function} is not written as ONNX")
    given = [file.real(n) for n in node.inputs[:2]]
    file.finish(lambda name: file.held(op, lambda n: file.add(_BINARY[op.function], given, n), name), node)


def _clip(file: OnnxWriter, node: Node) -> None:
    _clamped(file, node, node.op)


def _clamped(file: OnnxWriter, node: Node, op: Any) -> None:
    x = file.real(node.inputs[0])
    if op.lo is None and op.hi is None:
        file.finish(lambda name: file.add("Identity", [x], name), node)
    else:
        file.finish(lambda name: file.held(op, lambda _: x, name), node)


def _softmax(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    if op.beta != 1.0:
        raise ConfigError(f"layer {node.output}: this softmax is not written as ONNX")
    kind = "LogSoftmax" if op.log else "Softmax"
    file.finish(lambda name: file.add(kind, [file.real(node.inputs[0])], name, axis=op.axis), node)


def _norm(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    rank = len(file.tensor(node.inputs[0]).shape)
    before = [k for k in range(rank) if k != op.axis]
    perm = [*before[:1], op.axis, *before[1:]] if rank > 1 else [0]
    x = file.turned(node.inputs[0], perm, file.fresh(f"{node.output}.x"))
    y = file.fresh(f"{node.output}.y")
    file.add("BatchNormalization", [x, *node.inputs[1:5]], y, epsilon=op.epsilon)
    file.turned(y, [int(k) for k in np.argsort(perm)], node.output)


def _quantize(file: OnnxWriter, node: Node) -> None:
    out = file.tensor(node.output)
    if file.tensor(node.inputs[0]).dtype == "float16":
        raise ConfigError(f"layer {node.output}: float16 is not written as ONNX")
    file.quantised(file.real(node.inputs[0]), out)


def _dequantize(file: OnnxWriter, node: Node) -> None:
    file.dequantised(node.inputs[0], file.tensor(node.inputs[0]).quant, node.output)


def _transpose(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    file.turned(node.inputs[0], op.perm, node.output)


def _reshape(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    shape = file.constant(f"{node.output}.shape", np.asarray(op.to, np.int64))
    file.add("Reshape", [node.inputs[0], shape], node.output)


def _concat(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    file.add("Concat", node.inputs, node.output, axis=op.axis)


def _slice(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    beyond = [-(2**31) if s < 0 and t < 0 else t for s, t in zip(op.steps, op.stops, strict=True)]
    columns = (op.starts, beyond, range(len(op.starts)), op.steps)
    given = [file.constant(f"{node.output}.slice", np.asarray(list(c), np.int64)) for c in columns]
    file.add("Slice", [node.inputs[0], *given], node.output)


def _pad(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    if op.mode not in ("constant", "reflect", "edge"):
        raise ConfigError(f"layer {node.output}: margins of mode {op.mode} are not written as ONNX")
    pads = np.asarray([p[0] for p in op.pads] + [p[1] for p in op.pads], np.int64)
    given = [node.inputs[0], file.constant(f"{node.output}.pads", pads)]
    if op.mode == "constant":
        kind = np.dtype(file.tensor(node.output).dtype)
        given.append(file.constant(f"{node.output}.value", np.asarray(op.value, kind)))
    file.add("Pad", given, node.output, mode=op.mode)


def _pool(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    kinds = {"max": "MaxPool", "average": "AveragePool"}
    beyond = any(getattr(op, "beyond", ()))
    if op.kind not in kinds or len(node.outputs) > 1 or beyond:
        raise ConfigError(f"layer {node.output}: this pool is not written as ONNX")
    x, axes = file.tensor(node.inputs[0]), len(op.kernel)
    rank = len(x.shape)
    pads, dilations = op.pads or ((0, 0),) * axes, op.dilations or (1,) * axes
    said: dict[str, Any] = {
        "kernel_shape": list(op.kernel),
        "strides": list(op.strides or (1,) * axes),
        "pads": [p[0] for p in pads] + [p[1] for p in pads],
    }
    if any(d != 1 for d in dilations):
        if op.kind != "max":
            raise ConfigError(f"layer {node.output}: averages with dilations are not written as ONNX")
        said["dilations"] = list(dilations)
    if op.kind == "average":
        said["count_include_pad"] = int(op.count_include_pad)
    plain = op.kind == "max" and (op.lo, op.hi) == (None, None) and x.dtype in ("int8", "uint8")
    source = x.name if plain else file.real(x.name)
    inner = file.turned(source, (0, rank - 1, *range(1, rank - 1)), file.fresh(f"{node.output}.x"))
    y = file.held(
        op, lambda name: file.add(kinds[op.kind], [inner], name, **said), file.fresh(f"{node.output}.first")
    )
    back = (0, *range(2, rank), 1)
    if plain:
        file.turned(y, back, node.output)
    else:
        file.finish(lambda name: file.turned(y, back, name), node)


def _reduce(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    if op.function not in _REDUCE:
        raise ConfigError(f"layer {node.output}: the function {op.function} is not written as ONNX")
    x, said = file.real(node.inputs[0]), {"keepdims": int(op.keep)}

    def made(name: str) -> str:
        if op.function == "sum":
            axes = file.constant(f"{name}.axes", np.asarray(op.axes, np.int64))
            return file.add("ReduceSum", [x, axes], name, **said)
        return file.add(_REDUCE[op.function], [x], name, axes=list(op.axes), **said)

    file.finish(made, node)


_WRITERS: Mapping[type[Operator], Callable[[OnnxWriter, Node], None]] = {
    BatchNorm: _norm,
    Binary: _binary,
    Clip: _clip,
    Concat: _concat,
    Conv: _conv,
    Dequantize: _dequantize,
    FullyConnected: _dense,
    MatMul: _matmul,
    Pad: _pad,
    Pool: _pool,
    Quantize: _quantize,
    Reduce: _reduce,
    Reshape: _reshape,
    Slice: _slice,
    Softmax: _softmax,
    Transpose: _transpose,
    Unary: _unary,
}


def write_layer(file: OnnxWriter, node: Node) -> None:
    """Write a layer; a ConfigError where it has no counterpart that is known."""
    if isinstance(node.op, Recurrent):
        write_recurrent(file, node)
        return
    if type(node.op) not in _WRITERS:
        raise ConfigError(f"layer {node.output} ({node.op.NAME}) is not written as ONNX")
    _WRITERS[type(node.op)](file, node)
