"""Rules of functions in place of layers: ``keras.ops`` and operators of Python on tensors.

Keras 3 lists them as layers of ``keras.src.ops`` with their arguments in the call, Keras 2 as ``TFOpLambda``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.keras.activation import activated
from sensorai.importers.keras.rules import KerasLayer, Rule
from sensorai.importers.moves import Along, sliced
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary

#: Where Keras 3 has functions.
MODULES = ("keras.src.ops", "keras.ops")
#: Marks constants in places of tensors.
CONSTANT = "_CONSTANT_VALUE"

#: Functions of two tensors, those of one, and reductions: by their names in Keras 3 and in TensorFlow.
_PAIRS: Mapping[str, str] = {
    "Add": "add",
    "Subtract": "sub",
    "Multiply": "mul",
    "TrueDivide": "div",
    "Divide": "div",
    "Maximum": "max",
    "Minimum": "min",
    "Power": "pow",
    "__operators__.add": "add",
    "__operators__.sub": "sub",
    "__operators__.mul": "mul",
    "__operators__.truediv": "div",
    "__operators__.pow": "pow",
    "math.add": "add",
    "math.subtract": "sub",
    "math.multiply": "mul",
    "math.truediv": "div",
    "math.divide": "div",
    "math.maximum": "max",
    "math.minimum": "min",
    "math.pow": "pow",
}
_ONES: Mapping[str, str] = {
    "Absolute": "abs",
    "Abs": "abs",
    "Ceil": "ceil",
    "Cos": "cos",
    "Exp": "exp",
    "Floor": "floor",
    "Log": "log",
    "Negative": "neg",
    "Reciprocal": "reciprocal",
    "Round": "round",
    "Rsqrt": "rsqrt",
    "Sign": "sign",
    "Sin": "sin",
    "Sqrt": "sqrt",
    "Square": "square",
    "math.abs": "abs",
    "math.ceil": "ceil",
    "math.cos": "cos",
    "math.exp": "exp",
    "math.floor": "floor",
    "math.log": "log",
    "math.negative": "neg",
    "math.round": "round",
    "math.rsqrt": "rsqrt",
    "math.sign": "sign",
    "math.sin": "sin",
    "math.sqrt": "sqrt",
    "math.square": "square",
}
_SUMS: Mapping[str, str] = {
    "Max": "max",
    "Mean": "mean",
    "Min": "min",
    "Prod": "prod",
    "Sum": "sum",
    "math.reduce_max": "max",
    "math.reduce_mean": "mean",
    "math.reduce_min": "min",
    "math.reduce_prod": "prod",
    "math.reduce_sum": "sum",
}
#: Activations, by the names that layers have for them.
_ACTIVATIONS: Mapping[str, str] = {
    "Celu": "celu",
    "Elu": "elu",
    "Gelu": "gelu",
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "LeakyRelu": "leaky_relu",
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Tanh": "tanh",
    "nn.elu": "elu",
    "nn.gelu": "gelu",
    "nn.relu": "relu",
    "nn.relu6": "relu6",
    "nn.selu": "selu",
    "nn.silu": "silu",
    "nn.softmax": "softmax",
    "nn.softplus": "softplus",
    "math.sigmoid": "sigmoid",
    "math.softplus": "softplus",
    "math.tanh": "tanh",
}


@dataclass(frozen=True, slots=True)
class _Call:
    """A function with its arguments.

    Attributes
    ----------
    layer : KerasLayer
    function : str
    args : sequence
        Tensors, lists of tensors, and values.
    named : mapping
        Settings and named arguments.
    """

    layer: KerasLayer
    function: str
    args: Sequence[Any]
    named: Mapping[str, Any]

    def value(self, place: int, *names: str, default: Any = None) -> Any:
        """Argument by its place or one of its names."""
        if place < len(self.args):
            return self.args[place]
        return next((self.named[n] for n in names if self.named.get(n) is not None), default)

    def tensor(self, place: int, *names: str) -> Tensor:
        """Argument that is a tensor, or a number that becomes one."""
        found = self.value(place, *names)
        if isinstance(found, Tensor):
            return found
        return self.layer.net.constant(f"{self.layer.name}.{place}", self._array(found))

    def _array(self, found: Any) -> Any:
        try:
            values = np.asarray(found, np.float32)
        except (TypeError, ValueError):
            values = np.zeros(0, np.float32)
        if found is None or values.size == 0:
            raise ConfigError(f"{self.layer.where}: its argument {str(found)[:60]!r} is not supported")
        return values

    def axes(self, value: Any, rank: int) -> tuple[int, ...]:
        """Axes from 0; all for nothing."""
        many = range(rank) if value is None else value if isinstance(value, list | tuple) else [value]
        if any(type(a) is not int or not -rank <= a < rank for a in many):
            raise ConfigError(f"{self.layer.where}: axis={value!r} is not supported")
        return tuple(a % rank for a in many)

    def whole(self, value: Any) -> list[int]:
        """Whole numbers."""
        many = list(value) if isinstance(value, list | tuple) else [value]
        if any(type(v) is not int for v in many) or not many:
            raise ConfigError(f"{self.layer.where}: {str(value)[:60]!r} are no whole numbers")
        return many

    def add(self, op: NdOperator, *inputs: Tensor) -> Tensor:
        """Append an operator."""
        return self.layer.add(op, *inputs)


def _pair(call: _Call) -> Tensor:
    return call.add(Binary(_PAIRS[call.function]), call.tensor(0, "x", "x1"), call.tensor(1, "y", "x2"))


def _one(call: _Call) -> Tensor:
    return call.add(Unary(_ONES[call.function]), call.tensor(0, "x"))


def _sum(call: _Call) -> Tensor:
    x = call.tensor(0, "x", "input_tensor")
    axes = tuple(sorted(set(call.axes(call.value(1, "axis"), len(x.shape)))))
    return call.add(Reduce(_SUMS[call.function], axes, bool(call.value(2, "keepdims", default=False))), x)


def _activation(call: _Call) -> Tensor:
    settings = {k: v for k, v in call.named.items() if v is not None and k != "name"}
    name = _ACTIVATIONS[call.function]
    if name == "gelu" and not call.function.startswith("nn."):
        settings.setdefault("approximate", True)
    return activated(
        call.layer, call.tensor(0, "x", "features", "logits"), {"class_name": name, "config": settings}
    )


def _reshape(call: _Call) -> Tensor:
    x, to = call.tensor(0, "x", "tensor"), call.whole(call.value(1, "newshape", "shape"))
    rest = math.prod(v for v in to if v != -1)
    if min(to) < -1 or to.count(-1) > 1 or rest < 1:
        raise ConfigError(f"{call.layer.where}: {x.shape} cannot become {to[:16]}")
    return call.add(Reshape(tuple(x.size // rest if v == -1 else v for v in to)), x)


def _transpose(call: _Call) -> Tensor:
    x = call.tensor(0, "x", "a")
    perm = call.value(1, "axes", "perm")
    order = tuple(reversed(range(len(x.shape)))) if perm is None else call.axes(perm, len(x.shape))
    return call.add(Transpose(order), x)


def _expand(call: _Call) -> Tensor:
    x, axis = call.tensor(0, "x", "input"), call.whole(call.value(1, "axis"))[0]
    (at,) = call.axes(axis, len(x.shape) + 1)
    return call.add(Reshape((*x.shape[:at], 1, *x.shape[at:])), x)


def _squeeze(call: _Call) -> Tensor:
    x = call.tensor(0, "x", "input")
    given = call.value(1, "axis")
    ones = [k for k, n in enumerate(x.shape) if n == 1]
    axes = call.axes(ones if given is None else given, len(x.shape))
    if wide := [k for k in axes if x.shape[k] != 1]:
        raise ConfigError(f"{call.layer.where}: axis {wide[0]} of {x.shape} is not 1")
    return call.add(Reshape(tuple(n for k, n in enumerate(x.shape) if k not in axes)), x)


def _concat(call: _Call) -> Tensor:
    xs, axis = _many(call), call.value(1, "axis", default=0)
    return call.add(Concat(call.axes(axis, len(xs[0].shape))[0]), *xs)


def _stack(call: _Call) -> Tensor:
    xs, axis = _many(call), call.value(1, "axis", default=0)
    (at,) = call.axes(axis, len(xs[0].shape) + 1)
    if any(x.shape != xs[0].shape for x in xs):
        raise ConfigError(f"{call.layer.where}: stacks tensors of other shapes than {xs[0].shape}")
    shape = xs[0].shape
    rows = [call.layer.add(Reshape((*shape[:at], 1, *shape[at:])), x, last=False) for x in xs]
    return call.add(Concat(at), *rows)


def _many(call: _Call) -> list[Tensor]:
    found = call.value(0, "xs", "x", "values", "arrays")
    if not isinstance(found, list | tuple) or not found or not all(isinstance(x, Tensor) for x in found):
        raise ConfigError(f"{call.layer.where}: joins what are no tensors")
    return list(found)


def _clip(call: _Call) -> Tensor:
    ends = [call.value(1, "x_min", "clip_value_min"), call.value(2, "x_max", "clip_value_max")]
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in ends):
        raise ConfigError(f"{call.layer.where}: {ends} are no numbers")
    return call.add(Clip(float(ends[0]), float(ends[1])), call.tensor(0, "x", "t"))


def _matmul(call: _Call) -> Tensor:
    sides = [call.tensor(0, "x1", "a"), call.tensor(1, "x2", "b")]
    for k, name in enumerate("ab"):
        if call.named.get(f"adjoint_{name}"):
            raise ConfigError(f"{call.layer.where}: adjoint_{name} is not supported")
        if call.named.get(f"transpose_{name}"):
            rank = len(sides[k].shape)
            perm = (*range(rank - 2), rank - 1, rank - 2)
            sides[k] = call.layer.add(Transpose(perm), sides[k], last=False)
    return call.add(MatMul(), *sides)


def _item(call: _Call) -> Tensor:
    """A slice, a place, an ellipsis or a new axis for each axis."""
    x, keys = call.tensor(0, "x"), call.value(1, "key", "slice_spec")
    keys = list(keys) if isinstance(keys, list | tuple) else [keys]
    parts = [_part(call, key) for key in keys]
    named = sum(p is not None and p is not Ellipsis for p in parts)
    if parts.count(Ellipsis) > 1 or named > len(x.shape):
        raise ConfigError(f"{call.layer.where}: takes {named} axes of {x.shape}")
    if Ellipsis not in parts:
        parts.append(Ellipsis)
    along: dict[int, Along] = {}
    kept: list[int | None] = []
    axis = 0
    for part in parts:
        if part is Ellipsis:
            rest = len(x.shape) - named
            kept += range(axis, axis + rest)
            axis += rest
        elif part is None:
            kept.append(None)
        elif isinstance(part, int):
            if not -x.shape[axis] <= part < x.shape[axis]:
                raise ConfigError(f"{call.layer.where}: there is no place {part} in axis {axis} of {x.shape}")
            along[axis] = Along(part % x.shape[axis], part % x.shape[axis] + 1)
            axis += 1
        else:
            along[axis] = part
            kept.append(axis)
            axis += 1
    op = sliced(x.shape, along)
    shape: Shape = tuple(1 if k is None else len(op.places(k)) for k in kept)
    if kept == list(range(len(x.shape))):
        return call.add(op, x)
    return call.add(Reshape(shape), call.layer.add(op, x, last=False))


def _part(call: _Call, key: Any) -> Any:
    """A slice as ``Along``, a whole number, ``Ellipsis``, or None for a new axis."""
    if isinstance(key, dict) and (key.get("class_name") == "__slice__" or "start" in key):
        key = key.get("config", key)
        ends: list[Any] = [key.get(n) if isinstance(key, dict) else "" for n in ("start", "stop", "step")]
        if all(v is None or type(v) is int for v in ends) and ends[2] != 0:
            return Along(ends[0], ends[1], ends[2] or 1)
    if key == "Ellipsis" or (isinstance(key, dict) and key.get("class_name") == "__ellipsis__"):
        return Ellipsis
    if key is None or type(key) is int:
        return key
    raise ConfigError(f"{call.layer.where}: takes {str(key)[:60]!r}, which is not supported")


_FUNCTIONS: Mapping[str, Callable[[_Call], Tensor]] = {
    **dict.fromkeys(_PAIRS, _pair),
    **dict.fromkeys(_ONES, _one),
    **dict.fromkeys(_SUMS, _sum),
    **dict.fromkeys(_ACTIVATIONS, _activation),
    **dict.fromkeys(("Clip", "clip_by_value"), _clip),
    **dict.fromkeys(("Concatenate", "concat"), _concat),
    **dict.fromkeys(("ExpandDims", "expand_dims"), _expand),
    **dict.fromkeys(("GetItem", "__operators__.getitem"), _item),
    **dict.fromkeys(("Matmul", "linalg.matmul"), _matmul),
    **dict.fromkeys(("Reshape", "reshape"), _reshape),
    **dict.fromkeys(("Squeeze", "squeeze"), _squeeze),
    **dict.fromkeys(("Stack", "stack"), _stack),
    **dict.fromkeys(("Transpose", "transpose"), _transpose),
}


def function(layer: KerasLayer) -> Tensor:
    """Read a function of Keras 3 or of TensorFlow."""
    own = layer.kind in LAMBDAS
    name = str(layer.config.get("function", "")) if own else layer.kind
    if name not in _FUNCTIONS:
        known = sorted(n for n in _FUNCTIONS if ("." in n or n.islower()) == own)
        raise ConfigError(
            f"layer {layer.name}: the function {name} is not supported",
            hint=f"build the model of layers, or of these functions: {', '.join(known)}",
        )
    settings = {} if own else layer.config
    call = _Call(layer, name, layer.args, {**settings, **layer.call})
    return _FUNCTIONS[name](call)


def is_function(one: Mapping[str, Any], kind: str, version: int) -> bool:
    """Whether what is listed as a layer is a function of Keras 3.

    ``.h5`` leaves the modules out; there a function is what has not the settings that all layers have.
    """
    if "module" in one:
        return str(one["module"]).startswith(MODULES)
    config = one["config"]
    return version == 3 and kind in _FUNCTIONS and "trainable" not in config and "dtype" not in config


#: Functions of TensorFlow in models of Keras 2.
LAMBDAS = ("TFOpLambda", "SlicingOpLambda")

RULES: Mapping[str, Rule] = dict.fromkeys(LAMBDAS, function)
