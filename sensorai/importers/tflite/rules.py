"""What a rule sees of an operator of a TensorFlow Lite file, and what it makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensorai.errors import ConfigError
from sensorai.graph.quant import Quant
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.net import NetBuilder
from sensorai.importers.places import Placed
from sensorai.ops.nd.base import NdOperator


@dataclass(frozen=True, slots=True)
class Declared:
    """What the file says of an output."""

    name: str
    dtype: str
    shape: Shape
    quant: Quant


@dataclass(frozen=True, slots=True)
class TfliteNode(Placed):
    """One operator that is being read.

    Attributes
    ----------
    net : NetBuilder
    kind : str
        Name of the operator, such as ``CONV_2D``; of a custom one its own name.
    version : int
    inputs : tuple of Tensor or None
        None: left out.
    outputs : tuple of Declared
    options : object
        The generated class of the operator's options, such as ``tflite.Conv2DOptions``; None without.
    custom : bytes
        Options of a custom operator.
    variables : mapping of int to Declared
        Inputs by their place that keep their numbers between calls; they are None among the inputs.
    """

    net: NetBuilder
    kind: str
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Declared, ...]
    options: Any
    custom: bytes = b""
    variables: Mapping[int, Declared] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The operator in messages."""
        return f"operator {self.outputs[0].name if self.outputs else ''} ({self.kind})"

    def state(self, place: int, shape: Shape) -> Tensor:
        """State of the net in place of an input that keeps its numbers, in another shape of as many."""
        said = self.variables.get(place)
        if said is None:
            raise ConfigError(f"{self.where}: input {place} does not keep its numbers between calls")
        if math.prod(said.shape) != math.prod(shape):
            raise ConfigError(f"{self.where}: {said.name} has the shape {said.shape}, not {shape}")
        return self.net.state(said.name, shape, said.dtype, said.quant)

    def add(
        self, op: NdOperator, *inputs: Tensor | None, last: bool = True, name: str = "", quant: Quant = None
    ) -> tuple[Tensor, ...]:
        """Append an operator; ``last``: what it makes has the names and scales of the file's outputs."""
        if last:
            quants = [one.quant for one in self.outputs]
            return self.net.add(op, inputs, [one.name for one in self.outputs], quants)
        return self.net.add(op, inputs, (name or f"{self.outputs[0].name}.{op.NAME}",), (quant,))


Rule = Callable[[TfliteNode], Sequence[Tensor]]
