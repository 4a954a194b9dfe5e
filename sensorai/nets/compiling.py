"""From the graph as it was read to the graph that is emitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sensorai.errors import Problem
from sensorai.graph.graph import Graph, Node
from sensorai.graph.spec import check
from sensorai.importers.net import NO_C
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.passes.border import with_types
from sensorai.passes.change import Step
from sensorai.passes.imported import simplify


@dataclass(frozen=True, slots=True)
class Compiled:
    """A graph as it is emitted.

    Attributes
    ----------
    graph : Graph
    passed : Graph
        As the passes left it: with inputs and outputs in the types of the file.
    steps : tuple of Step
        Passes that changed something.
    problems : tuple of Problem
        Layers that have no C.
    """

    graph: Graph
    passed: Graph
    steps: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def did(self) -> tuple[str, ...]:
        """What passes did, a line each."""
        return tuple(line for step in self.steps for line in _lines(step))


def _lines(step: Step) -> list[str]:
    """What a pass did, and then what the net takes."""
    lines = [f"{step.name}: {line}" for line in step.said]
    if step.was is not None and step.made is not None:
        a, b = step.was, step.made
        pairs = [
            (a.nodes, b.nodes, "nodes"),
            (a.macs, b.macs, "MACs"),
            (a.bytes, b.bytes, "bytes of constants"),
        ]
        told = ", ".join(f"{x:,} to {y:,} {what}" for x, y, what in pairs if x != y)
        lines += [f"{step.name}: {told}"] if told else []
    return lines


def plain(graph: Graph) -> Graph:
    """Net whose weights lie in flash as they are, none as places in a dictionary."""

    def one(node: Node) -> Node:
        op = node.op
        return replace(node, op=replace(op, coded=False)) if isinstance(op, Conv | FullyConnected) else node

    return replace(graph, nodes=tuple(map(one, graph.nodes)))


def _held(graph: Graph) -> set[str]:
    """Names of all tensors that the net takes, makes or reads."""
    return {*graph.inputs, *(n for node in graph.nodes for n in (*node.inputs, *node.outputs) if n)}


def compiled(
    graph: Graph, inputs: Sequence[str] = (), outputs: Sequence[str] = (), *, dictionaries: bool = True
) -> Compiled:
    """Simplify a graph that was read, and say which of its layers have no C.

    Parameters
    ----------
    inputs, outputs : sequence of str
        Types of inputs and outputs, see ``border.with_types``.
    dictionaries : bool
        Whether weights may be places in a dictionary.
    """
    passed, steps = simplify(check(graph))
    made = with_types(passed, inputs, outputs)
    if not dictionaries:
        made = plain(made)
    problems = tuple(
        Problem(
            f"layer {made.called(node.output)} ({node.op.NAME}) has no C",
            hint="it is computed by the reference alone: 'analyze' and 'validate' take it, 'generate' not",
        )
        for node in made.nodes
        if not node.op.EMITTED
    )
    if real := sorted({made.tensors[n].dtype for n in _held(made)} & set(NO_C)):
        hint = "--float32 computes in float32 instead, and says by how much results differ"
        problems = (
            Problem(f"the net computes in {' and '.join(real)}, which has no C", hint=hint),
            *problems,
        )
    return Compiled(made, passed, steps, problems)
