"""Operators of ``ai.onnx.ml`` that prepare rows of features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.tensor import Array, Tensor
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import Made, NdOperator

FILE = "nd/sa_nd_rows.h"
NORMS = ("max", "l1", "l2")
#: Types whose gaps are filled, and the ends of the names of functions.
FILLED = {"float32": "f32", "float64": "f64", "int64": "i64"}
#: Types of keys: the end of a function's name, and the type of C.
FOUND = {
    "float32": ("f32", "float"),
    "float64": ("f64", "double"),
    "int64": ("i64", "int64_t"),
    "int32": ("i32", "int32_t"),
    "int16": ("i16", "int16_t"),
}

F = np.float32


@dataclass(frozen=True, slots=True)
class RowNorm(NdOperator):
    """Rows (N, C) in float32, each divided by its norm; one of norm 0 stays as it is.

    Attributes
    ----------
    norm : str
        "max" (of absolute values), "l1" or "l2"; sums from the first number on.
    """

    norm: str = "max"

    NAME: ClassVar[str] = "row_norm"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the input, of one or two axes."""
        if at.x.dtype != "float32" or len(at.x.shape) not in (1, 2) or self.norm not in NORMS:
            raise ConfigError(f"layer {at.name}: rows of {at.x.dtype} {at.x.shape} have no norm {self.norm}")
        return (Made("float32", at.x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Number after number."""
        given = np.asarray(arrays[0], F)
        shape, x = given.shape, np.atleast_2d(given)
        size = np.where(x < 0, -x, x)
        total = np.zeros(len(x), F)
        with np.errstate(all="ignore"):
            for k in range(x.shape[1]):
                if self.norm == "max":
                    total = np.where(size[:, k] > total, size[:, k], total)
                else:
                    total = total + (size[:, k] if self.norm == "l1" else size[:, k] * size[:, k])
            total = np.sqrt(total) if self.norm == "l2" else total
            return (np.where(total[:, None] == 0, x, x / total[:, None]).astype(F).reshape(shape),)

    def buffers(self, at: Applied) -> Buffers:
        """A row is read before it is written."""
        return Buffers(in_place=True)

    def macs(self, at: Applied) -> int:
        """Squares of l2."""
        return at.x.size if self.norm == "l2" else 0

    def emit(self, at: Applied, to: Writer) -> None:
        """One call for all rows."""
        ends = to.source(at.x), to.target(at.out)
        sizes = at.x.size // at.x.shape[-1], at.x.shape[-1], NORMS.index(self.norm)
        to.call(FILE, "sa_nd_normalise", *ends, *sizes)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every norm."""
        for norm in NORMS:
            yield f"row_norm_{norm}", _testing.one(cls(norm), (_testing.given("x", (3, 5)),))


@dataclass(frozen=True, slots=True)
class Fill(NdOperator):
    """x (N, C) and a value or one of each column (constant): gaps take them.

    Attributes
    ----------
    missing : float or None
        What stands for a gap; None: NaN.
    """

    missing: float | None = None

    NAME: ClassVar[str] = "fill"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type and shape of the input."""
        x, values = at.inputs
        if x.dtype not in FILLED or values.dtype != x.dtype or len(x.shape) != 2:
            raise ConfigError(f"layer {at.name}: gaps in {x.dtype} {x.shape} are not filled")
        if values.shape not in ((1,), x.shape[1:]):
            raise ConfigError(f"layer {at.name}: {values.size} values for {x.shape[1]} columns")
        return (Made(x.dtype, x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Choose, number by number."""
        x, values = np.asarray(arrays[0]), np.asarray(arrays[1])
        gap = x != x if self.missing is None else x == x.dtype.type(self.missing)
        return (np.where(gap, values, x),)

    def buffers(self, at: Applied) -> Buffers:
        """Number by number."""
        return Buffers(in_place=True)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call for all rows."""
        kind = FILLED[at.x.dtype]
        gap = "0"
        if self.missing is not None:
            plain = {"f32": "float", "f64": "double", "i64": "int64_t"}[kind]
            data = np.array([self.missing], at.x.dtype)
            gap = f"(const sa_nd_{kind} *){to.table(plain, f'gap{to.index}', data)}"
        values = at.inputs[1]
        ends = to.source(at.x), to.target(at.out), *at.x.shape
        to.call(FILE, f"sa_nd_fill_{kind}", *ends, gap, to.source(values), values.size)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every type; NaN and a number; one value and many."""
        for dtype in FILLED:
            for missing, values in ((0.0, [7.0]), (-1.0, [1.0, 2, 3, 4])):
                x, v = _testing.given("x", (3, 4), dtype), _testing.known("v", values, dtype)
                yield f"fill_{dtype}_{len(values)}", _testing.one(cls(missing), (x, v))
        x, v = _testing.given("x", (3, 4)), _testing.known("v", [1.0])
        yield "fill_nan", _testing.one(cls(), (x, v))


@dataclass(frozen=True, slots=True)
class Lookup(NdOperator):
    """x of any shape, keys and values (constant; one value more, for what is no key): a value for each.

    Keys are searched from the first on. A NaN in x is what a NaN among the keys stands for; it is passed as
    ``nan``, its place, since tables in C hold none.

    Attributes
    ----------
    nan : int
        Place of the value for NaN; -1: that for what is no key.
    """

    nan: int = -1

    NAME: ClassVar[str] = "lookup"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Type of the values, shape of the input."""
        x, keys, values = at.inputs
        if x.dtype not in FOUND or keys.dtype != x.dtype or values.dtype not in FOUND:
            raise ConfigError(f"layer {at.name}: {x.dtype} is not looked up among {keys.dtype}")
        if not keys.size or values.size != keys.size + 1 or not -1 <= self.nan < keys.size:
            raise ConfigError(f"layer {at.name}: {keys.size} keys, {values.size} values")
        return (Made(values.dtype, x.shape),)

    def check(self, at: Applied) -> None:
        """Tables in C hold no NaN."""
        for table in at.inputs[1:]:
            if table.data is None or np.any(table.data != table.data):
                raise ConfigError(f"layer {at.name} ({self.NAME}): its tables are computed, or hold NaN")

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """First key that is equal."""
        x, keys, values = (np.asarray(a) for a in arrays)
        same = x.reshape(-1, 1) == keys.reshape(1, -1)
        place = np.where(same.any(axis=1), same.argmax(axis=1), len(keys))
        if self.nan >= 0:
            flat = x.reshape(-1)
            place = np.where(flat != flat, self.nan, place)
        return (values[place].reshape(x.shape),)

    def emit(self, at: Applied, to: Writer) -> None:
        """A loop over all numbers."""
        x, keys, values = at.inputs
        end, plain = FOUND[x.dtype]
        seen, made = f"sa_nd_{end}", f"sa_nd_{FOUND[values.dtype][0]}"
        text = (
            "    int32_t i;\n\n"
            f"    for (i = 0; i < {x.size}; i++) {{\n"
            f"        const int32_t k = sa_nd_find_{end}(x[i], ({plain_pointer(plain)})key, {keys.size},"
            f" {self.nan});\n\n"
            f"        y[i] = value[k < 0 ? {keys.size} : k];\n"
            "    }\n"
        )
        parameters = f"const {seen} *x, const {seen} *key, const {made} *value, {made} *y"
        name = to.function("lookup", parameters, text, FILE)
        to.run(name, *(to.source(t) for t in at.inputs), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Keys and values of every type."""
        for dtype in FOUND:
            for made in ("int64", "float32", "int16"):
                keys = _testing.known("k", [-3, 0, 5, 100, -1], dtype)
                values = _testing.known("v", [9, -2, 3, 4, 5, -7], made)
                x = _testing.given("x", (2, 6), dtype)
                yield f"lookup_{dtype}_{made}", _testing.one(cls(1), (x, keys, values))


def plain_pointer(kind: str) -> str:
    """Type of C for a pointer to numbers that are only read."""
    return f"const {kind} *"


@dataclass(frozen=True, slots=True)
class Categories(NdOperator):
    """x of any shape and constant categories in int64: for each number as many, 1.0 where it is equal.

    What is no category gives zeros only. Numbers that are not integers count as the integers towards 0.
    """

    NAME: ClassVar[str] = "categories"

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """float32, one more axis."""
        if at.x.dtype not in ("int64", "int32", "float32") or at.inputs[1].dtype != "int64":
            raise ConfigError(f"layer {at.name}: {at.x.dtype} has no categories")
        return (Made("float32", (*at.x.shape, at.inputs[1].size)),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Compare with all."""
        x, known = np.asarray(arrays[0]), np.asarray(arrays[1])
        if x.dtype == np.float32:
            x = np.trunc(x)
            return ((x[..., None] == known.astype(F)).astype(F),)
        return ((x[..., None] == known).astype(F),)

    def emit(self, at: Applied, to: Writer) -> None:
        """A loop over numbers and categories."""
        x, known = at.inputs
        seen = {"int64": "sa_nd_i64", "int32": "sa_nd_i32", "float32": "sa_nd_f32"}[x.dtype]
        # floats that end in an integer lie within 1 of it, on the side away from 0
        same = _within("x[i]", "c") if x.dtype == "float32" else "(int64_t)x[i] == known[k]"
        text = (
            "    int32_t i, k;\n\n"
            f"    for (i = 0; i < {x.size}; i++) {{\n"
            f"        for (k = 0; k < {known.size}; k++) {{\n"
            + ("            const float c = (float)known[k];\n\n" if x.dtype == "float32" else "")
            + f"            *y++ = {same} ? 1.0F : 0.0F;\n"
            "        }\n    }\n"
        )
        name = to.function("categories", f"const {seen} *x, const sa_nd_i64 *known, sa_nd_f32 *y", text)
        to.run(name, to.source(x), to.source(known), to.target(at.out))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every type."""
        for dtype in ("int64", "int32", "float32"):
            known = _testing.known("c", [0, 1, -1, 2, -1000, 100], "int64")
            x: Tensor = _testing.given("x", (2, 9), dtype)
            yield f"categories_{dtype}", _testing.one(cls(), (x, known))


def _within(x: str, c: str) -> str:
    """C: whether a float ends, towards 0, in a whole number c; beyond 2**24 every float is whole."""
    above = f"({c} >= 0.0F ? {x} >= {c} : {x} > {c} - 1.0F)"
    below = f"({c} <= 0.0F ? {x} <= {c} : {x} < {c} + 1.0F)"
    zero = f"{x} > -1.0F && {x} < 1.0F"
    whole = f"({c} > 16777215.0F || {c} < -16777215.0F)"
    return f"({whole} ? {x} == {c} : ({c} == 0.0F ? {zero} : {above} && {below}))"
