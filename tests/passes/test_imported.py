"""Passes over nets made elsewhere: what they change, what they leave, and that the net computes the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.net import NetBuilder
from sensorai.ops.nd import _testing
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.batch_norm import BatchNorm
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.quantize import Dequantize, Quantize
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary
from sensorai.passes.imported import simplify

RNG = np.random.default_rng(5)
LAST, FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def numbers(*shape: int) -> Array:
    return RNG.normal(0, 1, shape).astype(np.float32)


class Net(NetBuilder):
    """Builder with shorter calls."""

    def __call__(self, op: NdOperator, *inputs: Tensor | None, quant: Quant = None) -> Tensor:
        return self.add(op, inputs, (), (quant,))[0]

    def known(self, data: Any, quant: Quant = None) -> Tensor:
        return self.constant("k", np.asarray(data), quant=quant)

    def conv(self, x: Tensor, outputs: int, **fields: Any) -> Tensor:
        axes = len(x.shape) - 2
        w = numbers(outputs, *(3,) * axes, x.shape[-1] // fields.get("groups", 1))
        return self(Conv(**fields), x, self.known(w), self.known(numbers(outputs)))

    def norm(self, x: Tensor, axis: int) -> Tensor:
        n = x.shape[axis]
        constants = (numbers(n), numbers(n), numbers(n), numbers(n) ** 2)
        return self(BatchNorm(1e-3, axis), x, *map(self.known, constants))


def names(graph: Graph) -> list[str]:
    return [node.op.NAME for node in graph.nodes]


def same(graph: Graph, tolerance: float = 0.0, step: float = 0) -> Graph:
    """The net after all passes, that computes what it did; ``step``: integers may differ by so much."""
    made, _ = simplify(graph)
    given = _testing.inputs(graph, 4, 3)
    a, b = interpret.run(graph, given), interpret.run(made, given)
    assert made.outputs == graph.outputs
    for name in graph.outputs:
        old, new = graph.tensors[name], made.tensors[name]
        assert (old.shape, old.dtype, old.quant) == (new.shape, new.dtype, new.quant)
        x, y = a[name].astype(np.float64), b[name].astype(np.float64)
        bound = step + tolerance * np.max(np.abs(x), initial=1e-9)
        np.testing.assert_allclose(y, x, rtol=0, atol=bound)
    return made


def image() -> tuple[Net, Tensor]:
    net = Net()
    return net, net.input("x", (1, 6, 5, 4), "float32")


def test_batch_norm_goes_into_the_convolution_before() -> None:
    net, x = image()
    made = same(net.graph((net.norm(net.conv(x, 3), 3),)), 1e-5)
    assert names(made) == ["conv"]


def test_batch_norm_goes_into_the_groups_behind() -> None:
    net, x = image()
    made = same(net.graph((net.conv(net.norm(x, 3), 6, groups=2),)), 1e-5)
    assert names(made) == ["conv"]


def test_batch_norm_goes_into_the_dense_layer_behind() -> None:
    net = Net()
    x = net.norm(net.input("x", (2, 7), "float32"), 1)
    made = same(net.graph((net(FullyConnected(), x, net.known(numbers(3, 7))),)), 1e-5)
    assert names(made) == ["fully_connected"]


def test_offsets_do_not_go_behind_a_margin() -> None:
    net, x = image()
    made = same(net.graph((net.conv(net.norm(x, 3), 3, pads=((1, 1), (1, 1))),)))
    assert names(made) == ["batch_norm_nd", "conv"]


def test_factors_and_sums_go_into_products() -> None:
    net, x = image()
    y = net.conv(x, 3)
    y = net(Binary("mul"), net.known(numbers(3)), y)
    y = net(Binary("sub"), net.known(numbers(1, 1, 1, 3)), y)
    y = net(Binary("div"), y, net.known(np.float32(3)))
    assert names(same(net.graph((y,)), 1e-5)) == ["conv"]


def test_what_two_read_or_the_net_gives_stays() -> None:
    net, x = image()
    y = net.conv(x, 3)
    z = net.norm(y, 3)
    made = same(net.graph((z, net(Unary("abs"), y))))
    assert names(made).count("batch_norm_nd") == 1
    net, x = image()
    y = net.conv(x, 3)
    made = same(net.graph((net.norm(y, 3), y)))
    assert names(made) == ["conv", "batch_norm_nd"]


def test_factors_that_overflow_stay() -> None:
    net, x = image()
    y = net(Binary("mul"), net.conv(x, 3), net.known(np.float32(3e38)))
    assert names(same(net.graph((net(Clip(-1.0, 1.0), y),))))[0] == "conv"


def test_a_clamp_between_keeps_the_norm() -> None:
    net, x = image()
    made = same(net.graph((net.norm(net(Clip(0.0), net.conv(x, 3)), 3),)))
    assert names(made) == ["conv", "batch_norm_nd"]


@pytest.mark.parametrize("lo, hi", [(0.0, None), (0.0, 6.0), (-1.0, 1.0)])
def test_clamps_go_into_the_node_before(lo: float, hi: float | None) -> None:
    net, x = image()
    made = same(net.graph((net(Clip(lo, hi), net(Clip(-0.5, 3.0), net.conv(x, 3))),)))
    assert names(made) == ["conv"]


def test_clamps_of_plain_integers_stay() -> None:
    net = Net()
    x = net.input("x", (5,), "int32")
    made = same(net.graph((net(Clip(-1.5, 2.0), net(Binary("add"), x, x)),)))
    assert names(made) == ["binary", "clip"]


def test_a_clamp_of_an_output_of_the_net_stays() -> None:
    net, x = image()
    y = net.conv(x, 3)
    assert names(same(net.graph((y, net(Clip(0.0), y))))) == ["conv", "clip"]


def test_margins_go_into_convolutions() -> None:
    net, x = image()
    y = net(Pad(((0, 0), (1, 2), (0, 1), (0, 0))), x)
    made = same(net.graph((net.conv(y, 3, pads=((1, 0), (0, 0))),)))
    assert names(made) == ["conv"]
    assert isinstance(made.nodes[0].op, Conv)
    assert made.nodes[0].op.pads == ((2, 2), (0, 1))


@pytest.mark.parametrize(
    "pad",
    [
        Pad(((0, 0), (1, 1), (1, 1), (0, 0)), "constant", 1.0),
        Pad(((0, 0), (1, 1), (1, 1), (0, 0)), "edge"),
        Pad(((0, 0), (1, 1), (1, 1), (0, 1))),
    ],
)
def test_margins_of_another_kind_stay(pad: Pad) -> None:
    net, x = image()
    assert names(same(net.graph((net.conv(net(pad, x), 3),)))) == ["pad", "conv"]


def test_a_net_with_channels_first_transposes_at_its_ends_only() -> None:
    net = Net()
    x = net.input("x", (1, 4, 9, 8), "float32")
    for _ in range(3):
        y = net.conv(net(Transpose(LAST), x), 4, pads=((1, 1), (1, 1)))
        y = net.norm(net(Transpose(FIRST), y), 1)
        x = net(Clip(0.0), net(Binary("add"), y, x))
    made = same(net.graph((x,)), 1e-4)
    assert names(made).count("transpose") == 2
    assert not {"batch_norm_nd", "clip"} & set(names(made))


def test_transposes_before_a_flatten_go_into_the_dense_layer() -> None:
    net = Net()
    x = net.input("x", (1, 4, 9, 8), "float32")
    y = net(Transpose(FIRST), net.conv(net(Transpose(LAST), x), 3))
    y = net(FullyConnected(), net(Reshape((1, 126)), y), net.known(numbers(5, 126)))
    made = same(net.graph((net(Softmax(1), y),)), 1e-5)
    assert names(made) == ["transpose", "conv", "reshape", "fully_connected", "softmax"]


def test_transposes_that_move_no_number_are_reshapes() -> None:
    net = Net()
    x = net.input("x", (1, 1, 9, 8), "float32")
    assert names(same(net.graph((net(Transpose(LAST), x),)))) == ["reshape"]


def test_products_of_matrices_become_dense() -> None:
    net = Net()
    x = net.input("x", (3, 7), "float32")
    y = net(MatMul(), x, net.known(numbers(7, 4)))
    made = same(net.graph((net(Binary("add"), net.known(numbers(1, 4)), y),)))
    assert names(made) == ["fully_connected"]
    assert len(made.nodes[0].inputs) == 3


def test_a_convolution_over_time_loses_its_axis() -> None:
    net = Net()
    x = net.input("x", (1, 12, 3), "float32")
    y = net(Reshape((1, 1, 12, 3)), x)
    y = net(Conv(pads=((0, 0), (2, 0))), y, net.known(numbers(4, 1, 3, 3)), net.known(numbers(4)))
    made = same(net.graph((net(Reshape((1, 12, 4)), y),)))
    assert names(made) == ["conv"]
    assert len(made.tensors[made.nodes[0].inputs[0]].shape) == 3


def test_everything_is_computed_once_and_only_what_is_read() -> None:
    net, x = image()
    a, b = net(Unary("tanh"), x), net(Unary("tanh"), x)
    net(Unary("exp"), x)
    made = same(net.graph((net(Binary("add"), net(Unary("abs"), a), net(Unary("neg"), b)),)))
    assert names(made) == ["unary", "unary", "unary", "binary"]


def test_equal_operators_of_different_zeros_are_two() -> None:
    net, x = image()
    pads = ((0, 0), (1, 1), (1, 1), (0, 0))
    made = same(net.graph((net(Pad(pads, "constant", 0.0), x), net(Pad(pads, "constant", -0.0), x))))
    assert names(made) == ["pad", "pad"]


# ---------------------------------------------------------------- integers


def meant(net: Net, data: Array, scale: Sequence[float], axis: int | None = None) -> Tensor:
    quant = Affine(tuple(map(float, scale)), (0,) * len(scale), axis)
    return net(Dequantize(), net.known(data, quant))


def through(net: Net, x: Tensor, scale: float, zero: int = 0, dtype: str = "int8") -> Tensor:
    """Quantise and dequantise."""
    return net(Dequantize(), net(Quantize(dtype), x, quant=Affine((scale,), (zero,))))


def bytes_of(*shape: int) -> Array:
    return RNG.integers(-127, 128, shape).astype(np.int8)


def quantised(net: Net, x: Tensor, *, relu: bool = False, dtype: str = "int8") -> Tensor:
    scale = RNG.uniform(0.005, 0.02, 4).astype(np.float32).astype(float)
    w = meant(net, bytes_of(4, 3, 3, x.shape[-1]), tuple(scale), 0)
    bias = meant(net, RNG.integers(-900, 900, 4).astype(np.int32), tuple(0.05 * scale), 0)
    y = net(Conv(pads=((1, 1), (1, 1))), x, w, bias)
    y = net(Clip(0.0), y) if relu else y
    return through(net, y, 0.1, -20 if dtype == "int8" else 108, dtype)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_pairs_of_quantise_and_dequantise_make_integers(dtype: str) -> None:
    net, x = image()
    y = through(net, x, 0.05, 3, dtype)
    y = quantised(net, y, relu=True, dtype=dtype)
    y = net(Transpose(LAST), net(Transpose(FIRST), y))
    made = same(net.graph((net(Reshape((1, 120)), y),)), step=0.11)
    assert [n for n in names(made) if n != "reshape"] == ["quantize", "conv", "dequantize"]
    assert {t.dtype for t in made.tensors.values()} <= {"float32", "int8", "int32"}


def test_sums_of_quantised_numbers_are_integers() -> None:
    net, x = image()
    x = through(net, x, 0.05, 3)
    y = net(Clip(0.0), net(Binary("add"), quantised(net, x), x))
    made = same(net.graph((through(net, y, 0.1, -128),)), step=0.21)
    assert names(made) == ["quantize", "conv", "binary", "dequantize"]


def test_what_is_joined_with_different_scales_stays() -> None:
    net, x = image()
    a, b = through(net, x, 0.05), through(net, x, 0.02)
    made = same(net.graph((net(Concat(3), a, b),)))
    assert made.tensors[made.nodes[-1].inputs[0]].dtype == "float32"
    net, x = image()
    a, b = through(net, x, 0.05), through(net, net(Unary("neg"), x), 0.05)
    made = same(net.graph((net(Concat(3), a, b),)))
    assert names(made)[-2:] == ["concat", "dequantize"]


def test_scales_along_an_axis_stay_where_the_axis_goes() -> None:
    net = Net()
    x = net.input("x", (4, 6), "float32")
    q = net(Quantize("int8"), x, quant=Affine((0.1, 0.2, 0.3, 0.4), (0,) * 4, 0))
    same(net.graph((net(Reshape((24,)), net(Dequantize(), q)),)))


def test_kernels_of_one_place_are_integers_too() -> None:
    net, x = image()
    w = meant(net, bytes_of(4, 4, 1, 1), (0.01, 0.02, 0.03, 0.04), 0)
    y = net(Conv(), through(net, x, 0.05), net(Transpose(LAST), w))
    made = same(net.graph((through(net, y, 0.1),)), step=0.11)
    assert names(made) == ["quantize", "conv", "dequantize"]


def test_weights_alone_stay_integers() -> None:
    net, x = image()
    made = same(net.graph((net(Conv(), x, meant(net, bytes_of(3, 3, 3, 4), (0.1, 0.2, 0.3), 0)),)), 1e-5)
    assert names(made) == ["conv"]
    assert made.tensors[made.nodes[0].inputs[1]].dtype == "int8"


def test_unsigned_outputs_and_inputs_of_a_net_stay() -> None:
    net = Net()
    quant = Affine((0.05,), (128,))
    x = net.input("x", (1, 6, 5, 4), "uint8", quant)
    w = net.constant("w", RNG.integers(0, 256, (4, 3, 3, 4)).astype(np.uint8), quant=Affine((0.01,), (120,)))
    y = net(Conv(), x, w, quant=Affine((0.5,), (100,)))
    y = net(Conv(), net(Clip(0.0), y), w, quant=Affine((0.7,), (90,)))
    made = same(net.graph((y,)))
    assert {n for n, t in made.tensors.items() if t.dtype == "uint8"} == {*made.inputs, *made.outputs}


# ---------------------------------------------------------------- many nets


def random_net(seed: int, layers: int) -> Graph:
    """Net of layers that passes like to change, some of them read twice and kept."""
    rng = np.random.default_rng(seed)
    net = Net()
    seen = [net.input("x", (1, 5, 4, 4), "float32")]
    for _ in range(layers):
        x = seen[-1] if rng.random() < 0.8 else seen[int(rng.integers(len(seen)))]
        ways: list[Callable[[Tensor], Tensor]] = [
            lambda x: net.conv(x, 4, pads=((1, 1), (1, 1))),
            lambda x: net.norm(x, 3),
            lambda x: net(Transpose(LAST), net(Unary("abs"), net(Transpose(FIRST), x))),
            lambda x: net(Clip(0.0, 6.0), x),
            lambda x: net(Binary("add"), x, seen[int(rng.integers(len(seen)))]),
            lambda x: net(Binary("mul"), x, net.known(rng.uniform(0.1, 0.5, 4).astype(np.float32))),
            lambda x: net(Reshape(x.shape), net(Reshape((x.size,)), x)),
            lambda x: through(net, x, 0.5, 2, "uint8" if rng.random() < 0.5 else "int8"),
            lambda x: net(Clip(-4.0, 4.0), x),
        ]
        seen.append(ways[int(rng.integers(len(ways)))](x))
    kept = [one for one in seen[1:-1] if rng.random() < 0.1]
    return net.graph((seen[-1], *kept))


@pytest.mark.parametrize("seed", range(40))
def test_random_nets_compute_the_same(seed: int) -> None:
    graph = random_net(seed, 14)
    made, _ = simplify(graph)
    given = _testing.inputs(graph, 2, seed)
    a, b = interpret.run(graph, given), interpret.run(made, given)
    # a transpose that two read sinks into both
    assert len(made.nodes) <= len(graph.nodes) + 3
    for name in graph.outputs:
        # a step of a coarse scale where sums were rounded otherwise, and what grows of it
        top = np.max(np.abs(a[name]))
        gap = np.abs(a[name].astype(np.float64) - b[name])
        assert np.mean(gap > 1e-4 * top) < 0.02, name


def test_five_hundred_nodes_take_a_few_seconds() -> None:
    graph = random_net(3, 520)
    start = time.process_time()
    simplify(graph)
    assert len(graph.nodes) > 450
    assert time.process_time() - start < 10
