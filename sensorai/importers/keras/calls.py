"""Calls of layers as a Keras file writes them: which tensors go in, by place and by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Tensor
from sensorai.importers.keras.functions import CONSTANT

#: How deep models may lie in models, and lists in lists.
DEPTH = 16
CLASSES = ("Sequential", "Functional", "Model")

#: A tensor between layers: layer, which of its calls, which of its outputs.
Place = tuple[str, int, int]


def kind_of(one: Mapping[str, Any]) -> str:
    """Class, without the package that it was registered under."""
    return str(one.get("class_name", "")).rpartition(">")[2]


def nodes(one: Mapping[str, Any]) -> list[Any]:
    """Calls of a layer."""
    found = one.get("inbound_nodes")
    return found if isinstance(found, list) else []


def _place(value: Any) -> Place | None:
    """Place of a tensor where a value is one."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        own = value.get("config")
        value = own.get("keras_history") if isinstance(own, dict) else None
    head = isinstance(value, list | tuple) and len(value) in (3, 4) and value[0] != CONSTANT
    if head and type(value[0]) is str and type(value[1]) is int and type(value[2]) is int:
        return value[0], value[1], value[2]
    return None


def places(value: Any, depth: int = 0) -> Iterator[Place]:
    """Places in lists and objects, in their order."""
    place = _place(value)
    if place is not None:
        yield place
    if depth > DEPTH:
        raise ConfigError("the places of tensors lie too deep in each other")
    if place is not None:
        # of Keras 2, tensors among the named arguments of a call
        value = value[3] if isinstance(value, list) and len(value) == 4 else None
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from places(one, depth + 1)


def reads_of(node: Any) -> Iterator[Place]:
    """What a call reads."""
    if isinstance(node, dict):
        yield from places([node.get("args"), node.get("kwargs")])
    else:
        yield from places(node)


def first_calls(
    byname: Mapping[str, Mapping[str, Any]], reads: Sequence[Place], config: Any
) -> Mapping[str, int]:
    """Numbers of the first calls of models inside: Keras 2 counts that which built them as one before."""
    last: dict[str, int] = {}
    for name, call, _ in (*reads, *places(config.get("output_layers"))):
        last[name] = max(call, last.get(name, 0))
    return {
        name: 1
        for name, call in last.items()
        if name in byname and kind_of(byname[name]) in CLASSES and call >= len(nodes(byname[name]))
    }


def given(
    one: Mapping[str, Any], k: int, known: Mapping[Place, Tensor]
) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Arguments of a call by their place and by name, with the tensors that they stand for."""
    node = nodes(one)[k]
    named = {str(n): _filled(v, known) for n, v in _named(node).items()}
    if isinstance(node, dict):
        args = node.get("args")
        return tuple(_filled(v, known) for v in args) if isinstance(args, list | tuple) else (), named
    # of Keras 2, where the first of a function may be a number, and those of a layer follow each other
    if isinstance(node, list) and len(node) == 4 and node[0] == CONSTANT:
        return (_filled(node[2], known),), named
    if isinstance(node, list) and _place(node) is not None:
        return (known[node[0], node[1], node[2]],), named
    found = [known[p] for p in (_place(v) for v in node) if p is not None] if isinstance(node, list) else []
    # a list of tensors is the first argument of a function that joins them
    return ((found,) if len(found) > 1 else tuple(found)), named


def _filled(value: Any, known: Mapping[Place, Tensor], depth: int = 0) -> Any:
    """Put tensors in their places, in lists too."""
    place = _place(value)
    if place is not None:
        return known[place]
    if isinstance(value, list | tuple) and depth < DEPTH:
        if len(value) in (3, 4) and value[0] == CONSTANT:
            return value[2]
        return [_filled(v, known, depth + 1) for v in value]
    return value


def _named(node: Any) -> Mapping[str, Any]:
    """Named arguments of a call."""
    if isinstance(node, dict):
        found = node.get("kwargs")
        return found if isinstance(found, dict) else {}
    while isinstance(node, list) and node and isinstance(node[0], list):
        node = node[0]
    found = node[3] if isinstance(node, list) and len(node) == 4 else None
    return found if isinstance(found, dict) else {}
