"""What the rules of ``streaming`` work on: tensors that come in columns, and the walk through a net."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sensorai.errors import ConfigError, InternalError
from sensorai.graph.graph import Graph, Node
from sensorai.graph.operator import Operator
from sensorai.graph.quant import Quant
from sensorai.graph.tensor import Shape, Tensor
from sensorai.ops.nd.base import NdOperator


@dataclass(slots=True, eq=False)
class Edge:
    """Columns at an end of a window that are computed with each, as soon as something reads them.

    Attributes
    ----------
    count : int
    make : callable
        Appends the nodes that compute them.
    """

    count: int
    make: Callable[[], Tensor]
    _made: list[Tensor] = field(default_factory=list)

    @property
    def tensor(self) -> Tensor:
        """The columns."""
        if not self._made:
            self._made.append(self.make())
        return self._made[0]


def _none() -> Tensor:
    raise InternalError("an edge without columns was read")


NO_EDGE = Edge(0, _none)


@dataclass(frozen=True, slots=True, eq=False)
class Timed:
    """Tensor that comes in columns.

    Columns at both ends that see a margin are others in every window and computed with each: those are its
    edges. The columns between them wander from window to window.

    Attributes
    ----------
    name : str
        In the old net.
    tensor : Tensor
        Of the new net: the columns between the edges that a call adds.
    axis : int
        Of time.
    extent : int
        Columns in the old net.
    first, last : Edge
    """

    name: str
    tensor: Tensor
    axis: int
    extent: int
    first: Edge = NO_EDGE
    last: Edge = NO_EDGE

    @property
    def new(self) -> int:
        """Columns that a call adds; where they are all, nothing of the past is left in them."""
        return self.tensor.shape[self.axis]

    @property
    def before(self) -> int:
        """Columns of the edge at the start."""
        return self.first.count

    @property
    def after(self) -> int:
        """Columns of the edge at the end."""
        return self.last.count

    @property
    def between(self) -> int:
        """Columns between the edges."""
        return self.extent - self.before - self.after


class HopRefused(ConfigError):
    """A hop does not bring whole steps of a layer; one that is ``times`` as large does, there."""

    times = 1


class Walk(Protocol):
    """What a rule works on."""

    graph: Graph
    sequence: bool
    timed: dict[str, Timed]

    def old(self, name: str) -> Tensor:
        """Tensor of the old net."""
        ...

    def whole(self, name: str) -> Tensor:
        """All columns of a tensor, or a tensor that has none."""
        ...

    def take(self, t: Timed, count: int, back: int = 0) -> Tensor:
        """So many columns, the last of them ``back`` columns before the newest between the edges."""
        ...

    def head(self, t: Timed, count: int) -> Tensor:
        """First columns of the window."""
        ...

    def tail(self, t: Timed, count: int) -> Tensor:
        """Last columns of the window."""
        ...

    def late(self, t: Timed) -> int:
        """Columns at the start of a sequence that the old net does not have."""
        ...

    def add(self, node: Node, op: Operator, inputs: list[Tensor], part: str = "") -> list[Tensor]:
        """Append a node in the place of an old one, for the edge ``part`` or for all else."""
        ...

    def columns(
        self, name: str, tensor: Tensor, axis: int, first: Edge = NO_EDGE, last: Edge = NO_EDGE
    ) -> None:
        """Say that a tensor comes in columns."""
        ...

    def made(self, op: NdOperator, inputs: Sequence[Tensor], name: str, quant: Quant = None) -> Tensor:
        """Append a node that the old net does not have; returns what it makes."""
        ...

    def begins(self, calls: int) -> None:
        """Say that an output without time is none yet in so many calls."""
        ...

    def started(self, calls: int) -> Tensor:
        """Whether so many calls came before: bool of shape (1,)."""
        ...

    def state(self, like: Tensor, following: Tensor) -> None:
        """Keep a tensor as a state."""
        ...

    def fresh(self, wish: str) -> str:
        """Name that no tensor has yet."""
        ...

    def following(self, name: str) -> str:
        """What a tensor of the old net holds in the next call, where it is a state; else ""."""
        ...


def refused(node: Node, why: str, hint: str) -> ConfigError:
    """Error that says why a layer cannot be streamed."""
    return ConfigError(f"{named(node)} {why}", hint=hint)


def named(node: Node) -> str:
    """How messages call a layer."""
    return f"layer {node.output} ({node.op.NAME})"


def extended(shape: Shape, axis: int, extent: int) -> Shape:
    """Shape with another extent along an axis."""
    return (*shape[:axis], extent, *shape[axis + 1 :])
