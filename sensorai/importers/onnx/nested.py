"""Nodes that hold graphs: branches of which one is taken, loops whose rounds are counted while reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.known import single
from sensorai.importers.moves import Along, sliced
from sensorai.importers.net import NetBuilder
from sensorai.importers.onnx.values import Known, Value
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.reshape import Reshape


class Walks(Protocol):
    """What reads the nodes of a graph."""

    net: NetBuilder

    def graph(
        self,
        graph: Any,
        known: Known,
        given: Sequence[Value],
        versions: Mapping[str, int],
        depth: int,
        where: str,
    ) -> list[Value]:
        """Read a graph with its inputs given, and return what it makes."""
        ...


def _held(proto: Any, name: str, where: str, outputs: int) -> Any:
    """Graph in an attribute."""
    sub = next((one.g for one in proto.attribute if one.name == name and one.HasField("g")), None)
    if sub is None or len(sub.output) < outputs:
        raise ConfigError(f"{where}: its {name} is missing or makes too little")
    return sub


def _branch(
    walk: Walks,
    where: str,
    proto: Any,
    values: Sequence[Value],
    known: Known,
    versions: Mapping[str, int],
    depth: int,
) -> Sequence[Value]:
    """The branch that is taken, where that is known by now."""
    taken = _number(where, values[0] if values else None, "condition", "without branches")
    if taken is None:
        raise ConfigError(f"{where}: its condition is missing")
    wanted = "then_branch" if taken else "else_branch"
    return walk.graph(_held(proto, wanted, where, len(proto.output)), known, (), versions, depth, where)


def _number(
    where: str, value: Value, what: str, otherwise: str = "with a fixed number of rounds"
) -> int | None:
    """A single number that is known by now; None where nothing is said."""
    if value is None:
        return None
    if not isinstance(value, Tensor):
        raise ConfigError(f"{where}: its {what} is a sequence of tensors")
    hint = f"freeze the input that it comes from to one value, or export the net {otherwise}"
    return int(single(where, value, what, hint))


def _loop(
    walk: Walks,
    where: str,
    proto: Any,
    values: Sequence[Value],
    known: Known,
    versions: Mapping[str, int],
    depth: int,
) -> Sequence[Value]:
    """Round after round, each read anew; the number of rounds and the condition must be known by now."""
    rounds = _number(where, values[0] if values else None, "number of rounds")
    going = _number(where, values[1] if len(values) > 1 else None, "condition")
    carried = list(values[2:])
    body = _held(proto, "body", where, 1 + len(carried))
    listed: list[list[Tensor]] = [[] for _ in range(len(body.output) - 1 - len(carried))]
    count = 0
    while (rounds is None or count < rounds) and (going is None or going):
        index = walk.net.constant(f"{proto.output[0]}.round", np.asarray(count, np.int64))
        still = walk.net.constant(f"{proto.output[0]}.going", np.asarray(True))
        made = walk.graph(body, known, (index, still, *carried), versions, depth, where)
        going = _number(where, made[0], "condition")
        carried = made[1 : 1 + len(carried)]
        _list(walk, where, listed, made[1 + len(carried) :], 0)
        count += 1
    if listed and not count:
        raise ConfigError(f"{where}: it makes no round, so the shape of what it lists is not known")
    return [*carried, *(_joined(walk, rows, 0) for rows in listed)]


def _list(walk: Walks, where: str, listed: list[list[Tensor]], made: Sequence[Value], axis: int) -> None:
    """Append what a round adds, with an axis of its own."""
    for rows, one in zip(listed, made, strict=False):
        if not isinstance(one, Tensor):
            raise ConfigError(f"{where}: lists of sequences are not supported")
        at = axis % (len(one.shape) + 1)
        shape = (*one.shape[:at], 1, *one.shape[at:])
        rows.extend(walk.net.add(Reshape(shape), (one,), (f"{one.name}.row",)))


def _joined(walk: Walks, rows: Sequence[Tensor], axis: int) -> Tensor:
    if len(rows) == 1:
        return rows[0]
    return walk.net.add(Concat(axis % len(rows[0].shape)), tuple(rows), (f"{rows[0].name}s",))[0]


def _scan(
    walk: Walks,
    where: str,
    proto: Any,
    values: Sequence[Value],
    known: Known,
    versions: Mapping[str, int],
    depth: int,
) -> Sequence[Value]:
    """A round for each index of the axis that is walked along."""
    said = {one.name: list(one.ints) for one in proto.attribute}
    along = next((int(one.i) for one in proto.attribute if one.name == "num_scan_inputs"), 0)
    states, inputs = list(values[: len(values) - along]), values[len(values) - along :]
    tensors = [x for x in inputs if isinstance(x, Tensor) and x.shape]
    if along < 1 or len(tensors) != along or versions.get("", 9) < 9:
        raise ConfigError(f"{where}: {along} inputs to walk along are not supported")
    body = _held(proto, "body", where, len(states))
    axes = [
        a % len(x.shape) for a, x in zip(said.get("scan_input_axes") or [0] * along, tensors, strict=True)
    ]
    back = said.get("scan_input_directions") or [0] * along
    listed: list[list[Tensor]] = [[] for _ in range(len(body.output) - len(states))]
    to = said.get("scan_output_axes") or [0] * len(listed)
    turned = said.get("scan_output_directions") or [0] * len(listed)
    counts = {x.shape[a] for x, a in zip(tensors, axes, strict=True)}
    if len(counts) != 1 or not min(counts) or len(to) != len(listed) or len(turned) != len(listed):
        raise ConfigError(f"{where}: its inputs have {sorted(counts)} rounds")
    count = counts.pop()
    for k in range(count):
        parts = []
        for x, axis, way in zip(tensors, axes, back, strict=True):
            at = count - 1 - k if way else k
            part = walk.net.add(sliced(x.shape, {axis: Along(at, at + 1)}), (x,), (f"{x.name}.part",))[0]
            shape = (*x.shape[:axis], *x.shape[axis + 1 :])
            parts.append(walk.net.add(Reshape(shape), (part,), (f"{x.name}.round",))[0])
        made = walk.graph(body, known, (*states, *parts), versions, depth, where)
        states = made[: len(states)]
        for rows, one, axis in zip(listed, made[len(states) :], to, strict=True):
            _list(walk, where, [rows], [one], axis)
    rows_ = (rows[::-1] if way else rows for rows, way in zip(listed, turned, strict=True))
    return [*states, *(_joined(walk, rows, axis) for rows, axis in zip(rows_, to, strict=True))]


Nested = Callable[[Walks, str, Any, Sequence[Value], Known, Mapping[str, int], int], Sequence[Value]]

RULES: Mapping[str, Nested] = {"If": _branch, "Loop": _loop, "Scan": _scan}
