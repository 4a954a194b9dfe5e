"""Makes graphs node by node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensorai.model.graph import Array, Graph, Node, Shape, Tensor
from sensorai.model.ops.registry import check_graph, module


class Builder:
    """Makes float nets layer by layer; every call returns the name of the tensor it made.

    Parameters
    ----------
    shape : tuple of int
        Shape of the input.
    dtype, fraction
        Type of the input; nets for training start from float32.
    """

    def __init__(self, shape: Shape, dtype: str = "float32", fraction: int | None = None) -> None:
        self.tensors: dict[str, Tensor] = {"input": Tensor("input", shape, dtype, fraction)}
        self.nodes: list[Node] = []
        self.last = "input"

    def add(
        self,
        op: str,
        *inputs: str,
        params: Mapping[str, Array] | None = None,
        dtype: str = "float32",
        fraction: int | None = None,
        name: str = "",
        **attrs: Any,
    ) -> str:
        """Append a node; without ``inputs`` it reads the tensor made last."""
        reads = inputs or (self.last,)
        made = name or f"{op}_{len(self.nodes)}"
        node = Node(op, reads, made, attrs, dict(params or {}))
        shape = module(op).shape(node, *(self.tensors[n].shape for n in reads))
        self.tensors[made] = Tensor(made, shape, dtype, fraction)
        self.nodes.append(node)
        self.last = made
        return made

    def graph(self, *outputs: str) -> Graph:
        """Finish; without ``outputs`` the tensor made last is the output."""
        return check_graph(Graph(("input",), outputs or (self.last,), dict(self.tensors), tuple(self.nodes)))
