"""Largest value of ``size`` steps; a rest at the end is dropped. Binary: OR of the bits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Lowered, Writer
from sensorai.graph.tensor import Array
from sensorai.ops import _testing
from sensorai.ops.pooling import Pool
from sensorai.ops.products import largest


@dataclass(frozen=True, slots=True)
class MaxPool(Pool):
    """Largest value."""

    NAME: ClassVar[str] = "max_pool"
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("int8", "int8"), ("binary", "binary"), ("float32", "float32")}
    )

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result for (batch, time, channels)."""
        return largest(self.taps(arrays[0]))

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Real-valued result."""
        return xp.max(xp.stack(self.taps(arrays[0])), axis=0)

    def lowered(self, at: Applied) -> Lowered:
        """The same, of bits too."""
        return Lowered(self, at.x.dtype, at.x.quant)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        x, out, channels, steps = at.x, at.out, at.x.shape[1], at.out.shape[0]
        pointers = to.at(x, "void"), to.at(out, "void")
        tail = steps, self.size, self.every
        if x.dtype == "binary":
            to.call("sa_nn_binary", "sa_nn_binary_max_pool", *pointers, -(-channels // 32), *tail)
        elif x.dtype == "float32":
            to.call("sa_nn_float", "sa_nn_float_max_pool", *pointers, channels, *tail)
        else:
            to.call("sa_nn_steps", "sa_nn_max_pool", to.read(x), to.at(out), channels, *tail)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Sizes with and without rest, overlapping, channels around a word."""
        for time, channels, size, stride in ((9, 3, 2, 2), (8, 4, 4, 4), (9, 33, 3, 1), (7, 5, 2, 3)):
            for x, out in sorted(cls.TYPES):
                graph = _testing.one(cls(size, stride), (time, channels), x, out)
                yield f"max_pool_{time}x{channels}_{size}s{stride}_{x}", graph
