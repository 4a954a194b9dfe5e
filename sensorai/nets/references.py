"""What the reference gives, call after call: for whole inputs, and for columns that are pushed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sensorai.codegen.netproject import Pushing
from sensorai.errors import DataError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.nets.inputs import COUNT, SEED, Inputs, spread
from sensorai.nets.port import Port
from sensorai.nets.streaming import Stream

#: Pushes that are made so that a net without end sees one whole window, at most.
_MOST = 4096
#: Numbers of made pushes, at most.
_NUMBERS = 1 << 24


@dataclass(slots=True)
class Wanted:
    """What calls must give.

    Attributes
    ----------
    calls : list of list of ndarray
        Outputs of every call that has some.
    whole : Inputs
        What the net as it was read takes; no calls where too few columns are there.
    outputs : list of list of ndarray
        Its outputs for that.
    levels : list of dict
        As those of a verdict.
    """

    calls: list[list[Array]]
    whole: Inputs
    outputs: list[list[Array]]
    levels: list[dict[str, Any]] = field(default_factory=list)


def one_by_one(graph: Graph, given: Inputs) -> list[list[Array]]:
    """Outputs of the reference, call after call, states kept from one to the next."""
    state, out = None, []
    for i in range(given.count):
        values = interpret.run(
            graph, {n: a[i] for n, a in zip(graph.inputs, given.arrays, strict=True)}, state
        )
        state = interpret.following(graph, values) if graph.states else None
        out.append([np.asarray(values[n]) for n in graph.outputs])
    return out


def runs(graph: Graph, given: Inputs) -> Wanted:
    """Of a net that takes whole inputs."""
    made = one_by_one(graph, given)
    return Wanted(made, given, made, [{"level": "reference", "calls": given.count}])


def pushes(graph: Graph, stream: Stream, given: Inputs) -> Wanted:
    """Of a net that gets columns; ``graph`` is the net as it was read."""
    if not stream.pushing.stateful:
        whole = windows(stream.pushing, given)
        made = one_by_one(graph, whole)
        return Wanted(made, whole, made, [{"level": "reference on whole windows", "calls": whole.count}])
    pushed = one_by_one(stream.graph, given)
    made = pushed[stream.pushing.warm_up :]
    whole = first_window(stream.pushing, given)
    levels: list[dict[str, Any]] = [{"level": "reference, push by push", "calls": len(made)}]
    if not whole.count:
        levels.append({"level": "reference on the first window", "skipped": _few(stream.pushing, given)})
        return Wanted(made, whole, [], levels)
    outputs = one_by_one(graph, whole)
    count = stream.pushing.window // stream.pushing.hop
    for name, one, *parts in zip(graph.outputs, outputs[0], *pushed[:count], strict=True):
        if not np.array_equal(_ends(parts, one), one, equal_nan=one.dtype.kind == "f"):
            raise DataError(
                f"pushes of {name} are not what the net gives for the first window",
                hint="this is a fault of sensorai, not of the model",
            )
    levels.append({"level": "reference on the first window", "calls": 1})
    return Wanted(made, whole, outputs, levels)


def _few(pushing: Pushing, given: Inputs) -> str:
    """Say how many pushes a whole window takes."""
    needed = pushing.window // pushing.hop
    return (
        f"{given.count} pushes are too few, a window of {pushing.window} columns takes {needed}: "
        f"--count {needed - pushing.warm_up}, or a file of as many columns"
    )


def _ends(parts: Sequence[Array], like: Array) -> Array:
    """What pushes gave together: columns joined, without those too early, or the last result."""
    if parts[-1].shape == like.shape:
        return parts[-1]
    axis = next(k for k, (a, b) in enumerate(zip(parts[0].shape, like.shape, strict=True)) if a != b)
    joined = np.concatenate(parts, axis)
    extent = joined.shape[axis]
    return np.take(joined, range(extent - like.shape[axis], extent), axis)


def windows(pushing: Pushing, given: Inputs) -> Inputs:
    """Whole windows, one for each push that has outputs."""
    hop, axis, extent = pushing.hop, pushing.axis, pushing.window
    samples = np.concatenate(list(given.arrays[0]), axis)
    ends = range((pushing.warm_up + 1) * hop, given.count * hop + 1, hop)
    made = [np.take(samples, range(end - extent, end), axis) for end in ends]
    return Inputs((np.stack(made),), len(made), given.source, given.wanted)


def first_window(pushing: Pushing, given: Inputs) -> Inputs:
    """The first columns, as many as the net that was read takes."""
    count = pushing.window // pushing.hop
    if given.count < count:
        return Inputs((), 0, given.source)
    made = np.concatenate(list(given.arrays[0][:count]), pushing.axis)
    return Inputs((made[None],), 1, given.source)


def made_pushes(ports: Sequence[Port], pushing: Pushing, count: int | None, seed: int | None) -> Inputs:
    """Made columns for so many pushes with outputs; a DataError where these are too many numbers."""
    usual, size = COUNT, sum(math.prod(port.shape) for port in ports)
    if pushing.stateful:
        most = min(pushing.window // pushing.hop, _MOST, _NUMBERS // max(size, 1))
        usual = max(usual, most - pushing.warm_up)
    number = pushing.warm_up + (usual if count is None else count)
    if number * size > _NUMBERS:
        raise DataError(
            f"{number:,} pushes are more than are made",
            hint="a smaller --count, or a file of columns",
        )
    seed = SEED if seed is None else seed
    return replace(spread(ports, number, seed), source=f"{number} made pushes (seed {seed})")


def enough(pushing: Pushing, given: Inputs) -> Inputs:
    """Inputs of a file; a DataError where no outputs come of them."""
    if given.count <= pushing.warm_up:
        raise DataError(
            f"{given.source} has {given.count} pushes",
            hint=f"the first outputs come with push {pushing.warm_up + 1}: give more columns",
        )
    return replace(given, source=f"{given.source}, {given.count} pushes")
