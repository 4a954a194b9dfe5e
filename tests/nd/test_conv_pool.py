"""Convolutions whose rows are computed as the pool behind them needs them: the same numbers, less memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from sensorai.codegen.net import DIRECT, count_tensors, emit_tensors
from sensorai.graph import interpret
from sensorai.graph.graph import Graph, Node
from sensorai.nets.compiling import compiled
from sensorai.ops.nd import _products_cases as samples
from sensorai.ops.nd import _testing
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_pool import joined, pairs
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.reshape import Reshape
from sensorai.plan.choose import choose
from sensorai.toolchain import cpu, host, qemu
from tests.nd.fast_nets import layer
from tests.nd.nets import Sample, differences, sample_of, stream, unit
from tests.need import need

_TWO = Pool("max", (2, 2), (2, 2))
_SAME = Conv(pads=((1, 1), (1, 1)))
#: Nets that are tried for every instruction set.
_IN_ALL = 4


def net(
    conv: Conv, x: tuple[int, ...], w: tuple[int, ...], pool: Pool, dtype: str = "int8", weights: str = ""
) -> Graph:
    """A convolution and a pool behind it."""
    fast = dtype == "int8"
    first = layer(conv, x, w, each=True) if fast else samples.product(conv, x, w, dtype, weights or dtype)
    y = first.tensors[first.outputs[0]]
    second = _testing.one(pool, [_testing.given("v", y.shape, y.dtype, y.quant)], (y.quant,))
    tensors = {**first.tensors, "z": replace(second.tensors[second.outputs[0]], name="z")}
    node = replace(second.nodes[0], inputs=(y.name,), outputs=("z",))
    return Graph(first.inputs, ("z",), tensors, (*first.nodes, node))


def nets() -> Iterator[tuple[str, Graph]]:
    """Types, strides, margins, pools that share rows, leave some out, or end on margins, one axis and two."""
    yield "plain", net(_SAME, (1, 8, 6, 4), (8, 3, 3, 4), _TWO)
    yield "points", net(Conv(), (1, 8, 6, 4), (8, 1, 1, 4), _TWO)
    yield "points_shared", net(Conv(), (1, 8, 6, 8), (6, 1, 1, 8), Pool("max", (3, 3), (2, 2)))
    strided = replace(_SAME, strides=(2, 1), lo=-20.0, hi=40.0)
    yield "strided", net(strided, (1, 13, 6, 3), (5, 3, 3, 3), Pool("max", (2, 3), (2, 3)))
    shared = Pool("max", (3, 3), (2, 2), (), ((1, 1), (1, 1)))
    yield "shared", net(_SAME, (1, 9, 7, 4), (8, 3, 3, 4), shared)
    yield "every", net(_SAME, (1, 7, 5, 4), (4, 3, 3, 4), Pool("max", (3, 2), (1, 1), (), ((2, 2), (0, 1))))
    yield "left_out", net(_SAME, (1, 11, 6, 4), (8, 3, 3, 4), Pool("max", (2, 2), (4, 3)))
    for include in (False, True):
        mean = Pool("average", (3, 2), (2, 2), (), ((1, 2), (0, 1)), include)
        yield f"average_{include}", net(_SAME, (1, 9, 6, 4), (8, 3, 3, 4), mean)
    valid = Conv(strides=(1, 2), dilations=(2, 1))
    yield "far", net(valid, (1, 12, 9, 4), (6, 3, 3, 4), Pool("average", (2, 2), (2, 2), lo=-9.0, hi=9.0))
    own = Conv(groups=8, pads=((1, 1), (1, 1)))
    yield "own", net(own, (1, 10, 6, 8), (8, 3, 3, 1), _TWO)
    yield "groups", net(Conv(groups=2), (1, 9, 4, 6), (4, 2, 2, 3), Pool("max", (2, 1), (2, 1)))
    line = Conv(pads=((2, 2),), strides=(2,))
    yield "line", net(line, (1, 33, 3), (8, 5, 3), Pool("max", (3,), (2,), (), ((1, 1),)))
    yield "line_points", net(Conv(), (1, 17, 4), (8, 1, 4), Pool("average", (4,), (4,)))
    for dtype, weights in (("float32", ""), ("float32", "int8"), ("uint8", "uint8"), ("int16", "int8")):
        graph = net(_SAME, (1, 8, 5, 3), (4, 3, 3, 3), shared, dtype, weights)
        yield f"{dtype}_{weights}", graph
    yield "float_mean", net(line, (1, 20, 2), (3, 5, 2), Pool("average", (2,), (2,)), "float32")
    even = Conv(pads=((1, 1), (1, 1)), rounding="even")
    yield "even", net(even, (1, 8, 6, 4), (8, 3, 3, 4), _TWO)


def rows_of(isas: Sequence[str]) -> list[Sample]:
    """The nets with rows, whatever that brings, each for the next instruction set; the first ones for all."""
    found = []
    for k, (name, graph) in enumerate(nets()):
        x = _testing.inputs(graph, 3, seed=k)
        one = sample_of(name, graph, [{n: a[i] for n, a in x.items()} for i in range(3)])
        assert pairs(graph), name
        for isa in isas if k < _IN_ALL else (isas[k % len(isas)],):
            net_of = replace(graph, isa=isa)
            found.append(replace(one, name=f"{name} {isa}", graph=joined(net_of, pairs(net_of))))
    return found


def test_on_this_machine() -> None:
    """Inputs and outputs lie in the arena, where results run over inputs as far as that is said to go."""
    graphs = rows_of(("", "dsp", "mve", "thumb1", "ispu"))
    program = host.build_program(unit(graphs, inside=True), opt="-O0", sanitize=True, harness=True)
    assert differences(graphs, program.run(stream(graphs))) == []


@pytest.mark.parametrize(("isa", "core"), [("dsp", "m4"), ("mve", "m55"), ("ispu", "m0plus")])
def test_on_its_core(isa: str, core: str) -> None:
    need("arm-none-eabi-gcc")
    graphs = rows_of((isa,))[: 2 * _IN_ALL]
    image = qemu.build(unit(graphs, inside=True), cpu.cpu(core), opt="-O1")
    assert differences(graphs, qemu.run_image(image, stream(graphs)).output) == []


def test_it_is_done_where_memory_is_smaller() -> None:
    graph = net(_SAME, (1, 16, 16, 4), (8, 3, 3, 4), _TWO)
    inside = (*graph.inputs, *graph.outputs)
    for isa in ("", "dsp"):
        one = replace(graph, isa=isa)
        arenas = {what: count_tensors(one, inside, what).arena_bytes for what in ("time", "balanced", "ram")}
        # the convolution's 2,048 bytes, and 256 of two rows
        assert arenas["time"] >= 2048 > 1600 > arenas["balanced"] >= arenas["ram"]
        parts = emit_tensors(one, "n", inside=inside)
        assert "n_rows1(" in parts.source
        assert [layer.kernel for layer in parts.layers] == ["", f"rows of {'matrix_dsp' if isa else 'plain'}"]
        assert "2,048 bytes lie nowhere" in parts.layers[1].why
        assert "n_rows1(" not in emit_tensors(one, "n", inside=inside, optimize="time").source
    # where memory is fullest elsewhere the pool stays apart
    wide = net(Conv(), (1, 8, 6, 32), (2, 1, 1, 32), _TWO)
    assert all("rows" not in name for name in choose(wide, DIRECT, inside).kernels.values())


def test_what_stays_apart() -> None:
    graph = net(_SAME, (1, 8, 6, 4), (8, 3, 3, 4), _TWO)
    conv, pool = graph.nodes
    assert pairs(replace(graph, changing=True)) == []
    assert pairs(replace(graph, outputs=("z", conv.output))) == []
    assert pairs(net(_SAME, (2, 8, 6, 4), (8, 3, 3, 4), _TWO)) == []
    assert pairs(net(_SAME, (1, 8, 6, 4), (8, 3, 3, 4), Pool("max", (8, 6)))) == []
    assert pairs(net(_SAME, (1, 8, 6, 4), (8, 3, 3, 4), Pool("max", (2, 2), (1, 1), (2, 1)))) == []
    found = Pool("max", (2, 2), (2, 2), indices="row")
    assert pairs(replace(graph, nodes=(conv, replace(pool, op=found, outputs=("z",))))) == []


def test_pools_over_time_that_came_as_images() -> None:
    """As Keras writes them: a reshape before and behind a pool whose first axis has one element."""
    conv = net(Conv(pads=((1, 1),)), (1, 12, 3), (8, 3, 3), Pool("max", (2,), (2,)))
    middle = conv.tensors[conv.nodes[0].output]
    tensors = {n: t for n, t in conv.tensors.items() if n != "z"}
    tensors |= {
        n: replace(middle, name=n, shape=s) for n, s in (("wide", (1, 1, 12, 8)), ("pooled", (1, 1, 6, 8)))
    }
    tensors["z"] = replace(middle, name="z", shape=(1, 6, 8))
    image = Pool("max", (1, 2), (1, 2), (), ((0, 0), (0, 0)))
    nodes = (
        conv.nodes[0],
        Node(Reshape((1, 1, 12, 8)), (middle.name,), ("wide",)),
        Node(image, ("wide",), ("pooled",)),
        Node(Reshape((1, 6, 8)), ("pooled",), ("z",)),
    )
    graph = Graph(conv.inputs, ("z",), tensors, nodes)
    assert pairs(graph) == []
    made = compiled(graph).graph
    assert [node.op.NAME for node in made.nodes] == ["conv", "pool"]
    assert len(pairs(made)) == 1
    x = _testing.inputs(graph, 1, seed=3)
    given = {name: values[0] for name, values in x.items()}
    want, got = (interpret.run(g, given)["z"] for g in (graph, made))
    assert (want == got).all()


def test_calls_row_by_row_are_counted() -> None:
    """A line's rows are single places, for each of which the kernel is called."""
    graph = net(Conv(), (1, 52, 3), (8, 3, 3), Pool("max", (2,), (2,)))
    for isa in ("dsp", "mve", "thumb1"):
        apart = replace(graph, isa=isa)
        rows = joined(apart, pairs(apart))
        one, other = (
            {w.name: w for w in n.op.ways(g.applied(n))}
            for g in (apart, rows)
            for n in g.nodes
            if n.op.ways(g.applied(n))
        )
        for name, way in other.items():
            assert way.instructions > one[name].instructions + 25 * 100
            assert way.scratch > one[name].scratch
    # what little memory that saves is not worth as much to those who want both
    small = replace(graph, isa="dsp")
    assert all("rows" not in name for name in choose(small, DIRECT).kernels.values())
    assert any("rows" in name for name in choose(small, DIRECT, optimize="ram").kernels.values())
