"""Gated recurrent layer with two gates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _recurrent_cases as samples
from sensorai.ops.nd.gates import held
from sensorai.ops.nd.recurrent import Sizes, Step, parts, quantised, sums
from sensorai.ops.nd.recurrent_layer import RecurrentLayer


@dataclass(frozen=True, slots=True)
class Gru(RecurrentLayer):
    """Gated recurrent layer: gates update z, reset r, new n; ``h = (1 - z) * n + z * h``.

    ``z`` and ``r`` are ``f(w x + r h + b)``, ``n`` is ``g(w x + r (r * h) + b)``. Tensors as ``recurrent``
    says; of int8 numbers the cells are the outputs in int16 with a scale of 2**-15.

    Attributes
    ----------
    reset_after : bool
        ``n`` is ``g((w x + b) + r * (r h + b))``: ONNX's linear_before_reset, Keras's reset_after.
    """

    reset_after: bool = False

    NAME: ClassVar[str] = "gru"
    GATES: ClassVar[int] = 3
    FUNCTIONS: ClassVar[tuple[str, ...]] = ("sigmoid", "tanh")

    def cells(self, at: Applied) -> bool:
        """Outputs in more places, of int8 numbers."""
        return quantised(at)

    def used(self, at: Applied) -> tuple[int, ...]:
        """Cells of int8 numbers too."""
        return (0, 1, 2, 3, 4, 5, 6) if self.cells(at) else (0, 1, 2, 3, 4, 5)

    def scratch_numbers(self, s: Sizes) -> int:
        """Sums of the gates, and the reset outputs or what is reset."""
        return 4 * s.units

    def steps(self, at: Applied, arrays: Sequence[Array | None]) -> Callable[[int], Step]:
        """Return what gives the step of a direction, in float32."""
        s = self.sizes(at)

        def step(d: int) -> Step:
            w, r, b, rb = parts(self, s, arrays, d)
            f, g = self.gates(s.directions)[2 * d : 2 * d + 2]
            n = s.units

            def one(x: Array, h: Array, c: Array | None) -> tuple[Array, Array | None]:
                with np.errstate(all="ignore"):
                    read = sums(x, w, b)
                    both = f.compute(held(read[:, : 2 * n] + sums(h, r[: 2 * n], rb[: 2 * n]), self.clip))
                    z, reset = both[:, :n], both[:, n:]
                    if self.reset_after:
                        new = read[:, 2 * n :] + reset * sums(h, r[2 * n :], rb[2 * n :])
                    else:
                        new = read[:, 2 * n :] + sums(reset * h, r[2 * n :], rb[2 * n :])
                    fresh = (np.float32(1) - z) * g.compute(held(new, self.clip))
                    return fresh + z * h, None

            return one

        return step

    def called(self, to: Writer) -> tuple[Mapping[str, object], Sequence[int]]:
        """Where the reset comes, and the first outputs."""
        return {"coupled": int(self.reset_after)}, (5,)

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every direction and layout, reset before and after; lengths, clip, states; integers."""
        yield from samples.common(cls, 3)
        yield "gru_reset_after", samples.net(cls(reset_after=True), 3)
        yield "gru_reset_after_bare", samples.net(cls(reset_after=True), 3, bias=0)
        yield from samples.integers(cls, 3, ("sigmoid",))
        yield "gru_int8_reset_after", samples.integer(cls(reset_after=True), 3)
