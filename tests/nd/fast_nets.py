"""Layers that the faster kernels of every instruction set take, with what may go wrong at their edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
from sensorai.ops.nd import _products_cases as samples
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fast_costs import PLAIN
from sensorai.ops.nd.fast_table import kernels
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.pool import Pool
from tests.nd.nets import Sample, sample_of

#: Factors of about 1/40 to 1/600, so that results meet the middle of their range and both of its ends.
_VALUES, _RESULTS = Affine((0.05,), (-7,)), Affine((3.0,), (11,))


def layer(op: NdOperator, x: tuple[int, ...], w: tuple[int, ...], each: bool = False, ends: int = 0) -> Graph:
    """Net of one layer; ``ends``: weights are that number or its negative."""
    count = w[0]
    scales = tuple(0.01 + 0.02 * (k % 5) for k in range(count)) if each else (0.03,)
    quant = Affine(scales, (0,) * len(scales), 0 if each else None)
    graph = samples.product(op, x, w, "int8", "int8", weights=quant, span=20000.0, seed=count)
    tensors = dict(graph.tensors)
    given, made = graph.inputs[0], graph.outputs[0]
    tensors[given] = replace(tensors[given], quant=_VALUES)
    tensors[made] = replace(tensors[made], quant=_RESULTS)
    (name,) = (n for n, t in tensors.items() if t.data is not None and t.shape == w)
    data = np.asarray(tensors[name].data).clip(-127, 127)
    if ends:
        data = np.where(data < 0, -ends, ends).astype(np.int8)
    tensors[name] = Tensor(name, w, "int8", tensors[name].quant, data.astype(np.int8))
    return replace(graph, tensors=tensors)


def still() -> Graph:
    """Outputs that no input changes, as training leaves them: a bias beyond all sums, a scale of noise."""
    graph = layer(FullyConnected(), (2, 16), (4, 16), each=True)
    (bias,) = (n for n, t in graph.tensors.items() if t.data is not None and t.shape == (4,))
    (name,) = (n for n, t in graph.tensors.items() if t.data is not None and t.shape == (4, 16))
    tensors = dict(graph.tensors)
    tensors[bias] = replace(tensors[bias], data=np.array([5, -(2**30), 2**30 + 9, -77], np.int32))
    noise = replace(tensors[name], quant=Affine((0.02, 1e-9, 3e-8, 0.02), (0, 0, 0, 0), 0))
    return replace(graph, tensors={**tensors, name: noise})


def chain(*parts: Graph) -> Graph:
    """Net of layers one after the other: results of those between may lie where their values lie."""
    tensors: dict[str, Tensor] = {}
    nodes, last = [], ""
    for k, part in enumerate(parts):
        names = {name: f"{name}_{k}" for name in part.tensors} | ({part.inputs[0]: last} if k else {})
        for name, tensor in part.tensors.items():
            held = replace(tensor, name=names[name])
            if k and name == part.outputs[0]:
                # a scale that leaves results in the middle of their range
                held = replace(held, quant=Affine((3.0 * 8.0**k,), (11,)))
            tensors.setdefault(names[name], held)
        (node,) = part.nodes
        last = names[node.output]
        reads = tuple(names.get(name, "") for name in node.inputs)
        nodes.append(replace(node, inputs=reads, outputs=(last,)))
    return Graph((f"{parts[0].inputs[0]}_0",), (last,), tensors, tuple(nodes))


def chained(even: str) -> Graph:
    """Layers whose results may lie where their values lie."""
    conv, own = Conv(rounding=even), Conv(rounding=even, groups=8, pads=((1, 1), (1, 1)))
    return chain(
        layer(conv, (1, 5, 7, 4), (8, 1, 1, 4), each=True),
        layer(own, (1, 5, 7, 8), (8, 3, 3, 1), each=True),
        layer(conv, (1, 5, 7, 8), (8, 1, 1, 8), each=True),
        layer(replace(own, strides=(2, 2)), (1, 5, 7, 8), (8, 3, 3, 1), each=True),
        layer(conv, (1, 3, 4, 8), (3, 2, 2, 8), each=True),
    )


def layers() -> Iterator[tuple[str, Graph]]:
    """Nets by name: dense layers, convolutions with and without margins, kernels for each channel."""
    for even in ("tflite", "even"):
        dense = FullyConnected(rounding=even)
        for inputs, outputs in ((2, 1), (4, 2), (7, 5), (16, 4), (19, 3), (33, 6), (64, 9)):
            yield f"dense_{inputs}_{outputs}_{even}", layer(dense, (1, inputs), (outputs, inputs))
        yield f"dense_rows_{even}", layer(dense, (5, 24), (7, 24), each=True)
        yield f"dense_two_rows_{even}", layer(dense, (2, 8), (4, 8))
        conv = Conv(rounding=even)
        for channels in (3, 4, 16, 18):
            points = layer(conv, (1, 3, 5, channels), (6, 1, 1, channels), each=True)
            yield f"points_{channels}_{even}", points
            round_ = replace(conv, pads=((1, 1), (2, 1)), strides=(1, 2))
            yield f"conv_{channels}_{even}", layer(round_, (1, 4, 5, channels), (5, 3, 3, channels))
        far = replace(conv, pads=((4, 5), (5, 4)), dilations=(2, 1))
        yield f"far_{even}", layer(far, (1, 3, 2, 4), (3, 3, 4, 4), each=True)
        yield f"batch_{even}", layer(replace(conv, pads=((1, 1), (0, 0))), (2, 3, 3, 4), (4, 2, 2, 4))
        # as many places as values, but not one for each
        apart = replace(conv, pads=((0, 3),), strides=(2,))
        yield f"points_apart_{even}", layer(apart, (2, 4, 4), (7, 1, 4), each=True)
        lines = replace(conv, strides=(3, 1))
        yield f"points_lines_{even}", layer(lines, (2, 3, 4, 8), (6, 1, 1, 8))
        yield f"one_axis_{even}", layer(replace(conv, pads=((2, 0),)), (1, 9, 6), (8, 3, 6), each=True)
        first = replace(conv, pads=((4, 5), (1, 1)), strides=(2, 2))
        yield f"first_{even}", layer(first, (1, 11, 6, 1), (4, 10, 4, 1), each=True)
        clamped = replace(conv, lo=-20.0, hi=40.0)
        yield f"clamped_{even}", layer(clamped, (1, 4, 4, 8), (4, 1, 1, 8))
        for channels in (1, 3, 4, 8, 17, 20):
            own = Conv(rounding=even, groups=channels, pads=((1, 1), (1, 1)))
            shapes = (1, 5, 4, channels), (channels, 3, 3, 1)
            yield f"own_{channels}_{even}", layer(own, *shapes, each=True)
            tall = replace(own, strides=(2, 1), pads=((1, 0), (0, 1)))
            yield f"own_tall_{channels}_{even}", layer(tall, (1, 9, 4, channels), (channels, 3, 2, 1))
            two = replace(own, strides=(2, 2), pads=((0, 1), (0, 1)), lo=-20.0, hi=40.0)
            yield f"own_strided_{channels}_{even}", layer(two, *shapes)
        wide = Conv(rounding=even, groups=8, pads=((2, 2),))
        yield f"own_one_axis_{even}", layer(wide, (1, 9, 8), (8, 5, 1), each=True)
        odd = Conv(rounding=even, groups=4, pads=((3, 3), (4, 4)), dilations=(2, 1))
        yield f"own_far_{even}", layer(odd, (2, 3, 2, 4), (4, 2, 4, 1), each=True)
        apart = Conv(rounding=even, groups=5, pads=((0, 0), (1, 2)), strides=(3, 4))
        yield f"own_apart_{even}", layer(apart, (2, 8, 14, 5), (5, 2, 3, 1), each=True)
        yield f"chained_{even}", chained(even)
    # nothing below the zero point, where rounding twice is one step
    above = Conv(lo=0.0, hi=1e9)
    yield "above_points", layer(above, (1, 3, 5, 8), (7, 1, 1, 8), each=True)
    yield "above_conv", layer(replace(above, pads=((1, 1), (2, 1))), (2, 4, 5, 4), (4, 3, 3, 4))
    for stride in (1, 2):
        own = replace(above, groups=8, pads=((1, 1), (1, 1)), strides=(stride, stride))
        yield f"above_own_{stride}", layer(own, (1, 6, 5, 8), (8, 3, 3, 1), each=stride == 1)
    yield "above_own_any", layer(replace(above, groups=4), (1, 5, 4, 4), (4, 2, 3, 1), each=True)
    # an eighth: many sums lie on a half
    halves = layer(FullyConnected(lo=0.0, hi=1e9), (16, 2), (8, 2), ends=2)
    yield "above_halves", _scaled(halves, (1.0, 3), (0.5, 0), (4.0, 5))
    halves = layer(replace(above, groups=4, pads=((1, 1), (1, 1))), (1, 5, 9, 4), (4, 3, 3, 1), ends=2)
    yield "above_own_halves", _scaled(halves, (1.0, 3), (0.5, 0), (4.0, 5))
    # a row of places for each of the batch, described as one
    yield "own_points", layer(Conv(groups=8), (2, 3, 4, 8), (8, 1, 1, 1), each=True)
    yield "ends_dense", layer(FullyConnected(), (3, 60), (6, 60), ends=127)
    yield "ends_conv", layer(Conv(pads=((1, 1), (1, 1))), (1, 3, 3, 8), (4, 3, 3, 8), ends=127)
    yield "ends_own", layer(Conv(groups=8, pads=((1, 1), (1, 1))), (1, 3, 3, 8), (8, 3, 3, 1), ends=127)
    yield "still", still()
    # weights that kernels of pairs do not take
    yield "lowest", layer(FullyConnected(), (2, 16), (4, 16), ends=-128)


def _scaled(graph: Graph, *scales: tuple[float, int]) -> Graph:
    """Copy with other scales of the input, the weights and the output, and small numbers of its bias."""
    tensors = dict(graph.tensors)
    names = (graph.inputs[0], graph.nodes[0].inputs[1], graph.outputs[0])
    for name, (scale, zero) in zip(names, scales, strict=True):
        tensors[name] = replace(tensors[name], quant=Affine((scale,), (zero,)))
    for name in graph.nodes[0].inputs[2:]:
        if (bias := tensors[name].data) is not None:
            tensors[name] = replace(tensors[name], data=bias % 64)
    return replace(graph, tensors=tensors)


def _owns(stride: int) -> Graph:
    """Three layers with a kernel for each channel: results of the second may lie where its values lie."""
    name = "x"
    shape: tuple[int, ...] = (1, 8, 7, 20)
    tensors = {name: _testing.given(name, shape, "int8", Affine((1.0,), (-3,)))}
    nodes = []
    for k, strides in enumerate(((), (stride, stride), ())):
        own = Conv(groups=20, pads=((1, 1), (1, 1)), strides=strides)
        one = _scaled(layer(own, shape, (20, 3, 3, 1)), (1.0, -3), (0.003, 0), (1.0, -3))
        shape, node = one.tensors[one.outputs[0]].shape, one.nodes[0]
        names = {n: f"{n}_{k}" for n in (*node.inputs[1:], *node.outputs) if n} | {node.inputs[0]: name}
        tensors |= {new: replace(one.tensors[n], name=new) for n, new in names.items() if new != name}
        name = names[node.outputs[0]]
        inputs = tuple(names[n] for n in node.inputs)
        nodes.append(replace(node, inputs=inputs, outputs=(name,)))
    return Graph(("x",), (name,), tensors, tuple(nodes))


def vectors() -> Iterator[tuple[str, Graph]]:
    """Layers at the edges of vectors: sixteen channels or weights and more, long rows, sums of tensors."""
    for even in ("tflite", "even"):
        for inputs, outputs in ((15, 8), (32, 4), (47, 12)):
            dense = FullyConnected(rounding=even)
            yield f"dense_{inputs}_{outputs}_{even}", layer(dense, (3, inputs), (outputs, inputs), each=True)
        yield f"dense_large_{even}", layer(dense, (1, 75), (15, 75))
        for channels, kernel, stride in ((16, (3, 3), 1), (36, (3, 3), 2), (20, (4, 4), 1), (18, (5, 5), 3)):
            own = Conv(rounding=even, groups=channels, pads=((1, 2), (2, 1)), strides=(stride, stride))
            yield f"own_{channels}_{even}", layer(own, (2, 5, 6, channels), (channels, *kernel, 1), each=True)
        long = Conv(rounding=even, groups=4, pads=((0, 0), (1, 1)))
        yield f"own_long_{even}", layer(long, (1, 3, 35, 4), (4, 1, 3, 1), each=True)
        apart = Conv(rounding=even, groups=4, strides=(3, 3))
        yield f"own_apart_{even}", layer(apart, (1, 7, 8, 4), (4, 2, 1, 1))
        points = Conv(rounding=even, groups=20)
        yield f"own_points_{even}", layer(points, (1, 3, 7, 20), (20, 1, 1, 1), each=True)
        # an eighth: many results lie between two numbers
        ties = layer(FullyConnected(rounding=even), (16, 2), (8, 2), ends=2)
        yield f"ties_{even}", _scaled(ties, (1.0, 3), (0.5, 0), (4.0, 5))
    for stride in (1, 2):
        yield f"owns_{stride}", _owns(stride)
    for channels in (3, 16, 21):
        for kind, lo in (("max", None), ("average", None), ("average", -2.0), ("max", -2.0)):
            op = Pool(kind, (3, 2), (2, 1), (), ((2, 1), (0, 1)), lo=lo, hi=lo and 3.0)
            given = [_testing.given("x", (2, 4, 5, channels), "int8", Affine((0.05,), (-3,)))]
            yield f"pool_{kind}_{channels}_{lo}", _testing.one(op, given, (given[0].quant,))
    far = Pool("average", (2,), (3,), (), ((4, 4),))
    yield "pool_far", _testing.one(far, [_testing.given("x", (1, 5, 4), "int8", Affine((0.05,), (3,)))])
    shape = (1, 3, 5, 3)
    for k, (a, b, out) in enumerate(((0.05, 0.05, 0.09), (0.05, 0.031, 0.3), (0.002, 0.05, 0.04))):
        for lo, hi in ((None, None), (-3.0, 9.0)):
            given = [
                _testing.given("a", shape, "int8", Affine((a,), (-128,))),
                _testing.given("b", shape, "int8", Affine((b,), (17,))),
            ]
            yield f"add_{k}_{lo}", _testing.one(Binary("add", lo, hi), given, (Affine((out,), (-9,)),))


@cache
def _plain_samples(wide: bool) -> tuple[Sample, ...]:
    """The nets with random inputs and those that make the largest sums, for no instruction set yet."""
    found = []
    for name, graph in vectors() if wide else layers():
        rng = np.random.default_rng(len(name))
        shapes = {x: graph.tensors[x].shape for x in graph.inputs}
        inputs = [
            {x: rng.integers(-128, 128, s).astype(np.int8) for x, s in shapes.items()} for _ in range(3)
        ]
        inputs += [{x: np.full(s, v, np.int8) for x, s in shapes.items()} for v in (-128, 127, -7)]
        found.append(sample_of(name, graph, inputs))
    return tuple(found)


def fast_samples(isa: str) -> list[Sample]:
    """The nets for an instruction set; what they compute is the same for all."""
    found = [*_plain_samples(wide=False), *(_plain_samples(wide=True) if isa == "mve" else ())]
    made = [replace(one, graph=made_for(one.graph, isa)) for one in found]
    # kernels that others may stand in for
    pairs = ((one, replace(one, graph=made_for(one.graph, isa, 1))) for one in made)
    more = [new for one, new in pairs if new.graph.ways != one.graph.ways and "even" not in one.name]
    return [*made, *more]


def made_for(graph: Graph, isa: str, number: int = 0) -> Graph:
    """The net for an instruction set, with the kernel of a number of each layer, whatever it costs."""
    net, ways = replace(graph, isa=isa), {}
    for node in net.nodes:
        if isinstance(node.op, Conv | FullyConnected):
            layer = node.op.sums(net.applied(node)).integers()
            names = [] if layer is None else [one.name for one in kernels(layer)]
            ways[node.output] = [PLAIN, *names][: number + 2][-1]
    return replace(net, ways=ways)
