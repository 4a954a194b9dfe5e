"""What a rule sees of a node of an ONNX file, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensorai.errors import ConfigError
from sensorai.graph.quant import Quant
from sensorai.graph.tensor import Tensor
from sensorai.importers.net import NetBuilder
from sensorai.importers.places import Placed
from sensorai.ops.nd.base import NdOperator


@dataclass(frozen=True, slots=True)
class OnnxNode(Placed):
    """One node that is being read.

    Attributes
    ----------
    net : NetBuilder
    kind : str
        Operator, with its domain where that is not ONNX's own: ``Conv``, ``ai.onnx.ml.Scaler``.
    opset : int
        Version of the operators of this domain.
    inputs : tuple of Tensor or None
        None: left out.
    outputs : tuple of str
        Names in the file, "" for one that nothing wants.
    attributes : mapping of str to value
        Numbers, strings as str, lists, tensors as arrays.
    name : str
        That the file gives the node, or what it makes first.
    """

    net: NetBuilder
    kind: str
    opset: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    name: str

    @property
    def where(self) -> str:
        """The node in messages."""
        return f"node {self.name} ({self.kind})"

    def attribute(self, name: str, default: Any = None) -> Any:
        """Attribute, or ``default``."""
        return self.attributes.get(name, default)

    def only(self, name: str, *allowed: Any) -> None:
        """Raise a ConfigError where an attribute is none of ``allowed`` (the first is its default)."""
        value = self.attributes.get(name, allowed[0])
        if value not in allowed:
            known = ", ".join(map(repr, allowed))
            raise ConfigError(f"{self.where}: {name}={value!r} is not supported", hint=f"supported: {known}")

    def add(
        self,
        op: NdOperator,
        *inputs: Tensor | None,
        quants: Sequence[Quant] = (),
        last: bool = True,
        name: str = "",
    ) -> tuple[Tensor, ...]:
        """Append an operator; ``last``: what it makes has the names of the node's outputs."""
        names = self.outputs if last else (name or f"{next((n for n in self.outputs if n), 't')}.{op.NAME}",)
        return self.net.add(op, inputs, names, quants)


Rule = Callable[[OnnxNode], Sequence[Tensor]]


@dataclass(frozen=True, slots=True)
class Refused:
    """Rule of an operator that is known and not supported, with the reason and what to do."""

    reason: str
    hint: str

    def __call__(self, node: OnnxNode) -> Sequence[Tensor]:
        """Raise the ConfigError."""
        raise ConfigError(f"{node.where}: {self.reason}", hint=self.hint)
