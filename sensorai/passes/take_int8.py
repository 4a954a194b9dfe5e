"""A float32 net behind an int8 input."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Pow2
from sensorai.graph.spec import Level
from sensorai.graph.tensor import Tensor
from sensorai.ops.dequantize import Dequantize
from sensorai.passes.change import Changed


@dataclass(frozen=True, slots=True)
class TakeInt8:
    """Let the net take int8 of so many binary places, and make float32 of it first."""

    places: int
    level: Level = Level.INTEGER

    def run(self, graph: Graph) -> Changed:
        """One node more."""
        source = graph.tensors[graph.inputs[0]]
        wide = f"{source.name}_float"
        tensors = {
            **graph.tensors,
            source.name: Tensor(source.name, source.shape, "int8", Pow2(self.places)),
            wide: Tensor(wide, source.shape),
        }
        first = Node(Dequantize(), (source.name,), (wide,))
        rest = (
            Node(node.op, tuple(wide if name == source.name else name for name in node.inputs), node.outputs)
            for node in graph.nodes
        )
        return Changed(replace(graph, tensors=tensors, nodes=(first, *rest)), (f"{wide} is new",))
