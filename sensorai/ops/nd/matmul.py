"""Product of matrices, as NumPy's ``matmul`` does it for any number of axes.

Real numbers: products from 0 on, one after the other; float16 is summed in float32 and rounded once. Plain
integers wrap. Integers with a scale, or whose sums come out, are computed as ``leaving`` says.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array, Shape
from sensorai.ops.nd import _testing, ctext, nest
from sensorai.ops.nd.base import Made, NdOperator
from sensorai.ops.nd.leaving import Exit, exit_of, zero_of, zeros_of

#: Types whose products are scaled, or summed as int32.
_SMALL = ("int8", "uint8", "int16")
_PLAIN = ("float16", "float32", "float64", "int32", "int64", "uint32", "uint64")


@dataclass(frozen=True, slots=True)
class MatMul(NdOperator):
    """``a @ b``; axes before the last two repeat along each other, a vector is a row or a column.

    Attributes
    ----------
    rounding : {"tflite", "even"}
        How sums of integers with a scale leave.
    to : str
        "int32": sums of bytes themselves come out; "": the type of ``a``, or another one of 8 bits.
    """

    rounding: str = "tflite"
    to: str = ""

    NAME: ClassVar[str] = "matmul"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape as NumPy says."""
        where = f"layer {at.name}"
        if len(at.inputs) != 2 or not all(x.name for x in at.inputs):
            raise ConfigError(f"{where}: two tensors are multiplied")
        a, b = at.inputs
        bytes_ = a.dtype in ("int8", "uint8") and b.dtype in ("int8", "uint8")
        same = a.dtype == b.dtype and (a.dtype in _PLAIN or (a.dtype == "int16" and not self.to))
        if not (bytes_ or same):
            raise ConfigError(f"{where}: {a.dtype} by {b.dtype} is not supported")
        if self.to and not (bytes_ and self.to in ("int32", "int8", "uint8")):
            raise ConfigError(f"{where}: sums of {a.dtype} cannot become {self.to}")
        one = _Form(at)
        return (Made(self.to or a.dtype, one.shape),)

    def exit(self, at: Applied) -> Exit:
        """Way out of sums of small integers; a scale for each column goes along the last axis."""
        a, b = at.inputs
        wide = a.dtype == "int16"
        single = self.rounding == "tflite"
        most = a.shape[-1] << 30 if wide else 0
        free = (None, None)
        return exit_of(at, (a, b), None, self.rounding, free, single=single, narrow=not wide, most=most)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales are missing or do not fit."""
        a, b = at.inputs
        if a.dtype not in _SMALL:
            return
        where = f"layer {at.name}"
        zero_of(a, where)
        if isinstance(b.quant, Affine) and b.quant.axis not in (None, len(b.shape) - 1):
            raise ConfigError(f"{where}: scales of the second tensor go along its last axis")
        if isinstance(b.quant, Affine) and b.quant.axis is not None and len(b.shape) < 2:
            raise ConfigError(f"{where}: a vector has one scale")
        self.exit(at)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """The product."""
        form = _Form(at)
        a, b = np.asarray(arrays[0]).reshape(form.a), np.asarray(arrays[1]).reshape(form.b)
        kind = at.x.dtype
        with np.errstate(all="ignore"):
            if kind in _SMALL:
                x = a.astype(np.float64) - zero_of(at.x, at.name)
                y = b.astype(np.float64) - zeros_of(at.inputs[1])
                made = self.exit(at).apply(np.rint(x @ y).astype(np.int64))
            elif not kind.startswith("float"):
                made = a @ b
            else:
                wide = np.float32 if kind == "float16" else a.dtype
                made = _ordered(a.astype(wide), b.astype(wide)).astype(a.dtype)
        return (made.reshape(form.shape),)

    def macs(self, at: Applied) -> int:
        """Products."""
        return math.prod(_Form(at).shape) * at.x.shape[-1]

    def macc(self, at: Applied) -> int:
        """As a dense layer without bias."""
        return self.macs(at)

    def emit(self, at: Applied, to: Writer) -> None:
        """Loops for the layer."""
        form = _Form(at)
        a, b, out = at.inputs[0], at.inputs[1], at.out
        small = a.dtype in _SMALL
        files = ("nd/sa_nd_exit.h",) if small else ()
        body = self._small(at, to, form) if small else _plain_body(a.dtype, form)
        lead = form.shape_of_batch
        walks = [
            nest.broadcast((*form.a[:-2], 1), (*lead, 1))[:-1],
            nest.broadcast((*form.b[:-2], 1), (*lead, 1))[:-1],
            nest.broadcast((*lead, 1), (*lead, 1))[:-1],
        ]
        sizes = (form.rows * form.inner, form.inner * form.columns, form.rows * form.columns)
        extents, steps = nest.merged(lead, *walks)
        types = (f"const {ctext.seen(a.dtype)}", f"const {ctext.seen(b.dtype)}", ctext.seen(out.dtype))
        starts = ""
        for name, kind, one, size in zip("aby", types, steps, sizes, strict=True):
            starts += f"{kind} *const {name}_ = {name} + {nest.index([s * size for s in one])};\n"
        text = nest.loops(extents, starts + body)
        parameters = ", ".join(f"{kind} *{name}" for kind, name in zip(types, "aby", strict=True))
        name = to.function("matmul", parameters, text, *files)
        to.run(name, to.source(a), to.source(b), to.target(out))

    def _small(self, at: Applied, to: Writer, form: _Form) -> str:
        way = self.exit(at)
        place = to.layer(way.fields(to), "sa_nd_exit_t")
        zero_a, zeros = to.number(zero_of(at.x, at.name)), zeros_of(at.inputs[1])
        if len(zeros) == 1:
            zero_b = to.number(int(zeros[0]))
        else:
            zero_b = f"{to.table('int32_t', f'zero{to.index}', zeros)}[n]"
        x = "a_[m * {k} + k]" + (f" - {_signed(zero_a)}" if zero_a != "0" else "")
        y = "b_[k * {n} + n]" + (f" - {_signed(zero_b)}" if zero_b != "0" else "")
        wide = way.wide
        product = f"(int64_t)({x}) * ({y})" if wide else f"(uint32_t)(({x}) * ({y}))"
        leave = f"sa_nd_leave{'_wide' if wide else ''}({place}, y_, m * {{n}} + n, n, sum);"
        return _body("int64_t" if wide else "uint32_t", "0", product, leave, form)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Vectors, axes that repeat, every type, roundings."""
        shapes: tuple[tuple[Shape, Shape], ...] = (
            ((3, 4), (4, 2)),
            ((2, 1, 3, 4), (3, 4, 2)),
            ((4,), (2, 4, 3)),
            ((2, 3, 4), (4,)),
            ((4,), (4,)),
        )
        for k, (a, b) in enumerate(shapes):
            for dtype in ("float32", "int32") if k else ("float32", "float64", "int32", "int64", "uint64"):
                given = [_testing.given("a", a, dtype), _testing.given("b", b, dtype)]
                yield f"matmul_{k}_{dtype}", _testing.one(cls(), given)
        kinds = {"int8": Affine((0.05,), (-7,)), "uint8": Affine((0.04,), (120,)), "int16": Affine((0.001,))}
        for x, y in (("int8", "int8"), ("uint8", "uint8"), ("int8", "uint8"), ("int16", "int16")):
            result = replace(kinds[x], scale=(0.3,) if x != "int16" else (0.0005,))
            for rounding in ("tflite", "even"):
                pair = [
                    _testing.given("a", (2, 3, 4), x, kinds[x]),
                    _testing.given("b", (2, 4, 3), y, kinds[y]),
                ]
                yield f"matmul_{x}_{y}_{rounding}", _testing.one(cls(rounding), pair, [result])
        each = Affine((0.1, 0.02), (3, -5), 1)
        pair = [
            _testing.given("a", (3, 4), "uint8", kinds["uint8"]),
            _testing.given("b", (4, 2), "int8", each),
        ]
        yield "matmul_columns", _testing.one(cls("even"), pair, [kinds["uint8"]])
        yield "matmul_sums", _testing.one(cls(to="int32"), pair)


