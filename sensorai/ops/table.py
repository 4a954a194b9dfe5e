"""Operators by name: the one list, and their settings as plain data and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from sensorai.errors import ConfigError
from sensorai.graph.operator import Operator
from sensorai.ops.add import Add
from sensorai.ops.argmax import Argmax
from sensorai.ops.avg_pool import AvgPool
from sensorai.ops.batch_norm import BatchNorm
from sensorai.ops.conv1d import Conv1d
from sensorai.ops.dense import Dense
from sensorai.ops.depthwise_conv1d import DepthwiseConv1d
from sensorai.ops.dequantize import Dequantize
from sensorai.ops.flatten import Flatten
from sensorai.ops.global_avg_pool import GlobalAvgPool
from sensorai.ops.max_pool import MaxPool
from sensorai.ops.nd.table import ND_OPERATORS
from sensorai.ops.quantize import Quantize
from sensorai.ops.relu import Relu
from sensorai.ops.sign import Sign
from sensorai.ops.softmax import Softmax

OPERATORS: Mapping[str, type[Operator]] = {
    one.NAME: one
    for one in (
        Add,
        Argmax,
        AvgPool,
        BatchNorm,
        Conv1d,
        Dense,
        DepthwiseConv1d,
        Dequantize,
        Flatten,
        GlobalAvgPool,
        MaxPool,
        Quantize,
        Relu,
        Sign,
        Softmax,
    )
}


#: Before the names of operators of n axes: some are called like others.
_ND = "nd."
#: Real numbers that JSON has no way to write.
_ENDLESS = {"inf": math.inf, "-inf": -math.inf}


def named(op: Operator) -> str:
    """Name of an operator in files."""
    return f"{_ND}{op.NAME}" if op.OPEN else op.NAME


def settings(op: Any) -> dict[str, Any]:
    """Fields of an operator as plain data."""
    return {one.name: _plain(getattr(op, one.name)) for one in fields(op)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return settings(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def operator(name: object, given: object) -> Operator:
    """Read what ``settings`` wrote; a ConfigError says what is wrong."""
    if isinstance(name, str) and name.removeprefix(_ND) in ND_OPERATORS and name.startswith(_ND):
        return cast(Operator, _made(ND_OPERATORS[name.removeprefix(_ND)], given, name))
    if not isinstance(name, str) or name not in OPERATORS:
        raise ConfigError(f"unknown operator {name!r}", hint=f"known: {', '.join(OPERATORS)}")
    return cast(Operator, _made(OPERATORS[name], given, name))


def _made(kind: type[Any], given: object, where: str) -> Any:
    known = {one.name for one in fields(kind)}
    if not isinstance(given, Mapping) or set(given) != known:
        raise ConfigError(f"{where} has the settings {', '.join(sorted(known)) or 'none'}")
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], value, f"{where}.{name}") for name, value in given.items()})


def _value(hint: Any, value: object, where: str) -> Any:
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    if float in kinds and isinstance(value, str) and value in _ENDLESS:
        return _ENDLESS[value]
    for kind in kinds:
        if isinstance(kind, type) and is_dataclass(kind):
            return _made(kind, value, where)
        if get_origin(kind) is tuple and isinstance(value, list):
            return _several(get_args(kind), value, where)
    # exact types: True is no whole number here
    if type(value) not in {NoneType if kind is None else kind for kind in kinds}:
        raise ConfigError(f"{where} cannot be {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where} is not finite")
    return value


def _several(hints: tuple[Any, ...], values: list[Any], where: str) -> tuple[Any, ...]:
    """Members of a tuple: of one kind, or each of its own."""
    kinds = [hints[0]] * len(values) if hints[1:] == (Ellipsis,) else list(hints)
    if len(kinds) != len(values):
        raise ConfigError(f"{where} has {len(kinds)} members, not {len(values)}")
    return tuple(_value(kind, one, where) for kind, one in zip(kinds, values, strict=True))
