"""Plain recurrent layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _recurrent_cases as samples
from sensorai.ops.nd.gates import Gate, held
from sensorai.ops.nd.recurrent import Step, parts, sums
from sensorai.ops.nd.recurrent_layer import RecurrentLayer


@dataclass(frozen=True, slots=True)
class Rnn(RecurrentLayer):
    """Plain recurrent layer: ``h = f(w x + r h + b)``; tensors as ``recurrent`` says."""

    NAME: ClassVar[str] = "rnn"

    def steps(self, at: Applied, arrays: Sequence[Array | None]) -> Callable[[int], Step]:
        """Return what gives the step of a direction, in float32."""
        s = self.sizes(at)

        def step(d: int) -> Step:
            w, r, b, rb = parts(self, s, arrays, d)
            function = self.gates(s.directions)[d]

            def one(x: Array, h: Array, c: Array | None) -> tuple[Array, Array | None]:
                with np.errstate(all="ignore"):
                    g = sums(x, w, b) + sums(h, r, rb)
                return function.compute(held(g, self.clip)), None

            return one

        return step

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every direction, layout, function of gates; lengths, clip, states; integers."""
        yield from samples.common(cls, 1)
        for name, a, b in samples.FUNCTIONS:
            yield f"rnn_{name}", samples.net(cls(functions=(Gate(name, a, b),)), 1)
        yield from samples.integers(cls, 1, ("tanh", "sigmoid", "relu"))
