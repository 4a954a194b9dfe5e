"""What a pass is, and the road of a net through several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sensorai.graph.graph import Graph
from sensorai.graph.spec import Level, check


@dataclass(frozen=True, slots=True, eq=False)
class Changed:
    """What a pass made.

    Attributes
    ----------
    graph : Graph
    said : tuple of str
        What it did, a line each.
    """

    graph: Graph
    said: tuple[str, ...] = ()


class Pass(Protocol):
    """One step from a graph to a graph; changes nothing that it is given."""

    @property
    def level(self) -> Level:
        """Level of what comes out."""
        ...

    def run(self, graph: Graph) -> Changed:
        """Make the new graph."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
    """What a net takes: nodes, multiply-accumulates, bytes of constants."""

    nodes: int
    macs: int
    bytes: int


def cost(graph: Graph) -> Cost:
    """Count a net."""
    macs = sum(node.op.macs(graph.applied(node)) for node in graph.nodes)
    return Cost(len(graph.nodes), macs, sum(t.bytes for t in graph.tensors.values() if t.data is not None))


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """A pass that ran: its name, nodes before and after, what it said; costs before and after where asked."""

    name: str
    before: int
    after: int
    said: tuple[str, ...]
    was: Cost | None = None
    made: Cost | None = None


def run(graph: Graph, passes: Sequence[Pass]) -> tuple[Graph, tuple[Step, ...]]:
    """Run passes one after the other; after each the net is checked on the level that it has reached."""
    steps = []
    for one in passes:
        changed = one.run(graph)
        name = type(one).__name__
        steps.append(Step(name, len(graph.nodes), len(changed.graph.nodes), changed.said))
        graph = check(changed.graph, one.level)
    return graph, tuple(steps)
