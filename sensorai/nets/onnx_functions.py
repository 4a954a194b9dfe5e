"""Functions of numbers, pools and sums of axes as operators of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Node
from sensorai.graph.operator import Operator
from sensorai.importers.onnx.pools import beyond_of
from sensorai.nets.onnx_moves import cast
from sensorai.nets.onnx_writer import OnnxWriter
from sensorai.ops.nd import affine
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.det import Det
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.thresholds import Thresholds
from sensorai.ops.nd.unary import Unary

#: Functions by the operators that compute them, with the names of their settings.
_UNARY: Mapping[str, tuple[str, tuple[str, ...]]] = {
    **{
        name: (name.capitalize(), ())
        for name in (
            "abs",
            "neg",
            "floor",
            "ceil",
            "round",
            "sign",
            "reciprocal",
            "sqrt",
            "exp",
            "log",
            "erf",
            "sigmoid",
            "tanh",
            "softplus",
            "softsign",
            "sin",
            "cos",
            "tan",
            "asin",
            "acos",
            "atan",
            "sinh",
            "cosh",
            "asinh",
            "acosh",
            "atanh",
            "mish",
            "not",
            "gelu",
        )
    },
    "bitwise_not": ("BitwiseNot", ()),
    "celu": ("Celu", ("alpha",)),
    "elu": ("Elu", ("alpha",)),
    "hard_sigmoid": ("HardSigmoid", ("alpha", "beta")),
    "hard_swish": ("HardSwish", ()),
    "is_inf": ("IsInf", ()),
    "is_nan": ("IsNaN", ()),
    "leaky_relu": ("LeakyRelu", ("alpha",)),
    "selu": ("Selu", ("alpha", "gamma")),
    "shrink": ("Shrink", ("lambd", "bias")),
    "thresholded_relu": ("ThresholdedRelu", ("alpha",)),
}
_BINARY = {
    "add": "Add",
    "div": "Div",
    "equal": "Equal",
    "fmod": "Mod",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "max": "Max",
    "min": "Min",
    "mod": "Mod",
    "mul": "Mul",
    "pow": "Pow",
    "prelu": "PRelu",
    "shift_left": "BitShift",
    "shift_right": "BitShift",
    "sub": "Sub",
}
_REDUCE = {
    "l1": "ReduceL1",
    "l2": "ReduceL2",
    "log_sum": "ReduceLogSum",
    "log_sum_exp": "ReduceLogSumExp",
    "max": "ReduceMax",
    "mean": "ReduceMean",
    "min": "ReduceMin",
    "prod": "ReduceProd",
    "sum": "ReduceSum",
    "sum_square": "ReduceSumSquare",
}


def _unary(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    if op.function == "clip":
        ends = [None if np.isinf(v) else v for v in op.settings]
        _clamped(file, node, Clip(*ends))
        return
    x = file.real(node.inputs[0])
    if op.function in _UNARY:
        kind, names = _UNARY[op.function]
        said = {name: float(v) for name, v in zip(names, op.settings, strict=False)}
        file.finish(lambda name: file.add(kind, [x], name, **said), node)
    elif op.function == "gelu_tanh":
        file.finish(lambda name: file.add("Gelu", [x], name, approximate="tanh"), node)
    else:
        file.finish(lambda name: _made(file, op, x, name), node)


def _made(file: OnnxWriter, op: Any, x: str, name: str) -> str:
    """Functions that are made of others."""

    def step(kind: str, *inputs: str) -> str:
        return file.add(kind, inputs, file.fresh(f"{name}.{kind}"))

    if op.function == "square":
        return file.add("Mul", [x, x], name)
    if op.function == "rsqrt":
        return file.add("Reciprocal", [step("Sqrt", x)], name)
    if op.function == "trunc":
        return file.add("Mul", [step("Sign", x), step("Floor", step("Abs", x))], name)
    if op.function == "swish":
        alpha = op.settings[0]
        factor = file.constant(f"{name}.alpha", np.asarray(alpha, np.float32))
        inner = x if alpha == 1.0 else step("Mul", x, factor)
        return file.add("Mul", [x, step("Sigmoid", inner)], name)
    raise ConfigError(f"the function {op.function} is not written as ONNX")


def _binary(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x = file.tensor(node.inputs[0])
    given = [file.real(n) for n in node.inputs[:2]]
    floats = file.tensor(node.inputs[0]).dtype.startswith("float") or affine.scaled(x)
    made: Callable[[str], str]
    if op.function in ("and", "or", "xor"):
        kind = op.function.capitalize() if x.dtype == "bool" else f"Bitwise{op.function.capitalize()}"
        made = lambda n: file.add(kind, given, n)  # noqa: E731
    elif op.function == "not_equal":
        made = lambda n: file.add(  # noqa: E731
            "Not", [file.add("Equal", given, file.fresh(f"{n}.equal"))], n
        )
    elif op.function == "squared_difference":

        def made(n: str) -> str:
            gap = file.add("Sub", given, file.fresh(f"{n}.gap"))
            return file.add("Mul", [gap, gap], n)

    elif op.function == "floor_div" and floats:
        made = lambda n: file.add(  # noqa: E731
            "Floor", [file.add("Div", given, file.fresh(f"{n}.quotient"))], n
        )
    else:
        said = _said(op.function, x.dtype, floats)
        made = lambda n: file.add(_BINARY[op.function], given, n, **said)  # noqa: E731
    file.finish(lambda name: file.held(op, made, name), node)


def _said(function: str, dtype: str, floats: bool) -> dict[str, Any]:
    """Attributes of a function of two numbers; a ConfigError where ONNX does not have it for a type."""
    unwritten = function not in _BINARY or (function == "mod" and floats)
    if unwritten or (function.startswith("shift") and not dtype.startswith("uint")):
        raise ConfigError(f"the function {function} of {dtype} is not written as ONNX")
    if function.startswith("shift"):
        return {"direction": function.removeprefix("shift_").upper()}
    return {"fmod": 1} if function == "fmod" else {}


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
    kind, x = "LogSoftmax" if op.log else "Softmax", file.real(node.inputs[0])
    if op.beta != 1.0:
        beta = file.constant(f"{node.output}.beta", np.asarray(op.beta, np.float32))
        x = file.add("Mul", [x, beta], file.fresh(f"{node.output}.x"))
    file.finish(lambda name: file.add(kind, [x], name, axis=op.axis), node)


def _quantize(file: OnnxWriter, node: Node) -> None:
    out = file.tensor(node.output)
    if file.tensor(node.inputs[0]).dtype == "float16":
        raise ConfigError("float16 is not written as ONNX")
    file.quantised(file.real(node.inputs[0]), out)


def _dequantize(file: OnnxWriter, node: Node) -> None:
    file.dequantised(node.inputs[0], file.tensor(node.inputs[0]).quant, node.output)


def _pool(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    kinds = {
        "max": "MaxPool",
        "average": "AveragePool",
        "lp1": "LpPool",
        "lp2": "LpPool",
        "l2": "AveragePool",
    }
    kind, x, axes = kinds[op.kind], file.tensor(node.inputs[0]), len(op.kernel)
    rank = len(x.shape)
    pads, dilations = op.pads or ((0, 0),) * axes, op.dilations or (1,) * axes
    said: dict[str, Any] = {
        "kernel_shape": list(op.kernel),
        "strides": list(op.strides or (1,) * axes),
        "pads": [p[0] for p in pads] + [p[1] for p in pads],
    }
    if any(op.beyond):
        strides = tuple(said["strides"])
        if op.beyond != beyond_of(x.shape[1:-1], op.kernel, strides, dilations, pads):
            raise ConfigError(f"places up to {op.beyond} behind its margins are not written as ONNX")
        said["ceil_mode"] = 1
    said |= {"dilations": list(dilations)} if any(d != 1 for d in dilations) else {}
    said |= {"count_include_pad": int(op.count_include_pad)} if kind == "AveragePool" else {}
    said |= {"p": int(op.kind[2])} if kind == "LpPool" else {}
    said |= {"storage_order": 1} if op.indices == "column" else {}
    plain = op.kind == "max" and (op.lo, op.hi) == (None, None) and not x.dtype.startswith("float")
    # pools of ONNX take integers of 8 bits alone; of others what they mean is compared
    plain = plain and (x.dtype in ("int8", "uint8") or not affine.scaled(x))
    inner = x.name if plain else file.real(x.name)
    if op.kind == "l2":
        inner = file.add("Mul", [inner, inner], file.fresh(f"{node.output}.square"))
    inner = file.turned(inner, (0, rank - 1, *range(1, rank - 1)), file.fresh(f"{node.output}.x"))
    places = [file.fresh(f"{name}.first") for name in node.outputs[1:2]]

    def pooled(name: str) -> str:
        if op.kind != "l2":
            return file.add_all(kind, [inner], [name, *places], **said)
        return file.add("Sqrt", [file.add(kind, [inner], file.fresh(f"{name}.mean"), **said)], name)

    y, back = file.held(op, pooled, file.fresh(f"{node.output}.first")), (0, *range(2, rank), 1)
    if plain:
        file.turned(y, back, node.output)
    else:
        file.finish(lambda name: file.turned(y, back, name), node)
    for inner, name in zip(places, node.outputs[1:], strict=False):
        file.turned(inner, back, name)


def _reduce(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x, rank = file.real(node.inputs[0]), len(file.tensor(node.inputs[0]).shape)
    if op.function in ("any", "all"):
        whole = cast(file, x, "int32", file.fresh(f"{node.output}.x"))
        kind = "ReduceMax" if op.function == "any" else "ReduceMin"
        made = file.reduced(kind, whole, op.axes, file.fresh(f"{node.output}.y"), keep=op.keep)
        cast(file, made, "bool", node.output)
    elif not op.axes and rank:
        raise ConfigError("nothing is taken together")
    else:
        kind = _REDUCE[op.function]
        file.finish(lambda name: file.reduced(kind, x, op.axes, name, keep=op.keep), node)


def _det(file: OnnxWriter, node: Node) -> None:
    file.add("Det", node.inputs, node.output)


def _thresholds(file: OnnxWriter, node: Node) -> None:
    op: Any = node.op
    x, rows = (file.tensor(n) for n in node.inputs[:2])
    lifted = file.reshaped(x.name, (*x.shape, 1), file.fresh(f"{node.output}.x"))
    there = file.add("GreaterOrEqual", [lifted, rows.name], file.fresh(f"{node.output}.there"))
    one = cast(file, there, "float32", file.fresh(f"{node.output}.one"))
    made = file.reduced("ReduceSum", one, (len(x.shape),), file.fresh(f"{node.output}.count"), keep=False)
    for kind, value, name in (
        ("Mul", op.scale, file.fresh(f"{node.output}.by")),
        ("Add", op.bias, node.output),
    ):
        made = file.add(kind, [made, file.constant(f"{name}.number", np.asarray(value, np.float32))], name)


WRITERS: Mapping[type[Operator], Callable[[OnnxWriter, Node], None]] = {
    Binary: _binary,
    Clip: _clip,
    Dequantize: _dequantize,
    Det: _det,
    Pool: _pool,
    Quantize: _quantize,
    Reduce: _reduce,
    Softmax: _softmax,
    Thresholds: _thresholds,
    Unary: _unary,
}
