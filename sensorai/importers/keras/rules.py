"""What a rule sees of a layer of a Keras model, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.keras.weights import Weights
from sensorai.importers.net import NetBuilder
from sensorai.ops.nd.base import NdOperator

#: Largest extent, stride or number of repetitions.
LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class KerasLayer:
    """One call of a layer that is being read.

    Attributes
    ----------
    net : NetBuilder
    kind : str
        Class of the layer, such as ``Conv1D``.
    name : str
    config : mapping
    inputs : tuple of Tensor
    weights : Weights
        Of the model that the layer stands in.
    version : int
        Major number of the Keras that wrote the file.
    call : mapping
        Named arguments of the call.
    apply : callable
        Reads the layer of a configuration with inputs; what follows leads to its weights from this layer.
    args : tuple
        Arguments of the call by their place: tensors, lists of them, and values.
    """

    net: NetBuilder
    kind: str
    name: str
    config: Mapping[str, Any]
    inputs: tuple[Tensor, ...]
    weights: Weights
    version: int
    call: Mapping[str, Any]
    apply: Callable[..., list[Tensor]]
    args: tuple[Any, ...] = ()

    @property
    def where(self) -> str:
        """The layer in messages."""
        return f"layer {self.name} ({self.kind})"

    @property
    def x(self) -> Tensor:
        """The only input; a ConfigError where there are others."""
        if len(self.inputs) != 1:
            raise ConfigError(f"{self.where}: has {len(self.inputs)} inputs, not one")
        return self.inputs[0]

    def option(self, name: str, default: Any = None) -> Any:
        """Setting, or ``default`` where it is left out or nothing."""
        value = self.config.get(name)
        return default if value is None else value

    def only(self, name: str, *allowed: Any) -> Any:
        """Return a setting; a ConfigError where it is none of ``allowed`` (the first is its default)."""
        value = self.config.get(name, allowed[0])
        if value not in allowed:
            known = ", ".join(map(repr, allowed))
            raise ConfigError(f"{self.where}: {name}={value!r} is not supported", hint=f"supported: {known}")
        return value

    def real(self, name: str, default: float) -> float:
        """Setting that is a number."""
        value = self.option(name, default)
        if not isinstance(value, int | float) or not np.isfinite(value):
            raise ConfigError(f"{self.where}: {name}={value!r} is no number")
        return float(value)

    def whole(self, name: str, default: int | None = None) -> int:
        """Setting that is a whole number from 0 on."""
        return self._count(name, self.option(name, default))

    def counts(self, name: str, axes: int, default: Any = None) -> tuple[int, ...]:
        """Setting with a whole number for each of so many axes, or one for all."""
        value = self.option(name, default)
        many = list(value) if isinstance(value, list | tuple) else [value] * axes
        if len(many) != axes:
            raise ConfigError(f"{self.where}: {name}={value!r} is not for {axes} axes")
        return tuple(self._count(name, one) for one in many)

    def _count(self, name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
            raise ConfigError(f"{self.where}: {name}={value!r} is no number from 0 to {LARGEST}")
        return value

    def arrays(self, *shapes: tuple[int | None, ...], parts: Sequence[str] = ()) -> list[Array]:
        """Weights of the layer; a ConfigError where they have not these shapes (None: any extent)."""
        found = self.weights.of(self.name, *parts)
        for k, shape in enumerate(shapes):
            fits = k < len(found) and len(found[k].shape) == len(shape)
            if not fits or any(w is not None and w != s for s, w in zip(found[k].shape, shape, strict=True)):
                have = [list(a.shape) for a in found]
                raise ConfigError(f"{self.where}: its weights have the shapes {have}, not {list(shapes)}")
        return found

    def constant(self, role: str, data: Array) -> Tensor:
        """Add a constant."""
        return self.net.constant(f"{self.name}.{role}", data)

    def scalar(self, role: str, value: float, dtype: str = "float32") -> Tensor:
        """Add a single number."""
        return self.net.constant(f"{self.name}.{role}", np.array(value, dtype))

    def add(self, op: NdOperator, *inputs: Tensor | None, last: bool = True, name: str = "") -> Tensor:
        """Append an operator; ``last``: what it makes has the layer's name."""
        wish = self.name if last else name or f"{self.name}.{op.NAME}"
        return self.net.add(op, inputs, (wish,))[0]


Rule = Callable[[KerasLayer], Tensor | Sequence[Tensor]]
