"""The working memory of a net over time, and its flash by layer, as plain figures."""

from __future__ import annotations

from dataclasses import dataclass

from sensorai.graph.graph import Graph
from sensorai.nets.costs import Costs, planned


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes that hold something for a while.

    Attributes
    ----------
    names : tuple of str
        Tensors, one after the other, or ``scratch N``.
    first, last : int
        Layers; -1 before the first, their number behind the last.
    offset, size : int
        In bytes.
    """

    names: tuple[str, ...]
    first: int
    last: int
    offset: int
    size: int

    @property
    def words(self) -> str:
        """A line for a person."""
        return f"{' = '.join(self.names)}: {self.size:,} bytes from {self.offset:,} on"


@dataclass(frozen=True, slots=True)
class Memory:
    """What lies where and when.

    Attributes
    ----------
    layers : tuple of (str, str)
        Name and operator.
    blocks : tuple of Block
    peak : int
        Bytes of the arena.
    flash : tuple of int
        Bytes of the tables of each layer.
    """

    layers: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    peak: int
    flash: tuple[int, ...]

    def used(self) -> list[int]:
        """Bytes up to the highest that is held while each layer runs."""
        return [
            max((b.offset + b.size for b in self.blocks if b.first <= k <= b.last), default=0)
            for k in range(len(self.layers))
        ]


def held(graph: Graph, counted: Costs) -> tuple[int, ...]:
    """Bytes that are in use while each layer of a net that was counted runs.

    Those of the working memory once, however many tensors lie there; what its kernel works with; and what it
    reads and makes that the caller has.
    """
    made = planned(graph, counted)
    out = []
    for k, node in enumerate(graph.nodes):
        live = [
            (made.pool(g), at, at + size)
            for g, (first, last, at, size) in enumerate(made.groups)
            if first <= k <= last
        ]
        at = graph.applied(node)
        beside = {
            t.name: t.bytes
            for t in (*at.inputs, *at.outputs)
            if t.name in made.slots and made.slots[t.name].offset < 0
        }
        out.append(_joined(live) + sum(beside.values()) + counted.layers[k].scratch)
    return tuple(out)


def _joined(spans: list[tuple[int, int, int]]) -> int:
    """Bytes in at least one of some spans (memory, first, behind the last)."""
    total, pool, end = 0, -1, 0
    for where, first, last in sorted(spans):
        if where != pool:
            pool, end = where, 0
        total += max(last - max(first, end), 0)
        end = max(end, last)
    return total


def memory(graph: Graph, counted: Costs) -> Memory | None:
    """What lies where in the C of a net that was counted; None where a layer has no C."""
    if counted.arena is None:
        return None
    made = planned(graph, counted)
    blocks = tuple(
        block
        for names, group in zip(made.holds, made.groups, strict=True)
        for block in _blocks(graph, names, *group)
    )
    layers = tuple((one.name, one.operator) for one in counted.layers)
    return Memory(layers, blocks, counted.arena, tuple(one.weight_bytes for one in counted.layers))


def _blocks(
    graph: Graph, names: tuple[str, ...], first: int, last: int, offset: int, size: int
) -> list[Block]:
    """A block for each tensor that is computed where another lay; those that are the same bytes are one."""
    born = {name: k for k, node in enumerate(graph.nodes) for name in node.outputs}
    same = {
        node.output
        for node in graph.nodes
        if node.output in names and node.op.buffers(graph.applied(node)).alias
    }
    parts: list[list[str]] = []
    for name in names:
        if parts and name in same:
            parts[-1].append(name)
        else:
            parts.append([name])
    begins = [first, *(born.get(part[0], first) for part in parts[1:])]
    ends = [*(begin - 1 for begin in begins[1:]), last]
    sizes = [size if len(parts) == 1 else max(graph.tensors[n].bytes for n in part) for part in parts]
    rows = zip(parts, begins, ends, sizes, strict=True)
    return [Block(tuple(part), a, b, offset, n) for part, a, b, n in rows if a <= b]
