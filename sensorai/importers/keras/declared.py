"""What a Keras file says of tensors between its layers, where one of these is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sensorai.graph.tensor import DTYPES, Shape

#: Shape, with 1 for an open first axis, and type.
Said = tuple[Shape, str]
#: Objects inside objects that are looked at.
_DEPTH = 16


def _said(shape: Any, dtype: Any) -> Said | None:
    """Shape and type, where both are said in full."""
    if not isinstance(shape, list | tuple) or dtype not in DTYPES or not shape:
        return None
    whole = [1 if k == 0 and n is None else n for k, n in enumerate(shape)]
    return (tuple(whole), dtype) if all(type(n) is int and 0 < n < 1 << 31 for n in whole) else None


def built(one: Mapping[str, Any] | None) -> Said | None:
    """What a layer of a row was built for, which is what the one before it makes."""
    own = None if one is None else one.get("build_config")
    return _said(own.get("input_shape"), "float32") if isinstance(own, dict) else None


def tensors(layers: Sequence[Mapping[str, Any]]) -> dict[tuple[str, int], list[Said | None]]:
    """What calls of layers make, by layer and number of the call; of Keras 3, which writes it down."""
    found: dict[tuple[str, int], dict[int, Said | None]] = {}
    for one in layers:
        for own in _tensors(one.get("inbound_nodes"), 0):
            place = own.get("keras_history")
            if isinstance(place, list) and [type(v) for v in place] == [str, int, int]:
                said = _said(own.get("shape"), own.get("dtype"))
                found.setdefault((place[0], place[1]), {})[place[2]] = said
    return {place: [made.get(k) for k in range(len(made))] for place, made in found.items()}


def _tensors(value: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    if depth > _DEPTH:
        return
    if isinstance(value, dict):
        own = value.get("config")
        if value.get("class_name") == "__keras_tensor__" and isinstance(own, dict):
            yield own
            return
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from _tensors(one, depth + 1)
