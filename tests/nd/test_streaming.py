"""Nets that get a few samples at a time give the bits of the net that computes every window at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Array, Tensor
from sensorai.importers.net import NetBuilder
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.slices import Slice
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary
from sensorai.passes.streaming import Streamed, to_streaming
from sensorai.toolchain import cpu, host, qemu
from tests.nd import nets
from tests.need import need

T, C = 40, 3


class Made:
    """A net while it is written down: float32, or int8 with scales."""

    def __init__(self, shape: tuple[int, ...] = (1, T, C), dtype: str = "float32") -> None:
        self.net, self.rng, self.dtype = NetBuilder(), np.random.default_rng(5), dtype
        self.x = self.net.input("x", shape, dtype, self.quant(0.03, -4))

    def quant(self, scale: float, zero: int = 0) -> Quant:
        return Affine((scale,), (zero,)) if self.dtype == "int8" else None

    def weights(self, *shape: int) -> Tensor:
        if self.dtype == "int8":
            return self.net.constant("w", self.rng.integers(-127, 128, shape), "int8", self.quant(0.01))
        return self.net.constant("w", self.rng.normal(0, 0.5, shape).astype(np.float32))

    def bias(self, count: int) -> Tensor:
        if self.dtype == "int8":
            return self.net.constant("b", self.rng.integers(-500, 500, count), "int32")
        return self.net.constant("b", self.rng.normal(0, 0.5, count).astype(np.float32))

    def add(self, op: Any, *inputs: Tensor, scale: float = 0.05, zero: int = 3) -> Tensor:
        self.x = self.net.add(op, inputs or (self.x,), (), (self.quant(scale, zero),))[0]
        return self.x

    def conv(self, outputs: int, kernel: int, groups: int = 1, **more: Any) -> Tensor:
        w = self.weights(outputs, kernel, self.x.shape[-1] // groups)
        return self.add(Conv(groups=groups, **more), self.x, w, self.bias(outputs))

    def dense(self, outputs: int) -> Tensor:
        return self.add(FullyConnected(), self.x, self.weights(outputs, self.x.shape[-1]), self.bias(outputs))

    def pool(self, kind: str, kernel: int, stride: int) -> Tensor:
        # the scale of the input stays
        quant = self.x.quant
        self.x = self.net.add(Pool(kind, (kernel,), (stride,)), (self.x,), (), (quant,))[0]
        return self.x

    def graph(self, *outputs: Tensor) -> Graph:
        return self.net.graph(outputs or (self.x,))


def plain(dtype: str = "float32") -> Graph:
    """Convolutions, pools with strides, a global pool and scores."""
    m = Made(dtype=dtype)
    m.conv(4, 5, lo=0.0)
    m.pool("max", 2, 2)
    m.conv(6, 3, lo=0.0)
    m.pool("average", 2, 2)
    quant = m.x.quant
    m.x = m.net.add(Reduce("mean", (1,), False), (m.x,), (), (quant,))[0]
    m.dense(3)
    return m.graph()


def flat(dtype: str = "float32") -> Graph:
    """Depthwise and pointwise layers, then dense on the whole window."""
    m = Made(dtype=dtype)
    m.conv(C, 4, groups=C, dilations=(2,))
    m.conv(5, 1, lo=0.0)
    m.conv(5, 3, groups=5, strides=(2,))
    m.add(Reshape((1, m.x.shape[1] * 5)))
    m.dense(4)
    return m.graph()


def residual() -> Graph:
    """Branches that meet, each with as many columns."""
    m = Made()
    x = m.conv(4, 1)
    a = m.conv(4, 5)
    n = a.shape[1]
    b = m.add(Slice((0, 2, 0), (1, 2 + n, 4), (1, 1, 1)), x)
    both = m.add(Binary("add"), a, b)
    m.add(Unary("tanh"))
    m.add(Concat(2), both, m.x)
    m.add(Softmax(2))
    m.add(Binary("mul"), m.x, m.net.constant("k", np.linspace(0, 1, 8, dtype=np.float32)))
    m.add(Reduce("max", (1,), True))
    return m.graph()


def channels_first() -> Graph:
    """The way nets of ONNX have it."""
    m = Made((1, C, T))
    m.add(Transpose((0, 2, 1)))
    m.conv(4, 3)
    m.add(Transpose((0, 2, 1)))
    m.add(Unary("sigmoid"))
    m.add(Reduce("mean", (2,), False))
    return m.graph()


def two_axes() -> Graph:
    """Time is one of two axes of a kernel."""
    m = Made((1, T, 6, 1))
    w = m.weights(3, 4, 3, 1)
    m.add(Conv((2, 1), (), ((0, 0), (1, 1))), m.x, w, m.bias(3))
    m.add(Reshape((1, m.x.shape[1], 18)))
    m.dense(2)
    m.add(Reduce("mean", (1,), False))
    return m.graph()


def short() -> Graph:
    """Fewer columns in the end than a hop brings; a remainder of strides."""
    m = Made((1, 19, C))
    m.conv(4, 4, strides=(2,))
    m.conv(4, 3, strides=(2,))
    m.conv(2, 2)
    m.add(Reshape((1, m.x.size)))
    return m.graph()


def whole_window() -> Graph:
    """An output that has time."""
    m = Made()
    m.conv(2, 5)
    m.add(Unary("abs"))
    return m.graph()


def uneven() -> Graph:
    """Numbers that differ from column to column."""
    m = Made()
    m.conv(2, 3)
    m.add(Binary("mul"), m.x, m.net.constant("k", np.linspace(0, 1, T - 2, dtype=np.float32)[:, None]))
    m.add(Reduce("sum", (1,), False))
    return m.graph()


def margins(dtype: str = "float32") -> Graph:
    """Margins at both ends, strides with remainders, pools that do not count margins."""
    m = Made(dtype=dtype)
    m.conv(4, 5, pads=((2, 2),), lo=0.0)
    m.conv(4, 4, pads=((1, 2),), strides=(2,))
    quant = m.x.quant
    m.x = m.net.add(Pool("average", (3,), (1,), pads=((1, 1),)), (m.x,), (), (quant,))[0]
    m.x = m.net.add(Pool("max", (3,), (2,), pads=((1, 0),)), (m.x,), (), (quant,))[0]
    m.x = m.net.add(Reduce("mean", (1,), False), (m.x,), (), (quant,))[0]
    m.dense(3)
    return m.graph()


def margins_residual() -> Graph:
    """Branches with edges of their own, a run of columns, other layouts."""
    m = Made()
    x = m.conv(4, 1)
    a = m.conv(4, 3, pads=((1, 1),), dilations=(1,))
    b = m.add(Binary("add"), a, x)
    c = m.conv(4, 5, groups=4, pads=((4, 0),))
    both = m.add(Concat(2), b, c, x)
    m.add(Slice((0, 1, 0), (1, T - 2, 12), (1, 1, 1)), both)
    m.add(Transpose((0, 2, 1)))
    m.add(Unary("tanh"))
    m.add(Reshape((12, T - 3)))
    m.add(Reduce("sum", (1,), False))
    return m.graph()


def causal_last() -> Graph:
    """A causal net that looks at the last column only."""
    m = Made()
    m.conv(4, 3, pads=((2, 0),))
    m.conv(4, 3, pads=((4, 0),), dilations=(2,), lo=0.0)
    m.add(Slice((0, T - 1, 0), (1, T, 4), (1, 1, 1)))
    m.add(Reshape((1, 4)))
    m.dense(2)
    return m.graph()


def wide_margins() -> Graph:
    """Margins wider than the window has columns between them."""
    m = Made((1, 8, C))
    m.conv(4, 7, pads=((3, 3),))
    m.conv(4, 7, pads=((6, 6),), strides=(3,))
    m.add(Reduce("sum", (1,), False))
    return m.graph()


WINDOWS: Mapping[str, tuple[Callable[[], Graph], int, int]] = {
    "plain": (plain, 1, 4),
    "plain_8": (plain, 1, 8),
    "plain_all": (plain, 1, T),
    "plain_int8": (lambda: plain("int8"), 1, 4),
    "flat": (flat, 1, 2),
    "flat_6": (flat, 1, 6),
    "flat_int8": (lambda: flat("int8"), 1, 2),
    "residual": (residual, 1, 1),
    "residual_7": (residual, 1, 7),
    "channels_first": (channels_first, 2, 3),
    "two_axes": (two_axes, 1, 2),
    "short": (short, 1, 4),
    "short_12": (short, 1, 12),
    "whole_window": (whole_window, 1, 3),
    "uneven": (uneven, 1, 5),
    "margins": (margins, 1, 4),
    "margins_8": (margins, 1, 8),
    "margins_all": (margins, 1, T),
    "margins_int8": (lambda: margins("int8"), 1, 4),
    "margins_residual": (margins_residual, 1, 1),
    "margins_residual_7": (margins_residual, 1, 7),
    "causal": (lambda: causal(), 1, 2),
    "causal_last": (causal_last, 1, 1),
    "wide_margins": (wide_margins, 1, 1),
}


def causal(dtype: str = "float32") -> Graph:
    """Causal layers with dilations and strides, a residual branch."""
    m = Made(dtype=dtype)
    x = m.conv(4, 3, pads=((2, 0),))
    m.conv(4, 3, pads=((4, 0),), dilations=(2,), lo=0.0)
    m.add(Binary("add"), m.x, x)
    m.conv(5, 4, pads=((3, 0),), strides=(2,))
    m.dense(3)
    return m.graph()


def recurrent() -> Graph:
    """A causal layer, recurrent ones behind it, scores of every step."""
    m = Made()
    m.conv(4, 3, pads=((2, 0),), strides=(2,))
    for op in (Gru(layout=1, reset_after=True), Lstm(layout=1)):
        rows, inputs = op.GATES * 4, m.x.shape[-1]
        w, r = m.weights(1, rows, inputs), m.weights(1, rows, 4)
        b = m.net.constant("b", m.rng.normal(0, 0.5, (1, 2 * rows)).astype(np.float32))
        y = m.net.add(op, (m.x, w, r, b))[0]
        m.add(Reshape((1, y.shape[1], 4)), y)
    m.dense(3)
    return m.graph()


def late_recurrent() -> Graph:
    """Recurrent layers whose first columns do not exist, scores of every step."""
    m = Made()
    m.conv(4, 5)
    m.pool("max", 3, 2)
    for op in (Gru(layout=1), Lstm(layout=1)):
        rows = op.GATES * 4
        y = m.net.add(op, (m.x, m.weights(1, rows, 4), m.weights(1, rows, 4)))[0]
        m.add(Reshape((1, y.shape[1], 4)), y)
        m.conv(4, 2)
    return m.graph()


def late_last() -> Graph:
    """The last outputs of such a layer, which are none before its first column."""
    m = Made()
    m.conv(4, 5)
    y = m.net.add(Gru(layout=1, whole=False), (m.x, m.weights(1, 12, 4), m.weights(1, 12, 4)))[0]
    m.add(Reshape((1, 4)), y)
    m.dense(3)
    return m.graph()


def late_column() -> Graph:
    """The last column, without margins before it."""
    m = Made()
    m.conv(4, 5)
    m.add(Slice((0, T - 5, 0), (1, T - 4, 4), (1, 1, 1)))
    m.add(Reshape((1, 4)))
    return m.graph()


def last_step() -> Graph:
    """Scores of the last step only."""
    m = Made()
    w, r = m.weights(1, 16, C), m.weights(1, 16, 4)
    y = m.net.add(Lstm(layout=1), (m.x, w, r))[0]
    m.add(Slice((0, T - 1, 0, 0), (1, T, 1, 4), (1, 1, 1, 1)), y)
    m.add(Reshape((1, 4)))
    m.dense(3)
    return m.graph()


def late() -> Graph:
    """Without margins: the first columns do not exist."""
    m = Made()
    m.conv(4, 5)
    m.pool("max", 3, 2)
    m.conv(2, 2)
    return m.graph()


SEQUENCES: Mapping[str, tuple[Callable[[], Graph], int]] = {
    "causal": (causal, 2),
    "causal_4": (causal, 4),
    "causal_all": (causal, T),
    "causal_int8": (lambda: causal("int8"), 2),
    "recurrent": (recurrent, 2),
    "recurrent_8": (recurrent, 8),
    "last_step": (last_step, 1),
    "last_step_5": (last_step, 5),
    "late": (late, 2),
    "late_10": (late, 10),
    "late_recurrent": (late_recurrent, 2),
    "late_last": (late_last, 1),
    "late_last_4": (late_last, 4),
    "late_column": (late_column, 2),
}


def samples_of(graph: Graph, axis: int, count: int, seed: int = 0) -> Array:
    """Random samples along the axis of time."""
    x, rng = graph.tensors["x"], np.random.default_rng(seed)
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    if x.dtype == "int8":
        return rng.integers(-128, 128, shape).astype(np.int8)
    return rng.normal(0, 1, shape).astype(np.float32)


def pushed(graph: Graph, axis: int, samples: Array) -> list[Array]:
    """Outputs call by call."""
    hop, state, found = graph.tensors["x"].shape[axis], None, []
    for at in range(0, samples.shape[axis] - hop + 1, hop):
        x = np.take(samples, range(at, at + hop), axis)
        values = interpret.run(graph, {"x": x}, state)
        state = interpret.following(graph, values)
        found.append(values[graph.outputs[0]])
    return found


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name: str) -> None:
    make, axis, hop = WINDOWS[name]
    graph = make()
    made = to_streaming(graph, axis, hop)
    extent = graph.tensors["x"].shape[axis]
    calls = -(-extent // hop) + 5
    samples = samples_of(graph, axis, calls * hop)
    for k, got in enumerate(pushed(made.graph, axis, samples)):
        end = (k + 1) * hop
        if k < made.warm_up:
            continue
        window = np.take(samples, range(end - extent, end), axis)
        assert got.tobytes() == interpret.output(graph, {"x": window}).tobytes()
    assert made.warm_up == -(-extent // hop) - 1


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences(name: str) -> None:
    make, hop = SEQUENCES[name]
    graph = make()
    made = to_streaming(graph, 1, hop, sequence=True)
    samples = samples_of(graph, 1, T)
    found = pushed(made.graph, 1, samples)
    want = interpret.output(graph, {"x": samples})
    if want.ndim == 2:
        got = found[-1]
    else:
        got = np.concatenate(found, axis=1)
        dropped = got.shape[1] - want.shape[1]
        each = found[0].shape[1]
        assert made.warm_up == -(-dropped // each)
        got = got[:, dropped:]
    assert got.tobytes() == want.tobytes()


@pytest.mark.parametrize(
    ("make", "hop", "calls"), [(late_last, 1, 4), (late_last, 4, 1), (late_column, 2, 2)]
)
def test_outputs_without_time_begin_with_the_first_column(
    make: Callable[[], Graph], hop: int, calls: int
) -> None:
    assert to_streaming(make(), 1, hop, sequence=True).warm_up == calls


def test_savings() -> None:
    """Layers over time cost a hop; what is said is what they take."""
    graph = plain()
    made = to_streaming(graph, 1, 4)
    convs = [n for n in made.graph.nodes if isinstance(n.op, Conv)]
    assert [made.graph.out(n).shape[1] for n in convs] == [4, 2]
    assert made.after.macs < made.before.macs / 4
    assert made.kept == sum(made.graph.tensors[s.read].bytes for s in made.graph.states)
    assert str(made.after.macs) in made.said
    assert str(made.kept) in made.said


def test_edges_cost_only_where_they_are_read() -> None:
    """Of a causal net whose last column is read, no margin is seen: a column of each layer is computed."""
    made = to_streaming(causal_last(), 1, 1)
    convs = [n for n in made.graph.nodes if isinstance(n.op, Conv)]
    assert [made.graph.out(n).shape[1] for n in convs] == [1, 1]
    assert sorted(made.graph.tensors[s.read].shape[1] for s in made.graph.states) == [2, 4]
    edged = to_streaming(margins(), 1, 4)
    assert edged.after.macs < edged.before.macs / 2


def c_samples() -> list[nets.Sample]:
    found: list[tuple[str, Streamed, int]] = []
    found += [(n, to_streaming(make(), axis, hop), axis) for n, (make, axis, hop) in WINDOWS.items()]
    found += [(n, to_streaming(make(), 1, hop, sequence=True), 1) for n, (make, hop) in SEQUENCES.items()]
    made = []
    for name, one, axis in found:
        hop = one.graph.tensors["x"].shape[axis]
        calls = min(one.warm_up + 3, 12)
        samples = samples_of(one.graph, axis, calls * hop)
        rows = [{"x": np.take(samples, range(k * hop, (k + 1) * hop), axis)} for k in range(calls)]
        made.append(nets.sample_of(name, one.graph, rows))
    return made


def test_as_c() -> None:
    found = c_samples()
    program = host.build_program(nets.unit(found), opt="-O0", sanitize=True, harness=True)
    assert nets.differences(found, program.run(nets.stream(found))) == []


@pytest.mark.parametrize("core", ["m0plus", "m4"])
def test_on_cores(core: str) -> None:
    need("arm-none-eabi-gcc")
    found = c_samples()
    image = qemu.build(nets.unit(found), cpu.cpu(core))
    assert nets.differences(found, qemu.run_image(image, nets.stream(found)).output) == []


def padded() -> Graph:
    m = Made()
    m.conv(2, 3, pads=((1, 1),))
    m.add(Reduce("mean", (1,), False))
    return m.graph()


def mixed() -> Graph:
    m = Made()
    m.conv(2, 3)
    m.conv(2, 3, pads=((2, 0),))
    return m.graph()


def backwards() -> Graph:
    m = Made()
    m.net.add(Gru(layout=1, direction="reverse"), (m.x, m.weights(1, 12, C), m.weights(1, 12, 4)), ("y",))
    return m.graph(m.net.tensors["y"])


@pytest.mark.parametrize(
    ("make", "axis", "hop", "sequence", "text"),
    [
        (padded, 1, 1, True, "margins of 1 and 1 columns"),
        (plain, 1, 2, False, "moves by 2 columns of time, but a hop brings 1"),
        (plain, 1, 4, True, "takes all columns together"),
        (mixed, 1, 1, True, "causal margin behind"),
        (backwards, 1, 1, True, "goes backwards"),
        (late_recurrent, 1, 4, True, "middle of a push: the first 3 columns before it .* a push brings 2"),
        (causal, 1, 3, True, "multiple of the hop"),
        (plain, 1, 0, False, "hop of 0"),
        (plain, 1, T + 1, False, "does not fit"),
        (plain, 7, 1, False, "no axis 7"),
    ],
)
def test_refused(make: Callable[[], Graph], axis: int, hop: int, sequence: bool, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        to_streaming(make(), axis, hop, sequence=sequence)


def test_streams_once() -> None:
    with pytest.raises(ConfigError, match="keeps a state of its own"):
        to_streaming(to_streaming(plain(), 1, 4).graph, 1, 4)


def test_recurrent_in_windows_start_anew() -> None:
    """A recurrent layer in a window takes all of it: same bits, nothing saved there."""
    graph = last_step()
    made = to_streaming(graph, 1, 4)
    samples = samples_of(graph, 1, T + 8)
    got = pushed(made.graph, 1, samples)[-1]
    assert got.tobytes() == interpret.output(graph, {"x": samples[:, 8:]}).tobytes()
    assert made.after.macs == made.before.macs


def random_net(seed: int) -> tuple[Graph, int]:
    """Random layers over time, and a hop that their strides divide."""
    rng = np.random.default_rng(seed)
    m = Made((1, int(rng.integers(12, 60)), 2), "int8" if seed % 3 == 0 else "float32")
    total = 1
    for _ in range(int(rng.integers(1, 6))):
        extent, c = m.x.shape[1:]
        kind = str(rng.choice(["conv", "depthwise", "pool", "slice", "residual", "unary"]))
        kernel, dilation = int(rng.integers(1, 5)), int(rng.integers(1, 3))
        stride = int(rng.choice([1, 1, 2, 3])) if total < 4 else 1
        reach = (kernel - 1) * dilation + 1
        low, high = (int(v) for v in rng.integers(0, reach, 2)) if rng.random() < 0.5 else (0, 0)
        if extent + low + high < reach + 3 * stride:
            continue
        if kind in ("conv", "depthwise"):
            groups = c if kind == "depthwise" else 1
            outputs = c if groups > 1 else 3
            m.conv(outputs, kernel, groups, strides=(stride,), dilations=(dilation,), pads=((low, high),))
            total *= stride
        elif kind == "pool" and kernel > 1:
            pads = ((min(low, kernel - 1), min(high, kernel - 1)),)
            name, counted = str(rng.choice(["max", "average"])), bool(rng.integers(2))
            pool = Pool(name, (kernel,), (stride,), pads=pads, count_include_pad=counted)
            m.x = m.net.add(pool, (m.x,), (), (m.x.quant,))[0]
            total *= stride
        elif kind == "slice":
            start, end = (int(v) for v in rng.integers(0, 3, 2))
            run = Slice((0, start, 0), (1, extent - end, c), (1, 1, 1))
            m.x = m.net.add(run, (m.x,), (), (m.x.quant,))[0]
        elif kind == "residual":
            x = m.x
            m.conv(c, 3, pads=((1, 1),))
            m.add(Binary("add"), m.x, x)
        elif m.dtype == "float32":
            m.add(Unary("tanh"))
        else:
            m.conv(3, 1)
    if seed % 2:
        m.x = m.net.add(Reduce("mean", (1,), False), (m.x,), (), (m.x.quant,))[0]
    hop = total * int(rng.integers(1, 4))
    graph = m.graph()
    return graph, min(hop, graph.tensors["x"].shape[1])


@pytest.mark.parametrize("seed", range(60))
def test_random(seed: int) -> None:
    graph, hop = random_net(seed)
    made, extent = to_streaming(graph, 1, hop), graph.tensors["x"].shape[1]
    calls = made.warm_up + 3
    samples = samples_of(graph, 1, calls * hop, seed)
    for k, got in enumerate(pushed(made.graph, 1, samples)):
        if k >= made.warm_up:
            window = samples[:, (k + 1) * hop - extent : (k + 1) * hop]
            assert got.tobytes() == interpret.output(graph, {"x": window}).tobytes()
    assert made.after.macs <= made.before.macs
