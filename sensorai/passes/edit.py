"""A graph while a pass changes it: nodes come and go, tensors are read in place of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from heapq import heappop, heappush

from sensorai.errors import ConfigError, InternalError
from sensorai.graph.graph import Graph, Node
from sensorai.graph.operator import Applied
from sensorai.graph.quant import Quant
from sensorai.graph.tensor import ABSENT, Array, Tensor, constant, free
from sensorai.ops.nd.base import NdOperator
from sensorai.passes.change import Changed

#: Changes what a node is part of, and says in words what it did; "" where there is nothing to do.
Rule = Callable[["Edit", Node], str]


def each(graph: Graph, *rules: Rule) -> Changed:
    """Try rules on every node, in order, until one of them does something."""
    edit = Edit(graph)
    for old in graph.nodes:
        node = edit.now(old)
        if node is None:
            continue
        for rule in rules:
            if said := rule(edit, node):
                edit.said.append(f"{old.output} ({old.op.NAME}) {said}")
                break
    return Changed(edit.graph(), tuple(edit.said))


class Edit:
    """Copy of a graph that can be changed; ``graph`` gives the new one, without what nothing reads.

    Outputs of the net keep their names: where another tensor takes the place of one, its node writes the
    output instead.
    """

    def __init__(self, graph: Graph) -> None:
        self.old = graph
        self.kept = graph.kept
        self.tensors = dict(graph.tensors)
        self.nodes = list(graph.nodes)
        #: What a pass did, a line each.
        self.said: list[str] = []
        self._makers: dict[str, Node] = {}
        self._readers: dict[str, list[Node]] = {}
        for node in self.nodes:
            self._enter(node)

    def now(self, old: Node) -> Node | None:
        """What makes today what ``old`` made, None where it is gone."""
        found = self._makers.get(old.output)
        return found if found is not None and found.outputs == old.outputs else None

    def producer(self, name: str) -> Node | None:
        """Node that makes a tensor; None for inputs and constants."""
        return self._makers.get(name)

    def consumers(self, name: str) -> list[Node]:
        """Nodes that read a tensor."""
        return list(self._readers.get(name, ()))

    def only_consumer(self, name: str) -> Node | None:
        """Only node that reads a tensor, None where there are more or it is kept by the net."""
        found = self._readers.get(name, ())
        return found[0] if len(found) == 1 and name not in self.kept else None

    def data(self, name: str) -> Array | None:
        """Numbers of a constant, None for anything else."""
        return self.tensors[name].data if name else None

    def applied(self, node: Node) -> Applied:
        """Tensors of a node."""
        inputs = tuple(self.tensors[n] if n else ABSENT for n in node.inputs)
        return Applied(node.output, inputs, {}, tuple(self.tensors[n] for n in node.outputs))

    def fresh(self, wish: str) -> str:
        """Name that no tensor has yet."""
        return free(wish, self.tensors)

    def constant(self, wish: str, data: Array, dtype: str = "", quant: Quant = None) -> str:
        """Add a constant and return its name."""
        name = self.fresh(wish)
        self.tensors[name] = constant(name, data, quant, dtype)
        return name

    def insert(
        self, before: Node, op: NdOperator, inputs: Sequence[str], wish: str, quant: Quant = None
    ) -> str:
        """Add a node with one output before another and return the name of what it makes."""
        name = self.fresh(wish)
        reads = tuple(self.tensors[n] if n else ABSENT for n in inputs)
        made = op.infer(Applied(name, reads, {}))[0]
        self.tensors[name] = Tensor(name, made.shape, made.dtype, made.quant if quant is None else quant)
        self.put(before, Node(op, tuple(inputs), (name,)), before)
        return name

    def swap(self, old: Node, op: NdOperator, inputs: Sequence[str]) -> Node:
        """Let another operator make what ``old`` made, whose names and scales stay."""
        new = Node(op, tuple(inputs), old.outputs)
        self.put(old, new)
        reads = tuple(self.tensors[n] if n else ABSENT for n in inputs)
        for name, made in zip(new.outputs, op.infer(Applied(old.output, reads, {})), strict=False):
            tensor = self.tensors[name]
            self.tensors[name] = replace(tensor, shape=made.shape, dtype=made.dtype)
        return new

    def retype(self, name: str, dtype: str, quant: Quant) -> None:
        """Say of a computed tensor what its numbers are."""
        self.tensors[name] = replace(self.tensors[name], dtype=dtype, quant=quant)

    def remove(self, node: Node) -> None:
        """Take a node away; nothing may read what it makes any more, but see ``graph``."""
        self.put(node)

    def between(self, node: Node, op: NdOperator, inputs: Sequence[str], behind: Node) -> bool:
        """Let an operator make what ``behind`` makes of what ``node`` makes; False where it cannot."""
        at = self.applied(Node(op, tuple(inputs), behind.outputs))
        try:
            op.accept(at)
            op.check(at)
        except ConfigError:
            return False
        self.put(behind, Node(op, tuple(inputs), behind.outputs))
        self.remove(node)
        return True

    def put(self, old: Node, *new: Node) -> None:
        """Let nodes stand in the place of another."""
        at = self._at(old)
        self._leave(old)
        self.nodes[at : at + 1] = new
        for node in new:
            self._enter(node)

    def read_instead(self, old: str, new: str) -> None:
        """Let every node that reads ``old`` read ``new``."""
        for node in self.consumers(old):
            self.put(node, replace(node, inputs=tuple(new if n == old else n for n in node.inputs)))

    def bypass(self, node: Node, name: str) -> bool:
        """Remove a node whose only output is the tensor ``name``; False where the net keeps both names.

        An output of the net is then made by the node that made ``name``.
        """
        out = node.output
        if out in self.kept:
            maker = self.producer(name)
            if maker is None or name in self.kept:
                return False
            self.remove(node)
            self.put(maker, replace(maker, outputs=tuple(out if n == name else n for n in maker.outputs)))
            self.tensors[out] = replace(self.tensors[name], name=out)
            self.read_instead(name, out)
            return True
        self.remove(node)
        self.read_instead(out, name)
        return True

    def graph(self) -> Graph:
        """Return the new graph, its nodes in an order in which they can run.

        Nodes that nothing needs and tensors that nothing reads are gone.
        """
        return replace(self.old, tensors=self.tensors, nodes=tuple(self._ordered())).pruned()

    def _ordered(self) -> list[Node]:
        """Nodes as they stand; one that reads what comes later waits for it."""
        place = {id(node): k for k, node in enumerate(self.nodes)}
        waits: dict[int, int] = {}
        ready: list[int] = []
        for k, node in enumerate(self.nodes):
            makers = {id(m) for n in node.inputs if n and (m := self._makers.get(n)) is not None}
            waits[k] = len(makers)
            if not makers:
                ready.append(k)
        out: list[Node] = []
        while ready:
            node = self.nodes[heappop(ready)]
            out.append(node)
            for k in {place[id(r)] for n in node.outputs for r in self._readers.get(n, ())}:
                waits[k] -= 1
                if not waits[k]:
                    heappush(ready, k)
        if len(out) < len(self.nodes):
            raise InternalError("a pass left a circle in the net")
        return out

    def _enter(self, node: Node) -> None:
        self._makers.update(dict.fromkeys(node.outputs, node))
        for name in dict.fromkeys(node.inputs):
            if name:
                self._readers.setdefault(name, []).append(node)

    def _leave(self, node: Node) -> None:
        for name in node.outputs:
            if self._makers.get(name) is node:
                del self._makers[name]
        for name in dict.fromkeys(node.inputs):
            if name:
                self._readers[name] = [one for one in self._readers[name] if one is not node]

    def _at(self, node: Node) -> int:
        return next(k for k, one in enumerate(self.nodes) if one is node)
