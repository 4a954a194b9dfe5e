"""Where each tensor of a net lies in the working memory (arena).

Kernels read windows of a tensor as they lie, so the zeros of ``same`` padding are part of the tensor's
place (binary: bits 0, the value -1), and so are up to three bytes after it that meet weights of zero.
What a kernel needs, and whether it works in place, is its operator's word (``Operator.buffers``).
"""

from __future__ import annotations

from dataclasses import dataclass

from sensorai.errors import InternalError
from sensorai.graph.graph import Graph
from sensorai.plan.place import ALIGN, Buffer, place


@dataclass(frozen=True, slots=True)
class Slot:
    """Place of a tensor.

    Attributes
    ----------
    offset : int
        Of its first value in the arena, in bytes; margins lie before it. -1 for a tensor that stays where
        the caller has it (input and scores).
    left, right : int
        Bytes of zeros right before and after the values that layers count on.
    size : int
        Bytes of the values.
    """

    offset: int
    left: int
    right: int
    size: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Arena of a net.

    Attributes
    ----------
    slots : dict of str to Slot
        Every tensor that is given or computed.
    peak : int
        Bytes of the arena.
    staged : bool
        The input has to be copied into the arena first (it needs margins).
    groups : tuple of (first node, last node, offset, bytes)
        What holds which bytes when.
    """

    slots: dict[str, Slot]
    peak: int
    staged: bool
    groups: tuple[tuple[int, int, int, int], ...]

    def check(self) -> Plan:
        """Return the plan when no two groups share a byte while both live, and all lies within the arena."""
        for i, (first, last, at, size) in enumerate(self.groups):
            if at % ALIGN or at < 0 or at + size > self.peak:
                raise InternalError(f"bytes {at} to {at + size} of an arena of {self.peak}")
            for first2, last2, at2, size2 in self.groups[i + 1 :]:
                if first <= last2 and first2 <= last and at < at2 + size2 and at2 < at + size:
                    raise InternalError(f"two tensors share bytes {max(at, at2)} on")
        for name, slot in self.slots.items():
            if slot.offset >= 0 and slot.offset + slot.size + slot.right > self.peak:
                raise InternalError(f"tensor {name} ends behind the arena")
        return self


def written_by_caller(graph: Graph, name: str) -> bool:
    """Whether the output ``name`` is written straight into the scores the caller gives."""
    if name not in graph.outputs or graph.consumers(name):
        return False
    node = graph.producer(name)
    direct = node is not None and not node.op.buffers(graph.applied(node)).alias
    return direct and graph.tensors[name].dtype in ("int32", "int16", "float32")


def plan(graph: Graph) -> Plan:
    """Give every tensor a place; deterministic."""
    groups = _groups(graph)
    _margins(graph, groups)
    x = groups[graph.inputs[0]]
    staged = bool(x.left or x.right or x.slop)
    unique = list({id(g): g for g in groups.values()}.values())
    real = [g for g in unique if (g is not x or staged) and not _direct(graph, g)]
    peak, offsets, order = place(real)
    where = {id(g): at for g, at in zip(order, offsets, strict=True)}
    slots = {}
    for name, group in groups.items():
        at = where[id(group)] + group.lead if id(group) in where else -1
        slots[name] = Slot(at, group.left, group.right, graph.tensors[name].bytes)
    spans = tuple((g.first, g.last, at, g.bytes) for g, at in zip(order, offsets, strict=True))
    return Plan(slots, peak, staged, spans).check()


def _groups(graph: Graph) -> dict[str, Buffer]:
    """Tensors by name, those that share a place with one buffer."""
    x, end = graph.inputs[0], len(graph.nodes)

    def last_use(name: str) -> int:
        uses = [i for i, node in enumerate(graph.nodes) if name in node.reads]
        return end if name in graph.outputs else max(uses, default=-1)

    groups = {x: Buffer([x], -1, last_use(x), graph.tensors[x].bytes)}
    for i, node in enumerate(graph.nodes):
        out, needs = graph.out(node), node.op.buffers(graph.applied(node))
        share = None
        if needs.alias:
            share = groups[node.reads[0]]
        elif needs.in_place and not written_by_caller(graph, out.name):
            dying = (groups[n] for n in node.reads if groups[n].last == i and groups[n] is not groups[x])
            share = next(dying, None)
        if share is None:
            share = Buffer([], i, i, out.bytes)
        share.names.append(out.name)
        share.last = max(share.last, last_use(out.name), i)
        groups[out.name] = share
    return groups


def _margins(graph: Graph, groups: dict[str, Buffer]) -> None:
    for node in graph.nodes:
        needs = node.op.buffers(graph.applied(node))
        for tensor, margin in zip(graph.ins(node), needs.margins, strict=False):
            group = groups[tensor.name]
            # a group may have shrunk in place: what lies behind the smaller tensor is inside its bytes
            spare = group.size - tensor.bytes
            group.left = max(group.left, margin.left)
            group.right = max(group.right, margin.right - spare)
            group.slop = max(group.slop, margin.slop - spare)


def _direct(graph: Graph, group: Buffer) -> bool:
    return len(group.names) == 1 and written_by_caller(graph, group.names[0])
