"""Real numbers to integers with a scale and back, and from one scale to another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import DTYPES, Array, Tensor
from sensorai.ops.nd import _testing, affine, ctext, elementwise, fixed, meant, nest
from sensorai.ops.nd.affine import columns
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.fixed import multiplier_of

ROUNDINGS = ("even", "away")


def _tables(to: Writer, tensor: Tensor) -> tuple[str, str]:
    """C of the scale and the zero point of an element: numbers, or places in tables along the axis."""
    scale, zero = columns(tensor)
    axis = tensor.quant.axis if isinstance(tensor.quant, Affine) else None
    if axis is None:
        return to.number(float(scale[()]), "float32"), f"({to.number(int(zero[()]))})"
    step = nest.strides(tensor.shape)[axis]
    place = f"[i / {step} % {tensor.shape[axis]}]"
    first = to.table("float", f"scale{to.index}", scale) + place
    if not np.any(zero) and not to.updatable:
        return first, "0"
    return first, to.table("int32_t", f"zero{to.index}", zero) + place


def _loop(at: Applied, to: Writer, stem: str, body: str, *runtime: str) -> None:
    """One loop over all elements; ``x[i]`` and ``y[i]`` in the text."""
    x, out = at.x, at.out
    parameters = f"const {ctext.seen(x.dtype)} *x, {ctext.seen(out.dtype)} *y"
    lines = body.replace("\n", "\n        ")
    text = f"    int32_t i;\n\n    for (i = 0; i < {out.size}; i++) {{\n        {lines}\n    }}\n"
    to.run(to.function(stem, parameters, text, *runtime), to.source(x), to.target(out))


@dataclass(frozen=True, slots=True)
class Quantize(NdOperator):
    """Real numbers, or integers with a scale, as integers with the scale of the output.

    float32 is divided by the scale in float32, rounded, and held within the type. Integers are scaled as
    TensorFlow Lite Micro does.

    Attributes
    ----------
    dtype : str
        Type that comes out.
    rounding : str
        Of real numbers: "even", as ONNX has it, or "away", as TensorFlow Lite has it.
    """

    dtype: str
    rounding: str = "even"

    NAME: ClassVar[str] = "quantize"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the input; the scale is the reader's word."""
        if at.x.dtype not in ("float32", "float16") and not affine.scaled(at.x):
            raise ConfigError(f"layer {at.name}: {at.x.dtype} without a scale cannot be quantised")
        if self.rounding not in ROUNDINGS:
            raise ConfigError(f"layer {at.name}: there is no rounding {self.rounding}")
        return (Made(self.dtype, at.x.shape),)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales are missing."""
        if not isinstance(at.out.quant, Affine):
            raise ConfigError(f"layer {at.name}: the output has no scale")
        if affine.scaled(at.x):
            affine.single(at, at.x)
            affine.single(at, at.out)

    def _factor(self, at: Applied) -> tuple[int, int]:
        return multiplier_of(affine.single(at, at.x)[0] / affine.single(at, at.out)[0])

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Integers of the output's scale."""
        x = np.asarray(arrays[0])
        if affine.scaled(at.x):
            low, high = ctext.ends(self.dtype)
            (_, zero), (_, to) = affine.single(at, at.x), affine.single(at, at.out)
            y = fixed.multiply(x.astype(np.int64) - zero, *self._factor(at)) + to
            return (np.clip(y, low, high).astype(DTYPES[self.dtype]),)
        return (meant.integers(at.out, x, self.rounding),)

    def macc(self, at: Applied) -> int:
        """2 for every element."""
        return 2 * at.out.size

    def buffers(self, at: Applied) -> Buffers:
        """In place where numbers do not grow."""
        return elementwise.in_place(at)

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """The same where one scale holds for all numbers."""
        single = isinstance(at.out.quant, Affine) and at.out.quant.axis is None
        return self if single else None

    def emit(self, at: Applied, to: Writer) -> None:
        """Write one loop."""
        kind, (low, high) = ctext.plain(self.dtype), ctext.ends(self.dtype)
        if affine.scaled(at.x):
            (_, zero), (_, back) = affine.single(at, at.x), affine.single(at, at.out)
            n, (m, s) = to.number, self._factor(at)
            value = f"sa_nd_multiply((int32_t)x[i] - ({n(zero)}), {n(m)}, {n(s)}) + ({n(back)})"
            text = f"y[i] = ({kind})sa_nd_clamp({value}, {low}, {high});"
            _loop(at, to, "rescale", text, "nd/sa_nd_fixed.h")
            return
        scale, zero_text = _tables(to, at.out)
        value = f"sa_nd_nearest_{self.rounding}(x[i] / {scale}) + {zero_text}"
        text = f"y[i] = ({kind})sa_nd_clamp({value}, {low}, {high});"
        _loop(at, to, "quantize", text, "nd/sa_nd_fixed.h", "nd/sa_nd_nearest.h")

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Both roundings, all types, an axis with scales of its own; from scale to scale."""
        x = _testing.given("x", (2, 3, 5))
        for rounding in ROUNDINGS:
            for dtype in ("int8", "uint8", "int16", "uint16", "int4", "uint4"):
                op, zero = cls(dtype, rounding), 3 if dtype.startswith("u") else -1
                yield f"quantize_{dtype}_{rounding}", _testing.one(op, (x,), (Affine((0.25,), (zero,)),))
            each = Affine((0.1, 0.25, 0.5), (0, 3, -5), 1)
            yield f"quantize_axis_{rounding}", _testing.one(cls("int8", rounding), (x,), (each,))
        symmetric = Affine((0.1, 0.25, 0.5), (0, 0, 0), 1)
        yield "quantize_axis_symmetric", _testing.one(cls("int8"), (x,), (symmetric,))
        for a in ("int8", "uint8", "int16", "int32"):
            for b in ("int8", "uint8", "int16"):
                zeros = (0 if a in ("int16", "int32") else 5, 0 if b == "int16" else 100)
                q = _testing.given("x", (20,), a, Affine((0.03,), (zeros[0],)))
                made = (Affine((0.01,), (zeros[1],)),)
                yield f"quantize_{a}_{b}", _testing.one(cls(b), (q,), made)


@dataclass(frozen=True, slots=True)
class Dequantize(NdOperator):
    """Integers with a scale as float32: (q - zero) * scale, the difference exact, the product in float32."""

    NAME: ClassVar[str] = "dequantize"
    FOLDS: ClassVar[bool] = False

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the input."""
        if not affine.scaled(at.x):
            raise ConfigError(f"layer {at.name}: tensor {at.x.name} has no scale")
        return (Made("float32", at.x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Real numbers."""
        return (meant.real(at.x, np.asarray(arrays[0])),)

    def macc(self, at: Applied) -> int:
        """2 for every element."""
        return 2 * at.out.size

    def buffers(self, at: Applied) -> Buffers:
        """In place where numbers do not grow."""
        return elementwise.in_place(at)

    def transposed(self, perm: tuple[int, ...], at: Applied) -> NdOperator | None:
        """The same where one scale holds for all numbers."""
        single = isinstance(at.x.quant, Affine) and at.x.quant.axis is None
        return self if single else None

    def emit(self, at: Applied, to: Writer) -> None:
        """Write one loop."""
        scale, zero = _tables(to, at.x)
        value = f"((int32_t)x[i] - {zero})"
        if at.x.dtype == "int32":
            value = f"((int64_t)x[i] - {zero})"
        _loop(at, to, "dequantize", f"y[i] = (float){value} * {scale};")

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """All types, an axis with scales of its own."""
        for dtype in ("int8", "uint8", "int16", "uint16", "int32", "int4", "uint4"):
            x = _testing.given("x", (2, 3, 4), dtype, Affine((0.3,), (2,)))
            yield f"dequantize_{dtype}", _testing.one(cls(), (x,))
            x = _testing.given("x", (2, 3, 4), dtype, Affine((0.1, 0.2, 0.3), (0, 1, 2), 1))
            yield f"dequantize_{dtype}_axis", _testing.one(cls(), (x,))


@dataclass(frozen=True, slots=True)
class Scaled(NdOperator):
    """The same integers, which from here on have the scale of the output."""

    NAME: ClassVar[str] = "scaled"
    PLACELESS: ClassVar[bool] = False

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and shape of the input."""
        return (Made(at.x.dtype, at.x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The same numbers."""
        return (np.asarray(arrays[0]),)

    def buffers(self, at: Applied) -> Buffers:
        """Stays where it is."""
        return Buffers(alias=True)

    def emit(self, at: Applied, to: Writer) -> None:
        """Nothing runs."""

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Of int8."""
        yield "scaled", _testing.one(cls(), (_testing.given("x", (5,), "int8"),), (Affine((0.5,), (1,)),))
