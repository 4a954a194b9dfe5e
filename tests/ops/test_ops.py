"""Operators: shapes, and the exact references against naive loops and real-number maths."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorai.errors import ConfigError, DataError, InternalError
from sensorai.graph import interpret, rounding
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph, Node
from sensorai.graph.operator import Applied
from sensorai.graph.quant import Pow2
from sensorai.graph.spec import check
from sensorai.graph.tensor import Array, Tensor
from sensorai.ops import _testing
from sensorai.ops.add import Add
from sensorai.ops.argmax import Argmax
from sensorai.ops.avg_pool import multiplier
from sensorai.ops.dense import Dense
from sensorai.ops.depthwise_conv1d import DepthwiseConv1d
from sensorai.ops.global_avg_pool import GlobalAvgPool
from sensorai.ops.max_pool import MaxPool
from sensorai.ops.products import Convolution, Product, geometry
from sensorai.ops.relu import Relu
from sensorai.ops.requant import Requant
from sensorai.ops.table import OPERATORS, operator

CASES = [(name, graph) for op in OPERATORS.values() for name, graph in op.cases()]


@given(st.integers(-(2**31), 2**31 - 1), st.integers(-31, 31))
def test_shift_rounds_half_up(acc: int, shift: int) -> None:
    exact = Fraction(acc) / Fraction(2) ** shift
    assert int(rounding.shift_round(acc, shift)) == (exact + Fraction(1, 2)).__floor__()


@given(st.integers(-(2**31), 2**31 - 1), st.integers(2**30, 2**31 - 1), st.integers(31, 62))
def test_multiplier_rounds_half_up(acc: int, m: int, shift: int) -> None:
    exact = Fraction(acc * m, 2**shift)
    assert int(rounding.multiply_round(acc, m, shift)) == (exact + Fraction(1, 2)).__floor__()


@pytest.mark.parametrize(("acc", "shift", "want"), [(1, 1, 1), (-1, 1, 0), (-3, 1, -1), (3, 1, 2), (5, 0, 5)])
def test_halves(acc: int, shift: int, want: int) -> None:
    assert int(rounding.shift_round(acc, shift)) == want


@given(st.floats(2.0**-32, 1.0, exclude_max=True))
def test_multiplier_of_a_scale(scale: float) -> None:
    m, s = rounding.multiplier_of(scale)
    assert 2**30 <= m < 2**31
    assert 31 <= s <= 62 + 1
    assert abs(m / 2.0**s - scale) <= scale * 2.0**-30


@pytest.mark.parametrize("scale", [1.0, 2.0**-33, 0.0, -0.5])
def test_scales_without_multiplier(scale: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        rounding.multiplier_of(scale)


@pytest.mark.parametrize(("name", "graph"), CASES, ids=[name for name, _ in CASES])
def test_one_by_one_equals_the_batch(name: str, graph: Graph) -> None:
    x = _testing.inputs(graph, 4)
    whole = interpret.output(graph, x)
    out = graph.tensors[graph.outputs[0]]
    assert whole.shape == (4, *out.shape)
    for i in range(4):
        assert interpret.output(graph, x[i]).tobytes() == whole[i].tobytes()


def naive(graph: Graph, x: Array) -> Array:
    """Integer product layers by the definition, index by index, in Python integers."""
    node = graph.nodes[0]
    op, p, out = node.op, graph.constants(node), graph.out(node)
    assert isinstance(op, Product)
    w, depthwise = p["weights"], isinstance(op, DepthwiseConv1d)
    stride, padding, pool = (
        (op.stride, op.padding, op.pool) if isinstance(op, Convolution) else (1, "valid", 1)
    )
    pad = -1 if graph.ins(node)[0].dtype == "binary" else 0
    if isinstance(op, Dense):
        x, w = x[None], w[:, None, :]
    kernel = w.shape[0] if depthwise else w.shape[1]
    steps, left, _ = geometry(x.shape[0], kernel, stride, padding)
    rows = out.shape[-1]
    acc = [[0] * rows for _ in range(steps // pool * pool)]
    for t in range(len(acc)):
        for r in range(rows):
            total = int(p["bias"][r]) if "bias" in p else 0
            for j in range(kernel):
                at = t * stride + j - left
                for c in [r] if depthwise else range(x.shape[1]):
                    v = int(x[at, c]) if 0 <= at < x.shape[0] else pad
                    total += v * int(w[j, r] if depthwise else w[r, j, c])
            acc[t][r] = total
    best = [[max(acc[t + k][r] for k in range(pool)) for r in range(rows)] for t in range(0, len(acc), pool)]
    result = []
    for line in best:
        for r, v in enumerate(line):
            if out.dtype == "int32":
                result.append(v)
            elif out.dtype == "binary":
                t = int(p["threshold"][r])
                result.append(1 if (v <= t if p["flip"][r] else v >= t) else -1)
            else:
                scale = Fraction(1, 2 ** int(p["shift"][r]))
                if "multiplier" in p:
                    scale *= int(p["multiplier"][r])
                q = (v * scale + Fraction(1, 2)).__floor__()
                result.append(min(max(q, op.requant.low), op.requant.high))
    return np.array(result)


INTEGER = [
    (name, graph)
    for name, graph in CASES
    if isinstance(graph.nodes[0].op, Product)
    and len(graph.nodes) == 1
    and "float32" not in name
    and "long" not in name
]


@pytest.mark.parametrize(("name", "graph"), INTEGER, ids=[name for name, _ in INTEGER])
def test_products_equal_their_definition(name: str, graph: Graph) -> None:
    for x in _testing.inputs(graph, 4)[[0, 1, 3]]:
        assert np.array_equal(interpret.output(graph, x).reshape(-1), naive(graph, x))


FLOAT = [(n, g) for n, g in CASES if all(t.dtype == "float32" for t in g.activations)]


@pytest.mark.parametrize(("name", "graph"), FLOAT, ids=[name for name, _ in FLOAT])
def test_float_reference_is_the_real_function(name: str, graph: Graph) -> None:
    x = _testing.inputs(graph, 5)
    real = interpret.forward(np, graph, x.astype(np.float64))[graph.outputs[0]]
    assert np.allclose(interpret.output(graph, x), real, rtol=1e-5, atol=1e-5)


def test_float_form_runs_in_jax() -> None:
    jnp = pytest.importorskip("jax.numpy")
    for name, graph in FLOAT:
        x = _testing.inputs(graph, 2)
        got = interpret.forward(jnp, graph, jnp.asarray(x))[graph.outputs[0]]
        assert np.allclose(np.asarray(got), interpret.output(graph, x), rtol=1e-4, atol=1e-4), name


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 13, 16, 52, 255])
def test_mean_is_within_one_of_the_exact_one(size: int) -> None:
    graph = _testing.one(GlobalAvgPool(), (size, 2), "int8", "int8")
    x = np.random.default_rng(size).integers(-128, 128, (50, size, 2)).astype(np.int8)
    x[0], x[1] = -128, 127
    y = interpret.output(graph, x).astype(int)
    exact = np.floor(x.astype(float).mean(axis=1) + 0.5)
    assert np.abs(y - exact).max() <= (0 if size & (size - 1) == 0 else 1)
    assert y[0].tolist() == [-128, -128]
    assert y[1].tolist() == [127, 127]
    assert abs(multiplier(size) * size - 65536) <= size


def test_integer_softmax_is_near_the_real_one() -> None:
    graph = next(g for n, g in CASES if n == "softmax_4_5")
    x = _testing.inputs(graph, 20)
    e = np.exp(x / 32.0 - (x / 32.0).max(axis=1, keepdims=True))
    assert np.abs(interpret.output(graph, x) / 32768 - e / e.sum(axis=1, keepdims=True)).max() < 2e-4


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "padding", "want"),
    [
        (9, 3, 1, "same", (9, 1, 1)),
        (9, 4, 1, "same", (9, 1, 2)),
        (9, 3, 2, "same", (5, 1, 1)),
        (10, 3, 2, "same", (5, 0, 1)),
        (2, 5, 1, "same", (2, 2, 2)),
        (9, 1, 4, "same", (3, 0, 0)),
        (9, 3, 2, "valid", (4, 0, 0)),
        (2, 3, 1, "valid", (0, 0, 0)),
    ],
)
def test_geometry(length: int, kernel: int, stride: int, padding: str, want: tuple[int, int, int]) -> None:
    assert geometry(length, kernel, stride, padding) == want


# -- refusals


INT8, BITS = Dense(Requant("shift")), Requant("threshold")


def weighted(weights: Array, n: int, out: str = "int8", op: Dense = INT8, x: str = "int8") -> Graph:
    """A layer that has weights and nothing else."""
    return _testing.one(op, (n,), x, out, {"weights": weights.astype(np.int8)})


def dense(weights: object, bias: int = 0, shift: int = 0) -> Graph:
    w = np.asarray(weights, np.int8)
    params: dict[str, Array] = {
        "weights": w,
        "bias": np.full(len(w), bias, np.int32),
        "shift": np.full(len(w), shift, np.uint8),
    }
    return _testing.one(Dense(_testing.requant("int8")), (w.shape[1],), "int8", "int8", params)


def test_accumulators_are_proved_to_stay_in_int32() -> None:
    top = 2**31 - 1
    assert dense([[127, -127]], bias=top - 2 * 127 * 128)
    with pytest.raises(ConfigError, match="channel 0 can reach 2147483648"):
        dense([[127, -127]], bias=top - 2 * 127 * 128 + 1)
    with pytest.raises(ConfigError, match="beyond int32"):
        dense([[127, -127]], bias=-(top - 2 * 127 * 128), shift=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dense([[-128]]), "-128"),
        (lambda: dense([[1]], shift=31), "over 30"),
        (lambda: weighted(np.ones((1, 3)), 2), "shape"),
        (lambda: weighted(np.ones((1, 2)), 2), "shift is missing"),
        (lambda: _testing.one(INT8, (2,), "int8", "int8"), "weights is missing"),
        (lambda: weighted(np.ones((1, 2)), 2, "binary"), "become binary, but are to be left by 'shift'"),
        (lambda: weighted(np.zeros((1, 1)), 1, "int32", Dense(signs=True), "binary"), "-1"),
        (
            lambda: weighted(np.ones((1, 1)), 1, "binary", Dense(BITS), "binary"),
            "only dense layers",
        ),
        (lambda: weighted(np.ones((1, 1)), 1, "int32", Dense(signs=True)), "need bits"),
        (lambda: weighted(np.ones((1, 1)), 1, op=Dense(Requant("shift", 0, 200))), "clamped"),
        (lambda: _testing.one(Relu(200), (3,), "int8", "int8"), "clamped"),
        (lambda: _testing.one(Relu(10**400), (3,), "float32", "float32"), "clamped"),
        (lambda: _testing.one(Relu(-1.0), (3,), "float32", "float32"), "clamped"),
        (lambda: _testing.one(MaxPool(4), (3, 1), "int8", "int8"), "cannot pool"),
        (lambda: _testing.one(Relu(), (3,), "int8", "int32"), "cannot make int32"),
        (lambda: _testing.one(Argmax(), (3, 2), "int8", "int32"), "one axis"),
        (lambda: operator("nothing", {}), "unknown operator"),
        (lambda: operator("relu", {"hi": True}), "relu.hi cannot be True"),
        (lambda: operator("relu", {"hi": float("nan")}), "not finite"),
        (lambda: operator("relu", {"high": 3}), "has the settings hi"),
        (lambda: _testing.one(Add(), (3,), "int8", "int8"), "shapes"),
    ],
)
def test_layers_that_do_not_fit_are_refused(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=message):
        call()


def test_graphs_that_do_not_hang_together_are_refused() -> None:
    t = {"input": Tensor("input", (3,), "int8"), "y": Tensor("y", (3,), "int8")}
    with pytest.raises(ConfigError, match="nothing before it makes"):
        check(Graph(("input",), ("y",), t, (Node(Relu(), ("z",), ("y",)),)))
    with pytest.raises(ConfigError, match="nothing makes the output"):
        check(Graph(("input",), ("y",), t, ()))
    with pytest.raises(ConfigError, match="exists already"):
        check(Graph(("input",), ("y",), t, (Node(Relu(), ("input",), ("input",)),)))
    odd = {**t, "y": Tensor("y", (-1,), "int8")}
    with pytest.raises(ConfigError, match="impossible shape"):
        check(Graph(("input",), ("y",), odd, (Node(Relu(), ("input",), ("y",)),)))


def test_inputs_of_another_kind_are_refused() -> None:
    b = Builder((3,), "int8", Pow2(4))
    b.add(Relu(), dtype="int8", quant=Pow2(4))
    with pytest.raises(DataError, match="shape"):
        interpret.run(b.graph(), np.zeros(4, np.int8))
    with pytest.raises(DataError, match="int8"):
        interpret.run(b.graph(), np.zeros(3, np.int16))


def test_an_accumulator_outside_int32_is_a_fault_of_ours() -> None:
    at = Applied("y", (Tensor("x", (1,), "int8"),), {}, (Tensor("y", (1,), "int32"),))
    with pytest.raises(InternalError):
        Dense().finish(at, np.array([[2**31]]))


def test_costs() -> None:
    graph = next(g for n, g in CASES if n == "conv1d_9x3_k5s1samep1_8_int8_int8")
    node = graph.nodes[0]
    assert node.op.macs(graph.applied(node)) == 9 * 5 * 3 * 8
