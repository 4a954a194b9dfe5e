"""What the tensors of a float net hold for given inputs, and the scales that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.errors import DataError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Array
from sensorai.ops.nd.recurrent import Step, run
from sensorai.ops.nd.recurrent_layer import RecurrentLayer
from sensorai.ops.nd.softmax import Softmax

#: Ways to choose the ends of a tensor: all numbers; all but the last ones; where the square error is least.
METHODS = ("minmax", "percentile", "mse")
#: Share of numbers, in percent, outside of each end of "percentile".
OUTSIDE = 0.01
#: Numbers of a tensor that are kept to look at.
KEPT = 1 << 16
#: What ends of int16 are multiplied with: a bit of 16 costs little, and numbers that were not seen fit.
ROOM = 2.0
#: How far below the largest of its row a number counts for softmax: exp(-20) is less than a step of int16.
_FAR = 20.0
#: Calls that are computed at a time.
_CHUNK = 8


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Ends of what a tensor held, and some of its numbers."""

    low: float
    high: float
    some: Array


def observe(graph: Graph, given: Mapping[str, Array]) -> dict[str, Held]:
    """Run a float net and note every float32 tensor.

    Raises
    ------
    DataError
        A tensor becomes infinite or not a number.
    """
    count = len(next(iter(given.values())))
    layers = [node for node in graph.nodes if isinstance(node.op, RecurrentLayer) and _floats(graph, node)]
    names = [t.name for t in graph.activations if t.dtype == "float32"]
    masked = _masked(graph)
    ends = dict.fromkeys(names, (0.0, 0.0))
    some: dict[str, list[Array]] = {name: [] for name in names}
    for start in range(0, count, _CHUNK):
        values = interpret.run(graph, {n: a[start : start + _CHUNK] for n, a in given.items()})
        for name in names:
            flat = _that_count(values[name], masked[name]) if name in masked else values[name].reshape(-1)
            if not np.isfinite(flat).all():
                raise DataError(f"tensor {name} is not finite for the calibration data")
            low, high = ends[name]
            ends[name] = (min(low, float(flat.min(initial=0))), max(high, float(flat.max(initial=0))))
            step = max(1, values[name].size * count // (KEPT * len(values[name])))
            some[name].append(flat[::step].astype(np.float32))
        for node in layers:
            # states between the steps come out nowhere
            for name, end in _states(graph, node, values).items():
                low, high = ends[name]
                ends[name] = (min(low, -end), max(high, end)) if end > max(-low, high) else (low, high)
    return {name: Held(*ends[name], np.concatenate(some[name])) for name in names}


def _floats(graph: Graph, node: Node) -> bool:
    return graph.tensors[node.inputs[0]].dtype == "float32"


def _masked(graph: Graph) -> dict[str, int]:
    """Tensors that softmax alone reads, and the axis: masks put numbers there that stand for nothing."""
    found: dict[str, int] = {}
    for node in graph.nodes:
        op: Any = node.op
        readers = graph.consumers(node.inputs[0]) if isinstance(op, Softmax) and not op.log else ()
        alone = all(isinstance(one.op, Softmax) and one.op == op for one in readers)
        if readers and alone and op.beta == 1 and node.inputs[0] not in graph.kept:
            found[node.inputs[0]] = op.axis
    return found


def _that_count(values: Array, axis: int) -> Array:
    """Numbers without those far below the largest along an axis."""
    with np.errstate(invalid="ignore"):
        most = values.max(axis=axis + 1, keepdims=True)
        counts = (values >= most - np.float32(_FAR)) | ~(values < most)
    return np.asarray(values[counts])


def _states(graph: Graph, node: Node, values: Mapping[str, Array]) -> dict[str, float]:
    """Largest magnitudes of outputs and cells of a recurrent layer over all steps, by tensors of the net."""
    op: Any = node.op
    at = graph.applied(node)
    most = [0.0, 0.0]

    def watched(step: Step) -> Step:
        def one(x: Array, h: Array, c: Array | None) -> tuple[Array, Array | None]:
            made = step(x, h, c)
            for k, array in enumerate(made):
                if array is not None and array.size:
                    most[k] = max(most[k], float(np.abs(array).max()))
            return made

        return one

    calls = len(next(iter(values.values())))
    for i in range(calls):
        arrays = [_one(graph, name, values, i) for name in node.inputs]
        steps: Callable[[int], Step] = op.steps(at, arrays)
        run(op, at, arrays, _each(watched, steps))
    outs = int(op.whole) + 1
    return {name: most[int(k >= outs)] for k, name in enumerate(node.outputs)}


def _each(watched: Callable[[Step], Step], steps: Callable[[int], Step]) -> Callable[[int], Step]:
    return lambda direction: watched(steps(direction))


def _one(graph: Graph, name: str, values: Mapping[str, Array], call: int) -> Array | None:
    if not name:
        return None
    known = graph.tensors[name].data
    return known if known is not None else np.asarray(values[name][call])


def together(several: list[Held]) -> Held:
    """Several tensors that are to have one scale."""
    return Held(
        min(h.low for h in several), max(h.high for h in several), np.concatenate([h.some for h in several])
    )


def scale_for(held: Held, dtype: str, method: str, room: float = 1.0) -> Affine:
    """Scale and zero point of a tensor: int8 asymmetric, int16 symmetric; float32 numbers.

    ``room``: factor of the scale, for numbers beyond those that were held.
    """
    low, high = held.low, held.high
    if method == "percentile" and held.some.size:
        ends = np.percentile(held.some, [OUTSIDE, 100 - OUTSIDE])
        low, high = min(0.0, float(ends[0])), max(0.0, float(ends[1]))
    if method != "mse":
        return _affine(low * room, high * room, dtype)
    choices = [_affine(low * f, high * f, dtype) for f in np.linspace(1.0, 0.3, 29)]
    errors = [
        float(np.mean((held.some.astype(np.float64) - _there_and_back(held.some, q, dtype)) ** 2))
        for q in choices
    ]
    best = choices[int(np.argmin(errors))]
    return best if room == 1 else Affine((float(np.float32(best.scale[0] * room)),), best.zero)


def _affine(low: float, high: float, dtype: str) -> Affine:
    info = np.iinfo(dtype)
    if dtype == "int16":
        scale = np.float32(max(-low, high) / info.max)
    else:
        scale = np.float32((high - low) / (info.max - info.min))
    if not scale > np.float32(1e-30):
        scale = np.float32(1.0)
    zero = 0 if dtype == "int16" else int(np.clip(np.rint(info.min - low / float(scale)), info.min, info.max))
    return Affine((float(scale),), (zero,))


def _there_and_back(x: Array, quant: Affine, dtype: str) -> Array:
    info = np.iinfo(dtype)
    q = np.clip(np.rint(x / quant.scale[0]) + quant.zero[0], info.min, info.max)
    return np.asarray((q - quant.zero[0]) * quant.scale[0])
