"""Runs a graph with the operators' exact references: what every generated program must reproduce."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.model.graph import DTYPES, Array, Graph
from sensorai.model.ops import registry


def run(graph: Graph, x: npt.ArrayLike) -> dict[str, Array]:
    """Compute every tensor of the net, bit for bit as the generated C does.

    Parameters
    ----------
    graph : Graph
    x : array
        Input in the type of the graph's input tensor, of its shape or with a batch axis in front.

    Returns
    -------
    dict of str to ndarray
        All tensors by name, with the batch axis when ``x`` has one. Binary tensors are int8, +1 and -1.
    """
    tensor = graph.tensors[graph.inputs[0]]
    array = np.asarray(x)
    single = array.shape == tensor.shape
    if array.shape[1:] != tensor.shape and not single:
        raise DataError(f"the net takes inputs of shape {tensor.shape}, not {array.shape}")
    if array.dtype != DTYPES[tensor.dtype]:
        raise DataError(f"the net takes {tensor.dtype}, not {array.dtype}")
    values: dict[str, Array] = {tensor.name: array[None] if single else array}
    for node in graph.nodes:
        arrays = [values[name] for name in node.inputs]
        values[node.output] = registry.module(node.op).reference(
            node, graph.ins(node), graph.out(node), *arrays
        )
    return {name: value[0] for name, value in values.items()} if single else values


def output(graph: Graph, x: npt.ArrayLike) -> Array:
    """Compute the first output only; see ``run``."""
    return run(graph, x)[graph.outputs[0]]


def forward(
    xp: Any, graph: Graph, x: Any, params: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Compute every tensor of a float net with ``xp`` (numpy or jax.numpy), for training and calibration.

    Parameters
    ----------
    params : mapping, optional
        Constants by output name of the node, in place of those in the graph.
    """
    values: dict[str, Any] = {graph.inputs[0]: x}
    for node in graph.nodes:
        own = node.params if params is None else params.get(node.output, node.params)
        form = registry.module(node.op).float_form
        values[node.output] = form(xp, node.attrs, own, *(values[name] for name in node.inputs))
    return values
