"""From a learnt float graph to what the device runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.learn.qat import Params, Scales
from sensorai.passes.change import run
from sensorai.passes.trained import quantize, to_float32


def with_params(graph: Graph, params: Params) -> Graph:
    """Return the graph with learnt constants."""
    learnt = [
        replace(graph.tensors[name], data=np.asarray(params[node.output][role], np.float32))
        for node in graph.nodes
        if node.output in params
        for role, name in node.roles.items()
    ]
    return graph.with_tensors(learnt)


def lower(graph: Graph, params: Params, scales: Scales, *, scores: bool = True) -> Graph:
    """Return the integer net: the roundings that ``qat`` learnt with, done once; ``scores`` as there."""
    return quantize(with_params(graph, params), scales.places, scores=scores)


def lower_float(graph: Graph, params: Params, places: int) -> Graph:
    """Return the float32 net behind an int8 input, ReLU and pooling taken into the layers before them."""
    return run(with_params(graph, params), to_float32(places))[0]
