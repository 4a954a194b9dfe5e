"""Images resized between their four nearest numbers, as TensorFlow Lite Micro's reference does it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _testing, ctext, nest
from sensorai.ops.nd.base import Made, NdOperator

#: What the distances of integer images count in: 2**-10 of a pixel.
UNIT = 1 << 10


def table(
    extent: int, count: int, align_corners: bool, half_pixel_centers: bool, dtype: str
) -> tuple[Array, Array]:
    """Neighbours and distances of ``count`` numbers along an axis of ``extent``.

    Returns
    -------
    places : ndarray of int32, shape (count, 2)
        The neighbour before and the one behind.
    parts : ndarray of float32, or of int32 in units of 2**-10, shape (count,)
        Distance from the neighbour before; negative or above one where the image ends.
    """
    at: Array
    aligned = align_corners and count > 1
    over, under = (extent - 1, count - 1) if aligned else (extent, count)
    if dtype == "float32":
        scale = np.float32(over) / np.float32(under)
        at = np.arange(count).astype(np.float32)
        half = np.float32(0.5)
        at = (at + half) * scale - half if half_pixel_centers else at * scale
        before, behind = np.asarray(np.floor(at), np.int64), np.asarray(np.ceil(at), np.int64)
    else:
        step = (UNIT * over + under // 2) // under
        at = np.arange(count, dtype=np.int64) * step
        if half_pixel_centers:
            at = at + step // 2 - UNIT // 2
        # C divides towards zero; what that changes below zero is clipped all the same
        before, behind = at // UNIT, -(-at // UNIT)
    # roundings of the scale may lead behind the last of very many
    before, behind = np.clip(before, 0, extent - 1), np.clip(behind, 0, extent - 1)
    places = np.stack([before, behind], axis=1).astype(np.int32)
    if dtype == "float32":
        return places, at - before.astype(np.float32)
    return places, (at - UNIT * before).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Bilinear(NdOperator):
    """Input (N, rows, columns, channels) of float32 or int8, read where the tables of ``table`` say.

    Inputs: x, and constants: row places (rows, 2), row parts (rows,), column places (columns, 2), column
    parts (columns,). Results of int8 are rounded to nearest, ties away from zero.
    """

    NAME: ClassVar[str] = "bilinear"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """As many rows and columns as the tables have."""
        if len(at.inputs) != 5 or any(one.data is None for one in at.inputs[1:]):
            raise ConfigError(f"layer {at.name}: places and parts are constants")
        x, parts = at.x, "float32" if at.x.dtype == "float32" else "int32"
        if x.dtype not in ("float32", "int8") or len(x.shape) != 4 or min(x.shape) < 1:
            raise ConfigError(f"layer {at.name}: an image of {x.dtype}, {x.shape}", hint="float32, int8")
        out = []
        for axis, (where, part) in ((1, at.inputs[1:3]), (2, at.inputs[3:5])):
            count = part.shape[0] if len(part.shape) == 1 else 0
            known = np.asarray(where.data)
            if where.shape != (count, 2) or not count or (where.dtype, part.dtype) != ("int32", parts):
                raise ConfigError(f"layer {at.name}: tables {where.shape}, {part.shape} do not fit")
            if known.min() < 0 or known.max() >= x.shape[axis]:
                raise ConfigError(f"layer {at.name}: places lie outside of an axis of {x.shape[axis]}")
            if parts == "int32" and np.abs(np.asarray(part.data).astype(np.int64)).max() > UNIT:
                raise ConfigError(f"layer {at.name}: parts of more than a pixel")
            out.append(count)
        shape = (x.shape[0], *out, x.shape[3])
        if x.shape[0] * out[0] * out[1] * x.shape[3] >= 2**31:
            raise ConfigError(f"layer {at.name}: a result of shape {shape} makes no sense")
        return (Made(x.dtype, shape, x.quant),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Four products, one after the other."""
        x, rows, dy, columns, dx = (np.asarray(a) for a in arrays)
        floats = x.dtype == np.float32
        one = np.float32(1) if floats else np.int64(UNIT)
        v, w = (d if floats else d.astype(np.int64) for d in (dy[:, None, None], dx[None, :, None]))
        wide = x if floats else x.astype(np.int64)
        above, below = wide[:, rows[:, 0]], wide[:, rows[:, 1]]
        left, right = columns[:, 0], columns[:, 1]
        with np.errstate(all="ignore"):
            total = above[:, :, left] * (one - v) * (one - w)
            total = total + below[:, :, left] * v * (one - w)
            total = total + above[:, :, right] * (one - v) * w
            total = total + below[:, :, right] * v * w
        if floats:
            return (total,)
        # C divides towards zero, and narrows by leaving bits out
        size = np.abs(total) + (1 << 19) >> 20
        return (np.where(total > 0, size, -size).astype(np.int8),)

    def macs(self, at: Applied) -> int:
        """Four for each result."""
        return 4 * at.out.size

    def emit(self, at: Applied, to: Writer) -> None:
        """Loops over the result."""
        _, h, w, c = at.x.shape
        n, rows, columns, _ = at.out.shape
        floats = at.x.dtype == "float32"
        kind, one, part = ("float", "1.0f", "sa_nd_f32") if floats else ("int32_t", str(UNIT), "sa_nd_i32")
        image = ctext.seen(at.x.dtype)
        body = (
            f"const {image} *above = x + (i0 * {h} + p[2 * i1]) * {w * c} + i3;\n"
            f"const {image} *below = x + (i0 * {h} + p[2 * i1 + 1]) * {w * c} + i3;\n"
            f"const int32_t left = q[2 * i2] * {c}, right = q[2 * i2 + 1] * {c};\n"
            f"const {kind} v = dy[i1], u = dx[i2];\n"
            f"const {kind} a = above[left] * ({one} - v) * ({one} - u);\n"
            f"const {kind} b = below[left] * v * ({one} - u);\n"
            f"const {kind} d = above[right] * ({one} - v) * u;\n"
            f"const {kind} e = below[right] * v * u;\n"
            f"const {kind} ab = a + b, abd = ab + d, sum = abd + e;\n\n"
        )
        place = f"y[((i0 * {rows} + i1) * {columns} + i2) * {c} + i3]"
        if floats:
            body += f"{place} = sum;"
        else:
            body += f"{place} = (int8_t)((sum + (sum > 0 ? 524288 : -524288)) / 1048576);"
        parameters = (
            f"const {image} *x, const sa_nd_i32 *p, const {part} *dy, const sa_nd_i32 *q, const {part} *dx, "
            f"{image} *y"
        )
        name = to.function("bilinear", parameters, nest.loops((n, rows, columns, c), body))
        to.run(name, *(to.source(t) for t in at.inputs), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Both types, larger and smaller, each way of centres."""
        for dtype, quant in (("float32", None), ("int8", Affine((0.05,), (-3,)))):
            x = _testing.given("x", (2, 3, 4, 2), dtype, quant)
            kind = "float32" if dtype == "float32" else "int32"
            for align, half in ((False, False), (True, False), (False, True)):
                tables = []
                for axis, (extent, count) in enumerate(((3, 7), (4, 2))):
                    places, parts = table(extent, count, align, half, dtype)
                    tables.append(_testing.known(f"p{axis}", places, "int32"))
                    tables.append(_testing.known(f"d{axis}", parts, kind))
                name = f"bilinear_{dtype}_{int(align)}{int(half)}"
                yield name, _testing.one(cls(), (x, *tables), (quant,))
