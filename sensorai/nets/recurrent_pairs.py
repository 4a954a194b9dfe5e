"""Recurrent layers of a float net that is quantised: which become integer, and their numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.nets.calibrating import Held
from sensorai.ops.nd.recurrent import Recurrent
from sensorai.ops.nd.recurrent_integer import lacks

#: Largest bias in the unit of the sums: float32 numbers hold it exactly.
_LARGEST = 2.0**22
#: End of what gates of integers hold.
_GATES = 8.0


def recurrent(graph: Graph) -> tuple[Node, ...]:
    """Recurrent layers in float32 that have a form in integers, and whose weights are known."""
    return tuple(node for node in graph.nodes if isinstance(node.op, Recurrent) and _possible(graph, node))


def _possible(graph: Graph, node: Node) -> bool:
    op, tensors = node.op, graph.tensors
    if not isinstance(op, Recurrent) or lacks(op) or any(node.inputs[7:]):
        return False
    known = [tensors[n].data is not None for n in node.inputs[1:4] if n]
    first = [tensors[n] for n in node.inputs[5:7] if n]
    return tensors[node.inputs[0]].dtype == "float32" and all(known) and all(t.data is None for t in first)


@dataclass(frozen=True, slots=True)
class States:
    """Tensors that hold outputs, and cells, of a recurrent layer: each kind has one scale."""

    outputs: tuple[str, ...]
    cells: tuple[str, ...]


def states(node: Node) -> States:
    """Names of what a layer makes and of its first states."""
    op: Any = node.op
    kept = int(op.whole) + 1
    first = [node.inputs[k] if k < len(node.inputs) else "" for k in (5, 6)]
    return States(
        tuple(n for n in (*node.outputs[:kept], first[0]) if n),
        tuple(n for n in (*node.outputs[kept:], first[1]) if n),
    )


def unlimited(node: Node, held: Mapping[str, Held]) -> bool:
    """Whether a layer makes what gates of integers do not hold: functions without an end."""
    op: Any = node.op
    open_ended = any(
        gate.function == "relu" for gate in op.gates(1 if op.direction != "bidirectional" else 2)
    )
    return open_ended and max(held[n].high for n in states(node).outputs if n in held) >= _GATES


def cell_scale(held: Held) -> Affine:
    """Scale of cells in int16: the least power of two that holds them."""
    most = max(-held.low, held.high, 2.0**-15)
    return Affine((2.0 ** max(-30, math.ceil(math.log2(most / 32767))),), (0,))


def numbers(op: Recurrent, w: Array, bias: Array | None, unit: float) -> tuple[Array, Affine]:
    """Weights (directions, rows, inputs) as int8 with a scale for each gate, so that its biases fit."""
    gates = op.GATES
    split = w.reshape(len(w), gates, -1, w.shape[2]).astype(np.float64)
    scale = np.abs(split).max(axis=(0, 2, 3), initial=0) / 127
    if bias is not None:
        most = np.abs(bias.reshape(len(bias), gates, -1)).max(axis=(0, 2), initial=0)
        scale = np.maximum(scale, most.astype(np.float64) / (unit * _LARGEST))
    scale = np.where(scale > 1e-30, scale, 1.0).astype(np.float32).astype(np.float64)
    rows = np.repeat(scale, w.shape[1] // gates)
    q = np.clip(np.rint(w / rows[None, :, None]), -127, 127).astype(np.int8)
    return q, Affine(tuple(map(float, rows)), (0,) * len(rows), 1)
