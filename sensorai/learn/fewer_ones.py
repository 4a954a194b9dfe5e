"""Binary units turned over so that +1 is the rarer value.

Kernels of binary layers look only at inputs of +1 (``sa_nn_binary.h``). A unit may give the opposite sign
where the weights behind it are turned over too: every sum stays what it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Tensor
from sensorai.ops.dense import Dense

ENDS = np.iinfo(np.int32)


def fewer_ones(graph: Graph, inputs: npt.NDArray[np.integer]) -> Graph:
    """Turn over the units that mostly give +1, where a dense layer of bits is all that takes them.

    Parameters
    ----------
    graph : Graph
        A net as it runs on the device.
    inputs : ndarray, shape (rows, *input)
        What units are judged by.

    Returns
    -------
    Graph
        Gives the same output for every input.
    """
    values = interpret.run(graph, inputs)
    changed: list[Tensor] = []
    for node in graph.nodes:
        takers = [n for n in graph.nodes if node.output in n.inputs]
        if not isinstance(node.op, Dense) or len(takers) != 1 or node.output in graph.outputs:
            continue
        (taker,) = takers
        bits = graph.tensors[node.output].dtype == graph.tensors[taker.output].dtype == "binary"
        if not (bits and isinstance(taker.op, Dense) and taker.op.signs):
            continue
        own, names = {t.name: t for t in changed}, (node.roles, taker.roles)
        threshold, flip = (_data(graph, own, names[0][role]) for role in ("threshold", "flip"))
        weights = _data(graph, own, names[1]["weights"])
        # the limit moves by one, which it must have room for
        free = (threshold > ENDS.min) & (threshold < ENDS.max)
        turned = free & ((values[node.output] > 0).mean(axis=0) > 0.5)
        moved = threshold + np.where(flip != 0, 1, -1)
        new = (
            (names[0]["threshold"], np.where(turned, moved, threshold).astype(np.int32)),
            (names[0]["flip"], np.where(turned, flip == 0, flip).astype(np.uint8)),
            (names[1]["weights"], np.where(turned, -weights, weights).astype(np.int8)),
        )
        changed += [replace(graph.tensors[name], data=data) for name, data in new]
    return graph.with_tensors(changed)


def _data(graph: Graph, changed: dict[str, Tensor], name: str) -> npt.NDArray[np.integer]:
    data = changed.get(name, graph.tensors[name]).data
    return np.asarray(data)
