"""Mean over all steps, as ``avg_pool`` defines it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Lowered, Operator, Writer
from sensorai.graph.tensor import Array, Shape
from sensorai.ops import _testing
from sensorai.ops.avg_pool import emit_mean, mean, multiplier


@dataclass(frozen=True, slots=True)
class GlobalAvgPool(Operator):
    """Mean over time."""

    NAME: ClassVar[str] = "global_avg_pool"
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset({("int8", "int8"), ("float32", "float32")})
    ROUNDS: ClassVar[bool] = True

    def shape(self, at: Applied) -> Shape:
        """(time, channels) -> (channels,)."""
        if len(at.x.shape) != 2:
            raise ConfigError(f"layer {at.name}: pooling needs (time, channels)")
        multiplier(at.x.shape[0])
        return (at.x.shape[1],)

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result for (batch, time, channels)."""
        return mean([arrays[0][:, t] for t in range(arrays[0].shape[1])], at.out.dtype)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Real-valued result."""
        return arrays[0].mean(axis=1)

    def macs(self, at: Applied) -> int:
        """One addition per value read."""
        return at.x.size

    def lowered(self, at: Applied) -> Lowered:
        """The same."""
        return Lowered(self, at.x.dtype, at.x.quant)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        emit_mean(at, to, 1, at.x.shape[0], at.x.shape[0])

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Lengths that are powers of two and not."""
        for time, channels in ((1, 1), (8, 3), (13, 32), (52, 5)):
            for x, out in sorted(cls.TYPES):
                yield f"gap_{time}x{channels}_{x}", _testing.one(cls(), (time, channels), x, out)
