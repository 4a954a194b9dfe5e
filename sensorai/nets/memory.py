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


def memory(graph: Graph, counted: Costs) -> Memory | None:
    """What lies where in the C of a net that was counted; None where a layer has no C."""
    if counted.arena is None:
        return None
    made = planned(graph, counted)
    blocks = tuple(
        Block(names, first, last, at, size)
        for names, (first, last, at, size) in zip(made.holds, made.groups, strict=True)
    )
    layers = tuple((one.name, one.operator) for one in counted.layers)
    return Memory(layers, blocks, counted.arena, tuple(one.weight_bytes for one in counted.layers))
