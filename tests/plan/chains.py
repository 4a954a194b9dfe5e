"""Nets of convolutions and pools, one after the other, drawn at random."""

from __future__ import annotations

import numpy as np

from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine
from sensorai.importers.net import NetBuilder
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.pool import Pool

QUANT = Affine((0.05,), (3,))


def chain(seed: int, layers: int = 4) -> Graph:
    """An int8 net over one to three axes: kernels, strides, margins, groups and a batch at random."""
    rng = np.random.default_rng(seed)
    made, axes = NetBuilder(), 1 + seed % 3
    shape = (1 + seed % 2, *(int(v) for v in rng.integers(6, 9, axes)), 4)
    x = made.input("x", shape, "int8", QUANT)
    for k in range(layers):
        channels = shape[-1]
        kernel = tuple(int(v) for v in rng.integers(1, 4, axes))
        strides = tuple(int(v) for v in rng.integers(1, 3 if k == 1 else 2, axes))
        pads = tuple((int(rng.integers(0, width)), width - 1) for width in kernel)
        if rng.random() < 0.3:
            (x,) = made.add(Pool("max", kernel, strides, (), pads), (x,), (), (QUANT,))
        else:
            groups = int(rng.choice([1, channels, 2 if channels % 2 == 0 else 1]))
            outs = groups * max(1, int(rng.integers(3, 9)) // groups)
            weights = rng.integers(-128, 128, (outs, *kernel, channels // groups)).astype(np.int8)
            w = made.constant(f"w{k}", weights, "", Affine((0.01,), (0,)))
            (x,) = made.add(Conv(strides, (), pads, groups), (x, w), (), (QUANT,))
        shape = x.shape
    return made.graph((x,))


def level(layers: int = 6) -> Graph:
    """An int8 net whose layers all make 256 bytes."""
    rng = np.random.default_rng(layers)
    made = NetBuilder()
    x = made.input("x", (1, 32, 8), "int8", QUANT)
    for k in range(layers):
        weights = rng.integers(-128, 128, (8, 3, 8)).astype(np.int8)
        w = made.constant(f"w{k}", weights, "", Affine((0.002,), (0,)))
        (x,) = made.add(Conv((), (), ((1, 1),)), (x, w), (), (QUANT,))
    return made.graph((x,))
