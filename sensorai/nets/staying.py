"""Layers of a quantised net that compute in float all the same."""

from __future__ import annotations

from sensorai.graph.graph import Graph, Node
from sensorai.ops.nd.quantize import Dequantize, Quantize

#: What pairs and corrections add to names of tensors.
_ADDED = (".free", ".real", ".integer", ".corrected")


def staying(graph: Graph) -> tuple[tuple[str, str], ...]:
    """Names, as the float net has them, and operators of the layers that take or make float32 numbers.

    Conversions between integers and real numbers are no such layers.
    """
    return tuple(
        (plain(node.output), node.op.NAME)
        for node in graph.nodes
        if not isinstance(node.op, Quantize | Dequantize) and _floats(graph, node)
    )


def _floats(graph: Graph, node: Node) -> bool:
    ends = [n for n in node.inputs if n and graph.tensors[n].data is None] + list(node.outputs)
    return any(graph.tensors[n].dtype == "float32" for n in ends)


def plain(name: str) -> str:
    """Name of a tensor without what quantising added to it."""
    while any(name.endswith(end) for end in _ADDED):
        name = name.rpartition(".")[0]
    return name
