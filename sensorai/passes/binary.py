"""Which layers of a net compute with signs."""

from __future__ import annotations

from dataclasses import replace

from sensorai.graph.graph import Graph
from sensorai.ops.products import Product


def mark_binary(graph: Graph, first: str = "int8", last: str = "int8") -> Graph:
    """Give the hidden products of a float net binary weights.

    Parameters
    ----------
    graph : Graph
        Its hidden activations must be ``sign``; binary layers need binary inputs.
    first, last : {"int8", "binary"}
        Precision of the first and the last product. A binary first layer needs a ``sign`` on the input.
    """
    names = [node.output for node in graph.nodes if isinstance(node.op, Product)]
    wide = set(names[:1] if first == "int8" else []) | set(names[-1:] if last == "int8" else [])
    nodes = tuple(
        replace(node, op=replace(node.op, signs=True))
        if isinstance(node.op, Product) and node.output not in wide
        else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)


def precision_of(graph: Graph) -> str:
    """One sentence on which layers of an integer net are binary."""
    products = [(node.output, node.op) for node in graph.nodes if isinstance(node.op, Product)]
    binary = [name for name, op in products if op.signs]
    rest = [name for name, op in products if not op.signs]
    if not binary:
        return f"int8: all of {', '.join(rest)}"
    return f"binary: {', '.join(binary)}" + (f"; int8: {', '.join(rest)}" if rest else "")
