"""Normalisation with the mean and variance, or the size, of the numbers themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Shape, Tensor
from sensorai.ops.nd import _testing, affine, ctext, elementwise, meant, nest, normalize_integer
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.softmax import ordered_sum

KINDS = ("layer", "deviation", "rms", "l1", "l2")


@dataclass(frozen=True, slots=True)
class Normalize(NdOperator):
    """Numbers of some axes made alike; everything in float32, sums in the order of the numbers.

    ``layer``: ``(x - mean) * (1 / sqrt(var + epsilon))``; ``deviation``: ``(x - mean) * (1 / (sqrt(var) +
    epsilon))``; ``rms``: ``x * (1 / sqrt(mean of squares + epsilon))``; ``l1``, ``l2``: ``x / max(size,
    epsilon)`` with the sum of magnitudes or the root of the sum of squares, 0 where that is 0. Then times
    scale and plus bias, where those are there. int8 with a scale, ``l2`` along the last axis: as TensorFlow
    Lite Micro, see ``normalize_integer``.

    Inputs: x; scale and bias, broadcast against x, or left out.

    Attributes
    ----------
    kind : str
    axes : tuple of int
        From 0, in order.
    epsilon : float
    stats : bool
        Whether mean and the factor (of ``layer``) come out too, with the axes kept.
    rounding : str
        Of integers with a scale: "tflite" as above, or "even": as what they mean, see ``meant``; scale and
        bias may be float32.
    to : str
        Type that comes out then; "" for that of x.
    """

    kind: str
    axes: tuple[int, ...]
    epsilon: float = 0.0
    stats: bool = False
    rounding: str = "tflite"
    to: str = ""

    NAME: ClassVar[str] = "normalize"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and shape of x."""
        x, rank = at.x, len(at.x.shape)
        if self.kind not in KINDS:
            raise ConfigError(f"layer {at.name}: there is no normalisation {self.kind}")
        if (
            not self.axes
            or list(self.axes) != sorted(set(self.axes))
            or not all(0 <= a < rank for a in self.axes)
        ):
            raise ConfigError(f"layer {at.name}: {x.shape} has no axes {self.axes}")
        if x.dtype not in ("float32", "float16") and not affine.scaled(x):
            raise ConfigError(f"layer {at.name}: normalisation of {x.dtype}")
        for one in at.inputs[1:3]:
            if one.name and elementwise.together(at, x, one) != x.shape:
                raise ConfigError(f"layer {at.name}: {one.shape} numbers for {x.shape}")
        small = tuple(1 if k in self.axes else n for k, n in enumerate(x.shape))
        return (Made(self.to or x.dtype, x.shape), *(Made("float32", small),) * (2 if self.stats else 0))

    @property
    def _meant(self) -> bool:
        return self.rounding != "tflite"

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales do not fit."""
        if self._meant:
            meant.check(at, self.rounding)
            if self.stats:
                raise ConfigError(f"layer {at.name}: statistics of integers do not come out")
        elif affine.scaled(at.x):
            normalize_integer.check(self.kind, self.axes, at)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Numbers made alike, then mean and factor."""
        given = np.asarray(arrays[0])
        if self._meant:
            real = (
                None if a is None else meant.real(t, np.asarray(a))
                for t, a in zip(at.inputs, arrays, strict=True)
            )
            return (meant.integers(at.out, self._real(*real)[0], "even"),)
        if affine.scaled(at.x):
            return (normalize_integer.compute(at, given),)
        return self._real(*arrays)

    def _real(self, *arrays: Array | None) -> tuple[Array, ...]:
        given = np.asarray(arrays[0])
        x = given.astype(np.float32)
        left = [k for k in range(x.ndim) if k not in self.axes]
        order = [*left, *self.axes]
        kept = [x.shape[k] for k in left]
        small = tuple(1 if k in self.axes else n for k, n in enumerate(x.shape))
        rows = x.transpose(order).reshape([*kept, -1])
        with np.errstate(all="ignore"):
            mean, factor = (a.reshape(small) for a in self._stats(rows))
            y = (x - mean) * factor if self.kind in ("layer", "deviation") else x * factor
            if self.kind in ("l1", "l2"):
                y = np.where(factor == 0, np.float32(0), x / factor)
            for place, one in enumerate(arrays[1:3]):
                if one is not None:
                    v = one.astype(np.float32)
                    y = y + v if place else y * v
        made = (y.astype(given.dtype), mean, factor)
        return made if self.stats else made[:1]

    def _stats(self, rows: Array) -> tuple[Array, Array]:
        """Mean and factor (size, of l1 and l2) of rows."""
        count, epsilon = np.float32(rows.shape[-1]), np.float32(self.epsilon)
        mean = np.zeros((*rows.shape[:-1], 1), np.float32)
        if self.kind in ("layer", "deviation"):
            mean = ordered_sum(rows, -1) / count
        less = rows - mean if self.kind in ("layer", "deviation") else rows
        if self.kind == "l1":
            size = ordered_sum(np.abs(less), -1)
            return mean, np.where(size < epsilon, epsilon, size)
        total = ordered_sum(less * less, -1)
        if self.kind == "l2":
            size = np.sqrt(total)
            return mean, np.where(size < epsilon, epsilon, size)
        var = total / count
        below = np.sqrt(var) + epsilon if self.kind == "deviation" else np.sqrt(var + epsilon)
        return mean, np.float32(1) / below

    def macs(self, at: Applied) -> int:
        """Two for every element: the squares, and the factor."""
        return 2 * at.x.size

    def macc(self, at: Applied) -> int:
        """Sums, squares and what is made of them: 5 for every element, 3 without a mean."""
        return (5 if self.kind in ("layer", "deviation") else 3) * at.x.size

    def emit(self, at: Applied, to: Writer) -> None:
        """Write loops over what is left, and inside over what is made alike."""
        if affine.scaled(at.x) and not self._meant:
            normalize_integer.emit(at, to)
            return
        loops = _Walk(at, self.axes)

        def read(k: int) -> str:
            one = f"x{k}[{loops.place(k)}]"
            return f"({meant.value(at, k, to)})".replace(f"${k}", one) if self._meant else one

        x = read(0)
        body = "float s = 0.0F, f;\n"
        if self.kind in ("layer", "deviation"):
            body = "float m = 0.0F, s = 0.0F, f;\n"
            body += loops.inside(f"m += {x};")
            body += f"m = m / {to.real(loops.count)};\n"
        value = f"{x} - m" if self.kind in ("layer", "deviation") else x
        each = "s += v < 0.0F ? -v : v;" if self.kind == "l1" else "s += v * v;"
        body += loops.inside(f"const float v = {value};\n{each}")
        body += self._factor(to, loops.count)
        made = "v * f"
        if self.kind in ("l1", "l2"):
            made = "f != 0.0F ? v / f : 0.0F"
        lines = [f"float v = {value};", f"v = {made};"]
        names = [k for k in (1, 2) if k < len(at.inputs) and at.inputs[k].name]
        lines += [f"v = v {'*' if k == 1 else '+'} {read(k)};" for k in names]
        y = f"y[{loops.place(0)}]"
        stored = meant.stored(at, "v", to).replace("$y", y) if self._meant else f"{y} = v;"
        body += loops.inside("\n".join([*lines, stored]))
        outputs = [f"{ctext.seen(at.out.dtype)} *y"]
        if self.stats:
            mean = "m" if self.kind in ("layer", "deviation") else "0.0F"
            body += f"mean[{loops.row}] = {mean};\nfactor[{loops.row}] = f;\n"
            outputs += ["sa_nd_f32 *mean", "sa_nd_f32 *factor"]
        inputs = [f"const {ctext.seen(at.inputs[k].dtype)} *x{k}" for k in (0, *names)]
        text = nest.loops(loops.outer, body)
        files = ("nd/sa_nd_unary.h", *(meant.RUNTIME if self._meant else ()))
        name = to.function(self.kind, ", ".join([*inputs, *outputs]), text, *files)
        sources = [to.source(at.inputs[k]) for k in (0, *names)]
        to.run(name, *sources, *(to.target(t) for t in at.outputs))

    def _factor(self, to: Writer, count: int) -> str:
        epsilon = to.real(self.epsilon)
        if self.kind == "l1":
            return f"f = s < {epsilon} ? {epsilon} : s;\n"
        if self.kind == "l2":
            return f"s = sa_nd_sqrt(s);\nf = s < {epsilon} ? {epsilon} : s;\n"
        if self.kind == "deviation":
            return f"f = 1.0F / (sa_nd_sqrt(s / {to.real(count)}) + {epsilon});\n"
        return f"f = 1.0F / sa_nd_sqrt(s / {to.real(count)} + {epsilon});\n"

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every kind over several axes, with scale and bias, with statistics."""
        x = _testing.given("x", (2, 3, 4, 5))
        rng = np.random.default_rng(3)
        for kind in KINDS:
            for axes in ((1,), (3,), (2, 3), (0, 2), (0, 1, 2, 3)):
                name = f"normalize_{kind}_{''.join(map(str, axes))}"
                yield name, _testing.one(cls(kind, axes, 1e-5), (x,))
            scale = _testing.known("k", rng.normal(0, 1, (3, 1, 1)))
            bias = _testing.given("b", (4, 5))
            yield f"normalize_{kind}_scale", _testing.one(cls(kind, (2, 3), 1e-5), (x, scale))
            yield f"normalize_{kind}_both", _testing.one(cls(kind, (1, 3), 1e-5), (x, scale, bias))
        yield "normalize_stats", _testing.one(cls("layer", (2, 3), 1e-5, True), (x, None, None))
        yield "normalize_zero", _testing.one(cls("l2", (1,)), (_testing.given("x", (2, 3)),))
        for kind, made in (("layer", "int8"), ("rms", "int16"), ("l1", "uint8")):
            q = _testing.given("x", (3, 4, 5), "int8", Affine((0.05,), (-20,)))
            scale = _testing.known("k", rng.normal(0, 1, (5,)))
            b = _testing.given("b", (4, 5), "int8", Affine((0.01,), (4,)))
            op = cls(kind, (2,), 1e-5, False, "even", made)
            out = Affine((1e-4 if made == "int16" else 0.03,), (0 if made == "int16" else 10,))
            yield f"normalize_{kind}_meant", _testing.one(op, (q, scale, b), (out,))
        q = _testing.given("x", (5, 7), "int8", Affine((0.05,), (-20,)))
        yield "normalize_int8", _testing.one(cls("l2", (1,), 1e-6), (q,), (Affine((1 / 128,), (0,)),))


class _Walk:
    """Loops over what is left, and over what is made alike, for x and what is broadcast against it."""

    def __init__(self, at: Applied, axes: tuple[int, ...]) -> None:
        shape = at.x.shape
        inputs: list[Tensor] = [t if t.name else at.x for t in at.inputs]
        steps = [nest.broadcast(t.shape, shape) for t in inputs]
        left = [k for k in range(len(shape)) if k not in axes]
        self.outer, self.first = _merge(shape, left, steps)
        self.inner, self.second = _merge(shape, list(axes), steps)
        self.count = int(np.prod([shape[k] for k in axes], dtype=np.int64))
        self.row = nest.index(nest.strides(self.outer))

    def place(self, k: int) -> str:
        """Index of an element of input ``k``."""
        parts = [nest.index(self.first[k]), nest.index(self.second[k], names="j")]
        return " + ".join(p for p in parts if p != "0") or "0"

    def inside(self, body: str) -> str:
        """Loops over what is made alike, in a block of their own."""
        text = nest.loops(self.inner, body, "j", 4)
        return "{\n" + text + "}\n"


def _merge(
    shape: Shape, axes: list[int], steps: list[tuple[int, ...]]
) -> tuple[Shape, list[tuple[int, ...]]]:
    return nest.merged(tuple(shape[k] for k in axes), *([one[k] for k in axes] for one in steps))
