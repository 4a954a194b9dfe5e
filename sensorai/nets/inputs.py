"""Inputs of a net: from files as ST's tool takes them, or spread over their types."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from sensorai.errors import DataError
from sensorai.graph.tensor import Array

if TYPE_CHECKING:
    from sensorai.nets.port import Port

#: Seed of the inputs that are made, as in ST's tool.
SEED = 42
#: How many are made where nothing is said.
COUNT = 10
#: Ends of types of fewer bits than their bytes have.
_ENDS = {
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int2": (-2, 1),
    "uint2": (0, 3),
    "bool": (0, 1),
    "binary": (-1, 1),
}
#: Most numbers that a file of inputs may hold.
_LARGEST = 1 << 27


@dataclass(frozen=True, slots=True)
class Inputs:
    """Arrays for every input, each with an axis of calls in front, and the outputs that were awaited.

    Attributes
    ----------
    arrays : tuple of ndarray
    count : int
        Calls.
    source : str
    wanted : tuple of ndarray
        Outputs that the file holds; empty without.
    """

    arrays: tuple[Array, ...]
    count: int
    source: str
    wanted: tuple[Array, ...] = ()


def spread(ports: Sequence[Port], count: int = COUNT, seed: int = SEED) -> Inputs:
    """Inputs over the full range of integer types, and from 0 to 1 for real numbers; the same every time."""
    arrays = []
    for k, port in enumerate(ports):
        shape = (count, *port.shape)
        bits = _bits(seed, k, int(np.prod(shape, dtype=np.int64)))
        if port.kind.kind == "f":
            made = ((bits >> np.uint64(40)).astype(np.float64) / (1 << 24)).astype(port.kind)
        elif port.dtype == "binary":
            made = np.where(bits & np.uint64(1 << 63), 1, -1).astype(np.int8)
        elif port.dtype in _ENDS:
            low, high = _ENDS[port.dtype]
            made = (low + ((bits >> np.uint64(33)) % np.uint64(high - low + 1)).astype(np.int64)).astype(
                port.kind
            )
        else:
            # the upper bits of each word, whatever the type
            whole = (bits >> np.uint64(64 - 8 * port.kind.itemsize)).astype(f"u{port.kind.itemsize}")
            made = whole.view(port.kind)
        arrays.append(made.reshape(shape))
    return Inputs(tuple(arrays), count, f"{count} made inputs (seed {seed})")


def _bits(seed: int, stream: int, count: int) -> Array:
    """Numbers of 64 bits by counting and mixing (SplitMix64): the same with every version of NumPy."""
    start = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) & (2**64 - 1)
    with np.errstate(over="ignore"):
        z = np.uint64(start) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)))


def read_inputs(path: Path, ports: Sequence[Port]) -> Inputs:
    """Read inputs from ``.npz``, ``.npy`` or ``.csv``.

    Raises
    ------
    DataError
        The file cannot be read, or does not hold what the net takes.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".csv":
            return _one(_csv(path), ports, path)
        if suffix in (".npz", ".npy"):
            with path.open("rb") as file:
                if suffix == ".npy":
                    return _one(np.load(file, allow_pickle=False), ports, path)
                return _from_keys(_arrays(file), ports, path)
    except OSError as error:
        raise DataError(f"cannot read the inputs: {error.strerror or error}", where=str(path)) from None
    except (ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"these are no inputs that can be read: {error}", where=str(path)) from None
    raise DataError("inputs are .npz, .npy or .csv", where=str(path))


