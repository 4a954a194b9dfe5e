"""Mean of ``size`` steps.

int8: ``saturate((sum * m + 2**15) >> 16)`` with ``m`` the integer nearest to ``2**16 / size`` (half up);
exact rounding for powers of two, one multiplication otherwise, no division. float32: the sum in order of
time, times the float32 nearest to ``1 / size``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph import rounding
from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Lowered, Writer
from sensorai.graph.tensor import Array
from sensorai.ops import _testing
from sensorai.ops.pooling import Pool

MAX_SIZE = 4096


def multiplier(size: int) -> int:
    """``2**16 / size`` rounded half up."""
    if not 1 <= size <= MAX_SIZE:
        raise ConfigError(f"the mean of {size} steps is not supported", hint=f"1 to {MAX_SIZE}")
    return (2 * 65536 + size) // (2 * size)


def mean(steps: list[Array], dtype: str) -> Array:
    """Mean of arrays as defined above."""
    if dtype == "float32":
        total = steps[0].astype(np.float32)
        for step in steps[1:]:
            total = total + step
        return np.asarray(total * (np.float32(1) / np.float32(len(steps))), np.float32)
    sums = np.sum(np.stack(steps).astype(np.int64), axis=0)
    q = rounding.shift_round(sums * multiplier(len(steps)), 16)
    return rounding.saturate(q, -128, 127).astype(np.int8)


def emit_mean(at: Applied, to: Writer, steps: int, size: int, stride: int) -> None:
    """Write the call for means of ``size`` steps."""
    x, out, channels = at.x, at.out, at.x.shape[1]
    if x.dtype == "float32":
        scale = to.real(float(np.float32(1) / np.float32(size)))
        pointers = to.at(x, "void"), to.at(out, "void")
        to.call("sa_nn_float", "sa_nn_float_avg_pool", *pointers, channels, steps, size, stride, scale)
    else:
        pointers = to.read(x), to.at(out)
        tail = channels, steps, size, stride, multiplier(size)
        to.call("sa_nn_steps", "sa_nn_avg_pool", *pointers, *tail)


@dataclass(frozen=True, slots=True)
class AvgPool(Pool):
    """Mean."""

    NAME: ClassVar[str] = "avg_pool"
    TYPES: ClassVar[frozenset[tuple[str, str]]] = frozenset({("int8", "int8"), ("float32", "float32")})
    ROUNDS: ClassVar[bool] = True

    def check(self, at: Applied) -> None:
        """Refuse sizes whose sums have no multiplier."""
        multiplier(self.size)

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result for (batch, time, channels)."""
        return mean(self.taps(arrays[0]), at.out.dtype)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Real-valued result."""
        return xp.mean(xp.stack(self.taps(arrays[0])), axis=0)

    def macs(self, at: Applied) -> int:
        """One addition per value read."""
        return at.out.size * self.size

    def lowered(self, at: Applied) -> Lowered:
        """The same."""
        return Lowered(self, at.x.dtype, at.x.quant)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call."""
        emit_mean(at, to, at.out.shape[0], self.size, self.every)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Powers of two and others, overlapping, with a rest."""
        for time, channels, size, stride in (
            (9, 3, 2, 2),
            (9, 4, 3, 3),
            (9, 5, 5, 1),
            (7, 2, 4, 3),
            (3, 1, 1, 1),
        ):
            for x, out in sorted(cls.TYPES):
                graph = _testing.one(cls(size, stride), (time, channels), x, out)
                yield f"avg_pool_{time}x{channels}_{size}s{stride}_{x}", graph
