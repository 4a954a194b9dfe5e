"""Plain recurrent layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import _recurrent_cases as samples
from sensorai.ops.nd import recurrent_integer
from sensorai.ops.nd.gates import Gate, held
from sensorai.ops.nd.recurrent import Recurrent, Step, emit_float, get, parts, run, sums


@dataclass(frozen=True, slots=True)
class Rnn(Recurrent):
    """Plain recurrent layer: ``h = f(w x + r h + b)``; tensors as ``recurrent`` says."""

    NAME: ClassVar[str] = "rnn"

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Step after step."""
        if get(at, 0).dtype == "int8":
            return recurrent_integer.compute(self, at, arrays)
        s = self.sizes(at)

        def step(d: int) -> Step:
            w, r, b, rb = parts(self, s, arrays, d)
            function = self.gates(s.directions)[d]

            def one(x: Array, h: Array, c: Array | None) -> tuple[Array, Array | None]:
                with np.errstate(all="ignore"):
                    g = sums(x, w, b) + sums(h, r, rb)
                return function.compute(held(g, self.clip)), None

            return one

        return run(self, at, arrays, step)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales of integers are missing."""
        if get(at, 0).dtype == "int8":
            recurrent_integer.check(self, at)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call for the whole sequence."""
        if get(at, 0).dtype == "int8":
            recurrent_integer.emit(self, at, to)
        else:
            emit_float(self, at, to, {}, (5,))

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Graph]]:
        """Every direction, layout, function of gates; lengths, clip, states; integers."""
        yield from samples.common(cls, 1)
        for name, a, b in samples.FUNCTIONS:
            yield f"rnn_{name}", samples.net(cls(functions=(Gate(name, a, b),)), 1)
        yield from samples.integers(cls, 1, ("tanh", "sigmoid", "relu"))
