"""Numbers of constants as a file holds them: where they lie, packed, or with their zeros left out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError, DataError
from sensorai.graph.limits import CONSTANT
from sensorai.graph.tensor import DTYPES, Array, Shape
from sensorai.importers.libraries import library
from sensorai.importers.tflite.rules import Declared

#: Types by their number in the file.
TYPES: Mapping[int, str] = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float64",
    12: "uint64",
    15: "uint32",
    16: "uint16",
    17: "int4",
}
#: Types that are none of numbers, or of numbers that no operator here has.
OTHERS: Mapping[int, str] = {
    5: "string",
    8: "complex numbers",
    11: "complex numbers of 128 bits",
    13: "resource",
    14: "variant",
}
#: The type of complex numbers, which are pairs of real ones here.
COMPLEX = 8
#: Axes of a sparse tensor, those of its blocks too.
_LEVELS = 16


def stored(model: Any, number: int) -> bytes:
    """Bytes of a buffer: in the tables of the file, or behind them where these would be too large."""
    raw = model.Buffers(number)
    if raw.DataLength():
        return bytes(raw.DataAsNumpy())
    offset, size = int(raw.Offset()), int(raw.Size())
    if offset < 2 or not size:
        # the writer's mark for "none"
        return b""
    whole = memoryview(raw._tab.Bytes)
    if offset + size > len(whole):
        raise DataError(f"buffer {number} lies from {offset} to {offset + size}, beyond the end of the file")
    return bytes(whole[offset : offset + size])


def values(data: bytes, said: Declared, sparsity: Any = None) -> Array:
    """Numbers of a constant in its shape."""
    if sparsity is not None:
        return _dense(data, said, sparsity)
    return _plain(data, said, math.prod(said.shape)).reshape(said.shape)


def _plain(data: bytes, said: Declared, count: int) -> Array:
    if said.dtype == "int4":
        packed = np.frombuffer(data, np.uint8)
        both = np.stack([packed & 15, packed >> 4], axis=1).reshape(-1).astype(np.int16)
        flat = np.where(both > 7, both - 16, both).astype(np.int8)[:count]
    else:
        kind = np.dtype(DTYPES[said.dtype]).newbyteorder("<")
        if len(data) % kind.itemsize:
            raise DataError(f"tensor {said.name} has {len(data)} bytes, no whole numbers")
        flat = np.frombuffer(data, kind).astype(DTYPES[said.dtype])
    if flat.size != count:
        raise DataError(f"tensor {said.name} holds {flat.size} numbers, but its shape is {said.shape}")
    return np.asarray(flat)


def _dense(data: bytes, said: Declared, sparsity: Any) -> Array:
    """Fill in what is not there with zeros.

    The file lists axes in the order in which they are walked, those within blocks behind the others; of each
    it has the extent, or for every place of the axis before it which of its places are there.
    """
    rank, levels = len(said.shape), sparsity.DimMetadataLength()
    blocks = [int(v) for v in sparsity.BlockMapAsNumpy()] if sparsity.BlockMapLength() else []
    order = [int(v) for v in sparsity.TraversalOrderAsNumpy()] if sparsity.TraversalOrderLength() else []
    fits = levels == rank + len(blocks) == len(order) and sorted(order) == list(range(levels))
    if (
        not fits
        or levels > _LEVELS
        or any(not 0 <= b < rank for b in blocks)
        or len(set(blocks)) < len(blocks)
    ):
        raise DataError(f"tensor {said.name}: how its numbers are sparse makes no sense")
    _few(said, math.prod(said.shape))
    # extents of axes: those cut into blocks count blocks, and their blocks' extents come behind
    inner = [_extent(sparsity.DimMetadata(order.index(rank + k)), said) for k in range(len(blocks))]
    extents = list(said.shape)
    for axis, size in zip(blocks, inner, strict=True):
        if not size or extents[axis] % size:
            raise DataError(f"tensor {said.name}: its blocks do not fit its shape {said.shape}")
        extents[axis] //= size
    extents += inner
    places = _walked(said, sparsity, [extents[axis] for axis in order])
    if len(places) > math.prod(said.shape):
        raise DataError(f"tensor {said.name} says {len(places)} numbers of shape {said.shape}")
    shape = tuple(extents)
    full = np.zeros(math.prod(shape), DTYPES[said.dtype])
    walked = np.unravel_index(places, [extents[axis] for axis in order]) if len(places) else ()
    if len(places):
        at = [walked[order.index(axis)] for axis in range(levels)]
        full[np.ravel_multi_index(at, shape)] = _plain(data, said, len(places))
    turned: list[int] = []
    for axis in range(rank):
        turned.append(axis)
        turned += [rank + k for k, b in enumerate(blocks) if b == axis]
    return np.ascontiguousarray(full.reshape(shape).transpose(turned)).reshape(said.shape)


def _few(said: Declared, count: int) -> None:
    if count > CONSTANT:
        raise ConfigError(f"tensor {said.name} is sparse and has more than {CONSTANT} numbers")


def _extent(level: Any, said: Declared) -> int:
    if level.Format() != library("tflite").DimensionType.DENSE:
        raise ConfigError(f"tensor {said.name}: places within its blocks are left out")
    return int(level.DenseSize())


def _walked(said: Declared, sparsity: Any, extents: list[int]) -> Array:
    """Places of the numbers that are there, as they follow in the file."""
    places: Array = np.zeros(1, np.int64)
    for k, extent in enumerate(extents):
        level = sparsity.DimMetadata(k)
        if level.Format() == library("tflite").DimensionType.DENSE:
            if int(level.DenseSize()) != extent:
                raise DataError(
                    f"tensor {said.name}: an axis of {extent} is said to have {level.DenseSize()}"
                )
            _few(said, len(places) * extent)
            inside = np.tile(np.arange(extent, dtype=np.int64), len(places))
            outer = np.repeat(places, extent)
        else:
            ends, inside = (_vector(said, level, name) for name in ("ArraySegments", "ArrayIndices"))
            steps = np.diff(ends)
            fits = len(ends) == len(places) + 1 and ends[0] == 0 and ends[-1] == len(inside)
            if not fits or np.any(steps < 0) or np.any(inside < 0) or np.any(inside >= extent):
                raise DataError(f"tensor {said.name}: the places of its numbers make no sense")
            _few(said, len(inside))
            outer = np.repeat(places, steps)
        places = outer * extent + inside
    return places


def _vector(said: Declared, level: Any, name: str) -> Array:
    """Whole numbers of one of three widths."""
    tflite = library("tflite")
    kind = {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"}.get(getattr(level, f"{name}Type")())
    table = getattr(level, name)()
    if kind is None or table is None:
        raise DataError(f"tensor {said.name}: the places of its numbers are missing")
    vector = getattr(tflite, kind)()
    vector.Init(table.Bytes, table.Pos)
    if not vector.ValuesLength():
        return np.zeros(0, np.int64)
    return np.asarray(vector.ValuesAsNumpy()).astype(np.int64)


def shape_of(said: list[int]) -> Shape:
    """Extents; open ones are 1."""
    return tuple(1 if v < 0 else v for v in said)
