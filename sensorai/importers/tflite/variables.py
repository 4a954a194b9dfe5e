"""Variables of TensorFlow Lite: what a net keeps from call to call, such as streams of convolutions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import State
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.net import NetBuilder
from sensorai.importers.tflite.rules import Declared

#: Operators that the walk itself reads: they name variables, read them, write them, or fill them at first.
VARIABLES = ("VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE")


@dataclass(frozen=True, slots=True)
class Step:
    """One of these operators.

    Attributes
    ----------
    kind : str
    inputs, outputs : list of int
        Numbers of tensors.
    options : table of the file or None
    """

    kind: str
    inputs: list[int]
    outputs: list[int]
    options: Any


@dataclass
class Variable:
    """One variable.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    kept : Tensor or None
        What the last call left; None where nothing read it yet.
    now : Tensor or None
        What was assigned in this call, which is what is read from then on.
    """

    name: str
    kept: Tensor | None = None
    now: Tensor | None = None


class Variables:
    """Those of one net while it is read."""

    def __init__(self, net: NetBuilder) -> None:
        self.net = net
        self.handles: dict[int, Variable] = {}
        self.named: dict[tuple[bytes, bytes], Variable] = {}
        #: Numbers that fill variables before the first call, by name.
        self.first: dict[tuple[bytes, bytes], Array] = {}

    def handle(self, step: Step) -> None:
        """Take down which variable a tensor stands for."""
        key = named(step.options)
        text = key[1].decode("utf-8", errors="replace")
        self.handles[step.outputs[0]] = self.named.setdefault(key, Variable(text))

    def read(self, step: Step, declared: Callable[[int], Declared]) -> Tensor:
        """Return what a variable holds."""
        one, said = self._of(step), declared(step.outputs[0])
        if one.now is not None:
            return one.now
        if one.kept is None:
            one.kept = Tensor(self.net.fresh(said.name), said.shape, said.dtype, said.quant)
            self.net.tensors[one.kept.name] = one.kept
        if (one.kept.shape, one.kept.dtype) != (said.shape, said.dtype):
            raise ConfigError(
                f"the variable {one.name} is read as {said.dtype}{list(said.shape)} and otherwise"
            )
        return one.kept

    def assign(self, step: Step, value: Tensor | None) -> None:
        """Keep a tensor."""
        one = self._of(step)
        if value is None:
            raise ConfigError(f"the variable {one.name} is assigned what nothing before makes")
        one.now = value

    def finish(self) -> None:
        """Make states of the variables that are read."""
        for key, one in self.named.items():
            if one.kept is None:
                continue
            if one.now is None:
                raise ConfigError(
                    f"the variable {one.name} is read, but nothing assigns it",
                    hint="convert the model with its weights: from_keras_model, or from_saved_model",
                )
            if one.now.data is not None:
                raise ConfigError(f"the variable {one.name} is assigned a constant")
            state = State(one.kept.name, one.now.name)
            zero = interpret.first_number(one.kept)
            if key in self.first and np.any(self.first[key] != zero):
                raise ConfigError(
                    f"the variable {one.name} does not begin with what means 0 ({zero})",
                    hint="export it so that its streams begin empty",
                )
            self.net.states.append(state)

    def _of(self, step: Step) -> Variable:
        if not step.inputs or step.inputs[0] not in self.handles:
            raise ConfigError(f"{step.kind} of a variable that no VAR_HANDLE before it names")
        return self.handles[step.inputs[0]]


def named(options: Any) -> tuple[bytes, bytes]:
    """Container and name of a variable."""
    if options is None:
        return b"", b""
    return bytes(options.Container() or b""), bytes(options.SharedName() or b"")
