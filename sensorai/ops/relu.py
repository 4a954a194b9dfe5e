"""Clamp to ``[0, hi]``; ``hi`` is None for plain ReLU, 6 (in the tensor's scale) for ReLU6."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Lowered, Operator, Writer
from sensorai.graph.tensor import Array, Shape
from sensorai.ops import _testing
from sensorai.ops.requant import check_clamp, relu_clamp


@dataclass(frozen=True, slots=True)
class Relu(Operator):
    """Rectifier, with an upper end or without."""

    hi: int | float | None = None

    NAME: ClassVar[str] = "relu"
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset({("int8", "int8"), ("float32", "float32")})
    ROUNDS: ClassVar[bool] = True

    def shape(self, at: Applied) -> Shape:
        """Any shape, unchanged."""
        return at.x.shape

    def check(self, at: Applied) -> None:
        """Refuse an upper end that the type does not have."""
        check_clamp(0, self.hi, at.x.dtype, f"layer {at.name} ({self.NAME})")

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result."""
        kind = arrays[0].dtype.type
        x = np.where(arrays[0] < 0, kind(0), arrays[0])
        return x if self.hi is None else np.where(x > kind(self.hi), kind(self.hi), x)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Real-valued result."""
        x = xp.maximum(arrays[0], 0.0)
        return x if self.hi is None else xp.minimum(x, self.hi)

    def buffers(self, at: Applied) -> Buffers:
        """Works in place."""
        return Buffers(in_place=True)

    def lowered(self, at: Applied) -> Lowered:
        """The upper end in the scale of the input."""
        return Lowered(Relu(relu_clamp(self.hi, at.x.places)[1]), at.x.dtype, at.x.quant)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        if at.x.dtype == "float32":
            top = to.real(np.inf if self.hi is None else float(self.hi))
            pointers = to.at(at.x, "void"), to.at(at.out, "void")
            to.call("sa_nn_float", "sa_nn_float_clamp", *pointers, at.x.size, "0x0p+0F", top)
        else:
            top = "127" if self.hi is None else str(int(self.hi))
            to.call("sa_nn_steps", "sa_nn_relu", to.read(at.x), to.at(at.out), at.x.size, top)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """With and without upper end."""
        for x, out in sorted(cls.TYPES):
            yield f"relu_{x}", _testing.one(cls(), (13,), x, out)
            yield f"relu_capped_{x}", _testing.one(cls(96 if x == "int8" else 6.0), (5, 3), x, out)