def _arrays(file: BinaryIO) -> dict[str, Array]:
    """Arrays of a ``.npz``; what would fill the memory is refused before it is unpacked."""
    with zipfile.ZipFile(file) as box:
        if sum(one.file_size for one in box.infolist()) > 8 * _LARGEST:
            raise ValueError("it holds too many numbers")
        names = [one.filename for one in box.infolist() if one.filename.endswith(".npy")]
        out = {}
        for name in names:
            with box.open(name) as member:
                out[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    return out


#: Names of the arrays of a ``.npz`` for inputs and outputs, ``{}`` for their number.
_IN = ("in_{}", "m_inputs_{}", "c_inputs_{}")
_OUT = ("out_{}", "m_outputs_{}", "c_outputs_{}")
_ONE_IN, _ONE_OUT = (
    ("x_test", "inputs", "m_inputs", "c_inputs", "x"),
    ("y_test", "outputs", "m_outputs", "c_outputs", "y", "labels"),
)


def _from_keys(found: dict[str, Array], ports: Sequence[Port], path: Path) -> Inputs:
    names = [port.name for port in ports]
    wanted = _outputs(found)
    if all(name in found for name in names):
        return _checked([found[name] for name in names], ports, path, wanted)
    for form in _IN:
        for first in (0, 1):
            keys = [form.format(k + first) for k in range(len(ports))]
            if all(key in found for key in keys):
                return _checked([found[key] for key in keys], ports, path, wanted)
    for key in (*_ONE_IN, *(("arr_0",) if len(ports) == 1 else ())):
        if len(ports) == 1 and key in found:
            return _checked([found[key]], ports, path, wanted)
    raise DataError(
        f"the file has no arrays for the inputs {', '.join(names)}",
        where=str(path),
        hint="name the arrays as the inputs, or in_0, in_1, ... (x_test for a single one)",
    )


def _outputs(found: dict[str, Array]) -> tuple[Array, ...]:
    for key in _ONE_OUT:
        if key in found:
            return (found[key],)
    for form in _OUT:
        for first in (0, 1):
            out: list[Array] = []
            while form.format(len(out) + first) in found:
                out.append(found[form.format(len(out) + first)])
            if out:
                return tuple(out)
    return ()


def _one(array: Array, ports: Sequence[Port], path: Path) -> Inputs:
    if len(ports) != 1:
        raise DataError(
            f"the net has {len(ports)} inputs, the file one array", where=str(path), hint="give a .npz"
        )
    return _checked([array], ports, path, ())


def _checked(arrays: Sequence[Array], ports: Sequence[Port], path: Path, wanted: tuple[Array, ...]) -> Inputs:
    out = []
    for array, port in zip(arrays, ports, strict=True):
        size = int(np.prod(port.shape, dtype=np.int64))
        if array.dtype.kind not in "fiub" or array.size > _LARGEST:
            raise DataError(f"the array for {port.name} holds no numbers, or too many", where=str(path))
        if not array.size or array.size % size:
            raise DataError(
                f"the array for {port.name} is of shape {array.shape}; the net takes {port.shape} a call",
                where=str(path),
            )
        out.append(_typed(array.reshape(-1, *port.shape), port, path))
    counts = {len(array) for array in out}
    if len(counts) > 1:
        raise DataError("the arrays of the inputs are for different numbers of calls", where=str(path))
    return Inputs(tuple(out), counts.pop(), path.name, wanted)


def _typed(array: Array, port: Port, path: Path) -> Array:
    """Numbers in the type of the input; real ones are quantised where the net takes integers with a scale."""
    if array.dtype == port.kind:
        return array
    if port.kind.kind == "f":
        return array.astype(port.kind)
    wide = array.astype(np.float64)
    if array.dtype.kind == "f" and port.scale is not None and not np.array_equal(wide, np.rint(wide)):
        wide = np.rint(wide / port.scale) + port.zero
    if not np.all(np.isfinite(wide)) or not np.array_equal(wide, np.rint(wide)):
        raise DataError(f"the input {port.name} takes {port.dtype}: whole numbers", where=str(path))
    ends: Any = (0, 1) if port.kind.kind == "b" else (np.iinfo(port.kind).min, np.iinfo(port.kind).max)
    if array.dtype.kind == "f":
        wide = np.clip(wide, float(ends[0]), float(ends[1]))
    elif wide.min() < float(ends[0]) or wide.max() > float(ends[1]):
        raise DataError(f"numbers for {port.name} are beyond {port.dtype}", where=str(path))
    return wide.astype(port.kind)


def _csv(path: Path) -> Array:
    """One call a line; ``# dtype=int8`` may stand above."""
    rows: list[list[float]] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line in csv.reader(row for row in file if not row.lstrip().startswith("#")):
            if line:
                rows.append([float(cell) for cell in line if cell.strip()])
            if len(rows) * len(rows[0] if rows else ()) > _LARGEST:
                raise ValueError("too many numbers")
    if len({len(row) for row in rows}) != 1:
        raise ValueError("lines of different lengths")
    return np.asarray(rows, np.float64)
