"""Numbers in another type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Writer
from sensorai.graph.tensor import DTYPES, Array
from sensorai.ops.nd import _testing, ctext, elementwise
from sensorai.ops.nd.base import Made, NdOperator

_NARROW = {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2}


def _wrapped(x: Array, dtype: str) -> Array:
    """Lowest bits of integers."""
    bits, high = _NARROW[dtype], ctext.ends(dtype)[1]
    v = x.astype(np.int64) & ((1 << bits) - 1)
    return np.asarray(np.where(v > high, v - (1 << bits), v), DTYPES[dtype])


@dataclass(frozen=True, slots=True)
class Cast(NdOperator):
    """The same numbers in another type, as far as it can hold them.

    Real numbers become integers by cutting off their fractions; what lies outside becomes the nearest end,
    NaN 0. Integers that do not fit wrap, or become the nearest end where ``saturate`` says so; real numbers
    become 4 and 2 bits by way of int32. All but 0 is true. float16 has no C.

    Attributes
    ----------
    to : str
        Type that comes out.
    saturate : bool
    """

    to: str
    saturate: bool = False

    NAME: ClassVar[str] = "cast"
    PLACELESS: ClassVar[bool] = True

    def infer(self, at: Applied) -> tuple[Made, ...]:
        """Shape of the input."""
        return (Made(self.to, at.x.shape),)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Numbers in the other type."""
        x, kind = np.asarray(arrays[0]), DTYPES[self.to]
        if self.to == "bool":
            return (np.asarray(x != 0),)
        with np.errstate(all="ignore"):
            if ctext.real(self.to):
                return (x.astype(kind),)
            low, high = ctext.ends(self.to)
            if ctext.real(at.x.dtype):
                if self.to in _NARROW and not self.saturate:
                    whole = Cast("int32").compute(at, x)[0]
                    return (_wrapped(whole, self.to),)
                v = np.where(np.isnan(x), x.dtype.type(0), x).astype(np.float64)
                cut = np.trunc(v)
                inside = np.where((cut > float(low)) & (cut < float(high)), cut, 0.0)
                made = inside.astype(np.uint64 if self.to == "uint64" else np.int64).astype(kind)
                made = np.where(cut <= float(low), kind(low), np.where(cut >= float(high), kind(high), made))
                return (made.astype(kind),)
            if self.saturate:
                wide = x.astype(object) if at.x.dtype == "uint64" else x.astype(np.int64)
                return (np.clip(wide, low, high).astype(kind),)
            if self.to in _NARROW:
                return (_wrapped(x, self.to),)
            return (x.astype(kind),)

    def macc(self, at: Applied) -> int:
        """2 for every element, as ST's tool counts conversions of formats."""
        return 2 * at.out.size

    def buffers(self, at: Applied) -> Buffers:
        """In place where numbers do not grow; the same type stays where it is."""
        if self.to == at.x.dtype:
            return Buffers(alias=True)
        return elementwise.in_place(at)

    def emit(self, at: Applied, to: Writer) -> None:
        """Write one loop."""
        source = at.x.dtype
        if self.to == source:
            return
        kind = ctext.seen(self.to)
        if self.to == "bool":
            zero = ctext.number(0, source)
            text = f"$y = $0 != {zero} ? 1 : 0;"
        elif ctext.real(self.to):
            text = f"$y = ({kind})$0;"
        elif ctext.real(source) and self.to in _NARROW and not self.saturate:
            whole = Cast("int32")._cut(source, "int32_t").replace("$y = ", "const int32_t w = ")
            text = f"{whole}\n{self._whole('int32', kind).replace('$0', 'w')}"
        elif ctext.real(source):
            text = self._cut(source, kind)
        else:
            text = self._whole(source, kind)
        elementwise.emit(at, to, "cast", text)

    def _cut(self, source: str, kind: str) -> str:
        """Real numbers: ends first, so that what is converted has a value."""
        low, high = ctext.ends(self.to)
        least, most = ctext.number(float(low), source), ctext.number(float(high), source)
        first, last = ctext.number(low, self.to), ctext.number(high, self.to)
        return (
            f"const {ctext.plain(source)} v = $0;\n"
            f"$y = v != v ? 0 : (v <= {least} ? {first} : (v >= {most} ? {last} : ({kind})v));"
        )

    def _whole(self, source: str, kind: str) -> str:
        low, high = ctext.ends(self.to)
        if self.saturate:
            lowest, highest = ctext.ends(source)
            text = "$0"
            if highest > high:
                text = f"$0 > {ctext.number(high, source)} ? {ctext.number(high, source)} : {text}"
            if lowest < low:
                text = f"$0 < {ctext.number(low, source)} ? {ctext.number(low, source)} : ({text})"
            return f"$y = ({kind})({text});"
        if self.to not in _NARROW:
            return f"$y = ({kind})$0;"
        bits = _NARROW[self.to]
        text = f"((uint32_t)$0 & {(1 << bits) - 1}U)"
        if low < 0:
            half = 1 << (bits - 1)
            return f"$y = ({kind})((int32_t)({text} ^ {half}U) - {half});"
        return f"$y = ({kind}){text};"

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Between all types that C has, also with saturation."""
        kinds = (
            "float32",
            "float64",
            "int8",
            "uint8",
            "int16",
            "uint16",
            "int32",
            "uint32",
            "int64",
            "uint64",
        )
        for a in (*kinds, "bool", "int4"):
            for b in (*kinds, "bool", "int4", "uint2", "int2"):
                if not {a, b} & {"float32", "int32", "int64"}:
                    continue
                yield f"cast_{a}_{b}", _testing.one(cls(b), (_testing.given("x", (6,), a),))
        for a in ("int32", "uint32", "int64", "int8", "float32"):
            for b in ("int8", "uint8", "int16", "int4", "uint64"):
                yield f"cast_{a}_{b}_ends", _testing.one(cls(b, True), (_testing.given("x", (6,), a),))
