"""Buffers of a net: which tensors share one, how long each lives, and which may overlap.

Kernels read windows of a tensor as they lie, so the zeros of ``same`` padding are part of the tensor's
place (binary: bits 0, the value -1), and so are up to three bytes after it that meet weights of zero.
What a kernel needs, and whether it works in place, is its operator's word (``Operator.buffers``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from sensorai.graph.graph import Graph
from sensorai.graph.operator import Buffers, Margin
from sensorai.plan.place import ALIGN, Buffer, Overlap

#: Types that come out as scores of a class without a further step.
SCORES = frozenset({"int32", "float32"})


def written_by_caller(graph: Graph, name: str, kinds: Collection[str] = SCORES) -> bool:
    """Whether the output ``name`` is written straight to where the caller wants it.

    Parameters
    ----------
    kinds : collection of str
        Types that the caller takes as they are computed.
    """
    if name not in graph.outputs or graph.consumers(name):
        return False
    node = graph.producer(name)
    direct = node is not None and not node.op.buffers(graph.applied(node)).alias
    return direct and graph.tensors[name].dtype in kinds


class Laid:
    """Buffers of a net, and which of them may overlap.

    ``share``: what is made in place shares a buffer with what it is made of. ``moved``: tensors that go
    to another place once they are computed, see ``movable``.
    """

    def __init__(
        self,
        graph: Graph,
        needs: Sequence[Buffers],
        kinds: Collection[str],
        inside: Collection[str],
        share: bool,
        moved: Collection[str] = (),
    ) -> None:
        self.graph = graph
        self.groups = groups = _groups(graph, needs, kinds, inside, share)
        _margins(graph, needs, groups)
        given = [groups[name] for name in graph.given]
        self.staged = tuple(
            name
            for name, g in zip(graph.given, given, strict=True)
            if name not in inside and (g.left or g.right or g.slop)
        )
        unique = list({id(g): g for g in groups.values()}.values())
        outside = [
            g for name, g in zip(graph.given, given, strict=True) if name not in (*self.staged, *inside)
        ]
        real = [
            g for g in unique if not any(g is one for one in outside) and not _direct(graph, g, kinds, inside)
        ]
        # bytes that kernels use while they run, a buffer each
        used = [(i, one.scratch) for i, one in enumerate(needs) if one.scratch]
        self.scratch = [Buffer([f"scratch {i}"], i, i, size) for i, size in used]
        self.align = max([ALIGN, *(graph.tensors[n].item_bytes for g in real for n in g.names)])
        #: Tensors that may move.
        self.movable = tuple(g.names[0] for g in real if self._movable(g))
        #: Second buffers of those that do, by the first tensor.
        self.later = {name: self._split(groups[name]) for name in self.movable if name in moved}
        self.buffers = [*real, *self.later.values(), *self.scratch]
        self.overlaps = _overlaps(graph, needs, self.lying, self.buffers)

    def _movable(self, group: Buffer) -> bool:
        """Whether a buffer outlives the node that begins it, holds no margins and nothing that is kept."""
        free = not (group.left or group.right or group.slop) and group.first >= 0
        return free and group.first < group.last < len(self.graph.nodes)

    def _split(self, group: Buffer) -> Buffer:
        """Let a buffer end with the node that begins it, and return the one that takes its place."""
        first = self.graph.nodes[group.first].outputs
        names = [name for name in group.names if name not in first]
        own = next(name for name in group.names if name in first)
        later = Buffer([own, *names], group.first + 1, group.last, group.size)
        group.last, group.size = group.first, self.graph.tensors[own].bytes
        group.names = [own]
        self.groups.update(dict.fromkeys(names, later))
        return later

    def lying(self, name: str, node: int) -> Buffer:
        """Buffer in which a tensor lies while a node runs."""
        group = self.groups[name]
        moved = self.later.get(name)
        return moved if moved is not None and node >= moved.first else group


def _overlaps(
    graph: Graph,
    needs: Sequence[Buffers],
    lying: Callable[[str, int], Buffer],
    buffers: Sequence[Buffer],
) -> list[Overlap]:
    """Results that may run over what they are made of."""
    there, out = {id(g) for g in buffers}, []
    for i, (node, own) in enumerate(zip(graph.nodes, needs, strict=True)):
        over = lying(node.output, i)
        if own.alias or over.first != i or id(over) not in there:
            continue
        # an input may be read in two places
        found: dict[int, list[_Way]] = {}
        unders: dict[int, Buffer] = {}
        for k, name in enumerate(node.reads):
            if name and graph.tensors[name].data is None:
                under = lying(name, i)
                unders[id(under)] = under
                found.setdefault(id(under), []).append(_way(own, k))
        for key, under in unders.items():
            least = [way[0] for way in found[key]]
            known = [one for one in least if one is not None]
            most = max(known) if len(known) == len(least) else None
            same = all(way[1] for way in found[key])
            ends = under.last == i and under is not over and key in there
            if ends and (same or most is not None):
                out.append(Overlap(over, under, most, same))
    return out


#: Bytes that an input must lie behind the output, None: no distance will do; whether both may begin together.
_Way = tuple[int | None, bool]


def _way(own: Buffers, place: int) -> _Way:
    """How the output may lie over the input at a place."""
    margin = own.margins[place] if place < len(own.margins) else Margin()
    if margin != Margin():
        return None, False
    return (own.overlap[place] if place < len(own.overlap) else None), own.in_place


def _groups(
    graph: Graph, needs: Sequence[Buffers], kinds: Collection[str], inside: Collection[str], share: bool
) -> dict[str, Buffer]:
    """Tensors by name, those that share a place with one buffer; ``share``: results made in place, too."""
    end = len(graph.nodes)
    uses = {name: i for i, node in enumerate(graph.nodes) for name in node.reads if name}

    def last_use(name: str) -> int:
        return end if name in graph.kept else uses.get(name, -1)

    groups = {x: Buffer([x], -1, last_use(x), graph.tensors[x].bytes) for x in graph.given}
    given = [group for name, group in groups.items() if name not in inside]
    states = {state.write: state.read for state in graph.states if state.write not in graph.outputs}
    for i, (node, own) in enumerate(zip(graph.nodes, needs, strict=True)):
        for k, out in enumerate(node.outputs):
            at = None
            if own.alias:
                at = groups[node.reads[0]]
            elif out in states and groups[states[out]].last < i:
                # the state was read for the last time: what it is in the next call may lie in its place
                at = groups[states.pop(out)]
            elif share and own.in_place and not k:
                at = (
                    _dying(graph, i, groups, given)
                    if out in inside or not written_by_caller(graph, out, kinds)
                    else None
                )
            if at is None:
                at = Buffer([], i, i, graph.tensors[out].bytes)
            at.names.append(out)
            at.last = max(at.last, last_use(out), i)
            groups[out] = at
    return groups


def _dying(graph: Graph, i: int, groups: Mapping[str, Buffer], given: Sequence[Buffer]) -> Buffer | None:
    """First buffer in the arena that node ``i`` is the last to read."""
    computed = (groups[n] for n in graph.computed(graph.nodes[i]))
    return next((g for g in computed if g.last == i and not any(g is one for one in given)), None)


def _margins(graph: Graph, needs: Sequence[Buffers], groups: dict[str, Buffer]) -> None:
    for node, own in zip(graph.nodes, needs, strict=True):
        for tensor, margin in zip(graph.ins(node), own.margins, strict=False):
            if tensor.name not in groups:
                continue
            group = groups[tensor.name]
            # a group may have shrunk in place: what lies behind the smaller tensor is inside its bytes
            spare = group.size - tensor.bytes
            group.left = max(group.left, margin.left)
            group.right = max(group.right, margin.right - spare)
            group.slop = max(group.slop, margin.slop - spare)


def _direct(graph: Graph, group: Buffer, kinds: Collection[str], inside: Collection[str]) -> bool:
    name = group.names[0]
    return len(group.names) == 1 and name not in inside and written_by_caller(graph, name, kinds)
