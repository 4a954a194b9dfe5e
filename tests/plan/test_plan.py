"""The arena: no two tensors that live at the same time share a byte, found by marking every byte."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph, Node, State
from sensorai.graph.operator import Margin
from sensorai.graph.quant import Pow2
from sensorai.graph.tensor import Tensor
from sensorai.ops.add import Add
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.slices import Slice
from sensorai.ops.relu import Relu
from sensorai.ops.table import OPERATORS
from sensorai.plan import plan as memory
from sensorai.plan.place import ALIGN
from tests.codegen.nets import random_float_net, random_net

GRAPHS = [(f"{p}_{seed}", random_net(seed, p)) for p in ("int8", "multiplier", "binary") for seed in range(8)]
GRAPHS += [(f"float_{seed}", random_float_net(seed, "binary")) for seed in range(3)]
GRAPHS += [(name, graph) for op in OPERATORS.values() for name, graph in list(op.cases())[:3]]


@pytest.mark.parametrize(("name", "graph"), GRAPHS, ids=[name for name, _ in GRAPHS])
def test_bytes_hold_what_is_read(name: str, graph: Graph) -> None:
    """Run the net on labels: every byte says which value of which tensor was written there last."""
    plan = memory.plan(graph)
    arena: list[tuple[str, int] | None] = [None] * plan.peak

    def write(tensor: str) -> None:
        slot = plan.slots[tensor]
        for i in range(slot.size if slot.offset >= 0 else 0):
            arena[slot.offset + i] = (tensor, i)

    if plan.staged:
        write(graph.inputs[0])
    alias = {graph.inputs[0]: graph.inputs[0]}
    slots = dict(plan.slots)
    for number, node in enumerate(graph.nodes):
        for move in (one for one in plan.moves if one.node == number):
            held = arena[move.source : move.source + move.size]
            arena[move.target : move.target + move.size] = held
            slots[move.name] = replace(slots[move.name], offset=move.target)
        x, needs = graph.ins(node)[0], node.op.buffers(graph.applied(node))
        margin = needs.margins[0] if needs.margins else Margin()
        left, right = margin.left, margin.right
        for tensor in node.reads:
            slot = slots[tensor]
            for i in range(slot.size if slot.offset >= 0 else 0):
                assert arena[slot.offset + i] == (alias[tensor], i), (node.output, tensor, i)
        slot = slots[x.name]
        if left or right:
            assert slot.offset - left >= 0
            assert slot.offset + slot.size + right <= plan.peak
            around = [*range(slot.offset - left, slot.offset)]
            around += range(slot.offset + slot.size, slot.offset + slot.size + right)
            for at in around:
                arena[at] = None
        alias[node.output] = node.output
        if needs.alias:
            alias[node.output] = alias[node.reads[0]]
            continue
        out = plan.slots[node.output]
        if out.offset >= 0 and not needs.in_place:
            reads = (
                range(slot.offset - left, slot.offset + slot.size + right) if slot.offset >= 0 else range(0)
            )
            assert not set(reads) & set(range(out.offset, out.offset + out.size)), node.output
        write(node.output)
    last = plan.slots[graph.outputs[0]]
    for i in range(last.size if last.offset >= 0 else 0):
        assert arena[last.offset + i] == (alias[graph.outputs[0]], i)


@pytest.mark.parametrize(("name", "graph"), GRAPHS, ids=[name for name, _ in GRAPHS])
def test_groups_that_live_together_lie_apart(name: str, graph: Graph) -> None:
    groups = memory.plan(graph).groups
    for i, (first, last, at, size) in enumerate(groups):
        assert at % ALIGN == 0
        for first2, last2, at2, size2 in groups[i + 1 :]:
            if first <= last2 and first2 <= last:
                assert at + size <= at2 or at2 + size2 <= at


def test_what_dies_is_reused() -> None:
    b = Builder((8,), "int8", Pow2(4))
    for _ in range(3):
        b.add(Relu(), dtype="int8", quant=Pow2(4))
    # the input is the caller's; the first ReLU needs a place, the others work in it
    assert memory.plan(b.graph()).peak == 8


def test_a_residual_keeps_its_source_alive() -> None:
    b = Builder((8,), "int8", Pow2(4))
    first = b.add(Relu(), dtype="int8", quant=Pow2(4))
    b.add(Relu(), dtype="int8", quant=Pow2(4))
    b.add(Add(), first, b.last, dtype="int8", quant=Pow2(4))
    plan = memory.plan(b.graph())
    assert plan.peak == 16
    assert plan.slots["relu_0"].offset != plan.slots["relu_1"].offset


@pytest.mark.parametrize("late", [False, True])
def test_states_lie_in_place_once_they_were_read(late: bool) -> None:
    """What a state is next lies where it was, unless something reads that afterwards."""
    names = ("x", "was", "long", "next", "y")
    tensors = {n: Tensor(n, (1, 4 if n == "long" else 2), "float32") for n in names}
    run = Slice((0, 2), (1, 4), (1, 1))
    nodes = (
        Node(Concat(1), ("was", "x"), ("long",)),
        Node(run, ("long",), ("next",)),
        Node(Binary("add"), ("was" if late else "x", "x"), ("y",)),
    )
    graph = Graph(("x",), ("y",), tensors, nodes, (State("was", "next"),))
    slot = memory.plan(graph, frozenset({"float32"})).slots["next"]
    assert (slot.offset < 0, slot.first == "was") == (not late, not late)
