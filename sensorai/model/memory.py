"""Where each activation lies in the working memory (arena), planned before anything runs.

Kernels read windows of a tensor as they lie, so the zeros of ``same`` padding are part of the tensor's
place (binary: bits 0, the value -1), and so are up to three bytes after it that meet weights of zero.
Flatten costs nothing, and ReLU, add and pooling work in place where nobody reads their input later.
"""

from __future__ import annotations

from dataclasses import dataclass

from sensorai.model.graph import Graph, Node, Tensor
from sensorai.model.ops import _products
from sensorai.model.ops.registry import PRODUCTS

ALIGN = 4

IN_PLACE = frozenset({"relu", "add", "max_pool", "avg_pool"})


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
        Every tensor.
    peak : int
        Bytes of the arena.
    staged : bool
        The input has to be copied into the arena first (it needs margins).
    groups : tuple of (first node, last node, offset, bytes)
        What holds which bytes when; for checks.
    """

    slots: dict[str, Slot]
    peak: int
    staged: bool
    groups: tuple[tuple[int, int, int, int], ...]


@dataclass(slots=True)
class _Group:
    """Tensors that share a place, one after the other."""

    names: list[str]
    first: int
    last: int
    size: int
    left: int = 0
    right: int = 0
    slop: int = 0
    where: int = -1

    @property
    def bytes(self) -> int:
        """All bytes, aligned; values start aligned too."""
        lead = -(-self.left // ALIGN) * ALIGN
        return -(-(lead + self.size + max(self.right, self.slop)) // ALIGN) * ALIGN


def step_bytes(tensor: Tensor) -> int:
    """Bytes of one step (the last axis) of a tensor in C."""
    width = tensor.shape[-1]
    if tensor.dtype == "binary":
        return -(-width // 32) * 4
    # int16 results (softmax) are computed as int32
    return width * {"int8": 1, "int16": 4, "int32": 4, "float32": 4}[tensor.dtype]


def tensor_bytes(tensor: Tensor) -> int:
    """Bytes of a tensor in C, without margins."""
    return step_bytes(tensor) * (tensor.size // tensor.shape[-1])


def margins(node: Node, x: Tensor) -> tuple[int, int, int]:
    """Bytes of zeros before and after, and of anything after, that ``node`` needs around its input."""
    if node.op not in PRODUCTS:
        return 0, 0, 0
    left = right = 0
    if node.op != "dense":
        w = node.params["weights"]
        kernel = int(w.shape[1] if node.op == "conv1d" else w.shape[0])
        _, left, right = _products.geometry(
            x.shape[0], kernel, node.attrs.get("stride", 1), node.attrs.get("padding", "valid")
        )
    each = step_bytes(x)
    slop = 0
    if x.dtype == "int8" and node.op != "depthwise_conv1d":
        row = node.params["weights"][0].size
        slop = -row % 4
    # the last window may end before the values do; slop counted from the end is enough in any case
    return left * each, right * each, (right * each + slop if slop else 0)


def is_alias(graph: Graph, node: Node) -> bool:
    """Whether ``node`` is a flatten whose output is its input's bytes as they lie."""
    x = graph.ins(node)[0]
    return node.op == "flatten" and (x.dtype != "binary" or x.shape[-1] % 32 == 0 or x.shape[0] == 1)


def written_by_caller(graph: Graph, name: str) -> bool:
    """Whether the output ``name`` is written straight into the scores the caller gives."""
    node = graph.producer(name)
    direct = node is not None and not is_alias(graph, node) and not graph.consumers(name)
    return name in graph.outputs and direct and graph.tensors[name].dtype in ("int32", "int16", "float32")


def plan(graph: Graph) -> Plan:
    """Give every tensor a place; deterministic.

    Larger groups are placed first, each at the lowest offset where it meets no other that lives at the
    same time; a second order (by first use) is tried too, and the smaller result kept.
    """
    groups: dict[str, _Group] = {}
    x = graph.inputs[0]
    end = len(graph.nodes)

    def last_use(name: str) -> int:
        uses = [i for i, node in enumerate(graph.nodes) if name in node.inputs]
        return end if name in graph.outputs else max(uses, default=-1)

    groups[x] = _Group([x], -1, last_use(x), tensor_bytes(graph.tensors[x]))
    for i, node in enumerate(graph.nodes):
        out = graph.out(node)
        share = None
        if is_alias(graph, node):
            share = groups[node.inputs[0]]
        elif node.op in IN_PLACE and not written_by_caller(graph, out.name):
            dying = (n for n in node.inputs if groups[n].last == i and x not in groups[n].names)
            share = groups[name] if (name := next(dying, None)) is not None else None
        if share is None:
            share = _Group([], i, i, tensor_bytes(out))
        share.names.append(out.name)
        share.last = max(share.last, last_use(out.name), i)
        groups[out.name] = share
    for node in graph.nodes:
        for tensor in graph.ins(node)[:1]:
            left, right, slop = margins(node, tensor)
            group = groups[tensor.name]
            # a group may have shrunk in place: what lies behind the smaller tensor is inside its bytes
            spare = group.size - tensor_bytes(tensor)
            group.left = max(group.left, left)
            group.right = max(group.right, right - spare)
            group.slop = max(group.slop, slop - spare)

    unique = list({id(g): g for g in groups.values()}.values())
    staged = bool(groups[x].left or groups[x].right or groups[x].slop)
    real = [g for g in unique if (x not in g.names or staged) and not _direct(graph, g)]
    orders = (
        sorted(real, key=lambda g: (-g.bytes, g.first, g.names)),
        sorted(real, key=lambda g: (g.first, -g.bytes, g.names)),
    )
    placed = [_place(order) for order in orders]
    best = min(range(len(orders)), key=lambda k: placed[k][0])
    peak, where = placed[best]
    slots = {}
    for name, group in groups.items():
        at = where.get(id(group), -1)
        lead = -(-group.left // ALIGN) * ALIGN
        slots[name] = Slot(
            at + lead if at >= 0 else -1, group.left, group.right, tensor_bytes(graph.tensors[name])
        )
    spans = tuple((g.first, g.last, where[id(g)], g.bytes) for g in orders[best])
    return Plan(slots, peak, staged, spans)


def _direct(graph: Graph, group: _Group) -> bool:
    return len(group.names) == 1 and written_by_caller(graph, group.names[0])


def _place(order: list[_Group]) -> tuple[int, dict[int, int]]:
    done: list[tuple[int, int, _Group]] = []
    where: dict[int, int] = {}
    for group in order:
        busy = sorted((at, stop) for at, stop, g in done if g.first <= group.last and group.first <= g.last)
        at = 0
        for start, stop in busy:
            if at + group.bytes <= start:
                break
            at = max(at, stop)
        where[id(group)] = at
        done.append((at, at + group.bytes, group))
    return max((stop for _, stop, _ in done), default=0), where
