"""Layers that the faster kernels of every instruction set take, with what may go wrong at their edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.graph.tensor import Tensor
from sensorai.ops.nd import _products_cases as samples
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
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
        yield f"one_axis_{even}", layer(replace(conv, pads=((2, 0),)), (1, 9, 6), (8, 3, 6), each=True)
        first = replace(conv, pads=((4, 5), (1, 1)), strides=(2, 2))
        yield f"first_{even}", layer(first, (1, 11, 6, 1), (4, 10, 4, 1), each=True)
        clamped = replace(conv, lo=-20.0, hi=40.0)
        yield f"clamped_{even}", layer(clamped, (1, 4, 4, 8), (4, 1, 1, 8))
        for channels in (1, 3, 4, 8, 17, 20):
            own = Conv(rounding=even, groups=channels, pads=((1, 1), (1, 1)))
            shapes = (1, 5, 4, channels), (channels, 3, 3, 1)
            yield f"own_{channels}_{even}", layer(own, *shapes, each=True)
            two = replace(own, strides=(2, 2), pads=((0, 1), (0, 1)), lo=-20.0, hi=40.0)
            yield f"own_strided_{channels}_{even}", layer(two, *shapes)
        wide = Conv(rounding=even, groups=8, pads=((2, 2),))
        yield f"own_one_axis_{even}", layer(wide, (1, 9, 8), (8, 5, 1), each=True)
        odd = Conv(rounding=even, groups=4, pads=((3, 3), (4, 4)), dilations=(2, 1))
        yield f"own_far_{even}", layer(odd, (2, 3, 2, 4), (4, 2, 4, 1), each=True)
    yield "ends_dense", layer(FullyConnected(), (3, 60), (6, 60), ends=127)
    yield "ends_conv", layer(Conv(pads=((1, 1), (1, 1))), (1, 3, 3, 8), (4, 3, 3, 8), ends=127)
    yield "ends_own", layer(Conv(groups=8, pads=((1, 1), (1, 1))), (1, 3, 3, 8), (8, 3, 3, 1), ends=127)
    yield "still", still()
    # weights that kernels of pairs do not take
    yield "lowest", layer(FullyConnected(), (2, 16), (4, 16), ends=-128)


def fast_samples(isa: str) -> list[Sample]:
    """The nets for an instruction set, with random inputs and those that make the largest sums."""
    found = []
    for name, graph in layers():
        shape = graph.tensors[graph.inputs[0]].shape
        rng = np.random.default_rng(len(name))
        given = [rng.integers(-128, 128, shape).astype(np.int8) for _ in range(3)]
        given += [np.full(shape, v, np.int8) for v in (-128, 127, -7)]
        inputs = [{graph.inputs[0]: x} for x in given]
        found.append(sample_of(name, replace(graph, isa=isa), inputs))
    return found
