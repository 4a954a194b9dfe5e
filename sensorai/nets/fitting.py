"""Whether an array of a file is calls of an input, and its numbers in the type of the input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensorai.errors import DataError
from sensorai.graph.tensor import Array, Shape
from sensorai.nets.port import Port

#: Ends of types of fewer bits than their bytes have.
ENDS = {
    "int4": (-8, 7),
    "uint4": (0, 15),
    "int2": (-2, 1),
    "uint2": (0, 3),
    "bool": (0, 1),
    "binary": (-1, 1),
}


def calls(array: Array, shape: Shape, what: str, where: str) -> Array:
    """Give an array one axis of calls and the axes of a tensor behind it.

    Axes of extent 1 may be there or not: they change no order. Anything else that only has the right number
    of numbers would be cut into calls that nobody meant.

    Parameters
    ----------
    array : ndarray
        Calls in front of the axes of the tensor or of a row of its numbers, or one call.
    shape : tuple of int
    what, where : str
        The array and its file, for the error.

    Raises
    ------
    DataError
        It has another shape.
    """
    size = int(np.prod(shape, dtype=np.int64))
    many = array.ndim > 0 and (_bare(array.shape[1:]) == _bare(shape) or array.shape[1:] == (size,))
    if array.size and (many or _bare(array.shape) == _bare(shape) or array.shape == (size,)):
        return array.reshape(-1, *shape)
    raise DataError(
        f"{what} is of shape {array.shape}; the net takes {shape} a call",
        where=where,
        hint=_way(array.shape, shape),
    )


def _bare(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(extent for extent in shape if extent != 1)


def _way(got: Shape, shape: Shape) -> str:
    """What may have been meant."""
    sample, wanted = got[1:], shape[1:] if shape[:1] == (1,) else shape
    if len(sample) == len(wanted) > 1 and sample != wanted and sorted(sample) == sorted(wanted):
        if (*sample[-1:], *sample[:-1]) == wanted:
            axes, seems = (len(sample), *range(1, len(sample))), "channels last, which the net takes first"
        elif (*sample[1:], *sample[:1]) == wanted:
            axes, seems = (*range(2, len(sample) + 1), 1), "channels first, which the net takes last"
        else:
            free, axes, seems = list(range(len(sample))), (), "the axes in another order"
            for extent in wanted:
                k = next(k for k in free if sample[k] == extent)
                free.remove(k)
                axes = (*axes, k + 1)
        order = ", ".join(map(str, (0, *axes)))
        return f"it looks like {seems}: x.transpose({order})"
    return f"one call after the other: {('N', *wanted)}".replace("'", "") + ", or a row of numbers for each"


def typed(array: Array, port: Port, where: str) -> tuple[Array, str]:
    """Numbers in the type of an input, and what was done to them.

    Real numbers are quantised where the input has a scale, whole ones among them; integers are quantised
    already and stay as they are.

    Raises
    ------
    DataError
        The type of the input does not hold them.
    """
    if port.kind.kind == "f":
        return _real(array, port, where)
    ends = ENDS.get(port.dtype) or (int(np.iinfo(port.kind).min), int(np.iinfo(port.kind).max))
    note = ""
    if array.dtype.kind == "f":
        if not np.all(np.isfinite(array)):
            raise DataError(f"numbers for {port.name} are not finite", where=where)
        array, note = _quantised(array.astype(np.float64), port, ends, where)
    # of Python, which compares integers of any two types as they are
    if int(array.min()) < ends[0] or int(array.max()) > ends[1]:
        hint = f"{port.dtype} holds {ends[0]} to {ends[1]}"
        if port.scale is not None:
            hint += f"; real numbers (float32) are quantised with the scale of {port.name}"
        raise DataError(f"numbers for {port.name} are beyond {port.dtype}", where=where, hint=hint)
    if port.dtype == "binary" and np.any(array == 0):
        raise DataError(f"numbers for {port.name} are -1 or 1", where=where)
    return array.astype(port.kind), note


def _real(array: Array, port: Port, where: str) -> tuple[Array, str]:
    with np.errstate(over="ignore"):
        made = array.astype(port.kind)
    if np.any(np.isinf(made) & np.isfinite(array)):
        raise DataError(f"numbers for {port.name} are beyond {port.dtype}", where=where)
    note = "" if array.dtype.kind == "f" else f"{port.name}: {array.dtype} taken as {port.dtype}, not scaled"
    return made, note


def _quantised(wide: Array, port: Port, ends: tuple[int, int], where: str) -> tuple[Array, str]:
    if port.scale is None:
        if not np.array_equal(wide, np.rint(wide)):
            raise DataError(f"the input {port.name} takes {port.dtype}: whole numbers", where=where)
        return wide, ""
    wide = np.rint(wide / port.scale) + port.zero
    clipped = int(np.sum((wide < ends[0]) | (wide > ends[1])))
    note = f"{port.name}: real numbers quantised to {port.dtype}, scale {port.scale:.6g}, zero {port.zero}"
    if clipped:
        note += f"; {clipped:,} of {wide.size:,} clipped"
    return np.clip(wide, float(ends[0]), float(ends[1])), note