class _Form:
    """Two tensors as stacks of matrices."""

    def __init__(self, at: Applied) -> None:
        a, b = at.inputs[0].shape, at.inputs[1].shape
        where = f"layer {at.name}"
        if not a or not b or min(a + b) < 1:
            raise ConfigError(f"{where}: {a} and {b} cannot be multiplied")
        self.a: Shape = (1, *a) if len(a) == 1 else a
        self.b: Shape = (*b, 1) if len(b) == 1 else b
        self.rows, self.inner, self.columns = self.a[-2], self.a[-1], self.b[-1]
        if self.b[-2] != self.inner:
            raise ConfigError(f"{where}: {a} and {b} cannot be multiplied")
        try:
            self.shape_of_batch: Shape = np.broadcast_shapes(self.a[:-2], self.b[:-2])
        except ValueError:
            raise ConfigError(f"{where}: {a} and {b} cannot be multiplied") from None
        ends = ((self.rows,) if len(a) > 1 else ()) + ((self.columns,) if len(b) > 1 else ())
        self.shape: Shape = (*self.shape_of_batch, *ends)
        if math.prod(self.shape_of_batch) * self.rows * self.columns >= 2**31:
            raise ConfigError(f"{where}: {a} and {b} make too large a tensor")


def _signed(value: object) -> str:
    text = str(value)
    return f"({text})" if text.startswith("-") else text


def _ordered(a: Array, b: Array) -> Array:
    total = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1]), a.dtype)
    for k in range(a.shape[-1]):
        total = total + a[..., k, None] * b[..., k, None, :]
    return total


def _plain_body(dtype: str, form: _Form) -> str:
    kind = ctext.wrapping(dtype)
    cast = "" if dtype.startswith("float") else f"({kind})"
    product = f"{cast}a_[m * {{k}} + k] * {cast}b_[k * {{n}} + n]"
    own = ctext.plain(dtype)
    zero = "0.0F" if dtype == "float32" else "0.0" if dtype == "float64" else "0"
    return _body(kind, zero, product, f"y_[m * {{n}} + n] = {'' if not cast else f'({own})'}sum;", form)


def _body(kind: str, zero: str, product: str, leave: str, form: _Form) -> str:
    text = f"""int32_t m, n, k;
for (m = 0; m < {form.rows}; m++) {{{{
    for (n = 0; n < {form.columns}; n++) {{{{
        {kind} sum = {zero};
        for (k = 0; k < {form.inner}; k++) {{{{
            sum += {product};
        }}}}
        {leave}
    }}}}
}}}}
"""
    return text.format(k=form.inner, n=form.columns)
