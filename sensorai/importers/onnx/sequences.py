"""Sequences of tensors, whose lengths and places are known while reading: nothing of them is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.known import integers
from sensorai.importers.moves import Along, sliced
from sensorai.importers.net import NetBuilder
from sensorai.importers.onnx.values import Value
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.reshape import Reshape

#: Most tensors of a sequence.
MOST = 4096


def _tensor(where: str, values: Sequence[Value], place: int) -> Tensor:
    found = values[place] if place < len(values) else None
    if not isinstance(found, Tensor):
        raise ConfigError(f"{where}: input {place} is no tensor")
    return found


def _list(where: str, values: Sequence[Value]) -> tuple[Tensor, ...]:
    if not values or not isinstance(values[0], tuple):
        raise ConfigError(f"{where}: input 0 is no sequence of tensors")
    return values[0]


def _numbers(where: str, tensor: Tensor) -> list[int]:
    return list(integers(where, tensor, f"input {tensor.name}"))


def _attribute(proto: Any, name: str, default: int) -> int:
    return next((int(one.i) for one in proto.attribute if one.name == name), default)


def _place(where: str, values: Sequence[Value], place: int, count: int) -> int:
    (found, *_) = _numbers(where, _tensor(where, values, place)) or [count]
    if not -count <= found < count:
        raise ConfigError(f"{where}: there is no tensor {found} in a sequence of {count}")
    return found % count


def _construct(net: NetBuilder, where: str, values: Sequence[Value], proto: Any) -> Sequence[Value]:
    return (tuple(_tensor(where, values, k) for k in range(len(values))),)


def _empty(net: NetBuilder, where: str, values: Sequence[Value], proto: Any) -> Sequence[Value]:
    return ((),)


def _at(net: NetBuilder, where: str, values: Sequence[Value], proto: Any) -> Sequence[Value]:
    listed = _list(where, values)
    return (listed[_place(where, values, 1, len(listed))],)


def _insert(net: NetBuilder, where: str, values: Sequence[Value], proto: Any) -> Sequence[Value]:
    listed, new = _list(where, values), _tensor(where, values, 1)
    at = len(listed) if len(values) < 3 or values[2] is None else _place(where, values, 2, len(listed) + 1)
    if len(listed) >= MOST:
        raise ConfigError(f"{where}: a sequence of more than {MOST} tensors")
    return ((*listed[:at], new, *listed[at:]),)


def _erase(net: NetBuilder, where: str, values: Sequence[Value], proto: Any) -> Sequence[Value]:
    listed = _list(where, values)
    at = len(listed) - 1 if len(values) < 2 or values[1] is None else _place(where, values, 1, len(listed))
    return ((*listed[:at], *listed[at + 1 :]),)


def _length(net: NetBuilder, where: str, values: Sequence[Value], proto: Any) -> Sequence[Value]:
    return (net.constant(proto.output[0], np.asarray(len(_list(where, values)), np.int64)),)


def _axis(where: str, value: int, rank: int) -> int:
    if not -rank <= value < rank:
        raise ConfigError(f"{where}: there is no axis {value} of {rank}")
    return value % rank


def _split(net: NetBuilder, where: str, values: Sequence[Value], proto: Any) -> Sequence[Value]:
    x = _tensor(where, values, 0)
    axis = _axis(where, _attribute(proto, "axis", 0), len(x.shape))
    extent, alone = x.shape[axis], len(values) < 2 or values[1] is None
    said = [1] if alone else _numbers(where, _tensor(where, values, 1))
    if alone or not _tensor(where, values, 1).shape:
        size = said[0]
        if size < 1:
            raise ConfigError(f"{where}: parts of {size}")
        said = [min(size, extent - k) for k in range(0, extent, size)] if extent <= size * MOST else []
    if sum(said) != extent or min(said, default=0) < 0 or len(said) > MOST:
        raise ConfigError(f"{where}: parts {said[:8]} are not the {extent} of axis {axis}")
    single = alone or (set(said) == {1} and not _tensor(where, values, 1).shape)
    rows, at = [], 0
    for size in said:
        one = net.add(sliced(x.shape, {axis: Along(at, at + size)}), (x,), (f"{x.name}.part",))[0]
        # ONNX has the attribute count without sizes only; torch writes it beside a size of 1, and onnxruntime
        # takes it so
        if single and not _attribute(proto, "keepdims", 1):
            shape = (*x.shape[:axis], *x.shape[axis + 1 :])
            one = net.add(Reshape(shape), (one,), (f"{x.name}.row",))[0]
        rows.append(one)
        at += size
    return (tuple(rows),)


def _concat(net: NetBuilder, where: str, values: Sequence[Value], proto: Any) -> Sequence[Value]:
    listed, new = _list(where, values), bool(_attribute(proto, "new_axis", 0))
    if not listed:
        raise ConfigError(f"{where}: the sequence is empty")
    axis = _axis(where, _attribute(proto, "axis", 0), len(listed[0].shape) + new)
    if new:
        shapes = [(*x.shape[:axis], 1, *x.shape[axis:]) for x in listed]
        listed = tuple(
            net.add(Reshape(s), (x,), (f"{x.name}.row",))[0] for x, s in zip(listed, shapes, strict=True)
        )
    return net.add(Concat(axis), listed, (proto.output[0],))


Rule = Callable[[NetBuilder, str, Sequence[Value], Any], Sequence[Value]]

RULES: Mapping[str, Rule] = {
    "ConcatFromSequence": _concat,
    "SequenceAt": _at,
    "SequenceConstruct": _construct,
    "SequenceEmpty": _empty,
    "SequenceErase": _erase,
    "SequenceInsert": _insert,
    "SequenceLength": _length,
    "SplitToSequence": _split,
}
