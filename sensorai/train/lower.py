"""From a learnt float graph to what the device runs."""

from __future__ import annotations

import numpy as np

from sensorai.model.build import Builder
from sensorai.model.graph import Graph, Node
from sensorai.model.ops import registry
from sensorai.model.quantize import quantize
from sensorai.train.qat import Params, Scales


def with_params(graph: Graph, params: Params) -> Graph:
    """Return the graph with learnt constants."""
    nodes = tuple(
        Node(
            n.op,
            n.inputs,
            n.output,
            n.attrs,
            {k: np.asarray(v, np.float32) for k, v in params.get(n.output, {}).items()},
        )
        for n in graph.nodes
    )
    return Graph(graph.inputs, graph.outputs, graph.tensors, nodes)


def lower(graph: Graph, params: Params, scales: Scales, *, scores: bool = True) -> Graph:
    """Return the integer net: the roundings that ``qat`` learnt with, done once; ``scores`` as there."""
    return quantize(with_params(graph, params), scales.places, scores=scores)


def lower_float(graph: Graph, params: Params, places: int) -> Graph:
    """Return the float32 net behind an int8 input, ReLU and pooling taken into the layers before them."""
    source = graph.tensors[graph.inputs[0]]
    b = Builder(source.shape, "int8", places)
    now = {source.name: b.add("dequantize", name="input_float")}
    done: set[str] = set()
    for node in graph.nodes:
        if node.output in done:
            continue
        own = {k: np.asarray(v, np.float32) for k, v in params.get(node.output, {}).items()}
        attrs, end = dict(node.attrs), node.output
        for after in _folded(graph, node):
            attrs |= {"lo": 0.0} if after.op == "relu" else {"pool": int(after.attrs["size"])}
            end = after.output
            done.add(end)
        now[end] = b.add(node.op, now[node.inputs[0]], params=own, name=node.output, **attrs)
    return b.graph(now[graph.outputs[0]])


def _folded(graph: Graph, node: Node) -> list[Node]:
    """ReLU, then max pooling, directly behind a product."""
    out: list[Node] = []
    for op in ("relu", "max_pool") if node.op in registry.PRODUCTS else ():
        after = graph.consumers(out[-1].output if out else node.output)
        if len(after) == 1 and after[0].op == op:
            out.append(after[0])
    return out
