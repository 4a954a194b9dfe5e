"""What rules of several file formats share that read operators which move numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.limits import CONSTANT
from sensorai.graph.operator import Applied
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.known import integers
from sensorai.importers.net import NetBuilder
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.gather import Gather
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.slices import Slice

#: Most axes of a tensor: those that NumPy can have.
AXES = 32


class Reads(Protocol):
    """Node that is being read, of whatever file."""

    @property
    def net(self) -> NetBuilder:
        """Where it goes."""
        ...

    @property
    def where(self) -> str:
        """The node in messages."""
        ...

    def need(self, place: int) -> Tensor:
        """Input at a place; a ConfigError where it is left out."""
        ...

    def add(
        self, op: NdOperator, *inputs: Tensor | None, last: bool = True, name: str = ""
    ) -> tuple[Tensor, ...]:
        """Append an operator; ``last``: what it makes has the names of the node's outputs."""
        ...


@dataclass(frozen=True, slots=True)
class Along:
    """What is taken along one axis: as a slice of Python says it."""

    start: int | None = None
    stop: int | None = None
    step: int = 1


def numbers(node: Reads, place: int, what: str) -> tuple[int, ...]:
    """Whole numbers of a constant input."""
    return integers(node.where, node.need(place), what)


def axis_of(node: Reads, value: int, rank: int) -> int:
    """Axis from 0; a ConfigError where there is none."""
    if not -rank <= value < rank:
        raise ConfigError(f"{node.where}: there is no axis {value} of {rank}")
    return value % rank


def axes_of(node: Reads, values: Sequence[int], rank: int) -> tuple[int, ...]:
    """Axes from 0, each once."""
    out = tuple(axis_of(node, int(v), rank) for v in values)
    if len(set(out)) != len(out):
        raise ConfigError(f"{node.where}: axes {list(values)} name one twice")
    return out


def sliced(shape: Shape, along: Mapping[int, Along]) -> Slice:
    """Slice of a tensor, by axis; what lies outside is cut off, as Python does."""
    every = (along.get(axis, Along()) for axis in range(len(shape)))
    found = [slice(one.start, one.stop, one.step).indices(n) for one, n in zip(every, shape, strict=True)]
    starts, stops, steps = ((), (), ()) if not found else zip(*found, strict=True)
    return Slice(tuple(starts), tuple(stops), tuple(steps))


def parts(node: Reads, x: Tensor, axis: int, sizes: Sequence[int], names: Sequence[str]) -> list[Tensor]:
    """Cut a tensor into pieces along an axis, each a slice of its own: one that nothing reads goes."""
    if min(sizes, default=0) < 0 or sum(sizes) != x.shape[axis]:
        raise ConfigError(f"{node.where}: parts {list(sizes)[:8]} are not the {x.shape[axis]} of axis {axis}")
    made, at = [], 0
    for size, name in zip(sizes, names, strict=True):
        op = sliced(x.shape, {axis: Along(at, at + size)})
        made.append(node.net.add(op, (x,), (name,))[0])
        at += size
    return made


def gathered(node: Reads, x: Tensor, places: Tensor, axis: int, batch: int = 0) -> Sequence[Tensor]:
    """Take parts at places; places that are known and evenly apart are a slice."""
    if places.data is None or batch:
        return node.add(Gather(axis, batch), x, places)
    extent, given = x.shape[axis], places.data.astype(np.int64)
    if given.size and not -extent <= given.min() <= given.max() < extent:
        raise ConfigError(
            f"{node.where}: places {given.min()} to {given.max()} leave axis {axis} of {x.shape}"
        )
    found = np.where(given < 0, given + extent, given)
    shape = (*x.shape[:axis], *found.shape, *x.shape[axis + 1 :])
    flat = found.reshape(-1)
    apart = np.diff(flat)
    if flat.size and (flat.size == 1 or (apart[0] and (apart == apart[0]).all())):
        step = int(apart[0]) if flat.size > 1 else 1
        stop = int(flat[-1]) + (1 if step > 0 else -1)
        op = sliced(x.shape, {axis: Along(int(flat[0]), None if stop < 0 else stop, step)})
        if op.infer(Applied(node.where, (x,), {}))[0].shape == shape:
            return node.add(op, x)
        return node.add(Reshape(shape), *node.add(op, x, last=False))
    kind = next(k for k in (np.uint8, np.uint16, np.int32) if extent - 1 <= np.iinfo(k).max)
    return node.add(Gather(axis), x, node.net.constant(f"{places.name}.places", found.astype(kind)))


def small(node: Reads, shape: Sequence[int]) -> Shape:
    """Shape of a constant that a rule makes; a ConfigError where it is impossible or too large."""
    if len(shape) > AXES or min(shape, default=0) < 0 or math.prod(shape) > CONSTANT:
        raise ConfigError(f"{node.where}: makes a constant of shape {list(shape)[:AXES]}, which is too large")
    return tuple(shape)
