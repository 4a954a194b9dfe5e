"""Branches run in the order in which the least lives at once.

A net that splits has many orders; each keeps other tensors waiting. They are searched depth first, by the set
of nodes that have run: how such a set was reached matters only by its peak. Chains have one order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sensorai.graph.graph import Graph
from sensorai.graph.spec import Level
from sensorai.passes.change import Changed

#: Sets of nodes that are looked at, and nodes beyond which nothing is searched.
_LOOKED, _NODES = 4000, 120


@dataclass(frozen=True, slots=True)
class Order:
    """Put the nodes in another order where that lowers the bytes that live at once."""

    level: Level = Level.SOURCE

    def run(self, graph: Graph) -> Changed:
        """The better order, or the graph as it is."""
        # what states are next may lie where they are: that is a matter of their order
        if graph.states or not 3 < len(graph.nodes) <= _NODES:
            return Changed(graph)
        search = _Search(graph)
        before = search.peak_of(range(len(graph.nodes)))
        order, peak = search.best(before)
        if peak >= before:
            return Changed(graph)
        nodes = tuple(graph.nodes[k] for k in order)
        return Changed(
            replace(graph, nodes=nodes), (f"another order of the layers: {before:,} -> {peak:,} bytes",)
        )


class _Search:
    """What runs after what, and what lives meanwhile; sets of nodes are bits of a number."""

    def __init__(self, graph: Graph) -> None:
        self.count = len(graph.nodes)
        made = {name: k for k, node in enumerate(graph.nodes) for name in node.outputs}
        needs = [node.op.buffers(graph.applied(node)) for node in graph.nodes]
        # a tensor that is another one under a new name is that one
        root = {name: name for name in (*graph.given, *made)}
        for node, own in zip(graph.nodes, needs, strict=True):
            if own.alias and node.reads[0] in root:
                root[node.output] = root[node.reads[0]]
        self.before = [0] * self.count
        self.readers: dict[str, int] = dict.fromkeys(root.values(), 0)
        self.bytes = {name: graph.tensors[name].bytes for name in self.readers}
        self.ins: list[tuple[str, ...]] = []
        self.outs: list[tuple[str, ...]] = []
        self.least: list[dict[str, int | None]] = []
        for k, (node, own) in enumerate(zip(graph.nodes, needs, strict=True)):
            inputs = graph.computed(node)
            for name in inputs:
                if name in made:
                    self.before[k] |= 1 << made[name]
                self.readers[root[name]] |= 1 << k
            self.ins.append(tuple(dict.fromkeys(root[name] for name in inputs)))
            self.outs.append(tuple(n for n in node.outputs if root[n] == n))
            over = own.overlap or ((0,) * len(node.reads) if own.in_place else ())
            self.least.append(
                {root[n]: d for n, d in zip(node.reads, over, strict=False) if n in root and d is not None}
            )
        self.kept = {root[name] for name in graph.outputs if name in root}
        self.given = tuple(dict.fromkeys(root[name] for name in graph.given))

    def step(self, done: int, live: int, node: int) -> tuple[int, int]:
        """Bytes that live while a node runs, and those behind it."""
        outs = sum(self.bytes[name] for name in self.outs[node])
        now, after = live + outs, live + outs
        saved = 0
        for name in self.ins[node]:
            if name in self.kept or self.readers[name] & ~(done | 1 << node):
                continue
            size = self.bytes[name]
            after -= size
            least = self.least[node].get(name)
            if least is not None and self.outs[node]:
                first = self.bytes[self.outs[node][0]]
                saved = max(saved, size + first - max(first, size + least))
        for name in self.outs[node]:
            if name not in self.kept and not self.readers[name]:
                after -= self.bytes[name]
        return now - saved, after

    def peak_of(self, order: Sequence[int]) -> int:
        """Bytes that live at once at most in an order."""
        done, live, peak = 0, self._start(), 0
        for node in order:
            now, live = self.step(done, live, node)
            peak, done = max(peak, now), done | 1 << node
        return peak

    def _start(self) -> int:
        return sum(self.bytes[name] for name in self.given)

    def best(self, bound: int) -> tuple[list[int], int]:
        """An order whose peak is below ``bound``, and the peak; as it is where none was found."""
        everything = (1 << self.count) - 1
        found, found_peak = list(range(self.count)), bound
        seen: dict[int, int] = {}
        stack: list[tuple[int, int, int, tuple[int, ...]]] = [(0, self._start(), 0, ())]
        while stack and len(seen) < _LOOKED:
            done, live, peak, order = stack.pop()
            if peak >= found_peak or seen.get(done, found_peak) <= peak:
                continue
            seen[done] = peak
            if done == everything:
                found, found_peak = list(order), peak
                continue
            ready = [k for k in range(self.count) if not done >> k & 1 and not self.before[k] & ~done]
            # what leaves the least behind is looked at first
            tried = [(*self.step(done, live, k), k) for k in ready]
            for now, after, k in sorted(tried, key=lambda one: (one[1], one[0], one[2]), reverse=True):
                stack.append((done | 1 << k, after, max(peak, now), (*order, k)))
        return found, found_peak
