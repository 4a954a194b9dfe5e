"""Inputs of a net: from files as ST's tool takes them, or spread over their types."""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from sensorai.errors import DataError
from sensorai.graph.tensor import Array
from sensorai.nets.fitting import ENDS, calls, typed

if TYPE_CHECKING:
    from sensorai.nets.port import Port

#: Seed of the inputs that are made, as in ST's tool.
SEED = 42
#: How many are made where nothing is said.
COUNT = 10
#: Most numbers that a file of inputs may hold.
_LARGEST = 1 << 27
#: What a comment says of the type, and a cell that is a whole number.
_DTYPE, _WHOLE = re.compile(r"dtype\s*=\s*(\w+)"), re.compile(r"\s*[+-]?\d+\s*\Z", re.ASCII)


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
    notes : tuple of str
        What was done to the numbers of the file, and what of it was not read.
    """

    arrays: tuple[Array, ...]
    count: int
    source: str
    wanted: tuple[Array, ...] = ()
    notes: tuple[str, ...] = ()


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
        elif port.dtype in ENDS:
            low, high = ENDS[port.dtype]
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


def read_inputs(path: Path, ports: Sequence[Port], outputs: Sequence[str] = ()) -> Inputs:
    """Read inputs from ``.npz``, ``.npy`` or ``.csv``.

    ``outputs``: names of the net's outputs, which arrays of awaited ones may have.

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
                return _from_keys(_arrays(file), ports, path, outputs)
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


def _from_keys(
    found: dict[str, Array], ports: Sequence[Port], path: Path, names_out: Sequence[str]
) -> Inputs:
    names = [port.name for port in ports]
    keys = _inputs(found, names)
    if not keys:
        raise DataError(
            f"the file has no arrays for the inputs {', '.join(names)}",
            where=str(path),
            hint="name the arrays as the inputs, or in_0, in_1, ... (x_test for a single one)",
        )
    others = {key: array for key, array in found.items() if key not in keys}
    named = bool(names_out) and all(name in others for name in names_out)
    outs = list(names_out) if named else _outputs(others)
    made = _checked([found[key] for key in keys], ports, path)
    left = [key for key in found if key not in (*keys, *outs)]
    notes = (f"not read: {', '.join(left)}",) if left else ()
    return replace(made, wanted=tuple(found[key] for key in outs), notes=(*made.notes, *notes))


def _inputs(found: dict[str, Array], names: Sequence[str]) -> list[str]:
    """Names of the arrays for the inputs; none where they are not all there."""
    forms = [[form.format(k + first) for k in range(len(names))] for form in _IN for first in (0, 1)]
    alone = [[key] for key in (*_ONE_IN, "arr_0")] if len(names) == 1 else []
    every = [list(names), *forms, *alone]
    return next((keys for keys in every if all(key in found for key in keys)), [])


def _outputs(found: dict[str, Array]) -> list[str]:
    """Names of the arrays of awaited outputs."""
    for key in _ONE_OUT:
        if key in found:
            return [key]
    for form in _OUT:
        for first in (0, 1):
            out: list[str] = []
            while form.format(len(out) + first) in found:
                out.append(form.format(len(out) + first))
            if out:
                return out
    return []


def _one(array: Array, ports: Sequence[Port], path: Path) -> Inputs:
    if len(ports) != 1:
        raise DataError(
            f"the net has {len(ports)} inputs, the file one array", where=str(path), hint="give a .npz"
        )
    return _checked([array], ports, path)


def _checked(arrays: Sequence[Array], ports: Sequence[Port], path: Path) -> Inputs:
    out, notes = [], []
    for array, port in zip(arrays, ports, strict=True):
        if array.dtype.kind not in "fiub" or array.size > _LARGEST:
            raise DataError(f"the array for {port.name} holds no numbers, or too many", where=str(path))
        shaped = calls(array, port.shape, f"the array for {port.name}", str(path))
        made, note = typed(shaped, port, str(path))
        out.append(made)
        notes += [note] if note else []
    counts = {len(array) for array in out}
    if len(counts) > 1:
        raise DataError("the arrays of the inputs are for different numbers of calls", where=str(path))
    return Inputs(tuple(out), counts.pop(), path.name, (), tuple(notes))


def _csv(path: Path) -> Array:
    """One call a line; whole numbers are integers, unless ``# dtype=`` above says what they are."""
    rows: list[list[str]] = []
    said = ""
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line in csv.reader(file):
            if line and line[0].lstrip().startswith("#"):
                said = said or "".join(_DTYPE.findall(",".join(line))[:1])
            elif line:
                rows.append([cell for cell in line if cell.strip()])
            if len(rows) * len(rows[0] if rows else ()) > _LARGEST:
                raise ValueError("too many numbers")
    if len({len(row) for row in rows}) != 1:
        raise ValueError("lines of different lengths")
    real = np.asarray([[float(cell) for cell in row] for row in rows], np.float64)
    whole = "int" in said if said else all(_WHOLE.match(cell) for row in rows for cell in row)
    if not whole:
        return real
    if not np.array_equal(real, np.rint(real)) or np.abs(real).max(initial=0) > 2.0**53:
        raise ValueError("integers that are no whole numbers, or too large")
    return real.astype(np.int64)
