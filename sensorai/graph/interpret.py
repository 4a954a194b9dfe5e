"""Runs a graph with the operators' exact references: what every generated program must reproduce."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import DataError
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Sign
from sensorai.graph.tensor import DTYPES, Array, Tensor


def run(
    graph: Graph,
    x: npt.ArrayLike | Mapping[str, npt.ArrayLike],
    state: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Compute every tensor of the net, bit for bit as the generated C does.

    Parameters
    ----------
    graph : Graph
    x : array, or mapping of str to array
        The input, or the inputs by name, in the type of the input tensor, of its shape or with a batch axis
        in front.
    state : mapping of str to array, optional
        States by the name under which they are read, as ``following`` gives them; first ones by default.

    Returns
    -------
    dict of str to ndarray
        All computed tensors by name, with the batch axis when the inputs have one. Binary tensors are int8,
        +1 and -1.
    """
    given = x if isinstance(x, Mapping) else {graph.inputs[0]: x}
    if set(given) != set(graph.inputs):
        raise DataError(f"the net takes {', '.join(graph.inputs)}, not {', '.join(given)}")
    arrays = {name: _fitting(graph.tensors[name], np.asarray(given[name])) for name in graph.inputs}
    single = [array.shape == graph.tensors[name].shape for name, array in arrays.items()]
    if any(single) and not all(single):
        raise DataError("some inputs of the net have a batch axis, others have none")
    values: dict[str, Array] = {name: a[None] if single[0] else a for name, a in arrays.items()}
    if len({len(array) for array in values.values()}) > 1:
        raise DataError("the batches of the net's inputs differ in length")
    values |= _states(graph, state, len(values[graph.inputs[0]]), single[0])
    for name in graph.outputs:
        if graph.tensors[name].data is not None:
            values[name] = _read(graph, values, name)
    for node in graph.nodes:
        made = node.op.results(graph.applied(node), *(_read(graph, values, name) for name in node.reads))
        values.update(zip(node.outputs, made, strict=True))
    return {name: value[0] for name, value in values.items()} if single[0] else values


def _read(graph: Graph, values: Mapping[str, Array], name: str) -> Array:
    """Values of a tensor with a batch axis; constants are the same for all, what is left out is empty."""
    if name in values:
        return values[name]
    batch = len(values[graph.inputs[0]])
    data = graph.tensors[name].data if name else None
    return np.zeros((batch, 0), np.int8) if data is None else np.broadcast_to(data, (batch, *data.shape))


def following(graph: Graph, values: Mapping[str, Array]) -> dict[str, Array]:
    """States for the next call, from what ``run`` returned."""
    return {state.read: values[state.write] for state in graph.states}


def _states(graph: Graph, state: Mapping[str, Array] | None, batch: int, single: bool) -> dict[str, Array]:
    """States with a batch axis: those given, else the first ones."""
    names = [one.read for one in graph.states]
    if state is None:
        first = [graph.tensors[name] for name in names]
        return {t.name: np.full((batch, *t.shape), first_number(t), DTYPES[t.dtype]) for t in first}
    if set(state) != set(names):
        raise DataError(f"the net keeps {', '.join(names) or 'nothing'}, not {', '.join(state)}")
    out = {}
    for name in names:
        array = _fitting(graph.tensors[name], np.asarray(state[name]))
        out[name] = array[None] if single else array
        if out[name].shape != (batch, *graph.tensors[name].shape):
            raise DataError("the batches of the net's inputs and states differ in length")
    return out


def first_states(graph: Graph) -> dict[str, int]:
    """The number that fills every state before the first call, by the name under which it is read."""
    return {one.read: first_number(graph.tensors[one.read]) for one in graph.states}


def first_number(tensor: Tensor) -> int:
    """Return the number that means 0; for bits +1, as the sign of 0 is."""
    if isinstance(tensor.quant, Sign):
        return 1
    if isinstance(tensor.quant, Affine):
        if len(set(tensor.quant.zero)) > 1:
            raise DataError(f"the state {tensor.name} has no single number for 0")
        return tensor.quant.zero[0]
    return 0


def _fitting(tensor: Tensor, array: Array) -> Array:
    if array.shape != tensor.shape and array.shape[1:] != tensor.shape:
        raise DataError(f"the net takes inputs of shape {tensor.shape}, not {array.shape}")
    if array.dtype != DTYPES[tensor.dtype]:
        raise DataError(f"the net takes {tensor.dtype}, not {array.dtype}")
    return array


def output(graph: Graph, x: npt.ArrayLike | Mapping[str, npt.ArrayLike]) -> Array:
    """Compute the first output only; see ``run``."""
    return run(graph, x)[graph.outputs[0]]


def forward(
    xp: Any, graph: Graph, x: Any, params: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Compute every tensor of a float net with ``xp`` (numpy or jax.numpy), for training and calibration.

    Parameters
    ----------
    x : array, or mapping of str to array
    params : mapping, optional
        Constants by role and layer, in place of those in the graph.
    """
    values: dict[str, Any] = dict(x) if isinstance(x, Mapping) else {graph.inputs[0]: x}
    for node in graph.nodes:
        own = (params or {}).get(node.output)
        constants = graph.constants(node) if own is None else own
        made = node.op.float_forms(xp, constants, *(values[name] for name in node.reads))
        values.update(zip(node.outputs, made, strict=True))
    return values
