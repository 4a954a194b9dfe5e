"""(time, channels) to (features,), time first. Costs nothing where nothing is padded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Buffers, Lowered, Operator, Writer
from sensorai.graph.quant import Pow2
from sensorai.graph.tensor import Array, Shape
from sensorai.ops import _testing
from sensorai.ops.dense import Dense


@dataclass(frozen=True, slots=True)
class Flatten(Operator):
    """All axes as one."""

    NAME: ClassVar[str] = "flatten"
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset(
        {("int8", "int8"), ("binary", "binary"), ("float32", "float32")}
    )

    def shape(self, at: Applied) -> Shape:
        """All extents multiplied."""
        return (at.x.size,)

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Same values."""
        return arrays[0].reshape(arrays[0].shape[0], -1)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Same values."""
        return arrays[0].reshape(arrays[0].shape[0], -1)

    def buffers(self, at: Applied) -> Buffers:
        """The bytes of the input as they lie, unless steps of bits end within a word."""
        x = at.x
        return Buffers(alias=x.dtype != "binary" or x.shape[-1] % 32 == 0 or x.shape[0] == 1)

    def lowered(self, at: Applied) -> Lowered:
        """The same, of bits too."""
        return Lowered(self, at.x.dtype, at.x.quant)

    def emit(self, at: Applied, to: Writer) -> None:
        """Move bits together."""
        if self.buffers(at).alias:
            return
        pointers = to.at(at.x, "void"), to.at(at.out, "void")
        to.call("sa_nn_binary", "sa_nn_binary_flatten", *pointers, at.x.shape[0], at.x.shape[1])

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Before a dense layer; channels that do and do not fill words."""
        for time, channels in ((3, 32), (4, 5), (2, 40)):
            n = time * channels
            for x, out in (
                ("int8", "int32"),
                ("binary", "int32"),
                ("binary", "binary"),
                ("float32", "float32"),
            ):
                quant = Pow2(5) if x == "int8" else None
                b = Builder((time, channels), x, quant)
                b.add(cls(), dtype=x, quant=quant)
                dense = Dense(_testing.requant(out), signs=x == "binary")
                b.add(dense, params=_testing.product_params((3, n), 3, n, x, out, n), dtype=out)
                yield f"flatten_{time}x{channels}_{x}_{out}", b.graph()
