"""What integers do not hold in a quantised net: layers that stay float, numbers beyond the ends."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.nets.integer_forms import known_scale, lacks
from sensorai.ops.nd.quantize import Dequantize, Quantize


def staying(graph: Graph) -> tuple[tuple[str, str], ...]:
    """Names, as the float net has them, and operators of the layers that take or make float32 numbers.

    Conversions between integers and real numbers are no such layers.
    """
    return tuple(
        (graph.called(node.output), node.op.NAME)
        for node in graph.nodes
        if not isinstance(node.op, Quantize | Dequantize) and _floats(graph, node)
    )


def reasons(graph: Graph, dtype: str, left: Collection[str], before: Collection[str] = ()) -> tuple[str, ...]:
    """Why each of the layers of ``staying`` is float, in the same order.

    Parameters
    ----------
    graph : Graph
        Integer net.
    dtype : str
        Of its activations, "" where they are float.
    left : collection of str
        Layers with weights that were to stay float.
    before : collection of str
        Layers before those with weights that were to.
    """
    found = []
    for node in graph.nodes:
        if isinstance(node.op, Quantize | Dequantize) or not _floats(graph, node):
            continue
        if not dtype:
            reason = "activations are float in this scheme"
        elif graph.called(node.output) in left:
            reason = "left float, as it loses too much"
        elif graph.called(node.output) in before:
            reason = "integers of what the net is given would lose more than twice as much"
        else:
            reason = lacks(graph, node, dtype) or "beside layers that stay float"
        found.append(reason)
    return tuple(found)


def _floats(graph: Graph, node: Node) -> bool:
    ends = [n for n in node.inputs if n and graph.tensors[n].data is None] + list(node.outputs)
    return any(graph.tensors[n].dtype == "float32" for n in ends)


def saturated(graph: Graph, place: int, wanted: Array) -> float | None:
    """Share of an output's numbers that integers do not reach.

    Parameters
    ----------
    graph : Graph
        Integer net.
    place : int
        Of the output.
    wanted : ndarray of float64
        What the float net makes there.

    Returns
    -------
    float, optional
        From 0 to 1; None where the output is not integer. 0 of functions with ends of their own, whose last
        step is less than one.
    """
    name = graph.outputs[place]
    node = next((n for n in graph.nodes if name in n.outputs), None)
    tensor = graph.tensors[node.inputs[0] if node and isinstance(node.op, Dequantize) else name]
    quant = tensor.quant
    if not isinstance(quant, Affine) or len(quant.scale) != 1:
        return None
    maker = next((n for n in graph.nodes if tensor.name in n.outputs), None)
    if maker is not None and tensor.dtype in ("int8", "int16") and known_scale(maker, tensor.dtype) == quant:
        return 0.0
    info = np.iinfo(tensor.dtype)
    # half a step beyond the ends is rounded as everywhere
    low, high = ((end - quant.zero[0]) * quant.scale[0] for end in (info.min - 0.5, info.max + 0.5))
    return float(np.mean((wanted < low) | (wanted > high)))
