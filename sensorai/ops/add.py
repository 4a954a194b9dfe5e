"""Sum of two tensors of one shape.

int8: ``saturate(shift_round((a << left_a) + (b << left_b), shift), lo, hi)`` brings both to one scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph import rounding
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Operator, Writer
from sensorai.graph.quant import Pow2
from sensorai.graph.tensor import Array, Shape
from sensorai.ops import _testing, product_c
from sensorai.ops.dense import Dense
from sensorai.ops.requant import Requant, check_clamp


@dataclass(frozen=True, slots=True)
class Add(Operator):
    """Sum, clamped.

    Attributes
    ----------
    left_a, left_b, shift : int
        How int8 inputs are brought to the scale of the output.
    lo, hi : int, float or None
        Clamp of the result.
    """

    left_a: int = 0
    left_b: int = 0
    shift: int = 0
    lo: int | float | None = None
    hi: int | float | None = None

    NAME: ClassVar[str] = "add"
    INPUTS: ClassVar[int] = 2
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset({("int8", "int8"), ("float32", "float32")})

    @property
    def _clamp(self) -> Requant:
        return Requant("shift", self.lo, self.hi)

    def shape(self, at: Applied) -> Shape:
        """Unchanged; both inputs must agree."""
        shapes = [x.shape for x in at.inputs]
        if len(shapes) != 2 or shapes[0] != shapes[1]:
            raise ConfigError(f"layer {at.name} adds shapes that differ: {', '.join(map(str, shapes))}")
        if not (0 <= self.left_a <= 16 and 0 <= self.left_b <= 16 and 0 <= self.shift <= 24):
            raise ConfigError(f"layer {at.name}: left shifts are 0 to 16, the right shift 0 to 24")
        return shapes[0]

    def check(self, at: Applied) -> None:
        """Refuse ends that the type does not have."""
        check_clamp(self.lo, self.hi, at.out.dtype, f"layer {at.name} ({self.NAME})")

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result."""
        a, b = arrays
        if at.out.dtype == "float32":
            return self._clamp.clamp(a.astype(np.float32) + b)
        total = (a.astype(np.int64) << self.left_a) + (b.astype(np.int64) << self.left_b)
        q = rounding.shift_round(total, self.shift)
        return rounding.saturate(q, self._clamp.low, self._clamp.high).astype(np.int8)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Real-valued result."""
        return self._clamp.real(xp, arrays[0] + arrays[1])

    def buffers(self, at: Applied) -> Buffers:
        """Works in place of either input."""
        return Buffers(in_place=True)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        a, b = at.inputs
        if a.dtype == "float32":
            pointers = [to.at(t, "void") for t in (a, b, at.out)]
            ends = product_c.limits(self._clamp, to)
            to.call("sa_nn_float", "sa_nn_float_add", *pointers, a.size, *ends)
            return
        scales = 1 << self.left_a, 1 << self.left_b, (1 << self.shift) >> 1, self.shift
        ends8 = self._clamp.low, self._clamp.high
        to.call("sa_nn_steps", "sa_nn_add", to.read(a), to.read(b), to.at(at.out), a.size, *scales, *ends8)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """A residual connection round a dense layer, and a tensor added to itself."""
        for x, op, settings in (
            ("int8", cls(left_a=2, shift=3, lo=0, hi=127), 4),
            ("int8", cls(), 0),
            ("float32", cls(lo=0.0), 1),
        ):
            b = Builder((9,), x, Pow2(5) if x == "int8" else None)
            quant = Pow2(4) if x == "int8" else None
            params = _testing.product_params((9, 9), 9, 4, x, x, 9)
            b.add(Dense(_testing.requant(x)), params=params, dtype=x, quant=quant)
            b.add(op, "input", b.last, dtype=x, quant=quant)
            b.add(cls(), b.last, b.last, dtype=x, quant=quant)
            yield f"add_{x}_{settings}", b.graph()
