"""Makes graphs node by node."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.graph.graph import Graph, Node, node_of
from sensorai.graph.operator import Applied, Operator
from sensorai.graph.quant import Quant, Sign
from sensorai.graph.spec import check
from sensorai.graph.tensor import Array, Shape, Tensor, constant


class Builder:
    """Makes nets layer by layer; every call returns the name of the tensor it made.

    Parameters
    ----------
    shape : tuple of int
        Shape of the input.
    dtype, quant
        Type of the input and what its numbers mean; nets for training start from float32.
    """

    def __init__(self, shape: Shape, dtype: str = "float32", quant: Quant = None) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.nodes: list[Node] = []
        self.inputs: list[str] = []
        self.last = self.input("input", shape, dtype, quant)

    @property
    def shape(self) -> Shape:
        """Shape of the tensor made last."""
        return self.tensors[self.last].shape

    def input(self, name: str, shape: Shape, dtype: str = "float32", quant: Quant = None) -> str:
        """Declare one more input."""
        self.tensors[name] = _typed(name, shape, dtype, quant)
        self.inputs.append(name)
        return name

    def add(
        self,
        op: Operator,
        *inputs: str,
        params: Mapping[str, Array] | None = None,
        dtype: str = "float32",
        quant: Quant = None,
        name: str = "",
    ) -> str:
        """Append a node; without ``inputs`` it reads the tensor made last.

        Parameters
        ----------
        params : mapping of str to ndarray, optional
            Constants by role.
        dtype, quant
            Type of what it makes, and what its numbers mean.
        """
        reads = inputs or (self.last,)
        made = name or f"{op.NAME}_{len(self.nodes)}"
        constants = {role: constant(f"{made}.{role}", data) for role, data in (params or {}).items()}
        at = Applied(made, tuple(self.tensors[n] for n in reads), dict(params or {}))
        shapes = op.shapes(at)
        outputs = (made, *(f"{made}_{k}" for k in range(1, len(shapes))))
        for output, shape in zip(outputs, shapes, strict=True):
            self.tensors[output] = _typed(output, shape, dtype, quant)
        self.tensors.update({tensor.name: tensor for tensor in constants.values()})
        names = {role: tensor.name for role, tensor in constants.items()}
        self.nodes.append(node_of(op, reads, outputs, names))
        self.last = made
        return made

    def graph(self, *outputs: str) -> Graph:
        """Finish; without ``outputs`` the tensor made last is the output."""
        made = Graph(tuple(self.inputs), outputs or (self.last,), dict(self.tensors), tuple(self.nodes))
        return check(made)


def _typed(name: str, shape: Shape, dtype: str, quant: Quant) -> Tensor:
    return Tensor(name, shape, dtype, Sign() if dtype == "binary" else quant)
