"""Recurrent layers of floats and of int8 numbers: a module each says what a step is, here is what runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sensorai.graph.operator import Applied, Writer
from sensorai.graph.tensor import Array
from sensorai.ops.nd import recurrent_integer
from sensorai.ops.nd.recurrent import Recurrent, Step, emit_float, quantised, real_weights, run


@dataclass(frozen=True, slots=True)
class RecurrentLayer(Recurrent):
    """A layer that says its steps in float32; in integers ``recurrent_integer`` has them."""

    def steps(self, at: Applied, arrays: Sequence[Array | None]) -> Callable[[int], Step]:
        """Return what gives the step of a direction, in float32."""
        raise NotImplementedError

    def called(self, to: Writer) -> tuple[Mapping[str, object], Sequence[int]]:
        """Fields of its own in C, and places of the inputs behind the bias and the lengths."""
        return {}, (5,)

    def compute(self, at: Applied, *arrays: Array | None) -> tuple[Array, ...]:
        """Step after step."""
        if quantised(at):
            return recurrent_integer.compute(self, at, arrays)
        return run(self, at, arrays, self.steps(at, real_weights(at, arrays)))

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where scales of integers are missing."""
        if quantised(at):
            recurrent_integer.check(self, at)

    def emit(self, at: Applied, to: Writer) -> None:
        """One call for the whole sequence."""
        if quantised(at):
            recurrent_integer.emit(self, at, to)
        else:
            emit_float(self, at, to, *self.called(to))
