"""Float nets of the families that are trained: layers, first weights, sizes to choose from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sensorai.errors import ConfigError
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.ops.batch_norm import BatchNorm
from sensorai.ops.conv1d import Conv1d
from sensorai.ops.dense import Dense
from sensorai.ops.depthwise_conv1d import DepthwiseConv1d
from sensorai.ops.flatten import Flatten
from sensorai.ops.global_avg_pool import GlobalAvgPool
from sensorai.ops.max_pool import MaxPool
from sensorai.ops.products import Product
from sensorai.ops.relu import Relu
from sensorai.ops.sign import Sign
from sensorai.passes.binary import mark_binary

#: The usual size, and smaller ones for small devices: units of hidden layers, channels of convolutions. On
#: features one wide layer is better on groups that were left out than two narrow ones. Binary layers say less
#: for each weight and are wider.
SIZES = {
    ("mlp", False): ((48,), (40,), (40,), (32,), (16,), (8,)),
    ("cnn", False): ((8, 16, 16), (8, 8, 8), (4, 8)),
    ("mlp", True): ((128, 64), (96, 64), (96, 64), (64, 32), (64, 32), (32,)),
    ("cnn", True): ((16, 32, 32), (16, 16, 16), (8, 16)),
}


def mlp(inputs: int, hidden: Sequence[int], classes: int, *, binary: bool, seed: int) -> Graph:
    """Fully connected net, ReLU between layers; binary: batch normalisation and sign, first and last int8."""
    make = _Maker((inputs,), seed)
    for units in hidden:
        make.dense(units, binary)
    make.dense(classes, binary, last=True)
    return _finish(make, binary)


def cnn(
    window: int, channels: int, sizes: Sequence[int], classes: int, *, kernel: int, binary: bool, seed: int
) -> Graph:
    """Convolutions over time, each halving it while it can.

    The first is a full one; the others are split into one over time for each channel and one over channels
    (depthwise-separable), with the mean over time at the end. Binary nets use full convolutions, and keep
    the last steps apart instead of their mean, which bits cannot hold.
    """
    make = _Maker((window, channels), seed)
    for i, out in enumerate(sizes):
        if binary:
            make.conv(out, kernel, True)
        elif i == 0:
            make.conv(out, kernel, False)
        else:
            make.depthwise(kernel)
            make.conv(out, 1, False)
    make.builder.add(Flatten() if binary else GlobalAvgPool())
    make.dense(classes, binary, last=True)
    return _finish(make, binary)


def _finish(make: _Maker, binary: bool) -> Graph:
    graph = make.builder.graph()
    return mark_binary(graph) if binary else graph


def weight_bytes(graph: Graph, precision: str) -> dict[str, int]:
    """Bytes of the constants of each product layer, by name."""
    out = {}
    for node in graph.nodes:
        if isinstance(node.op, Product):
            size = int(graph.constants(node)["weights"].size)
            bits = 32 if precision == "float32" else 1 if node.op.signs else 8
            out[node.output] = -(-size * bits // 8) + 5 * graph.tensors[node.output].shape[-1]
    return out


class _Maker:
    """Adds layers with first weights: normal, with the variance that keeps the size of activations (He)."""

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self.builder = Builder(shape)
        self.rng = np.random.default_rng(seed)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.builder.shape

    def _params(self, shape: tuple[int, ...], fan: int, out: int, gain: float = 2.0) -> dict[str, Array]:
        w = self.rng.normal(0, np.sqrt(gain / fan), shape).astype(np.float32)
        return {"weights": w, "bias": np.zeros(out, np.float32)}

    def _after(self, binary: bool, out: int) -> None:
        if not binary:
            self.builder.add(Relu())
            return
        ones, zeros = np.ones(out, np.float32), np.zeros(out, np.float32)
        params = {"gamma": ones, "beta": zeros, "mean": zeros, "variance": ones}
        self.builder.add(BatchNorm(), params=params)
        self.builder.add(Sign())

    def dense(self, units: int, binary: bool, *, last: bool = False) -> None:
        fan = self.shape[0]
        self.builder.add(Dense(), params=self._params((units, fan), fan, units, 1.0 if last else 2.0))
        if not last:
            self._after(binary, units)

    def conv(self, out: int, kernel: int, binary: bool) -> None:
        time, channels = self.shape
        params = self._params((out, kernel, channels), kernel * channels, out)
        self.builder.add(Conv1d(padding="same"), params=params)
        self._after(binary, out)
        if time >= 2:
            self.builder.add(MaxPool(2))

    def depthwise(self, kernel: int) -> None:
        channels = self.shape[1]
        params = self._params((kernel, channels), kernel, channels, 1.0)
        self.builder.add(DepthwiseConv1d(padding="same"), params=params)


#: Share of the features that the smaller sizes have, the smallest last; those before have all.
FEATURES = (5 / 6, 2 / 3, 1 / 2, 1 / 4)
#: Flash in bytes that a net takes at most where no size is given, if one of the sizes takes so little; and
#: that of a binary net, whose layers must be wider for the same answers.
USUAL_FLASH, BINARY_FLASH = 8192, 17408


def usual_flash(precision: str) -> int:
    """Bytes of flash that a net takes at most unasked."""
    return BINARY_FLASH if precision == "binary" else USUAL_FLASH


def ladder(family: str, precision: str, features: int) -> list[tuple[int, tuple[int, ...]]]:
    """Most features and sizes to choose from, the largest first."""
    sizes = SIZES[family, precision == "binary"]
    shares = ((1.0,) * len(sizes) + FEATURES)[-len(sizes) :]
    return [(max(round(share * features), 1), size) for share, size in zip(shares, sizes, strict=True)]


def check_sizes(sizes: Sequence[int]) -> None:
    """Refuse sizes that are no net."""
    if not sizes or any(not 1 <= s <= 1024 for s in sizes):
        raise ConfigError(f"layers of {list(sizes)} are not possible", hint="give 1 to 1024 for each layer")
